/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the language's conformance data, which lives outside of this repository: `conformance FOLDER [-v]`. Each .jsonl
 * file has a driver; a folder of folders has one too. Prints the ids that failed (with -v why) and a count for each
 * file; exit status 1 when there were any. A file that is missing counts as failed: data that is not looked at proves
 * nothing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/mem.h"
#include "tests/conformance/drive.h"

static const struct {
	const char *file;
	drive_fn *drive;
	bool text_in_file; /* "file" names the text */
} files[] = {
    {"parser/texts.jsonl", drive_syntax},
    {"parser/directives.jsonl", drive_directive},
    {"parser/heredoc-words.jsonl", drive_heredoc_word},
    {"parser/json-arrays.jsonl", drive_jsonargs},
    {"words/words.jsonl", drive_words},
    {"instructions/cases.jsonl", drive_instrs},
    {"corpus/oracle.jsonl", drive_corpus, .text_in_file = true},
    {"grammar/bytes.jsonl", drive_bytes},
    {"grammar/chmod.jsonl", drive_chmod},
    {"grammar/csv.jsonl", drive_csv},
    {"grammar/duration.jsonl", drive_duration},
    {"grammar/gitref.jsonl", drive_gitref},
    {"grammar/lintopts.jsonl", drive_lintopts},
    {"grammar/signal.jsonl", drive_signal},
    {"patternmatcher/cases.jsonl", drive_patterns},
    {"patternmatcher/filepath-match.jsonl", drive_glob},
    {"dockerignore/files.jsonl", drive_ignore_lines},
    {"lint/cases.jsonl", drive_lint},
    {"corpus/oracle.jsonl", drive_corpus_check, .text_in_file = true},
    {"subrequests/cases.jsonl", drive_subrequest},
};

/* Folders with a folder a case: a Dockerfile and what is expected of it. */
static const struct {
	const char *folder;
	drive_fn *drive;
} folders[] = {
    {"parser/positive", drive_syntax},
    {"parser/negative", drive_syntax},
};

/* Tables of lines. */
static const struct {
	const char *file;
	drive_table_fn *drive;
} tables[] = {
    {"words/envVarTest", drive_env_table},
    {"words/wordsTest", drive_words_table},
};

struct run {
	const char *root;
	bool verbose;
	unsigned passed, failed; /* of the file at hand */
	unsigned all_passed, all_failed;
};

static void count(struct run *r, const char *id, bool fine, const char *why)
{
	fine ? r->passed++ : r->failed++;
	if (!fine)
		printf("FAIL %s%s%s\n", id, r->verbose && why ? ": " : "", r->verbose && why ? why : "");
}

static void summary(struct run *r, const char *file)
{
	printf("%s: %u passed, %u failed\n", file, r->passed, r->failed);
	r->all_passed += r->passed;
	r->all_failed += r->failed;
	r->passed = r->failed = 0;
}

static bool read_file(const char *path, struct buf *out)
{
	struct err e = {0};
	buf_clear(out);
	if (io_read_file(AT_FDCWD, path, 256 * 1024 * 1024, out, &e) == 0)
		return true;
	fprintf(stderr, "%s\n", e.text);
	return false;
}

/* Our JSON has no NUL in strings: \u0000 becomes DRIVE_NUL. */
static void hide_nuls(struct str line, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] != '\\' || i + 1 == line.len) {
			buf_putc(out, line.p[i]);
		} else if (line.len - i >= 6 && memcmp(line.p + i, "\\u0000", 6) == 0) {
			buf_puts(out, DRIVE_NUL);
			i += 5;
		} else {
			buf_add(out, line.p + i, 2);
			i++;
		}
	}
}

/* The text of the file that a case names becomes its "dockerfile". */
static bool load_text(struct run *r, const char *folder, struct jval *c)
{
	const char *file = jval_get_text(c, "file");
	if (!file)
		return false;
	cleanup_free char *path = mem_printf("%s/%s/%s", r->root, folder, file);
	cleanup_buf struct buf text = {0};
	if (!read_file(path, &text))
		return false;
	jval_set_str(c, "dockerfile", buf_view(&text));
	return true;
}

/* folder: where the file with the text is, or NULL. */
static void run_case(struct run *r, struct str line, const char *folder, drive_fn *drive)
{
	cleanup_buf struct buf why = {0}, clean = {0};
	cleanup_jval struct jval *c = NULL;
	struct err e = {0};
	hide_nuls(line, &clean);
	if (jval_parse(buf_view(&clean), &c, &e) < 0) {
		count(r, "(a line that is not JSON)", false, e.text);
		return;
	}
	const char *id = jval_get_text(c, "id");
	bool fine = (!folder || load_text(r, folder, c)) && drive(c, &why);
	count(r, id ? id : "?", fine, why.p);
}

static void run_file(struct run *r, const char *file, drive_fn *drive, bool text_in_file)
{
	cleanup_free char *path = mem_printf("%s/%s", r->root, file);
	cleanup_free char *folder = mem_strndup(file, (size_t)(strchr(file, '/') - file));
	cleanup_buf struct buf text = {0};
	struct str line;
	if (!read_file(path, &text))
		r->failed++;
	for (struct str rest = buf_view(&text); str_split(&rest, '\n', &line);)
		if (line.len)
			run_case(r, line, text_in_file ? folder : NULL, drive);
	summary(r, file);
}

static void run_folder_case(struct run *r, const char *folder, const char *name, drive_fn *drive)
{
	cleanup_buf struct buf text = {0}, json = {0}, dump = {0}, why = {0}, clean = {0};
	cleanup_jval struct jval *c = NULL;
	struct err e = {0};
	cleanup_free char *base = mem_printf("%s/%s/%s", r->root, folder, name);
	cleanup_free char *a = mem_printf("%s/Dockerfile", base), *b = mem_printf("%s/expected.json", base);
	cleanup_free char *d = mem_printf("%s/expected.dump", base);
	bool fine = read_file(a, &text) && read_file(b, &json);
	hide_nuls(buf_view(&json), &clean);
	fine = fine && jval_parse(buf_view(&clean), &c, &e) == 0;
	if (fine) {
		jval_set_str(c, "dockerfile", buf_view(&text));
		if (!drive_fails(c) && (fine = read_file(d, &dump)))
			jval_set_str(c, "dump", str_trim(buf_view(&dump)));
		fine = fine && drive(c, &why);
	}
	count(r, name, fine, why.p);
}

static void run_folder(struct run *r, const char *folder, drive_fn *drive)
{
	cleanup_free char *path = mem_printf("%s/%s", r->root, folder);
	DIR *d = opendir(path);
	for (struct dirent *entry; d && (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			run_folder_case(r, folder, entry->d_name, drive);
	if (d)
		closedir(d);
	else
		r->failed++;
	summary(r, folder);
}

static void run_table(struct run *r, const char *file, drive_table_fn *drive)
{
	cleanup_free char *path = mem_printf("%s/%s", r->root, file);
	cleanup_buf struct buf text = {0}, why = {0};
	if (!read_file(path, &text))
		r->failed++;
	drive(buf_view(&text), &r->passed, &r->failed, &why);
	if (why.len)
		printf("%s", why.p);
	summary(r, file);
}

int main(int argc, char **argv)
{
	struct run r = {.root = argc > 1 ? argv[1] : NULL, .verbose = argc > 2 && strcmp(argv[2], "-v") == 0};
	if (!r.root) {
		fprintf(stderr, "usage: conformance FOLDER [-v]\n");
		return 2;
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		run_file(&r, files[i].file, files[i].drive, files[i].text_in_file);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		run_folder(&r, folders[i].folder, folders[i].drive);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		run_table(&r, tables[i].file, tables[i].drive);
	printf("%u passed, %u failed\n", r.all_passed, r.all_failed);
	return r.all_failed ? 1 : 0;
}

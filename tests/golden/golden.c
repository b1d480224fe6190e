/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `golden FOLDER...`: each name.containerfile in a folder has one or more files beside it whose extension says what is made of
 * it and compared: adding a case is adding two files. With UPDATE=1 in the environment the expectations are written instead;
 * the reviewer reads the difference.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/io.h"
#include "tests/golden/gold.h"

static const struct {
	const char *extension;
	gold_fn *make;
} kinds[] = {
    {".ast", gold_ast},
    {".err", gold_err},
    {".check", gold_check},
    {".outline", gold_outline},
    {".targets", gold_targets},
    {".plan", gold_plan},
};

static const char source[] = ".containerfile";
enum { SIZE_MAX_READ = 64 << 20 };

struct run {
	int dir;
	bool update;
	unsigned cases, failed;
};

static void fail(struct run *r, const char *file, const char *what, struct str got)
{
	r->failed++;
	printf("FAIL %s: %s\n%.*s", file, what, STR_ARG(got));
}

/* Compares one expectation, or writes it. */
static void compare(struct run *r, const char *name, struct str text, size_t kind)
{
	cleanup_free char *file = mem_printf("%s%s", name, kinds[kind].extension);
	cleanup_free char *shown = mem_printf("%s%s", name, source);
	cleanup_buf struct buf got = {0}, want = {0};
	struct err e = {0};
	r->cases++;
	if (kinds[kind].make(shown, text, &got) < 0)
		fail(r, file, "nothing to compare", buf_view(&got));
	else if (r->update && fs_write_atomic(r->dir, file, buf_view(&got), 0644, false, &e) < 0)
		fail(r, file, e.text, (struct str){0});
	else if (!r->update && io_read_file(r->dir, file, SIZE_MAX_READ, &want, &e) < 0)
		fail(r, file, e.text, (struct str){0});
	else if (!r->update && !str_eq(buf_view(&got), buf_view(&want)))
		fail(r, file, "differs; it is now", buf_view(&got));
}

static void run_case(struct run *r, const char *file)
{
	cleanup_free char *name = mem_strndup(file, strlen(file) - (sizeof(source) - 1));
	cleanup_buf struct buf text = {0};
	struct err e = {0};
	unsigned before = r->cases;
	if (io_read_file(r->dir, file, SIZE_MAX_READ, &text, &e) < 0) {
		fail(r, file, e.text, (struct str){0});
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		cleanup_free char *expectation = mem_printf("%s%s", name, kinds[i].extension);
		if (fs_exists(r->dir, expectation))
			compare(r, name, buf_view(&text), i);
	}
	if (r->cases == before)
		fail(r, file, "has no expectation", (struct str){0});
}

/* An expectation without its Containerfile would never be looked at. */
static void check_orphan(struct run *r, const char *file)
{
	struct str s = str_of(file);
	ptrdiff_t dot = str_rfind(s, '.');
	cleanup_free char *text = mem_printf("%.*s%s", (int)(dot < 0 ? 0 : dot), file, source);
	if (dot > 0 && !fs_exists(r->dir, text))
		fail(r, file, "has no Containerfile", (struct str){0});
}

static int run_folder(struct run *r, const char *folder)
{
	DIR *d = opendir(folder);
	if (!d) {
		perror(folder);
		return -1;
	}
	r->dir = dirfd(d);
	for (struct dirent *entry; (entry = readdir(d));) {
		if (entry->d_name[0] == '.')
			continue;
		if (str_ends(str_of(entry->d_name), str_of(source)))
			run_case(r, entry->d_name);
		else
			check_orphan(r, entry->d_name);
	}
	closedir(d);
	return 0;
}

int main(int argc, char **argv)
{
	struct run r = {.update = getenv("UPDATE") != NULL};
	for (int i = 1; i < argc; i++)
		if (run_folder(&r, argv[i]) < 0)
			return 1;
	printf("%u comparisons, %u failed\n", r.cases, r.failed);
	return r.failed || !r.cases;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile-ignore FOLDER: reads each of the hostile ignore files and compares what it ignores of the case's list of
 * paths with its expect.json, asked at once and by walking, within the case's time. Ignore files that are no regular
 * files belong to those who open them. Prints TAP.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "base/jval.h"
#include "base/mem.h"
#include "parser/ignore.h"

enum { SIZE_MAX_READ = 64 << 20 };

static struct jval *read_json(int dir, const char *file)
{
	cleanup_buf struct buf b = {0};
	struct jval *j = NULL;
	struct err e;
	if (io_read_file(dir, file, SIZE_MAX_READ, &b, &e) < 0 || jval_parse(buf_view(&b), &j, &e) < 0)
		return NULL;
	return j;
}

static bool listed(const struct jval *list, const char *path)
{
	for (size_t i = 0; i < jval_count(list); i++)
		if (strcmp(jval_text(jval_at(list, i)), path) == 0)
			return true;
	return false;
}

/* The list that must be ignored, or NULL when nothing is said. */
static const struct jval *wanted(const struct jval *expect)
{
	const struct jval *must = jval_get(expect, "must");
	for (size_t i = 0; i < jval_count(must); i++)
		if (jval_get(jval_at(must, i), "ignored"))
			return jval_get(jval_at(must, i), "ignored");
	return NULL;
}

/* NULL when all is as it should be. */
static const char *check_paths(const struct ignore *ig, const struct jval *tree, const struct jval *want)
{
	for (size_t i = 0; i < jval_count(tree); i++) {
		const char *path = jval_text(jval_at(tree, i));
		bool ignored = ignore_match(ig, str_of(path), NULL);
		if (want && ignored != listed(want, path))
			return path;
	}
	return NULL;
}

static const char *check_text(struct str text, const struct jval *expect, const struct jval *tree)
{
	cleanup_ignore struct ignore *ig = NULL;
	struct err e = {0};
	const char *verdict = jval_get_text(expect, "verdict");
	if (ignore_parse(text, &ig, &e) < 0)
		return strstr(verdict, "reject") ? NULL : "was refused";
	if (strcmp(verdict, "reject") == 0)
		return "was accepted";
	return check_paths(ig, tree, wanted(expect));
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run_case(int folder, const char *name, unsigned *number)
{
	cleanup_close int dir = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_jval struct jval *expect = NULL, *tree = NULL;
	cleanup_buf struct buf text = {0};
	struct stat st;
	struct err e;
	if (dir < 0 || !(expect = read_json(dir, "expect.json")))
		return;
	if (fstatat(dir, ".dockerignore", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
		printf("ok %u - %s # SKIP no regular file\n", ++*number, name);
		return;
	}
	tree = read_json(dir, "tree.json");
	double begin = seconds();
	const char *wrong = "cannot be read";
	if (io_read_file(dir, ".dockerignore", SIZE_MAX_READ, &text, &e) == 0)
		wrong = check_text(text.len ? buf_view(&text) : STR(""), expect, tree);
	if (!wrong && seconds() - begin > jval_real(jval_get(jval_get(expect, "limits"), "seconds"), 5))
		wrong = "took too long";
	printf("%s %u - %s%s%s\n", wrong ? "not ok" : "ok", ++*number, name, wrong ? ": " : "", wrong ? wrong : "");
}

int main(int argc, char **argv)
{
	unsigned number = 0;
	DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
	if (!d) {
		fprintf(stderr, "usage: hostile-ignore FOLDER\n");
		return 2;
	}
	for (struct dirent *entry; (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			run_case(dirfd(d), entry->d_name, &number);
	closedir(d);
	printf("1..%u\n", number);
	return number == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bench-parse FOLDER [ROUNDS]`: parses all files of a folder again and again and prints the average time of one file.
 * Files that do not parse count too: refusing is work as well.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/io.h"
#include "parser/parse.h"

struct texts {
	char **p;
	size_t *len;
	size_t n, cap, bytes;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int load(const char *folder, struct texts *t, struct err *e)
{
	DIR *d = opendir(folder);
	if (!d)
		return err_sys(e, "open %s", folder);
	for (struct dirent *entry; (entry = readdir(d));) {
		struct buf b = {0};
		if (entry->d_name[0] == '.' || io_read_file(dirfd(d), entry->d_name, CF_SIZE_MAX, &b, e) < 0)
			continue;
		if (t->n == t->cap) {
			t->cap = t->cap ? t->cap * 2 : 64;
			t->p = mem_grow(t->p, t->cap, sizeof(*t->p));
			t->len = mem_grow(t->len, t->cap, sizeof(*t->len));
		}
		t->bytes += b.len;
		t->len[t->n] = b.len;
		t->p[t->n++] = buf_steal(&b);
	}
	closedir(d);
	return 0;
}

static size_t parse_all(const struct texts *t)
{
	size_t refused = 0;
	for (size_t i = 0; i < t->n; i++) {
		cleanup_cf struct cf *cf = NULL;
		struct err e;
		refused += cf_parse((struct str){t->p[i], t->len[i]}, "Containerfile", &cf, &e) < 0;
	}
	return refused;
}

int main(int argc, char **argv)
{
	struct texts t = {0};
	struct err e = {0};
	int rounds = argc > 2 ? atoi(argv[2]) : 200;
	if (argc < 2 || rounds < 1 || load(argv[1], &t, &e) < 0 || t.n == 0) {
		fprintf(stderr, "usage: bench-parse FOLDER [ROUNDS]\n%s\n", e.text);
		return 2;
	}
	size_t refused = parse_all(&t);
	double from = now();
	for (int i = 0; i < rounds; i++)
		parse_all(&t);
	double each = (now() - from) / rounds / (double)t.n;
	printf("%zu files (%zu refused), %zu bytes: %.2f us a file, %.0f MB/s\n", t.n, refused, t.bytes / t.n,
	    each * 1e6, (double)t.bytes / (double)t.n / each / 1e6);
	for (size_t i = 0; i < t.n; i++)
		mem_free(t.p[i]);
	mem_free(t.p);
	mem_free(t.len);
	return 0;
}

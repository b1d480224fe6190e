/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TEST_LAYER_HELPERS_H
#define COOPER_TEST_LAYER_HELPERS_H

/* Indexes and scratch folders in a few words. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/index.h"


/* "f path [content]", "d path", "D path" (opaque), "w path", "l path target", "h path target", "p path": one entry. */
static inline void index_put(struct index *ix, const char *line)
{
	cleanup_free char *copy = mem_strdup(line);
	char *save = NULL, *kind = strtok_r(copy, " ", &save), *path = strtok_r(NULL, " ", &save), *rest = strtok_r(NULL, "", &save);
	struct entry en = {.path = str_of(path), .mode = 0644, .mtime = 1000};
	switch (*kind) {
	case 'f':
		en.type = ENTRY_FILE;
		en.size = rest ? strlen(rest) : 0;
		en.digest = digest_of(rest ? rest : "", en.size);
		break;
	case 'd':
	case 'D':
		en.type = ENTRY_DIR;
		en.mode = 0755;
		en.opaque = *kind == 'D';
		break;
	case 'w':
		en = (struct entry){.path = en.path, .type = ENTRY_WHITEOUT};
		break;
	case 'l':
		en.type = ENTRY_SYMLINK;
		en.mode = 0777;
		en.target = str_of(rest);
		break;
	case 'h':
		en.type = ENTRY_LINK;
		en.target = str_of(rest);
		break;
	case 'p':
		en.type = ENTRY_FIFO;
		break;
	default:
		cr_assert_fail("kind %s", kind);
	}
	index_add(ix, &en);
}

/* Lines, NULL at the end; sorted. */
static inline struct index *index_of_lines(const char *const *lines)
{
	struct index *ix = index_new();
	for (; *lines; lines++)
		index_put(ix, *lines);
	index_sort(ix);
	return ix;
}
#define INDEX(...) index_of_lines((const char *const[]){__VA_ARGS__, NULL})

struct area {
	char path[64];
	int fd;
};
static inline struct area area_new(void)
{
	struct area a;
	snprintf(a.path, sizeof(a.path), "/tmp/cooper-test-XXXXXX");
	cr_assert(mkdtemp(a.path) != NULL);
	a.fd = open(a.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return a;
}
static inline void area_done(struct area *a)
{
	struct err e;
	close(a->fd);
	fs_remove_tree(AT_FDCWD, a->path, &e);
}
#define cleanup_area __attribute__((cleanup(area_done)))

static inline void area_write(const struct area *a, const char *name, const char *text)
{
	struct err e;
	cr_assert_eq(fs_write_atomic(a->fd, name, str_of(text), 0644, false, &e), 0, "%s", e.text);
}
#define OK(call) cr_assert_eq((call), 0, "%s", e.text)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TEST_TEMPDIR_H
#define COOPER_TEST_TEMPDIR_H

/* A scratch folder for one test, removed at its end. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"

struct tempdir {
	char path[64];
	int fd;
};

static inline struct tempdir tempdir_new(void)
{
	struct tempdir t;
	snprintf(t.path, sizeof(t.path), "/tmp/cooper-test-XXXXXX");
	cr_assert_not_null(mkdtemp(t.path));
	t.fd = open(t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(t.fd, 0);
	return t;
}

static inline void tempdir_done(struct tempdir *t)
{
	struct err e;
	close(t->fd);
	fs_remove_tree(AT_FDCWD, t->path, &e);
}
#define cleanup_tempdir __attribute__((cleanup(tempdir_done)))

static inline void tempdir_write(const struct tempdir *t, const char *name, const char *text)
{
	int fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	cr_assert_geq(fd, 0, "create %s", name);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

#endif

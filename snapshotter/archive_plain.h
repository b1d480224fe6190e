/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ARCHIVE_PLAIN_H
#define COOPER_ARCHIVE_PLAIN_H

/*
 * The plain bytes of a file that xz or bzip2 has compressed, as a pipe that a thread fills: for those who read gzip and zstd themselves.
 * libarchive does it, in the module of archive_reader.h.
 */
#include <stddef.h>

#include "base/err.h"

struct archive_plain;

/* Looks at the first bytes of fd (borrowed, a file or a pipe) without taking them. *ret is NULL when they are neither's. ERR_UNSUPPORTED:
 * no module. */
int archive_plain_open(int fd, struct archive_plain **ret, struct err *e);
int archive_plain_fd(const struct archive_plain *p); /* borrowed */
/* Ends it, and its thread. Gives `rc`, what the reader came to, or ERR_CORRUPT when that was because the data is damaged. May be called
 * with NULL. */
int archive_plain_close(struct archive_plain *p, int rc, struct err *e);
/* The first bytes of fd without taking them: of a file by pread, of a pipe by tee(2). Gives their number. */
size_t archive_plain_peek(int fd, void *p, size_t len);

#endif

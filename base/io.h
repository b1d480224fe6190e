/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_IO_H
#define COOPER_IO_H

/*
 * Bytes in motion. A `sink` takes bytes; sinks are stacked (hash, count, compress, write to a descriptor). All calls
 * retry EINTR and short transfers.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

struct sink {
	/* Takes all len bytes or fails. */
	int (*write)(struct sink *s, const void *p, size_t len, struct err *e);
};
static inline int sink_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	return s->write(s, p, len, e);
}

/* To a descriptor (borrowed). */
struct sink_fd {
	struct sink sink;
	int fd;
};
void sink_fd_init(struct sink_fd *s, int fd);
/* Hashes and counts what goes through; `next` may be NULL. */
struct sink_hash {
	struct sink sink;
	struct sink *next;
	struct hasher hasher;
	uint64_t bytes;
};
void sink_hash_init(struct sink_hash *s, struct sink *next);
/* Into a buf that holds at most `limit` bytes then (ERR_LIMIT). */
struct sink_buf {
	struct sink sink;
	struct buf *buf;
	size_t limit;
};
void sink_buf_init(struct sink_buf *s, struct buf *b, size_t limit);

int io_write_all(int fd, const void *p, size_t len, struct err *e);
/* Reads until len or the end of file; the count goes to *ret. */
int io_read_full(int fd, void *p, size_t len, size_t *ret, struct err *e);
/* Appends a whole file relative to dirfd (AT_FDCWD works); missing: ERR_NOT_FOUND. `out` holds at most limit bytes then (ERR_LIMIT). */
int io_read_file(int dirfd, const char *path, size_t limit, struct buf *out, struct err *e);
int io_read_fd(int fd, size_t limit, struct buf *out, struct err *e);
/* All of fd into the sink. */
int io_copy(int fd, struct sink *to, uint64_t *ret_bytes, struct err *e);

enum { IO_CHUNK = 256 * 1024 };

#endif

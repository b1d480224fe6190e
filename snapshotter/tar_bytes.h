/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TAR_BYTES_H
#define COOPER_TAR_BYTES_H

/* The bytes of an archive as its reader takes them: whole blocks and runs of data, whatever sizes the source gives. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "snapshotter/tar.h"
#include "snapshotter/tar_header.h"

struct tar_bytes {
	tar_read_fn *read;
	void *arg;
	char *buffer; /* what was read and not yet used: [at, end) */
	size_t at, end;
};
void tar_bytes_init(struct tar_bytes *b, tar_read_fn *read, void *arg);
void tar_bytes_done(struct tar_bytes *b);
/* Some bytes straight from the buffer or the source; 0 at the end of the file. */
int tar_bytes_some(struct tar_bytes *b, void *p, size_t len, size_t *ret, struct err *e);
/* Exactly len bytes. *ret_end (may be NULL: then it is an error) tells that there were none at all. */
int tar_bytes_all(struct tar_bytes *b, void *p, size_t len, bool *ret_end, struct err *e);
int tar_bytes_skip(struct tar_bytes *b, uint64_t len, struct err *e);
/* ERR_CORRUPT: the archive ends where it cannot. */
int tar_bytes_cut(struct err *e);
/* From size to the next whole block. */
static inline uint64_t tar_padding(uint64_t size)
{
	return -size % TAR_BLOCK;
}

#endif

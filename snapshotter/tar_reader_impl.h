/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TAR_READER_IMPL_H
#define COOPER_TAR_READER_IMPL_H

/* The strict reader between its files: tar_reader.c (headers), tar_reader_entry.c, tar_reader_sparse.c. */
#include "snapshotter/tar.h"
#include "snapshotter/tar_bytes.h"
#include "snapshotter/tar_header.h"
#include "snapshotter/tar_pax.h"

struct tar_reader {
	struct tar_bytes bytes;
	struct tar_limits limits;
	uint64_t entries, unpacked;      /* so far; what limits is about */
	uint64_t left;                   /* stored bytes of the current entry that were not read yet */
	uint64_t pad;                    /* and the zeroes behind them */
	struct tar_pax pax;              /* about the next entry */
	struct buf long_name, long_link; /* GNU 'L' and 'K' about the next entry */
	bool has_long_name, has_long_link;
	bool finished;
	/* the current entry */
	struct buf path, target, xattrs;
	bool sparse;
	struct tar_sparse map;
	size_t extent;          /* the one that pos is in or before */
	uint64_t pos, realsize; /* of a sparse file */
};

/* The entry of a header and of what extension headers said about it; its path is in r->path, marks still in it. r->left
 * is the size of what is stored. */
int tar_reader_entry(struct tar_reader *r, const struct tar_header *h, struct entry *en, struct err *e);
/* Reads where the bytes of a sparse file belong, as far as that stands behind the header. */
int tar_reader_sparse(struct tar_reader *r, const struct tar_header *h, struct err *e);
/* tar_reader_data of a sparse file. */
int tar_reader_sparse_data(struct tar_reader *r, void *p, size_t len, size_t *ret, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TAR_SPARSE_H
#define COOPER_TAR_SPARSE_H

/* Where the stored bytes of a sparse file belong: extents in ascending order that do not overlap. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct tar_extent {
	uint64_t offset, len;
};

struct tar_sparse {
	struct tar_extent *extents;
	size_t n, cap;
	uint64_t stored; /* sum of the lengths */
};

void tar_sparse_clear(struct tar_sparse *s);
void tar_sparse_done(struct tar_sparse *s);
/* ERR_CORRUPT when it starts before the end of the last one; ERR_LIMIT after a million. */
int tar_sparse_add(struct tar_sparse *s, uint64_t offset, uint64_t len, struct err *e);
/* "offset,len,offset,len,..." of GNU.sparse.map. */
int tar_sparse_parse(struct tar_sparse *s, struct str text, struct err *e);
/* n pairs of (offset, len) fields of an old GNU header; ends at the first empty pair. */
int tar_sparse_old(struct tar_sparse *s, const char *p, size_t n, struct err *e);
/* Does everything lie within a file of this size? ERR_CORRUPT. */
int tar_sparse_check(const struct tar_sparse *s, uint64_t realsize, struct err *e);

#endif

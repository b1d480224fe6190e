/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LAYER_EXTRACT_H
#define COOPER_LAYER_EXTRACT_H

/*
 * Puts the entries of a foreign layer tar into a folder that is a ready overlayfs lower, and makes the layer's index; or that alone. Only for
 * layer_*.c. The folder must be private to this process: nobody else changes it meanwhile.
 */
#include "base/pool.h"
#include "snapshotter/index.h"
#include "snapshotter/tar.h"

struct extract;
/* Below rootfd (borrowed), or -1: nothing is made, only the index. `known` (may be NULL): the index that the layer is known to have; times come from there. */
int extract_new(int rootfd, const struct index *known, const struct cancel *cancel, struct extract **ret, struct err *e);
/* One entry as tar_reader_next gave it; a FILE's data are read from r. ERR_CORRUPT, ERR_DENIED (an owner that is not mapped). */
int extract_entry(struct extract *x, const struct entry *en, bool marker_only, struct tar_reader *r, struct err *e);
/* Whiteouts, opaque marks, the folders' metadata; and the index, sorted. */
int extract_finish(struct extract *x, struct index **ret, uint64_t *ret_bytes, struct err *e);
void extract_free(struct extract *x);
static inline void extract_cleanup(struct extract **x)
{
	extract_free(*x);
}

#endif

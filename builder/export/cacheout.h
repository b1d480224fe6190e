/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CACHEOUT_H
#define COOPER_CACHEOUT_H

/* --cache-to: what a build's steps came to, as a cache that other machines can use (registry/cachedoc.h). */
#include "base/pool.h"
#include "builder/graph/op.h"
#include "registry/cachedoc.h"
#include "registry/place.h"
#include "snapshotter/store.h"

/* The layer of a result is told by its position in `trees`: these are the images' (mode=min has no others). */
struct cacheout {
	struct store *store;
	const struct step_result *results; /* in the plan's order; those without a key or kept out are passed over */
	size_t n;
	const struct tree *const *trees;
	size_t ntrees;
	bool all;                          /* mode=max: layers of all results */
	int64_t epoch;                     /* tars are clamped to it */
	enum compression compression;
	int level;
	struct place *from;                /* the store's layout */
	struct place *to;
	struct str name;                   /* of the manifest there: a tag */
	const struct str *lenders;         /* repositories of the same registry that may have the blobs */
	size_t nlenders;
	const struct cancel *cancel;
	/* The bytes of a layer from another cache are wanted in the store, or its index with the true times; from any thread. */
	int (*need)(void *arg, const struct tree_layer *l, bool index, struct err *e);
	void (*progress)(void *arg, const struct digest *blob, uint64_t done, uint64_t total); /* from any thread */
	void *arg;
};
/* Blobs first, the manifest last: until then the name means what it meant before. What is there is neither made nor sent. Tars are
 * made from folders: be in the user namespace. The manifest's digest goes to *ret. */
int cacheout_write(const struct cacheout *c, struct digest *ret, struct err *e);

/* The records (none when they would be too many) for the configuration of the image `tree`, of which the first `nbase` layers are the base image's: of the steps
 * in `results`, layers by position. Equal builds give equal text. */
int cacheout_inline(struct store *s, const struct step_result *results, size_t n, const struct tree *tree, size_t nbase, int64_t epoch,
	struct buf *out, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BLOB_FEED_H
#define COOPER_BLOB_FEED_H

/*
 * A blob on its way into the store, for somebody who reads it meanwhile: a thread writes it to its file and hands the same bytes
 * over through a few buffers. Only for layer_*.c.
 */
#include "snapshotter/layer.h"

struct blob_feed;
int blob_feed_start(struct store *s, const struct layer_feed *from, const struct digest *blob, struct blob_feed **ret, struct err *e);
/* The first bytes, left to be read; *ret is less than len only when there are no more. */
int blob_feed_head(struct blob_feed *f, void *p, size_t len, size_t *ret, struct err *e);
/* For decompressor_new_from, arg being the feed. The end comes only when all bytes were right; a failure is the feed's. */
int blob_feed_read(void *feed, void *p, size_t len, size_t *ret, struct err *e);
/* Nothing more is read; waits. 0: the blob is in the store, whole. */
int blob_feed_finish(struct blob_feed *f, struct err *e);
void blob_feed_free(struct blob_feed *f); /* finishes when that was not done */
static inline void blob_feed_cleanup(struct blob_feed **f)
{
	blob_feed_free(*f);
}

#endif

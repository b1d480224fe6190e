/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LAYER_SOURCE_H
#define COOPER_LAYER_SOURCE_H

/*
 * A blob's plain bytes, read, decompressed and hashed by a second thread while the caller works with them, or by whoever pulls
 * them. Only for layer_*.c.
 */
#include "base/pool.h"
#include "snapshotter/compress.h"
#include "snapshotter/store.h"

struct layer_source;
struct blob_feed;
int layer_source_open(struct store *s, const struct digest *blob, const struct cancel *cancel, struct layer_source **ret, struct err *e);
/* The same for a blob that is on its way (blob_feed.h), which must outlive the source: what its bytes are, the feed knows. */
int layer_source_from(struct blob_feed *feed, const struct cancel *cancel, struct layer_source **ret, struct err *e);
/* For tar_reader_new, arg being the source; 0 bytes at the end. */
int layer_source_read(void *src, void *p, size_t len, size_t *ret, struct err *e);
/* The next piece in place: 1, 0 at the end, negative failure. */
int layer_source_next(struct layer_source *src, const char **ret, size_t *ret_len, struct err *e);
/* Instead of both, for compress_all: in the calling thread, which may be another one each time. */
struct compress_from layer_source_pull(struct layer_source *src);
/* Reads to the end of the blob and compares: ERR_CORRUPT when the blob is not `blob` or its tar not `diff_id`. */
int layer_source_verify(struct layer_source *src, const struct digest *blob, const struct digest *diff_id, struct err *e);
enum compression layer_source_compression(const struct layer_source *src);
uint64_t layer_source_blob_bytes(const struct layer_source *src);  /* after verify */
void layer_source_close(struct layer_source *src);
static inline void layer_source_cleanup(struct layer_source **src)
{
	layer_source_close(*src);
}

/* A blob in the store that holds this tar: the plain one, else any compressed one. ERR_NOT_FOUND. */
int layer_find_blob(struct store *s, const struct digest *diff_id, struct digest *ret_blob, struct err *e);
/* Any tar of the layer, whatever its times were clamped at, of which a blob is here. ERR_NOT_FOUND. */
int layer_find_tar(struct store *s, const struct digest *id, struct digest *ret_diff_id, struct err *e);

#endif

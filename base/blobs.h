/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BLOBS_H
#define COOPER_BLOBS_H

/*
 * A place of content-addressed bytes: `blobs/sha256/<hex>` below a folder (OCI image-spec, image-layout.md). Bytes become
 * visible by a link or rename after they were written, hashed and synced; what stands under a name is what the name says.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/io.h"

struct blobs;

/* Below dirfd (kept open by a duplicate); the folders are made when first written to. `sync`: fsync before showing. Blobs are
 * 0600 when the folder is closed to others, else 0644. */
int blobs_open(int dirfd, bool sync, struct blobs **ret, struct err *e);
void blobs_close(struct blobs *b);

bool blobs_has(struct blobs *b, const struct digest *d, uint64_t *ret_size); /* ret_size may be NULL */
/* Opens for reading; the bytes are not verified here. ERR_NOT_FOUND. */
int blobs_get(struct blobs *b, const struct digest *d, int *ret_fd, uint64_t *ret_size, struct err *e);
/* A whole small blob (manifest, config), verified: ERR_CORRUPT, ERR_NOT_FOUND, ERR_LIMIT. */
int blobs_read(struct blobs *b, const struct digest *d, size_t limit, struct buf *out, struct err *e);
/* Stores bytes that are in memory. */
int blobs_put(struct blobs *b, struct str bytes, struct digest *ret, struct err *e);
int blobs_remove(struct blobs *b, const struct digest *d, struct err *e); /* a missing one is fine */
/* Every blob, in no order, until fn gives other than 0; a negative result is returned. fn may remove blobs. */
int blobs_each(struct blobs *b, int (*fn)(void *arg, const struct digest *d, uint64_t size, int64_t mtime, struct err *e), void *arg,
	struct err *e);

/* Writes a blob of unknown or expected digest piece by piece: either through the sink (hashed, small writes are gathered) or
 * through the descriptor. */
struct blob_writer;
int blobs_writer(struct blobs *b, struct blob_writer **ret, struct err *e);
struct sink *blob_writer_sink(struct blob_writer *w);
struct sink *blob_writer_sink_unhashed(struct blob_writer *w); /* the same for bytes that somebody else hashes */
int blob_writer_fd(struct blob_writer *w); /* borrowed: for callers that write and hash on their own */
/* Shows the blob. `expected` (may be NULL) and expected_size (UINT64_MAX = any) are checked first: ERR_CORRUPT. */
int blob_writer_commit(struct blob_writer *w, const struct digest *expected, uint64_t expected_size, struct digest *ret,
	uint64_t *ret_size, struct err *e);
/* Shows bytes that were not hashed here, whose digest the caller made itself. */
int blob_writer_commit_hashed(struct blob_writer *w, const struct digest *d, struct err *e);
void blob_writer_free(struct blob_writer *w); /* drops what was not committed */

#endif

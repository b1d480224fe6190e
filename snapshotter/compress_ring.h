/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_COMPRESS_RING_H
#define COOPER_COMPRESS_RING_H

/* Parallel compression by independent blocks, for compress_gzip.c and compress_zstd.c. */
#include "snapshotter/compress.h"

/* How one block becomes a gzip member or a zstd frame. What comes out depends on the block and the level alone. */
struct packer {
	size_t (*block_size)(int level); /* of the input; fixed by the level, never by the machine */
	size_t (*bound)(size_t len);     /* of the output for that much input */
	void *(*open)(int level);        /* one context a thread */
	/* Is there nothing to gain in this block, so that packing it is little work? `room` is as large as an output. */
	bool (*is_dense)(void *ctx, const void *p, size_t len, void *room, size_t max);
	void (*pack)(void *ctx, bool dense, const void *p, size_t len, void *out, size_t max, size_t *ret, struct err *e);
	void (*close)(void *ctx);
};

int ring_run(const struct packer *packer, int level, unsigned threads, const struct compress_from *from, struct sink *out, struct err *e);

#endif

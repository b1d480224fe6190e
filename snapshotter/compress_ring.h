/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_COMPRESS_RING_H
#define COOPER_COMPRESS_RING_H

/* Parallel compression by independent blocks, for compress_gzip.c and compress_zstd.c. */
#include "base/io.h"

/* How one block becomes a gzip member or a zstd frame. */
struct packer {
	size_t (*block_size)(int level); /* of the input; fixed by the level, never by the machine */
	size_t (*bound)(size_t len);     /* of the output for that much input */
	void *(*open)(int level);        /* one context a thread */
	void (*pack)(void *ctx, const void *p, size_t len, void *out, size_t max, size_t *ret, struct err *e);
	void (*close)(void *ctx);
};

struct ring;
struct ring *ring_new(const struct packer *packer, int level, unsigned threads, struct sink *out);
int ring_write(struct ring *r, const void *p, size_t len, struct err *e);
int ring_finish(struct ring *r, struct err *e);
void ring_free(struct ring *r);

#endif

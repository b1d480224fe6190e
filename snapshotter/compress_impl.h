/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_COMPRESS_IMPL_H
#define COOPER_COMPRESS_IMPL_H

/* What a member of the compression family gives, and the buffered input that its readers share. For compress*.c only.
 */
#include <stdlib.h>

#include "snapshotter/compress.h"

/* Compressed bytes from a descriptor or elsewhere, shown to `tee` as they are read. */
struct raw {
	int (*read)(void *arg, void *p, size_t len, size_t *ret, struct err *e);
	void *arg;
	int fd; /* what the reader of descriptors reads */
	struct sink *tee; /* may be NULL */
	uint8_t *bytes;
	size_t at, len, cap;
	bool ended; /* `read` gave its end */
};
/* Reads until at least `want` bytes (at most cap) stand in the buffer or the file has ended. */
int raw_need(struct raw *r, size_t want, struct err *e);
/* Reads at most len bytes (the buffer is left alone) and shows them to tee; 0 at the end. */
int raw_read(struct raw *r, void *p, size_t len, size_t *ret, struct err *e);
static inline size_t raw_left(const struct raw *r)
{
	return r->len - r->at;
}

/* Do samples of it look as if it were compressed or encrypted already? False for less than 256 KiB. */
bool compress_is_even(const void *p, size_t len);

struct packer;
struct compress_family {
	const char *name;
	int level_min, level_max, level_default;
	size_t buffer; /* of struct raw */

	const struct packer *packer; /* for writing; NULL: bytes go through */

	/* Reading: at least one byte, or 0 at a good end with the whole input used. */
	void *(*reader_new)(void);
	int (*read)(void *state, struct raw *raw, void *p, size_t len, size_t *ret, struct err *e);
	void (*reader_free)(void *state);
};

/* What a library's constructor gave: NULL is out of memory, which aborts as in mem.h. */
static inline void *compress_got(void *p)
{
	if (!p)
		abort();
	return p;
}

extern const struct compress_family compress_none, compress_gzip, compress_zstd;

#endif

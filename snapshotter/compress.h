/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_COMPRESS_H
#define COOPER_COMPRESS_H

/*
 * Compression as a family of descriptors: by name, by magic bytes. Writing is parallel and gives the same bytes for any
 * number of threads and any CPU: gzip as independent 1 MiB members made by libdeflate (RFC 1952 2.2 allows members), zstd
 * as independent frames of a fixed size. Reading is streaming, checks CRCs, and takes one layer of compression, never two.
 */
#include "base/io.h"

enum compression { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD, COMPRESS_COUNT };

const char *compress_name(enum compression c);                    /* "uncompressed", "gzip", "zstd" */
bool compress_from_name(struct str name, enum compression *ret);  /* also "none", "" (none) */
enum compression compress_detect(const void *p, size_t len);      /* by magic bytes */
/* Range of levels and the default (-1 asks for it): gzip 0-12 (4), zstd 1-22 (3). */
bool compress_level_ok(enum compression c, int level);

/* What is compressed. */
struct compress_from {
	/* At most len bytes, 0 at the end (and ever after). By one thread at a time, not always the same one. */
	int (*read)(void *arg, void *p, size_t len, size_t *ret, struct err *e);
	/* The len bytes at `offset` once more, at any time, from the calling thread. NULL: more has to be held in memory instead. */
	int (*again)(void *arg, uint64_t offset, void *p, size_t len, struct err *e);
	void *arg;
};
/* Compresses all of it into `out`, which is written to by the calling thread. threads 0 = all cores. */
int compress_all(enum compression c, int level, unsigned threads, const struct compress_from *from, struct sink *out, struct err *e);

/* Pulls plain bytes out of a descriptor that holds compressed ones (or plain ones: COMPRESS_NONE copies). `in`, when given,
 * is fed every compressed byte that was read, so that the blob's digest comes from the same pass; decompressor_drain reads on
 * to the end of the file. ERR_CORRUPT for a bad stream, trailing rubbish or a second compression inside. */
struct decompressor;
int decompressor_new(enum compression c, int fd, struct sink *in, struct decompressor **ret, struct err *e);
/* From anything that can be read: at most len bytes, 0 at the end. */
int decompressor_new_from(enum compression c, int (*read)(void *arg, void *p, size_t len, size_t *ret, struct err *e), void *arg,
	struct sink *in, struct decompressor **ret, struct err *e);
int decompressor_read(struct decompressor *d, void *p, size_t len, size_t *ret, struct err *e);
int decompressor_drain(struct decompressor *d, struct err *e);
void decompressor_free(struct decompressor *d);

/* CRC-32 of RFC 1952, for files of our own. */
uint32_t compress_crc32(uint32_t crc, const void *p, size_t len); /* goes on from crc; begins with 0 */

#endif

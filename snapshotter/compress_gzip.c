/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gzip (RFC 1952). Written as members of 1 MiB each, made by libdeflate in parallel: the same bytes for any number of
 * threads and any CPU. Members of bytes that are compressed or encrypted already are stored: deflate would spend a fifth of the
 * time of a usual image on them, for nothing. Reading is in gunzip.c.
 */
#include "snapshotter/compress_impl.h"
#include "snapshotter/compress_ring.h"
#include "snapshotter/gunzip.h"

#include <libdeflate.h>

#include "base/mem.h"

static size_t block_size(int level)
{
	(void)level;
	return GUNZIP_MEMBER;
}

static size_t bound(size_t len)
{
	return libdeflate_gzip_compress_bound(NULL, len);
}

struct members {
	struct libdeflate_compressor *z, *quick, *store;
};

enum {
	PROBES = 4, PROBE = 16 * 1024,
	PATIENT = 10 /* from this level on size is worth any time */
};

static void *open_packer(int level)
{
	struct members *m = mem_new(sizeof(*m));
	m->z = compress_got(libdeflate_alloc_compressor(level));
	if (level > 0 && level < PATIENT) {
		m->quick = compress_got(libdeflate_alloc_compressor(1));
		m->store = compress_got(libdeflate_alloc_compressor(0));
	}
	return m;
}

/* Told from samples, by the bytes alone. */
static bool is_dense(void *ctx, const void *block, size_t len, void *room, size_t max)
{
	const struct members *m = ctx;
	const uint8_t *p = block;
	if (!m->quick || !compress_is_even(p, len))
		return false;
	for (size_t i = 0; i < PROBES; i++) {
		size_t n = libdeflate_deflate_compress(m->quick, p + len / PROBES * i, PROBE, room, max);
		if (n && n < PROBE - PROBE / 100)
			return false;
	}
	return true;
}

static void pack(void *ctx, bool dense, const void *p, size_t len, void *out, size_t max, size_t *ret, struct err *e)
{
	const struct members *m = ctx;
	*ret = libdeflate_gzip_compress(dense ? m->store : m->z, p, len, out, max);
	if (*ret == 0)
		err_set(e, ERR_LIMIT, "gzip: the output has no room");
}

static void close_packer(void *ctx)
{
	struct members *m = ctx;
	libdeflate_free_compressor(m->z);
	libdeflate_free_compressor(m->quick); /* NULL is fine */
	libdeflate_free_compressor(m->store);
	mem_free(m);
}

static const struct packer packer = {block_size, bound, open_packer, is_dense, pack, close_packer};

const struct compress_family compress_gzip = {
    .name = "gzip",
    .level_min = 0,
    .level_max = 12,
    .level_default = 4, /* of libdeflate: within 1 % of the size that gzip -6 gives, in a fifth of its time */
    .buffer = GUNZIP_BUFFER,
    .packer = &packer,
    .reader_new = gunzip_new,
    .read = gunzip_read,
    .reader_free = gunzip_free,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gzip (RFC 1952). Written as members of 1 MiB each, made by libdeflate in parallel: the same bytes for any number of
 * threads and any CPU. Reading is in gunzip.c.
 */
#include "snapshotter/compress_impl.h"
#include "snapshotter/compress_ring.h"
#include "snapshotter/gunzip.h"

#include <libdeflate.h>

static size_t block_size(int level)
{
	(void)level;
	return GUNZIP_MEMBER;
}

static size_t bound(size_t len)
{
	return libdeflate_gzip_compress_bound(NULL, len);
}

static void *open_packer(int level)
{
	return compress_got(libdeflate_alloc_compressor(level));
}

static void pack(void *ctx, const void *p, size_t len, void *out, size_t max, size_t *ret, struct err *e)
{
	*ret = libdeflate_gzip_compress(ctx, p, len, out, max);
	if (*ret == 0)
		err_set(e, ERR_LIMIT, "gzip: the output has no room");
}

static void close_packer(void *ctx)
{
	libdeflate_free_compressor(ctx);
}

static const struct packer packer = {block_size, bound, open_packer, pack, close_packer};

static struct ring *writer_new(int level, unsigned threads, struct sink *out)
{
	return ring_new(&packer, level, threads, out);
}

const struct compress_family compress_gzip = {
    .name = "gzip",
    .level_min = 0,
    .level_max = 12,
    .level_default = 4, /* of libdeflate: within 1 % of the size that gzip -6 gives, in a fifth of its time */
    .buffer = GUNZIP_BUFFER,
    .writer_new = writer_new,
    .reader_new = gunzip_new,
    .read = gunzip_read,
    .reader_free = gunzip_free,
};

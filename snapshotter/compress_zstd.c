/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to zstd (RFC 8878). Written as independent frames of 4 MiB (16 MiB at high levels) in parallel: the
 * library's own workers are missing from the static build of it, and several frames are as good to every reader.
 * Reading takes several frames and skippable ones (zstd:chunked layers end in some) and no window over 128 MiB.
 */
#include "snapshotter/compress_impl.h"
#include "snapshotter/compress_ring.h"

#include <zstd.h>

#include "base/mem.h"

enum { WINDOW_LOG_MAX = 27, FRAME_HEADER_MAX = 18, QUICK = 12, FRAME_LOG = 22 };

/* The default. A smaller table for short matches than the library's own leaves the second level cache to the other one: 6 %
 * less time for half a percent more bytes (bench/README.md). */
enum { LEVEL = 3, SHORT_LOG = 14 };

static int fail(size_t code, enum err_code as, struct err *e)
{
	return err_set(e, as, "zstd: %s", ZSTD_getErrorName(code));
}

static size_t block_size(int level)
{
	return level <= QUICK ? 1u << FRAME_LOG : 16u << 20; /* high levels live from their windows */
}

struct frames {
	ZSTD_CCtx *z;
	bool quick; /* levels that are through with dense bytes at once; high ones try hard */
};

static void *open_packer(int level)
{
	struct frames *f = mem_new(sizeof(*f));
	*f = (struct frames){compress_got(ZSTD_createCCtx()), level <= QUICK};
	ZSTD_CCtx_setParameter(f->z, ZSTD_c_compressionLevel, level);
	if (f->quick)
		ZSTD_CCtx_setParameter(f->z, ZSTD_c_windowLog, FRAME_LOG); /* a frame is one piece for its reader anyway */
	if (level == LEVEL)
		ZSTD_CCtx_setParameter(f->z, ZSTD_c_chainLog, SHORT_LOG);
	ZSTD_CCtx_setParameter(f->z, ZSTD_c_checksumFlag, 1);
	return f;
}

static bool is_dense(void *ctx, const void *p, size_t len, void *room, size_t max)
{
	(void)room, (void)max;
	return ((struct frames *)ctx)->quick && compress_is_even(p, len);
}

static void pack(void *ctx, bool dense, const void *p, size_t len, void *out, size_t max, size_t *ret, struct err *e)
{
	(void)dense; /* the library finds that out by itself */
	*ret = ZSTD_compress2(((struct frames *)ctx)->z, out, max, p, len);
	if (ZSTD_isError(*ret))
		fail(*ret, ERR_SYS, e);
}

static void close_packer(void *ctx)
{
	struct frames *f = ctx;
	ZSTD_freeCCtx(f->z);
	mem_free(f);
}

static const struct packer packer = {block_size, ZSTD_compressBound, open_packer, is_dense, pack, close_packer};

struct zstd_reader {
	ZSTD_DCtx *ctx;
	bool inside;                 /* of a frame */
	bool any;                    /* a frame was read */
	unsigned long long promised; /* size of the frame's content as its header says, or ZSTD_CONTENTSIZE_UNKNOWN */
	unsigned long long made;
};

static void *reader_new(void)
{
	struct zstd_reader *r = mem_new(sizeof(*r));
	r->ctx = compress_got(ZSTD_createDCtx());
	ZSTD_DCtx_setParameter(r->ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	return r;
}

/* The library checks the promised size in one of its two ways of reading only. */
static int begin_frame(struct zstd_reader *r, struct raw *raw, struct err *e)
{
	TRY(raw_need(raw, FRAME_HEADER_MAX, e));
	r->promised = ZSTD_getFrameContentSize(raw->bytes + raw->at, raw_left(raw));
	if (r->promised == ZSTD_CONTENTSIZE_ERROR)
		return err_set(e, ERR_CORRUPT, r->any ? "zstd: rubbish behind the data" : "this is no zstd data");
	r->made = 0;
	r->inside = true;
	return 0;
}

static int end_frame(struct zstd_reader *r, struct err *e)
{
	if (r->promised != ZSTD_CONTENTSIZE_UNKNOWN && r->promised != r->made)
		return err_set(e, ERR_CORRUPT, "zstd: a frame has not the size it says");
	r->inside = false;
	r->any = true;
	return 0;
}

static int zstd_read(void *state, struct raw *raw, void *p, size_t len, size_t *ret, struct err *e)
{
	struct zstd_reader *r = state;
	ZSTD_outBuffer out = {p, len, 0};
	while (out.pos == 0) {
		TRY(raw_need(raw, 1, e));
		bool ended = raw_left(raw) == 0;
		if (ended && !r->inside && r->any)
			break;
		if (!r->inside)
			TRY(begin_frame(r, raw, e));
		ZSTD_inBuffer in = {raw->bytes + raw->at, raw_left(raw), 0};
		size_t rc = ZSTD_decompressStream(r->ctx, &out, &in);
		if (ZSTD_isError(rc))
			return fail(rc, ERR_CORRUPT, e);
		if (ended && out.pos == 0 && rc)
			return err_set(e, ERR_CORRUPT, "zstd: the data ends too early");
		raw->at += in.pos;
		r->made += out.pos;
		if (rc == 0)
			TRY(end_frame(r, e));
	}
	*ret = out.pos;
	return 0;
}

static void reader_free(void *state)
{
	struct zstd_reader *r = state;
	ZSTD_freeDCtx(r->ctx);
	mem_free(r);
}

const struct compress_family compress_zstd = {
    .name = "zstd",
    .level_min = 1,
    .level_max = 22,
    .level_default = LEVEL,
    .buffer = IO_CHUNK,
    .packer = &packer,
    .reader_new = reader_new,
    .read = zstd_read,
    .reader_free = reader_free,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading gzip (RFC 1952): any number of members, each with its CRC and length checked, then the end of the input, or
 * zeroes up to it (as gzip(1) takes from tapes). Small members, as our own writer makes, are inflated in one go by
 * libdeflate, which is twice as fast; the first member that is not like that moves the rest of the stream to zlib.
 */
#include "snapshotter/gunzip.h"

#include <libdeflate.h>
#include <zlib.h>

#include "base/mem.h"

/* A member in one go has at most GUNZIP_MEMBER plain bytes, and this many compressed ones. */
enum { MEMBER_PACKED = GUNZIP_MEMBER + 64 * 1024 };

enum where { BETWEEN, INSIDE, ENDED };

struct gunzip {
	enum where where;
	bool any;       /* a member was read */
	bool streaming; /* zlib from here on */
	z_stream z;
	bool z_ready;
	struct libdeflate_decompressor *whole;
	uint8_t *plain; /* a member that was inflated in one go */
	size_t at, nplain;
};

uint32_t compress_crc32(const void *p, size_t len)
{
	return libdeflate_crc32(0, p, len);
}

void *gunzip_new(void)
{
	return mem_new(sizeof(struct gunzip));
}

void gunzip_free(void *state)
{
	struct gunzip *g = state;
	if (g->z_ready)
		inflateEnd(&g->z);
	if (g->whole)
		libdeflate_free_decompressor(g->whole);
	mem_free(g->plain);
	mem_free(g);
}

static int corrupt(const char *what, struct err *e)
{
	return err_set(e, ERR_CORRUPT, "gzip: %s", what);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	while (n && *p == 0) {
		p++;
		n--;
	}
	return n == 0;
}

/* After a member: another one, or the end, perhaps behind zeroes. */
static int begin_member(struct gunzip *g, struct raw *raw, struct err *e)
{
	TRY(raw_need(raw, g->streaming ? 2 : MEMBER_PACKED, e));
	if (g->any && raw_left(raw) && raw->bytes[raw->at] == 0) {
		while (raw_left(raw)) {
			if (!all_zero(raw->bytes + raw->at, raw_left(raw)))
				return corrupt("rubbish behind the data", e);
			raw->at = raw->len;
			TRY(raw_need(raw, 1, e));
		}
	}
	if (raw_left(raw) == 0) {
		if (!g->any)
			return corrupt("the data is empty", e);
		g->where = ENDED;
		return 0;
	}
	if (raw_left(raw) < 2 || raw->bytes[raw->at] != 0x1f || raw->bytes[raw->at + 1] != 0x8b)
		return corrupt(g->any ? "rubbish behind the data" : "this is no gzip data", e);
	g->where = INSIDE;
	return 0;
}

/* Tries to inflate the member that begins here as a whole. */
static bool inflate_whole(struct gunzip *g, struct raw *raw)
{
	size_t used, made;
	if (!g->whole) {
		g->whole = compress_got(libdeflate_alloc_decompressor());
		g->plain = mem_grow(NULL, GUNZIP_MEMBER, 1);
	}
	if (libdeflate_gzip_decompress_ex(g->whole, raw->bytes + raw->at, raw_left(raw), g->plain, GUNZIP_MEMBER, &used,
	        &made) != LIBDEFLATE_SUCCESS)
		return false;
	raw->at += used;
	g->at = 0;
	g->nplain = made;
	g->any = true;
	g->where = BETWEEN;
	return true;
}

static int start_streaming(struct gunzip *g, struct err *e)
{
	int rc = g->z_ready ? inflateReset(&g->z) : inflateInit2(&g->z, 16 + MAX_WBITS); /* 16: gzip with its checks */
	if (rc != Z_OK)
		return err_set(e, ERR_SYS, "gzip: zlib cannot start (%d)", rc);
	g->z_ready = true;
	g->streaming = true;
	return 0;
}

/* Inflates a piece of the current member. */
static int inflate_piece(struct gunzip *g, struct raw *raw, void *p, size_t len, size_t *ret, struct err *e)
{
	TRY(raw_need(raw, 1, e));
	size_t left = raw_left(raw), room = len < 1u << 30 ? len : 1u << 30;
	g->z.next_in = raw->bytes + raw->at;
	g->z.avail_in = (unsigned)left;
	g->z.next_out = p;
	g->z.avail_out = (unsigned)room;
	int rc = inflate(&g->z, Z_NO_FLUSH);
	raw->at += left - g->z.avail_in;
	*ret = room - g->z.avail_out;
	if (rc == Z_STREAM_END) {
		g->any = true;
		g->where = BETWEEN;
		return 0;
	}
	if (rc == Z_MEM_ERROR)
		abort();
	if (rc == Z_BUF_ERROR && left == 0)
		return corrupt("the data ends too early", e);
	if (rc != Z_OK && rc != Z_BUF_ERROR)
		return corrupt(g->z.msg ? g->z.msg : "damaged data", e);
	return 0;
}

/* Goes on at a member's beginning. */
static int open_member(struct gunzip *g, struct raw *raw, struct err *e)
{
	TRY(begin_member(g, raw, e));
	if (g->where == ENDED || (!g->streaming && inflate_whole(g, raw)))
		return 0;
	return start_streaming(g, e);
}

int gunzip_read(void *state, struct raw *raw, void *p, size_t len, size_t *ret, struct err *e)
{
	struct gunzip *g = state;
	size_t n = 0;
	while (n == 0 && g->where != ENDED) {
		if (g->at < g->nplain) {
			n = g->nplain - g->at < len ? g->nplain - g->at : len;
			memcpy(p, g->plain + g->at, n);
			g->at += n;
		} else if (g->where == BETWEEN) {
			TRY(open_member(g, raw, e));
		} else {
			TRY(inflate_piece(g, raw, p, len, &n, e));
		}
	}
	*ret = n;
	return 0;
}

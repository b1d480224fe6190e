/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading gzip (RFC 1952): any number of members, each with its header, CRC and length checked here, then the end of the input, or
 * zeroes up to it (as gzip(1) takes from tapes). The data of small members, as our own writer makes, are inflated in one go by
 * libdeflate, which is the fastest; the first member that is not like that moves the rest of the stream to what inflates in pieces.
 */
#include "snapshotter/gunzip.h"

#include <libdeflate.h>

#include "base/mem.h"

/* A member in one go has at most GUNZIP_MEMBER plain bytes, and this many compressed ones. */
enum { MEMBER_PACKED = GUNZIP_MEMBER + 64 * 1024 };

enum { HEADER = 10, TRAILER = 8 };
enum { FLAG_HCRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16, FLAGS_RESERVED = 0xe0 };

enum where { BETWEEN, INSIDE, ENDED };

struct gunzip {
	enum where where;
	bool any;       /* a member was read */
	bool streaming; /* in pieces from here on */
	const struct inflate_api *api;
	void *pieces;
	struct libdeflate_decompressor *whole;
	uint8_t *plain; /* of a member that was inflated in one go */
	size_t at, nplain;
	uint32_t sum;   /* of the header, then of the plain bytes */
	uint32_t size;  /* of these, modulo 2^32 */
};

uint32_t compress_crc32(uint32_t crc, const void *p, size_t len)
{
	return libdeflate_crc32(crc, p, len);
}

void *gunzip_new_with(const struct inflate_api *api)
{
	struct gunzip *g = mem_new(sizeof(*g));
	g->api = api;
	return g;
}

void *gunzip_new(void)
{
	return gunzip_new_with(NULL);
}

void gunzip_free(void *state)
{
	struct gunzip *g = state;
	if (g->pieces)
		g->api->close(g->pieces);
	libdeflate_free_decompressor(g->whole); /* NULL is fine */
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

/* --- around the data --- */

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

/* The next n bytes, which the sum counts. */
static int take(struct gunzip *g, struct raw *raw, uint8_t *p, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		TRY(raw_need(raw, 1, e));
		if (raw_left(raw) == 0)
			return corrupt("the data ends too early", e);
		p[i] = raw->bytes[raw->at++];
	}
	g->sum = libdeflate_crc32(g->sum, p, n);
	return 0;
}

static int skip(struct gunzip *g, struct raw *raw, unsigned n, struct err *e)
{
	uint8_t byte;
	while (n--)
		TRY(take(g, raw, &byte, 1, e));
	return 0;
}

static int skip_text(struct gunzip *g, struct raw *raw, struct err *e)
{
	uint8_t byte;
	do
		TRY(take(g, raw, &byte, 1, e));
	while (byte);
	return 0;
}

/* RFC 1952 2.3. */
static int read_header(struct gunzip *g, struct raw *raw, struct err *e)
{
	uint8_t h[HEADER], two[2];
	g->sum = 0;
	TRY(take(g, raw, h, sizeof(h), e));
	if (h[2] != 8)
		return corrupt("unknown compression method", e);
	if (h[3] & FLAGS_RESERVED)
		return corrupt("unknown header flags set", e);
	if (h[3] & FLAG_EXTRA) {
		TRY(take(g, raw, two, 2, e));
		TRY(skip(g, raw, two[0] | two[1] << 8, e));
	}
	if (h[3] & FLAG_NAME)
		TRY(skip_text(g, raw, e));
	if (h[3] & FLAG_COMMENT)
		TRY(skip_text(g, raw, e));
	if (h[3] & FLAG_HCRC) {
		uint32_t sum = g->sum & 0xffff;
		TRY(take(g, raw, two, 2, e));
		if (sum != (uint32_t)(two[0] | two[1] << 8))
			return corrupt("header crc mismatch", e);
	}
	g->sum = g->size = 0;
	return 0;
}

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The data's end was met; `over`: what was taken of the bytes behind it. */
static int end_member(struct gunzip *g, struct raw *raw, const uint8_t *over, size_t nover, struct err *e)
{
	uint8_t t[TRAILER];
	uint32_t sum = g->sum;
	_Static_assert(sizeof(t) >= INFLATE_OVER, "what is taken too much is of the trailer");
	if (nover)
		memcpy(t, over, nover);
	TRY(take(g, raw, t + nover, sizeof(t) - nover, e));
	if (le32(t) != sum)
		return corrupt("incorrect data check", e);
	if (le32(t + 4) != g->size)
		return corrupt("incorrect length check", e);
	g->any = true;
	g->where = BETWEEN;
	return 0;
}

/* --- the data --- */

static void count(struct gunzip *g, const uint8_t *p, size_t n)
{
	g->sum = libdeflate_crc32(g->sum, p, n);
	g->size += (uint32_t)n;
}

/* Tries to inflate the data that begin here as a whole. */
static bool inflate_whole(struct gunzip *g, struct raw *raw)
{
	size_t used;
	if (!g->whole) {
		g->whole = compress_got(libdeflate_alloc_decompressor());
		g->plain = mem_grow(NULL, GUNZIP_MEMBER, 1);
	}
	if (libdeflate_deflate_decompress_ex(g->whole, raw->bytes + raw->at, raw_left(raw), g->plain, GUNZIP_MEMBER, &used,
	        &g->nplain) != LIBDEFLATE_SUCCESS) {
		g->nplain = 0;
		return false;
	}
	raw->at += used;
	g->at = 0;
	count(g, g->plain, g->nplain);
	return true;
}

static void start_streaming(struct gunzip *g)
{
	g->streaming = true;
	if (!g->api)
		g->api = inflate_fastest();
	if (g->pieces)
		g->api->restart(g->pieces);
	else
		g->pieces = g->api->open();
}

/* Inflates a piece of the current member. */
static int inflate_piece(struct gunzip *g, struct raw *raw, void *p, size_t len, size_t *ret, struct err *e)
{
	TRY(raw_need(raw, 1, e));
	struct inflate_io io = {.in = raw->bytes + raw->at, .nin = raw_left(raw), .out = p, .nout = len};
	enum inflate_end end = g->api->run(g->pieces, &io);
	if (end == INFLATE_BAD)
		return corrupt(io.why, e);
	size_t made = len - io.nout;
	bool stuck = made == 0 && io.nin == raw_left(raw);
	raw->at = raw->len - io.nin;
	count(g, p, made);
	if (end == INFLATE_DONE)
		TRY(end_member(g, raw, io.over, io.nover, e));
	else if (stuck)
		return corrupt(io.nin ? "damaged data" : "the data ends too early", e);
	*ret = made;
	return 0;
}

/* Goes on at a member's beginning. */
static int open_member(struct gunzip *g, struct raw *raw, struct err *e)
{
	TRY(begin_member(g, raw, e));
	if (g->where == ENDED)
		return 0;
	TRY(read_header(g, raw, e));
	if (!g->streaming && inflate_whole(g, raw))
		return end_member(g, raw, NULL, 0, e);
	start_streaming(g);
	return 0;
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

/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "snapshotter/gunzip.h"

/* What inflates in pieces: each must be as strict as the other. */
enum { BOTH = 2 };

static const struct inflate_api *api_of(int i)
{
	return i ? inflate_fastest() : &inflate_zlib;
}

Test(gunzip, the_module_is_used_where_it_was_built)
{
	cr_assert_eq(inflate_fastest() != &inflate_zlib, HAVE_IGZIP);
	cr_assert_eq(inflate_fastest()->version, INFLATE_API_VERSION);
}

/* Text, then zeroes, then bytes that do not compress, a third each. */
static void fill(struct buf *b, size_t len)
{
	uint64_t x = 88172645463325252u;
	while (b->len < len) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (b->len < len / 3)
			buf_printf(b, "%llx ", (unsigned long long)(x & 0xffff));
		else if (b->len < len / 3 * 2)
			buf_add(b, "\0\0\0\0\0\0\0", 7);
		else
			buf_add(b, &x, sizeof(x));
	}
	b->len = len;
}

static void add_deflated(struct buf *b, struct str plain, int level, int strategy)
{
	z_stream z = {0};
	cr_assert_eq(deflateInit2(&z, level, Z_DEFLATED, -MAX_WBITS, 8, strategy), Z_OK);
	size_t max = deflateBound(&z, plain.len);
	buf_need(b, max);
	z.next_in = (uint8_t *)plain.p;
	z.avail_in = (unsigned)plain.len;
	z.next_out = (uint8_t *)b->p + b->len;
	z.avail_out = (unsigned)max;
	cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	b->len += max - z.avail_out;
	deflateEnd(&z);
}

static void add_le32(struct buf *b, uint32_t v)
{
	uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
	buf_add(b, bytes, sizeof(bytes));
}

static const struct str plain_header = {"\x1f\x8b\x08\0\0\0\0\0\0\3", 10};

static void add_member(struct buf *b, struct str header, struct str plain)
{
	buf_str(b, header);
	add_deflated(b, plain, 6, Z_DEFAULT_STRATEGY);
	add_le32(b, (uint32_t)crc32(0, (const uint8_t *)plain.p, (unsigned)plain.len));
	add_le32(b, (uint32_t)plain.len);
}

/* --- inflating in pieces --- */

/* Inflates with so much input and so much room a call, to the end. `ret_at`: where in `in` the bytes behind the data begin. */
static enum inflate_end inflate_all(const struct inflate_api *api, void *h, struct str in, size_t piece, size_t room, struct buf *out, size_t *ret_at)
{
	cleanup_free uint8_t *space = mem_grow(NULL, room, 1);
	size_t at = 0;
	for (;;) {
		size_t n = in.len - at < piece ? in.len - at : piece;
		struct inflate_io io = {.in = (const uint8_t *)in.p + at, .nin = n, .out = space, .nout = room};
		enum inflate_end end = api->run(h, &io);
		if (end == INFLATE_BAD)
			return end;
		at += n - io.nin;
		buf_add(out, space, room - io.nout);
		*ret_at = at - (end == INFLATE_DONE ? io.nover : 0);
		if (end == INFLATE_DONE)
			cr_assert_eq(memcmp(io.over, in.p + *ret_at, io.nover), 0, "the bytes handed back are those of the input");
		if (end == INFLATE_DONE || (io.nin == n && io.nout == room))
			return end;
	}
}

Test(inflate, any_pieces_give_the_bytes_and_the_place_of_the_end)
{
	static const struct {
		int level, strategy;
	} ways[] = {{0, 0}, {1, 0}, {6, 0}, {9, 0}, {6, Z_FIXED}, {6, Z_HUFFMAN_ONLY}, {6, Z_RLE}};
	static const struct {
		size_t len, piece, room;
	} rows[] = {{0, 1, 1}, {1, 1, 1}, {3000, 1, 1}, {3000, 5, 7}, {200000, 1, 70000}, {200000, 999, 1001}, {200000, 1 << 20, 13},
	    {2000000, 1 << 20, 1 << 18}, {2000000, 4096, 1 << 22}};
	for (size_t i = 0; i < ARRAY_LEN(ways) * ARRAY_LEN(rows) * BOTH; i++) {
		size_t row = i / BOTH % ARRAY_LEN(rows), way = i / BOTH / ARRAY_LEN(rows), at;
		const struct inflate_api *api = api_of(i % BOTH);
		cleanup_buf struct buf in = {0}, packed = {0}, out = {0};
		fill(&in, rows[row].len);
		add_deflated(&packed, buf_view(&in), ways[way].level, ways[way].strategy);
		size_t len = packed.len;
		buf_str(&packed, STR("trailer\1and more behind it"));
		void *h = api->open();
		for (int again = 0; again < 2; again++) {
			buf_clear(&out);
			cr_assert_eq(inflate_all(api, h, buf_view(&packed), rows[row].piece, rows[row].room, &out, &at), INFLATE_DONE, "%zu", i);
			cr_assert(str_eq(buf_view(&out), buf_view(&in)), "%zu: %zu bytes of %zu", i, out.len, in.len);
			cr_assert_eq(at, len, "%zu: the end at %zu, not %zu", i, at, len);
			api->restart(h);
		}
		api->close(h);
	}
}

/* The input stands before memory that nobody may read. */
Test(inflate, nothing_behind_the_input_is_looked_at)
{
	cleanup_buf struct buf in = {0}, packed = {0};
	fill(&in, 30000);
	add_deflated(&packed, buf_view(&in), 6, Z_DEFAULT_STRATEGY);
	size_t page = 4096, room = (packed.len + page - 1) / page * page;
	uint8_t *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(map, MAP_FAILED);
	cr_assert_eq(mprotect(map + room, page, PROT_NONE), 0);
	for (int i = 0; i < BOTH; i++) {
		for (size_t len = packed.len; len > packed.len - 300; len--) {
			cleanup_buf struct buf out = {0};
			size_t at;
			char *p = memcpy(map + room - len, packed.p, len);
			void *h = api_of(i)->open();
			cr_assert_eq(inflate_all(api_of(i), h, (struct str){p, len}, len, 1 << 16, &out, &at),
			    len == packed.len ? INFLATE_DONE : INFLATE_MORE);
			api_of(i)->close(h);
		}
	}
	munmap(map, room + page);
}

/* RFC 1951 3.2; bits by hand. */
Test(inflate, damaged_data_are_bad)
{
	static const struct {
		const char *what;
		struct str data;
	} rows[] = {
    {"a block of type 3", STR("\x07")},
    {"a stored block whose length is not the complement", STR("\x01\x05\x00\xfb\xff\x61\x62\x63\x64\x65")},
    {"a distance before the beginning", STR("\x03\x02")},
    {"288 length codes", STR("\xfd\x00\x00")},
    {"32 distance codes", STR("\x05\x1f\x00")},
    {"too many codes of one length", STR("\x05\xe0\x93\x24\x49\x92\x24\x49\x92\x00")},
    {"no code of code lengths", STR("\x05\xe0\x01\x00\x00\x00\x00\x00\x00\x00")},
    {"a length repeated that is not there", STR("\x05\xe0\x05\x09\x00\x00\x00\x00\x20\x04")},
    {"more lengths than there are codes", STR("\x05\xe0\x01\x09\x00\x00\x00\x80\x20\xfc\xff\x0f")},
    {"no code for the end", STR("\x05\xe0\x01\x09\x00\x00\x00\x80\x20\xe8\xff\xd5\x02")},
    {"more literals than their lengths have room for", STR("\x05\xe0\x01\x09\x00\x00\x00\x80\x20\xe8\xff\xd3\x0a")},
    {"more distances than their lengths have room for", STR("\x05\xe2\x01\x09\x00\x00\x00\x80\x20\xf8\x7f\xb5\x2a")},
    {"a pattern that no code has", STR("\x05\xe0\x01\x09\x00\x00\x00\x80\x20\xf4\x7f\x75\x32")},
    {"length code 286", STR("\x1b\x03")},
    {"distance code 30", STR("\x63\x00\x3e")},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows) * BOTH; i++) {
		static const char more[60];
		const struct inflate_api *api = api_of(i % BOTH);
		cleanup_buf struct buf in = {0}, out = {0};
		size_t at;
		buf_str(&in, rows[i / BOTH].data);
		buf_add(&in, more, sizeof(more));
		void *h = api->open();
		cr_assert_eq(inflate_all(api, h, buf_view(&in), 100, 1 << 16, &out, &at), INFLATE_BAD, "%s, %s", rows[i / BOTH].what,
		    i % BOTH ? "fastest" : "zlib");
		api->close(h);
	}
}

/* --- gzip --- */

static int read_all(const struct inflate_api *api, struct str packed, size_t room, struct buf *out, struct err *e)
{
	cleanup_free uint8_t *space = mem_grow(NULL, room, 1);
	struct raw raw = {.bytes = mem_grow(NULL, packed.len + 1, 1), .len = packed.len, .cap = packed.len + 1, .ended = true};
	if (packed.len)
		memcpy(raw.bytes, packed.p, packed.len);
	void *g = gunzip_new_with(api);
	size_t n = 0;
	int rc;
	do {
		rc = gunzip_read(g, &raw, space, room, &n, e);
		if (rc == 0)
			buf_add(out, space, n);
	} while (rc == 0 && n);
	gunzip_free(g);
	mem_free(raw.bytes);
	return rc;
}

/* A member that is not inflated in one go, nor what follows it. */
enum { LARGE = 2 * GUNZIP_MEMBER, PERIOD = 20000 };

static void add_large(struct buf *b)
{
	cleanup_buf struct buf plain = {0};
	fill(&plain, LARGE);
	for (size_t i = PERIOD; i < LARGE; i++)
		plain.p[i] = plain.p[i - PERIOD];
	add_member(b, plain_header, buf_view(&plain));
}

static const struct row {
	const char *what;
	struct str header; /* of a member of "hello" */
	struct str tail;
	size_t flip;       /* the byte that is changed, from the end of the member; 0 none */
	int rc;
} headers[] = {
    {"as gzip writes it", STR("\x1f\x8b\x08\0\0\0\0\0\0\3"), STR(""), 0, 0},
    {"a name", STR("\x1f\x8b\x08\x08\0\0\0\0\0\3name\0"), STR(""), 0, 0},
    {"text, an extra field, a name, a comment", STR("\x1f\x8b\x08\x1d\0\0\0\0\0\3\x04\0abcdname\0comment\0"), STR(""), 0, 0},
    {"the header's CRC", STR("\x1f\x8b\x08\x02\0\0\0\0\0\3\xa7\x77"), STR(""), 0, 0},
    {"all of that", STR("\x1f\x8b\x08\x1f\0\0\0\0\0\3\x02\0ab\0\0\xd3\x1d"), STR(""), 0, 0},
    {"another CRC of the header", STR("\x1f\x8b\x08\x02\0\0\0\0\0\3\xa7\x76"), STR(""), 0, -ERR_CORRUPT},
    {"a reserved flag", STR("\x1f\x8b\x08\x20\0\0\0\0\0\3"), STR(""), 0, -ERR_CORRUPT},
    {"another method", STR("\x1f\x8b\x07\0\0\0\0\0\0\3"), STR(""), 0, -ERR_CORRUPT},
    {"an extra field up to the end", STR("\x1f\x8b\x08\x04\0\0\0\0\0\3\xff\xff"), STR(""), 0, -ERR_CORRUPT},
    {"a name without end", STR("\x1f\x8b\x08\x08\0\0\0\0\0\3namenamenamenamename"), STR("x"), 0, -ERR_CORRUPT},
    {"another CRC", STR("\x1f\x8b\x08\0\0\0\0\0\0\3"), STR(""), 8, -ERR_CORRUPT},
    {"another length", STR("\x1f\x8b\x08\0\0\0\0\0\0\3"), STR(""), 1, -ERR_CORRUPT},
    {"zeroes behind it", STR("\x1f\x8b\x08\0\0\0\0\0\0\3"), STR("\0\0\0\0\0\0\0\0\0\0\0"), 0, 0},
    {"a byte behind it", STR("\x1f\x8b\x08\0\0\0\0\0\0\3"), STR("x"), 0, -ERR_CORRUPT},
    {"a byte behind zeroes", STR("\x1f\x8b\x08\0\0\0\0\0\0\3"), STR("\0\0x"), 0, -ERR_CORRUPT},
    {"the beginning of another", STR("\x1f\x8b\x08\0\0\0\0\0\0\3"), STR("\x1f\x8b\x08"), 0, -ERR_CORRUPT},
};

Test(gunzip, headers_trailers_and_tails_are_as_strict_for_small_members_as_in_pieces)
{
	for (size_t i = 0; i < ARRAY_LEN(headers) * BOTH * 2; i++) {
		const struct row *r = &headers[i / BOTH / 2];
		bool large = i / BOTH % 2;
		struct err e = {0};
		cleanup_buf struct buf in = {0}, out = {0};
		if (large)
			add_large(&in);
		add_member(&in, r->header, STR("hello"));
		if (r->flip)
			in.p[in.len - r->flip] ^= 1;
		buf_str(&in, r->tail);
		cr_assert_eq(read_all(api_of(i % BOTH), buf_view(&in), 65536, &out, &e), r->rc, "%s, %s, %s: %s", r->what,
		    i % BOTH ? "fastest" : "zlib", large ? "in pieces" : "whole", e.text);
		if (r->rc == 0)
			cr_assert(out.len == 5 + (large ? LARGE : 0) && memcmp(out.p + out.len - 5, "hello", 5) == 0, "%s", r->what);
	}
}

Test(gunzip, members_of_any_size_follow_each_other)
{
	static const size_t sizes[] = {5, 0, 2 * GUNZIP_MEMBER + 1, 0, 1, 100000, GUNZIP_MEMBER, 3000001};
	static const size_t rooms[] = {1000, 65536, 1 << 22};
	cleanup_buf struct buf in = {0}, want = {0};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		cleanup_buf struct buf plain = {0};
		fill(&plain, sizes[i]);
		add_member(&in, plain_header, buf_view(&plain));
		buf_str(&want, buf_view(&plain));
	}
	for (size_t i = 0; i < ARRAY_LEN(rooms) * BOTH; i++) {
		struct err e;
		cleanup_buf struct buf out = {0};
		cr_assert_eq(read_all(api_of(i % BOTH), buf_view(&in), rooms[i / BOTH], &out, &e), 0, "%s", e.text);
		cr_assert(str_eq(buf_view(&out), buf_view(&want)), "%zu of %zu bytes", out.len, want.len);
	}
}

/* In pieces from the beginning: nothing of it may be taken for whole when it is cut or changed. */
Test(gunzip, a_large_member_that_is_cut_or_changed_is_corrupt)
{
	cleanup_buf struct buf in = {0};
	add_large(&in);
	size_t behind = in.len;
	add_member(&in, plain_header, STR("hello hello hello hello, this is the second member, hello"));
	for (int i = 0; i < BOTH; i++) {
		for (size_t at = 1; at < in.len; at += at < 20 || at + 20 > behind ? 1 : 299) {
			struct err e;
			cleanup_buf struct buf out = {0};
			if (at != behind)
				cr_assert_eq(read_all(api_of(i), str_sub(buf_view(&in), 0, at), 1 << 18, &out, &e), -ERR_CORRUPT, "%zu", at);
			/* the time, the extra flags and the system say nothing */
			if ((at >= 4 && at < 10) || (at >= behind + 4 && at < behind + 10))
				continue;
			in.p[at] ^= 0x10;
			cr_assert_eq(read_all(api_of(i), buf_view(&in), 1 << 18, &out, &e), -ERR_CORRUPT, "byte %zu changed", at);
			in.p[at] ^= 0x10;
		}
	}
}

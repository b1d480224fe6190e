/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/base/tempdir.h"

#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/compress.h"

MEM_CLEANUP(decompressor_cleanup, struct decompressor, decompressor_free)

enum { LIMIT = 1 << 30 };

/* Text that compresses somewhat, different for each seed. */
static void fill(struct buf *b, size_t len, unsigned seed)
{
	uint64_t x = seed + 88172645463325252u;
	while (b->len < len) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		buf_printf(b, "%llx ", (unsigned long long)(x & 0xffffff));
	}
	b->len = len;
}

/* Bytes that are read in pieces, and perhaps once more. */
struct input {
	struct str bytes;
	size_t piece, at, fail_at, again, change; /* fail_at, change: SIZE_MAX is never */
};

static int input_read(void *arg, void *p, size_t len, size_t *ret, struct err *e)
{
	struct input *in = arg;
	size_t n = in->bytes.len - in->at;
	n = n < len ? n : len;
	*ret = n < in->piece ? n : in->piece;
	if (in->at >= in->fail_at)
		return err_set(e, ERR_REMOTE, "no more to read");
	if (*ret)
		memcpy(p, in->bytes.p + in->at, *ret);
	in->at += *ret;
	return 0;
}

static int input_again(void *arg, uint64_t offset, void *p, size_t len, struct err *e)
{
	struct input *in = arg;
	(void)e;
	cr_assert_leq(offset + len, in->bytes.len);
	memcpy(p, in->bytes.p + offset, len);
	if (in->again++ == in->change)
		*(char *)p ^= 1;
	return 0;
}

static struct input input_of(struct str bytes, size_t piece)
{
	return (struct input){bytes, piece, 0, SIZE_MAX, 0, SIZE_MAX};
}

static int pack_from(enum compression c, int level, unsigned threads, struct input *in, bool again, struct sink *to, struct err *e)
{
	struct compress_from from = {input_read, again ? input_again : NULL, in};
	return compress_all(c, level, threads, &from, to, e);
}

static void pack(enum compression c, int level, unsigned threads, struct str in, size_t piece, struct buf *out)
{
	struct err e;
	struct sink_buf sink;
	struct input from = input_of(in, piece);
	sink_buf_init(&sink, out, LIMIT);
	cr_assert_eq(pack_from(c, level, threads, &from, threads % 2, &sink.sink, &e), 0, "%s", e.text);
}

static int fd_of(struct str bytes)
{
	char name[] = "/tmp/cooper-test-XXXXXX";
	struct err e;
	int fd = mkstemp(name);
	unlink(name);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_write_all(fd, bytes.p, bytes.len, &e), 0);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Reads all in pieces; the result of the reader. */
static int unpack(enum compression c, struct str in, size_t piece, struct sink *tee, struct buf *out, struct err *e)
{
	cleanup_close int fd = fd_of(in);
	cleanup_with(decompressor_cleanup) struct decompressor *d = NULL;
	cleanup_free char *chunk = mem_grow(NULL, piece, 1);
	size_t n;
	TRY(decompressor_new(c, fd, tee, &d, e));
	do {
		TRY(decompressor_read(d, chunk, piece, &n, e));
		buf_add(out, chunk, n);
	} while (n);
	return 0;
}

static void check_round(enum compression c, int level, size_t len, size_t write_piece, size_t read_piece)
{
	struct err e;
	cleanup_buf struct buf in = {0}, packed = {0}, out = {0};
	fill(&in, len, (unsigned)len);
	pack(c, level, 2, buf_view(&in), write_piece, &packed);
	cr_assert_eq(unpack(c, buf_view(&packed), read_piece, NULL, &out, &e), 0, "%s of %zu: %s", compress_name(c),
	    len, e.text);
	cr_assert(str_eq(buf_view(&in), buf_view(&out)), "%s of %zu", compress_name(c), len);
}

Test(compress, round_trips_of_many_sizes)
{
	static const size_t sizes[] = {0, 1, 511, 1048575, 1048576, 1048577, 5000000, 9000001};
	for (int c = 0; c < COMPRESS_COUNT; c++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			check_round((enum compression)c, -1, sizes[i], 65536, 32768);
			check_round((enum compression)c, -1, sizes[i], 10240, 1000001);
		}
		check_round((enum compression)c, -1, 3000, 1, 1);
	}
	check_round(COMPRESS_GZIP, 0, 3000000, 65536, 65536);
	check_round(COMPRESS_GZIP, 12, 300000, 65536, 65536);
	check_round(COMPRESS_ZSTD, 1, 3000000, 65536, 65536);
	check_round(COMPRESS_ZSTD, 19, 300000, 65536, 65536);
}

/* Bytes like those of a compressed file: one of the 256 values is missing, so there is something to gain, but next to nothing. */
static void fill_dense(struct buf *b, size_t len, unsigned seed)
{
	uint64_t x = seed + 88172645463325252u;
	for (buf_need(b, len + 8); b->len < len; b->len += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		uint64_t v = x * 0x2545f4914f6cdd1du;
		memcpy(b->p + b->len, &v, 8);
	}
	b->len = len;
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)b->p[i] == 0xff)
			b->p[i] = 0;
}

Test(compress, gzip_stores_members_of_bytes_that_are_compressed_already)
{
	static const struct {
		const char *what;
		size_t dense, period, text; /* bytes, and after how many they repeat */
		int level;
		bool stored;
	} rows[] = {
	    {"dense bytes", 1 << 20, 0, 0, -1, true},
	    {"dense bytes at another level", 1 << 20, 0, 0, 9, true},
	    {"whoever wants the smallest gets the whole attempt", 1 << 20, 0, 0, 12, false},
	    {"a part of text", 960 << 10, 0, 64 << 10, -1, false},
	    {"text", 0, 0, 1 << 20, -1, false},
	    {"dense bytes that repeat", 1 << 20, 8 << 10, 0, -1, false},
	    {"a little, which deflate stores by itself", 1 << 10, 0, 0, -1, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct buf in = {0}, packed = {0};
		fill_dense(&in, rows[i].dense, 1);
		for (size_t k = rows[i].period; rows[i].period && k < in.len; k++)
			in.p[k] = in.p[k - rows[i].period];
		fill(&in, rows[i].dense + rows[i].text, 2);
		pack(COMPRESS_GZIP, rows[i].level, 1, buf_view(&in), in.len, &packed);
		/* RFC 1952: ten bytes of header; RFC 1951: the bits 1 and 2 of a block are its type, 0 is stored */
		struct str some = str_sub(buf_view(&in), 100, in.len < 4196 ? in.len : 4196);
		bool stored = packed.len > in.len && ((uint8_t)packed.p[10] & 6) == 0 && memmem(packed.p, packed.len, some.p, some.len);
		cr_assert_eq(stored, rows[i].stored, "%s: %zu to %zu", rows[i].what, in.len, packed.len);
	}
}

Test(compress, a_zstd_frame_uses_what_is_anywhere_in_it)
{
	static const int levels[] = {-1, 1, 2, 12};
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		cleanup_buf struct buf in = {0}, packed = {0}, out = {0};
		struct err e;
		fill_dense(&in, 64 << 10, 1);
		buf_need(&in, 4 << 20);
		memset(in.p + in.len, 0, 3 << 20);
		memcpy(in.p + (3 << 20), in.p, in.len);
		in.len += 3 << 20;
		pack(COMPRESS_ZSTD, levels[i], 1, buf_view(&in), in.len, &packed);
		cr_assert_lt(packed.len, 70 << 10, "level %d: %zu", levels[i], packed.len);
		cr_assert_eq(unpack(COMPRESS_ZSTD, buf_view(&packed), 1 << 20, NULL, &out, &e), 0);
		cr_assert(str_eq(buf_view(&in), buf_view(&out)));
	}
}

Test(compress, the_same_bytes_for_any_number_of_threads_and_any_pieces)
{
	cleanup_buf struct buf in = {0};
	fill(&in, 13000000, 5);
	for (int c = COMPRESS_GZIP; c < COMPRESS_COUNT; c++) {
		cleanup_buf struct buf first = {0};
		pack((enum compression)c, -1, 1, buf_view(&in), 1 << 20, &first);
		static const size_t pieces[] = {512, 70001, 5000000};
		for (unsigned t = 0; t < 6; t++) {
			cleanup_buf struct buf other = {0};
			pack((enum compression)c, -1, t, buf_view(&in), pieces[t % 3], &other);
			cr_assert(str_eq(buf_view(&first), buf_view(&other)), "%s with %u threads",
			    compress_name((enum compression)c), t);
		}
	}
}

static void shell(const char *command, struct buf *out)
{
	struct err e;
	FILE *p = popen(command, "r");
	cr_assert_not_null(p);
	cr_assert_eq(io_read_fd(fileno(p), LIMIT, out, &e), 0);
	pclose(p);
}

Test(compress, what_other_tools_wrote_is_read)
{
	static const struct {
		const char *command;
		enum compression c;
	} rows[] = {
	    {"head -c 3000000 /proc/self/exe | gzip -1 -n", COMPRESS_GZIP},
	    {"echo one | gzip -9; echo two | gzip -1; printf '' | gzip", COMPRESS_GZIP},
	    {"echo one | gzip; head -c 1000 /dev/zero", COMPRESS_GZIP},
	    {"echo named >file; gzip -c -N file", COMPRESS_GZIP},
	    {"head -c 3000000 /dev/zero | gzip", COMPRESS_GZIP},
	    {"echo one | zstd -q; echo two | zstd -q -19 --no-check", COMPRESS_ZSTD},
	    {"printf '\\120\\052\\115\\030\\003\\000\\000\\000abc'; echo one | zstd -q;"
	     " printf '\\137\\052\\115\\030\\000\\000\\000\\000'",
	        COMPRESS_ZSTD},
	    {"head -c 30000000 /dev/zero | zstd -q --long=27", COMPRESS_ZSTD},
	};
	cleanup_tempdir struct tempdir t = tempdir_new();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e;
		cleanup_buf struct buf packed = {0}, out = {0}, want = {0};
		cleanup_free char *make = mem_printf("cd %s && { %s; } >z; cat z", t.path, rows[i].command);
		cleanup_free char *read = mem_printf("cd %s && %s z 2>/dev/null", t.path,
		    rows[i].c == COMPRESS_GZIP ? "gzip -dc <" : "zstd -dcq --long=27");
		shell(make, &packed);
		shell(read, &want);
		cr_assert_gt(packed.len, 10, "row %zu", i);
		cr_assert_gt(want.len, 3, "row %zu", i);
		cr_assert_eq(compress_detect(packed.p, packed.len), rows[i].c);
		cr_assert_eq(unpack(rows[i].c, buf_view(&packed), 65536, NULL, &out, &e), 0, "row %zu: %s", i, e.text);
		cr_assert(str_eq(buf_view(&want), buf_view(&out)), "row %zu: %zu and %zu bytes", i, want.len, out.len);
	}
}

/* Cut anywhere, it is never a good end. */
Test(compress, cut_streams_are_corrupt)
{
	for (int c = COMPRESS_GZIP; c < COMPRESS_COUNT; c++) {
		cleanup_buf struct buf in = {0}, packed = {0};
		fill(&in, 20000, 3);
		pack((enum compression)c, -1, 1, buf_view(&in), 4096, &packed);
		for (size_t cut = 0; cut < packed.len; cut += cut < 40 || packed.len - cut < 40 ? 1 : 97) {
			struct err e;
			cleanup_buf struct buf out = {0};
			cr_assert_eq(
			    unpack((enum compression)c, str_sub(buf_view(&packed), 0, cut), 4096, NULL, &out, &e),
			    -ERR_CORRUPT, "%s cut at %zu", compress_name((enum compression)c), cut);
		}
	}
}

Test(compress, a_flipped_byte_is_corrupt)
{
	for (int c = COMPRESS_GZIP; c < COMPRESS_COUNT; c++) {
		cleanup_buf struct buf in = {0}, packed = {0};
		fill(&in, 20000, 4);
		pack((enum compression)c, -1, 1, buf_view(&in), 4096, &packed);
		for (size_t at = 30; at < packed.len; at += 53) {
			struct err e;
			cleanup_buf struct buf out = {0};
			packed.p[at] = (char)(packed.p[at] ^ 0x10);
			cr_assert_eq(unpack((enum compression)c, buf_view(&packed), 4096, NULL, &out, &e), -ERR_CORRUPT,
			    "%s at %zu", compress_name((enum compression)c), at);
			packed.p[at] = (char)(packed.p[at] ^ 0x10);
		}
	}
}

static int unpack_with_tail(enum compression c, struct str tail)
{
	struct err e;
	cleanup_buf struct buf packed = {0}, out = {0};
	pack(c, -1, 1, STR("plain text"), 100, &packed);
	buf_str(&packed, tail);
	return unpack(c, buf_view(&packed), 4096, NULL, &out, &e);
}

Test(compress, rubbish_behind_the_data)
{
	static const char zeroes[5000];
	cr_assert_eq(unpack_with_tail(COMPRESS_GZIP, (struct str){zeroes, sizeof(zeroes)}), 0);
	cr_assert_eq(unpack_with_tail(COMPRESS_GZIP, STR("\0\0\0x")), -ERR_CORRUPT);
	cr_assert_eq(unpack_with_tail(COMPRESS_GZIP, STR("x")), -ERR_CORRUPT);
	cr_assert_eq(unpack_with_tail(COMPRESS_GZIP, STR("\x1f")), -ERR_CORRUPT);
	cr_assert_eq(unpack_with_tail(COMPRESS_GZIP, STR("\x1f\x8b")), -ERR_CORRUPT);
	cr_assert_eq(unpack_with_tail(COMPRESS_ZSTD, (struct str){zeroes, sizeof(zeroes)}), -ERR_CORRUPT);
	cr_assert_eq(unpack_with_tail(COMPRESS_ZSTD, STR("x")), -ERR_CORRUPT);
	cr_assert_eq(unpack_with_tail(COMPRESS_NONE, STR("anything")), 0);
}

Test(compress, a_second_compression_inside_is_refused)
{
	for (int outer = COMPRESS_GZIP; outer < COMPRESS_COUNT; outer++) {
		for (int inner = COMPRESS_GZIP; inner < COMPRESS_COUNT; inner++) {
			struct err e;
			cleanup_buf struct buf once = {0}, twice = {0}, out = {0};
			pack((enum compression)inner, -1, 1, STR("text"), 100, &once);
			pack((enum compression)outer, -1, 1, buf_view(&once), 100, &twice);
			cr_assert_eq(
			    unpack((enum compression)outer, buf_view(&twice), 1, NULL, &out, &e), -ERR_CORRUPT);
		}
	}
}

Test(compress, a_zstd_window_over_the_limit_is_corrupt)
{
	struct err e;
	cleanup_buf struct buf packed = {0}, out = {0};
	shell("head -c 3000 /dev/zero | zstd -q --ultra -20 --zstd=wlog=28 --long=28", &packed);
	cr_assert_gt(packed.len, 4);
	cr_assert_eq(unpack(COMPRESS_ZSTD, buf_view(&packed), 4096, NULL, &out, &e), -ERR_CORRUPT);
}

Test(compress, the_tee_sees_every_compressed_byte)
{
	for (int c = 0; c < COMPRESS_COUNT; c++) {
		struct err e;
		struct sink_hash tee;
		cleanup_buf struct buf in = {0}, packed = {0}, out = {0};
		fill(&in, 3000000, 6);
		pack((enum compression)c, -1, 2, buf_view(&in), 65536, &packed);
		sink_hash_init(&tee, NULL);
		cr_assert_eq(unpack((enum compression)c, buf_view(&packed), 5000, &tee.sink, &out, &e), 0);
		struct digest seen = hasher_done(&tee.hasher), want = digest_of(packed.p, packed.len);
		cr_assert_eq(tee.bytes, packed.len);
		cr_assert(digest_eq(&seen, &want));
	}
}

Test(compress, drain_reads_and_checks_the_rest)
{
	struct err e;
	struct sink_hash tee;
	char some[100];
	size_t n;
	cleanup_buf struct buf in = {0}, packed = {0};
	fill(&in, 3000000, 7);
	pack(COMPRESS_GZIP, -1, 1, buf_view(&in), 65536, &packed);
	for (int bad = 0; bad < 2; bad++) {
		packed.p[packed.len - 1] = (char)(packed.p[packed.len - 1] ^ bad);
		cleanup_close int fd = fd_of(buf_view(&packed));
		cleanup_with(decompressor_cleanup) struct decompressor *d = NULL;
		sink_hash_init(&tee, NULL);
		cr_assert_eq(decompressor_new(COMPRESS_GZIP, fd, &tee.sink, &d, &e), 0);
		cr_assert_eq(decompressor_read(d, some, sizeof(some), &n, &e), 0);
		cr_assert_eq(n, sizeof(some));
		cr_assert_eq(decompressor_drain(d, &e), bad ? -ERR_CORRUPT : 0);
		cr_assert_eq(tee.bytes, packed.len);
	}
}

static int refuse(struct sink *s, const void *p, size_t len, struct err *e)
{
	(void)s, (void)p, (void)len;
	return err_set(e, ERR_LIMIT, "no more");
}

Test(compress, a_failure_of_the_sink_or_of_reading_is_the_answer)
{
	cleanup_buf struct buf bytes = {0};
	fill(&bytes, 30000000, 7);
	for (int c = 0; c < COMPRESS_COUNT; c++)
		for (unsigned threads = 1; threads < 4; threads++) {
			struct err e = {0};
			struct sink sink = {refuse};
			struct sink_hash taken;
			struct input in = input_of(buf_view(&bytes), 1 << 20);
			cr_assert_eq(pack_from((enum compression)c, -1, threads, &in, true, &sink, &e), -ERR_LIMIT);
			cr_assert_str_eq(e.text, "no more");
			in = input_of(buf_view(&bytes), 1 << 20);
			in.fail_at = 17 << 20;
			sink_hash_init(&taken, NULL);
			cr_assert_eq(pack_from((enum compression)c, -1, threads, &in, true, &taken.sink, &e), -ERR_REMOTE);
			cr_assert_str_eq(e.text, "no more to read");
			cr_assert_gt(taken.bytes, 0);
		}
}

/* Dense blocks are not kept until their turn comes; what a thread had read first does not show in the bytes. */
Test(compress, dense_blocks_are_read_again_and_the_bytes_are_the_same)
{
	cleanup_buf struct buf bytes = {0};
	fill_dense(&bytes, 40 << 20, 3);
	fill(&bytes, 60 << 20, 4);
	for (int c = COMPRESS_GZIP; c < COMPRESS_COUNT; c++) {
		cleanup_buf struct buf want = {0}, out = {0};
		struct err e;
		pack((enum compression)c, -1, 1, buf_view(&bytes), 1 << 20, &want);
		cr_assert_gt(want.len, 40 << 20);
		cr_assert_eq(unpack((enum compression)c, buf_view(&want), 1 << 20, NULL, &out, &e), 0);
		cr_assert(str_eq(buf_view(&bytes), buf_view(&out)));
		for (unsigned i = 0; i < 4; i++) {
			cleanup_buf struct buf got = {0};
			struct sink_buf sink;
			struct input in = input_of(buf_view(&bytes), 1 << 20);
			sink_buf_init(&sink, &got, LIMIT);
			cr_assert_eq(pack_from((enum compression)c, -1, 2 + i / 2, &in, i % 2, &sink.sink, &e), 0);
			cr_assert(str_eq(buf_view(&want), buf_view(&got)), "%s", compress_name((enum compression)c));
			cr_assert_eq(in.again, i % 2 ? (c == COMPRESS_GZIP ? 40 : 10) : 0, "%s: %zu", compress_name((enum compression)c), in.again);
		}
	}
}

Test(compress, what_is_read_again_must_not_have_changed)
{
	cleanup_buf struct buf bytes = {0};
	fill_dense(&bytes, 20 << 20, 3);
	for (int c = COMPRESS_GZIP; c < COMPRESS_COUNT; c++) {
		struct err e;
		struct sink_hash to;
		struct input in = input_of(buf_view(&bytes), 1 << 20);
		in.change = 2;
		sink_hash_init(&to, NULL);
		cr_assert_eq(pack_from((enum compression)c, -1, 2, &in, true, &to.sink, &e), -ERR_CORRUPT);
		cr_assert_eq(in.again, 3);
	}
}

Test(compress, names_levels_and_magic_bytes)
{
	enum compression c;
	struct err e;
	struct input none = input_of(STR(""), 1);
	cr_assert(compress_from_name(STR("gzip"), &c) && c == COMPRESS_GZIP);
	cr_assert(compress_from_name(STR("zstd"), &c) && c == COMPRESS_ZSTD);
	cr_assert(compress_from_name(STR(""), &c) && c == COMPRESS_NONE);
	cr_assert(compress_from_name(STR("none"), &c) && c == COMPRESS_NONE);
	cr_assert(compress_from_name(STR("uncompressed"), &c) && c == COMPRESS_NONE);
	cr_assert(!compress_from_name(STR("lz4"), &c));
	cr_assert(compress_level_ok(COMPRESS_GZIP, 12) && compress_level_ok(COMPRESS_GZIP, 0));
	cr_assert(!compress_level_ok(COMPRESS_GZIP, 13) && !compress_level_ok(COMPRESS_ZSTD, 0) &&
	          !compress_level_ok(COMPRESS_ZSTD, 23));
	cr_assert(compress_level_ok(COMPRESS_NONE, -1));
	cr_assert_eq(pack_from(COMPRESS_ZSTD, 99, 1, &none, false, NULL, &e), -ERR_USAGE);
	cr_assert_eq(compress_detect("\x1f\x8b\x08", 3), COMPRESS_GZIP);
	cr_assert_eq(compress_detect("\x1f\x8b", 2), COMPRESS_NONE);
	cr_assert_eq(compress_detect("\x28\xb5\x2f\xfd", 4), COMPRESS_ZSTD);
	cr_assert_eq(compress_detect("", 0), COMPRESS_NONE);
}

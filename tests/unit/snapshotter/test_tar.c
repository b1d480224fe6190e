/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"

#include <sys/wait.h>

#include "snapshotter/tar.h"
#include "snapshotter/tar_header.h"
#include "snapshotter/xattrs.h"

/* --- a reader over bytes in memory --- */

struct bytes {
	const char *p;
	size_t len, piece; /* at most `piece` at a time */
};

static int read_bytes(void *arg, void *p, size_t len, size_t *ret, struct err *e)
{
	struct bytes *b = arg;
	(void)e;
	size_t n = len < b->len ? len : b->len;
	n = n < b->piece ? n : b->piece;
	if (n)
		memcpy(p, b->p, n);
	b->p += n;
	b->len -= n;
	*ret = n;
	return 0;
}

/* Reads all; one line an entry: type mode uid:gid size mtime path [-> target] [=content]. */
static int list(struct str tar, size_t piece, struct buf *out, struct err *e)
{
	static const char kinds[] = "?fdlhpcbw";
	struct bytes b = {tar.p, tar.len, piece};
	struct tar_reader *r = tar_reader_new(read_bytes, &b, NULL);
	struct entry en;
	bool marker;
	int rc;
	buf_puts(out, "");
	while ((rc = tar_reader_next(r, &en, &marker, e)) > 0) {
		buf_printf(out, "%c%s %o %u:%u %llu %lld %.*s", kinds[en.type], marker ? "!" : "", en.mode, en.uid, en.gid, (unsigned long long)en.size,
			(long long)en.mtime, STR_ARG(en.path));
		if (en.target.len)
			buf_printf(out, " -> %.*s", STR_ARG(en.target));
		if (en.type == ENTRY_FILE && en.size && en.size < 100) {
			char text[100];
			size_t n = 1, len = 0;
			while (n && (rc = tar_reader_data(r, text + len, sizeof(text) - len, &n, e)) == 0)
				len += n;
			buf_printf(out, " =%.*s", (int)len, text);
		}
		buf_putc(out, '\n');
	}
	tar_reader_free(r);
	return rc;
}

static void expect_list(struct str tar, const char *want)
{
	static const size_t pieces[] = {1 << 20, 1, 511};
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct err e = {0};
		cleanup_buf struct buf b = {0};
		cr_expect_eq(list(tar, pieces[i], &b, &e), 0, "%s", e.text);
		cr_expect_str_eq(b.p, want, "\n is:  %s\n not: %s", b.p, want);
	}
}

/* --- hand-made archives --- */

static void add_header(struct buf *b, char type, const char *name, const char *link, uint64_t size, struct str magic)
{
	struct tar_header h = {.type = type};
	memcpy(h.name, name, strnlen(name, 100));
	memcpy(h.link, link, strnlen(link, 100));
	snprintf(h.mode, sizeof(h.mode), "%07o", 0644);
	snprintf(h.uid, sizeof(h.uid), "%07o", 1);
	snprintf(h.gid, sizeof(h.gid), "%07o", 2);
	snprintf(h.size, sizeof(h.size), "%011llo", (unsigned long long)size);
	snprintf(h.mtime, sizeof(h.mtime), "%011o", 5);
	memcpy(h.magic, magic.p, magic.len);
	snprintf(h.checksum, sizeof(h.checksum), "%06o", tar_header_sum(&h));
	buf_add(b, &h, sizeof(h));
}

static void add_data(struct buf *b, struct str data)
{
	static const char zeroes[TAR_BLOCK];
	buf_str(b, data);
	buf_add(b, zeroes, (size_t)(-data.len % TAR_BLOCK));
}

#define USTAR STR("ustar\0" "00")
#define GNU STR("ustar  \0")
static void add_entry(struct buf *b, char type, const char *name, const char *data)
{
	add_header(b, type, name, "", strlen(data), type == 'L' || type == 'K' ? GNU : USTAR);
	add_data(b, str_of(data));
}

static void add_end(struct buf *b)
{
	static const char zeroes[2 * TAR_BLOCK];
	buf_add(b, zeroes, sizeof(zeroes));
}

static void add_pax(struct buf *b, struct str records)
{
	add_header(b, 'x', "PaxHeaders/x", "", records.len, USTAR);
	add_data(b, records);
}

Test(tar_reader, takes_the_old_v7_form_and_folders_by_slash)
{
	cleanup_buf struct buf b = {0};
	add_header(&b, '\0', "./dir/", "", 0, STR(""));
	add_header(&b, '\0', "dir//f", "", 3, STR(""));
	add_data(&b, STR("abc"));
	add_header(&b, '1', "link", "/dir/f", 0, STR(""));
	add_end(&b);
	expect_list(buf_view(&b), "d 644 1:2 0 5 dir\nf 644 1:2 3 5 dir/f =abc\nh 644 1:2 0 5 link -> dir/f\n");
}

Test(tar_reader, takes_gnu_long_names_and_targets)
{
	cleanup_buf struct buf b = {0};
	cleanup_free char *want = NULL;
	char name[300], target[300];
	memset(name, 'n', sizeof(name));
	memset(target, 't', sizeof(target));
	name[0] = target[0] = 'a';
	name[150] = target[150] = '/';
	name[299] = target[299] = '\0';
	add_header(&b, 'L', "././@LongLink", "", 300, GNU);
	add_data(&b, (struct str){name, 300});
	add_header(&b, 'K', "././@LongLink", "", 300, GNU);
	add_data(&b, (struct str){target, 300});
	add_header(&b, '2', "short", "short", 0, GNU);
	add_entry(&b, '0', "next", "x");
	add_end(&b);
	want = mem_printf("l 777 1:2 0 5 %s -> %s\nf 644 1:2 1 5 next =x\n", name, target);
	expect_list(buf_view(&b), want);
}

Test(tar_reader, pax_records_count_for_one_entry)
{
	cleanup_buf struct buf b = {0};
	add_pax(&b, STR("12 path=p/q\n" "16 uid=16777216\n" "11 gid=123\n" "23 mtime=1700000000.75\n" "32 comment=is passed over by us\n"));
	add_entry(&b, '0', "f", "x");
	add_entry(&b, '0', "g", "y");
	add_end(&b);
	expect_list(buf_view(&b), "f 644 16777216:123 1 1700000000 p/q =x\nf 644 1:2 1 5 g =y\n");
}

Test(tar_reader, a_pax_record_of_the_wrong_length_is_refused)
{
	static const char *const records[] = {"14 path=p/q\n\n", "11 path=p/q\n", "13 path=p/q\n", "012345678912 path=p/q\n", "12  path=p/q\n"};
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		struct err e = {0};
		cleanup_buf struct buf b = {0}, out = {0};
		add_pax(&b, str_of(records[i]));
		add_entry(&b, '0', "f", "x");
		add_end(&b);
		cr_expect_eq(list(buf_view(&b), 512, &out, &e), -ERR_CORRUPT, "%s", records[i]);
	}
}

Test(tar_reader, negative_times_and_fractions)
{
	static const struct {
		const char *record;
		int64_t seconds;
		uint32_t nsec;
	} cases[] = {{"12 mtime=-5\n", -5, 0}, {"15 mtime=-5.25\n", -6, 750000000}, {"14 mtime=-0.5\n", -1, 500000000}, {"15 mtime=7.0019\n", 0, 0},
		{"27 mtime=1.123456789999999\n", 1, 123456789}, {"33 mtime=999999999999999999999999\n", INT64_MAX, 0}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};
		cleanup_buf struct buf b = {0};
		struct entry en = {0};
		bool marker;
		add_pax(&b, str_of(cases[i].record));
		add_entry(&b, '0', "f", "");
		add_end(&b);
		struct bytes in = {b.p, b.len, 4096};
		struct tar_reader *r = tar_reader_new(read_bytes, &in, NULL);
		int rc = tar_reader_next(r, &en, &marker, &e);
		if (strlen(cases[i].record) != strtoul(cases[i].record, NULL, 10)) {
			cr_expect_eq(rc, -ERR_CORRUPT, "%s", cases[i].record);
		} else {
			cr_assert_eq(rc, 1, "%s: %s", cases[i].record, e.text);
			cr_expect_eq(en.mtime, cases[i].seconds, "%s: %lld", cases[i].record, (long long)en.mtime);
			cr_expect_eq(en.mtime_nsec, cases[i].nsec, "%s: %u", cases[i].record, en.mtime_nsec);
		}
		tar_reader_free(r);
	}
}

Test(tar_reader, whiteouts_and_opaque_markers_are_told_apart_from_files)
{
	cleanup_buf struct buf b = {0};
	add_entry(&b, '0', "d/.wh.gone", "");
	add_entry(&b, '0', "d/.wh..wh..opq", "");
	add_entry(&b, '0', ".wh..wh.aufs", "");
	add_entry(&b, '0', ".wh..wh.plnk/1", "x");
	add_entry(&b, '0', "not.wh.one", "");
	add_end(&b);
	expect_list(buf_view(&b), "w 0 0:0 0 0 d/gone\nd! 755 0:0 0 0 d\nf 644 1:2 0 5 not.wh.one\n");
}

Test(tar_reader, attributes_are_sorted_and_the_last_of_a_name_counts)
{
	struct err e = {0};
	cleanup_buf struct buf b = {0}, want = {0};
	struct entry en;
	bool marker;
	add_pax(&b, STR("25 SCHILY.xattr.user.z=1\n" "25 SCHILY.xattr.user.a=2\n" "26 SCHILY.xattr.user.z=33\n" "30 SCHILY.xattr.trusted.x=yes\n"));
	add_entry(&b, '0', "f", "");
	add_end(&b);
	struct bytes in = {b.p, b.len, 4096};
	struct tar_reader *r = tar_reader_new(read_bytes, &in, NULL);
	cr_assert_eq(tar_reader_next(r, &en, &marker, &e), 1, "%s", e.text);
	xattrs_add(&want, STR("user.a"), STR("2"));
	xattrs_add(&want, STR("user.z"), STR("33"));
	cr_expect(str_eq(en.xattrs, buf_view(&want)));
	tar_reader_free(r);
}

static void expect_sparse(struct buf *b, const char *what)
{
	struct err e = {0};
	struct entry en;
	bool marker;
	char data[4096] = "";
	size_t len = 0, n = 1;
	struct bytes in = {b->p, b->len, 300};
	struct tar_reader *r = tar_reader_new(read_bytes, &in, NULL);
	cr_assert_eq(tar_reader_next(r, &en, &marker, &e), 1, "%s: %s", what, e.text);
	cr_expect(str_eqz(en.path, "real"), "%s: %.*s", what, STR_ARG(en.path));
	cr_expect_eq(en.size, 2000);
	cr_expect_eq(tar_reader_hole(r), 1000);
	while (n) {
		cr_assert_eq(tar_reader_data(r, data + len, 64, &n, &e), 0, "%s: %s", what, e.text);
		len += n;
	}
	cr_expect_eq(len, 2000, "%s", what);
	for (size_t i = 0; i < len; i++)
		cr_assert_eq(data[i], i >= 1000 && i < 1005 ? "hello"[i - 1000] : i >= 1500 && i < 1503 ? "abc"[i - 1500] : 0, "%s %zu", what, i);
	cr_assert_eq(tar_reader_next(r, &en, &marker, &e), 1, "%s: %s", what, e.text);
	cr_expect(str_eqz(en.path, "next"));
	cr_expect_eq(tar_reader_next(r, &en, &marker, &e), 0);
	tar_reader_free(r);
}

Test(tar_reader, sparse_files_in_all_their_forms_come_with_their_holes)
{
	cleanup_buf struct buf b = {0};
	char map[TAR_BLOCK] = "3\n1000\n5\n1500\n3\n2000\n0\n";
	add_pax(&b, STR("22 GNU.sparse.major=1\n" "22 GNU.sparse.minor=0\n" "24 GNU.sparse.name=real\n" "28 GNU.sparse.realsize=2000\n"));
	add_header(&b, '0', "GNUSparseFile.0/real", "", TAR_BLOCK + 8, USTAR);
	buf_add(&b, map, sizeof(map));
	add_data(&b, STR("helloabc"));
	add_entry(&b, '0', "next", "x");
	add_end(&b);
	expect_sparse(&b, "1.0");
	buf_clear(&b);
	add_pax(&b, STR("24 GNU.sparse.name=real\n" "24 GNU.sparse.size=2000\n" "26 GNU.sparse.numblocks=2\n" "39 GNU.sparse.map=1000,5,1500,3,2000,0\n"));
	add_header(&b, '0', "other", "", 8, USTAR);
	add_data(&b, STR("helloabc"));
	add_entry(&b, '0', "next", "x");
	add_end(&b);
	expect_sparse(&b, "0.1");
	buf_clear(&b);
	add_pax(&b, STR("24 GNU.sparse.size=2000\n" "26 GNU.sparse.numblocks=2\n" "26 GNU.sparse.offset=1000\n" "25 GNU.sparse.numbytes=5\n"
		"26 GNU.sparse.offset=1500\n" "25 GNU.sparse.numbytes=3\n"));
	add_header(&b, '0', "real", "", 8, USTAR);
	add_data(&b, STR("helloabc"));
	add_entry(&b, '0', "next", "x");
	add_end(&b);
	expect_sparse(&b, "0.0");
	buf_clear(&b);
	size_t at = b.len;
	add_header(&b, 'S', "real", "", 8, GNU);
	struct tar_header *h = (struct tar_header *)(b.p + at);
	char *p = (char *)h;
	snprintf(p + 386, 12, "%011o", 1000);
	snprintf(p + 398, 12, "%011o", 5);
	snprintf(p + 410, 12, "%011o", 1500);
	snprintf(p + 422, 12, "%011o", 3);
	snprintf(p + 483, 12, "%011o", 2000);
	snprintf(h->checksum, sizeof(h->checksum), "%06o", tar_header_sum(h));
	add_data(&b, STR("helloabc"));
	add_entry(&b, '0', "next", "x");
	add_end(&b);
	expect_sparse(&b, "old GNU");
}

Test(tar_reader, limits_hold)
{
	struct err e = {0};
	static const struct tar_limits few = {.bytes = 10, .entries = 3, .pax = 100};
	cleanup_buf struct buf b = {0};
	struct entry en;
	bool marker;
	for (int i = 0; i < 4; i++)
		add_entry(&b, '0', "f", "xxx");
	add_end(&b);
	struct bytes in = {b.p, b.len, 4096};
	struct tar_reader *r = tar_reader_new(read_bytes, &in, &few);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(tar_reader_next(r, &en, &marker, &e), 1);
	cr_expect_eq(tar_reader_next(r, &en, &marker, &e), -ERR_LIMIT);
	tar_reader_free(r);
	static const struct tar_limits small = {.bytes = 10, .entries = 100, .pax = 100};
	in = (struct bytes){b.p, b.len, 4096};
	r = tar_reader_new(read_bytes, &in, &small);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(tar_reader_next(r, &en, &marker, &e), 1);
	cr_expect_eq(tar_reader_next(r, &en, &marker, &e), -ERR_LIMIT);
	tar_reader_free(r);
}

/* --- the writer --- */

static int open_in(void *arg, const struct entry *en, int *ret_fd, struct err *e)
{
	int fd = openat(*(int *)arg, en->path.p, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open %s", en->path.p);
	*ret_fd = fd;
	return 0;
}

static void write_tar(const struct index *ix, int dirfd, int64_t clamp, struct buf *out)
{
	struct err e = {0};
	struct sink_buf sink;
	struct tar_writer w;
	sink_buf_init(&sink, out, 64 << 20);
	tar_writer_init(&w, &sink.sink, clamp);
	OK(tar_write_index(&w, ix, open_in, &dirfd, &e));
	cr_expect_eq(w.bytes, out->len);
	cr_expect_eq(out->len % TAR_BLOCK, 0);
}

Test(tar, an_empty_layer_is_1024_zero_bytes)
{
	cleanup_index struct index *ix = index_new();
	cleanup_buf struct buf b = {0};
	char hex[DIGEST_HEX + 1];
	write_tar(ix, -1, INT64_MAX, &b);
	struct digest d = digest_of(b.p, b.len);
	digest_hex(&d, hex);
	cr_expect_str_eq(hex, "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
}

Test(tar, whiteouts_are_empty_files_without_metadata)
{
	cleanup_index struct index *ix = INDEX("d d", "w d/gone", "D opq", "w top");
	cleanup_buf struct buf b = {0};
	write_tar(ix, -1, INT64_MAX, &b);
	const struct tar_header *h = (const struct tar_header *)b.p;
	cr_expect_str_eq(h[0].name, "d/");
	cr_expect_str_eq(h[1].name, "d/.wh.gone");
	cr_expect_eq(h[1].type, '0');
	cr_expect_str_eq(h[1].mode, "0000000");
	cr_expect_str_eq(h[1].mtime, "00000000000");
	cr_expect_str_eq(h[2].name, "opq/");
	cr_expect_str_eq(h[3].name, "opq/.wh..wh..opq");
	cr_expect_str_eq(h[4].name, ".wh.top");
	expect_list(buf_view(&b), "d 755 0:0 0 1000 d\nw 0 0:0 0 0 d/gone\nd 755 0:0 0 1000 opq\nd! 755 0:0 0 0 opq\nw 0 0:0 0 0 top\n");
}

Test(tar, times_above_the_clamp_become_it)
{
	cleanup_index struct index *ix = INDEX("d a", "d b");
	cleanup_buf struct buf b = {0};
	ix->entries[0].mtime = 2000;
	ix->entries[1].mtime = -7;
	write_tar(ix, -1, 1500, &b);
	expect_list(buf_view(&b), "d 755 0:0 0 1500 a\nd 755 0:0 0 -7 b\n");
}

static struct index *odd_index(struct area *a)
{
	struct index *ix = INDEX("f f hello", "h g f", "l s ../else where", "p p");
	struct entry en = {.type = ENTRY_DIR, .mode = 01777, .uid = 3000000, .gid = 4294967294, .mtime = 8589934592, .path = STR("big-ids")};
	char name[256], path[700], target[300];
	static char long_path[6000];
	area_write(a, "f", "hello");
	index_add(ix, &en);
	memset(name, 'n', sizeof(name));
	snprintf(path, sizeof(path), "%.90s/%.90s", name, name); /* fits prefix and name */
	en = (struct entry){.type = ENTRY_SYMLINK, .mode = 0777, .mtime = 1, .path = str_of(path)};
	memset(target, 't', sizeof(target));
	en.target = (struct str){target, sizeof(target)};
	index_add(ix, &en);
	snprintf(path, sizeof(path), "%.250s/%.250s", name, name);
	en = (struct entry){.type = ENTRY_DIR, .mode = 0700, .path = str_of(path)};
	index_add(ix, &en);
	for (int i = 0; i < 20; i++)
		snprintf(long_path + strlen(long_path), 300, "%s%.250s", i ? "/" : "", name);
	en.path = str_of(long_path);
	index_add(ix, &en);
	en.path = STR("caf\xe9");
	en.xattrs = STR("user.a\0\3\0\0\0x\0y");
	index_add(ix, &en);
	en = (struct entry){.type = ENTRY_CHAR, .mode = 0600, .major = 4095, .minor = 1048575, .path = STR("dev")};
	index_add(ix, &en);
	index_sort(ix);
	return ix;
}

Test(tar, what_the_writer_writes_the_reader_reads)
{
	struct err e = {0};
	cleanup_area struct area a = area_new();
	cleanup_index struct index *ix = odd_index(&a);
	cleanup_buf struct buf b = {0};
	write_tar(ix, a.fd, INT64_MAX, &b);
	struct bytes in = {b.p, b.len, 1 << 20};
	struct tar_reader *r = tar_reader_new(read_bytes, &in, NULL);
	for (size_t i = 0; i < ix->n; i++) {
		const struct entry *want = &ix->entries[i];
		struct entry en;
		bool marker;
		cr_assert_eq(tar_reader_next(r, &en, &marker, &e), 1, "%zu: %s", i, e.text);
		cr_expect(str_eq(en.path, want->path), "%.*s", STR_ARG(en.path));
		cr_expect(en.type == want->type && en.mode == want->mode && en.uid == want->uid && en.gid == want->gid && en.size == want->size &&
			en.mtime == want->mtime && en.major == want->major && en.minor == want->minor, "%.*s", STR_ARG(en.path));
		cr_expect(str_eq(en.target, want->target));
		cr_expect(str_eq(en.xattrs, want->xattrs));
	}
	tar_reader_free(r);
}

static void run_checker(const struct area *a, const char *command, const char *want)
{
	cleanup_free char *full = mem_printf("cd %s && { %s; } > out 2>&1", a->path, command);
	struct err e = {0};
	cleanup_buf struct buf b = {0};
	int rc = system(full);
	OK(io_read_file(a->fd, "out", 1 << 20, &b, &e));
	cr_expect_eq(rc, 0, "%s", b.p);
	if (want)
		cr_expect(strstr(b.p, want) != NULL, "%s\nlacks %s", b.p, want);
}

Test(tar, gnu_tar_and_python_read_what_the_writer_writes)
{
	struct err e = {0};
	cleanup_area struct area a = area_new();
	cleanup_index struct index *ix = odd_index(&a);
	cleanup_buf struct buf b = {0};
	write_tar(ix, a.fd, INT64_MAX, &b);
	OK(fs_write_atomic(a.fd, "layer.tar", buf_view(&b), 0644, false, &e));
	run_checker(&a, "LC_ALL=C tar --numeric-owner -tvf layer.tar", "3000000/4294967294");
	run_checker(&a, "python3 -c '\n"
		"import tarfile\n"
		"t = tarfile.open(\"layer.tar\", errors=\"surrogateescape\")\n"
		"m = {x.name: x for x in t.getmembers()}\n"
		"assert len(m) == 10, sorted(m)\n"
		"assert m[\"big-ids\"].gid == 4294967294 and m[\"big-ids\"].mtime == 8589934592 and m[\"big-ids\"].mode == 0o1777\n"
		"assert t.extractfile(\"f\").read() == b\"hello\" and m[\"g\"].islnk() and m[\"g\"].linkname == \"f\"\n"
		"assert max(map(len, m)) == 5019 and m[\"dev\"].devmajor == 4095\n"
		"assert m[\"caf\\udce9\"].pax_headers[\"SCHILY.xattr.user.a\"] == \"x\\0y\"\n"
		"print(\"fine\")'", "fine");
}

Test(tar, gnu_tars_of_every_format_are_read)
{
	static const char *const formats[] = {"v7", "oldgnu", "gnu", "ustar", "posix"};
	struct err e = {0};
	cleanup_area struct area a = area_new();
	OK(fs_mkdirs(a.fd, "in/dir", 0755, &e));
	area_write(&a, "in/dir/f", "content");
	cr_assert_eq(symlinkat("dir/f", a.fd, "in/link"), 0);
	cr_assert_eq(linkat(a.fd, "in/dir/f", a.fd, "in/zlink", 0), 0);
	cleanup_close int sparse = openat(a.fd, "in/sparse", O_WRONLY | O_CREAT, 0644);
	cr_assert_eq(pwrite(sparse, "x", 1, 5 << 20), 1);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		cleanup_buf struct buf b = {0}, out = {0};
		cleanup_free char *command = mem_printf("tar --sort=name --owner=7 --group=8 --mtime=@99 --format=%s %s -C in -cf t.tar .", formats[i],
			i == 0 || i == 3 ? "" : "-S");
		run_checker(&a, command, NULL);
		OK(io_read_file(a.fd, "t.tar", 64 << 20, &b, &e));
		OK(list(buf_view(&b), 4096, &out, &e));
		cr_expect(strstr(out.p, "7:8 7 99 dir/f =content\n") != NULL, "%s: %s", formats[i], out.p);
		cr_expect(strstr(out.p, " 99 link -> dir/f\n") != NULL, "%s: %s", formats[i], out.p);
		cr_expect(strstr(out.p, "h 644 7:8 0 99 zlink -> dir/f\n") != NULL, "%s: %s", formats[i], out.p);
		cr_expect(strstr(out.p, "7:8 5242881 99 sparse\n") != NULL, "%s: %s", formats[i], out.p);
	}
}

Test(tar, a_file_that_is_not_as_long_as_the_index_says_is_an_error)
{
	static const char *const contents[] = {"hell", "hello!", ""};
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		struct err e = {0};
		cleanup_area struct area a = area_new();
		cleanup_index struct index *ix = INDEX("f f hello");
		cleanup_buf struct buf b = {0};
		struct sink_buf sink;
		struct tar_writer w;
		area_write(&a, "f", contents[i]);
		sink_buf_init(&sink, &b, 1 << 20);
		tar_writer_init(&w, &sink.sink, INT64_MAX);
		cr_expect_eq(tar_write_index(&w, ix, open_in, &a.fd, &e), -ERR_CORRUPT);
		tar_writer_done(&w);
	}
}

struct sink_count {
	struct sink sink;
	char first[2048];
	uint64_t bytes;
};

static int count_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct sink_count *c = (struct sink_count *)s;
	(void)e;
	if (c->bytes < sizeof(c->first))
		memcpy(c->first + c->bytes, p, len < sizeof(c->first) - c->bytes ? len : sizeof(c->first) - c->bytes);
	c->bytes += len;
	return 0;
}

Test(tar, sizes_from_8_gib_on_stand_in_a_pax_record)
{
	struct err e = {0};
	struct sink_count c = {.sink = {count_write}};
	struct tar_writer w;
	struct entry en = {.type = ENTRY_FILE, .mode = 0644, .size = (uint64_t)8 << 30, .path = STR("huge")};
	tar_writer_init(&w, &c.sink, INT64_MAX);
	OK(tar_write_entry(&w, &en, &e));
	OK(tar_write_end(&w, &e));
	cr_expect_eq(c.first[156], 'x');
	cr_expect_str_eq(c.first + TAR_BLOCK, "19 size=8589934592\n");
	struct tar_header *h = (struct tar_header *)(c.first + 2 * TAR_BLOCK);
	cr_expect_str_eq(h->name, "huge");
	cr_expect_str_eq(h->size, "00000000000");
	en.size--;
	c.bytes = 0;
	tar_writer_init(&w, &c.sink, INT64_MAX);
	OK(tar_write_entry(&w, &en, &e));
	OK(tar_write_end(&w, &e));
	cr_expect_str_eq(((struct tar_header *)c.first)->size, "77777777777");
}

Test(tar, names_use_the_prefix_field_when_they_can_and_pax_when_not)
{
	static const struct {
		int first, second;
		bool pax;
	} cases[] = {{0, 100, false}, {0, 101, true}, {155, 100, false}, {156, 100, true}, {100, 101, true}, {1, 100, false}, {50, 99, false}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};
		struct sink_count c = {.sink = {count_write}};
		struct tar_writer w;
		char name[300];
		memset(name, 'x', sizeof(name));
		size_t len = (size_t)(cases[i].first + (cases[i].first > 0) + cases[i].second);
		if (cases[i].first)
			name[cases[i].first] = '/';
		struct entry en = {.type = ENTRY_FILE, .path = {name, len}};
		tar_writer_init(&w, &c.sink, INT64_MAX);
		OK(tar_write_entry(&w, &en, &e));
		OK(tar_write_end(&w, &e));
		cr_expect_eq(c.first[156] == 'x', cases[i].pax, "%d/%d", cases[i].first, cases[i].second);
	}
}

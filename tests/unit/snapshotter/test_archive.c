/* SPDX-License-Identifier: Apache-2.0 */
#include "copy_helpers.h"

#include "snapshotter/archive_reader.h"
#include "snapshotter/compress.h"
#include "snapshotter/xattrs.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* One file "foo" of eight bytes, mode 0600. */
static const unsigned char tar_bz2[] = {
	66, 90, 104, 57, 49, 65, 89, 38, 83, 89, 23, 131, 204, 212, 0, 0, 47, 219, 128, 202, 0, 64, 0, 119, 128, 0, 2, 107, 1,
	158, 0, 8, 40, 32, 0, 84, 66, 1, 160, 0, 13, 4, 166, 169, 228, 141, 52, 105, 160, 1, 188, 143, 152, 78, 48, 99, 203,
	222, 38, 134, 4, 202, 119, 118, 138, 32, 138, 205, 192, 180, 5, 158, 175, 85, 172, 138, 175, 115, 26, 160, 80, 67, 200,
	61, 224, 55, 206, 31, 141, 7, 33, 31, 139, 185, 34, 156, 40, 72, 11, 193, 230, 106, 0};
static const unsigned char tar_xz[] = {
	253, 55, 122, 88, 90, 0, 0, 1, 105, 34, 222, 54, 2, 0, 33, 1, 22, 0, 0, 0, 116, 47, 229, 163, 224, 7, 255, 0, 73, 93,
	0, 51, 27, 236, 1, 186, 112, 195, 68, 76, 221, 1, 235, 65, 105, 95, 203, 115, 56, 214, 85, 76, 17, 247, 4, 204, 74,
	131, 96, 52, 249, 118, 243, 106, 89, 32, 110, 102, 8, 173, 26, 10, 131, 23, 201, 42, 210, 66, 12, 134, 227, 148, 24,
	139, 117, 87, 130, 225, 60, 150, 7, 72, 131, 31, 8, 171, 14, 3, 9, 20, 214, 134, 56, 0, 0, 0, 0, 0, 174, 113, 17, 115,
	0, 1, 97, 128, 16, 0, 0, 0, 47, 239, 2, 225, 62, 48, 13, 139, 2, 0, 0, 0, 0, 1, 89, 90};

/* --- archives out of lines --- */

struct made {
	struct buf bytes;
	struct sink_buf sink;
	struct tar_writer w;
};

static void made_begin(struct made *m)
{
	*m = (struct made){0};
	sink_buf_init(&m->sink, &m->bytes, 1 << 24);
	tar_writer_init(&m->w, &m->sink.sink, INT64_MAX);
}

/* As index_put, in any order and with any path. */
static void made_put(struct made *m, const char *line)
{
	struct err e = {0};
	cleanup_index struct index *one = index_new();
	index_put(one, line);
	struct entry *en = &one->entries[0];
	en->uid = 33;
	en->gid = 44;
	const char *text = strlen(line) > 3 + en->path.len ? line + 3 + en->path.len : "";
	OK(tar_write_entry(&m->w, en, &e));
	if (en->type != ENTRY_FILE)
		return;
	OK(tar_write_data(&m->w, text, (size_t)en->size, &e));
	OK(tar_write_pad(&m->w, en->size, &e));
}

static void made_end(struct made *m)
{
	struct err e = {0};
	OK(tar_write_end(&m->w, &e));
}

static int give(void *arg, void *p, size_t len, size_t *ret, struct err *e)
{
	struct str *left = arg;
	(void)e;
	*ret = left->len < len ? left->len : len;
	memcpy(p, left->p, *ret);
	*left = str_from(*left, *ret);
	return 0;
}

static void squeeze(struct buf *b, enum compression c)
{
	struct err e = {0};
	struct sink_buf out;
	struct str left = buf_view(b);
	struct compress_from from = {give, NULL, &left};
	struct buf packed = {0};
	sink_buf_init(&out, &packed, 1 << 24);
	OK(compress_all(c, -1, 1, &from, &out.sink, &e));
	buf_done(b);
	*b = packed;
}

static int as_file(struct str bytes)
{
	struct err e = {0};
	char name[] = "/tmp/cooper-archive-XXXXXX";
	int fd = mkstemp(name);
	unlink(name);
	OK(io_write_all(fd, bytes.p, bytes.len, &e));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* --- the reader --- */

static void expect_foo(struct str bytes, const char *what)
{
	struct err e = {0};
	struct entry en;
	char data[16];
	size_t n;
	cleanup_close int fd = as_file(bytes);
	cleanup_archive_reader struct archive_reader *r = NULL;
	cr_expect(archive_reader_sniff(bytes.p, bytes.len), "%s", what);
	cr_assert_eq(archive_reader_open(fd, &tar_limits_default, &r, &e), 0, "%s: %s", what, e.text);
	cr_assert_eq(archive_reader_next(r, &en, &e), 1);
	cr_expect(str_eqz(en.path, "foo") && en.type == ENTRY_FILE && en.size == 8, "%s", what);
	OK(archive_reader_data(r, data, sizeof(data), &n, &e));
	cr_expect(n == 8 && memcmp(data, "content0", 8) == 0, "%s", what);
	cr_expect_eq(archive_reader_next(r, &en, &e), 0, "%s", what);
}

Test(archive, five_kinds_are_told_by_their_bytes)
{
	static const enum compression ours[] = {COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD};
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		struct made m;
		made_begin(&m);
		made_put(&m, "f foo content0");
		made_end(&m);
		if (ours[i] != COMPRESS_NONE)
			squeeze(&m.bytes, ours[i]);
		expect_foo(buf_view(&m.bytes), compress_name(ours[i]));
		buf_done(&m.bytes);
	}
	expect_foo((struct str){(const char *)tar_bz2, sizeof(tar_bz2)}, "bzip2");
	expect_foo((struct str){(const char *)tar_xz, sizeof(tar_xz)}, "xz");
}

Test(archive, other_files_are_none)
{
	static const char zeroes[1024], text[1024] = "just a text";
	cr_expect_not(archive_reader_sniff(text, sizeof(text)));
	cr_expect_not(archive_reader_sniff(zeroes, sizeof(zeroes)));
	cr_expect_not(archive_reader_sniff("", 0));
	cleanup_buf struct buf b = {0};
	buf_add(&b, text, sizeof(text));
	squeeze(&b, COMPRESS_GZIP);
	cleanup_close int fd = as_file(buf_view(&b));
	struct err e = {0};
	struct archive_reader *r = NULL;
	cr_expect(archive_reader_sniff(b.p, b.len), "it might be");
	cr_expect_eq(archive_reader_open(fd, &tar_limits_default, &r, &e), -ERR_NOT_FOUND);
}

static int read_to_end(struct str bytes, const struct tar_limits *limits, struct err *e)
{
	cleanup_close int fd = as_file(bytes);
	cleanup_archive_reader struct archive_reader *r = NULL;
	struct entry en;
	char data[4096];
	size_t n;
	int rc;
	TRY(archive_reader_open(fd, limits, &r, e));
	while ((rc = archive_reader_next(r, &en, e)) > 0)
		do
			TRY(archive_reader_data(r, data, sizeof(data), &n, e));
		while (n);
	return rc;
}

static void big_archive(struct buf *b, enum compression c)
{
	struct made m;
	static char line[20000];
	made_begin(&m);
	memset(line, 'x', sizeof(line) - 1);
	for (size_t i = 8; i < sizeof(line) - 1; i += 7)
		line[i] = (char)('a' + (i * i / 11) % 26);
	memcpy(line, "f big ", 6);
	made_put(&m, line);
	made_end(&m);
	if (c != COMPRESS_NONE)
		squeeze(&m.bytes, c);
	*b = m.bytes;
}

Test(archive, what_is_cut_short_is_an_error_and_not_a_file)
{
	static const enum compression kinds[] = {COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		cleanup_buf struct buf b = {0};
		struct err e = {0};
		big_archive(&b, kinds[i]);
		OK(read_to_end(buf_view(&b), &tar_limits_default, &e));
		struct str half = str_sub(buf_view(&b), 0, b.len / 2);
		cr_expect_eq(read_to_end(half, &tar_limits_default, &e), -ERR_CORRUPT, "%s: %s", compress_name(kinds[i]), e.text);
	}
	struct err e = {0};
	cr_expect_eq(read_to_end((struct str){(const char *)tar_xz, sizeof(tar_xz) - 40}, &tar_limits_default, &e), -ERR_CORRUPT);
	cr_expect_eq(read_to_end((struct str){(const char *)tar_bz2, sizeof(tar_bz2) - 40}, &tar_limits_default, &e), -ERR_CORRUPT);
}

/* Turns the first header into an old GNU sparse one: so many bytes, `stored` of them at its beginning. */
static void make_sparse(char *h, unsigned stored, unsigned size)
{
	unsigned sum = 0;
	h[156] = 'S';
	memcpy(h + 257, "ustar  ", 8);
	memset(h + 345, 0, 512 - 345);
	snprintf(h + 386, 12, "%011o", 0u);
	snprintf(h + 398, 12, "%011o", stored);
	snprintf(h + 483, 12, "%011o", size);
	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
}

Test(archive, holes_are_zeroes)
{
	struct made m;
	struct err e = {0};
	struct entry en;
	char data[2000];
	size_t n, got = 0;
	made_begin(&m);
	made_put(&m, "f s abc");
	made_put(&m, "f t after");
	made_end(&m);
	make_sparse(m.bytes.p, 3, 1500);
	cleanup_close int fd = as_file(buf_view(&m.bytes));
	cleanup_archive_reader struct archive_reader *r = NULL;
	OK(archive_reader_open(fd, &tar_limits_default, &r, &e));
	cr_assert_eq(archive_reader_next(r, &en, &e), 1);
	cr_assert_eq(en.size, 1500);
	do {
		OK(archive_reader_data(r, data + got, sizeof(data) - got, &n, &e));
		got += n;
	} while (n);
	cr_expect_eq(got, 1500);
	cr_expect(memcmp(data, "abc\0\0", 5) == 0 && data[1499] == 0);
	cr_assert_eq(archive_reader_next(r, &en, &e), 1);
	cr_expect_eq(en.size, 5);
	buf_done(&m.bytes);
}

Test(archive, limits_hold)
{
	cleanup_buf struct buf b = {0};
	struct err e = {0};
	big_archive(&b, COMPRESS_NONE);
	struct tar_limits few = tar_limits_default, small = tar_limits_default;
	few.entries = 0;
	small.bytes = 1000;
	cr_expect_eq(read_to_end(buf_view(&b), &few, &e), -ERR_LIMIT);
	cr_expect_eq(read_to_end(buf_view(&b), &small, &e), -ERR_LIMIT);
}

Test(archive, two_compressions_are_not_undone)
{
	cleanup_buf struct buf b = {0};
	struct err e = {0};
	big_archive(&b, COMPRESS_GZIP);
	squeeze(&b, COMPRESS_GZIP);
	cr_expect_lt(read_to_end(buf_view(&b), &tar_limits_default, &e), 0);
}

/* --- ADD --- */

struct unpack {
	const char *entries[8], *below[8];
	const char *dest, *want; /* the layer, or the beginning of the error */
	bool fails;
};
static const struct unpack unpacks[] = {
	{{"f foo x"}, {0}, "/dest", "d:dest f:dest/foo"},
	{{"f foo x"}, {0}, "/", "f:foo"},
	{{"f a/b/c x"}, {0}, "/", "d:a d:a/b f:a/b/c"},
	{{"f ../../evil x", "f ok y"}, {0}, "/d/", "d:d f:d/evil f:d/ok"},
	{{"f /abs x", "f ./a//b/../c x"}, {0}, "/d/", "d:d d:d/a f:d/a/c f:d/abs"},
	{{"l l ../../..", "f l/evil x"}, {0}, "/d/", "d:d f:d/evil l:d/l>../../.."},
	{{"l l /tmp", "f l/in x"}, {"d tmp"}, "/d/", "\"/t\": cannot be unpacked: /d/tmp: not found, a symbolic link leads there", true},
	{{"d tmp", "l l /tmp", "f l/in x"}, {"d tmp"}, "/d/", "d:d l:d/l>/tmp d:d/tmp f:d/tmp/in"},
	{{"l a b", "l b a", "f a/x y"}, {0}, "/d/", "\"/t\": cannot be unpacked: /d/", true},
	{{"f x 1"}, {"d x", "f x/y"}, "/", "f:x"},
	{{"d x", "f x/n 1"}, {"f x old"}, "/", "d:x f:x/n"},
	{{"f x 1", "d x", "f x/new 2"}, {"d x", "f x/old", "d x/new", "f x/new/in"}, "/", "d:x f:x/new w:x/old"},
	{{"d x", "d x/new"}, {"d x", "f x/old", "d x/new", "f x/new/in"}, "/", "d:x d:x/new"},
	{{"d a", "f a/1 x", "f a y", "d a", "f a/2 z"}, {0}, "/", "d:a f:a/2"},
	{{"f a x", "h b a", "h c b"}, {0}, "/o/", "d:o f:o/a h:o/b>o/a h:o/c>o/a"},
	{{"f a x", "h b a", "f a other"}, {0}, "/", "f:a f:b"},
	{{"h b a"}, {0}, "/", "\"/t\": cannot be unpacked: /b: a hard link to /a, which is not there", true},
	{{"h b a"}, {"f a x"}, "/", "\"/t\": cannot be unpacked: /b: a hard link to /a, which is not in the archive", true},
	{{"h b ../../a", "f a x"}, {0}, "/d/", "\"/t\": cannot be unpacked: /d/b: a hard link to /d/a, which is not there", true},
	{{"f .wh.x 1", "f a/.wh..wh..opq 1", "f y 2"}, {"d a", "f x"}, "/", "f:y"},
	{{"f f 1", "f f/x 1"}, {0}, "/", "\"/t\": cannot be unpacked: cannot copy to non-directory: /f", true},
	{{"f x 1"}, {"f d"}, "/d", "\"/t\": cannot copy to non-directory: /d", true},
};

struct adding {
	struct area area;
	struct store *s;
	struct fake_source f;
	struct copy_item item;
	struct copy_args a;
};
static void adding_done(struct adding *x)
{
	if (x->f.dirfd >= 0)
		close(x->f.dirfd);
	fake_done(&x->f);
	store_close(x->s);
	area_done(&x->area);
}
static void adding_open(struct adding *x, struct str archive)
{
	struct err e = {0};
	*x = (struct adding){.area = area_new()};
	OK(fs_write_atomic(x->area.fd, "t", archive, 0644, false, &e));
	cleanup_free char *path = mem_printf("%s/store", x->area.path);
	OK(store_open(path, 1000, &x->s, &e));
	struct index *ix = INDEX("f t");
	ix->entries[0].size = archive.len;
	ix->entries[0].digest = digest_of(archive.p, archive.len);
	fake_init(&x->f, ix, dup(x->area.fd));
	x->item = (struct copy_item){.source = &x->f.source, .path = STR("t"), .archive = true};
	x->a = COPY_ARGS(.items = &x->item, .nitems = 1, .dest = STR("/"), .store = x->s);
}

Test(archive, entries_land_below_the_destination)
{
	for (size_t i = 0; i < ARRAY_LEN(unpacks); i++) {
		const struct unpack *u = &unpacks[i];
		struct err e = {0};
		struct made m;
		__attribute__((cleanup(adding_done))) struct adding x;
		cleanup_copy_plan struct copy_plan plan = {0};
		cleanup_buf struct buf b = {0};
		made_begin(&m);
		for (size_t k = 0; k < 8 && u->entries[k]; k++)
			made_put(&m, u->entries[k]);
		made_end(&m);
		adding_open(&x, buf_view(&m.bytes));
		buf_done(&m.bytes);
		cleanup_index struct index *below = index_of_lines(u->below);
		cleanup_view struct view *v = view_new((const struct index *const *)&below, 1);
		x.a.dest = str_of(u->dest);
		int rc = copy_make_plan(&x.a, v, &plan, &e);
		cr_assert_eq(rc < 0, u->fails, "case %zu: %s", i, e.text);
		if (rc == 0)
			describe_index(plan.index, &b);
		else
			buf_puts(&b, e.text);
		cr_expect(u->fails ? str_starts(buf_view(&b), str_of(u->want)) : str_eqz(buf_view(&b), u->want), "case %zu:\n is:  %s\n not: %s", i, b.p, u->want);
	}
}

Test(archive, owners_modes_and_bytes_arrive)
{
	struct err e = {0};
	struct made m;
	struct layer l;
	struct copy_stats stats;
	struct stat st;
	int fs;
	__attribute__((cleanup(adding_done))) struct adding x;
	cleanup_copy_plan struct copy_plan plan = {0};
	made_begin(&m);
	made_put(&m, "f one first file");
	made_put(&m, "f d/two second");
	made_put(&m, "h three one");
	made_end(&m);
	squeeze(&m.bytes, COMPRESS_ZSTD);
	adding_open(&x, buf_view(&m.bytes));
	buf_done(&m.bytes);
	x.a.dest = STR("/o");
	x.a.chmod = STR("600");
	OK(copy_make_plan(&x.a, NULL, &plan, &e));
	cr_expect_not(digest_none(&index_find(plan.index, STR("o/one"))->digest));
	struct entry *one = index_find(plan.index, STR("o/one")), *made = index_find(plan.index, STR("o/d"));
	cr_expect(one->uid == 33 && one->gid == 44 && one->mode == 0644 && one->mtime == 1000, "--chmod does nothing here");
	cr_expect(made->uid == 0 && made->mode == 0755);
	struct copy_out out = {.want_folder = true, .want_tar = true, .clamp = INT64_MAX};
	OK(copy_carry_out(x.s, &x.a, &plan, &out, &l, &stats, &e));
	OK(store_layer_folder(x.s, &l.id, &fs, &e));
	cleanup_buf struct buf first = {0}, second = {0};
	OK(io_read_file(fs, "o/three", 100, &first, &e));
	OK(io_read_file(fs, "o/d/two", 100, &second, &e));
	cr_expect(str_eqz(buf_view(&first), "first file") && str_eqz(buf_view(&second), "second"));
	cr_assert_eq(fstatat(fs, "o/one", &st, 0), 0);
	cr_expect_eq(st.st_nlink, 2);
	close(fs);
}

Test(archive, owner_given_by_the_instruction_counts_for_all)
{
	struct err e = {0};
	struct made m;
	__attribute__((cleanup(adding_done))) struct adding x;
	cleanup_copy_plan struct copy_plan plan = {0};
	made_begin(&m);
	made_put(&m, "f d/two second");
	made_put(&m, "l l d");
	made_end(&m);
	adding_open(&x, buf_view(&m.bytes));
	buf_done(&m.bytes);
	x.a.set_owner = true;
	x.a.uid = 100;
	x.a.gid = 200;
	x.a.dest = STR("/o");
	OK(copy_make_plan(&x.a, NULL, &plan, &e));
	for (size_t i = 0; i < plan.index->n; i++)
		cr_expect(plan.index->entries[i].uid == 100 && plan.index->entries[i].gid == 200);
}

Test(archive, files_that_are_none_are_copied_unless_they_must_be_unpacked)
{
	struct err e = {0};
	__attribute__((cleanup(adding_done))) struct adding x;
	cleanup_copy_plan struct copy_plan plan = {0}, never = {0};
	adding_open(&x, STR("no archive"));
	x.a.dest = STR("/o/");
	OK(copy_make_plan(&x.a, NULL, &plan, &e));
	cr_expect_not_null(index_find(plan.index, STR("o/t")));
	x.item.unpack_required = true;
	cr_expect_eq(copy_make_plan(&x.a, NULL, &never, &e), -ERR_STEP);
}

Test(archive, deletion_marks_are_left_out_with_a_warning)
{
	struct err e = {0};
	struct made m;
	cleanup_buf struct buf warnings = {0};
	__attribute__((cleanup(adding_done))) struct adding x;
	cleanup_copy_plan struct copy_plan plan = {0};
	made_begin(&m);
	made_put(&m, "f a/.wh.b 1");
	made_put(&m, "w gone");
	made_end(&m);
	adding_open(&x, buf_view(&m.bytes));
	buf_done(&m.bytes);
	x.a.warn = note_warning;
	x.a.warn_arg = &warnings;
	OK(copy_make_plan(&x.a, NULL, &plan, &e));
	cr_expect_eq(plan.index->n, 0);
	cr_expect(str_starts(buf_view(&warnings), STR("\"t\": 2 entries whose name begins with \".wh.\"")), "%s", warnings.p);
}

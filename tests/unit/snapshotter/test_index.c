/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"

Test(index, slash_sorts_before_every_other_byte)
{
	static const char *const sorted[] = {"a", "a/b", "a/b/c", "a/b-", "a-", "a-/x", "a.b", "ab", "b", "\xc3\xa9"};
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t k = 0; k < ARRAY_LEN(sorted); k++) {
			int c = path_cmp(str_of(sorted[i]), str_of(sorted[k]));
			cr_expect_eq((c > 0) - (c < 0), (i > k) - (i < k), "%s %s: %d", sorted[i], sorted[k], c);
		}
	cr_expect_lt(path_cmp(STR("abcdefghijklm/x"), STR("abcdefghijklm-x")), 0);
}

Test(index, within_means_the_folder_or_below_it)
{
	cr_expect(path_within(STR("a"), STR("a")));
	cr_expect(path_within(STR("a/b"), STR("a")));
	cr_expect(path_within(STR("a/b"), STR("")));
	cr_expect_not(path_within(STR("ab"), STR("a")));
	cr_expect_not(path_within(STR("a"), STR("a/b")));
	cr_expect(str_eqz(path_parent(STR("a/b/c")), "a/b"));
	cr_expect(str_eqz(path_parent(STR("a")), ""));
	cr_expect(str_eqz(path_base(STR("a/b/c")), "c"));
	cr_expect(str_eqz(path_base(STR("c")), "c"));
}

Test(index, only_clean_relative_paths_are_valid)
{
	static const char *const bad[] = {"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "a/./b", "../a"};
	char longest[257];
	memset(longest, 'n', sizeof(longest));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_not(path_valid(str_of(bad[i])), "%s", bad[i]);
	cr_expect(path_valid(STR("a/...b/.c")));
	cr_expect(path_valid((struct str){longest, 255}));
	cr_expect_not(path_valid((struct str){longest, 256}));
	cr_expect_not(path_valid((struct str){"a\0b", 3}));
}

Test(index, sorting_keeps_the_last_of_equal_paths)
{
	cleanup_index struct index *ix = INDEX("f b one", "f a/x", "d a", "f b two!", "f a-b", "w b");
	cr_assert_eq(ix->n, 4);
	cr_expect(str_eqz(ix->entries[0].path, "a"));
	cr_expect(str_eqz(ix->entries[1].path, "a/x"));
	cr_expect(str_eqz(ix->entries[2].path, "a-b"));
	cr_expect_eq(ix->entries[3].type, ENTRY_WHITEOUT);
}

static void below(const struct index *ix, const char *dir, size_t *ret_first, size_t *ret_last)
{
	struct entry *self;
	*ret_first = 0;
	*ret_last = ix->n;
	index_range(ix, str_of(dir), ret_first, ret_last, &self);
	cr_expect(self == index_find(ix, str_of(dir)));
}

Test(index, find_and_range)
{
	size_t first, last;
	cleanup_index struct index *ix = INDEX("d a", "f a/1", "d a/b", "f a/b/c", "f a/z", "f a-x", "d b", "f b/only", "f c");
	cr_expect_eq(index_find(ix, STR("a/b/c"))->type, ENTRY_FILE);
	cr_expect_null(index_find(ix, STR("a/b/")));
	cr_expect_null(index_find(ix, STR("zz")));
	below(ix, "a", &first, &last);
	cr_expect_eq(first, 1);
	cr_expect_eq(last, 5);
	below(ix, "b", &first, &last);
	cr_expect(str_eqz(ix->entries[first].path, "b/only"));
	cr_expect_eq(last - first, 1);
	below(ix, "c", &first, &last);
	cr_expect_eq(first, last);
}

Test(index, the_range_is_right_for_subtrees_of_every_size)
{
	cleanup_index struct index *ix = index_new();
	char name[64];
	for (int dir = 0; dir < 70; dir++) {
		for (int i = -1; i < dir; i++) {
			snprintf(name, sizeof(name), i < 0 ? "d %03d" : "f %03d/%03d", dir, i);
			index_put(ix, name);
		}
	}
	for (int dir = 0; dir < 70; dir++) {
		size_t first, last;
		snprintf(name, sizeof(name), "%03d", dir);
		below(ix, name, &first, &last);
		cr_expect_eq(last - first, (size_t)dir, "%d: %zu", dir, last - first);
	}
}

Test(index, content_id_leaves_times_out_and_the_layer_id_has_them)
{
	cleanup_index struct index *a = INDEX("d x", "f x/f hello"), *b = INDEX("d x", "f x/f hello"), *c = INDEX("d x", "f x/f hellO");
	struct digest one = index_content_id(a), two = index_layer_id(a), d;
	b->entries[1].mtime++;
	d = index_content_id(b);
	cr_expect(digest_eq(&one, &d));
	d = index_layer_id(b);
	cr_expect_not(digest_eq(&two, &d));
	b->entries[1].mtime--;
	b->entries[1].mtime_nsec = 5;
	d = index_layer_id(b);
	cr_expect(digest_eq(&two, &d), "nanoseconds are not in a layer tar");
	d = index_content_id(c);
	cr_expect_not(digest_eq(&one, &d));
	cr_expect_not(digest_eq(&one, &two));
	b->entries[1].mtime_nsec = 0;
	b->entries[1].clock = true;
	d = index_content_id(b);
	cr_expect(digest_eq(&one, &d), "whose time it is says nothing of the content");
	d = index_layer_id(b);
	cr_expect_not(digest_eq(&two, &d), "but gives other tars");
}

static const struct {
	int64_t mtime;
	bool clock;
	int64_t epoch, want;
} epochs[] = {
    {5, false, INT64_MAX, 5}, {5, true, INT64_MAX, 5}, {5, false, 9, 5}, {5, true, 9, 9}, {10, false, 9, 9}, {10, true, 9, 9},
    {9, true, 9, 9}, {-1, false, 0, -1}, {-1, true, 0, 0},
};

Test(index, an_epoch_takes_later_times_and_those_of_the_clock)
{
	for (size_t i = 0; i < ARRAY_LEN(epochs); i++) {
		cleanup_index struct index *ix = INDEX("w a", "f b x");
		ix->entries[1].mtime = epochs[i].mtime;
		ix->entries[1].clock = epochs[i].clock;
		cr_expect_eq(entry_time(&ix->entries[1], epochs[i].epoch), epochs[i].want, "row %zu", i);
		cr_expect_eq(index_clamps(ix, epochs[i].epoch), epochs[i].want != epochs[i].mtime, "row %zu", i);
	}
}

Test(index, every_field_that_counts_changes_the_content_id)
{
	cleanup_index struct index *a = INDEX("f f hello"), *s = INDEX("l s target"), *w = INDEX("w x");
	struct digest was = index_content_id(a), is;
	struct entry *en = a->entries, keep = *en;
#define CHANGES(statement)                          \
	do {                                        \
		statement;                          \
		is = index_content_id(a);           \
		cr_expect_not(digest_eq(&was, &is)); \
		*en = keep;                         \
	} while (0)
	CHANGES(en->mode = 0600);
	CHANGES(en->uid = 1);
	CHANGES(en->gid = 1);
	CHANGES(en->size = 6);
	CHANGES(en->digest.b[31] ^= 1);
	CHANGES(en->xattrs = STR("user.x\0\1\0\0\0v"));
	CHANGES(en->type = ENTRY_DIR);
	CHANGES(en->path = STR("g"));
#undef CHANGES
	en->origin = 7;
	en->major = 3;
	is = index_content_id(a);
	cr_expect(digest_eq(&was, &is), "what has no meaning for a file is not hashed");
	was = index_content_id(s);
	s->entries[0].target = STR("targeT");
	is = index_content_id(s);
	cr_expect_not(digest_eq(&was, &is));
	was = index_layer_id(w);
	w->entries[0].uid = 5;
	w->entries[0].mtime = 5;
	is = index_layer_id(w);
	cr_expect(digest_eq(&was, &is), "a whiteout has no metadata");
}

static struct index *rich(void)
{
	struct index *ix = INDEX("d d", "D d/opaque", "f d/f some bytes", "h d/h d/f", "l d/s ../x y", "p d/p", "w d/w");
	struct entry dev = {.path = STR("dev"), .type = ENTRY_BLOCK, .mode = 04755, .uid = 4294967294, .gid = 70000, .major = 4095, .minor = 1048575,
		.mtime = -5, .mtime_nsec = 999999999, .xattrs = STR("user.a\0\1\0\0\0x")};
	index_add(ix, &dev);
	index_sort(ix);
	index_find(ix, STR("d/f"))->clock = true;
	return ix;
}

Test(index, what_is_written_is_read_again)
{
	struct err e = {0};
	cleanup_area struct area a = area_new();
	cleanup_index struct index *ix = rich(), *back = NULL;
	OK(index_write(ix, a.fd, "index", &e));
	OK(index_read(a.fd, "index", &back, &e));
	cr_assert_eq(back->n, ix->n);
	for (size_t i = 0; i < ix->n; i++) {
		const struct entry *x = &ix->entries[i], *y = &back->entries[i];
		cr_expect(str_eq(x->path, y->path) && str_eq(x->target, y->target) && str_eq(x->xattrs, y->xattrs));
		cr_expect(x->type == y->type && x->opaque == y->opaque && x->mode == y->mode && x->uid == y->uid && x->gid == y->gid);
		cr_expect(x->size == y->size && x->mtime == y->mtime && x->mtime_nsec == y->mtime_nsec && x->major == y->major && x->minor == y->minor);
		cr_expect(digest_eq(&x->digest, &y->digest) && x->clock == y->clock);
		cr_expect_eq(y->path.p[y->path.len], '\0');
	}
	cr_expect_eq(index_read(a.fd, "none", &back, &e), -ERR_NOT_FOUND);
}

Test(index, the_former_form_is_read)
{
	struct err e = {0};
	cleanup_buf struct buf b = {0};
	cleanup_index struct index *ix = INDEX("d d", "f d/f x"), *back = NULL;
	index_print(ix, &b);
	cr_assert_eq(memcmp(b.p, "cooper index 2", 14), 0);
	b.p[13] = '1';
	uint64_t sum = index_checksum(str_sub(buf_view(&b), 0, b.len - sizeof(sum)));
	memcpy(b.p + b.len - sizeof(sum), &sum, sizeof(sum));
	OK(index_parse(buf_view(&b), &back, &e));
	cr_expect(back->n == 2 && !back->entries[1].clock);
}

Test(index, every_flipped_bit_and_every_cut_is_found)
{
	struct err e = {0};
	cleanup_index struct index *ix = rich();
	cleanup_buf struct buf b = {0};
	struct index *back;
	index_print(ix, &b);
	for (size_t i = 0; i < b.len * 8; i++) {
		b.p[i / 8] ^= (char)(1 << i % 8);
		cr_assert_lt(index_parse(buf_view(&b), &back, &e), 0, "bit %zu", i);
		b.p[i / 8] ^= (char)(1 << i % 8);
	}
	for (size_t n = 0; n < b.len; n++)
		cr_assert_lt(index_parse((struct str){b.p, n}, &back, &e), 0, "cut at %zu", n);
	OK(index_parse(buf_view(&b), &back, &e));
	index_free(back);
}

Test(index, an_index_with_paths_that_could_climb_is_refused)
{
	struct err e = {0};
	static const char *const lines[] = {"f ../x", "f /x", "f a//b"};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		cleanup_index struct index *ix = INDEX(lines[i]);
		cleanup_buf struct buf b = {0};
		struct index *back;
		index_print(ix, &b);
		cr_expect_eq(index_parse(buf_view(&b), &back, &e), -ERR_CORRUPT, "%s", lines[i]);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"

#include "snapshotter/view.h"

#define VIEW(name, ...)                                                               \
	const struct index *const name##_layers[] = {__VA_ARGS__};                     \
	cleanup_view struct view *name = view_new(name##_layers, ARRAY_LEN(name##_layers))

static bool same(const struct view *a, const char *at, const struct view *b, const char *there)
{
	struct digest x = view_digest(a, str_of(at)), y = view_digest(b, str_of(there));
	return digest_eq(&x, &y);
}

Test(view_digest, what_is_elsewhere_does_not_count)
{
	cleanup_index struct index *a = INDEX("d u", "f u/1 x", "d u/s", "f u/s/2 y", "f v"), *b = INDEX("d w", "d w/u", "f w/u/1 x", "d w/u/s", "f w/u/s/2 y");
	cleanup_index struct index *other = INDEX("d u", "f u/1 x", "d u/s", "f u/s/2 z");
	VIEW(v, a);
	VIEW(w, b);
	VIEW(x, other);
	cr_expect(same(v, "u", w, "w/u"));
	cr_expect_not(same(v, "u", x, "u"));
	cr_expect_not(same(v, "u", v, ""));
	cr_expect(same(v, "u/1", x, "u/1"));
	cr_expect_not(same(v, "u/1", v, "u/s/2"));
}

Test(view_digest, layers_are_seen_as_one)
{
	cleanup_index struct index *a = INDEX("d u", "f u/1 x", "f u/2 y"), *b = INDEX("d u", "w u/2", "f u/3 z"), *whole = INDEX("d u", "f u/1 x", "f u/3 z");
	cleanup_index struct index *opaque = INDEX("D u", "f u/1 x", "f u/3 z");
	VIEW(v, a, b);
	VIEW(w, whole);
	VIEW(x, a, opaque);
	cr_expect(same(v, "u", w, "u"));
	cr_expect(same(x, "u", w, "u"));
}

Test(view_digest, the_folder_itself_counts_but_times_do_not)
{
	cleanup_index struct index *a = INDEX("d u", "f u/1 x"), *b = INDEX("d u", "f u/1 x"), *c = INDEX("d u", "f u/1 x");
	a->entries[0].mtime = a->entries[1].mtime = 1;
	c->entries[0].mode ^= 0100;
	VIEW(v, a);
	VIEW(w, b);
	VIEW(x, c);
	cr_expect(same(v, "u", w, "u"));
	cr_expect_not(same(v, "u", x, "u"));
}

Test(view_digest, names_of_one_file_are_told_from_files_that_are_alike)
{
	cleanup_index struct index *linked = INDEX("d u", "f u/1 x", "h u/2 u/1"), *two = INDEX("d u", "f u/1 x", "f u/2 x");
	cleanup_index struct index *outside = INDEX("f a x", "d u", "h u/1 a", "h u/2 a"), *alone = INDEX("f a x", "d u", "h u/1 a");
	VIEW(v, linked);
	VIEW(w, two);
	VIEW(x, outside);
	VIEW(y, alone);
	cr_expect_not(same(v, "u", w, "u"));
	cr_expect(same(v, "u", x, "u"), "where the first name stands does not count");
	cr_expect(same(y, "u/1", v, "u/1"));
}

Test(view_digest, links_count_by_their_text)
{
	cleanup_index struct index *a = INDEX("d u", "l u/l ../x"), *b = INDEX("d u", "l u/l ../y");
	VIEW(v, a);
	VIEW(w, b);
	cr_expect_not(same(v, "u", w, "u"));
}

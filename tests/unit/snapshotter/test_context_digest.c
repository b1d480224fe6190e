/* SPDX-License-Identifier: Apache-2.0 */
/* Digests that are remembered from build to build, and when they are not believed. */
#include "context_helpers.h"

Test(context_digest, digests_are_remembered_and_nothing_is_read_again)
{
	struct stat before, after;
	struct digest d;
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a", "alpha");
	put(&t, "b/c", "charlie");
	settle();
	struct context_reads reads = {0};
	struct context *c = open_context(&t, NULL);
	need(c, "");
	cr_assert(!knows(c, "a", &d));
	d = digest_in(c, "a", &reads);
	cr_assert(is_of(&d, "alpha"));
	d = digest_in(c, "b/c", &reads);
	cr_assert(is_of(&d, "charlie"));
	cr_assert_eq(reads.files, 2);
	cr_assert_eq(reads.bytes, 12);
	d = digest_in(c, "b/c", &reads);
	cr_assert_eq(reads.files, 2);
	context_close(c);
	cr_assert_eq(fstatat(t.fd, "cache", &before, 0), 0);

	c = open_context(&t, NULL);
	need(c, "");
	cr_assert(knows(c, "b/c", &d) && is_of(&d, "charlie"));
	struct entry en;
	cr_assert(view_find(context_view(c), STR("a"), &en) && is_of(&en.digest, "alpha"));
	digest_in(c, "a", &reads);
	cr_assert_eq(reads.files, 2);
	context_close(c);
	cr_assert_eq(fstatat(t.fd, "cache", &after, 0), 0);
	cr_assert_eq(before.st_ino, after.st_ino, "an unchanged context writes nothing");
}

static void remember_all(const struct tempdir *t, const char *const *paths, size_t n)
{
	settle();
	cleanup_context struct context *c = open_context(t, NULL);
	need(c, "");
	for (size_t i = 0; i < n; i++)
		digest_in(c, paths[i], NULL);
}

Test(context_digest, a_changed_file_is_read_again_also_with_its_old_size_and_mtime)
{
	struct digest d;
	struct stat st;
	static const char *const paths[] = {"a", "b", "c"};
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a", "one");
	put(&t, "b", "one");
	put(&t, "c", "one");
	remember_all(&t, paths, 3);
	fstatat(t.fd, "c/b", &st, 0);
	tempdir_write(&t, "c/b", "two");
	cr_assert_eq(utimensat(t.fd, "c/b", (struct timespec[]){st.st_atim, st.st_mtim}, 0), 0);
	settle();
	cleanup_context struct context *c = open_context(&t, NULL);
	need(c, "");
	cr_assert(knows(c, "a", &d));
	cr_assert(!knows(c, "b", &d));
	cr_assert(knows(c, "c", &d));
	d = digest_in(c, "b", NULL);
	cr_assert(is_of(&d, "two"));
}

Test(context_digest, a_file_changed_just_before_the_walk_is_not_trusted_the_next_time)
{
	struct digest d;
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "old", "old");
	settle();
	put(&t, "new", "one");
	struct context *c = open_context(&t, NULL);
	need(c, "");
	digest_in(c, "old", NULL);
	digest_in(c, "new", NULL);
	struct context_reads reads = {0};
	d = digest_in(c, "new", &reads);
	cr_assert_eq(reads.files, 0, "within one build it is known");
	context_close(c);
	c = open_context(&t, NULL);
	need(c, "");
	cr_assert(knows(c, "old", &d));
	cr_assert(!knows(c, "new", &d));
	context_close(c);
}

Test(context_digest, what_was_not_walked_this_time_stays_remembered)
{
	struct digest d;
	static const char *const paths[] = {"a/x", "b/y", "c/z"};
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a/x", "x");
	put(&t, "b/y", "y");
	put(&t, "c/z", "z");
	remember_all(&t, paths, 3);
	unlinkat(t.fd, "c/b/y", 0);
	put(&t, "b/new", "n");
	settle();
	struct context *c = open_context(&t, NULL);
	need(c, "b");
	digest_in(c, "b/new", NULL);
	context_close(c);
	c = open_context(&t, NULL);
	need(c, "");
	cr_assert(knows(c, "a/x", &d) && is_of(&d, "x"));
	cr_assert(knows(c, "b/new", &d) && is_of(&d, "n"));
	cr_assert(knows(c, "c/z", &d) && is_of(&d, "z"));
	context_close(c);
}

Test(context_digest, a_damaged_cache_is_as_good_as_none)
{
	struct err e;
	struct digest d;
	static const char *const paths[] = {"a", "b"};
	cleanup_buf struct buf good = {0};
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a", "a");
	put(&t, "b", "b");
	remember_all(&t, paths, 2);
	cr_assert_eq(io_read_file(t.fd, "cache", 100000, &good, &e), 0);
	for (size_t i = 0; i < good.len; i++) {
		cleanup_free char *bad = mem_strndup(good.p, good.len);
		memcpy(bad, good.p, good.len);
		bad[i] = (char)(bad[i] ^ 1);
		cr_assert_eq(
		    fs_write_atomic(t.fd, "cache", (struct str){bad, i % 2 ? good.len : i}, 0600, false, &e), 0);
		cleanup_context struct context *c = open_context(&t, NULL);
		need(c, "");
		cr_assert(!knows(c, "a", &d), "byte %zu", i);
	}
	cr_assert_eq(fs_write_atomic(t.fd, "cache", buf_view(&good), 0600, false, &e), 0);
	cleanup_context struct context *c = open_context(&t, NULL);
	need(c, "");
	cr_assert(knows(c, "a", &d));
}

Test(context_digest, a_file_that_was_changed_since_the_walk)
{
	struct err e;
	struct digest d;
	struct str same = STR("same-size"), longer = STR("longer"), gone = STR("gone");
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "same-size", "one");
	put(&t, "longer", "one");
	put(&t, "gone", "one");
	settle();
	cleanup_context struct context *c = open_context(&t, NULL);
	need(c, "");
	put(&t, "same-size", "two");
	put(&t, "longer", "more than one");
	unlinkat(t.fd, "c/gone", 0);
	cr_assert_eq(context_digests(c, &same, 1, &d, NULL, NULL, &e), 0);
	cr_assert(is_of(&d, "two"), "what it is when it is read");
	cr_assert_eq(context_digests(c, &longer, 1, &d, NULL, NULL, &e), -ERR_STEP);
	cr_assert_not_null(strstr(e.text, "longer"));
	cr_assert_eq(context_digests(c, &gone, 1, &d, NULL, NULL, &e), -ERR_NOT_FOUND);
}

Test(context_digest, learned_digests_are_taken_only_from_the_file_of_the_walk)
{
	struct digest d = digest_of("one", 3), back;
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a", "one");
	put(&t, "b", "one");
	settle();
	struct context *c = open_context(&t, NULL);
	need(c, "");
	cleanup_close int a = openat(t.fd, "c/a", O_RDONLY), b = -1;
	context_learn(c, STR("a"), a, &d);
	struct context_reads reads = {0};
	back = digest_in(c, "a", &reads);
	cr_assert(reads.files == 0 && digest_eq(&back, &d));
	put(&t, "b", "two");
	b = openat(t.fd, "c/b", O_RDONLY);
	context_learn(c, STR("b"), b, &d);
	back = digest_in(c, "b", &reads);
	cr_assert(reads.files == 1 && is_of(&back, "two"));
	context_close(c);
	c = open_context(&t, NULL);
	need(c, "");
	cr_assert(knows(c, "a", &back) && digest_eq(&back, &d));
	context_close(c);
}

Test(context_digest, works_without_a_place_to_remember)
{
	struct err e;
	struct context *c;
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a", "x");
	cleanup_free char *path = mem_printf("%s/c", t.path);
	cr_assert_eq(context_open(path, NULL, -1, NULL, &c, &e), 0);
	need(c, "");
	struct digest d = digest_in(c, "a", NULL);
	cr_assert(is_of(&d, "x"));
	context_close(c);
	cr_assert(!fs_exists(t.fd, "cache"));
	cr_assert_eq(context_open("/nonexistent", NULL, -1, NULL, &c, &e), -ERR_SYS);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Walks of many files by many threads, and one that is stopped. */
#include "context_helpers.h"

#include <pthread.h>

static void make_many(const struct tempdir *t)
{
	for (int i = 0; i < 3000; i++) {
		char path[64], text[16];
		snprintf(path, sizeof(path), "d%d/e%d/file-%d", i % 7, i % 31, i);
		snprintf(text, sizeof(text), "%d", i);
		put(t, path, text);
	}
	for (int i = 0; i < 2000; i++) {
		char path[64];
		snprintf(path, sizeof(path), "flat/a-rather-long-common-beginning-%d", i * 7919 % 2000);
		put(t, path, "x");
	}
}

static int check_order(void *arg, const struct entry *en)
{
	struct str *last = arg;
	cr_assert(
	    last->len == 0 || path_cmp(*last, en->path) < 0, "%.*s after %.*s", STR_ARG(en->path), STR_ARG(*last));
	*last = en->path;
	return 0;
}

Test(context_walk, any_number_of_threads_sees_the_same)
{
	struct err e;
	cleanup_buf struct buf first = {0};
	cleanup_tempdir struct tempdir t = new_place();
	make_many(&t);
	for (unsigned threads = 1; threads < 6; threads++) {
		struct str last = {0};
		cleanup_buf struct buf b = {0};
		cleanup_context struct context *c = open_context(&t, NULL);
		cr_assert_eq(context_need(c, STR(""), threads, NULL, &e), 0);
		view_walk(context_view(c), STR(""), check_order, &last);
		view_walk(context_view(c), STR(""), add_line, &b);
		if (threads == 1)
			buf_str(&first, buf_view(&b));
		cr_assert(str_eq(buf_view(&b), buf_view(&first)), "%u threads", threads);
	}
	size_t lines = 0;
	for (size_t i = 0; i < first.len; i++)
		lines += first.p[i] == '\n';
	cr_assert_eq(lines, 3000 + 2000 + 1 + 7 + 7 * 31);
}

struct one_thread {
	struct context *c;
	int number;
};

static void *need_and_digest(void *arg)
{
	struct one_thread *o = arg;
	struct err e;
	char dir[8], text[16];
	snprintf(dir, sizeof(dir), "d%d", o->number);
	if (context_need(o->c, str_of(dir), 1, NULL, &e) < 0)
		return (void *)1;
	const struct view *v = context_view(o->c);
	for (int i = o->number; i < 3000; i += 7) {
		char path[64];
		struct entry en;
		snprintf(path, sizeof(path), "d%d/e%d/file-%d", i % 7, i % 31, i);
		struct str p = str_of(path);
		struct digest d;
		snprintf(text, sizeof(text), "%d", i);
		if (!view_find(v, p, &en) || context_digests(o->c, &p, 1, &d, NULL, NULL, &e) < 0 || !is_of(&d, text))
			return (void *)1;
	}
	return NULL;
}

Test(context_walk, threads_may_ask_for_different_parts_at_once)
{
	pthread_t ids[7];
	struct one_thread args[7];
	cleanup_tempdir struct tempdir t = new_place();
	make_many(&t);
	cleanup_context struct context *c = open_context(&t, NULL);
	for (int i = 0; i < 7; i++) {
		args[i] = (struct one_thread){c, i};
		pthread_create(&ids[i], NULL, need_and_digest, &args[i]);
	}
	for (int i = 0; i < 7; i++) {
		void *bad;
		pthread_join(ids[i], &bad);
		cr_assert_null(bad);
	}
}

Test(context_walk, a_cancelled_walk_says_so)
{
	struct err e;
	struct cancel cancel = {0};
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a/b", "x");
	cleanup_context struct context *c = open_context(&t, NULL);
	atomic_store(&cancel.set, true);
	cr_assert_eq(context_need(c, STR(""), 0, &cancel, &e), -ERR_CANCELLED);
	expect(c, "");
	need(c, "");
	expect(c, "d a\nf a/b\n");
}

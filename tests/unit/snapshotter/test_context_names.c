/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are remembered: folders that did not change are not listed again, and nobody can tell. */
#include "context_helpers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "snapshotter/context_impl.h"

static void show(const struct tempdir *t, const char *cache, const struct context_filter *f, const char *path, struct buf *out)
{
	struct err e;
	struct context *c = NULL;
	cleanup_free char *folder = mem_printf("%s/c", t->path);
	cr_assert_eq(context_open(folder, f, cache ? t->fd : -1, cache, &c, &e), 0);
	need(c, path);
	view_walk(context_view(c), STR(""), add_line, out);
	const struct view *v = context_view(c);
	static const char *const files[] = {"a/x", "a/b/y", "z"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) { /* so that something is learned and written */
		struct entry en;
		if (view_find(v, str_of(files[i]), &en) && en.type == ENTRY_FILE)
			digest_in(c, files[i], NULL);
	}
	context_close(c);
}

/* What is there is what a look without any memory finds. */
static void same(const struct tempdir *t, const struct context_filter *f, const char *path, const char *when)
{
	cleanup_buf struct buf with = {0}, without = {0};
	buf_puts(&with, "");
	buf_puts(&without, "");
	settle();
	show(t, "cache", f, path, &with);
	show(t, NULL, f, path, &without);
	cr_assert_str_eq(with.p, without.p, "%s", when);
}

static const char *const places[] = {"a", "a/b", "a/x", "a/b/y", "a.b", "a/b.c", "n/o/p", "z", "a/q"};

/* One small change somewhere: a file, a folder, a symlink appears, goes, is replaced or moved. */
static void change(const struct tempdir *t, unsigned r)
{
	cleanup_free char *at = mem_printf("%s/c/%s", t->path, places[r % ARRAY_LEN(places)]);
	cleanup_free char *other = mem_printf("%s/c/%s", t->path, places[r / 16 % ARRAY_LEN(places)]);
	cleanup_free char *text = mem_printf("mkdir -p '%s/c/a/b' '%s/c/n/o'; rm -rf '%s'; cd '%s/c' && case %u in 0) echo %u >'%s';; "
					     "1) mkdir -p '%s' && echo in >'%s/y';; 2) ln -s a '%s';; 3) [ -e '%s' ] && mv '%s' '%s';; esac",
	    t->path, t->path, at, t->path, r / 256 % 5, r, at, at, at, at, other, other, at);
	cleanup_free char *quiet = mem_printf("( %s ) >/dev/null 2>&1", text);
	(void)!system(quiet);
}

Test(context_names, any_change_is_seen)
{
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a/x", "x");
	put(&t, "a/b/y", "y");
	same(&t, NULL, "", "at first");
	for (unsigned i = 1; i < 40; i++) {
		unsigned r = i * 2654435761u >> 8;
		cleanup_free char *when = mem_printf("change %u (%u)", i, r);
		change(&t, r);
		same(&t, NULL, i % 5 == 0 ? "a" : "", when);
	}
}

static bool drops(void *arg, struct str path, bool folder, bool *ret_prune)
{
	const bool *on = arg;
	*ret_prune = folder;
	return *on && (str_ends(path, STR(".o")) || str_eq(path, STR("deps")));
}

/* One build that asks for both, and learns what is in the second. */
static void two_paths(const struct tempdir *t, const struct context_filter *f, const char *first, const char *second)
{
	settle();
	cleanup_context struct context *c = open_context(t, f);
	need(c, first);
	need(c, second);
	static const char *const files[] = {"a/x", "a/b/y"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct entry en;
		if (view_find(context_view(c), str_of(files[i]), &en))
			digest_in(c, files[i], NULL);
	}
}

Test(context_names, what_a_filter_took_away_comes_back_with_another_filter)
{
	bool on = true;
	struct context_filter f = {drops, &on};
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "z", "z");
	put(&t, "a/x.o", "x");
	put(&t, "a/x", "x");
	put(&t, "deps/one/two", "2");
	for (int i = 0; i < 4; i++) {
		on = i % 2 == 0;
		same(&t, &f, "", on ? "filtered" : "not filtered");
	}
}

Test(context_names, an_excluded_path_that_was_asked_for_is_not_forgotten)
{
	bool on = false;
	struct context_filter f = {drops, &on};
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "z", "z");
	put(&t, "deps/one", "1");
	put(&t, "a/x.o", "o");
	put(&t, "a/x", "x");
	same(&t, &f, "", "all");
	on = true;
	put(&t, "a/b/y", "y"); /* something is learned in the next walks, so they write */
	same(&t, &f, "a/b", "a part");
	tempdir_write(&t, "c/a/b/y", "yy");
	same(&t, &f, "deps", "excluded");
	tempdir_write(&t, "c/a/x", "xx");
	two_paths(&t, &f, "deps", "a");
	tempdir_write(&t, "c/a/b/y", "yyy");
	two_paths(&t, &f, "a/x.o", "a/b");
	on = false;
	same(&t, &f, "", "not excluded any more");
}

static bool only_deep(void *arg, struct str path, bool folder, bool *ret_prune)
{
	(void)arg;
	(void)folder;
	*ret_prune = false;
	return str_starts(path, STR("a")) && !str_ends(path, STR("keep"));
}

Test(context_names, an_excluded_folder_is_there_as_soon_as_something_in_it_is_kept)
{
	struct context_filter f = {only_deep, NULL};
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "z", "z");
	put(&t, "a/b/no", "n");
	same(&t, &f, "", "nothing kept");
	same(&t, &f, "", "nothing kept, again");
	put(&t, "a/b/keep", "k");
	same(&t, &f, "", "kept");
	unlinkat(t.fd, "c/a/b/keep", 0);
	same(&t, &f, "", "gone again");
}

/* What the file says of the folder at the top. */
static bool top_is_whole(const struct tempdir *t, struct buf *names)
{
	struct remembered r;
	struct known_name k;
	remembered_open(t->fd, "cache", &r);
	cr_assert(r.map);
	struct known_folder top = remembered_root(&r);
	bool whole = top.whole;
	while (known_next(&top, &k))
		buf_printf(names, "%s ", k.name.p);
	remembered_done(&r);
	return whole;
}

/* A later change within the same tick of the clock could leave the folder's times as they are. */
Test(context_names, a_folder_changed_just_before_the_walk_is_listed_again)
{
	cleanup_buf struct buf lines = {0}, names = {0};
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "z", "z");
	settle();
	put(&t, "new", "n");
	show(&t, "cache", NULL, "", &lines);
	cr_assert(!top_is_whole(&t, &names));
	same(&t, NULL, "", "later");
	cr_assert(top_is_whole(&t, &names));
	cr_assert_str_eq(names.p, "new z new z ");
}

Test(context_names, what_is_gone_is_forgotten)
{
	cleanup_buf struct buf names = {0};
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "z", "z");
	put(&t, "gone/x", "x");
	same(&t, NULL, "", "at first");
	cr_assert_eq(unlinkat(t.fd, "c/gone/x", 0), 0);
	cr_assert_eq(unlinkat(t.fd, "c/gone", AT_REMOVEDIR), 0);
	same(&t, NULL, "", "later");
	cr_assert(top_is_whole(&t, &names));
	cr_assert_str_eq(names.p, "z ");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/base/tempdir.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/context.h"

/* The context is <temp>/c, the remembered digests are <temp>/cache. */
static struct context *open_context(const struct tempdir *t, const struct context_filter *f)
{
	struct err e;
	struct context *c = NULL;
	cleanup_free char *path = mem_printf("%s/c", t->path);
	cr_assert_eq(context_open(path, f, t->fd, "cache", &c, &e), 0);
	return c;
}

static struct tempdir new_place(void)
{
	struct tempdir t = tempdir_new();
	cr_assert_eq(mkdirat(t.fd, "c", 0755), 0);
	return t;
}

static void put(const struct tempdir *t, const char *path, const char *text)
{
	struct err e;
	cleanup_free char *full = mem_printf("c/%s", path);
	cleanup_free char *parent = mem_strdup(full);
	*strrchr(parent, '/') = '\0';
	cr_assert_eq(fs_mkdirs(t->fd, parent, 0755, &e), 0);
	tempdir_write(t, full, text);
}

static void need(struct context *c, const char *path)
{
	struct err e;
	int rc = context_need(c, str_of(path), 0, NULL, &e);
	cr_assert_eq(rc, 0, "%s", rc < 0 ? e.text : "");
}

static int add_line(void *arg, const struct entry *en)
{
	static const char letters[] = "?fdslpcbw";
	buf_printf(arg, "%c %.*s", letters[en->type], STR_ARG(en->path));
	if (en->target.len)
		buf_printf(arg, " > %.*s", STR_ARG(en->target));
	buf_putc(arg, '\n');
	return 0;
}

static void expect(struct context *c, const char *want)
{
	cleanup_buf struct buf b = {0};
	buf_puts(&b, "");
	view_walk(context_view(c), STR(""), add_line, &b);
	cr_assert_str_eq(b.p, want);
}

/* Long enough ago for the walk to trust the files. */
static void settle(void)
{
	usleep(60000);
}

static struct digest digest_in(struct context *c, const char *path, struct context_reads *reads)
{
	struct err e;
	struct str p = str_of(path);
	struct digest d = {0};
	int rc = context_digests(c, &p, 1, &d, reads, NULL, &e);
	cr_assert_eq(rc, 0, "%s", rc < 0 ? e.text : "");
	return d;
}

static bool is_of(const struct digest *d, const char *text)
{
	struct digest want = digest_of(text, strlen(text));
	return digest_eq(d, &want);
}

Test(context, entries_come_in_order_with_root_owners)
{
	struct entry en;
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a.b", "1");
	put(&t, "a/z", "22");
	put(&t, "a/b/c", "333");
	put(&t, "B", "");
	cr_assert_eq(symlinkat("a/z", t.fd, "c/link"), 0);
	cr_assert_eq(mkfifoat(t.fd, "c/pipe", 0640), 0);
	cr_assert_eq(fchmodat(t.fd, "c/a/z", 04711, 0), 0);
	cleanup_context struct context *c = open_context(&t, NULL);
	need(c, "");
	expect(c, "f B\nd a\nd a/b\nf a/b/c\nf a/z\nf a.b\ns link > a/z\np pipe\n");
	cr_assert(view_find(context_view(c), STR("a/z"), &en));
	cr_assert_eq(en.size, 2);
	cr_assert_eq(en.mode, 04711);
	cr_assert_eq(en.uid, 0);
	cr_assert_eq(en.gid, 0);
	struct stat st;
	fstatat(t.fd, "c/a/z", &st, 0);
	cr_assert_eq(en.mtime, st.st_mtim.tv_sec);
	cr_assert_eq(en.mtime_nsec, st.st_mtim.tv_nsec);
	cr_assert(view_find(context_view(c), STR("link"), &en));
	cr_assert_eq(en.mode, 0777);
}

Test(context, a_socket_is_an_empty_file_and_fifos_are_never_opened)
{
	struct err e;
	struct entry en;
	int fd = -1;
	cleanup_tempdir struct tempdir t = new_place();
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/c/sock", t.path);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(fchmodat(t.fd, "c/sock", 0751, 0), 0);
	mkfifoat(t.fd, "c/pipe", 0600);
	cleanup_context struct context *c = open_context(&t, NULL);
	need(c, "");
	expect(c, "p pipe\nf sock\n");
	cr_assert(view_find(context_view(c), STR("sock"), &en));
	cr_assert_eq(en.size, 0);
	cr_assert_eq(en.mode, 0751);
	struct context_reads reads = {0};
	struct digest d = digest_in(c, "sock", &reads);
	cr_assert(is_of(&d, ""));
	cr_assert_eq(reads.files, 0);
	cr_assert_eq(context_file(c, STR("sock"), &fd, &e), 0);
	cleanup_buf struct buf b = {0};
	cr_assert_eq(io_read_fd(fd, 10, &b, &e), 0);
	cr_assert_eq(b.len, 0);
	close(fd);
	cr_assert_eq(context_file(c, STR("pipe"), &fd, &e), -ERR_STEP);
	struct str pipe = STR("pipe");
	cr_assert_eq(context_digests(c, &pipe, 1, &d, NULL, NULL, &e), -ERR_NOT_FOUND);
	close(s);
}

Test(context, only_what_is_needed_is_walked_and_pieces_come_together)
{
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "src/a.c", "a");
	put(&t, "src/deep/b.c", "b");
	put(&t, "lib/x", "x");
	put(&t, "top", "t");
	cleanup_context struct context *c = open_context(&t, NULL);
	expect(c, "");
	need(c, "src/deep");
	expect(c, "d src\nd src/deep\nf src/deep/b.c\n");
	need(c, "top");
	need(c, "missing/file");
	need(c, "top/below");
	expect(c, "d src\nd src/deep\nf src/deep/b.c\nf top\n");
	need(c, "src");
	expect(c, "d src\nf src/a.c\nd src/deep\nf src/deep/b.c\nf top\n");
	put(&t, "src/new", "n");
	need(c, "src/deep");
	need(c, "src");
	expect(c, "d src\nf src/a.c\nd src/deep\nf src/deep/b.c\nf top\n");
	need(c, "");
	expect(c, "d lib\nf lib/x\nd src\nf src/a.c\nd src/deep\nf src/deep/b.c\nf src/new\nf top\n");
}

Test(context, a_symlink_on_the_way_is_an_entry_and_not_followed)
{
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "real/file", "x");
	cr_assert_eq(symlinkat("/etc", t.fd, "c/etc"), 0);
	cr_assert_eq(symlinkat("real", t.fd, "c/link"), 0);
	cleanup_context struct context *c = open_context(&t, NULL);
	need(c, "etc/passwd");
	need(c, "link/file");
	expect(c, "s etc > /etc\ns link > real\n");
}

/* --- the filter --- */

/* "*.o" anywhere; "out" but not "out/keep"; "node_modules" as a whole. */
static bool filter(void *arg, struct str path, bool folder, bool *ret_prune)
{
	atomic_int *asked = arg;
	if (asked)
		atomic_fetch_add(asked, 1);
	if (path_within(path, STR("node_modules"))) {
		*ret_prune = folder;
		return true;
	}
	if (path_within(path, STR("out")))
		return !path_within(path, STR("out/keep"));
	if (path_within(path, STR("empty")))
		return true;
	return str_ends(path, STR(".o"));
}

Test(context, excluded_paths_are_left_out_and_kept_ones_bring_their_parents)
{
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a.c", "x");
	put(&t, "a.o", "x");
	put(&t, "out/gone/x", "x");
	put(&t, "out/keep/y", "x");
	put(&t, "out/z", "x");
	put(&t, "empty/sub/x", "x");
	put(&t, "node_modules/p/q", "x");
	cr_assert_eq(fchmodat(t.fd, "c/out", 0710, 0), 0);
	cleanup_context struct context *c = open_context(&t, &(struct context_filter){filter, NULL});
	need(c, "");
	expect(c, "f a.c\nd out\nd out/keep\nf out/keep/y\n");
	struct entry en;
	cr_assert(view_find(context_view(c), STR("out"), &en));
	cr_assert_eq(en.mode, 0710);
}

Test(context, pruned_folders_are_not_even_looked_at)
{
	atomic_int asked = 0;
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "node_modules/p/q", "x");
	put(&t, "node_modules/p/r", "x");
	cleanup_context struct context *c = open_context(&t, &(struct context_filter){filter, &asked});
	need(c, "");
	expect(c, "");
	cr_assert_eq(atomic_load(&asked), 1);
}

Test(context, needed_paths_are_filtered_like_walked_ones)
{
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "out/keep/y", "x");
	put(&t, "out/z", "x");
	put(&t, "node_modules/p/q", "x");
	cleanup_context struct context *c = open_context(&t, &(struct context_filter){filter, NULL});
	need(c, "out/z");
	need(c, "node_modules/p/q");
	expect(c, "");
	need(c, "out/keep/y");
	expect(c, "d out\nd out/keep\nf out/keep/y\n");
}

Test(context, hides_tells_what_is_there_but_excluded)
{
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "a.o", "x");
	put(&t, "a.c", "x");
	put(&t, "out/keep/y", "x");
	put(&t, "out/z", "x");
	put(&t, "node_modules/p/q", "x");
	cleanup_context struct context *c = open_context(&t, &(struct context_filter){filter, NULL});
	need(c, "");
	cr_assert(context_hides(c, STR("a.o")));
	cr_assert(context_hides(c, STR("out/z")));
	cr_assert(context_hides(c, STR("node_modules/p/q")));
	cr_assert(context_hides(c, STR("node_modules")));
	cr_assert(!context_hides(c, STR("a.c")));
	cr_assert(!context_hides(c, STR("out")));
	cr_assert(!context_hides(c, STR("missing.o")));
	cr_assert(!context_hides(c, STR("node_modules/missing")));
	cr_assert(!context_hides(c, STR("")));
}

/* --- hard links --- */

Test(context, names_of_one_file_become_links_to_the_first_of_the_walked_ones)
{
	struct entry en;
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "m/two", "same");
	cr_assert_eq(linkat(t.fd, "c/m/two", t.fd, "c/z", 0), 0);
	cr_assert_eq(linkat(t.fd, "c/m/two", t.fd, "c/a.o", 0), 0);
	cr_assert_eq(linkat(t.fd, "c/m/two", t.fd, "c/a", 0), 0);
	cleanup_context struct context *c = open_context(&t, &(struct context_filter){filter, NULL});
	need(c, "m");
	expect(c, "d m\nf m/two\n");
	need(c, "z");
	expect(c, "d m\nf m/two\nl z > m/two\n");
	need(c, "");
	expect(c, "f a\nd m\nl m/two > a\nl z > a\n");
	struct context_reads reads = {0};
	struct str paths[] = {STR("z"), STR("a"), STR("m/two")};
	struct digest ds[3];
	struct err e;
	cr_assert_eq(context_digests(c, paths, 3, ds, &reads, NULL, &e), 0);
	cr_assert(is_of(&ds[0], "same") && is_of(&ds[1], "same") && is_of(&ds[2], "same"));
	cr_assert_eq(reads.files, 1, "one file is read once");
	cr_assert(view_inode(context_view(c), STR("z"), &en));
	cr_assert_eq(en.size, 4);
}

/* --- digests --- */

Test(context, digests_are_remembered_and_nothing_is_read_again)
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
	cr_assert(!context_knows(c, STR("a"), &d));
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
	cr_assert(context_knows(c, STR("b/c"), &d) && is_of(&d, "charlie"));
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

Test(context, a_changed_file_is_read_again_also_with_its_old_size_and_mtime)
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
	cr_assert(context_knows(c, STR("a"), &d));
	cr_assert(!context_knows(c, STR("b"), &d));
	cr_assert(context_knows(c, STR("c"), &d));
	d = digest_in(c, "b", NULL);
	cr_assert(is_of(&d, "two"));
}

Test(context, a_file_changed_just_before_the_walk_is_not_trusted_the_next_time)
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
	cr_assert(context_knows(c, STR("new"), &d), "within one build it is known");
	context_close(c);
	c = open_context(&t, NULL);
	need(c, "");
	cr_assert(context_knows(c, STR("old"), &d));
	cr_assert(!context_knows(c, STR("new"), &d));
	context_close(c);
}

Test(context, what_was_not_walked_this_time_stays_remembered)
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
	cr_assert(context_knows(c, STR("a/x"), &d) && is_of(&d, "x"));
	cr_assert(context_knows(c, STR("b/new"), &d) && is_of(&d, "n"));
	cr_assert(context_knows(c, STR("c/z"), &d) && is_of(&d, "z"));
	context_close(c);
}

Test(context, a_damaged_cache_is_as_good_as_none)
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
		cr_assert(!context_knows(c, STR("a"), &d), "byte %zu", i);
	}
	cr_assert_eq(fs_write_atomic(t.fd, "cache", buf_view(&good), 0600, false, &e), 0);
	cleanup_context struct context *c = open_context(&t, NULL);
	need(c, "");
	cr_assert(context_knows(c, STR("a"), &d));
}

Test(context, a_file_that_was_changed_since_the_walk)
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

Test(context, learned_digests_are_taken_only_from_the_file_of_the_walk)
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
	cr_assert(context_knows(c, STR("a"), &back) && digest_eq(&back, &d));
	put(&t, "b", "two");
	b = openat(t.fd, "c/b", O_RDONLY);
	context_learn(c, STR("b"), b, &d);
	cr_assert(!context_knows(c, STR("b"), &back));
	context_close(c);
	c = open_context(&t, NULL);
	need(c, "");
	cr_assert(context_knows(c, STR("a"), &back));
	context_close(c);
}

Test(context, files_are_opened_without_following_symlinks)
{
	struct err e;
	int fd = -1;
	cleanup_tempdir struct tempdir t = new_place();
	put(&t, "real/file", "x");
	cr_assert_eq(symlinkat("real", t.fd, "c/link"), 0);
	cr_assert_eq(symlinkat("real/file", t.fd, "c/filelink"), 0);
	cleanup_context struct context *c = open_context(&t, NULL);
	need(c, "");
	cr_assert_eq(context_file(c, STR("real/file"), &fd, &e), 0);
	close(fd);
	cr_assert_lt(context_file(c, STR("link/file"), &fd, &e), 0);
	cr_assert_lt(context_file(c, STR("filelink"), &fd, &e), 0);
	cr_assert_lt(context_file(c, STR("../cache"), &fd, &e), 0);
}

/* --- many --- */

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

Test(context, any_number_of_threads_sees_the_same)
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

Test(context, threads_may_ask_for_different_parts_at_once)
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

Test(context, a_cancelled_walk_says_so)
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

Test(context, works_without_a_place_to_remember)
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

/* SPDX-License-Identifier: Apache-2.0 */
/* What a walk finds: entries, what the filter leaves out, hard links. */
#include "context_helpers.h"

#include <sys/socket.h>
#include <sys/un.h>

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

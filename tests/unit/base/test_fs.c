/* SPDX-License-Identifier: Apache-2.0 */
#include "tempdir.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/mem.h"

Test(fs, mkdirs_makes_all_and_takes_what_is_there)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cr_assert_eq(fs_mkdirs(t.fd, "a/b/c", 0700, &e), 0);
	cr_assert_eq(fs_mkdirs(t.fd, "a/b/c", 0700, &e), 0);
	cr_assert_eq(fs_mkdirs(t.fd, "a//b/", 0700, &e), 0);
	cr_assert(fs_exists(t.fd, "a/b/c"));
	tempdir_write(&t, "file", "x");
	cr_assert_eq(fs_mkdirs(t.fd, "file/b", 0700, &e), -ERR_SYS);
}

Test(fs, remove_tree_opens_up_folders_and_follows_nothing)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	tempdir_write(&t, "outside", "stays");
	fs_mkdirs(t.fd, "tree/a/b", 0700, &e);
	fs_mkdirs(t.fd, "other", 0700, &e);
	tempdir_write(&t, "other/kept", "x");
	tempdir_write(&t, "tree/a/file", "x");
	cr_assert_eq(symlinkat("../../other", t.fd, "tree/a/link"), 0);
	cr_assert_eq(fchmodat(t.fd, "tree/a", 0, 0), 0);
	cr_assert_eq(fs_remove_tree(t.fd, "tree", &e), 0, "%s", e.text);
	cr_assert(!fs_exists(t.fd, "tree"));
	cr_assert(fs_exists(t.fd, "other/kept"));
	cr_assert_eq(fs_remove_tree(t.fd, "tree", &e), 0);
}

Test(fs, remove_tree_goes_deeper_than_there_are_descriptors)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	struct rlimit few = {100 + 200, 100 + 200};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	cr_assert_eq(mkdirat(t.fd, "deep", 0700), 0);
	int fd = openat(t.fd, "deep", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 700; i++) {
		cr_assert_eq(mkdirat(fd, "d", 0700), 0);
		cr_assert_eq(mkdirat(fd, "deep-0", 0700), 0);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	close(fd);
	cr_assert_eq(fs_remove_tree(t.fd, "deep", &e), 0, "%s", e.text);
	cr_assert(!fs_exists(t.fd, "deep"));
}

Test(fs, write_atomic_replaces_and_leaves_nothing_beside)
{
	struct err e;
	struct stat st;
	cleanup_buf struct buf b = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cr_assert_eq(fs_write_atomic(t.fd, "f", STR("one"), 0640, true, &e), 0);
	cr_assert_eq(fs_write_atomic(t.fd, "f", STR("two"), 0640, false, &e), 0);
	cr_assert_eq(io_read_file(t.fd, "f", 100, &b, &e), 0);
	cr_assert_str_eq(b.p, "two");
	cr_assert_eq(fstatat(t.fd, "f", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0640);
	cr_assert_eq(fs_write_atomic(t.fd, "no/f", STR("x"), 0600, false, &e), -ERR_SYS);
	cr_assert_eq(unlinkat(t.fd, "f", 0), 0);
	cr_assert_eq(rmdir(t.path), 0, "something was left beside");
	mkdir(t.path, 0700);
}

Test(fs, temporary_names_are_fresh)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_free char *a = NULL, *b = NULL, *f = NULL;
	cleanup_close int fd = -1;
	cr_assert_eq(fs_temp_dir(t.fd, "x-", &a, &e), 0);
	cr_assert_eq(fs_temp_dir(t.fd, "x-", &b, &e), 0);
	cr_assert_str_neq(a, b);
	cr_assert_eq(fs_temp_file(t.fd, "y-", &f, &fd, &e), 0);
	cr_assert(fs_exists(t.fd, f));
}

Test(fs, reading_keeps_to_the_limit)
{
	struct err e;
	cleanup_buf struct buf b = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	tempdir_write(&t, "f", "12345");
	cr_assert_eq(io_read_file(t.fd, "f", 4, &b, &e), -ERR_LIMIT);
	buf_clear(&b);
	cr_assert_eq(io_read_file(t.fd, "f", 5, &b, &e), 0);
	cr_assert_str_eq(b.p, "12345");
	cr_assert_eq(io_read_file(t.fd, "none", 5, &b, &e), -ERR_NOT_FOUND);
}

Test(fs, a_file_that_cannot_be_made_is_called_by_its_own_name)
{
	struct err e = {0};
	cleanup_free char *name = NULL;
	int fd = -1;
	cr_assert_lt(fs_write_atomic(AT_FDCWD, "/nonexistent/a.tar", STR("x"), 0644, false, &e), 0);
	cr_assert_str_eq(e.text, "create /nonexistent/a.tar: No such file or directory");
	cr_assert_lt(fs_temp_file(AT_FDCWD, "/nonexistent/get-", &name, &fd, &e), 0);
	cr_assert_str_eq(e.text, "create /nonexistent/get-XXXXXX: No such file or directory");
}

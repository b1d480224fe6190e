/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"

#include "snapshotter/rootpath.h"

/* root/: etc/passwd, abs -> /etc, up -> ../../.., deep/er/file, out -> ../secret, loop -> loop; secret beside it. */
static struct area make(void)
{
	struct err e = {0};
	struct area a = area_new();
	OK(fs_mkdirs(a.fd, "root/etc", 0755, &e));
	OK(fs_mkdirs(a.fd, "root/deep/er", 0755, &e));
	area_write(&a, "root/etc/passwd", "inside");
	area_write(&a, "root/deep/er/file", "deep");
	area_write(&a, "secret", "outside");
	cr_assert_eq(symlinkat("/etc", a.fd, "root/abs"), 0);
	cr_assert_eq(symlinkat("../../..", a.fd, "root/up"), 0);
	cr_assert_eq(symlinkat("../secret", a.fd, "root/out"), 0);
	cr_assert_eq(symlinkat("loop", a.fd, "root/loop"), 0);
	cr_assert_eq(symlinkat("deep/../abs/passwd", a.fd, "root/chain"), 0);
	cr_assert_eq(symlinkat("etc/new", a.fd, "root/dangling"), 0);
	return a;
}

static void expect_text(int fd, const char *want)
{
	struct err e = {0};
	cleanup_buf struct buf b = {0};
	OK(io_read_fd(fd, 100, &b, &e));
	cr_expect_str_eq(b.p, want);
	close(fd);
}

/* Both ways of opening must agree. */
static int open_way(int way, int root, const char *path, int flags, bool links, int *ret, struct err *e)
{
	if (way)
		return rootpath_walk(root, path, flags, 0644, links, ret, e);
	return links ? rootpath_open(root, path, flags, 0644, ret, e) : rootpath_open_nolinks(root, path, flags, 0644, ret, e);
}

Test(rootpath, everything_resolves_inside_the_root)
{
	static const struct {
		const char *path, *text;
	} cases[] = {{"etc/passwd", "inside"}, {"/etc/passwd", "inside"}, {"abs/passwd", "inside"}, {"up/etc/passwd", "inside"},
		{"../../etc/passwd", "inside"}, {"deep/er/../../etc/passwd", "inside"}, {"chain", "inside"}, {"deep/er/file", "deep"},
		{"./deep//er/./file", "deep"}};
	cleanup_area struct area a = make();
	cleanup_close int root = openat(a.fd, "root", O_PATH | O_DIRECTORY);
	for (int way = 0; way < 2; way++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			struct err e = {0};
			int fd = -1;
			OK(open_way(way, root, cases[i].path, O_RDONLY, true, &fd, &e));
			expect_text(fd, cases[i].text);
		}
	}
}

Test(rootpath, nothing_outside_is_reached_and_what_is_missing_is_not_found)
{
	static const struct {
		const char *path;
		int rc;
	} cases[] = {{"out", -ERR_NOT_FOUND}, {"../secret", -ERR_NOT_FOUND}, {"up/secret", -ERR_NOT_FOUND}, {"none", -ERR_NOT_FOUND},
		{"etc/passwd/x", -ERR_NOT_FOUND}, {"loop", -ERR_SYS}, {"loop/x", -ERR_SYS}, {"dangling", -ERR_NOT_FOUND}};
	cleanup_area struct area a = make();
	cleanup_close int root = openat(a.fd, "root", O_PATH | O_DIRECTORY);
	for (int way = 0; way < 2; way++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			struct err e = {0};
			int fd = -1;
			cr_expect_eq(open_way(way, root, cases[i].path, O_RDONLY, true, &fd, &e), cases[i].rc, "%d %s: %s", way, cases[i].path, e.text);
		}
	}
}

Test(rootpath, without_links_no_component_may_be_one)
{
	static const char *const bad[] = {"abs/passwd", "chain", "up/etc/passwd", "deep/../../secret", "loop"};
	cleanup_area struct area a = make();
	cleanup_close int root = openat(a.fd, "root", O_PATH | O_DIRECTORY);
	for (int way = 0; way < 2; way++) {
		for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
			struct err e = {0};
			int fd = -1;
			cr_expect_lt(open_way(way, root, bad[i], O_RDONLY, false, &fd, &e), 0, "%d %s", way, bad[i]);
		}
		struct err e = {0};
		int fd = -1;
		OK(open_way(way, root, "deep/er/file", O_RDONLY, false, &fd, &e));
		expect_text(fd, "deep");
	}
}

Test(rootpath, creating_through_a_dangling_symlink_stays_inside)
{
	for (int way = 0; way < 2; way++) {
		cleanup_area struct area a = make();
		cleanup_close int root = openat(a.fd, "root", O_PATH | O_DIRECTORY);
		struct err e = {0};
		int fd = -1;
		OK(open_way(way, root, "dangling", O_WRONLY | O_CREAT, true, &fd, &e));
		close(fd);
		cr_expect(fs_exists(a.fd, "root/etc/new"));
	}
}

Test(rootpath, parents_are_made_when_asked_and_never_through_a_symlink)
{
	struct err e = {0};
	struct stat st;
	const char *base;
	cleanup_area struct area a = make();
	cleanup_close int root = openat(a.fd, "root", O_PATH | O_DIRECTORY);
	int fd = -1;
	cr_expect_eq(rootpath_parent(root, "x/y/z", false, &fd, &base, &e), -ERR_NOT_FOUND);
	OK(rootpath_parent(root, "x/y/z", true, &fd, &base, &e));
	cr_expect_str_eq(base, "z");
	close(fd);
	cr_expect_eq(fstatat(a.fd, "root/x/y", &st, 0), 0);
	cr_expect(S_ISDIR(st.st_mode));
	cr_expect_lt(rootpath_parent(root, "abs/new/f", true, &fd, &base, &e), 0);
	cr_expect_lt(rootpath_parent(root, "..", true, &fd, &base, &e), 0);
	OK(rootpath_parent(root, "/top", false, &fd, &base, &e));
	cr_expect_str_eq(base, "top");
	close(fd);
}

Test(rootpath, a_path_longer_than_path_max_can_be_made_and_opened)
{
	struct err e = {0};
	cleanup_area struct area a = area_new();
	cleanup_buf struct buf b = {0};
	const char *base;
	int fd = -1;
	for (int i = 0; i < 20; i++)
		buf_printf(&b, "%s%0250d", i ? "/" : "", i);
	buf_puts(&b, "/f");
	OK(rootpath_parent(a.fd, b.p, true, &fd, &base, &e));
	cr_expect_str_eq(base, "f");
	cleanup_close int f = openat(fd, base, O_WRONLY | O_CREAT, 0600);
	close(fd);
	OK(rootpath_open_nolinks(a.fd, b.p, O_RDONLY, 0, &fd, &e));
	close(fd);
	OK(rootpath_open(a.fd, b.p, O_RDONLY, 0, &fd, &e));
	close(fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Paths inside a root. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "builder/sandbox/walk.h"

static int make_tree(char dir[32])
{
	struct err e = {0};
	memcpy(dir, "/tmp/cooper-walk-XXXXXX", sizeof("/tmp/cooper-walk-XXXXXX"));
	cr_assert_not_null(mkdtemp(dir));
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(fs_mkdirs(fd, "a/b/c", 0755, &e), 0);
	cr_assert_eq(fs_write_atomic(fd, "a/file", STR("x"), 0644, false, &e), 0);
	static const char *const links[][2] = {{"a/b", "rel"}, {"/a/b", "abs"}, {"../../../../a", "up"},
	    {"loop", "loop"}, {"/nowhere/x", "dangling"}, {"c/..", "a/b/back"}, {"/proc/self/root", "magic"},
	    {"rel/back", "chain"}};
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		cr_assert_eq(symlinkat(links[i][0], fd, links[i][1]), 0);
	return fd;
}

Test(walk, links_and_dots_stay_inside)
{
	static const struct {
		const char *path, *real;
		int error;
	} cases[] = {
	    {"/", "", 0},
	    {"", "", 0},
	    {"..", "", 0},
	    {"../../a/./b//c/", "a/b/c", 0},
	    {"rel/c", "a/b/c", 0},
	    {"abs/c/../..", "a", 0},
	    {"up/file", "a/file", 0},
	    {"chain", "a/b", 0},
	    {"a/b/c/../../../../..", "", 0},
	    {"loop", NULL, ELOOP},
	    {"dangling", NULL, ENOENT},
	    {"magic", NULL, ENOENT},
	    {"a/file/x", NULL, ENOTDIR},
	    {"nope/../a", NULL, ENOENT},
	};
	char dir[32];
	struct err e = {0};
	int root = make_tree(dir);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct walk w = {.root = root};
		int fd = walk_path(&w, cases[i].path, WALK_FIND);
		if (cases[i].real) {
			cr_expect(fd >= 0, "%s: %s", cases[i].path, strerror(errno));
			cr_expect_str_eq(w.real, cases[i].real, "%s -> %s", cases[i].path, w.real);
			close(fd);
		} else {
			cr_expect(fd < 0 && errno == cases[i].error, "%s: %d %s", cases[i].path, fd, strerror(errno));
		}
	}
	close(root);
	fs_remove_tree(AT_FDCWD, dir, &e);
}

Test(walk, missing_parts_are_made_where_links_lead)
{
	char dir[32];
	struct err e = {0};
	struct stat st;
	int root = make_tree(dir);
	struct walk w = {.root = root};
	int fd = walk_path(&w, "dangling/deep/file", WALK_FILE);
	cr_assert(fd >= 0);
	cr_expect_str_eq(w.real, "nowhere/x/deep/file");
	cr_expect(fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
	close(fd);
	fd = walk_path(&w, "up/new/../other", WALK_FOLDER);
	cr_assert(fd >= 0);
	cr_expect_str_eq(w.real, "a/other");
	cr_expect(fs_exists(root, "a/new"));
	close(fd);
	close(root);
	fs_remove_tree(AT_FDCWD, dir, &e);
}

Test(walk, too_long_paths_are_refused)
{
	struct walk w = {.root = open("/tmp", O_PATH | O_DIRECTORY)};
	char path[PATH_MAX + 10];
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	cr_expect(walk_path(&w, path, WALK_FIND) < 0 && errno == ENAMETOOLONG);
	path[300] = '\0';
	cr_expect(walk_path(&w, path, WALK_FOLDER) < 0 && errno == ENAMETOOLONG);
	close(w.root);
}

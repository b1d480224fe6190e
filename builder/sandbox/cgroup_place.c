/* SPDX-License-Identifier: Apache-2.0 */
/* See cgroup_place.h. All files are reached by descriptor, so that a test can hand in a folder that only looks like
 * cgroups. */
#include "builder/sandbox/cgroup_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"

enum { FILE_MAX_SIZE = 64 * 1024, MAX_ANCESTORS = 64 };

int cgroup_open(int dirfd, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
	return (int)syscall(SYS_openat2, dirfd, *path ? path : ".", &how, sizeof(how));
}

struct str cgroup_read(int dir, const char *file, struct arena *a)
{
	cleanup_buf struct buf text = {0};
	struct err ignored;
	if (io_read_file(dir, file, FILE_MAX_SIZE, &text, &ignored) < 0)
		return STR("");
	return str_trim(arena_str(a, buf_view(&text)));
}

int cgroup_write(int dir, const char *file, const char *value, bool *ret_opened)
{
	cleanup_close int fd = openat(dir, file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	*ret_opened = fd >= 0;
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, value, strlen(value));
	int saved = errno;
	cleanup_close int done = steal_fd(&fd);
	errno = saved;
	return n < 0 ? -1 : 0;
}

unsigned cgroup_enable(int dir, unsigned wanted)
{
	cleanup_arena struct arena a = {0};
	unsigned ready = cgroup_bits(cgroup_read(dir, "cgroup.subtree_control", &a));
	for (unsigned c = 0; c < CGROUP_CONTROLLERS; c++) {
		char word[16];
		bool opened;
		snprintf(word, sizeof(word), "+%s", cgroup_names[c]);
		if ((wanted & ~ready & 1u << c) && cgroup_write(dir, "cgroup.subtree_control", word, &opened) == 0)
			ready |= 1u << c;
	}
	return ready;
}

int cgroup_fill_cpuset(int dir, int parent)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	cleanup_arena struct arena a = {0};
	bool opened;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct str above = cgroup_read(parent, files[i], &a);
		if (cgroup_read(dir, files[i], &a).len == 0 &&
		    cgroup_write(dir, files[i], arena_str(&a, above).p, &opened) < 0)
			return -1;
	}
	return 0;
}

/* 0, or why no cgroup can be made in it and no process moved into that. */
static enum cgroup_lack writable(int dir)
{
	if (faccessat(dir, ".", W_OK, AT_EACCESS) == 0 && faccessat(dir, "cgroup.procs", W_OK, AT_EACCESS) == 0)
		return CGROUP_LACK_NOTHING;
	return errno == EROFS ? CGROUP_LACK_READ_ONLY : CGROUP_LACK_RIGHTS;
}

/* In the real root of the hierarchy processes and children may be together; this file is not there. */
static bool is_real_root(int dir)
{
	return faccessat(dir, "cgroup.type", F_OK, 0) < 0 && errno == ENOENT;
}

bool cgroup_is_ours(struct str pid)
{
	uint64_t n;
	if (!str_u64(pid, INT_MAX, &n) || n == 0) /* 0: of another pid namespace */
		return false;
	for (int i = 0; i < MAX_ANCESTORS && n > 1; i++) {
		cleanup_arena struct arena a = {0};
		if (n == (uint64_t)getpid())
			return true;
		/* proc(5): the name, field 2, may hold anything but ends at the last parenthesis; the parent is field 4
		 */
		struct str text = cgroup_read(AT_FDCWD, arena_printf(&a, "/proc/%d/stat", (int)n), &a), state, parent;
		ptrdiff_t end = str_rfind(text, ')');
		if (end < 0)
			return i == 0;
		text = str_trim(str_from(text, (size_t)end + 1));
		if (!str_split(&text, ' ', &state) || !str_split(&text, ' ', &parent) || !str_u64(parent, INT_MAX, &n))
			return false;
	}
	return n == (uint64_t)getpid();
}

static bool only_we_are_in(struct str procs)
{
	struct str pid;
	while (str_split(&procs, '\n', &pid))
		if (!cgroup_is_ours(pid))
			return false;
	return true;
}

static bool has_limit(int dir)
{
	static const char *const files[] = {"memory.max", "cpu.max"};
	cleanup_arena struct arena a = {0};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct str text = cgroup_read(dir, files[i], &a);
		if (text.len && !str_starts(text, STR("max")))
			return true;
	}
	return false;
}

/* What `dir` can do for children: fills all but dir and path. */
static void look(int dir, bool own, unsigned wanted, struct cgroup_place *ret)
{
	cleanup_arena struct arena a = {0};
	ret->lack = writable(dir);
	if (ret->lack != CGROUP_LACK_NOTHING)
		return;
	struct str type = cgroup_read(dir, "cgroup.type", &a);
	if (type.len && !str_eqz(type, "domain")) {
		ret->lack = CGROUP_LACK_ROOM;
		return;
	}
	ret->ready = cgroup_bits(cgroup_read(dir, "cgroup.subtree_control", &a));
	ret->possible = cgroup_bits(cgroup_read(dir, "cgroup.controllers", &a)) & ~ret->ready;
	struct str procs = cgroup_read(dir, "cgroup.procs", &a);
	bool room = !procs.len || is_real_root(dir);
	if (!room && own && only_we_are_in(procs))
		room = ret->alone = true;
	if (!room)
		ret->possible = 0;
	if (!(wanted & (ret->ready | ret->possible)))
		ret->lack = room ? CGROUP_LACK_CONTROLLER : CGROUP_LACK_ROOM;
}

static int score(const struct cgroup_place *p, unsigned wanted)
{
	return p->lack == CGROUP_LACK_NOTHING ? __builtin_popcount((p->ready | p->possible) & wanted) : 0;
}

static void keep_better(
    struct cgroup_place *best, struct cgroup_place *p, int *fd, const char *path, unsigned wanted, struct arena *a)
{
	if (score(p, wanted) <= score(best, wanted))
		return;
	if (best->dir >= 0)
		close(best->dir);
	*best = *p;
	best->dir = steal_fd(fd);
	best->path = arena_strdup(a, path);
}

void cgroup_place_find(int mount_fd, const char *own, unsigned wanted, struct arena *a, struct cgroup_place *ret)
{
	char *path = arena_strdup(a, own);
	*ret = (struct cgroup_place){.dir = -1, .path = path, .lack = CGROUP_LACK_HIERARCHY};
	for (bool ours = true;; ours = false) {
		struct cgroup_place p = {.dir = -1};
		cleanup_close int fd = cgroup_open(mount_fd, path);
		if (fd < 0)
			return;
		look(fd, ours, wanted, &p);
		if (ours)
			ret->lack = p.lack;
		bool limited = has_limit(fd);
		keep_better(ret, &p, &fd, path, wanted, a);
		if (score(ret, wanted) == __builtin_popcount(wanted) || strcmp(path, ".") == 0)
			return;
		if (limited) {
			if (ret->dir < 0)
				ret->lack = CGROUP_LACK_LIMIT;
			return;
		}
		path = arena_strdup(a, path);
		char *slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
		else
			path = arena_strdup(a, ".");
	}
}

void cgroup_place_find_old(int mount_fd, const char *own, unsigned has, struct arena *a, struct cgroup_place *ret)
{
	*ret = (struct cgroup_place){.dir = -1, .path = arena_strdup(a, own), .lack = CGROUP_LACK_HIERARCHY};
	cleanup_close int fd = cgroup_open(mount_fd, own);
	if (fd < 0)
		return;
	ret->lack = writable(fd);
	if (ret->lack != CGROUP_LACK_NOTHING)
		return;
	ret->ready = has;
	ret->dir = steal_fd(&fd);
}

/* A process may be moved only by who may write the lowest cgroup that holds where it is and where it goes. */
static enum cgroup_lack may_move(int mount_fd, const char *from, const char *to, struct arena *a)
{
	size_t n = 0;
	for (size_t i = 0;; i++) {
		bool end = (!from[i] || from[i] == '/') && (!to[i] || to[i] == '/');
		n = end ? i : n;
		if (from[i] != to[i] || !from[i])
			break;
	}
	cleanup_close int fd = cgroup_open(mount_fd, arena_printf(a, "%.*s", (int)n, from));
	if (fd < 0 || faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) < 0)
		return errno == EROFS ? CGROUP_LACK_READ_ONLY : CGROUP_LACK_RIGHTS;
	return CGROUP_LACK_NOTHING;
}

void cgroup_place_make(int mount_fd, const char *path, const char *own, bool v2, unsigned wanted, struct arena *a,
    char ***made, size_t *nmade, struct cgroup_place *ret)
{
	*ret = (struct cgroup_place){.dir = -1, .path = arena_strdup(a, path), .lack = CGROUP_LACK_HIERARCHY};
	struct str rest = str_of(path), name;
	cleanup_close int fd = cgroup_open(mount_fd, ".");
	size_t cap = *nmade;
	for (bool more = true; fd >= 0;) {
		unsigned ready = v2 ? cgroup_enable(fd, wanted) : wanted;
		do
			more = str_split(&rest, '/', &name);
		while (more && !name.len);
		if (!more) {
			ret->ready = ready & wanted;
			break;
		}
		char *part = arena_printf(a, "%.*s", STR_ARG(name));
		int rc = mkdirat(fd, part, 0755);
		if (rc == 0) {
			ARENA_ROOM(a, *made, *nmade, cap);
			(*made)[(*nmade)++] = arena_printf(a, "%.*s", (int)(name.p + name.len - path), path);
		}
		int next = cgroup_open(fd, part);
		if (next >= 0 && rc == 0 && !v2 && (wanted & 1u << CGROUP_CPUSET))
			(void)cgroup_fill_cpuset(next, fd);
		if (next < 0)
			ret->lack = rc < 0 && errno == ENOENT ? writable(fd) : CGROUP_LACK_RIGHTS;
		close(fd);
		fd = next;
	}
	if (fd < 0)
		return;
	ret->lack = writable(fd);
	if (ret->lack == CGROUP_LACK_NOTHING)
		ret->lack = may_move(mount_fd, strcmp(own, ".") == 0 ? "" : own, path, a);
	if (ret->lack != CGROUP_LACK_NOTHING)
		return;
	ret->dir = steal_fd(&fd);
	if (wanted & ~ret->ready)
		ret->lack = CGROUP_LACK_CONTROLLER;
}

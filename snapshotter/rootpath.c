/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One system call where the kernel has openat2 and the path fits into it; else a walk component by component, each opened
 * with O_PATH|O_NOFOLLOW from the one before, symlinks expanded as text. ".." walks down from the root again along the names
 * passed so far, so a folder that is moved out meanwhile cannot take the walk with it.
 */
#include "snapshotter/rootpath.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { MAX_LINKS = 40, PATH_LIMIT = 256 * 1024 };

static int fail(const char *path, struct err *e)
{
	if (errno == ENOENT || errno == ENOTDIR) {
		int saved = errno;
		err_set(e, ERR_NOT_FOUND, "%s: %s", path, saved == ENOENT ? "no such file or folder" : "not a folder");
		e->sys = saved;
		return -ERR_NOT_FOUND;
	}
	return err_sys(e, "open %s", path);
}

static int openat2_call(int rootfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = (uint64_t)flags, .mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0, .resolve = resolve};
	for (int tries = 0; tries < 32; tries++) {
		int fd = (int)syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			return fd;
	}
	return -1;
}

/* Where a walk is: the folder, its names from the root, and what is left to go. */
struct walk {
	int rootfd;
	bool links;        /* symlinks and ".." are allowed */
	int fd;            /* owned */
	struct buf names;  /* of fd, joined by '/' */
	struct buf rest;   /* text still to be walked */
	size_t at;         /* in rest */
	int nlinks;
};

static void walk_done(struct walk *w)
{
	mem_cleanup_close(&w->fd);
	buf_done(&w->names);
	buf_done(&w->rest);
}

static int open_root(struct walk *w)
{
	int fd = openat(w->rootfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	mem_cleanup_close(&w->fd);
	w->fd = fd;
	return 0;
}

static int step_into(struct walk *w, const char *name)
{
	int fd = openat(w->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	close(w->fd);
	w->fd = fd;
	return 0;
}

static int go_up(struct walk *w)
{
	struct str up = buf_view(&w->names);
	ptrdiff_t slash = str_rfind(up, '/');
	w->names.len = slash < 0 ? 0 : (size_t)slash;
	if (open_root(w) < 0)
		return -1;
	struct str rest = buf_view(&w->names), part;
	while (rest.len && str_split(&rest, '/', &part)) {
		cleanup_free char *name = mem_strndup(part.p, part.len);
		if (step_into(w, name) < 0)
			return -1;
	}
	return 0;
}

/* Puts the link's text in front of what is left. */
static int expand_link(struct walk *w, const char *name)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(w->fd, name, text, sizeof(text));
	if (n < 0)
		return -1;
	if (!w->links || ++w->nlinks > MAX_LINKS || (size_t)n == sizeof(text)) {
		errno = ELOOP;
		return -1;
	}
	struct buf rest = {0};
	buf_add(&rest, text, (size_t)n);
	buf_str(&rest, str_from(buf_view(&w->rest), w->at)); /* begins with a slash, or is empty */
	buf_done(&w->rest);
	w->rest = rest;
	w->at = 0;
	if (n > 0 && text[0] == '/') {
		buf_clear(&w->names);
		return open_root(w);
	}
	return 0;
}

/* Takes the next name off the rest; false at the end. *ret_last: nothing but slashes follows. */
static bool next_name(struct walk *w, char name[NAME_MAX + 2], bool *ret_last, bool *ret_slash)
{
	const char *p = w->rest.p;
	while (w->at < w->rest.len && p[w->at] == '/')
		w->at++;
	size_t start = w->at;
	while (w->at < w->rest.len && p[w->at] != '/')
		w->at++;
	size_t len = w->at - start, end = w->at;
	if (len == 0)
		return false;
	if (len > NAME_MAX)
		len = NAME_MAX + 1; /* openat answers ENAMETOOLONG */
	memcpy(name, p + start, len);
	name[len] = '\0';
	while (end < w->rest.len && p[end] == '/')
		end++;
	*ret_last = end == w->rest.len;
	*ret_slash = end > w->at;
	return true;
}

static int open_last(struct walk *w, const char *name, int flags, mode_t mode, bool slash)
{
	if (slash)
		flags |= O_DIRECTORY;
	return openat(w->fd, name, flags | O_NOFOLLOW, mode);
}

static bool is_link(int dirfd, const char *name)
{
	struct stat st;
	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

static int walk_steps(struct walk *w, int flags, mode_t mode)
{
	char name[NAME_MAX + 2];
	bool last, slash;
	while (next_name(w, name, &last, &slash)) {
		if (name[0] == '.' && name[1] == '\0')
			continue;
		if (strcmp(name, "..") == 0) {
			if (!w->links)
				errno = EXDEV;
			if (!w->links || go_up(w) < 0)
				return -1;
			continue;
		}
		bool follow = !last || slash || !(flags & O_NOFOLLOW);
		if (follow && is_link(w->fd, name)) {
			if (expand_link(w, name) < 0)
				return -1;
			continue;
		}
		if (last)
			return open_last(w, name, flags, mode, slash);
		if (step_into(w, name) < 0)
			return -1;
		if (w->names.len)
			buf_putc(&w->names, '/');
		buf_puts(&w->names, name);
	}
	return openat(w->fd, ".", flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW), 0); /* a path of dots: the folder reached */
}

int rootpath_walk(int rootfd, const char *path, int flags, mode_t mode, bool links, int *ret_fd, struct err *e)
{
	struct walk w __attribute__((cleanup(walk_done))) = {.rootfd = rootfd, .links = links, .fd = -1};
	size_t len = strlen(path);
	if (len > PATH_LIMIT)
		return err_set(e, ERR_LIMIT, "path of %zu bytes", len);
	buf_add(&w.rest, path, len);
	buf_need(&w.names, 1);
	int fd = open_root(&w) < 0 ? -1 : walk_steps(&w, flags | O_CLOEXEC, mode);
	if (fd < 0)
		return fail(path, e);
	*ret_fd = fd;
	return 0;
}

static int open_by(int rootfd, const char *path, int flags, mode_t mode, bool links, int *ret_fd, struct err *e)
{
	uint64_t resolve = links ? RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
	int fd = openat2_call(rootfd, *path ? path : ".", flags | O_CLOEXEC, mode, resolve);
	if (fd < 0) {
		/* Not there, forbidden by an old filter, busy, or too long for one call: go on foot. */
		if (errno == ENOSYS || errno == EPERM || errno == EAGAIN || errno == ENAMETOOLONG || errno == EINVAL)
			return rootpath_walk(rootfd, path, flags, mode, links, ret_fd, e);
		return fail(path, e);
	}
	*ret_fd = fd;
	return 0;
}

int rootpath_open(int rootfd, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e)
{
	return open_by(rootfd, path, flags, mode, true, ret_fd, e);
}

int rootpath_open_nolinks(int rootfd, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e)
{
	while (*path == '/')
		path++;
	return open_by(rootfd, path, flags, mode, false, ret_fd, e);
}

/* Makes each missing folder of path, one by one. */
static int make_folders(int rootfd, const char *path, int *ret_fd, struct err *e)
{
	struct str rest = str_of(path), part;
	cleanup_close int fd = openat(rootfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open folder");
	while (rest.len && str_split(&rest, '/', &part)) {
		cleanup_free char *name = mem_strndup(part.p, part.len);
		if (part.len == 0 || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0)
			return err_set(e, ERR_DENIED, "%s: \"..\" in a path", path);
		if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
			return err_sys(e, "create folder %s", path);
		int next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return fail(path, e);
		close(fd);
		fd = next;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

int rootpath_parent(int rootfd, const char *path, bool make, int *ret_dirfd, const char **ret_base, struct err *e)
{
	while (*path == '/')
		path++;
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return err_set(e, ERR_NOT_FOUND, "%s: no last name in this path", path);
	cleanup_free char *dir = mem_strndup(path, slash ? (size_t)(slash - path) : 0);
	struct err first = {0};
	int rc = rootpath_open_nolinks(rootfd, dir, O_PATH | O_DIRECTORY, 0, ret_dirfd, &first);
	if (rc == -ERR_NOT_FOUND && first.sys == ENOENT && make)
		rc = make_folders(rootfd, dir, ret_dirfd, &first);
	if (rc < 0) {
		*e = first;
		return rc;
	}
	*ret_base = base;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path walk for mount targets, the working folder and sub-paths of mount sources. The tree is hostile: any
 * component may be a link to anywhere, and a cache folder may be changed by another step while we walk. So the kernel
 * is only ever asked for one name in one opened folder, and what it opened is what is used afterwards.
 */
#include "builder/sandbox/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINKS = 40 };

static int open_name(int dirfd, const char *name)
{
	return openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static void close_quietly(int fd)
{
	int saved = errno;
	close(fd);
	errno = saved;
}

static int open_root(struct walk *w)
{
	w->len = 0;
	w->real[0] = '\0';
	return openat(w->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Goes to the parent by walking its real path again from the root. */
static int open_parent(struct walk *w)
{
	while (w->len > 0 && w->real[w->len - 1] != '/')
		w->len--;
	if (w->len > 0)
		w->len--;
	w->real[w->len] = '\0';
	int fd = openat(w->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (char *p = w->real; fd >= 0 && *p;) {
		char *end = strchrnul(p, '/');
		char c = *end;
		*end = '\0';
		int next = openat(fd, p, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		*end = c;
		close_quietly(fd);
		fd = next;
		p = end + (c == '/');
	}
	return fd;
}

/* Puts the link's text in front of what is left to walk. */
static int expand(struct walk *w, const char *rest, size_t n)
{
	size_t left = strlen(rest);
	if (n + 1 + left + 1 > sizeof(w->rest)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memmove(w->rest + n + 1, rest, left + 1);
	memcpy(w->rest, w->link, n);
	w->rest[n] = '/';
	return 0;
}

static int push(struct walk *w, const char *name)
{
	size_t n = strlen(name);
	if (w->len + 1 + n + 1 > sizeof(w->real)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (w->len > 0)
		w->real[w->len++] = '/';
	memcpy(w->real + w->len, name, n + 1);
	w->len += n;
	return 0;
}

static int make_name(struct walk *w, int dirfd, const char *name, bool folder)
{
	if (w->before)
		w->before(w, dirfd, name, folder);
	int rc = folder ? mkdirat(dirfd, name, 0755) : mknodat(dirfd, name, S_IFREG | 0644, 0);
	if (rc < 0 && errno != EEXIST)
		return -1;
	if (rc == 0 && w->after)
		w->after(w, dirfd, name, folder);
	return open_name(dirfd, name);
}

/* One component: 1 a link that was expanded, 0 entered, -1. *cur is always closed or replaced. */
static int step(struct walk *w, int *cur, const char *name, const char *rest, bool last, enum walk_make make)
{
	struct stat st;
	int fd = open_name(*cur, name);
	if (fd < 0 && errno == ENOENT && make != WALK_FIND)
		fd = make_name(w, *cur, name, !last || make == WALK_FOLDER);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0) {
		close_quietly(fd);
		return -1;
	}
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(fd, "", w->link, sizeof(w->link));
		close_quietly(fd);
		if (n < 0 || (size_t)n >= sizeof(w->link)) {
			errno = n < 0 ? errno : ENAMETOOLONG;
			return -1;
		}
		if (w->link[0] == '/') {
			close_quietly(*cur);
			*cur = open_root(w);
			if (*cur < 0)
				return -1;
		}
		return expand(w, rest, (size_t)n) < 0 ? -1 : 1;
	}
	if (!last && !S_ISDIR(st.st_mode)) {
		close_quietly(fd);
		errno = ENOTDIR;
		return -1;
	}
	if (push(w, name) < 0) {
		close_quietly(fd);
		return -1;
	}
	close_quietly(*cur);
	*cur = fd;
	return 0;
}

static const char *skip_slashes(const char *p)
{
	while (*p == '/')
		p++;
	return p;
}

int walk_path(struct walk *w, const char *path, enum walk_make make)
{
	size_t n = strlen(path);
	if (n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(w->rest, path, n + 1);
	int links = 0, cur = open_root(w);
	for (const char *p = skip_slashes(w->rest); cur >= 0 && *p;) {
		char name[NAME_MAX + 1];
		const char *end = strchrnul(p, '/');
		size_t len = (size_t)(end - p);
		if (len > NAME_MAX) {
			errno = ENAMETOOLONG;
			goto fail;
		}
		memcpy(name, p, len);
		name[len] = '\0';
		p = skip_slashes(end);
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			close_quietly(cur);
			cur = open_parent(w);
			continue;
		}
		int rc = step(w, &cur, name, p, *p == '\0', make);
		if (rc < 0)
			goto fail;
		if (rc == 0)
			continue;
		if (++links > MAX_LINKS) {
			errno = ELOOP;
			goto fail;
		}
		p = skip_slashes(w->rest);
	}
	return cur;
fail:
	if (cur >= 0)
		close_quietly(cur);
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount points that are missing in a tree have to be made, and must not be in the layer. While targets are walked the
 * child notes what it makes and how the touched parents looked, and puts their times back at once, so that afterwards a
 * changed time means that the step changed something. When the step is gone the parent takes away from the upper what
 * is still as it was made: empty files, empty folders, and folders that are in the upper only because a stub was made
 * in them.
 */
#include "builder/sandbox/job.h"

#include <string.h>
#include <sys/xattr.h>

#include "base/log.h"

static struct note *note_add(struct shared *s, const char *path, size_t len)
{
	if (s->nnotes >= MAX_NOTES || s->text_len + len + 1 > MAX_NOTE_TEXT)
		return NULL;
	struct note *n = &s->notes[s->nnotes];
	*n = (struct note){.path = s->text_len};
	memcpy(s->text + s->text_len, path, len);
	s->text[s->text_len + len] = '\0';
	return n;
}

static void note_commit(struct shared *s, size_t len)
{
	s->text_len += len + 1;
	s->nnotes++;
}

/* Does any extended attribute have a name that is not overlayfs's own? */
static bool has_xattrs(int fd)
{
	char names[4096];
	ssize_t n = flistxattr(fd, names, sizeof(names));
	if (n < 0)
		return errno != ENOTSUP;
	for (char *p = names; p < names + n; p += strlen(p) + 1)
		if (strncmp(p, "user.overlay.", 13) != 0 && strncmp(p, "trusted.overlay.", 16) != 0)
			return true;
	return false;
}

static bool in_root_mount(const struct job *j, int fd)
{
	struct statx st;
	return statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) == 0 && st.stx_mnt_id == j->root_mnt_id;
}

/* A note that could not be written only leaves an empty file or folder in the layer: no reason to fail. */
static void before(struct walk *w, int parent, const char *name, bool folder)
{
	struct job *j = w->arg;
	struct stat st;
	(void)name;
	(void)folder;
	if (!in_root_mount(j, parent) || fstat(parent, &st) < 0)
		return;
	struct note *n = note_add(j->shared, w->real, w->len);
	if (!n)
		return;
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat upper;
	n->kind = NOTE_TOUCHED;
	n->mode = st.st_mode;
	n->uid = st.st_uid;
	n->gid = st.st_gid;
	n->mtime = st.st_mtim;
	n->xattrs = fd < 0 || has_xattrs(fd);
	n->in_upper =
	    j->plain_root || w->len == 0 || fstatat(j->run->upper_fd, w->real, &upper, AT_SYMLINK_NOFOLLOW) == 0;
	note_commit(j->shared, w->len);
	if (fd >= 0)
		close(fd);
}

static void after(struct walk *w, int parent, const char *name, bool folder)
{
	struct job *j = w->arg;
	struct shared *s = j->shared;
	if (!in_root_mount(j, parent) || s->nnotes == 0 || s->notes[s->nnotes - 1].kind != NOTE_TOUCHED)
		return;
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, s->notes[s->nnotes - 1].mtime};
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)futimens(fd, times);
		close(fd);
	}
	char path[PATH_MAX + NAME_MAX + 2];
	size_t n = strlen(name), len = w->len;
	memcpy(path, w->real, len);
	if (len > 0)
		path[len++] = '/';
	memcpy(path + len, name, n);
	struct note *note = note_add(s, path, len + n);
	if (!note)
		return;
	note->kind = folder ? NOTE_FOLDER : NOTE_FILE;
	note_commit(s, len + n);
}

void stubs_watch(struct job *j, struct walk *w)
{
	w->before = before;
	w->after = after;
	w->arg = j;
}

/* --- in the parent, when the step is gone ---------------------------------------------------------------------------
 */

/* The folder of `path` in the upper, opened name by name: the upper is what a hostile step left behind. */
static int open_parent(int upper_fd, const char *path, const char **ret_name)
{
	int fd = openat(upper_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (const char *slash; fd >= 0 && (slash = strchr(path, '/')) != NULL; path = slash + 1) {
		char name[NAME_MAX + 1];
		size_t n = (size_t)(slash - path);
		memcpy(name, path, n);
		name[n] = '\0';
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	*ret_name = path;
	return fd;
}

/* Is the folder `name` in the upper still as it was before anything was made in it? */
static bool untouched(int parent, const char *name, const struct note *n)
{
	struct stat st;
	cleanup_close int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &st) == 0 && st.st_mode == n->mode && st.st_uid == n->uid && st.st_gid == n->gid &&
	       st.st_mtim.tv_sec == n->mtime.tv_sec && st.st_mtim.tv_nsec == n->mtime.tv_nsec && !n->xattrs &&
	       !has_xattrs(fd);
}

/* True when a stub is left that should not be in the layer. */
static bool remove_one(int upper_fd, const char *path, const struct note *n)
{
	const char *name;
	struct stat st, up;
	if (n->kind == NOTE_TOUCHED && (n->in_upper || !*path))
		return false;
	cleanup_close int parent = open_parent(upper_fd, path, &name);
	if (parent < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || fstat(parent, &up) < 0)
		return false;
	if (n->kind == NOTE_FILE ? !S_ISREG(st.st_mode) || st.st_size != 0 || st.st_nlink != 1 : !S_ISDIR(st.st_mode))
		return false;
	if (n->kind == NOTE_TOUCHED && !untouched(parent, name, n))
		return false;
	if (unlinkat(parent, name, n->kind == NOTE_FILE ? 0 : AT_REMOVEDIR) < 0)
		return errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT;
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, up.st_mtim};
	(void)futimens(parent, times);
	return false;
}

void stubs_remove(struct job *j, struct sandbox_result *ret)
{
	struct shared *s = j->shared;
	size_t cap = 0;
	for (size_t i = s->nnotes; i-- > 0;) {
		const char *path = s->text + s->notes[i].path;
		if (!remove_one(j->run->upper_fd, path, &s->notes[i]))
			continue;
		log_debug("sandbox: cannot remove the mount point %s", path);
		if (s->notes[i].kind == NOTE_TOUCHED)
			continue;
		MEM_ROOM(ret->stubs, ret->nstubs, cap);
		ret->stubs[ret->nstubs++] = mem_strdup(path);
	}
}

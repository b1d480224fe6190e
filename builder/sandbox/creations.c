/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a process makes after it has set ids, in a step with one id. The kernel would give them to that one id and nobody is
 * told later who made them; so the builder makes them in the process's place, notes the owner, and hands over the descriptor
 * when there is one. Whatever is out of the ordinary (the file is there, a folder is missing, no rights) is left to the
 * kernel, which then says what is wrong. A descriptor is handed over since Linux 5.14; before, files are the step's user's.
 */
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/io.h"
#include "base/log.h"
#include "builder/sandbox/fakeids.h"
#include "builder/sandbox/job.h"

/* The arguments of a call that makes something, whichever it is. */
struct making {
	pid_t pid;
	int dirfd, flags; /* flags: of open */
	mode_t mode;      /* with the type; a link has none */
	uint64_t path, target;
};

static struct making arguments(pid_t pid, enum owner_call call, const unsigned long long *a)
{
	struct making m = {.pid = pid, .dirfd = AT_FDCWD, .path = a[0]};
	bool at = call == OWNER_OPENAT || call == OWNER_MKDIRAT || call == OWNER_MKNODAT;
	const unsigned long long *rest = at ? a + 2 : a + 1;
	if (at) {
		m.dirfd = (int)a[0];
		m.path = a[1];
	}
	if (call == OWNER_OPEN || call == OWNER_OPENAT) {
		m.flags = (int)rest[0];
		m.mode = S_IFREG | ((mode_t)rest[1] & 07777);
	} else if (call == OWNER_CREAT) {
		m.flags = O_WRONLY | O_CREAT | O_TRUNC;
		m.mode = S_IFREG | ((mode_t)rest[0] & 07777);
	} else if (call == OWNER_MKDIR || call == OWNER_MKDIRAT) {
		m.mode = S_IFDIR | ((mode_t)rest[0] & 01777);
	} else if (call == OWNER_MKNOD || call == OWNER_MKNODAT) {
		m.mode = (mode_t)rest[0];
	} else {
		m.mode = S_IFLNK;
		m.target = a[0];
		m.dirfd = call == OWNER_SYMLINKAT ? (int)a[1] : AT_FDCWD;
		m.path = call == OWNER_SYMLINKAT ? a[2] : a[1];
	}
	return m;
}

/* The folder, and in `path` the name in it; -1 when the kernel had better look at it. */
static int open_parent(const struct making *m, char path[PATH_MAX], const char **ret_name)
{
	if (!owners_read_path(m->pid, m->path, path) || !path[0])
		return -1;
	cleanup_close int there = owners_open(m->pid, m->dirfd, path, 0);
	if (there >= 0 || errno != ENOENT)
		return -1;
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/' && S_ISDIR(m->mode))
		path[--len] = '\0';
	char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path, *folder = !slash ? "." : slash == path ? "/" : path;
	if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -1;
	if (slash && slash != path)
		*slash = '\0';
	*ret_name = name;
	return owners_open(m->pid, m->dirfd, folder, 0);
}

static bool umask_of(pid_t pid, mode_t *ret)
{
	cleanup_buf struct buf text = {0};
	struct err ignored = {0};
	char path[64];
	unsigned int mask = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (io_read_file(AT_FDCWD, path, 64 * 1024, &text, &ignored) < 0)
		return false;
	const char *at = strstr(text.p, "\nUmask:");
	if (!at || sscanf(at, "\nUmask: %o", &mask) != 1)
		return false;
	*ret = (mode_t)mask;
	return true;
}

/* Its descriptor: as open would give it, or one that only names the file. The builder's own umask is made up for. */
static int make(const struct making *m, int parent, const char *name)
{
	char target[PATH_MAX];
	struct stat st;
	mode_t mask, mode;
	if (!umask_of(m->pid, &mask))
		return -1;
	mode = m->mode & 07777 & ~mask;
	int fd = -1, rc = 0;
	if (m->flags & O_CREAT)
		rc = fd = openat(parent, name, m->flags | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, mode);
	else if (S_ISDIR(m->mode))
		rc = mkdirat(parent, name, mode);
	else if (S_ISLNK(m->mode))
		rc = owners_read_path(m->pid, m->target, target) ? symlinkat(target, parent, name) : -1;
	else
		rc = S_ISFIFO(m->mode) || S_ISREG(m->mode) || !(m->mode & S_IFMT) ? mknodat(parent, name, (m->mode & S_IFMT) | mode, 0) : -1;
	if (rc < 0)
		return -1;
	bool other = fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode) && (st.st_mode & 0777) != (mode & 0777);
	if (other && fchmodat(parent, name, (st.st_mode & 07000) | (mode & 0777), 0) < 0)
		log_debug("sandbox: the mode of a new file is left as it is");
	return fd >= 0 ? fd : openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* A folder with the set-group-id bit gives its group to what is made in it. */
static uint32_t group_in(const struct owners_step *s, pid_t pid, int parent, uint32_t gid)
{
	struct stat st;
	uint32_t uid, own;
	if (fstat(parent, &st) < 0 || !(st.st_mode & S_ISGID))
		return gid;
	return owners_get(s, pid, parent, &uid, &own) ? own : st.st_gid;
}

static bool hand_over(int listener, uint64_t id, int fd, int flags)
{
	struct seccomp_notif_addfd a = {.id = id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (uint32_t)fd,
		.newfd_flags = (uint32_t)(flags & O_CLOEXEC)};
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a) >= 0;
}

enum creation creations_answer(const struct owners_step *s, const struct creation_call *c, uint32_t uid, uint32_t gid)
{
	char path[PATH_MAX];
	const char *name;
	struct making m = arguments(c->pid, c->call, c->args);
	cleanup_close int parent = open_parent(&m, path, &name);
	cleanup_close int fd = parent < 0 ? -1 : make(&m, parent, name);
	if (fd < 0)
		return CREATION_LEFT;
	(void)owners_set(s, c->pid, fd, uid, group_in(s, c->pid, parent, gid));
	if (!(m.flags & O_CREAT))
		return CREATION_DONE;
	if (hand_over(c->listener, c->id, fd, m.flags))
		return CREATION_SENT;
	if (m.flags & O_EXCL)
		(void)unlinkat(parent, name, 0);
	return CREATION_LEFT;
}

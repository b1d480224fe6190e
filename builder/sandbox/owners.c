/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chown for a step with one id: finds the file the step means and writes its owner down; and stat, which tells it. A
 * step could change a path between our reading and our use of it; so the path is only ever opened inside the step's own
 * root, and what it can gain is a note about a file that it could have chown'ed anyway.
 */
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include "builder/sandbox/fakeids.h"
#include "builder/sandbox/job.h"
#include "builder/sandbox/linkowners.h"

static int open_proc(pid_t pid, const char *what)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	return open(path, O_PATH | O_CLOEXEC);
}

/* A path of the asking process; page by page, since the end of its memory may be near. */
bool owners_read_path(pid_t pid, uint64_t address, char out[PATH_MAX])
{
	for (size_t n = 0; n < PATH_MAX;) {
		size_t part = 4096 - ((address + n) & 4095);
		part = part < PATH_MAX - n ? part : PATH_MAX - n;
		struct iovec local = {out + n, part}, remote = {(void *)(uintptr_t)(address + n), part};
		ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);
		if (got <= 0)
			return false;
		if (memchr(out + n, '\0', (size_t)got))
			return true;
		n += (size_t)got;
	}
	errno = ENAMETOOLONG;
	return false;
}

/* Where a relative path starts, as a path in the step's root. */
static bool base_path(pid_t pid, int dirfd, char out[PATH_MAX])
{
	char link[64];
	if (dirfd == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
	else
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, dirfd);
	ssize_t n = readlink(link, out, PATH_MAX - 1);
	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

int owners_open(pid_t pid, int dirfd, const char *path, int flags)
{
	char base[PATH_MAX];
	if (!path[0]) {
		if (!(flags & AT_EMPTY_PATH)) {
			errno = ENOENT;
			return -1;
		}
		char what[32];
		snprintf(what, sizeof(what), "fd/%d", dirfd);
		return open_proc(pid, dirfd == AT_FDCWD ? "cwd" : what);
	}
	cleanup_free char *full = NULL;
	if (path[0] != '/') {
		if (!base_path(pid, dirfd, base))
			return -1;
		full = mem_printf("%s/%s", base, path);
	}
	cleanup_close int root = open_proc(pid, "root");
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0),
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	return root < 0 ? -1 : (int)syscall(SYS_openat2, root, full ? full : path, &how, sizeof(how));
}

static int open_path(pid_t pid, int dirfd, uint64_t address, int flags)
{
	char path[PATH_MAX];
	return owners_read_path(pid, address, path) ? owners_open(pid, dirfd, path, flags) : -1;
}

/* The path of an open file in the step's tree, without the slash in front. */
static bool path_of(int fd, char out[PATH_MAX])
{
	char link[40], path[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n <= 1 || path[0] != '/')
		return false;
	memcpy(out, path + 1, (size_t)n - 1);
	out[n - 1] = '\0';
	return true;
}

/* The same file in the upper, or -1. */
static int open_upper(const struct owners_step *s, const char *path)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	return (int)syscall(SYS_openat2, s->run->upper_fd, path, &how, sizeof(how));
}

/* Did this step make the file? Then it is in the upper under its path, without overlayfs' mark of what was copied up.
 */
static bool is_new(const struct owners_step *s, int fd)
{
	char link[40], path[PATH_MAX], mark[40];
	cleanup_close int in_upper = path_of(fd, path) ? open_upper(s, path) : -1;
	if (in_upper < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", in_upper);
	return getxattr(link, "user.overlay.origin", mark, sizeof(mark)) < 0 && errno == ENODATA;
}

static bool carries_note(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
}

/* Is the file in the step's own tree, not in something mounted on it? */
static bool in_tree(pid_t pid, int fd)
{
	struct statx file, top;
	cleanup_close int root = open_proc(pid, "root");
	return root >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &file) == 0 &&
	       statx(root, "", AT_EMPTY_PATH, STATX_MNT_ID, &top) == 0 && file.stx_mnt_id == top.stx_mnt_id;
}

/* Of a link or special file: the table says it, the step's user made it, or the layers below have it. */
static bool link_owner(const struct owners_step *s, pid_t pid, int fd, uint32_t *ret_uid, uint32_t *ret_gid)
{
	char path[PATH_MAX];
	if (!in_tree(pid, fd) || !path_of(fd, path))
		return false;
	cleanup_close int in_upper = open_upper(s, path);
	if (in_upper < 0)
		return s->run->owner && s->run->owner(s->run->arg, path, ret_uid, ret_gid);
	if (linkowners_get(s->links, in_upper, ret_uid, ret_gid))
		return true;
	*ret_uid = s->run->uid;
	*ret_gid = s->run->gid;
	return true;
}

/* The owner that the kernel does not know. */
bool owners_get(const struct owners_step *s, pid_t pid, int fd, uint32_t *ret_uid, uint32_t *ret_gid)
{
	char path[40], text[32];
	if (!carries_note(fd))
		return link_owner(s, pid, fd, ret_uid, ret_gid);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = getxattr(path, FAKEIDS_XATTR, text, sizeof(text) - 1);
	if (n > 0) {
		text[n] = '\0';
		return sscanf(text, "%10u:%10u", ret_uid, ret_gid) == 2;
	}
	if ((s->run->uid == 0 && s->run->gid == 0) || !is_new(s, fd))
		return false;
	*ret_uid = s->run->uid;
	*ret_gid = s->run->gid;
	return true;
}

/* A chown to the owner it has: overlayfs copies the file up, and its time of change is right. Then it can be noted. */
static int record_link(const struct owners_step *s, pid_t pid, int fd, uint32_t uid, uint32_t gid)
{
	char path[PATH_MAX];
	uint32_t old_uid = 0, old_gid = 0;
	if (!link_owner(s, pid, fd, &old_uid, &old_gid))
		old_uid = old_gid = 0;
	uid = uid == UINT32_MAX ? old_uid : uid;
	gid = gid == UINT32_MAX ? old_gid : gid;
	if (!in_tree(pid, fd) || (uid == old_uid && gid == old_gid))
		return 0;
	if (fchownat(fd, "", 0, 0, AT_EMPTY_PATH) < 0)
		return -1;
	cleanup_close int in_upper = path_of(fd, path) ? open_upper(s, path) : -1;
	if (in_upper >= 0)
		linkowners_set(s->links, in_upper, uid, gid);
	return 0;
}

int owners_set(const struct owners_step *s, pid_t pid, int fd, uint32_t uid, uint32_t gid)
{
	char path[40], text[32];
	uint32_t old_uid = 0, old_gid = 0;
	if (!carries_note(fd))
		return record_link(s, pid, fd, uid, gid);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!owners_get(s, pid, fd, &old_uid, &old_gid))
		old_uid = old_gid = 0;
	uid = uid == UINT32_MAX ? old_uid : uid;
	gid = gid == UINT32_MAX ? old_gid : gid;
	if (uid == old_uid && gid == old_gid)
		return 0;
	snprintf(text, sizeof(text), "%u:%u", uid, gid);
	return setxattr(path, FAKEIDS_XATTR, text, strlen(text), 0) < 0 && errno != ENOTSUP ? -1 : 0;
}

void owners_note(int fd, uint32_t uid, uint32_t gid)
{
	char text[32];
	snprintf(text, sizeof(text), "%u:%u", uid, gid);
	(void)(fsetxattr(fd, FAKEIDS_XATTR, text, strlen(text), 0) < 0);
}

int owners_answer(const struct owners_step *s, pid_t pid, enum owner_call call, const unsigned long long *a)
{
	char what[32];
	int fd, first = call == OWNER_FCHOWNAT ? 2 : 1;
	if (call == OWNER_FCHOWN) {
		snprintf(what, sizeof(what), "fd/%d", (int)a[0]);
		fd = open_proc(pid, what);
		if (fd < 0)
			errno = EBADF;
	} else if (call == OWNER_FCHOWNAT) {
		fd = open_path(pid, (int)a[0], a[1], (int)a[4]);
	} else {
		fd = open_path(pid, AT_FDCWD, a[0], call == OWNER_LCHOWN ? AT_SYMLINK_NOFOLLOW : 0);
	}
	if (fd < 0)
		return -errno;
	int rc = owners_set(s, pid, fd, (uint32_t)a[first], (uint32_t)a[first + 1]) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* --- stat ------------------------------------------------------------------------------------------------------------
 */

/* The arguments of a stat call, whichever it is. */
struct stat_call {
	int dirfd, flags;
	uint64_t path, buffer; /* path 0: the descriptor itself */
	unsigned int mask;
};

static struct stat_call arguments(enum owner_call call, const unsigned long long *a)
{
	switch (call) {
	case OWNER_STAT:
		return (struct stat_call){.dirfd = AT_FDCWD, .path = a[0], .buffer = a[1]};
	case OWNER_LSTAT:
		return (struct stat_call){
		    .dirfd = AT_FDCWD, .path = a[0], .buffer = a[1], .flags = AT_SYMLINK_NOFOLLOW};
	case OWNER_FSTAT:
		return (struct stat_call){.dirfd = (int)a[0], .buffer = a[1]};
	case OWNER_NEWFSTATAT:
		return (struct stat_call){.dirfd = (int)a[0], .path = a[1], .buffer = a[2], .flags = (int)a[3]};
	default:
		return (struct stat_call){
		    .dirfd = (int)a[0], .path = a[1], .flags = (int)a[2], .mask = (unsigned int)a[3], .buffer = a[4]};
	}
}

static bool tell(pid_t pid, uint64_t address, void *p, size_t len)
{
	struct iovec local = {p, len}, remote = {(void *)(uintptr_t)address, len};
	return process_vm_writev(pid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

bool owners_stat(const struct owners_step *s, pid_t pid, enum owner_call call, const unsigned long long *a)
{
	struct stat_call c = arguments(call, a);
	uint32_t uid, gid;
	char what[32];
	snprintf(what, sizeof(what), "fd/%d", c.dirfd);
	cleanup_close int fd = c.path ? open_path(pid, c.dirfd, c.path, c.flags) : open_proc(pid, what);
	if (fd < 0 || !owners_get(s, pid, fd, &uid, &gid))
		return false;
	if (call == OWNER_STATX) {
		struct statx x;
		if (statx(fd, "", AT_EMPTY_PATH | (c.flags & AT_STATX_SYNC_TYPE), c.mask, &x) < 0)
			return false;
		x.stx_uid = uid;
		x.stx_gid = gid;
		return tell(pid, c.buffer, &x, sizeof(x));
	}
	struct stat st; /* glibc's is the kernel's on 64-bit machines */
	if (fstatat(fd, "", &st, AT_EMPTY_PATH) < 0)
		return false;
	st.st_uid = uid;
	st.st_gid = gid;
	return tell(pid, c.buffer, &st, sizeof(st));
}

/* --- programs --- */

bool owners_program(const struct owners_step *s, pid_t pid, enum owner_call call, const unsigned long long *a, mode_t *ret_mode,
    uint32_t *ret_uid, uint32_t *ret_gid)
{
	bool at = call == OWNER_EXECVEAT;
	struct stat st;
	cleanup_close int fd = open_path(pid, at ? (int)a[0] : AT_FDCWD, at ? a[1] : a[0], at ? (int)a[4] : 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	*ret_mode = st.st_mode;
	if (!owners_get(s, pid, fd, ret_uid, ret_gid)) {
		*ret_uid = st.st_uid;
		*ret_gid = st.st_gid;
	}
	return true;
}

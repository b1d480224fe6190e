/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fileowner.h. The attribute is the one that the sandbox writes when a step with one id calls chown; overlayfs carries it
 * along when it copies a file up. A file without it belongs to 0:0, which is what the one id is called inside the namespace.
 */
#include "snapshotter/fileowner.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"

/* user_namespaces(7): "inside outside count" in each line; one line with a count of 1. */
static bool maps_one_id(void)
{
	struct err ignored;
	cleanup_buf struct buf b = {0};
	unsigned inside, outside, count;
	if (io_read_file(AT_FDCWD, "/proc/self/uid_map", 64 * 1024, &b, &ignored) < 0 || !b.len)
		return false;
	return sscanf(b.p, "%u %u %u", &inside, &outside, &count) == 3 && count == 1 && strchr(b.p, '\n') == strrchr(b.p, '\n');
}

void fileowner_init(struct fileowner *f)
{
	*f = (struct fileowner){.uid = geteuid(), .gid = getegid(), .single = maps_one_id()};
}

static char *proc_path(int dirfd, const char *name)
{
	return name && *name ? mem_printf("/proc/self/fd/%d/%s", dirfd, name) : mem_printf("/proc/self/fd/%d", dirfd);
}

static int note(int dirfd, const char *name, uint32_t uid, uint32_t gid, struct err *e)
{
	bool self = !name || !*name;
	cleanup_free char *path = proc_path(dirfd, name);
	char text[32];
	int n = snprintf(text, sizeof(text), "%u:%u", uid, gid);
	int rc = self ? setxattr(path, FILEOWNER_XATTR, text, (size_t)n, 0) : lsetxattr(path, FILEOWNER_XATTR, text, (size_t)n, 0);
	return rc == 0 ? 0 : err_sys(e, "note the owner of %s (the store's file system must keep user.* attributes)", self ? "a file" : name);
}

int fileowner_set(const struct fileowner *f, int dirfd, const char *name, mode_t type, uint32_t uid, uint32_t gid, struct err *e)
{
	bool self = !name || !*name;
	if (f->single && (uid != f->uid || gid != f->gid))
		return S_ISREG(type) || S_ISDIR(type) ? note(dirfd, name, uid, gid, e) : 0;
	if (f->single) { /* it may have been somebody else's */
		cleanup_free char *path = proc_path(dirfd, name);
		(void)(self ? removexattr(path, FILEOWNER_XATTR) : lremovexattr(path, FILEOWNER_XATTR));
	}
	int rc = self ? fchown(dirfd, uid, gid) : fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW);
	return rc == 0 ? 0 : err_sys(e, "change owner of %s", self ? "a file" : name);
}

bool fileowner_read(int dirfd, const char *name, uint32_t *ret_uid, uint32_t *ret_gid)
{
	char text[32];
	unsigned uid, gid;
	int end = 0;
	bool self = !name || !*name;
	cleanup_free char *path = proc_path(dirfd, name);
	ssize_t n = self ? getxattr(path, FILEOWNER_XATTR, text, sizeof(text) - 1) : lgetxattr(path, FILEOWNER_XATTR, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if (sscanf(text, "%10u:%10u%n", &uid, &gid, &end) != 2 || end != (int)n)
		return false;
	*ret_uid = uid;
	*ret_gid = gid;
	return true;
}

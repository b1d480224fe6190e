/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata in the one order that works: chown drops set-id bits and capabilities, so the owner comes first; attributes need
 * write permission, times are changed by everything before them. An owner that is not mapped is an error that names the id,
 * never a silent other owner - but where a namespace has only one id there is no choice, and the index keeps the truth.
 */
#include "snapshotter/extract_meta.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/xattrs.h"

/* A namespace that maps one id only: what newuidmap is not there for. */
static bool maps_one_id(void)
{
	struct err ignored;
	cleanup_buf struct buf b = {0};
	unsigned inside, outside, count;
	if (io_read_file(AT_FDCWD, "/proc/self/uid_map", 4096, &b, &ignored) < 0)
		return false;
	return sscanf(b.p, "%u %u %u", &inside, &outside, &count) == 3 && count == 1 && strchr(b.p, '\n') == strrchr(b.p, '\n');
}

int extract_no_owner(struct extract_ids *x, const struct entry *en, const char *name, struct err *e)
{
	if (errno == EINVAL && maps_one_id()) {
		x->single = true;
		return 0;
	}
	if (errno != EINVAL && errno != EPERM)
		return err_sys(e, "change owner of %s", name);
	return err_set(e, ERR_DENIED, "%s belongs to %u:%u, which is not mapped here: give this user a range of ids that holds it in "
		"/etc/subuid and /etc/subgid", name, en->uid, en->gid);
}

static int set_owner(struct extract_ids *x, int dirfd, const char *name, const struct entry *en, struct err *e)
{
	if (x->single || (en->uid == x->uid && en->gid == x->gid))
		return 0;
	int rc = *name ? fchownat(dirfd, name, en->uid, en->gid, AT_SYMLINK_NOFOLLOW) : fchown(dirfd, en->uid, en->gid);
	return rc == 0 ? 0 : extract_no_owner(x, en, name, e);
}

int extract_set_times(int dirfd, const char *name, const struct entry *en, struct err *e)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = en->mtime, .tv_nsec = en->mtime_nsec}};
	int rc = *name ? utimensat(dirfd, name, t, AT_SYMLINK_NOFOLLOW) : futimens(dirfd, t);
	return rc == 0 ? 0 : err_sys(e, "set times of %s", name);
}

int extract_set_open(struct extract_ids *x, int fd, const struct entry *en, mode_t has, struct err *e)
{
	unsigned refused;
	TRY(set_owner(x, fd, "", en, e));
	if (en->mode != has && fchmod(fd, en->mode) < 0)
		return err_sys(e, "change mode");
	TRY(xattrs_write(fd, NULL, en->xattrs, &refused, e));
	return extract_set_times(fd, "", en, e);
}

int extract_set_special(struct extract_ids *x, int dirfd, const char *name, const struct entry *en, struct err *e)
{
	TRY(set_owner(x, dirfd, name, en, e));
	/* No symlink can be here: the folder is ours alone and the node was made by us. */
	if (en->type != ENTRY_SYMLINK && fchmodat(dirfd, name, en->mode, 0) < 0)
		return err_sys(e, "change mode of %s", name);
	return extract_set_times(dirfd, name, en, e);
}

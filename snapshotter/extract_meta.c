/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata in the one order that works: chown drops set-id bits and capabilities, so the owner comes first; attributes need
 * write permission, times are changed by everything before them. An owner that is not mapped is an error that names the id,
 * never a silent other owner; where a namespace has only one id a note stands in for it (fileowner.h).
 */
#include "snapshotter/extract_meta.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/xattrs.h"

static mode_t file_type(const struct entry *en)
{
	return en->type == ENTRY_FILE ? S_IFREG : en->type == ENTRY_DIR ? S_IFDIR : 0;
}

int extract_set_owner(const struct fileowner *f, int dirfd, const char *name, const struct entry *en, struct err *e)
{
	if (fileowner_set(f, dirfd, name, file_type(en), en->uid, en->gid, e) == 0)
		return 0;
	if (f->single || (e->sys != EINVAL && e->sys != EPERM))
		return -(int)e->code;
	return err_set(e, ERR_DENIED, "%s belongs to %u:%u, which is not mapped here: give this user a range of ids that holds it in "
		"/etc/subuid and /etc/subgid", name, en->uid, en->gid);
}

static bool is_ours(const struct fileowner *f, const struct entry *en)
{
	return en->uid == f->uid && en->gid == f->gid;
}

int extract_set_times(int dirfd, const char *name, const struct entry *en, struct err *e)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = en->mtime, .tv_nsec = en->mtime_nsec}};
	int rc = *name ? utimensat(dirfd, name, t, AT_SYMLINK_NOFOLLOW) : futimens(dirfd, t);
	return rc == 0 ? 0 : err_sys(e, "set times of %s", name);
}

int extract_set_open(const struct fileowner *f, int fd, const struct entry *en, mode_t has, struct err *e)
{
	unsigned refused;
	if (!is_ours(f, en))
		TRY(extract_set_owner(f, fd, "", en, e));
	if (en->mode != has && fchmod(fd, en->mode) < 0)
		return err_sys(e, "change mode");
	TRY(xattrs_write(fd, NULL, en->xattrs, &refused, e));
	return extract_set_times(fd, "", en, e);
}

int extract_set_special(const struct fileowner *f, int dirfd, const char *name, const struct entry *en, struct err *e)
{
	if (!is_ours(f, en))
		TRY(extract_set_owner(f, dirfd, name, en, e));
	/* No symlink can be here: the folder is ours alone and the node was made by us. */
	if (en->type != ENTRY_SYMLINK && fchmodat(dirfd, name, en->mode, 0) < 0)
		return err_sys(e, "change mode of %s", name);
	return extract_set_times(dirfd, name, en, e);
}

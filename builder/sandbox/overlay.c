/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overlay of layers' folders as a detached mount, made from descriptors. It is made in the builder, because the
 * kernel takes overlay layers only from mounts of the caller's own mount namespace, but it is attached nowhere: only
 * the step's namespace ever sees it, and it goes away with its last descriptor.
 *
 * "userxattr" always, also for root: then a store can be read by both, and without it a user namespace cannot delete
 * folders. "volatile" leaves out syncs of an upper that is thrown away after a crash anyway.
 */
#include "builder/sandbox/overlay.h"

#include <stdio.h>
#include <string.h>

#include "builder/sandbox/job.h"

static int option(int fs, const char *key, const char *value)
{
	return sys_fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0);
}

/* A layer by descriptor (Linux 6.13), or by a path that means it (6.5). */
static int layer(int fs, const char *key, int fd)
{
	if (sys_fsconfig(fs, FSCONFIG_SET_FD, key, NULL, fd) == 0)
		return 0;
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return option(fs, key, path);
}

static int fail(int fs, struct err *e)
{
	char text[512];
	int saved = errno;
	/* The kernel's own words about it, if it has any ("e overlay: ..."). */
	ssize_t n = read(fs, text, sizeof(text) - 1);
	errno = saved;
	if (n <= 2)
		return err_sys(e, "mount overlay");
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return err_sys(e, "mount overlay: %s", text + 2);
}

static int one_overlay(const int *lowers, size_t n, int upper_fd, int work_fd, int *ret_fd, struct err *e)
{
	cleanup_close int fs = sys_fsopen("overlay");
	if (fs < 0)
		return err_sys(e, "open overlay");
	for (size_t i = n; i-- > 0;) /* the topmost comes first */
		if (layer(fs, "lowerdir+", lowers[i]) < 0)
			return fail(fs, e);
	if (upper_fd >= 0 && (layer(fs, "upperdir", upper_fd) < 0 || layer(fs, "workdir", work_fd) < 0))
		return fail(fs, e);
	if (option(fs, "userxattr", NULL) < 0 || option(fs, "source", "overlay") < 0)
		return fail(fs, e);
	if (upper_fd >= 0) {
		(void)option(fs, "index", "off");
		(void)option(fs, "volatile", NULL);
	}
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail(fs, e);
	int fd = sys_fsmount(fs, upper_fd < 0 ? MOUNT_ATTR_RDONLY : 0);
	if (fd < 0)
		return err_sys(e, "mount overlay");
	*ret_fd = fd;
	return 0;
}

static int new_overlay(const struct overlay *o, int *ret_fd, struct err *e)
{
	const int *lowers = o->lowers;
	size_t n = o->n;
	if (n == 1 && o->upper < 0)
		return one_overlay((int[]){o->empty, lowers[0]}, 2, -1, -1, ret_fd, e);
	if (n <= OVERLAY_MAX_LOWERS)
		return one_overlay(lowers, n, o->upper, o->work, ret_fd, e);
	/* Too many for one: the bottom ones become a read-only overlay that is the bottom layer of another. */
	size_t low = n - (OVERLAY_MAX_LOWERS - 1);
	if (low > OVERLAY_MAX_LOWERS)
		return err_set(e, ERR_LIMIT, "%zu layers are too many for one root file system (at most %d)", n,
		    2 * OVERLAY_MAX_LOWERS - 1);
	cleanup_close int below = -1;
	TRY(one_overlay(lowers, low, -1, -1, &below, e));
	int top[OVERLAY_MAX_LOWERS];
	top[0] = below;
	memcpy(top + 1, lowers + low, (n - low) * sizeof(int));
	return one_overlay(top, n - low + 1, o->upper, o->work, ret_fd, e);
}

int overlay_prepare(struct job *j, const struct overlay *o, struct overlay_ready *ret, struct err *e)
{
	*ret = (struct overlay_ready){.fd = -1};
	if (overlay_old_needed())
		return overlay_old_prepare(j, o, &ret->old, e);
	return new_overlay(o, &ret->fd, e);
}

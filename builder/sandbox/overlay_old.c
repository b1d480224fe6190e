/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlays on kernels before 6.5 (Debian 12's 6.1, RHEL 9's 5.14), which take layers only as one string of paths. The
 * kernel also wants the layers to be on mounts of the caller's own namespace, and mount(2) attaches at once; so the
 * step's process does it, in its namespace. The paths are links in a folder of the scratch mount, named by numbers:
 * that keeps colons and commas out of the string and lets 490 of them fit into the page mount(2) has for options. What
 * each link leads to is compared with the descriptor it stands for.
 */
#include "builder/sandbox/overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/arena.h"
#include "builder/sandbox/job.h"

enum { MOUNT_DATA_SIZE = 4096, NAME_SIZE = 8 };

struct overlay_old {
	const char *dir;              /* in the scratch mount */
	const char *data, *data_fast; /* options, without and with "volatile" */
	size_t n;
	char (*names)[NAME_SIZE];
	struct stat *seen; /* of the layers' descriptors */
	bool writable;
};

bool overlay_old_needed(void)
{
	struct utsname u;
	unsigned int major = 0, minor = 0;
	const char *wish = secure_getenv("COOPER_OVERLAY");
	if (wish && strcmp(wish, "old") == 0)
		return true;
	return uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 5));
}

/* A link named `name` to where the descriptor is. */
static int add_link(struct job *j, struct overlay_old *o, int fd, const char *name, struct err *e)
{
	char path[40], target[PATH_MAX];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0 || fstat(fd, &o->seen[o->n]) < 0)
		return err_sys(e, "find a layer's folder");
	target[n] = '\0';
	cleanup_free char *link = mem_printf("%s/%s", o->dir, name);
	if (symlinkat(target, j->scratch_fd, link) < 0)
		return err_sys(e, "link to %s", target);
	snprintf(o->names[o->n++], NAME_SIZE, "%s", name);
	return 0;
}

static int add_lowers(struct job *j, const struct overlay *o, struct overlay_old *old, struct buf *data, struct err *e)
{
	char name[NAME_SIZE];
	for (size_t i = o->n; i-- > 0;) {
		snprintf(name, sizeof(name), "%zu", i % 10000);
		TRY(add_link(j, old, o->lowers[i], name, e));
		buf_printf(data, "%s%s", i + 1 == o->n ? "lowerdir=" : ":", name);
	}
	if (o->n == 1 && o->upper < 0) {
		TRY(add_link(j, old, o->empty, "e", e));
		buf_puts(data, ":e");
	}
	if (o->upper >= 0) {
		TRY(add_link(j, old, o->upper, "u", e));
		TRY(add_link(j, old, o->work, "w", e));
		buf_puts(data, ",upperdir=u,workdir=w,index=off");
	}
	buf_puts(data, ",userxattr");
	return 0;
}

int overlay_old_prepare(struct job *j, const struct overlay *o, struct overlay_old **ret, struct err *e)
{
	cleanup_buf struct buf data = {0};
	if (o->n > OVERLAY_MAX_LOWERS)
		return err_set(e, ERR_LIMIT,
		    "%zu layers are too many for one root file system of this kernel (at most %d)", o->n,
		    OVERLAY_MAX_LOWERS);
	struct overlay_old *old = arena_new(j->arena, sizeof(*old));
	old->dir = arena_strdup(j->arena, o->name);
	old->names = arena_new(j->arena, (o->n + 3) * NAME_SIZE);
	old->seen = arena_new(j->arena, (o->n + 3) * sizeof(*old->seen));
	old->writable = o->upper >= 0;
	if (mkdirat(j->scratch_fd, old->dir, 0700) < 0)
		return err_sys(e, "create a folder on tmpfs");
	TRY(add_lowers(j, o, old, &data, e));
	old->data = arena_strdup(j->arena, data.p);
	old->data_fast = arena_printf(j->arena, "%s%s", data.p, old->writable ? ",volatile" : "");
	if (strlen(old->data_fast) >= MOUNT_DATA_SIZE)
		return err_set(e, ERR_LIMIT, "too many layers for one root file system of this kernel");
	*ret = old;
	return 0;
}

/* Does the path still lead to the folder of the descriptor? */
static int check_links(const struct overlay_old *o)
{
	for (size_t i = 0; i < o->n; i++) {
		struct stat st;
		if (stat(o->names[i], &st) < 0)
			return -1;
		if (st.st_dev != o->seen[i].st_dev || st.st_ino != o->seen[i].st_ino) {
			errno = ESTALE;
			return -1;
		}
	}
	return 0;
}

int overlay_old_mount(struct job *j, const struct overlay_old *o, const char *place, unsigned long flags)
{
	char target[32] = "../";
	size_t n = strlen(place);
	if (n + 4 > sizeof(target))
		return -1;
	memcpy(target + 3, place, n + 1);
	int dir = openat(j->scratch_fd, o->dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fchdir(dir) < 0 || check_links(o) < 0)
		return -1;
	if (sys_mount("overlay", target, "overlay", flags, o->data_fast) < 0 &&
	    (errno != EINVAL || sys_mount("overlay", target, "overlay", flags, o->data) < 0))
		return -1;
	close(dir);
	return openat(j->scratch_fd, place, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

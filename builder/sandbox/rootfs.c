/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root file system of a step: an overlay of the layers' folders, made as a detached mount from descriptors. It is made in
 * the builder, because the kernel takes overlay layers only from mounts of the caller's own mount namespace, but it is attached
 * nowhere: only the step's namespace ever sees it, and it goes away with its last descriptor.
 *
 * "userxattr" always, also for root: then a store can be read by both, and without it a user namespace cannot delete folders.
 * "volatile" leaves out syncs of an upper that is thrown away after a crash anyway.
 */
#include "builder/sandbox/job.h"

#include <stdio.h>
#include <string.h>

enum {
	MAX_LOWERS = 490, /* the kernel takes 500 in one overlay; and one overlay may stand on another, no deeper */
};

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

int rootfs_overlay(const int *lowers, size_t n, int upper_fd, int work_fd, int empty_fd, int *ret_fd, struct err *e)
{
	if (n == 1 && upper_fd < 0)
		return one_overlay((int[]){empty_fd, lowers[0]}, 2, -1, -1, ret_fd, e);
	if (n <= MAX_LOWERS)
		return one_overlay(lowers, n, upper_fd, work_fd, ret_fd, e);
	/* Too many for one: the bottom ones become a read-only overlay that is the bottom layer of another. */
	size_t low = n - (MAX_LOWERS - 1);
	if (low > MAX_LOWERS)
		return err_set(e, ERR_LIMIT, "%zu layers are too many for one root file system (at most %d)", n, 2 * MAX_LOWERS - 1);
	cleanup_close int below = -1;
	TRY(one_overlay(lowers, low, -1, -1, &below, e));
	int top[MAX_LOWERS];
	top[0] = below;
	memcpy(top + 1, lowers + low, (n - low) * sizeof(int));
	return one_overlay(top, n - low + 1, upper_fd, work_fd, ret_fd, e);
}

static int work_folder(int work_fd, const char *name, int *ret_fd, struct err *e)
{
	if (mkdirat(work_fd, name, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "create folder %s beside the upper", name);
	int fd = openat(work_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open folder %s beside the upper", name);
	*ret_fd = fd;
	return 0;
}

int rootfs_prepare(struct job *j, struct err *e)
{
	const struct sandbox_run *r = j->run;
	j->plain_root = r->nlowers == 0;
	if (j->plain_root) {
		j->root_fd = sys_clone_tree(r->upper_fd, "");
		if (j->root_fd < 0)
			return err_sys(e, "bind the root folder");
	} else {
		cleanup_close int work = -1;
		TRY(work_folder(r->work_fd, "root", &work, e));
		TRY(rootfs_overlay(r->lowers, r->nlowers, r->upper_fd, work, -1, &j->root_fd, e));
	}
	/* A real root may make device nodes, and there is no device cgroup here that would keep it from opening them. */
	if (!r->insecure && sys_mount_setattr(j->root_fd, MOUNT_ATTR_NODEV) < 0)
		return err_sys(e, "set the flags of the root");
	return 0;
}

int rootfs_scratch(struct job *j, struct err *e)
{
	cleanup_close int fs = sys_fsopen("tmpfs");
	if (fs < 0)
		return err_sys(e, "open tmpfs");
	/* Secrets must not reach a swap device; only the initial user namespace may say so. */
	(void)option(fs, "noswap", NULL);
	if (option(fs, "mode", "0755") < 0 || option(fs, "size", "67108864") < 0 || option(fs, "source", "tmpfs") < 0 ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(e, "mount tmpfs");
	j->scratch_fd = sys_fsmount(fs, MOUNT_ATTR_NOSUID);
	if (j->scratch_fd < 0)
		return err_sys(e, "mount tmpfs");
	if (mkdirat(j->scratch_fd, "root", 0700) < 0 || mkdirat(j->scratch_fd, "empty", 0755) < 0)
		return err_sys(e, "create folders on tmpfs");
	return 0;
}

/* No mount of ours may reach the host, and none of the host's may come in later. The scratch mount has to be attached somewhere: what
 * it covers for this namespace is a folder that is not needed any more. Not "/": that would cost a second unmount, 2 ms. */
int rootfs_private(struct job *j)
{
	static const char *const places[] = {"/usr", "/tmp", "/var", "/home", "/"};
	if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return job_detail(j, "make mounts private", "");
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (sys_move_mount(j->scratch_fd, AT_FDCWD, places[i]) == 0)
			return 0;
	return job_detail(j, "attach tmpfs", "");
}

static int mount_id(int dirfd, const char *path, uint64_t *ret)
{
	struct statx st;
	if (statx(dirfd, path, AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return -1;
	*ret = st.stx_mnt_id;
	return 0;
}

/* After pivot_root(".", ".") the old root lies on top of the new one, perhaps with more on top of that. ".." of a root is the root, but seen
 * with what is mounted on it. */
static int detach_old_root(struct job *j)
{
	for (int i = 0; i < 64; i++) {
		uint64_t id;
		int fd = open("..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || mount_id(fd, "", &id) < 0)
			return -1;
		close(fd);
		if (id == j->root_mnt_id)
			return 0;
		if (sys_umount2(".", MNT_DETACH) < 0)
			return -1;
	}
	errno = EBUSY;
	return -1;
}

/* From here on the host's tree cannot be named any more, and no path was resolved in ours before. */
int rootfs_pivot(struct job *j)
{
	if (sys_move_mount(j->root_fd, j->scratch_fd, "root") < 0 || mount_id(j->root_fd, "", &j->root_mnt_id) < 0)
		return job_detail(j, "attach the root", "");
	if (fchdir(j->root_fd) < 0 || sys_pivot_root(".", ".") < 0)
		return job_detail(j, "pivot_root", "");
	if (detach_old_root(j) < 0)
		return job_detail(j, "detach the old root", "");
	return chdir("/") < 0 ? job_detail(j, "enter the root", "") : 0;
}

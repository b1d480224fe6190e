/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root file system of a step, the scratch tmpfs everything small is put on, and the move into the new root: attach,
 * pivot_root, detach the old one.
 */
#include "builder/sandbox/job.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static int option(int fs, const char *key, const char *value)
{
	return sys_fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0);
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
		struct overlay_ready ready;
		TRY(work_folder(r->work_fd, "root", &work, e));
		const struct overlay o = {
		    .name = "o-root", .lowers = r->lowers, .n = r->nlowers, .upper = r->upper_fd, .work = work};
		TRY(overlay_prepare(j, &o, &ready, e));
		j->root_fd = ready.fd;
		j->root_old = ready.old;
	}
	/* A real root may make device nodes, and there is no device cgroup here that would keep it from opening them.
	 */
	if (!r->insecure && j->root_fd >= 0 && sys_mount_setattr(j->root_fd, MOUNT_ATTR_NODEV) < 0)
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

/* A builder that was chrooted has a root that is no mount: its propagation cannot be set, and pivot_root refuses it. Entering
 * the namespace that the step is in already puts it at the namespace's own root. */
static int leave_chroot(void)
{
	int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -1;
	int rc = setns(ns, CLONE_NEWNS);
	close(ns);
	return rc;
}

/* No mount of ours may reach the host, and none of the host's may come in later. The scratch mount has to be attached
 * somewhere: what it covers for this namespace is a folder that is not needed any more. Not "/": that would cost a
 * second unmount, 2 ms. */
int rootfs_private(struct job *j)
{
	static const char *const places[] = {"/usr", "/tmp", "/var", "/home", "/"};
	int rc = sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (rc < 0 && errno == EINVAL && leave_chroot() == 0)
		rc = sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (rc < 0)
		return job_detail(j, "make mounts private", "");
	/* Old overlays are mounted by paths of the host, and none of them may be covered. */
	for (size_t i = overlay_old_needed() ? ARRAY_LEN(places) - 1 : 0; i < ARRAY_LEN(places); i++)
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

/* After pivot_root(".", ".") the old root lies on top of the new one, perhaps with more on top of that. ".." of a root
 * is the root, but seen with what is mounted on it. */
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
	if (j->root_old)
		j->root_fd = overlay_old_mount(j, j->root_old, "root", j->run->insecure ? 0 : MS_NODEV);
	else if (sys_move_mount(j->root_fd, j->scratch_fd, "root") < 0)
		return job_detail(j, "attach the root", "");
	if (j->root_fd < 0 || mount_id(j->root_fd, "", &j->root_mnt_id) < 0)
		return job_detail(j, "attach the root", "");
	if (fchdir(j->root_fd) < 0 || sys_pivot_root(".", ".") < 0)
		return job_detail(j, "pivot_root", "");
	if (detach_old_root(j) < 0)
		return job_detail(j, "detach the old root", "");
	return chdir("/") < 0 ? job_detail(j, "enter the root", "") : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounts of a step. The parent turns each into a detached tree, or writes its bytes into the scratch tmpfs; the
 * child, still in the host's tree, makes what only its namespaces can make, leaves the host's tree for good
 * (rootfs_pivot), and then attaches everything to descriptors found by walking the new root. A target's parents may be
 * made for it; see stubs.c.
 */
#include "builder/sandbox/job.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <sys/vfs.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/io.h"
#include "builder/sandbox/fakeids.h"

struct job_mount *job_mount_add(struct job *j)
{
	MEM_ROOM(j->mounts, j->nmounts, j->mounts_cap);
	j->mounts[j->nmounts] = (struct job_mount){.tree_fd = -1};
	return &j->mounts[j->nmounts++];
}

/* A fresh folder beside the upper, open as O_PATH, that looks like `like`. */
static int fresh_folder(struct job *j, const char *name, const struct stat *like, int *ret_fd, struct err *e)
{
	int work = j->run->work_fd;
	TRY(fs_remove_tree(work, name, e));
	if (mkdirat(work, name, 0700) < 0)
		return err_sys(e, "create folder %s beside the upper", name);
	cleanup_close int fd = openat(work, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open folder %s beside the upper", name);
	if (like) {
		const struct timespec times[2] = {like->st_atim, like->st_mtim};
		if ((fchown(fd, like->st_uid, like->st_gid) < 0 && !j->single_id) ||
		    fchmod(fd, like->st_mode & 07777) < 0 || futimens(fd, times) < 0)
			return err_sys(e, "prepare folder %s beside the upper", name);
	}
	/* The kernel wants upper and work folder from one mount: so by the caller's descriptor, not by its own. */
	*ret_fd = openat(work, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, "open folder %s beside the upper", name) : 0;
}

/* A file with writes that are thrown away: a copy, shared with the original where the file system can. */
static int copied_file(struct job *j, size_t i, int source, const struct stat *st, int *ret_tree, struct err *e)
{
	cleanup_free char *name = mem_printf("m%zu-file", i);
	cleanup_free char *path = mem_printf("/proc/self/fd/%d", source);
	TRY(fs_remove_tree(j->run->work_fd, name, e));
	cleanup_close int in = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_close int out =
	    openat(j->run->work_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (in < 0 || out < 0)
		return err_sys(e, "copy a file to mount");
	if (ioctl(out, FICLONE, in) < 0) {
		struct sink_fd to;
		sink_fd_init(&to, out);
		TRY(io_copy(in, &to.sink, NULL, e));
	}
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	if ((fchown(out, st->st_uid, st->st_gid) < 0 && !j->single_id) || fchmod(out, st->st_mode & 07777) < 0 ||
	    futimens(out, times) < 0)
		return err_sys(e, "copy a file to mount");
	cleanup_close int fd = openat(j->run->work_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	*ret_tree = fd < 0 ? -1 : sys_clone_tree(fd, "");
	return *ret_tree < 0 ? err_sys(e, "bind a copied file") : 0;
}

static int use_overlay(struct job *j, const struct overlay *o, struct job_mount *to, struct err *e)
{
	struct overlay_ready ready;
	TRY(overlay_prepare(j, o, &ready, e));
	to->tree_fd = ready.fd;
	to->old = ready.old;
	return 0;
}

static int prepare_bind(struct job *j, size_t i, const struct sandbox_mount *m, struct job_mount *to, struct err *e)
{
	if (m->nlowers == 0) {
		to->tree_fd = sys_clone_tree(m->source_fd, "");
		return to->tree_fd < 0 ? err_sys(e, "bind the source") : 0;
	}
	cleanup_close int empty = -1;
	cleanup_free char *name = mem_printf("m%zu-empty", i);
	struct stat st;
	if (fstat(m->lowers[0], &st) < 0)
		return err_sys(e, "look at the source");
	if (m->nlowers == 1)
		TRY(fresh_folder(j, name, &st, &empty, e));
	const struct overlay o = {.name = arena_printf(j->arena, "o%zu", i),
	    .lowers = m->lowers,
	    .n = m->nlowers,
	    .upper = -1,
	    .work = -1,
	    .empty = empty};
	return use_overlay(j, &o, to, e);
}

static int prepare_overlay(struct job *j, size_t i, const struct sandbox_mount *m, struct job_mount *to, struct err *e)
{
	const int *lowers = m->nlowers > 0 ? m->lowers : &m->source_fd;
	size_t n = m->nlowers > 0 ? m->nlowers : 1;
	struct stat st;
	if (fstat(lowers[n - 1], &st) < 0)
		return err_sys(e, "look at the source");
	if (!S_ISDIR(st.st_mode))
		return copied_file(j, i, m->source_fd, &st, &to->tree_fd, e);
	cleanup_close int upper = -1, work = -1;
	cleanup_free char *upper_name = mem_printf("m%zu-upper", i), *work_name = mem_printf("m%zu-work", i);
	TRY(fresh_folder(j, upper_name, &st, &upper, e));
	TRY(fresh_folder(j, work_name, NULL, &work, e));
	const struct overlay o = {
	    .name = arena_printf(j->arena, "o%zu", i), .lowers = lowers, .n = n, .upper = upper, .work = work};
	return use_overlay(j, &o, to, e);
}

static int prepare_tmpfs(const struct sandbox_mount *m, int *ret_tree, struct err *e)
{
	cleanup_close int fs = sys_fsopen("tmpfs");
	char size[24];
	snprintf(size, sizeof(size), "%llu", (unsigned long long)m->size);
	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", "tmpfs", 0) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "1777", 0) < 0 ||
	    (m->size > 0 && sys_fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) < 0) ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(e, "mount tmpfs");
	*ret_tree = sys_fsmount(fs, 0);
	return *ret_tree < 0 ? err_sys(e, "mount tmpfs") : 0;
}

static int prepare_file(struct job *j, const char *name, const struct sandbox_mount *m, struct err *e)
{
	cleanup_close int fd = openat(j->scratch_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "create a file on tmpfs");
	TRY(io_write_all(fd, m->content.p, m->content.len, e));
	if ((fchown(fd, m->uid, m->gid) < 0 && !j->single_id) || fchmod(fd, m->mode & 07777) < 0)
		return err_sys(e, "owner %u:%u of a file on tmpfs", m->uid, m->gid);
	if (j->single_id) /* for stat; tmpfs can note it since Linux 6.6 */
		owners_note(fd, m->uid, m->gid);
	return 0;
}

static int prepare(struct job *j, size_t i, const struct sandbox_mount *m, struct err *e)
{
	struct job_mount *to = job_mount_add(j);
	to->target = m->target;
	to->attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (m->rw ? 0 : MOUNT_ATTR_RDONLY);
	to->subpath = m->kind == SANDBOX_BIND || m->kind == SANDBOX_OVERLAY ? m->source_path : NULL;
	to->name = arena_printf(j->arena, "m%zu", i);
	switch (m->kind) {
	case SANDBOX_BIND:
		return prepare_bind(j, i, m, to, e);
	case SANDBOX_OVERLAY:
		to->attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		return prepare_overlay(j, i, m, to, e);
	case SANDBOX_TMPFS:
		to->attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		return prepare_tmpfs(m, &to->tree_fd, e);
	case SANDBOX_FILE:
		to->source = SOURCE_SCRATCH;
		return prepare_file(j, to->name, m, e);
	case SANDBOX_SOCKET:
		to->source = SOURCE_SCRATCH;
		to->attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		return agent_listen(j, to->name, m, e);
	}
	return err_set(e, ERR_UNSUPPORTED, "mount kind %d", m->kind);
}

static size_t depth(const char *path)
{
	size_t n = 0;
	for (const char *p = path; *p; p++)
		n += *p != '/' && (p[1] == '/' || p[1] == '\0');
	return n;
}

int mounts_prepare(struct job *j, struct err *e)
{
	size_t first = j->nmounts;
	for (size_t i = 0; i < j->run->nmounts; i++) {
		const struct sandbox_mount *m = &j->run->mounts[i];
		if (prepare(j, i, m, e) < 0)
			return err_wrap(e, "mount on %s", m->target);
	}
	/* Shallow targets before deep ones; equal ones in the order given, the later on top. */
	for (size_t i = first + 1; i < j->nmounts; i++) {
		struct job_mount m = j->mounts[i];
		size_t k = i;
		for (; k > first && depth(j->mounts[k - 1].target) > depth(m.target); k--)
			j->mounts[k] = j->mounts[k - 1];
		j->mounts[k] = m;
	}
	return 0;
}

/* --- after the clone -------------------------------------------------------------------------------------------------
 */

static int fresh(struct job_mount *m)
{
	int fs = sys_fsopen(m->name);
	if (fs < 0)
		return -1;
	for (const char *const *o = m->options; o && *o; o += 2)
		if (sys_fsconfig(fs, o[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, o[0], o[1], 0) < 0)
			return -1;
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", m->name, 0) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	m->tree_fd = sys_fsmount(fs, (unsigned int)m->attrs);
	close(fs);
	return m->tree_fd < 0 ? -1 : 0;
}

/* Replaces the tree by the part of it that is meant. */
static int narrow(struct job *j, struct job_mount *m)
{
	struct walk w = {.root = m->tree_fd};
	if (!m->old && sys_move_mount(m->tree_fd, j->scratch_fd, "empty") < 0)
		return job_detail(j, "attach the source of ", m->target);
	int fd = walk_path(&w, m->subpath ? m->subpath : "/", WALK_FIND);
	if (fd < 0)
		return job_detail(j, "source ", m->subpath ? m->subpath : "");
	int tree = sys_clone_tree(fd, "");
	if (tree < 0)
		return job_detail(j, "bind the source of ", m->target);
	close(fd);
	m->tree_fd = tree;
	return 0;
}

static int source_of(struct job *j, struct job_mount *m)
{
	if (m->source == SOURCE_FRESH) {
		if (fresh(m) == 0)
			return 0;
		if (!m->fallback)
			return job_detail(j, "mount ", m->name);
		m->tree_fd = sys_clone_tree(AT_FDCWD, m->fallback);
		m->attrs |= MOUNT_ATTR_RDONLY;
		if (m->tree_fd < 0)
			return job_detail(j, "bind ", m->fallback);
	} else if (m->source == SOURCE_SCRATCH) {
		m->tree_fd = sys_clone_tree(j->scratch_fd, m->name);
		if (m->tree_fd < 0)
			return job_detail(j, "bind for ", m->target);
	}
	if (m->old) {
		m->tree_fd = overlay_old_mount(j, m->old, "empty", m->attrs & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0);
		if (m->tree_fd < 0)
			return job_detail(j, "overlay for ", m->target);
	}
	if ((m->subpath || m->old) && narrow(j, m) < 0)
		return -1;
	if (m->attrs != 0 && sys_mount_setattr(m->tree_fd, m->attrs) < 0)
		return job_detail(j, "set flags of ", m->target);
	return 0;
}

int mounts_sources(struct job *j)
{
	j->empty_fd = sys_clone_tree(j->scratch_fd, "empty");
	if (j->empty_fd < 0 || sys_mount_setattr(j->empty_fd,
	                           MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC) < 0)
		return job_detail(j, "bind an empty folder", "");
	for (size_t i = 0; i < j->nmounts; i++)
		if (source_of(j, &j->mounts[i]) < 0) {
			if (!j->mounts[i].optional)
				return -1;
			j->mounts[i].tree_fd = -1;
		}
	return 0;
}

static int attach(struct job *j, struct job_mount *m)
{
	struct walk w = {.root = j->root_fd};
	struct stat tree, target;
	struct statfs fs;
	stubs_watch(j, &w);
	if (fstat(m->tree_fd, &tree) < 0)
		return job_detail(j, "mount on ", m->target);
	int fd = walk_path(&w, m->target, S_ISDIR(tree.st_mode) ? WALK_FOLDER : WALK_FILE);
	if (fd < 0 || fstat(fd, &target) < 0 || fstatfs(fd, &fs) < 0)
		return job_detail(j, "mount target ", m->target);
	if (!m->builtin && fs.f_type == PROC_SUPER_MAGIC) {
		errno = EPERM; /* what is masked there must stay masked */
		return job_detail(j, "mount target in /proc: ", m->target);
	}
	if (S_ISDIR(tree.st_mode) != S_ISDIR(target.st_mode)) {
		errno = S_ISDIR(tree.st_mode) ? ENOTDIR : EISDIR;
		return job_detail(j, "mount target ", m->target);
	}
	if (sys_move_mount(m->tree_fd, fd, "") < 0)
		return job_detail(j, "mount on ", m->target);
	close(fd);
	return 0;
}

static int attach_all(struct job *j, bool builtin)
{
	for (size_t i = 0; i < j->nmounts; i++) {
		struct job_mount *m = &j->mounts[i];
		if (m->builtin != builtin || m->tree_fd < 0)
			continue;
		if (attach(j, m) < 0 && !m->optional)
			return -1;
	}
	return 0;
}

int mounts_builtin(struct job *j)
{
	return attach_all(j, true);
}

int mounts_attach(struct job *j)
{
	return attach_all(j, false);
}

int mounts_cwd(struct job *j)
{
	struct walk w = {.root = j->root_fd};
	char path[PATH_MAX];
	int fd = walk_path(&w, j->run->cwd, WALK_FOLDER);
	if (fd < 0 || fchdir(fd) < 0)
		return job_detail(j, "working folder ", j->run->cwd);
	/* The kernel answers "(unreachable)..." for a folder outside of the root. */
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0 || path[0] != '/') {
		errno = EPERM;
		return job_detail(j, "working folder outside of the root: ", j->run->cwd);
	}
	return 0;
}

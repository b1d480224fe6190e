/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev, /proc and /sys of a step. /dev is a folder of the scratch tmpfs with six harmless devices bound into it: made
 * with mknod where that is allowed, else the host's after a look at their numbers. /proc and /sys are fresh instances
 * for the step's own namespaces; what they still tell or allow about the machine is covered as Docker does it.
 */
#include "builder/sandbox/job.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/arena.h"

static const struct device {
	const char *name;
	unsigned int major, minor;
} devices[] = {
    {"null", 1, 3},
    {"zero", 1, 5},
    {"full", 1, 7},
    {"random", 1, 8},
    {"urandom", 1, 9},
    {"tty", 5, 0},
};

static const char *const dev_folders[] = {"dev", "dev/pts", "dev/shm", "dev/mqueue"};

static const struct link {
	const char *name, *text;
} dev_links[] = {
    {"dev/fd", "/proc/self/fd"},
    {"dev/stdin", "/proc/self/fd/0"},
    {"dev/stdout", "/proc/self/fd/1"},
    {"dev/stderr", "/proc/self/fd/2"},
    {"dev/ptmx", "pts/ptmx"},
};

static const char *const masked_proc[] = {
    "acpi",
    "asound",
    "interrupts",
    "kcore",
    "keys",
    "latency_stats",
    "sched_debug",
    "scsi",
    "timer_list",
    "timer_stats",
};
static const char *const readonly_proc[] = {"bus", "fs", "irq", "sys", "sysrq-trigger"};
static const char *const masked_sys[] = {"firmware", "devices/virtual/powercap"};

/* The host's own device node as a detached mount. */
static int clone_host_device(struct job_mount *m, const struct device *d, struct err *e)
{
	struct stat st;
	cleanup_close int fd = open(m->target, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "open %s", m->target);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(d->major, d->minor))
		return err_set(
		    e, ERR_UNSUPPORTED, "%s of this machine is not the device %u:%u", m->target, d->major, d->minor);
	m->tree_fd = sys_clone_tree(fd, "");
	return m->tree_fd < 0 ? err_sys(e, "bind %s", m->target) : 0;
}

/* Every device is a mount of its own, so that /dev itself can be "nodev": a step that is root can make nodes, not open
 * them. */
static int add_device(struct job *j, const struct device *d, struct err *e)
{
	struct job_mount *m = job_mount_add(j);
	m->builtin = true;
	m->target = arena_printf(j->arena, "/dev/%s", d->name);
	m->name = arena_printf(j->arena, "node-%s", d->name);
	m->source = SOURCE_SCRATCH;
	m->attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	if (mknodat(j->scratch_fd, m->target + 1, S_IFREG | 0666, 0) < 0)
		return err_sys(e, "create %s", m->target);
	if (mknodat(j->scratch_fd, m->name, S_IFCHR | 0666, makedev(d->major, d->minor)) == 0)
		return fchmodat(j->scratch_fd, m->name, 0666, 0) < 0 ? err_sys(e, "chmod %s", m->target) : 0;
	if (errno != EPERM)
		return err_sys(e, "create %s", m->target);
	m->source = SOURCE_TREE;
	return clone_host_device(m, d, e);
}

/* --- --security=insecure: the host's devices -------------------------------------------------------------------------
 */

static bool is_ours(const char *name)
{
	static const char *const names[] = {
	    "pts", "shm", "mqueue", "ptmx", "console", "fd", "stdin", "stdout", "stderr", "log", "core"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		if (strcmp(name, devices[i].name) == 0)
			return true;
	return false;
}

/* A node of the host: made again by root, bound for an ordinary user who may open it. */
static int add_host_node(struct job *j, const char *path, const struct stat *st, struct err *e)
{
	if (mknodat(j->scratch_fd, path + 1, st->st_mode, st->st_rdev) == 0) {
		if (fchownat(j->scratch_fd, path + 1, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		    fchmodat(j->scratch_fd, path + 1, st->st_mode & 07777, 0) < 0)
			return err_sys(e, "create %s", path);
		return 0;
	}
	if (errno != EPERM)
		return err_sys(e, "create %s", path);
	if (access(path, R_OK | W_OK) < 0)
		return 0;
	cleanup_close int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int tree = fd < 0 ? -1 : sys_clone_tree(fd, "");
	if (tree < 0 || mknodat(j->scratch_fd, path + 1, S_IFREG | 0666, 0) < 0)
		return err_sys(e, "bind %s", path);
	struct job_mount *m = job_mount_add(j);
	*m = (struct job_mount){.tree_fd = tree, .target = arena_strdup(j->arena, path), .builtin = true};
	return 0;
}

static int add_host_nodes(struct job *j, const char *folder, int depth, struct err *e)
{
	DIR *dir = opendir(folder);
	int rc = 0;
	for (struct dirent *d; dir && rc == 0 && (d = readdir(dir)) != NULL;) {
		struct stat st;
		if (d->d_name[0] == '.' || (depth == 0 && is_ours(d->d_name)) ||
		    fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		cleanup_free char *path = mem_printf("%s/%s", folder, d->d_name);
		if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			rc = add_host_node(j, path, &st, e);
		else if (S_ISDIR(st.st_mode) && depth < 3 && mkdirat(j->scratch_fd, path + 1, 0755) == 0)
			rc = add_host_nodes(j, path, depth + 1, e);
	}
	if (dir)
		closedir(dir);
	return rc;
}

static int make_dev(struct job *j, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(dev_folders); i++)
		if (mkdirat(j->scratch_fd, dev_folders[i], 0755) < 0 ||
		    fchmodat(j->scratch_fd, dev_folders[i], 0755, 0) < 0)
			return err_sys(e, "create /%s", dev_folders[i]);
	for (size_t i = 0; i < ARRAY_LEN(dev_links); i++)
		if (symlinkat(dev_links[i].text, j->scratch_fd, dev_links[i].name) < 0)
			return err_sys(e, "create /%s", dev_links[i].name);
	return 0;
}

enum { NO = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

static void fresh(struct job *j, const char *target, const char *type, const char *const *options, uint64_t attrs,
    const char *fallback, bool optional)
{
	struct job_mount *m = job_mount_add(j);
	*m = (struct job_mount){.source = SOURCE_FRESH,
	    .target = target,
	    .tree_fd = -1,
	    .name = type,
	    .options = options,
	    .attrs = attrs,
	    .fallback = fallback,
	    .optional = optional,
	    .builtin = true};
}

static const char *const pts_options[] = {"newinstance", NULL, "ptmxmode", "0666", "mode", "0620", "gid", "5", NULL};
static const char *const pts_options_no_gid[] = {"newinstance", NULL, "ptmxmode", "0666", "mode", "0620", NULL};

static const char *const *shm_options(struct job *j)
{
	const char **o = arena_new(j->arena, 5 * sizeof(*o));
	uint64_t size = j->run->shm_size ? j->run->shm_size : 64 << 20;
	o[0] = "mode";
	o[1] = "1777";
	o[2] = "size";
	o[3] = arena_printf(j->arena, "%llu", (unsigned long long)size);
	return o;
}

/* CPU folders with thermal_throttle: counters that tell one tenant about the load of others. */
static void find_throttles(struct job *j)
{
	size_t cap = 0;
	DIR *dir = opendir("/sys/devices/system/cpu");
	for (struct dirent *d; dir && (d = readdir(dir)) != NULL;) {
		if (strncmp(d->d_name, "cpu", 3) != 0 || d->d_name[3] < '0' || d->d_name[3] > '9')
			continue;
		char *path = arena_printf(j->arena, "devices/system/cpu/%s/thermal_throttle", d->d_name);
		if (faccessat(dirfd(dir), path + sizeof("devices/system/cpu/") - 1, F_OK, 0) < 0)
			continue;
		ARENA_ROOM(j->arena, j->masked_cpus, j->nmasked_cpus, cap);
		j->masked_cpus[j->nmasked_cpus++] = path;
	}
	if (dir)
		closedir(dir);
}

int devproc_prepare(struct job *j, struct err *e)
{
	uint64_t readonly = j->run->insecure ? 0 : MOUNT_ATTR_RDONLY;
	TRY(make_dev(j, e));
	fresh(j, "/proc", "proc", NULL, NO, "/proc", false);
	fresh(j, "/sys", "sysfs", NULL, NO | readonly, "/sys", true);
	fresh(j, "/sys/fs/cgroup", "cgroup2", NULL, NO | readonly, NULL, true);
	struct job_mount *m = job_mount_add(j);
	*m = (struct job_mount){.source = SOURCE_SCRATCH,
	    .target = "/dev",
	    .tree_fd = -1,
	    .name = "dev",
	    .attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | (j->run->insecure ? 0 : MOUNT_ATTR_NODEV),
	    .builtin = true};
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		TRY(add_device(j, &devices[i], e));
	if (j->run->insecure)
		TRY(add_host_nodes(j, "/dev", 0, e));
	fresh(j, "/dev/pts", "devpts", j->single_id ? pts_options_no_gid : pts_options,
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, NULL, false);
	fresh(j, "/dev/shm", "tmpfs", shm_options(j), NO, NULL, false);
	fresh(j, "/dev/mqueue", "mqueue", NULL, NO, NULL, true);
	if (!j->run->insecure)
		find_throttles(j);
	return 0;
}

/* --- after the clone -------------------------------------------------------------------------------------------------
 */

static int tree_on(const struct job *j, const char *target)
{
	for (size_t i = 0; i < j->nmounts; i++)
		if (j->mounts[i].builtin && strcmp(j->mounts[i].target, target) == 0)
			return j->mounts[i].tree_fd;
	return -1;
}

/* Opens a name in a kernel file system; links there are never followed. -1 with errno 0: not there, nothing to cover.
 */
static int open_there(int base, const char *name)
{
	int fd = base < 0 ? -1 : openat(base, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (base < 0 || (fd < 0 && (errno == ENOENT || errno == EACCES)))
		errno = 0;
	return fd;
}

/* Covers `name` with an empty folder or with /dev/null. */
static int cover(struct job *j, int base, const char *name)
{
	struct stat st;
	int fd = open_there(base, name);
	if (fd < 0)
		return errno == 0 ? 0 : job_detail(j, "mask ", name);
	if (fstat(fd, &st) < 0)
		return job_detail(j, "mask ", name);
	int tree = S_ISDIR(st.st_mode) ? j->empty_fd : sys_clone_tree(j->null_fd, "");
	if (tree < 0 || sys_move_mount(tree, fd, "") < 0)
		return job_detail(j, "mask ", name);
	if (S_ISDIR(st.st_mode)) { /* the next one gets a copy: only what is attached can be copied */
		j->empty_fd = sys_clone_tree(tree, "");
		if (j->empty_fd < 0)
			return job_detail(j, "mask ", name);
	}
	close(tree);
	close(fd);
	return 0;
}

static int freeze(struct job *j, int base, const char *name)
{
	int fd = open_there(base, name);
	if (fd < 0)
		return errno == 0 ? 0 : job_detail(j, "make read-only: /proc/", name);
	int tree = sys_clone_tree(fd, "");
	if (tree < 0 || sys_mount_setattr(tree, MOUNT_ATTR_RDONLY | NO) < 0 || sys_move_mount(tree, fd, "") < 0)
		return job_detail(j, "make read-only: /proc/", name);
	close(tree);
	close(fd);
	return 0;
}

int devproc_mask(struct job *j)
{
	if (j->run->insecure)
		return 0;
	struct stat st;
	int proc = tree_on(j, "/proc"), sys = tree_on(j, "/sys"), dev = tree_on(j, "/dev");
	j->null_fd = openat(dev, "null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (j->null_fd < 0 || fstat(j->null_fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return job_detail(j, "/dev/null", "");
	for (size_t i = 0; i < ARRAY_LEN(readonly_proc); i++)
		if (freeze(j, proc, readonly_proc[i]) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(masked_proc); i++)
		if (cover(j, proc, masked_proc[i]) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(masked_sys); i++)
		if (cover(j, sys, masked_sys[i]) < 0)
			return -1;
	for (size_t i = 0; i < j->nmasked_cpus; i++)
		if (cover(j, sys, j->masked_cpus[i]) < 0)
			return -1;
	return 0;
}

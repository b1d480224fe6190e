/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds out which of the ways to run a step this machine allows, by trying: a forked child makes a user namespace and a
 * mount in it, which is the only test that sees all the knobs (sysctls, AppArmor, seccomp filters of an outer
 * container).
 */
#include "builder/sandbox/mode.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "builder/sandbox/kernel.h"

/* sandbox_mode's answer + 1; 0 = not asked yet. */
static atomic_int known;
/* userns_enter was here. */
static atomic_bool own_namespace;

void mode_entered(void)
{
	atomic_store(&own_namespace, true);
	atomic_store(&known, 0);
}

bool mode_may_mount(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	return syscall(SYS_capget, &head, data) == 0 && (data[0].effective & 1U << CAP_SYS_ADMIN);
}

struct mode_ids mode_ids(struct arena *a)
{
	struct mode_ids ids = {.uid = geteuid(), .gid = getegid()};
	char *name = subids_user_name(a, ids.uid);
	ids.uids = subids_read(a, "/etc/subuid", name, ids.uid);
	ids.gids = subids_read(a, "/etc/subgid", name, ids.uid);
	ids.newuidmap = subids_helper(a, "newuidmap");
	ids.newgidmap = subids_helper(a, "newgidmap");
	ids.ranges = ids.uids.n > 0 && ids.gids.n > 0 && ids.newuidmap && ids.newgidmap;
	const char *wish = secure_getenv("COOPER_SUBIDS");
	if (wish && strcmp(wish, "none") == 0)
		ids.ranges = false;
	ids.name = name ? name : arena_printf(a, "%u", ids.uid);
	return ids;
}

/* How many ids the user namespace of this process has. */
static uint64_t mapped_ids(void)
{
	cleanup_buf struct buf text = {0};
	struct err ignored = {0};
	uint64_t total = 0, inside, outside, count;
	if (io_read_file(AT_FDCWD, "/proc/self/uid_map", 64 * 1024, &text, &ignored) < 0)
		return UINT64_MAX;
	struct str rest = buf_view(&text), line;
	while (str_split(&rest, '\n', &line)) {
		cleanup_free char *z = mem_strndup(line.p, line.len);
		if (sscanf(z, "%lu %lu %lu", &inside, &outside, &count) == 3)
			total += count;
	}
	return total;
}

/* 0, or the errno of the first thing that was refused. */
static int probe(void)
{
	int fds[2], error = 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return errno;
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
		    sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			error = errno;
		_exit(write(fds[1], &error, sizeof(error)) < 0);
	}
	close(fds[1]);
	if (pid < 0 || read(fds[0], &error, sizeof(error)) != sizeof(error))
		error = EAGAIN;
	close(fds[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return error;
}

static bool knob_is(const char *path, char value)
{
	cleanup_buf struct buf text = {0};
	struct err ignored = {0};
	return io_read_file(AT_FDCWD, path, 64, &text, &ignored) == 0 && text.len > 0 && text.p[0] == value;
}

bool mode_in_chroot(void)
{
	struct statx st;
	return statx(AT_FDCWD, "/", 0, STATX_TYPE, &st) == 0 && (st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
	    !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

void mode_explain_userns(struct buf *out, int error)
{
	if (mode_in_chroot())
		buf_puts(out, "the kernel gives none in a chroot (run cooper as root, or enter the folder with a tool that makes "
		              "it the root of a mount namespace: bwrap, systemd-nspawn)");
	else if (knob_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1'))
		buf_puts(out, "AppArmor keeps user namespaces from ordinary users (sysctl "
		              "kernel.apparmor_restrict_unprivileged_userns=0, or "
		              "a profile for cooper with `userns,`)");
	else if (knob_is("/proc/sys/kernel/unprivileged_userns_clone", '0'))
		buf_puts(out, "switched off for ordinary users (sysctl kernel.unprivileged_userns_clone=1)");
	else if (knob_is("/proc/sys/user/max_user_namespaces", '0'))
		buf_puts(out, "switched off (sysctl user.max_user_namespaces=15000)");
	else if (error == ENOSPC || error == EUSERS)
		buf_puts(out, "too many user namespaces (sysctl user.max_user_namespaces)");
	else
		buf_puts(out, "refused, probably by the security profile of the container this runs in (docker run "
		              "--security-opt "
		              "seccomp=unconfined --security-opt apparmor=unconfined, or --privileged)");
}

static void explain_ranges(struct buf *out, const struct mode_ids *ids)
{
	buf_puts(out, "user namespace with one id: owners of files are kept as notes, and are right in the image. ");
	if (!ids->newuidmap || !ids->newgidmap)
		buf_puts(out, "newuidmap and newgidmap are missing (package uidmap). ");
	if (ids->uids.n == 0 || ids->gids.n == 0)
		buf_printf(out,
		    "No subordinate ids (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s). ",
		    ids->name);
	const char *wish = secure_getenv("COOPER_SUBIDS");
	if (wish && strcmp(wish, "none") == 0)
		buf_puts(out, "COOPER_SUBIDS=none asks for it. ");
	out->p[--out->len] = '\0';
}

static enum sandbox_mode inside(struct buf *why)
{
	uint64_t n = mapped_ids();
	if (n == 1) {
		buf_puts(why, "user namespace with one id");
		return SANDBOX_SINGLE_ID;
	}
	if (n == UINT32_MAX && !atomic_load(&own_namespace)) {
		buf_puts(why, "root");
		return SANDBOX_ROOT;
	}
	buf_printf(why, "root of a user namespace with %llu ids", (unsigned long long)n);
	return SANDBOX_SUBIDS;
}

static enum sandbox_mode outside(struct buf *why)
{
	cleanup_arena struct arena a = {0};
	int error = probe();
	if (error != 0) {
		buf_printf(why, "no steps can run: user namespaces: %s: ", strerrordesc_np(error));
		mode_explain_userns(why, error);
		return SANDBOX_UNAVAILABLE;
	}
	struct mode_ids ids = mode_ids(&a);
	if (ids.uid == 0) {
		buf_puts(why, "user namespace in a container");
		return SANDBOX_SUBIDS;
	}
	if (!ids.ranges) {
		explain_ranges(why, &ids);
		return SANDBOX_SINGLE_ID;
	}
	buf_printf(why, "user namespace with the subordinate ids of %s", ids.name);
	return SANDBOX_SUBIDS;
}

enum sandbox_mode sandbox_mode(struct buf *why)
{
	int answer = atomic_load(&known);
	if (answer > 0 && !why)
		return (enum sandbox_mode)(answer - 1);
	cleanup_buf struct buf text = {0};
	enum sandbox_mode mode = mode_may_mount() ? inside(&text) : outside(&text);
	atomic_store(&known, (int)mode + 1);
	if (why)
		buf_str(why, buf_view(&text));
	return mode;
}

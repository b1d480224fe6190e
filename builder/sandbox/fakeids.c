/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fakeids.h. Every thread that has set ids has an entry; one without an entry has those of its nearest ancestor
 * with one, and in the end those the step was started with. As long as nobody has set any, which is the rule, no
 * process is looked at.
 */
#include "builder/sandbox/fakeids.h"

#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "base/io.h"
#include "base/log.h"
#include "builder/sandbox/job.h"
#include "builder/sandbox/linkowners.h"

/* Newer than the headers of Debian 12. */
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

enum { REAL, EFFECTIVE, SAVED, IDS, MAX_GROUPS = 64, MAX_ANCESTORS = 64, MAX_ENTRIES = 4096 };

struct ids {
	uint32_t uid[IDS], gid[IDS];
	uint32_t groups[MAX_GROUPS];
	size_t ngroups;
};
struct entry {
	pid_t tid;
	uint64_t started; /* tells a thread from a later one with the same number */
	struct ids ids;
};
struct fakeids {
	struct ids first; /* of the step's command */
	struct entry *entries;
	size_t n, cap;
	struct linkowners links;
};

int fakeids_prepare(struct job *j, struct err *e)
{
	if (!j->single_id)
		return 0;
	struct fakeids *f = mem_new(sizeof(*f));
	j->fakeids = f;
	for (int i = 0; i < IDS; i++) {
		f->first.uid[i] = j->run->uid;
		f->first.gid[i] = j->run->gid;
	}
	f->first.ngroups = j->run->ngroups < MAX_GROUPS ? j->run->ngroups : MAX_GROUPS;
	if (f->first.ngroups > 0)
		memcpy(f->first.groups, j->run->groups, f->first.ngroups * sizeof(uint32_t));
	return channel_open(j, e);
}

void fakeids_take(struct job *j)
{
	if (!j->fakeids)
		return;
	j->listener = channel_receive(j, 'l');
	/* Question and answer on one processor. Linux 6.6. */
	if (j->listener >= 0 && ioctl(j->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) < 0)
		log_debug("sandbox: no synchronous wake-up");
}

void fakeids_done(struct job *j)
{
	if (j->fakeids) {
		mem_free(j->fakeids->entries);
		linkowners_done(&j->fakeids->links);
	}
	mem_free(j->fakeids);
}

void fakeids_result(struct job *j, struct sandbox_result *ret)
{
	if (j->fakeids)
		linkowners_result(&j->fakeids->links, ret);
}

/* Start time, thread group and parent of a thread. */
static bool look_up(pid_t tid, uint64_t *ret_started, pid_t *ret_above)
{
	cleanup_buf struct buf text = {0};
	struct err ignored = {0};
	char path[64];
	unsigned long long started = 0;
	int tgid = 0, ppid = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	if (io_read_file(AT_FDCWD, path, 64 * 1024, &text, &ignored) < 0)
		return false;
	const char *t = strstr(text.p, "\nTgid:"), *p = strstr(text.p, "\nPPid:");
	if (!t || !p || sscanf(t, "\nTgid: %d", &tgid) != 1 || sscanf(p, "\nPPid: %d", &ppid) != 1)
		return false;
	buf_clear(&text);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)tid);
	if (io_read_file(AT_FDCWD, path, 64 * 1024, &text, &ignored) < 0)
		return false;
	/* proc(5): field 22; the name, field 2, may hold anything but ends at the last parenthesis */
	const char *rest = strrchr(text.p, ')');
	if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
	                 &started) != 1)
		return false;
	*ret_started = started;
	*ret_above = tgid != tid ? tgid : ppid;
	return true;
}

static struct entry *find(struct fakeids *f, pid_t tid)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->entries[i].tid == tid)
			return &f->entries[i];
	return NULL;
}

static const struct ids *ids_of(struct fakeids *f, pid_t tid)
{
	for (int i = 0; f->n > 0 && i < MAX_ANCESTORS && tid > 1; i++) {
		uint64_t started;
		pid_t above;
		if (!look_up(tid, &started, &above))
			break;
		struct entry *entry = find(f, tid);
		if (entry && entry->started == started)
			return &entry->ids;
		tid = above;
	}
	return &f->first;
}

/* Forgets who is gone; when nobody is, the oldest. */
static void make_room(struct fakeids *f)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++) {
		uint64_t started;
		pid_t above;
		if (look_up(f->entries[i].tid, &started, &above) && started == f->entries[i].started)
			f->entries[n++] = f->entries[i];
	}
	if (n == f->n)
		memmove(f->entries, f->entries + 1, --n * sizeof(*f->entries));
	f->n = n;
}

static int store(struct fakeids *f, pid_t tid, const struct ids *ids)
{
	uint64_t started;
	pid_t above;
	if (!look_up(tid, &started, &above))
		return -ESRCH;
	struct entry *entry = find(f, tid);
	if (!entry) {
		if (f->n >= MAX_ENTRIES)
			make_room(f);
		MEM_ROOM(f->entries, f->n, f->cap);
		entry = &f->entries[f->n++];
	}
	*entry = (struct entry){.tid = tid, .started = started, .ids = *ids};
	return 0;
}

static bool copy_memory(pid_t pid, unsigned long long address, void *p, size_t len, bool write)
{
	struct iovec local = {p, len}, remote = {(void *)(uintptr_t)address, len};
	ssize_t n =
	    write ? process_vm_writev(pid, &local, 1, &remote, 1, 0) : process_vm_readv(pid, &local, 1, &remote, 1, 0);
	return n == (ssize_t)len;
}

static bool is_one_of(uint32_t id, const uint32_t set[IDS])
{
	return id == set[REAL] || id == set[EFFECTIVE] || id == set[SAVED];
}

/* setresuid and its kin: UINT32_MAX keeps. */
static int change(uint32_t set[IDS], const uint32_t want[IDS], bool privileged)
{
	for (int i = 0; i < IDS; i++)
		if (want[i] != UINT32_MAX && !privileged && !is_one_of(want[i], set))
			return -EPERM;
	for (int i = 0; i < IDS; i++)
		if (want[i] != UINT32_MAX)
			set[i] = want[i];
	return 0;
}

static int set_one(uint32_t set[IDS], uint32_t id, bool privileged)
{
	const uint32_t all[IDS] = {id, id, id}, effective[IDS] = {UINT32_MAX, id, UINT32_MAX};
	return change(set, privileged ? all : effective, privileged);
}

/* setreuid(2): the saved id follows the effective one when the real one is set, or the effective one to something new.
 */
static int set_two(uint32_t set[IDS], uint32_t real, uint32_t effective, bool privileged)
{
	bool follows = real != UINT32_MAX || (effective != UINT32_MAX && effective != set[REAL]);
	const uint32_t want[IDS] = {real, effective, UINT32_MAX};
	int rc = change(set, want, privileged);
	if (rc == 0 && follows)
		set[SAVED] = set[EFFECTIVE];
	return rc;
}

static int set_groups(pid_t pid, struct ids *ids, const unsigned long long *a)
{
	if (ids->uid[EFFECTIVE] != 0)
		return -EPERM;
	if (a[0] > 65536)
		return -EINVAL;
	size_t n = a[0] < MAX_GROUPS ? (size_t)a[0] : MAX_GROUPS;
	if (n > 0 && !copy_memory(pid, a[1], ids->groups, n * sizeof(uint32_t), false))
		return -EFAULT;
	ids->ngroups = n;
	return 0;
}

static int set_ids(struct fakeids *f, pid_t pid, enum owner_call call, const unsigned long long *args)
{
	struct ids ids = *ids_of(f, pid);
	const bool root = ids.uid[EFFECTIVE] == 0;
	const uint32_t a[IDS] = {(uint32_t)args[0], (uint32_t)args[1], (uint32_t)args[2]};
	int rc = 0;
	if (call == OWNER_SETUID)
		rc = set_one(ids.uid, a[0], root);
	else if (call == OWNER_SETGID)
		rc = set_one(ids.gid, a[0], root);
	else if (call == OWNER_SETREUID)
		rc = set_two(ids.uid, a[0], a[1], root);
	else if (call == OWNER_SETREGID)
		rc = set_two(ids.gid, a[0], a[1], root);
	else if (call == OWNER_SETRESUID)
		rc = change(ids.uid, a, root);
	else if (call == OWNER_SETRESGID)
		rc = change(ids.gid, a, root);
	else if (call == OWNER_SETGROUPS)
		rc = set_groups(pid, &ids, args);
	return rc < 0 ? rc : store(f, pid, &ids);
}

static int get_three(pid_t pid, const uint32_t set[IDS], const unsigned long long *a)
{
	for (int i = 0; i < IDS; i++) {
		uint32_t id = set[i];
		if (!copy_memory(pid, a[i], &id, sizeof(id), true))
			return -EFAULT;
	}
	return 0;
}

static int get_groups(pid_t pid, const struct ids *ids, const unsigned long long *a)
{
	uint32_t groups[MAX_GROUPS];
	if (a[0] == 0)
		return (int)ids->ngroups;
	if ((uint32_t)a[0] < ids->ngroups)
		return -EINVAL;
	memcpy(groups, ids->groups, sizeof(groups));
	if (ids->ngroups > 0 && !copy_memory(pid, a[1], groups, ids->ngroups * sizeof(uint32_t), true))
		return -EFAULT;
	return (int)ids->ngroups;
}

/* The value of the call, or a negative errno. */
static int64_t answer(struct fakeids *f, const struct owners_step *step, pid_t pid, enum owner_call call, const unsigned long long *args)
{
	if (call == OWNER_PRETEND)
		return 0;
	if (call <= OWNER_FCHOWNAT)
		return owners_answer(step, pid, call, args);
	if (call == OWNER_SETFSUID || call == OWNER_SETFSGID) { /* these return the old one */
		const struct ids *ids = ids_of(f, pid);
		return call == OWNER_SETFSUID ? ids->uid[EFFECTIVE] : ids->gid[EFFECTIVE];
	}
	if (call <= OWNER_SETGROUPS)
		return set_ids(f, pid, call, args);
	const struct ids *ids = ids_of(f, pid);
	switch (call) {
	case OWNER_GETUID:
		return ids->uid[REAL];
	case OWNER_GETEUID:
		return ids->uid[EFFECTIVE];
	case OWNER_GETGID:
		return ids->gid[REAL];
	case OWNER_GETEGID:
		return ids->gid[EFFECTIVE];
	case OWNER_GETRESUID:
		return get_three(pid, ids->uid, args);
	case OWNER_GETRESGID:
		return get_three(pid, ids->gid, args);
	default:
		return get_groups(pid, ids, args);
	}
}

/* execve(2): the effective ids become those of the owner of a program with the set-id bits, and the saved ones follow. The kernel
 * does the rest; of a start that it refuses afterwards the process keeps the ids, which are words without rights. Who has other ids
 * than the step gets an entry: a daemon's ancestors may be gone later. */
static void on_exec(struct fakeids *f, const struct owners_step *step, pid_t pid, enum owner_call call, const unsigned long long *args)
{
	mode_t mode = 0;
	uint32_t uid, gid;
	struct ids ids = *ids_of(f, pid);
	if (!owners_program(step, pid, call, args, &mode, &uid, &gid) || !S_ISREG(mode) || !(mode & 0111))
		return;
	if (mode & S_ISUID)
		ids.uid[EFFECTIVE] = ids.uid[SAVED] = uid;
	if ((mode & S_ISGID) && (mode & S_IXGRP))
		ids.gid[EFFECTIVE] = ids.gid[SAVED] = gid;
	if (memcmp(&ids, &f->first, sizeof(ids)) != 0)
		(void)store(f, pid, &ids);
}

/* Whose parent goes has its ids from nobody any more: a daemon. So they are given to the children before. */
static void on_exit_of(struct fakeids *f, pid_t pid)
{
	if (f->n == 0)
		return;
	const struct ids ids = *ids_of(f, pid);
	cleanup_buf struct buf text = {0};
	struct err ignored = {0};
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	if (memcmp(&ids, &f->first, sizeof(ids)) == 0 || io_read_file(AT_FDCWD, path, 64 * 1024, &text, &ignored) < 0)
		return;
	struct str rest = buf_view(&text), word;
	uint64_t child;
	while (str_split(&rest, ' ', &word))
		if (str_u64(word, INT32_MAX, &child) && !find(f, (pid_t)child))
			(void)store(f, (pid_t)child, &ids);
}

/* As long as a process has the ids of the step, what it makes is the step's user's. */
static enum creation on_creation(struct fakeids *f, const struct owners_step *step, const struct creation_call *c)
{
	const struct ids *ids = f->n > 0 ? ids_of(f, c->pid) : &f->first;
	if (ids->uid[EFFECTIVE] == f->first.uid[EFFECTIVE] && ids->gid[EFFECTIVE] == f->first.gid[EFFECTIVE])
		return CREATION_LEFT;
	return creations_answer(step, c, ids->uid[EFFECTIVE], ids->gid[EFFECTIVE]);
}

void fakeids_serve(struct job *j)
{
	struct seccomp_notif q = {0};
	struct seccomp_notif_resp r = {0};
	if (ioctl(j->listener, SECCOMP_IOCTL_NOTIF_RECV, &q) < 0)
		return;
	enum owner_call call = seccomp_owner_call((uint32_t)q.data.arch, (uint32_t)q.data.nr);
	r.id = q.id;
	const struct owners_step step = {.run = j->run, .links = &j->fakeids->links};
	if (call == OWNER_EXIT) {
		on_exit_of(j->fakeids, (pid_t)q.pid);
		r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	} else if (call >= OWNER_EXECVE) {
		on_exec(j->fakeids, &step, (pid_t)q.pid, call, q.data.args);
		r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	} else if (call >= OWNER_OPEN) {
		const struct creation_call c = {(pid_t)q.pid, call, (const unsigned long long *)q.data.args, j->listener, q.id};
		enum creation done = on_creation(j->fakeids, &step, &c);
		if (done == CREATION_SENT)
			return;
		r.flags = done == CREATION_LEFT ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
	} else if (call >= OWNER_STAT) {
		if (!owners_stat(&step, (pid_t)q.pid, call, q.data.args))
			r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	} else {
		int64_t value = answer(j->fakeids, &step, (pid_t)q.pid, call, q.data.args);
		r.val = value < 0 ? 0 : value;
		r.error = value < 0 ? (int)value : 0;
	}
	/* It may have been killed meanwhile. */
	if (ioctl(j->listener, SECCOMP_IOCTL_NOTIF_SEND, &r) < 0)
		log_debug("sandbox: nobody waits for the owner any more");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_run: the parent prepares (with errors in words), clones, and waits; keeper and step carry out a table of
 * stages. See job.h for the processes. What a stage needs is in struct job before the clone; after it nothing is
 * allocated, and the only way back is the shared page.
 */
#include "builder/sandbox/sandbox.h"

#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/fs.h"
#include "builder/sandbox/agent.h"
#include "builder/sandbox/cgroup.h"
#include "builder/sandbox/fakeids.h"
#include "builder/sandbox/job.h"
#include "builder/sandbox/network.h"
#include "builder/sandbox/terminal.h"

enum { STACK_SIZE = 512 * 1024, KEEPER_STACK_SIZE = 64 * 1024 };

int job_detail(struct job *j, const char *what, const char *which)
{
	char *out = j->shared->detail;
	size_t n = strnlen(what, DETAIL_SIZE - 1), k = strnlen(which, DETAIL_SIZE - 1 - n);
	memcpy(out, what, n);
	memcpy(out + n, which, k);
	out[n + k] = '\0';
	return -1;
}

/* --- step: pid 1 of its own namespaces ------------------------------------------------------------------------------
 */

static int begin(struct job *j)
{
	(void)j;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || setsid() < 0)
		return job_detail(j, "new session", "");
	umask(0); /* modes of what is made for mounts are meant as they are */
	(void)syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL, 0, 0, 0);
	return 0;
}

static int finish(struct job *j)
{
	umask(0022);
	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			signal(s, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 && errno != EINVAL && errno != ENOSYS)
		return job_detail(j, "close descriptors", "");
	return 0;
}

static const struct stage stages[] = {
    {"begin", begin}, {"network", network_join}, {"host name", identity_hostname}, {"mount namespace", rootfs_private},
    {"mount sources", mounts_sources}, {"root", rootfs_pivot}, {"system mounts", mounts_builtin},
    {"masked paths", devproc_mask}, {"mounts", mounts_attach}, {"working folder", mounts_cwd},
    {"limits", identity_limits}, {"standard streams", output_attach}, {"system call filter", seccomp_install},
    {"identity", identity_drop}, {"finish", finish}, {"exec", command_exec}, /* the last one */
};

static int step_main(void *arg)
{
	struct job *j = arg;
	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		j->shared->stage = (int)i;
		j->shared->detail[0] = '\0';
		if (stages[i].run(j) < 0) {
			j->shared->error = errno ? errno : EINVAL;
			_exit(1);
		}
	}
	_exit(1);
}

/* --- keeper ----------------------------------------------------------------------------------------------------------
 */

static int namespaces_of(const struct job *j)
{
	bool fresh_network = j->run->network == SANDBOX_NET_NONE;
	return CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
	       (fresh_network ? CLONE_NEWNET : 0);
}

/* Did the builder die before we asked to die with it? The pipe's only reader is there. */
static bool builder_is_gone(struct job *j)
{
	struct pollfd p = {.fd = j->status_write};
	close(j->status_read);
	return poll(&p, 1, 0) > 0 && (p.revents & POLLERR);
}

/* Lets go of what other threads of the builder had open when we were cloned: files being written (running them would
 * fail with "text file busy"), locks, pipes of other steps. */
static void close_others(const struct job *j)
{
	unsigned int from = 0;
	for (size_t i = 0; i < j->nkeep; i++) {
		unsigned int fd = (unsigned int)j->keep[i];
		if (fd > from)
			sys_close_range(from, fd - 1, 0);
		from = fd + 1;
	}
	sys_close_range(from, ~0U, 0);
}

static int keeper_main(void *arg)
{
	struct job *j = arg;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || builder_is_gone(j))
		_exit(1);
	if (cgroup_join(j, j->born_in_cgroup) < 0) {
		j->shared->stage = STAGE_CGROUP;
		j->shared->error = errno;
		_exit(1);
	}
	close_others(j);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* Shares our memory, which nobody else does, until it execs: a second copy would cost as much as all its
	 * mounts. */
	pid_t pid = clone(step_main, j->stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD | namespaces_of(j), j);
	if (pid < 0) {
		j->shared->stage = STAGE_KEEPER;
		j->shared->error = errno;
		_exit(1);
	}
	sys_close_range(0, ~0U, 0);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			_exit(1);
	j->shared->wait_status = status;
	j->shared->ended = true;
	_exit(0);
}

/* --- builder ---------------------------------------------------------------------------------------------------------
 */

static void close_pair(int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	fds[0] = fds[1] = -1;
}

static void job_done(struct job *j)
{
	close_pair(j->out);
	close_pair(j->err);
	close_pair((int[2]){j->status_read, j->status_write});
	close_pair((int[2]){j->root_fd, j->scratch_fd});
	close_pair(j->channel);
	fakeids_done(j);
	mem_cleanup_close(&j->listener);
	for (size_t i = 0; i < j->nmounts; i++)
		if (j->mounts[i].tree_fd >= 0)
			close(j->mounts[i].tree_fd);
	agent_done(j);
	cgroup_done(j);
	mem_free(j->mounts);
	arena_done(j->arena);
	if (j->shared)
		munmap(j->shared, sizeof(*j->shared));
	if (j->stack)
		munmap(j->stack, STACK_SIZE + KEEPER_STACK_SIZE);
}

static int job_init(struct job *j, const struct sandbox_run *run, struct arena *arena, struct err *e)
{
	*j = (struct job){.run = run,
	    .arena = arena,
	    .root_fd = -1,
	    .scratch_fd = -1,
	    .status_read = -1,
	    .status_write = -1,
	    .out = {-1, -1},
	    .err = {-1, -1},
	    .channel = {-1, -1},
	    .listener = -1,
	    .net_fd = -1,
	    .null_fd = -1,
	    .empty_fd = -1};
	j->single_id = sandbox_mode(NULL) == SANDBOX_SINGLE_ID;
	void *shared = mmap(NULL, sizeof(*j->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *stack = mmap(NULL, STACK_SIZE + KEEPER_STACK_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	j->shared = shared == MAP_FAILED ? NULL : shared;
	j->stack = stack == MAP_FAILED ? NULL : stack;
	int fds[2];
	if (!j->shared || !j->stack || pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "prepare a step");
	j->status_read = fds[0];
	j->status_write = fds[1];
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct job *j, struct err *e);
} preparations[] = {
    {"command", command_prepare},
    {"cgroup", cgroup_prepare},
    {"network", network_prepare},
    {"temporary file system", rootfs_scratch},
    {"root file system", rootfs_prepare},
    {"/dev, /proc, /sys", devproc_prepare},
    {"/etc files", etc_files_prepare},
    {"mounts", mounts_prepare},
    {"output", output_prepare},
    {"owners", fakeids_prepare},
};

static int prepare(struct job *j, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(preparations); i++)
		if (preparations[i].run(j, e) < 0)
			return err_wrap(e, "step set-up: %s", preparations[i].name);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The descriptors that keeper and step need, sorted. */
static void list_kept(struct job *j)
{
	const int fixed[] = {0, 1, 2, j->status_write, j->out[1], j->err[1], j->channel[1], j->net_fd, j->root_fd,
	    j->scratch_fd, j->run->upper_fd};
	j->keep = arena_new(j->arena, (ARRAY_LEN(fixed) + j->nmounts) * sizeof(int));
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (fixed[i] >= 0)
			j->keep[j->nkeep++] = fixed[i];
	for (size_t i = 0; i < j->nmounts; i++)
		if (j->mounts[i].tree_fd >= 0)
			j->keep[j->nkeep++] = j->mounts[i].tree_fd;
	qsort(j->keep, j->nkeep, sizeof(int), by_number);
}

/* -1 when there is no cgroup of version 2, or the kernel (or a filter around us) does not know how: then it goes there by
 * itself. */
static pid_t clone_into_cgroup(struct job *j, int *ret_pidfd)
{
	int dir = cgroup_born_in(j);
	struct clone_args args = {.flags = CLONE_NEWPID | CLONE_PIDFD | CLONE_INTO_CGROUP,
	    .pidfd = (uintptr_t)ret_pidfd,
	    .exit_signal = SIGCHLD,
	    .cgroup = (uint64_t)dir};
	if (dir < 0)
		return -1;
	j->born_in_cgroup = true;
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(keeper_main(j));
	j->born_in_cgroup = pid > 0;
	return pid;
}

/* Clones the keeper with all signals blocked: no handler of the builder may run in its copy. */
static int start(struct job *j, int *ret_pidfd, pid_t *ret_pid, struct err *e)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid_t pid = clone_into_cgroup(j, ret_pidfd);
	if (pid < 0)
		pid = clone(keeper_main, j->stack + STACK_SIZE + KEEPER_STACK_SIZE, CLONE_NEWPID | CLONE_PIDFD | SIGCHLD,
		    j, ret_pidfd);
	int saved = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	if (pid < 0)
		return err_sys(e, "step set-up: clone");
	*ret_pid = pid;
	close(j->status_write);
	j->status_write = -1;
	return 0;
}

static void close_writers(struct job *j)
{
	if (j->out[1] >= 0)
		close(j->out[1]);
	if (j->err[1] >= 0)
		close(j->err[1]);
	j->out[1] = j->err[1] = -1;
}

/* Waits until the step has been started or has failed to. With one id its last stages ask already. */
static bool started(struct job *j)
{
	bool begun = false;
	for (;;) {
		struct pollfd p[] = {{.fd = j->status_read, .events = POLLIN},
		    {.fd = j->fakeids && j->listener < 0 ? j->channel[0] : -1, .events = POLLIN},
		    {.fd = j->fakeids ? j->listener : -1, .events = POLLIN}};
		if (poll(p, ARRAY_LEN(p), -1) < 0)
			continue;
		if (p[0].revents)
			break;
		if (p[1].revents && j->terminal && !begun) { /* the terminal was sent first */
			terminal_begin(j);
			begun = true;
		} else if (p[1].revents) {
			fakeids_take(j);
		}
		if (p[2].revents)
			fakeids_serve(j);
	}
	if (!begun)
		terminal_begin(j);
	if (j->listener < 0)
		fakeids_take(j);
	return j->shared->error == 0;
}

static int failure(const struct job *j, struct err *e)
{
	const struct shared *s = j->shared;
	if (s->stage == (int)ARRAY_LEN(stages) - 1)
		return command_error(j, s->error, e);
	errno = s->error;
	if (s->stage < 0)
		return err_sys(e, "step set-up: %s", s->stage == STAGE_CGROUP ? "enter the cgroup" : "namespaces");
	bool no_source = s->error == ENOENT && stages[s->stage].run == mounts_sources;
	err_sys(e, "step set-up: %s: %s", stages[s->stage].name, s->detail);
	if (no_source)
		e->code = ERR_NOT_FOUND;
	return -(int)e->code;
}

static void result(struct job *j, struct sandbox_result *ret)
{
	int status = j->shared->wait_status;
	if (!j->shared->ended) /* the keeper was killed, and the step with it */
		status = SIGKILL;
	ret->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	ret->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	cgroup_result(j, ret);
	fakeids_result(j, ret);
}

/* Takes away what the overlays left beside the upper. */
static void clean_work(const struct job *j)
{
	struct err ignored = {0};
	static const char *const parts[] = {"upper", "work", "empty", "file"};
	if (!j->plain_root)
		(void)fs_remove_tree(j->run->work_fd, "root", &ignored);
	for (size_t i = 0; i < j->run->nmounts; i++) {
		const struct sandbox_mount *m = &j->run->mounts[i];
		for (size_t k = 0; k < ARRAY_LEN(parts) && (m->kind == SANDBOX_OVERLAY || m->nlowers == 1); k++) {
			cleanup_free char *name = mem_printf("m%zu-%s", i, parts[k]);
			(void)fs_remove_tree(j->run->work_fd, name, &ignored);
		}
	}
}

static int carry_out(struct job *j, struct sandbox_result *ret, struct err *e)
{
	cleanup_close int pidfd = -1;
	pid_t pid = -1;
	TRY(prepare(j, e));
	list_kept(j);
	TRY(start(j, &pidfd, &pid, e));
	close_writers(j);
	bool ran = started(j), killed = output_pump(j, pidfd);
	siginfo_t info;
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	if (killed)
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (!ran)
		return failure(j, e);
	result(j, ret);
	return 0;
}

int sandbox_run(const struct sandbox_run *run, struct sandbox_result *ret, struct err *e)
{
	struct arena arena = {0};
	struct job job;
	struct sandbox_result result = {0};
	int rc = job_init(&job, run, &arena, e);
	if (rc == 0)
		rc = carry_out(&job, &result, e);
	if (job.root_fd >= 0)
		close(job.root_fd);
	job.root_fd = -1;
	if (job.shared) {
		stubs_remove(&job, &result);
		clean_work(&job);
	}
	job_done(&job);
	if (rc == 0)
		*ret = result;
	else
		sandbox_result_done(&result);
	return rc;
}

void sandbox_shutdown(void)
{
	network_shutdown();
	cgroup_shutdown();
}

void sandbox_result_done(struct sandbox_result *r)
{
	for (size_t i = 0; i < r->nstubs; i++)
		mem_free(r->stubs[i]);
	mem_free(r->stubs);
	mem_free(r->owners);
	*r = (struct sandbox_result){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step's standard streams and the wait for its end. Standard input is the step's own /dev/null, output comes
 * through two pipes read by the calling thread, which also watches the cancel flag and serves what the step asks the
 * builder for (forwarded sockets, owners where there is only one id).
 */
#include "builder/sandbox/job.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "builder/sandbox/agent.h"
#include "builder/sandbox/fakeids.h"
#include "builder/sandbox/terminal.h"

enum { READ_SIZE = 64 * 1024, CANCEL_POLL_MS = 50 };

static int open_pipe(int fds[2], struct err *e)
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "make a pipe");
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, "make a pipe");
	/* A step of another user opens /dev/stdout, which is this very inode. */
	(void)fchmod(fds[1], 0666);
	return 0;
}

int output_prepare(struct job *j, struct err *e)
{
	if (j->run->interactive)
		return terminal_prepare(j, e);
	TRY(open_pipe(j->out, e));
	return open_pipe(j->err, e);
}

int output_attach(struct job *j)
{
	if (j->run->interactive)
		return terminal_attach(j);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (null < 0 || fstat(null, &st) < 0 || !S_ISCHR(st.st_mode))
		return job_detail(j, "open /dev/null", "");
	if (dup2(null, 0) < 0 || dup2(j->out[1], 1) < 0 || dup2(j->err[1], 2) < 0)
		return job_detail(j, "standard streams", "");
	return 0;
}

/* Reads what is there. False at the end of the stream. */
static bool pass_on(struct job *j, int fd, int stream, char *buffer)
{
	for (int i = 0; i < 16; i++) { /* the other stream and the cancel flag get their turn */
		ssize_t n = read(fd, buffer, READ_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		if (j->run->output)
			j->run->output(j->run->arg, stream, buffer, (size_t)n);
	}
	return true;
}

/* Everything that wrote is gone: what is still in the pipe is all there will be. */
static void drain(struct job *j, int fd, int stream, char *buffer)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLIN) && pass_on(j, fd, stream, buffer))
		;
}

bool output_pump(struct job *j, int pidfd)
{
	cleanup_free char *buffer = mem_new(READ_SIZE);
	enum { OUT, ERR, PID, OWNERS, TERMINAL, FIRST = TERMINAL + TERMINAL_POLLS };
	struct pollfd p[FIRST + AGENT_MAX_POLL];
	int out = j->out[0], err = j->err[0];
	bool killed = false;
	for (;;) {
		p[OUT] = (struct pollfd){.fd = out, .events = POLLIN};
		p[ERR] = (struct pollfd){.fd = err, .events = POLLIN};
		p[PID] = (struct pollfd){.fd = pidfd, .events = POLLIN};
		p[OWNERS] = (struct pollfd){.fd = j->listener, .events = POLLIN};
		terminal_poll(j, p + TERMINAL);
		size_t n = FIRST + agent_poll(j, p + FIRST);
		int rc = poll(p, n, j->run->cancel && !killed ? CANCEL_POLL_MS : j->terminal ? TERMINAL_TICK_MS : -1);
		if (cancelled(j->run->cancel) && !killed) {
			sys_pidfd_kill(pidfd, SIGKILL);
			killed = true;
		}
		if (rc < 0)
			continue;
		terminal_serve(j, p + TERMINAL);
		if (p[OUT].revents && !pass_on(j, out, 1, buffer))
			out = -1;
		if (p[ERR].revents && !pass_on(j, err, 2, buffer))
			err = -1;
		if (p[OWNERS].revents & POLLIN)
			fakeids_serve(j);
		agent_serve(j, p + FIRST, n - FIRST);
		if (p[PID].revents)
			break;
	}
	terminal_end(j);
	drain(j, out, 1, buffer);
	drain(j, err, 2, buffer);
	return killed;
}

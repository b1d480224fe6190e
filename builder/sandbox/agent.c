/* SPDX-License-Identifier: Apache-2.0 */
/* See agent.h. One connection of the step is one link: two descriptors and a small buffer for each direction. */
#include "builder/sandbox/agent.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/arena.h"
#include "base/log.h"

enum { LINK_BUFFER = 16 * 1024 };

struct flow {
	char bytes[LINK_BUFFER];
	size_t start, end;
	bool closed; /* the source has ended and that was passed on */
	bool ended;  /* the source has ended */
};
struct agent_link {
	int fd[2];           /* step's, host's; -1 = free */
	struct flow flow[2]; /* from fd[i] to fd[1 - i] */
};
struct listener {
	int fd[AGENT_MAX_LISTENERS];
	const char *host[AGENT_MAX_LISTENERS];
	struct agent_link *links[AGENT_MAX_LINKS];
	/* what the last agent_poll put where: entry -> listener or link and side */
	struct {
		int listener, link, side;
	} at[AGENT_MAX_POLL];
};

static int bind_socket(struct job *j, const char *name, const struct sandbox_mount *m, int fd, struct err *e)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", j->scratch_fd, name);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 16) < 0)
		return err_sys(e, "make a socket on tmpfs");
	if ((fchownat(j->scratch_fd, name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0 && !j->single_id) ||
	    fchmodat(j->scratch_fd, name, m->mode & 07777, 0) < 0)
		return err_sys(e, "owner %u:%u of a socket on tmpfs", m->uid, m->gid);
	return 0;
}

int agent_listen(struct job *j, const char *name, const struct sandbox_mount *m, struct err *e)
{
	if (!j->listeners)
		j->listeners = arena_new(j->arena, sizeof(*j->listeners));
	if (j->nlisteners >= AGENT_MAX_LISTENERS)
		return err_set(e, ERR_LIMIT, "at most %d sockets can be forwarded into one step", AGENT_MAX_LISTENERS);
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, "make a socket");
	TRY(bind_socket(j, name, m, fd, e));
	j->listeners->host[j->nlisteners] = m->source_path;
	j->listeners->fd[j->nlisteners++] = steal_fd(&fd);
	return 0;
}

static int connect_host(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void accept_link(struct job *j, int i)
{
	struct listener *l = j->listeners;
	int slot = 0;
	int fd = accept4(l->fd[i], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	while (slot < AGENT_MAX_LINKS && l->links[slot])
		slot++;
	int host = slot < AGENT_MAX_LINKS ? connect_host(l->host[i]) : -1;
	if (host < 0) {
		log_debug("sandbox: cannot connect to %s: %s", l->host[i], strerrordesc_np(errno));
		close(fd);
		return;
	}
	l->links[slot] = mem_new(sizeof(struct agent_link));
	l->links[slot]->fd[0] = fd;
	l->links[slot]->fd[1] = host;
}

static void close_link(struct listener *l, int slot)
{
	close(l->links[slot]->fd[0]);
	close(l->links[slot]->fd[1]);
	mem_free(l->links[slot]);
	l->links[slot] = NULL;
}

/* Moves bytes one way as far as it goes without waiting. False when the link is broken. */
static bool carry(struct agent_link *k, int side)
{
	struct flow *f = &k->flow[side];
	if (!f->ended && f->start == f->end) {
		ssize_t n = recv(k->fd[side], f->bytes, sizeof(f->bytes), 0);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		f->start = 0;
		f->end = n > 0 ? (size_t)n : 0;
		f->ended = n == 0;
	}
	while (f->start < f->end) {
		ssize_t n = send(k->fd[1 - side], f->bytes + f->start, f->end - f->start, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		f->start += (size_t)n;
	}
	if (f->ended && !f->closed) {
		f->closed = true;
		shutdown(k->fd[1 - side], SHUT_WR);
	}
	return true;
}

static short events_of(const struct agent_link *k, int side)
{
	const struct flow *in = &k->flow[side], *out = &k->flow[1 - side];
	return (short)((!in->ended && in->start == in->end ? POLLIN : 0) | (out->start < out->end ? POLLOUT : 0));
}

size_t agent_poll(struct job *j, struct pollfd *p)
{
	struct listener *l = j->listeners;
	size_t n = 0;
	for (int i = 0; l && i < (int)j->nlisteners; i++) {
		l->at[n].listener = i;
		l->at[n].link = -1;
		p[n++] = (struct pollfd){.fd = l->fd[i], .events = POLLIN};
	}
	for (int slot = 0; l && slot < AGENT_MAX_LINKS; slot++) {
		for (int side = 0; l->links[slot] && side < 2; side++) {
			short events = events_of(l->links[slot], side);
			l->at[n].link = slot;
			l->at[n].side = side;
			/* A descriptor without a wish is left out: it would report its end again and again. */
			p[n++] = (struct pollfd){.fd = events ? l->links[slot]->fd[side] : -1, .events = events};
		}
	}
	return n;
}

void agent_serve(struct job *j, const struct pollfd *p, size_t n)
{
	struct listener *l = j->listeners;
	for (size_t i = 0; i < n; i++) {
		int slot = l->at[i].link;
		if (!p[i].revents || (slot >= 0 && !l->links[slot]))
			continue;
		if (slot < 0) {
			accept_link(j, l->at[i].listener);
			continue;
		}
		struct agent_link *k = l->links[slot];
		if (!carry(k, 0) || !carry(k, 1) || (k->flow[0].closed && k->flow[1].closed))
			close_link(l, slot);
	}
}

void agent_done(struct job *j)
{
	struct listener *l = j->listeners;
	for (size_t i = 0; l && i < j->nlisteners; i++)
		close(l->fd[i]);
	for (int slot = 0; l && slot < AGENT_MAX_LINKS; slot++)
		if (l->links[slot])
			close_link(l, slot);
}

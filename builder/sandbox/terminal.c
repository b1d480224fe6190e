/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See terminal.h. The step never gets the user's own terminal: with that it could type commands into it (TIOCSTI), and
 * a job control shell would take it away from the builder.
 */
#include "builder/sandbox/terminal.h"

#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "builder/sandbox/job.h"

struct terminal {
	int master;
	bool raw, input_ended;
	struct termios before;
	struct winsize size;
};

int terminal_prepare(struct job *j, struct err *e)
{
	if (!j->run->interactive || !isatty(STDIN_FILENO))
		return 0;
	j->terminal = arena_new(j->arena, sizeof(*j->terminal));
	j->terminal->master = -1;
	(void)ioctl(STDIN_FILENO, TIOCGWINSZ, &j->terminal->size);
	return channel_open(j, e);
}

int terminal_attach(struct job *j)
{
	if (!j->terminal)
		return 0;
	int unlocked = 0;
	int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return job_detail(j, "open a terminal", "");
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		return job_detail(j, "open a terminal", "");
	(void)ioctl(master, TIOCSWINSZ, &j->terminal->size);
	if (fchown(slave, j->run->uid, (gid_t)-1) < 0 && !j->single_id)
		return job_detail(j, "owner of the terminal", "");
	for (int i = 0; i < 3; i++)
		if (dup2(slave, i) < 0)
			return job_detail(j, "standard streams", "");
	return channel_send(j, 't', master) < 0 ? job_detail(j, "hand over the terminal", "") : 0;
}

void terminal_begin(struct job *j)
{
	struct terminal *t = j->terminal;
	if (!t)
		return;
	t->master = channel_receive(j, 't');
	if (t->master < 0 || tcgetattr(STDIN_FILENO, &t->before) < 0)
		return;
	(void)fcntl(t->master, F_SETFL, O_NONBLOCK);
	struct termios raw = t->before;
	cfmakeraw(&raw);
	t->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void terminal_poll(const struct job *j, struct pollfd p[TERMINAL_POLLS])
{
	const struct terminal *t = j->terminal;
	bool on = t && t->master >= 0;
	p[0] = (struct pollfd){.fd = on && !t->input_ended ? STDIN_FILENO : -1, .events = POLLIN};
	p[1] = (struct pollfd){.fd = on ? t->master : -1, .events = POLLIN};
}

static bool write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, n);
		if (k < 0 && errno == EAGAIN) {
			struct pollfd w = {.fd = fd, .events = POLLOUT};
			if (poll(&w, 1, 1000) <= 0) /* a step that does not read its terminal */
				return false;
			continue;
		}
		if (k < 0 && errno != EINTR)
			return false;
		p += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
	}
	return true;
}

/* False when nothing more comes from there for now. */
static bool carry(int from, int to, bool *ret_ended)
{
	char bytes[4096];
	ssize_t n = read(from, bytes, sizeof(bytes));
	*ret_ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
	return n > 0 && write_all(to, bytes, (size_t)n);
}

void terminal_serve(struct job *j, const struct pollfd p[TERMINAL_POLLS])
{
	struct terminal *t = j->terminal;
	struct winsize now;
	bool ended = false;
	if (!t || t->master < 0)
		return;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &now) == 0 && memcmp(&now, &t->size, sizeof(now)) != 0) {
		t->size = now;
		(void)ioctl(t->master, TIOCSWINSZ, &now);
	}
	if (p[0].revents)
		(void)carry(STDIN_FILENO, t->master, &t->input_ended);
	if (p[1].revents)
		(void)carry(t->master, STDOUT_FILENO, &ended);
	if (ended) /* nobody has the other side open any more */
		mem_cleanup_close(&t->master), t->master = -1;
}

void terminal_end(struct job *j)
{
	struct terminal *t = j->terminal;
	bool ended = false;
	if (!t)
		return;
	while (t->master >= 0 && !ended && carry(t->master, STDOUT_FILENO, &ended))
		;
	mem_cleanup_close(&t->master);
	t->master = -1;
	if (t->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
}

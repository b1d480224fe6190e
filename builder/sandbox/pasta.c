/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One private network for all steps of a build. Processes:
 *
 *	builder --> supervisor (init of a pid namespace) --> holder (own user and network namespace), pasta
 *
 * The supervisor waits on a pipe whose other end only the builder has, so all three are gone when the builder is, and
 * when the supervisor dies the kernel kills the other two: pasta itself does not go when its namespace does. The holder
 * has a user namespace of its own because pasta, started as root, gives up the rights to enter one it is already in.
 * pasta can hang for ever (no /dev/net/tun), so there is a deadline. Its defaults open the host's loopback to the
 * namespace: -t -u -T -U none and --no-map-gw close it.
 */
#include <net/if.h>
#include <linux/if_tun.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "builder/sandbox/kernel.h"
#include "builder/sandbox/mode.h"
#include "builder/sandbox/network.h"
#include "builder/sandbox/subids.h"

#define IFNAME "eth0"
enum { DEADLINE_MS = 5000, POLL_MS = 5, STACK_SIZE = 128 * 1024, MAX_ARGS = 24 };

struct start {
	char *argv[MAX_ARGS];
	char pid_text[16]; /* the holder's pid, last argument */
	bool block_metadata;
	int alive[2];  /* builder -> supervisor: never written, only closed */
	int report[2]; /* supervisor -> builder: the holder's pid when the network is up */
	int ready[2];  /* holder -> supervisor: its pid, then 'R' or 'F' */
	char *stack;   /* two */
};

/* --- holder ----------------------------------------------------------------------------------------------------------
 */

/* Is there a default route? Its own network is what /proc/self/net shows it. */
static bool has_default_route(void)
{
	static const struct {
		const char *path, *mark;
	} tables[] = {
	    {"/proc/self/net/route", "\t00000000\t"},
	    {"/proc/self/net/ipv6_route", "00000000000000000000000000000000 00 "},
	};
	char text[16 * 1024];
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		int fd = open(tables[i].path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		text[n > 0 ? n : 0] = '\0';
		for (char *line = text; *line;) {
			char *end = strchrnul(line, '\n');
			bool more = *end == '\n';
			*end = '\0';
			size_t len = strlen(line);
			bool loopback = len > 2 && strcmp(line + len - 2, "lo") == 0; /* the kernel's reject routes */
			if (strstr(line, tables[i].mark) && !loopback)
				return true;
			line = end + more;
		}
	}
	return false;
}

static void loopback_up(int fd)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
	(void)ioctl(fd, SIOCSIFFLAGS, &r);
}

/*
 * The interface, made before pasta takes it, to stay when pasta closes it: it goes with the namespace then, for which nobody waits.
 * Otherwise pasta's end takes longer than its start.
 */
static void make_interface(void)
{
	struct ifreq r = {.ifr_name = IFNAME, .ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &r) == 0)
		(void)ioctl(fd, TUNSETPERSIST, 1);
	if (fd >= 0)
		close(fd);
}

/* The address where clouds hand out the machine's credentials. */
static void block_metadata(int fd)
{
	struct rtentry r = {.rt_flags = RTF_UP | RTF_HOST | RTF_REJECT};
	struct sockaddr_in *to = (struct sockaddr_in *)&r.rt_dst, *mask = (struct sockaddr_in *)&r.rt_genmask;
	to->sin_family = mask->sin_family = AF_INET;
	to->sin_addr.s_addr = htonl(0xa9fea9fe);
	mask->sin_addr.s_addr = 0xffffffff;
	(void)ioctl(fd, SIOCADDRT, &r);
}

static int holder_main(void *arg)
{
	struct start *s = arg;
	char c, self[16];
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	make_interface();
	ssize_t n =
	    readlink("/proc/self", self, sizeof(self)); /* our pid as the /proc of this mount namespace counts */
	if (n <= 0 || write(s->ready[1], self, (size_t)n) != n)
		return 1;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	loopback_up(fd);
	for (int i = 0; !has_default_route() && i < DEADLINE_MS / POLL_MS; i++)
		poll(NULL, 0, POLL_MS);
	if (s->block_metadata)
		block_metadata(fd);
	c = has_default_route() ? 'R' : 'F';
	if (write(s->ready[1], &c, 1) != 1)
		return 1;
	sys_close_range(0, ~0U, 0);
	for (;;)
		pause();
}

/* --- supervisor ------------------------------------------------------------------------------------------------------
 */

static int write_proc(const char *pid, const char *file, const char *text)
{
	char path[64] = "/proc/";
	size_t n = strlen(pid), k = strlen(file) + 1;
	if (6 + n + k > sizeof(path))
		return -1;
	memcpy(path + 6, pid, n);
	memcpy(path + 6 + n, file, k);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int pasta_main(void *arg)
{
	struct start *s = arg;
	char path[] = "PATH=/usr/bin:/bin", *env[] = {path, NULL};
	sigset_t none;
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	execve(s->argv[0], s->argv, env);
	_exit(127);
}

/* Waits for the holder's word, or for pasta's end. */
static bool became_ready(struct start *s, int pasta_fd)
{
	char c = 0;
	struct pollfd p[2] = {{.fd = s->ready[0], .events = POLLIN}, {.fd = pasta_fd, .events = POLLIN}};
	if (poll(p, 2, DEADLINE_MS + 500) <= 0 || !p[0].revents)
		return false;
	return read(s->ready[0], &c, 1) == 1 && c == 'R';
}

/* Starts both; true when the network is up. */
static bool bring_up(struct start *s)
{
	pid_t holder = clone(holder_main, s->stack + 2 * STACK_SIZE, CLONE_NEWUSER | CLONE_NEWNET | SIGCHLD, s);
	close(s->ready[1]);
	ssize_t n = holder < 0 ? -1 : read(s->ready[0], s->pid_text, sizeof(s->pid_text) - 1);
	if (n <= 0)
		return false;
	s->pid_text[n] = '\0';
	if (write_proc(s->pid_text, "/setgroups", "deny") < 0 || write_proc(s->pid_text, "/uid_map", "0 0 1\n") < 0 ||
	    write_proc(s->pid_text, "/gid_map", "0 0 1\n") < 0)
		return false;
	int pasta_fd = -1;
	if (clone(pasta_main, s->stack + 2 * STACK_SIZE, CLONE_PIDFD | SIGCHLD, s, &pasta_fd) < 0)
		return false;
	return became_ready(s, pasta_fd);
}

static int supervisor_main(void *arg)
{
	struct start *s = arg;
	char c;
	setsid(); /* a Ctrl-C at the terminal is for the builder alone */
	close(s->alive[1]);
	close(s->report[0]);
	if (!bring_up(s))
		return 1;
	if (write(s->report[1], s->pid_text, sizeof(s->pid_text)) < 0)
		return 1;
	dup2(s->alive[0], 0);
	sys_close_range(1, ~0U, 0);
	while (read(0, &c, 1) < 0 && errno == EINTR)
		;
	return 0;
}

/* --- builder ---------------------------------------------------------------------------------------------------------
 */

static void shut(int *fd)
{
	mem_cleanup_close(fd);
	*fd = -1;
}

static int check_tun(struct err *e)
{
	cleanup_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return 0;
	bool there = errno == EACCES || errno == EPERM;
	return err_set(e, ERR_UNSUPPORTED, "/dev/net/tun cannot be opened: %s (as root: %s)", strerrordesc_np(errno),
	    there ? "chmod 666 /dev/net/tun" : "modprobe tun; a container takes --device /dev/net/tun");
}

static void arguments(struct start *s, struct arena *a, const char *program)
{
	static const char *const options[] = {"--config-net", "--runas", "0", "--quiet", "-f", "-t", "none", "-u",
	    "none", "-T", "none", "-U", "none", "--no-map-gw", "-I", IFNAME};
	size_t n = 0;
	s->argv[n++] = arena_strdup(a, program);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		s->argv[n++] = arena_strdup(a, options[i]);
	s->argv[n++] = s->pid_text;
	s->argv[n] = NULL;
}

static int clone_supervisor(struct start *s, pid_t *ret, struct err *e)
{
	sigset_t all, old;
	s->stack = mmap(NULL, 2 * STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (s->stack == MAP_FAILED)
		return err_sys(e, "memory for pasta's supervisor");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid_t pid = clone(supervisor_main, s->stack + STACK_SIZE, CLONE_NEWPID | SIGCHLD, s);
	int saved = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	munmap(s->stack, 2 * STACK_SIZE);
	errno = saved;
	if (pid < 0)
		return err_sys(e, "clone");
	*ret = pid;
	return 0;
}

static void close_all(struct start *s)
{
	int *fds[] = {s->alive, s->report, s->ready};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		for (int k = 0; k < 2; k++)
			shut(&fds[i][k]);
}

/* Waits for the supervisor's report: the holder's pid. */
static int open_network(struct start *s, struct pasta *ret, struct err *e)
{
	char pid[sizeof(s->pid_text)] = "", path[64];
	shut(&s->report[1]);
	ssize_t n;
	while ((n = read(s->report[0], pid, sizeof(pid) - 1)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return err_set(
		    e, ERR_UNSUPPORTED, "pasta did not set up a network within %d seconds", DEADLINE_MS / 1000);
	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	ret->net_fd = open(path, O_RDONLY | O_CLOEXEC);
	return ret->net_fd < 0 ? err_sys(e, "open %s", path) : 0;
}

/* All that can be known without starting it. */
static int check(struct arena *a, const char **ret_program, struct buf *resolv, struct err *e)
{
	*ret_program = subids_helper(a, "pasta");
	if (!*ret_program)
		return err_set(e, ERR_UNSUPPORTED, "pasta is not installed (package passt)");
	if (mode_in_chroot()) /* pasta wants a user namespace */
		return err_set(e, ERR_UNSUPPORTED, "a private network cannot be made in a chroot");
	TRY(check_tun(e));
	if (resolv_private(resolv) == 0)
		return err_set(e, ERR_UNSUPPORTED, "the machine's only DNS resolvers are on its loopback");
	return 0;
}

int pasta_check(struct err *e)
{
	cleanup_arena struct arena arena = {0};
	cleanup_buf struct buf resolv = {0};
	const char *program;
	return check(&arena, &program, &resolv, e);
}

int pasta_start(struct pasta *ret, struct err *e)
{
	cleanup_arena struct arena arena = {0};
	cleanup_buf struct buf resolv = {0};
	const char *program;
	struct start s = {.alive = {-1, -1}, .report = {-1, -1}, .ready = {-1, -1}};
	*ret = (struct pasta){.supervisor = -1, .alive = -1, .net_fd = -1};
	TRY(check(&arena, &program, &resolv, e));
	s.block_metadata = !strstr(resolv.p, "169.254.169.254");
	arguments(&s, &arena, program);
	int rc = 0;
	if (pipe2(s.alive, O_CLOEXEC) < 0 || pipe2(s.report, O_CLOEXEC) < 0 || pipe2(s.ready, O_CLOEXEC) < 0)
		rc = err_sys(e, "make a pipe");
	if (rc == 0)
		rc = clone_supervisor(&s, &ret->supervisor, e);
	if (rc == 0) {
		ret->alive = steal_fd(&s.alive[1]);
		rc = open_network(&s, ret, e);
	}
	close_all(&s);
	if (rc < 0)
		pasta_stop(ret);
	return rc;
}

void pasta_stop(struct pasta *p)
{
	shut(&p->alive);
	shut(&p->net_fd);
	if (p->supervisor > 0) {
		kill(p->supervisor, SIGKILL);
		while (waitpid(p->supervisor, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*p = (struct pasta){.supervisor = -1, .alive = -1, .net_fd = -1};
}

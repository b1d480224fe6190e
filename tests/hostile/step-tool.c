/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of the hostile Containerfiles run: one static program that is /x, /touch, /daemon, /fill ... by its name. Each does
 * what its case tells it to try, says on one line what it got, and ends with 0 unless something outside of its root was reached.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Where it stands and what it sees there: what the host has beside the case is called canary-of-host. */
static int look(void)
{
	char cwd[4096];
	long n = syscall(SYS_getcwd, cwd, sizeof(cwd));
	printf("cwd %s\n", n > 0 ? cwd : "none");
	if (n > 0 && cwd[0] != '/')
		return 1;
	static const char *const names[] = {"canary-of-host", "../canary-of-host", "../../canary-of-host", "../../../canary-of-host", "/canary-of-host",
		"../../../../../../../canary-of-host", "/m/canary-of-host", "/m/sub/canary-of-host", "/l/canary-of-host"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (access(names[i], F_OK) == 0) {
			printf("reached %s\n", names[i]);
			return 1;
		}
	return 0;
}

static int touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		printf("touch %s: %s\n", path, strerrorname_np(errno));
	return fd < 0;
}

static int list_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	for (const struct dirent *f; d && (f = readdir(d));)
		if (f->d_name[0] != '.' && atoi(f->d_name) != dirfd(d))
			printf("fd %s\n", f->d_name);
	return 0;
}

static int leave_daemons(void)
{
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			setsid();
			if (fork())
				_exit(0);
			for (int s = 1; s < 32; s++)
				signal(s, SIG_IGN);
			for (;;)
				pause();
		}
	return 0;
}

static int fill(void)
{
	static char block[1 << 20];
	int fd = open("/big", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	struct rlimit limit = {64 << 20, 64 << 20}; /* the machine's disk is not ours: a step's own end is as good */
	if (getenv("FILL_ALL"))
		limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	while (write(fd, block, sizeof(block)) > 0)
		;
	printf("fill: %s\n", strerrorname_np(errno));
	return 1;
}

/* Doubles until it is told no; 4096 processes are enough to see that nobody stops it. */
static int bomb(void)
{
	int made = 0;
	for (; made < 4096; made++) {
		pid_t pid = fork();
		if (pid < 0)
			break;
		if (pid == 0)
			for (;;)
				pause();
	}
	printf("made %d\n", made);
	return 0;
}

static int refused(const char *what, long rc)
{
	printf("%s %s\n", what, rc >= 0 ? "ok" : strerrorname_np(errno));
	return rc >= 0;
}

static int escape(void)
{
	int bad = 0;
	bad |= refused("mount", mount("none", "/proc", "tmpfs", 0, ""));
	bad |= refused("bind", mount("/", "/mnt", NULL, MS_BIND | MS_REC, NULL));
	bad |= refused("umount", umount2("/proc", MNT_DETACH));
	bad |= refused("pivot_root", syscall(SYS_pivot_root, "/", "/"));
	bad |= refused("unshare", syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS));
	int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
	bad |= refused("setns", syscall(SYS_setns, fd, 0));
	fd = open("/proc/1/exe", O_WRONLY | O_CLOEXEC);
	bad |= refused("exe of 1", fd);
	return bad;
}

static int keyctl(void)
{
	return refused("keyctl", syscall(SYS_keyctl, 0, -3, 0)) | refused("request_key", syscall(SYS_request_key, "user", "x", 0, -3));
}

static int push_input(void)
{
	int bad = refused("TIOCSTI", ioctl(0, TIOCSTI, "x"));
	bad |= refused("TIOCSTI 64", syscall(SYS_ioctl, 0, 0x100000000 | TIOCSTI, "x"));
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	return bad | refused("tty", tty);
}

/* 300 MB are more than any buffer that could hide; without an end of line. */
static int shout(void)
{
	static char block[1 << 16];
	memset(block, 'y', sizeof(block));
	for (int i = 0; i < 4800; i++)
		if (write(1, block, sizeof(block)) < 0)
			return 1;
	return 0;
}

/* For some seconds every name that others mount on in `folder` is in turn a folder, links that lead up, out or to `to`, and nothing. */
static int swap(const char *folder, const char *to, int seconds)
{
	static const char *const names[] = {"sub", "sub2", "sub3", "sub4"};
	const char *const targets[] = {to, "/", "../../../../../../..", "/proc/self/root", "/proc/1/root", "/proc/self/cwd", ".."};
	unsigned long swaps = 0;
	if (chdir(folder) < 0)
		return 1;
	for (time_t end = time(NULL) + seconds; time(NULL) < end; swaps++) {
		char link[32], dir[32];
		const char *name = names[swaps % 4];
		snprintf(link, sizeof(link), "%s.l", name);
		snprintf(dir, sizeof(dir), "%s.d", name);
		unlink(link);
		mkdir(dir, 0777);
		if (symlink(targets[swaps / 4 % 7], link) < 0)
			return 1;
		mkdir(name, 0777);
		for (int i = 0; i < 4; i++)
			syscall(SYS_renameat2, AT_FDCWD, name, AT_FDCWD, link, 2);
		if (swaps % 16 < 4)
			syscall(SYS_renameat2, AT_FDCWD, name, AT_FDCWD, dir, 2);
		usleep(50);
	}
	printf("%lu swaps\n", swaps);
	return 0;
}

/* Counts the secrets it was given; a step that prints them would be its own fault. */
static int leak(void)
{
	char text[64] = "";
	int fd = open("/run/secrets/f", O_RDONLY | O_CLOEXEC), n = 0;
	n += read(fd, text, sizeof(text) - 1) > 0 && strncmp(text, "SOAK-SECRET-file", 16) == 0;
	const char *v = getenv("E");
	n += v && strncmp(v, "SOAK-SECRET-env", 15) == 0;
	printf("step saw %d\n", n);
	usleep(100000);
	return n != 2;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	name = name ? name + 1 : argv[0];
	static const struct {
		const char *name;
		int (*run)(void);
	} rows[] = {{"x", look}, {"ls", list_fds}, {"daemon", leave_daemons}, {"fill", fill}, {"forkbomb", bomb}, {"escape", escape},
		{"keyctl", keyctl}, {"tiocsti", push_input}, {"yes", shout}, {"leak", leak}};
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strcmp(name, "touch") == 0)
		return touch(argv[1]);
	if (argc == 4 && strcmp(name, "swap") == 0)
		return swap(argv[1], argv[2], atoi(argv[3]));
	if (argc == 4 && strcmp(name, "ln") == 0)
		return symlink(argv[2], argv[3]) < 0;
	if (argc == 3 && strcmp(name, "kill") == 0)
		return kill(atoi(argv[2]), SIGKILL) < 0 && errno != ESRCH;
	if (argc == 2 && strcmp(name, "cat") == 0) {
		char text[256];
		int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
		for (ssize_t n; fd >= 0 && (n = read(fd, text, sizeof(text))) > 0;)
			fwrite(text, 1, (size_t)n, stdout);
		return fd < 0;
	}
	if (argc == 2 && strcmp(name, "env") == 0)
		for (char **v = environ; *v; v++)
			puts(*v);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(name, rows[i].name) == 0)
			return rows[i].run();
	return 0;
}

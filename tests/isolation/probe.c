/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs as a step and prints what it can reach, a line each, in an order that does not change: descriptors, processes,
 * rights, mounts, devices, files that must be closed, system calls with what they answer. The test compares with a
 * list; a line more or less is a finding. `probe socket PATH TEXT` sends TEXT to a unix socket and prints the answer;
 * `probe chown PATH UID GID` is chown(2); `probe connect PORT` says by its status whether 127.0.0.1 answers there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *error_name(long rc)
{
	return rc >= 0 ? "ok" : strerrorname_np(errno) ? strerrorname_np(errno) : "?";
}

/* How something that must not be had is refused depends on the machine; that it is refused does not. */
static const char *closed_or(long rc)
{
	static const int refusals[] = {ENOENT, EROFS, EACCES, EPERM};
	for (size_t i = 0; rc < 0 && i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (errno == refusals[i])
			return "closed";
	return error_name(rc);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void descriptors(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		char path[64], target[256];
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		target[strcspn(target, ":")] = '\0';
		printf("fd %d %s\n", fd, target);
	}
}

static int is_pid(const struct dirent *d)
{
	return d->d_name[0] >= '0' && d->d_name[0] <= '9';
}

static void processes(void)
{
	struct dirent **names;
	int n = scandir("/proc", &names, is_pid, by_name);
	for (int i = 0; i < n; i++)
		printf("pid %s\n", names[i]->d_name);
	printf("self pid %d ppid %d pgrp %d sid %d\n", getpid(), getppid(), getpgrp(), getsid(0));
}

static void rights(void)
{
	static const char *const wanted[] = {"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:",
	    "CapAmb:", "NoNewPrivs:", "Seccomp:", "SigBlk:", "SigIgn:"};
	char line[512];
	FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
				fputs(line, stdout);
	if (f)
		fclose(f);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Which paths of /proc and /sys there are to cover depends on the machine: each cover is an empty read-only folder,
 * /dev/null, or the same thing read-only. */
static bool covered(const char *target, const char *type, const char *options)
{
	struct stat st;
	if (strncmp(target, "/proc/", 6) != 0 && strncmp(target, "/sys/firmware", 13) != 0 &&
	    strncmp(target, "/sys/devices", 12) != 0)
		return false;
	if (strcmp(type, "proc") == 0)
		return strcmp(options, "ro") == 0;
	if (stat(target, &st) < 0)
		return false;
	return S_ISCHR(st.st_mode) ? st.st_rdev == 0x103
	                           : S_ISDIR(st.st_mode) && st.st_nlink == 2 && strcmp(options, "ro") == 0;
}

/* Target, type and rw or ro of every mount. */
static void mounts(void)
{
	char line[4096], *all[256];
	size_t n = 0;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	while (f && n < 256 && fgets(line, sizeof(line), f)) {
		char target[1024], options[512], type[64];
		char *rest = strstr(line, " - ");
		if (!rest || sscanf(line, "%*s %*s %*s %*s %1023s %511s", target, options) != 2 ||
		    sscanf(rest, " - %63s", type) != 1)
			continue;
		options[strcspn(options, ",")] = '\0';
		char *suid = strstr(line, "nosuid"), *dev = strstr(line, "nodev"), text[2048];
		snprintf(text, sizeof(text), "mount %s %s %s%s%s", target,
		    strncmp(target, "/dev/", 5) == 0 ? "-" : type, options, suid && suid < rest ? " nosuid" : "",
		    dev && dev < rest ? " nodev" : "");
		if (covered(target, type, options))
			continue;
		all[n++] = strdup(text);
	}
	qsort(all, n, sizeof(all[0]), by_text);
	for (size_t i = 0; i < n; i++)
		puts(all[i]);
}

static void files(void)
{
	static const struct {
		const char *path;
		int flags;
	} paths[] = {
	    {"/proc/sys/kernel/hostname", O_WRONLY},
	    {"/proc/sys/kernel/core_pattern", O_WRONLY},
	    {"/proc/sysrq-trigger", O_WRONLY},
	    {"/proc/irq/default_smp_affinity", O_WRONLY},
	    {"/proc/kcore", O_RDONLY},
	    {"/proc/kmsg", O_RDONLY},
	    {"/proc/keys", O_RDONLY},
	    {"/proc/1/mem", O_RDWR},
	    {"/sys/kernel/mm/ksm/run", O_WRONLY},
	    {"/sys/fs/cgroup/cgroup.procs", O_WRONLY},
	    {"/sys/firmware/acpi", O_RDONLY},
	    {"/etc/hosts", O_WRONLY},
	    {"/etc/resolv.conf", O_WRONLY},
	    {"/dev/mem", O_RDONLY},
	    {"/dev/kmsg", O_RDONLY},
	    {"/dev/vda", O_RDONLY},
	    {"/dev/fuse", O_RDWR},
	    {"/dev/net/tun", O_RDWR},
	    {"/dev/tty", O_RDWR},
	    {"/dev/console", O_RDWR},
	    {"/dev/ptmx", O_RDWR},
	    {"/dev/full", O_RDWR},
	    {"/proc/self/root/../../etc/shadow", O_RDONLY},
	};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char byte;
		int fd = open(paths[i].path, paths[i].flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		bool empty = fd >= 0 && paths[i].flags == O_RDONLY && read(fd, &byte, 1) == 0;
		printf("open %s %s\n", paths[i].path, empty ? "closed" : closed_or(fd));
		if (fd >= 0)
			close(fd);
	}
}

static void devices(void)
{
	static const struct {
		const char *name;
		mode_t type;
		unsigned int major, minor;
	} nodes[] = {{"vda", S_IFBLK, 254, 0}, {"mem", S_IFCHR, 1, 1}, {"whiteout", S_IFCHR, 0, 0}};
	static const char *const folders[] = {"", "/dev", "/dev/shm", "/tmp"};
	for (size_t i = 0; i < 12; i++) {
		char path[64];
		snprintf(path, sizeof(path), "%s/%s", folders[i / 3], nodes[i % 3].name);
		int rc = mknod(path, nodes[i % 3].type | 0600, (dev_t)(nodes[i % 3].major << 8 | nodes[i % 3].minor));
		int fd = rc < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
		printf("device %s: open %s\n", path, closed_or(fd));
		unlink(path);
	}
}

#define CALL(name, ...)                                                                                                \
	{                                                                                                              \
#name "(" #__VA_ARGS__ ")", SYS_##name,                                                                \
		{                                                                                                      \
			__VA_ARGS__                                                                                    \
		}                                                                                                      \
	}
#define CALL_N(text, nr, ...)                                                                                          \
	{                                                                                                              \
		text, nr,                                                                                              \
		{                                                                                                      \
			__VA_ARGS__                                                                                    \
		}                                                                                                      \
	}

static void calls(void)
{
	static const struct {
		const char *text;
		long nr;
		unsigned long args[6];
	} table[] = {
	    CALL(mount, 0, 0, 0, 0, 0),
	    CALL(umount2, 0, 0),
	    CALL(pivot_root, 0, 0),
	    CALL(unshare, CLONE_NEWUSER),
	    CALL(unshare, CLONE_NEWNS),
	    CALL(unshare, CLONE_FS),
	    CALL(setns, 0, 0),
	    CALL(clone, CLONE_NEWUSER | SIGCHLD),
	    CALL(clone, CLONE_NEWNET | SIGCHLD),
	    CALL(clone, 0x100000000 | CLONE_NEWNS | SIGCHLD),
	    CALL(clone3, 0, 0),
	    CALL(bpf, 0, 0, 0),
	    CALL(perf_event_open, 0, 0, 0, 0, 0),
	    CALL(io_uring_setup, 1, 0),
	    CALL(io_uring_enter, 0, 0, 0, 0),
	    CALL(io_uring_register, 0, 0, 0, 0),
	    CALL(keyctl, 0, 0, 0, 0, 0),
	    CALL(add_key, 0, 0, 0, 0, 0),
	    CALL(request_key, 0, 0, 0, 0),
	    CALL(userfaultfd, 0),
	    CALL(kexec_load, 0, 0, 0, 0),
	    CALL(kexec_file_load, 0, 0, 0, 0, 0),
	    CALL(init_module, 0, 0, 0),
	    CALL(finit_module, 0, 0, 0),
	    CALL(delete_module, 0, 0),
	    CALL(swapon, 0, 0),
	    CALL(reboot, 0, 0, 0, 0),
	    CALL(settimeofday, 0, 0),
	    CALL(clock_settime, 0, 0),
	    CALL(open_by_handle_at, 0, 0, 0),
	    CALL(quotactl, 0, 0, 0, 0),
	    CALL(acct, 0),
	    CALL(syslog, 3, 0, 0),
	    CALL(vhangup),
	    CALL(move_pages, 0, 0, 0, 0, 0, 0),
	    CALL(mbind, 0, 0, 0, 0, 0, 0),
	    CALL(set_mempolicy, 0, 0, 0),
	    CALL(kcmp, 1, 1, 0, 0, 0),
	    CALL(pidfd_getfd, 0, 0, 0),
	    CALL(fanotify_init, 0, 0),
	    CALL(fsopen, 0, 0),
	    CALL(fsconfig, 0, 0, 0, 0, 0),
	    CALL(fsmount, 0, 0, 0),
	    CALL(fspick, 0, 0, 0),
	    CALL(open_tree, 0, 0, 0),
	    CALL(move_mount, 0, 0, 0, 0, 0),
	    CALL(mount_setattr, 0, 0, 0, 0, 0),
	    CALL(sethostname, 0, 0),
	    CALL(setdomainname, 0, 0),
	    CALL(socket, 40, 1, 0),
	    CALL(socket, 38, 5, 0),
	    CALL(socket, 0x100000028, 1, 0),
	    CALL(socket, AF_UNIX, SOCK_STREAM, 0),
	    CALL(ioctl, 0, 0x5412, 0),
	    CALL(ioctl, 0, 0x541c, 0),
	    CALL(ioctl, 0, 0x100005412, 0),
	    CALL(ioctl, 0, 0x5401, 0),
	    CALL(personality, 0xffffffff),
	    CALL(personality, 0x0040000),
	    CALL(ptrace, 16, 0, 0, 0),
	    CALL(process_vm_readv, 0, 0, 0, 0, 0, 0),
	    CALL(chroot, 0),
	    CALL(openat2, 0, 0, 0, 0),
	    CALL(statx, 0, 0, 0, 0, 0),
	    CALL(pidfd_open, 0, 0),
	    CALL(seccomp, 2, 0, 0),
	    CALL_N("statmount", 457, 0),
	    CALL_N("mseal", 462, 1, 1, 1),
	    CALL_N("setxattrat", 463, 0, 0, 0, 0, 0, 0),
	    CALL_N("call 480", 480, 0),
	    CALL_N("call 600", 600, 0),
	    CALL_N("call 0x40000000", 0x40000027, 0),
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const unsigned long *a = table[i].args;
		fflush(stdout);
		long rc = syscall(table[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (rc == 0 && table[i].nr == SYS_clone)
			_exit(0);
		printf("call %s %s\n", table[i].text, error_name(rc));
	}
}

static int talk(const char *path, const char *text)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char answer[256];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || write(fd, text, strlen(text)) < 0) {
		printf("%s\n", strerrorname_np(errno));
		return 1;
	}
	shutdown(fd, SHUT_WR);
	for (ssize_t n; (n = read(fd, answer, sizeof(answer))) > 0;)
		fwrite(answer, 1, (size_t)n, stdout);
	return 0;
}

static int reach_loopback(int port)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0;
}

static void reached(const char *what, long rc)
{
	printf("reach %s %s\n", what, closed_or(rc));
}

/* `probe reach PORT NAME PATH...`: what the host has at this very moment: a server on its loopback, one at an abstract name,
 * files. And what stands around without being asked for: environment, interfaces, keys, working directory. */
static int reach(int n, char **what)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(what[0])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char line[4096];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	printf("reach loopback %s\n", connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ? "closed" : "ok");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "%s", what[1]);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(what[1]));
	printf("reach abstract %s\n", connect(fd, (struct sockaddr *)&un, len) < 0 ? "closed" : "ok");
	for (int i = 2; i < n; i++) {
		snprintf(line, sizeof(line), "file %d", i - 2);
		reached(line, open(what[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK));
		snprintf(line, sizeof(line), "/proc/1/root%s", what[i]);
		if (open(line, O_RDONLY | O_CLOEXEC | O_NONBLOCK) >= 0)
			printf("reach file %d through /proc\n", i - 2);
	}
	for (char **v = environ; *v; v++)
		printf("environment %.*s\n", (int)strcspn(*v, "="), *v);
	FILE *f = fopen("/proc/net/dev", "re");
	while (f && fgets(line, sizeof(line), f))
		if (strchr(line, ':'))
			printf("interface %.*s\n", (int)strcspn(line + strspn(line, " "), ":"), line + strspn(line, " "));
	f = fopen("/proc/net/unix", "re");
	for (int lines = 0; f; lines++)
		if (!fgets(line, sizeof(line), f)) {
			printf("unix sockets %d\n", lines - 1 > 0 ? lines - 1 : 0);
			break;
		}
	reached("key of the session", syscall(SYS_keyctl, 0, -3, 0));
	reached("message queues", syscall(SYS_msgget, 0x5678, 0));
	reached("shared memory", syscall(SYS_shmget, 0x5678, 0, 0));
	reached("another process", kill(2, 0) < 0 && errno == ESRCH ? (errno = ENOENT, -1) : 0);
	fd = open("/proc/1/exe", O_WRONLY | O_CLOEXEC); /* it is this program: busy */
	reached("the program of 1", fd < 0 && errno == ETXTBSY ? (errno = EACCES, -1) : fd);
	printf("cwd %s\n", syscall(SYS_getcwd, line, sizeof(line)) > 0 ? line : "none");
	printf("host name %s\n", gethostname(line, sizeof(line)) == 0 ? line : "none");
	return 0;
}

static int ids(void)
{
	uid_t u[3];
	gid_t g[3];
	if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
		return 1;
	printf("%u %u %u %u %u %u\n", u[0], u[1], u[2], g[0], g[1], g[2]);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && strcmp(argv[1], "reach") == 0)
		return reach(argc - 2, argv + 2);
	if (argc == 2 && strcmp(argv[1], "ids") == 0)
		return ids();
	if (argc == 4 && strcmp(argv[1], "socket") == 0)
		return talk(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "connect") == 0)
		return reach_loopback(atoi(argv[2]));
	if (argc == 5 &&
	    strcmp(argv[1], "chown") == 0) /* numbers as they are, -1 too: shells' tools fill in what stat says */
		return chown(argv[2], (uid_t)atoi(argv[3]), (gid_t)atoi(argv[4])) < 0;
	descriptors();
	processes();
	rights();
	mounts();
	files();
	devices();
	calls();
	return 0;
}

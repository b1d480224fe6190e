/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor that builds are measured against: each command does one thing as plainly as a C program can.
 *
 *	bench-floor run LOWER SCRATCH N    N times: namespaces (mount, pid, ipc, uts, cgroup, net), overlay over LOWER, proc,
 *	                                   a tmpfs on dev, pivot_root, sh -c ": i", and everything removed again
 *	bench-floor spawn N PROGRAM ...    N times: fork, exec, wait
 *	bench-floor link FROM TO           the tree FROM again as TO, its files as hard links
 *	bench-floor time FILE PROGRAM ...  runs it and writes wall ns, CPU us and peak KiB (its own and its children's) to FILE
 *	bench-floor gzip                   stdin to stdout as gzip members of 1 MiB by libdeflate, level 4, on all cores
 *
 * It stands alone (libc and libdeflate), so that it can be compiled wherever bench/run runs.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench-floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- run --- */

struct run {
	char root[640], data[2048], command[32];
};

static int child(void *arg)
{
	struct run *r = arg;
	char *argv[] = {(char *)"sh", (char *)"-c", r->command, NULL}, *env[] = {(char *)"PATH=/bin", NULL};
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
	must(mount("overlay", r->root, "overlay", 0, r->data) == 0, "overlay");
	must(chdir(r->root) == 0, r->root);
	must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "proc");
	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "size=64k,mode=755") == 0, "tmpfs");
	must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
	must(umount2(".", MNT_DETACH) == 0, "umount");
	execve("/bin/sh", argv, env);
	_exit(127);
}

/* The upper folder of a command that does nothing is empty; the kernel leaves one folder in work. */
static void run_once(const char *lower, const char *scratch, char *stack, int i)
{
	struct run r;
	char dir[512], path[600];
	int status = -1;
	snprintf(dir, sizeof(dir), "%s/step%d", scratch, i);
	static const char *const parts[] = {"", "/upper", "/work", "/root"};
	for (size_t k = 0; k < 4; k++) {
		snprintf(path, sizeof(path), "%s%s", dir, parts[k]);
		must(mkdir(path, 0755) == 0, path);
	}
	snprintf(r.root, sizeof(r.root), "%s/root", dir);
	snprintf(r.data, sizeof(r.data), "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, dir, dir);
	snprintf(r.command, sizeof(r.command), ": %d", i);
	pid_t pid = clone(child, stack + 65536,
		CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET | SIGCHLD, &r);
	must(pid > 0, "clone");
	must(waitpid(pid, &status, 0) == pid && status == 0, "the command");
	static const char *const gone[] = {"/work/work", "/work", "/upper", "/root", ""};
	for (size_t k = 0; k < 5; k++) {
		snprintf(path, sizeof(path), "%s%s", dir, gone[k]);
		must(rmdir(path) == 0 || errno == ENOENT, path);
	}
}

static void spawn(int n, char **argv)
{
	for (int i = 0; i < n; i++) {
		int status = -1;
		pid_t pid = fork();
		must(pid >= 0, "fork");
		if (pid == 0) {
			execvp(argv[0], argv);
			_exit(127);
		}
		must(waitpid(pid, &status, 0) == pid && status == 0, argv[0]);
	}
}

static void run(const char *lower, const char *scratch, int n)
{
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < n; i++)
		run_once(lower, scratch, stack, i);
}

/* --- link --- */

static void link_tree(int from, int to)
{
	DIR *d = fdopendir(from);
	must(d != NULL, "read folder");
	for (struct dirent *x; (x = readdir(d)) != NULL;) {
		if (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0)
			continue;
		if (x->d_type != DT_DIR) {
			must(linkat(from, x->d_name, to, x->d_name, 0) == 0, x->d_name);
			continue;
		}
		must(mkdirat(to, x->d_name, 0755) == 0, x->d_name);
		int below = openat(to, x->d_name, O_RDONLY | O_DIRECTORY);
		link_tree(openat(from, x->d_name, O_RDONLY | O_DIRECTORY), below);
		close(below);
	}
	closedir(d);
}

/* --- time --- */

static long long now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* From a program as small as this one: the peak of a process counts from before its exec. */
static int measured(const char *file, char **argv)
{
	struct rusage u;
	int status = 0;
	long long start = now_ns();
	pid_t pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	must(pid > 0 && wait4(pid, &status, 0, &u) == pid, "run");
	long long wall = now_ns() - start;
	FILE *f = fopen(file, "w");
	must(f != NULL, file);
	fprintf(f, "%lld %lld %ld\n", wall, (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec + u.ru_stime.tv_usec, u.ru_maxrss);
	fclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* --- gzip --- */

enum { MEMBER = 1 << 20, THREADS_MAX = 64 };

struct member {
	char *in, *out;
	size_t len, out_len;
	pthread_t id;
	struct libdeflate_compressor *z;
};

static void *pack(void *arg)
{
	struct member *m = arg;
	m->out_len = libdeflate_gzip_compress(m->z, m->in, m->len, m->out, MEMBER + 4096);
	return NULL;
}

static size_t fill(char *p)
{
	size_t len = 0;
	for (ssize_t n; len < MEMBER && (n = read(0, p + len, MEMBER - len)) > 0;)
		len += (size_t)n;
	return len;
}

static void drain(struct member *m)
{
	pthread_join(m->id, NULL);
	for (size_t at = 0; at < m->out_len;) {
		ssize_t n = write(1, m->out + at, m->out_len - at);
		must(n > 0, "write");
		at += (size_t)n;
	}
}

static void gzip(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = cores > THREADS_MAX / 2 ? THREADS_MAX : (size_t)cores * 2, first = 0, next = 0;
	struct member ms[THREADS_MAX] = {0};
	for (size_t i = 0; i < n; i++)
		ms[i] = (struct member){.in = malloc(MEMBER), .out = malloc(MEMBER + 4096), .z = libdeflate_alloc_compressor(4)};
	for (;;) {
		struct member *m = &ms[next % n];
		if (next - first == n)
			drain(&ms[first++ % n]);
		if ((m->len = fill(m->in)) == 0)
			break;
		must(pthread_create(&m->id, NULL, pack, m) == 0, "thread");
		next++;
	}
	while (first < next)
		drain(&ms[first++ % n]);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "run") == 0) {
		run(argv[2], argv[3], atoi(argv[4]));
	} else if (argc >= 4 && strcmp(argv[1], "spawn") == 0) {
		spawn(atoi(argv[2]), argv + 3);
	} else if (argc == 4 && strcmp(argv[1], "link") == 0) {
		must(mkdir(argv[3], 0755) == 0, argv[3]);
		link_tree(open(argv[2], O_RDONLY | O_DIRECTORY), open(argv[3], O_RDONLY | O_DIRECTORY));
	} else if (argc >= 4 && strcmp(argv[1], "time") == 0) {
		return measured(argv[2], argv + 3);
	} else if (argc == 2 && strcmp(argv[1], "gzip") == 0) {
		gzip();
	} else {
		fprintf(stderr, "usage: bench-floor run LOWER SCRATCH N | spawn N PROGRAM ... | link FROM TO | time FILE PROGRAM ... | gzip\n");
		return 2;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-run [ROUNDS [MIB]]: what a RUN step that does nothing costs; median and best of one run, in microseconds:
 *
 * - fork+exec: a static program in the same tree, by vfork
 * - bare: a C program's minimum for the same: clone with the same namespaces, overlay mount, pivot_root, exec
 * - sandbox_run: network none
 * - limited: sandbox_run with limits of memory and processes, where there are cgroups
 * - bwrap: bubblewrap with the same namespaces over a prepared folder, when it is installed
 *
 * The budget: sandbox_run at most 2.5 times bare. MIB: memory this process holds meanwhile. Needs root (or
 * `unshare -Ur`), and a static busybox.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "builder/sandbox/kernel.h"
#include "builder/sandbox/sandbox.h"

struct bench {
	char dir[64];
	int lower, upper, work;
	char lower_path[96], upper_path[96], work_path[96], root_path[96], data[512], exe[128];
	char *stack;
};

static char *const env[] = {(char *)"PATH=/bin", NULL};
static char *const command[] = {(char *)"/bin/true", NULL};

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static int folder(struct bench *b, char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", b->dir, name);
	must(mkdir(path, 0755) == 0, path);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void wait_for(pid_t pid)
{
	int status = -1;
	must(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "child");
}

static void run_plain(struct bench *b)
{
	pid_t pid;
	char *const argv[] = {(char *)"true", NULL};
	must(posix_spawn(&pid, b->exe, NULL, NULL, argv, env) == 0, "spawn");
	wait_for(pid);
}

static int bare_main(void *arg)
{
	struct bench *b = arg;
	if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    sys_mount("overlay", b->root_path, "overlay", 0, b->data) < 0 || chdir(b->root_path) < 0 ||
	    sys_pivot_root(".", ".") < 0 || sys_umount2(".", MNT_DETACH) < 0)
		_exit(1);
	execve(command[0], command, env);
	_exit(1);
}

static void run_bare(struct bench *b)
{
	wait_for(clone(bare_main, b->stack + 65536,
	    CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET | SIGCHLD, b));
}

static void run_step(struct bench *b, const struct sandbox_resources *resources)
{
	struct err e = {0};
	struct sandbox_result r = {0};
	const struct sandbox_run run = {.lowers = &b->lower,
	    .nlowers = 1,
	    .upper_fd = b->upper,
	    .work_fd = b->work,
	    .argv = command,
	    .env = env,
	    .cwd = "/",
	    .hostname = "bench",
	    .network = SANDBOX_NET_NONE,
	    .resources = resources};
	if (sandbox_run(&run, &r, &e) < 0 || r.exit_code != 0) {
		fprintf(stderr, "sandbox_run: %s\n", e.text);
		exit(1);
	}
}

static void run_sandbox(struct bench *b)
{
	run_step(b, NULL);
}

static void run_limited(struct bench *b)
{
	static const struct sandbox_resources resources = {.memory = 1 << 30, .pids = 1000};
	run_step(b, &resources);
}

static void run_bwrap(struct bench *b)
{
	pid_t pid;
	char *const argv[] = {(char *)"bwrap", (char *)"--unshare-pid", (char *)"--unshare-ipc",
	    (char *)"--unshare-uts", (char *)"--unshare-cgroup", (char *)"--unshare-net", (char *)"--bind",
	    b->lower_path, (char *)"/", (char *)"--dev", (char *)"/dev", (char *)"--proc", (char *)"/proc",
	    (char *)"/bin/true", NULL};
	must(posix_spawn(&pid, "/usr/bin/bwrap", NULL, NULL, argv, env) == 0, "spawn");
	wait_for(pid);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static const struct {
	const char *name;
	void (*run)(struct bench *b);
} kinds[] = {{"fork+exec", run_plain}, {"bare", run_bare}, {"sandbox_run", run_sandbox}, {"bwrap", run_bwrap}, {"limited", run_limited}};

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 100;
	struct bench b = {0};
	struct err e = {0};
	double *times = mem_array((size_t)rounds * ARRAY_LEN(kinds), sizeof(*times)), bare = 0, bare_best = 0;
	snprintf(b.dir, sizeof(b.dir), "/tmp/cooper-bench-XXXXXX");
	if (argc > 2) { /* a builder that holds much memory: every clone copies its page tables */
		size_t size = (size_t)atoi(argv[2]) << 20;
		memset(mem_new(size), 1, size);
	}
	must(mkdtemp(b.dir) != NULL, b.dir);
	b.lower = folder(&b, b.lower_path, sizeof(b.lower_path), "lower");
	b.upper = folder(&b, b.upper_path, sizeof(b.upper_path), "upper");
	b.work = folder(&b, b.work_path, sizeof(b.work_path), "work");
	close(folder(&b, b.root_path, sizeof(b.root_path), "root"));
	snprintf(b.exe, sizeof(b.exe), "%s/bin/true", b.lower_path);
	snprintf(b.data, sizeof(b.data), "lowerdir=%s,upperdir=%s,workdir=%s,userxattr", b.lower_path, b.upper_path,
	    b.work_path);
	cleanup_free char *setup = mem_printf(
	    "cd %s && mkdir bin proc dev sys etc && cp /usr/bin/busybox bin/busybox && ln -s busybox bin/true && "
	    "touch etc/hosts etc/resolv.conf",
	    b.lower_path);
	must(system(setup) == 0, "set up");
	b.stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = -2; i < rounds; i++) /* all kinds in turn, so that they meet the same load */
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			if (k == 3 && access("/usr/bin/bwrap", X_OK) < 0)
				continue;
			double start = now_us();
			kinds[k].run(&b);
			if (i >= 0)
				times[k * (size_t)rounds + (size_t)i] = now_us() - start;
		}
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		qsort(times + k * (size_t)rounds, (size_t)rounds, sizeof(double), by_value);
		double median = times[k * (size_t)rounds + (size_t)rounds / 2], best = times[k * (size_t)rounds];
		bare = k == 1 ? median : bare;
		bare_best = k == 1 ? best : bare_best;
		printf("%-12s median %8.0f us  best %8.0f us", kinds[k].name, median, best);
		if (k > 1)
			printf("  %.2f and %.2f x bare", median / bare, best / bare_best);
		putchar('\n');
	}
	mem_free(times);
	return fs_remove_tree(AT_FDCWD, b.dir, &e) < 0;
}

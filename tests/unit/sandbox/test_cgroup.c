/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: what is written for each option (into folders that only look like cgroups), where steps' cgroups are made, and real ones. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "box.h"
#include "builder/sandbox/cgroup.h"
#include "builder/sandbox/cgroup_values.h"

/* --- where it is ----------------------------------------------------------------------------------------------------- */

struct spots_case {
	const char *mountinfo, *self;
	const char *v2_mount, *v2_own, *memory_mount, *memory_own;
};

static const struct spots_case spots_cases[] = {
    /* a session of systemd */
    {"24 30 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
     "35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev shared:9 master:2 - cgroup2 cgroup2 rw,nsdelegate\n",
	"0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-u5.scope\n", "/sys/fs/cgroup",
	"user.slice/user-1000.slice/user@1000.service/app.slice/run-u5.scope", NULL, NULL},
    /* a container with a cgroup namespace */
    {"35 24 0:30 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n", "0::/\n", "/sys/fs/cgroup", ".", NULL, NULL},
    /* one without: the mount shows a part */
    {"35 24 0:30 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/ab/x\n", "/sys/fs/cgroup", "x", NULL, NULL},
    {"35 24 0:30 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abc\n", NULL, NULL, NULL, NULL},
    /* moved out of its namespace */
    {"35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/../other\n", NULL, NULL, NULL, NULL},
    /* both versions, controllers mounted together, a path with a blank */
    {"32 31 0:29 / /sys/fs/cgroup/mem\\040ory,pids rw - cgroup cgroup rw,memory,pids\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n",
	"4:memory,pids:/a/b\n1:name=systemd:/\n0::/\n", "/sys/fs/cgroup/unified", ".", "/sys/fs/cgroup/mem ory,pids", "a/b"},
    {"nonsense\n- - - - -\n1 2 3\n", "x\n0:\n::\n", NULL, NULL, NULL, NULL},
    {"", "", NULL, NULL, NULL, NULL},
};

static void same(const char *got, const char *want)
{
	check((got == NULL) == (want == NULL) && (!want || strcmp(got, want) == 0), "got %s, want %s", got ? got : "nothing",
	    want ? want : "nothing");
}

Test(cgroup, mounts_and_own_cgroups_are_found_in_the_kernels_texts)
{
	for (size_t i = 0; i < ARRAY_LEN(spots_cases); i++) {
		cleanup_arena struct arena a = {0};
		struct cgroup_spots s;
		cgroup_spots_parse(str_of(spots_cases[i].mountinfo), str_of(spots_cases[i].self), &a, &s);
		same(s.v2.mount, spots_cases[i].v2_mount);
		same(s.v2.own, spots_cases[i].v2_own);
		same(s.v1[CGROUP_MEMORY].mount, spots_cases[i].memory_mount);
		same(s.v1[CGROUP_MEMORY].own, spots_cases[i].memory_own);
	}
}

/* --- folders that look like cgroups ---------------------------------------------------------------------------------- */

struct fake {
	char dir[64];
	int fd;
};

static void fake_init(struct fake *f)
{
	snprintf(f->dir, sizeof(f->dir), "/tmp/cooper-cgroup-XXXXXX");
	cr_assert(mkdtemp(f->dir) != NULL);
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void fake_done(struct fake *f)
{
	struct err e = {0};
	close(f->fd);
	cr_assert_eq(fs_remove_tree(AT_FDCWD, f->dir, &e), 0, "%s", e.text);
}

/* A cgroup with files: "name=content" each; a folder is made for `path`. */
static void fake_group(struct fake *f, const char *path, const char *controllers, const char *ready, const char *procs)
{
	const char *const files[][2] = {{"cgroup.controllers", controllers}, {"cgroup.subtree_control", ready}, {"cgroup.procs", procs},
	    {"cgroup.type", strcmp(path, ".") == 0 ? NULL : "domain\n"}};
	struct err e = {0};
	cr_assert_eq(fs_mkdirs(f->fd, path, 0755, &e), 0, "%s", e.text);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		cleanup_free char *name = mem_printf("%s/%s", path, files[i][0]);
		if (files[i][1])
			cr_assert_eq(fs_write_atomic(f->fd, name, str_of(files[i][1]), 0644, false, &e), 0, "%s", e.text);
	}
}

static void fake_file(struct fake *f, const char *path, const char *content)
{
	struct err e = {0};
	cr_assert_eq(fs_write_atomic(f->fd, path, str_of(content), 0644, false, &e), 0, "%s", e.text);
}

struct value_case {
	struct sandbox_resources r;
	const char *file, *v2;
	const char *file_old, *v1;
};

static const struct value_case value_cases[] = {
    {{.memory = 64 << 20}, "memory.max", "67108864", "memory.limit_in_bytes", "67108864"},
    {{.memory = 64 << 20}, "memory.swap.max", "67108864", "memory.memsw.limit_in_bytes", "134217728"},
    {{.memory = 64 << 20, .memory_swap = 100 << 20}, "memory.swap.max", "37748736", "memory.memsw.limit_in_bytes", "104857600"},
    {{.memory = 64 << 20, .memory_swap = 64 << 20}, "memory.swap.max", "0", "memory.memsw.limit_in_bytes", "67108864"},
    {{.memory = 64 << 20, .memory_swap = UINT64_MAX}, "memory.swap.max", "max", "memory.memsw.limit_in_bytes", "-1"},
    {{.pids = 100}, "pids.max", "101", "pids.max", "101"}, /* and the keeper */
    {{.cpu_quota = 50000}, "cpu.max", "50000 100000", "cpu.cfs_quota_us", "50000"},
    {{.cpu_quota = 5000, .cpu_period = 10000}, "cpu.max", "5000 10000", "cpu.cfs_period_us", "10000"},
    {{.cpu_period = 10000}, "cpu.max", "max 10000", "cpu.cfs_quota_us", "-1"},
    {{.cpu_quota = -1}, "cpu.max", "max 100000", "cpu.cfs_quota_us", "-1"},
    {{.cpu_shares = 512}, "cpu.weight", "59", "cpu.shares", "512"},
    {{.cpuset_cpus = "0-1,3"}, "cpuset.cpus", "0-1,3", "cpuset.cpus", "0-1,3"},
    {{.cpuset_mems = "0"}, "cpuset.mems", "0", "cpuset.mems", "0"},
};

static void written(const struct value_case *c, bool v2)
{
	struct fake f;
	struct err e = {0};
	cleanup_arena struct arena a = {0};
	struct cgroup_setting s[CGROUP_SETTINGS_MAX];
	size_t n = cgroup_values(&c->r, s);
	fake_init(&f);
	fake_file(&f, "cpuset.cpus", "");
	fake_file(&f, "cpuset.mems", "");
	cr_assert_eq(mkdirat(f.fd, "up", 0755), 0);
	fake_file(&f, "up/cpuset.cpus", "0-7\n");
	fake_file(&f, "up/cpuset.mems", "0-1\n");
	for (size_t i = 0; i < n; i++)
		if (v2 ? s[i].file : s[i].file_old)
			fake_file(&f, v2 ? s[i].file : s[i].file_old, "");
	cleanup_close int up = cgroup_open(f.fd, "up");
	cr_assert_eq(cgroup_limit(f.fd, up, v2, CGROUP_ALL, &c->r, &e), 0, "%s", e.text);
	struct str got = cgroup_read(f.fd, v2 ? c->file : c->file_old, &a), cpus = cgroup_read(f.fd, "cpuset.cpus", &a);
	cr_assert(str_eqz(got, v2 ? c->v2 : c->v1), "%s: %.*s, want %s", v2 ? c->file : c->file_old, STR_ARG(got), v2 ? c->v2 : c->v1);
	/* Version 1: a cpuset is filled up from above. */
	cr_assert(str_eqz(cpus, c->r.cpuset_cpus ? c->r.cpuset_cpus : v2 ? "" : "0-7"), "%.*s", STR_ARG(cpus));
	fake_done(&f);
}

Test(cgroup, each_option_writes_what_the_kernel_wants)
{
	for (size_t i = 0; i < ARRAY_LEN(value_cases); i++) {
		written(&value_cases[i], true);
		written(&value_cases[i], false);
	}
}

Test(cgroup, only_controllers_that_are_there_are_written)
{
	struct fake f;
	struct err e = {0};
	cleanup_arena struct arena a = {0};
	const struct sandbox_resources r = {.memory = 1 << 24, .pids = 7};
	fake_init(&f);
	fake_file(&f, "memory.max", "");
	fake_file(&f, "memory.swap.max", "");
	fake_file(&f, "pids.max", "");
	cr_assert_eq(cgroup_limit(f.fd, -1, true, 1u << CGROUP_PIDS, &r, &e), 0, "%s", e.text);
	cr_assert_eq(cgroup_read(f.fd, "memory.max", &a).len, 0);
	cr_assert(str_eqz(cgroup_read(f.fd, "pids.max", &a), "8"));
	fake_done(&f);
}

Test(cgroup, shares_become_weights_on_the_curve_of_crun)
{
	static const uint64_t points[][2] = {{0, 1}, {2, 1}, {1024, 100}, {2048, 174}, {262144, 10000}, {1 << 30, 10000}};
	for (size_t i = 0; i < ARRAY_LEN(points); i++)
		cr_assert_eq(cgroup_weight(points[i][0]), points[i][1], "%lu: %lu", points[i][0], cgroup_weight(points[i][0]));
	for (uint64_t s = 2, last = 0; s < 262144; s += 97) {
		cr_assert(cgroup_weight(s) >= last);
		last = cgroup_weight(s);
	}
}

/* --- the place ------------------------------------------------------------------------------------------------------- */

static const unsigned MEMORY = 1u << CGROUP_MEMORY, PIDS = 1u << CGROUP_PIDS, CPU = 1u << CGROUP_CPU;

static struct cgroup_place find(struct fake *f, const char *own, unsigned wanted, struct arena *a)
{
	struct cgroup_place p;
	cgroup_place_find(f->fd, own, wanted, a, &p);
	if (p.dir >= 0)
		close(p.dir);
	return p;
}

Test(cgroup, alone_in_a_delegated_cgroup_the_builder_makes_room_there)
{
	struct fake f;
	cleanup_arena struct arena a = {0};
	cleanup_free char *self = mem_printf("%d\n", (int)getpid());
	fake_init(&f);
	fake_group(&f, "slice", "memory pids\n", "memory pids\n", "");
	fake_group(&f, "slice/scope", "memory pids\n", "", self);
	struct cgroup_place p = find(&f, "slice/scope", MEMORY | PIDS, &a);
	cr_assert(p.dir >= 0 && p.alone && p.ready == 0 && p.possible == (MEMORY | PIDS));
	cr_assert_str_eq(p.path, "slice/scope");
	/* What it has started does not count: it is taken along. */
	pid_t child = fork();
	if (child == 0)
		_exit(pause());
	cleanup_free char *with_child = mem_printf("%d\n%d\n", (int)getpid(), (int)child);
	cleanup_free char *with_parent = mem_printf("%d\n%d\n", (int)getpid(), (int)getppid());
	fake_file(&f, "slice/scope/cgroup.procs", with_child);
	p = find(&f, "slice/scope", MEMORY | PIDS, &a);
	cr_assert(p.dir >= 0 && p.alone);
	fake_file(&f, "slice/scope/cgroup.procs", with_parent);
	p = find(&f, "slice/scope", MEMORY | PIDS, &a);
	cr_assert(p.dir >= 0 && !p.alone);
	cr_assert_str_eq(p.path, "slice");
	fake_file(&f, "slice/scope/cgroup.procs", "0\n"); /* of another pid namespace */
	cr_assert(!find(&f, "slice/scope", MEMORY, &a).alone);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	fake_done(&f);
}

Test(cgroup, with_others_in_it_the_nearest_cgroup_above_without_processes_is_taken)
{
	struct fake f;
	cleanup_arena struct arena a = {0};
	cleanup_free char *both = mem_printf("1\n%d\n", (int)getpid());
	fake_init(&f);
	fake_group(&f, "top", "cpu memory pids\n", "cpu memory pids\n", "");
	fake_group(&f, "top/slice", "cpu memory pids\n", "memory pids\n", "");
	fake_group(&f, "top/slice/scope", "memory pids\n", "", both);
	struct cgroup_place p = find(&f, "top/slice/scope", MEMORY | PIDS, &a);
	cr_assert(p.dir >= 0 && !p.alone && (p.ready & MEMORY));
	cr_assert_str_eq(p.path, "top/slice");
	p = find(&f, "top/slice/scope", MEMORY | CPU, &a); /* cpu can be switched on there */
	cr_assert(p.dir >= 0 && p.possible == CPU);
	cr_assert_str_eq(p.path, "top/slice");
	fake_done(&f);
}

Test(cgroup, a_cgroup_with_a_limit_is_not_left)
{
	struct fake f;
	cleanup_arena struct arena a = {0};
	fake_init(&f);
	fake_group(&f, "slice", "memory pids\n", "memory pids\n", "");
	fake_group(&f, "slice/scope", "memory pids\n", "", "1\n2\n");
	fake_file(&f, "slice/scope/memory.max", "max\n");
	cr_assert(find(&f, "slice/scope", MEMORY, &a).dir >= 0);
	fake_file(&f, "slice/scope/memory.max", "1073741824\n");
	struct cgroup_place p = find(&f, "slice/scope", MEMORY, &a);
	cr_assert(p.dir < 0 && p.lack == CGROUP_LACK_LIMIT);
	fake_done(&f);
}

Test(cgroup, what_is_missing_is_told)
{
	struct fake f;
	cleanup_arena struct arena a = {0};
	fake_init(&f);
	fake_group(&f, ".", "hugetlb\n", "", "1\n2\n");
	cr_assert_eq(find(&f, ".", MEMORY, &a).lack, CGROUP_LACK_CONTROLLER); /* the real root may have processes */
	fake_file(&f, "cgroup.type", "domain\n");
	cr_assert_eq(find(&f, ".", MEMORY, &a).lack, CGROUP_LACK_ROOM); /* that of a container may not */
	cr_assert_eq(find(&f, "none", MEMORY, &a).lack, CGROUP_LACK_HIERARCHY);
	fake_group(&f, "t", "memory\n", "memory\n", "");
	fake_file(&f, "t/cgroup.type", "threaded\n");
	fake_group(&f, "t/own", "", "", "1\n2\n");
	fake_file(&f, "t/own/cgroup.type", "threaded\n");
	cr_assert_eq(find(&f, "t/own", MEMORY, &a).lack, CGROUP_LACK_ROOM);
	fake_done(&f);
}

Test(cgroup, a_link_in_the_tree_is_not_followed)
{
	struct fake f;
	fake_init(&f);
	cr_assert_eq(symlinkat("/tmp", f.fd, "link"), 0);
	cr_assert(cgroup_open(f.fd, "link") < 0);
	cr_assert(cgroup_open(f.fd, "..") < 0);
	cr_assert(cgroup_open(f.fd, ".") >= 0);
	fake_done(&f);
}

/* --- real ones ------------------------------------------------------------------------------------------------------- */

static const char *hierarchy(struct arena *a, enum cgroup_controller c)
{
	struct cgroup_have h;
	const char *mount = NULL;
	cgroup_have_init(&h, 1u << c, NULL, false);
	if (h.n > 0)
		mount = arena_strdup(a, h.v[0].mount);
	cgroup_have_done(&h);
	return mount;
}

/* Everything of ours anywhere below /sys/fs/cgroup; "" is right. */
static char *left_over(void)
{
	cleanup_buf struct buf out = {0};
	char line[512];
	FILE *p = popen("find /sys/fs/cgroup -name 'cooper-*' -type d 2>/dev/null", "r");
	buf_puts(&out, "");
	while (p && fgets(line, sizeof(line), p)) {
		cleanup_free char *mine = mem_printf("/cooper-%d-", (int)getpid());
		if (strstr(line, mine))
			buf_puts(&out, line);
	}
	pclose(p);
	return buf_steal(&out);
}

static void nothing_is_left(void)
{
	cleanup_free char *left = left_over();
	check_text(left, "");
}

Test(cgroup, a_step_over_its_memory_is_killed_and_that_is_told)
{
	struct box b;
	struct sandbox_result r = {0};
	struct err e = {0};
	cleanup_arena struct arena a = {0};
	const struct sandbox_resources limits = {.memory = 24 << 20, .memory_swap = 24 << 20};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .resources = &limits};
	box_init(&b);
	if (!hierarchy(&a, CGROUP_MEMORY))
		cr_skip_test("no controller memory for this process");
	check(box_run(&b, "head -c 200000000 /dev/zero | sort -r", &run, &r, &e) == 0, "%s", e.text);
	check(r.exit_code != 0 && r.out_of_memory && !r.out_of_pids, "exit %d", r.exit_code);
	check(box_run(&b, "exit 3", &run, &r, &e) == 0 && r.exit_code == 3, "%s", e.text);
	nothing_is_left();
	sandbox_shutdown();
	box_done(&b);
}

Test(cgroup, a_step_cannot_make_more_processes_than_its_limit)
{
	struct box b;
	struct sandbox_result r = {0};
	struct err e = {0};
	cleanup_arena struct arena a = {0};
	const struct sandbox_resources limits = {.pids = 4};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .resources = &limits};
	box_init(&b);
	if (!hierarchy(&a, CGROUP_PIDS))
		cr_skip_test("no controller pids for this process");
	check(box_run(&b, "sleep 100 & sleep 100 & sleep 100 & echo three", &run, &r, &e) == 0, "%s", e.text);
	check(r.exit_code == 0 && !r.out_of_pids, "exit %d %s", r.exit_code, b.err.p);
	check_text(b.out.p, "three\n");
	check(box_run(&b, "sleep 100 & sleep 100 & sleep 100 & sleep 100 & echo four", &run, &r, &e) == 0, "%s", e.text);
	check(r.exit_code != 0 && r.out_of_pids && !r.out_of_memory);
	nothing_is_left();
	sandbox_shutdown();
	box_done(&b);
}

/* In version 2 as well, whatever controllers it has: the keeper is cloned into it. */
Test(cgroup, a_step_is_below_its_parent_which_goes_with_the_build)
{
	struct box b;
	const struct sandbox_resources limits = {.cgroup_parent = "/test-cooper-parent/x"};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .resources = &limits};
	struct cgroup_have h;
	box_init(&b);
	cgroup_have_init(&h, CGROUP_ALL, NULL, false);
	size_t n = h.n;
	cgroup_have_done(&h);
	if (n == 0 || access("/sys/fs/cgroup/unified", F_OK) < 0)
		cr_skip_test("no cgroups for this process");
	/* The namespace begins at the step's own cgroup, in all hierarchies that are there. */
	check_text(box_sh(&b, "grep -E '^0:|memory|pids' /proc/self/cgroup | cut -d: -f3 | sort -u", &run), "/\n");
	check(access("/sys/fs/cgroup/unified/test-cooper-parent/x", F_OK) == 0);
	struct sandbox_result r = {0};
	struct err e = {0};
	pid_t pid = fork();
	if (pid == 0)
		_exit(box_run(&b, "sleep 100", &run, &r, &e) < 0);
	bool seen = false;
	for (int i = 0; i < 200 && !seen; i++) {
		usleep(20000);
		seen = system("cat /sys/fs/cgroup/unified/test-cooper-parent/x/cooper-*/cgroup.procs 2>/dev/null | grep -q .") == 0;
	}
	kill(pid, SIGKILL);
	check(waitpid(pid, NULL, 0) == pid && seen);
	/* What the killed one left goes with the next. */
	sandbox_shutdown();
	check(access("/sys/fs/cgroup/unified/test-cooper-parent/x", F_OK) == 0);
	box_fresh_upper(&b);
	check(fs_remove_tree(b.work, "root", &e) == 0, "%s", e.text);
	box_sh(&b, "true", &run);
	sandbox_shutdown();
	/* A parent that was there before is kept. */
	check(system("cd /sys/fs/cgroup && rmdir */test-cooper-parent/x */test-cooper-parent") == 0);
	nothing_is_left();
	box_done(&b);
}

Test(cgroup, a_killed_builders_cgroup_goes_and_a_living_ones_stays)
{
	struct box b;
	cleanup_arena struct arena a = {0};
	box_init(&b);
	const char *mount = hierarchy(&a, CGROUP_PIDS);
	if (!mount)
		cr_skip_test("no controller pids for this process");
	struct cgroup_have h;
	cgroup_have_init(&h, PIDS, NULL, false);
	check(mkdirat(h.v[0].dir, "cooper-1-7", 0755) == 0 && mkdirat(h.v[0].dir, "cooper-1-8", 0755) == 0);
	cleanup_close int alive = cgroup_open(h.v[0].dir, "cooper-1-8");
	check(flock(alive, LOCK_EX) == 0);
	check(mkdirat(h.v[0].dir, "cooper-1-x", 0755) == 0);
	box_sh(&b, "true", NULL); /* without limits too */
	check(faccessat(h.v[0].dir, "cooper-1-7", F_OK, 0) < 0);
	check(unlinkat(h.v[0].dir, "cooper-1-x", AT_REMOVEDIR) == 0); /* somebody else's */
	check(unlinkat(h.v[0].dir, "cooper-1-8", AT_REMOVEDIR) == 0);
	cgroup_have_done(&h);
	sandbox_shutdown();
	box_done(&b);
}

Test(cgroup, a_value_the_kernel_refuses_is_an_error_that_names_the_option)
{
	struct box b;
	struct sandbox_result r = {0};
	struct err e = {0};
	cleanup_arena struct arena a = {0};
	const struct sandbox_resources limits = {.cpuset_cpus = "4000"};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .resources = &limits};
	box_init(&b);
	if (!hierarchy(&a, CGROUP_CPUSET))
		cr_skip_test("no controller cpuset for this process");
	check(box_run(&b, "true", &run, &r, &e) == -ERR_USAGE, "%s", e.text);
	check(strstr(e.text, "--cpuset-cpus: the kernel does not take \"4000\""), "%s", e.text);
	nothing_is_left();
	sandbox_shutdown();
	box_done(&b);
}

static void without_effect(struct box *b)
{
	const struct sandbox_resources limits = {.memory = 64 << 20, .pids = 9};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .resources = &limits};
	cleanup_buf struct buf text = {0};
	sandbox_limits(&text);
	if (!strstr(text.p, "none: "))
		return; /* they can be had */
	check_text(box_sh(b, "echo ran", &run), "ran\n");
	const char *notice = sandbox_notice();
	check(notice && strstr(notice, "no effect here: --memory, --pids-limit: "), "%s", notice ? notice : "no notice");
	box_sh(b, "true", &run);
	check(sandbox_notice() == NULL);
}

Test(cgroup, an_ordinary_user_without_cgroups_is_told_once_and_the_step_runs)
{
	box_as_user(without_effect, true);
}

Test(cgroup, the_same_with_one_id)
{
	box_as_user(without_effect, false);
}

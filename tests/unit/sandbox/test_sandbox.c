/* SPDX-License-Identifier: Apache-2.0 */
/* Real steps in a small tree, as root and as an ordinary user. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "box.h"

/* A test that has to hold for root and for an ordinary user with subordinate ids. */
#define BOTH(name)                                                                                                     \
	static void name(struct box *b);                                                                               \
	Test(sandbox, name##_as_root)                                                                                  \
	{                                                                                                              \
		struct box b;                                                                                          \
		box_init(&b);                                                                                          \
		name(&b);                                                                                              \
		box_done(&b);                                                                                          \
	}                                                                                                              \
	Test(sandbox, name##_as_ordinary_user)                                                                         \
	{                                                                                                              \
		box_as_user(name, true);                                                                               \
	}                                                                                                              \
	static void name(struct box *b)

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

BOTH(both_streams_and_the_exit_code_come_back)
{
	struct sandbox_result r = {0};
	struct err e = {0};
	check(box_run(b, "echo out; echo err >&2; exit 7", NULL, &r, &e) == 0, "%s", e.text);
	check(r.exit_code == 7 && r.signal == 0);
	check_text(b->out.p, "out\n");
	check_text(b->err.p, "err\n");
}

BOTH(a_killed_command_gives_128_and_the_signal)
{
	struct sandbox_result r = {0};
	struct err e = {0};
	check(box_run(b, "sh -c 'kill -9 $$'; exit $?", NULL, &r, &e) == 0, "%s", e.text);
	check(r.exit_code == 137);
}

BOTH(the_command_is_pid_1_with_umask_0022_and_an_empty_stdin)
{
	check_text(box_sh(b, "echo $$; umask; cat; readlink /proc/self/fd/0; hostname", NULL),
	    "1\n0022\n/dev/null\nbuildkitsandbox\n");
}

BOTH(only_three_descriptors_are_open)
{
	/* 3 is the folder that ls itself reads */
	check_text(box_sh(b, "ls /proc/self/fd", NULL), "0\n1\n2\n3\n");
}

BOTH(root_has_dockers_capabilities_and_others_have_none)
{
	static const char script[] = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status";
	check_text(box_sh(b, script, NULL),
	    "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
	    "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n");
	const struct sandbox_run user = {.network = SANDBOX_NET_NONE, .uid = 3267, .gid = 12};
	check_text(box_sh(b, script, &user),
	    "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
	    "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n");
}

BOTH(ids_and_groups_are_those_asked_for)
{
	const uint32_t groups[] = {7, 9};
	const struct sandbox_run run = {
	    .network = SANDBOX_NET_NONE, .uid = 1000, .gid = 5, .groups = groups, .ngroups = 2};
	check_text(box_sh(b, "grep -E '^(Uid|Gid|Groups)' /proc/self/status; echo can > /dev/stdout", &run),
	    "Uid:\t1000\t1000\t1000\t1000\nGid:\t5\t5\t5\t5\nGroups:\t7 9 \ncan\n");
}

BOTH(a_step_reaches_only_what_the_list_says)
{
	cleanup_buf struct buf want = {0};
	struct err e = {0};
	struct sandbox_result r = {0};
	char probe[] = "probe", *argv[] = {probe, NULL};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .argv = argv};
	check(io_read_file(AT_FDCWD, SOURCE_ROOT "/tests/isolation/expected", 1 << 20, &want, &e) == 0, "%s", e.text);
	check(box_run(b, "", &run, &r, &e) == 0 && r.exit_code == 0, "%s", e.text);
	check_text(b->out.p, want.p);
}

BOTH(dev_holds_what_buildkit_gives)
{
	check_text(box_sh(b,
	               "ls /dev | tr '\\n' ' '; stat -c '%a %F' /dev/null; echo x > /dev/null; head -c1 /dev/zero | wc "
	               "-c; df /dev/shm | wc -l",
	               NULL),
	    "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero 666 character special "
	    "file\n1\n2\n");
}

BOTH(shm_has_the_size_asked_for)
{
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .shm_size = 128 << 20};
	check_text(box_sh(b, "mount | grep /dev/shm | sed 's/.*\\(size=[0-9]*k\\).*/\\1/'", &run), "size=131072k\n");
}

BOTH(proc_and_sys_cannot_be_written)
{
	box_sh(b,
	    "! touch /proc/sys/kernel/hostname 2>/dev/null && ! touch /sys/x 2>/dev/null && ! sh -c 'echo h > "
	    "/proc/sysrq-trigger' 2>/dev/null",
	    NULL);
	check_text(
	    box_sh(b,
	        "cat /proc/keys /proc/timer_list /proc/interrupts; ls /proc/acpi /sys/firmware 2>/dev/null | grep -v :",
	        NULL),
	    "\n");
}

BOTH(nothing_of_the_host_is_mounted)
{
	check_text(box_sh(b,
	               "mount | grep -vE ' type (overlay|proc|sysfs|cgroup2|tmpfs|devpts|mqueue|devtmpfs) '; ls / | tr "
	               "'\\n' ' '; ps | wc -l",
	               NULL),
	    "bin dev etc proc sys tmp 4\n");
}

BOTH(network_none_has_only_loopback)
{
	check_text(box_sh(b, "ip -o link | sed 's/:.*LOOPBACK,UP.*//'; ls /sys/class/net", NULL), "1\nlo\n");
}

BOTH(hosts_are_added_and_cannot_be_written)
{
	const struct sandbox_host hosts[] = {{"some.host", "1.2.3.4"}, {"other", "::1"}};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .hosts = hosts, .nhosts = 2};
	check_text(
	    box_sh(b,
	        "grep -E 'some.host|other' /etc/hosts; test -e /etc/resolv.conf && ! echo x 2>/dev/null >> /etc/hosts",
	        &run),
	    "1.2.3.4\tsome.host\n::1\tother\n");
}

BOTH(the_runtime_leaves_no_trace_in_the_upper)
{
	struct stat before, after;
	fstat(b->upper, &before);
	box_sh(b, "true", NULL);
	fstat(b->upper, &after);
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "");
	check(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_mtim.tv_sec == after.st_mtim.tv_sec);
}

BOTH(changes_are_in_the_upper)
{
	box_sh(
	    b, "echo a > /etc/new; rm /etc/passwd; mkdir -p /a/b; chown 5:6 /a; touch -d @1000 /a/b; rm -r /tmp", NULL);
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "d a\nd a/b\nd etc\nf etc/new\nc etc/passwd\nc tmp\n");
}

BOTH(mount_points_are_removed_when_nothing_was_put_there)
{
	struct sandbox_mount mounts[] = {
	    {.kind = SANDBOX_TMPFS, .target = "/deep/er/est"},
	    {.kind = SANDBOX_TMPFS, .target = "/etc/newdir/x"},
	    {.kind = SANDBOX_BIND, .target = "/newfile", .source_fd = openat(b->src, "sub/file", O_PATH)},
	};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = mounts, .nmounts = ARRAY_LEN(mounts)};
	struct stat st;
	box_sh(b, "test -d /deep/er/est && test -f /newfile && touch /deep/er/est/x", &run);
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "");
	box_sh(b, "touch /etc/newdir/keep", &run);
	cleanup_free char *kept = box_upper(b);
	check_text(kept, "d etc\nd etc/newdir\nf etc/newdir/keep\n");
	check(fstatat(b->upper, "etc", &st, 0) == 0 && st.st_mtim.tv_sec == 1700000000, "time of a touched folder");
	close(mounts[2].source_fd);
}

BOTH(a_changed_folder_stays_in_the_upper)
{
	box_sh(b, "chmod 700 /etc", NULL);
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "d etc\n");
}

BOTH(bind_mounts_are_read_only_unless_asked)
{
	struct sandbox_mount m = {.kind = SANDBOX_BIND, .target = "/m", .source_fd = b->src};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = &m, .nmounts = 1};
	check_text(
	    box_sh(b, "cat /m/sub/file; ! touch /m/x 2>/dev/null; ! chmod 777 /m/sub 2>/dev/null", &run), "original\n");
	m.rw = true;
	box_sh(b, "touch /m/cached", &run);
	check(fs_exists(b->src, "cached"));
}

BOTH(overlay_mounts_throw_writes_away)
{
	struct sandbox_mount m[] = {
	    {.kind = SANDBOX_OVERLAY, .target = "/m", .source_fd = b->src},
	    {.kind = SANDBOX_OVERLAY, .target = "/one", .source_fd = openat(b->src, "sub/file", O_PATH)},
	    {.kind = SANDBOX_OVERLAY, .target = "/part", .source_fd = b->src, .source_path = "sub"},
	};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = m, .nmounts = ARRAY_LEN(m)};
	box_sh(
	    b, "rm -r /m/sub && touch /m/x && echo changed > /one && echo changed > /part/file && touch /part/y", &run);
	check_text(box_sh(b, "cat /m/sub/file /one /part/file; ls -a /m | tr '\\n' ' '", &run),
	    "original\noriginal\noriginal\n. .. sub ");
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "");
}

BOTH(a_tree_of_layers_can_be_a_source)
{
	struct err e = {0};
	int top = -1;
	check(fs_mkdirs(b->work, "../top/sub", 0755, &e) == 0 && fs_open_dir(b->work, "../top", &top, &e) == 0);
	box_write(top, "sub/more", "more\n", 0644);
	const int lowers[] = {b->src, top};
	struct sandbox_mount m[] = {
	    {.kind = SANDBOX_BIND, .target = "/both", .lowers = lowers, .nlowers = 2, .source_path = "/sub/../sub"},
	    {.kind = SANDBOX_OVERLAY, .target = "/rw", .lowers = lowers, .nlowers = 2, .source_path = "sub/more"},
	    {.kind = SANDBOX_BIND, .target = "/single", .lowers = lowers, .nlowers = 1},
	};
	struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = m, .nmounts = ARRAY_LEN(m)};
	check_text(
	    box_sh(b, "ls /both | tr '\\n' ' '; echo x >> /rw; cat /rw; ls /single; ! touch /both/x 2>/dev/null", &run),
	    "file more more\nx\nsub\n");
	struct sandbox_result r = {0};
	m[0].source_path = "nope";
	check(box_run(b, "true", &run, &r, &e) == -ERR_NOT_FOUND, "%s", e.text);
	check(strstr(e.text, "nope"), "%s", e.text);
	close(top);
}

BOTH(secret_files_have_owner_mode_and_content)
{
	struct sandbox_mount m = {
	    .kind = SANDBOX_FILE, .target = "/run/secrets/s", .content = STR("hush"), .mode = 0440, .uid = 3, .gid = 4};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = &m, .nmounts = 1};
	check_text(
	    box_sh(b, "stat -c '%a %u %g' /run/secrets/s; cat /run/secrets/s; ! rm /run/secrets/s 2>/dev/null", &run),
	    "440 3 4\nhush");
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "");
}

BOTH(shallow_targets_come_before_deep_ones)
{
	struct sandbox_mount m[] = {
	    {.kind = SANDBOX_FILE, .target = "/m/deep/file", .content = STR("deep"), .mode = 0400},
	    {.kind = SANDBOX_TMPFS, .target = "/m"},
	};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = m, .nmounts = 2};
	check_text(box_sh(b, "cat /m/deep/file", &run), "deep");
}

BOTH(links_in_targets_never_leave_the_tree)
{
	check(symlinkat("/proc/self/root/../../../../tmp", b->lower, "evil") == 0);
	check(symlinkat("../../../../../../../../tmp/cooper-canary", b->lower, "evil2") == 0);
	check(symlinkat("loop", b->lower, "loop") == 0);
	struct sandbox_mount m[] = {
	    {.kind = SANDBOX_TMPFS, .target = "/evil2/x"},
	};
	struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = m, .nmounts = 1};
	check_text(box_sh(b, "ls /tmp", &run), "cooper-canary\n");
	check(access("/tmp/cooper-canary", F_OK) < 0, "made on the host");
	struct sandbox_result r = {0};
	struct err e = {0};
	m[0].target = "/loop/x";
	check(box_run(b, "true", &run, &r, &e) == -ERR_SYS && e.sys == ELOOP, "%s", e.text);
	m[0].target = "/proc/sys/x";
	check(box_run(b, "true", &run, &r, &e) == -ERR_SYS, "%s", e.text);
	m[0].target = "/proc/1";
	check(box_run(b, "true", &run, &r, &e) == -ERR_SYS && e.sys == EPERM, "%s", e.text);
}

BOTH(hostile_links_for_dev_and_etc_are_contained)
{
	check(symlinkat("/tmp/nowhere", b->lower, "dev") == 0 &&
	      symlinkat("../../../tmp/cooper-canary/resolv", b->lower, "etc/resolv.conf") == 0);
	box_sh(b, "test -c /tmp/nowhere/null && test -f /tmp/cooper-canary/resolv", NULL);
	check(access("/tmp/nowhere", F_OK) < 0 && access("/tmp/cooper-canary", F_OK) < 0, "made on the host");
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "");
}

BOTH(the_working_folder_is_made_and_kept)
{
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .cwd = "/gone/x"};
	check_text(box_sh(b, "pwd; stat -c '%a %u' .", &run), "/gone/x\n755 0\n");
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "d gone\nd gone/x\n");
}

BOTH(the_working_folder_cannot_be_a_descriptor_of_the_builder)
{
	static const char *const folders[] = {
	    "/proc/self/fd/3", "/proc/self/fd/8/../../..", "/proc/1/cwd", "/proc/self/root/../.."};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .cwd = folders[i]};
		struct sandbox_result r = {0};
		struct err e = {0};
		if (box_run(b, "ls / | tr '\\n' ' '; pwd", &run, &r, &e) == 0)
			check(strstr(b->out.p, "bin dev etc"), "%s: %s", folders[i], b->out.p);
	}
}

BOTH(a_missing_command_is_not_found)
{
	static const struct {
		const char *name;
		enum err_code code;
		const char *text;
	} cases[] = {
	    {"nosuch", ERR_NOT_FOUND, "exec: \"nosuch\": executable file not found in $PATH"},
	    {"/no/such", ERR_NOT_FOUND, "exec: \"/no/such\": stat /no/such: no such file or directory"},
	    {"/etc/passwd", ERR_DENIED, "exec: \"/etc/passwd\": permission denied"},
	    {"/etc", ERR_DENIED, "exec: \"/etc\": permission denied"},
	    {"bad", ERR_NOT_FOUND, "exec /bin/bad: no such file or directory (its interpreter is missing)"},
	    {"text", ERR_UNSUPPORTED, "exec /bin/text: exec format error"},
	    {"/proc/self/exe", ERR_SYS, "exec /proc/self/exe: Operation not permitted"},
	    {"self", ERR_SYS, "exec /bin/self: Operation not permitted"},
	};
	box_write(b->lower, "bin/bad", "#!/nope\n", 0755);
	box_write(b->lower, "bin/text", "hello\n", 0755);
	box_write(b->lower, "bin/self", "#!  /proc/self/exe x\n", 0755);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_free char *name = mem_strdup(cases[i].name);
		char *const argv[] = {name, NULL};
		const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .argv = argv};
		struct sandbox_result r = {0};
		struct err e = {0};
		check(box_run(b, "", &run, &r, &e) == -(int)cases[i].code, "%s: %d %s", name, e.code, e.text);
		check_text(e.text, cases[i].text);
	}
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "");
}

BOTH(processes_left_behind_do_not_outlive_the_command)
{
	double start = now();
	check_text(box_sh(b, "sleep 100 & setsid sleep 100 & echo done", NULL), "done\n");
	check(now() - start < 5);
}

static void set_after_a_while(struct cancel *c)
{
	struct timespec t = {.tv_nsec = 200 * 1000 * 1000};
	nanosleep(&t, NULL);
	atomic_store(&c->set, true);
}

static int run_or_cancel(size_t i, void *arg, struct err *e)
{
	void **both = arg;
	struct cancel *c = both[1];
	struct sandbox_result r = {0};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .cancel = c};
	if (i == 0) {
		set_after_a_while(c);
		return 0;
	}
	return box_run(both[0], "trap '' TERM INT; sleep 100", &run, &r, e);
}

BOTH(a_cancelled_step_is_killed)
{
	struct cancel c = {0};
	struct err e = {0};
	double start = now();
	check(pool_each(2, 2, run_or_cancel, (void *[]){b, &c}, &e) == -ERR_CANCELLED, "%s", e.text);
	check(now() - start < 5);
}

BOTH(much_output_arrives_whole)
{
	box_sh(b, "dd if=/dev/zero bs=65536 count=160 2>/dev/null", NULL);
	check(b->out.len == 160 * 65536, "%zu", b->out.len);
}

BOTH(resource_limits_are_set)
{
	const struct sandbox_limit l = {.resource = RLIMIT_NOFILE, .soft = 100, .hard = 200};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .limits = &l, .nlimits = 1};
	check_text(box_sh(b, "ulimit -Sn; ulimit -Hn", &run), "100\n200\n");
}

static void add_lowers(struct box *b, size_t n, const char *command, bool works)
{
	cleanup_free int *lowers = mem_array(n, sizeof(int));
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	lowers[0] = b->lower;
	for (size_t i = 1; i < n; i++) {
		struct err e = {0};
		cleanup_free char *path = mem_printf("../layers/%zu", i);
		check(fs_mkdirs(b->work, path, 0755, &e) == 0 && fs_open_dir(b->work, path, &lowers[i], &e) == 0, "%s",
		    e.text);
		cleanup_free char *text = mem_printf("%zu\n", i);
		box_write(lowers[i], "last", text, 0644);
		if (i % 100 == 0)
			box_write(lowers[i], text, "", 0644);
	}
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .lowers = lowers, .nlowers = n};
	struct sandbox_result r = {0};
	struct err e = {0};
	if (works)
		box_sh(b, command, &run);
	else
		check(box_run(b, command, &run, &r, &e) == -ERR_LIMIT, "%s", e.text);
	for (size_t i = 1; i < n; i++)
		close(lowers[i]);
}

BOTH(a_tree_may_have_600_layers)
{
	add_lowers(b, 600, "test $(cat /last) = 599 && ls /*00* | wc -l", true);
	check_text(b->out.p, "5\n");
	add_lowers(b, 1200, "true", false);
}

BOTH(a_tree_without_layers_is_the_upper_itself)
{
	struct sandbox_mount m = {.kind = SANDBOX_BIND, .target = "/bin", .source_fd = openat(b->lower, "bin", O_PATH)};
	const int none = -1;
	const struct sandbox_run run = {
	    .network = SANDBOX_NET_NONE, .lowers = &none, .nlowers = 0, .mounts = &m, .nmounts = 1};
	box_sh(b, "echo x > /x", &run);
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "f x\n");
	close(m.source_fd);
}

static int one_of_many(size_t i, void *arg, struct err *e)
{
	struct box *b = arg;
	cleanup_free char *name = mem_printf("par%zu", i);
	cleanup_free char *dir = mem_printf("../%s/up", name), *work = mem_printf("../%s/work", name);
	cleanup_close int upper = -1, work_fd = -1;
	TRY(fs_mkdirs(b->work, dir, 0755, e));
	TRY(fs_mkdirs(b->work, work, 0755, e));
	TRY(fs_open_dir(b->work, dir, &upper, e));
	TRY(fs_open_dir(b->work, work, &work_fd, e));
	char path[] = "PATH=/bin", sh[] = "sh", c[] = "-c", script[] = "echo x > /x; ps | wc -l > /n",
	     *env[] = {path, NULL};
	char *argv[] = {sh, c, script, NULL};
	const struct sandbox_run run = {.lowers = &b->lower,
	    .nlowers = 1,
	    .upper_fd = upper,
	    .work_fd = work_fd,
	    .argv = argv,
	    .env = env,
	    .cwd = "/",
	    .network = i % 2 ? SANDBOX_NET_NONE : SANDBOX_NET_HOST};
	struct sandbox_result r = {0};
	TRY(sandbox_run(&run, &r, e));
	if (r.exit_code != 0 || !fs_exists(upper, "x"))
		return err_set(e, ERR_STEP, "exit %d", r.exit_code);
	return 0;
}

BOTH(many_steps_run_at_once)
{
	struct err e = {0};
	check(pool_each(40, 8, one_of_many, b, &e) == 0, "%s", e.text);
}

/* Answers one connection with what it got, turned round. */
static void serve_once(int listener)
{
	char text[64];
	alarm(10);
	int fd = accept(listener, NULL, NULL);
	ssize_t n = read(fd, text, sizeof(text));
	for (ssize_t i = n; i-- > 0;)
		if (write(fd, &text[i], 1) != 1)
			_exit(1);
	_exit(0);
}

BOTH(a_socket_of_the_host_can_be_forwarded)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/agent", b->dir);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(listener, 5) == 0);
	pid_t pid = fork();
	if (pid == 0)
		serve_once(listener);
	struct sandbox_mount m = {.kind = SANDBOX_SOCKET,
	    .target = "/run/buildkit/ssh_agent.0",
	    .source_path = a.sun_path,
	    .mode = 0741,
	    .uid = 100,
	    .gid = 102};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = &m, .nmounts = 1};
	check_text(
	    box_sh(
	        b, "stat -c '%a %u %g %F' /run/buildkit/ssh_agent.0; probe socket /run/buildkit/ssh_agent.0 abc", &run),
	    "741 100 102 socket\ncba");
	waitpid(pid, NULL, 0);
	close(listener);
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "");
}

BOTH(an_insecure_step_has_all_rights_of_its_namespaces)
{
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .insecure = true};
	box_sh(b, "mount -t tmpfs x /tmp && touch /tmp/y && grep -q '^Seccomp:.0' /proc/self/status", &run);
}

BOTH(leftovers_beside_the_upper_are_removed)
{
	struct sandbox_mount m = {.kind = SANDBOX_OVERLAY, .target = "/m", .source_fd = b->src};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = &m, .nmounts = 1};
	box_sh(b, "touch /m/x", &run);
	cleanup_close int fd = openat(b->work, ".", O_RDONLY | O_DIRECTORY);
	struct stat st;
	check(fstat(fd, &st) == 0 && st.st_nlink == 2, "%u", (unsigned)st.st_nlink);
}

/* A builder that is killed: nothing may stay behind, no process and no mount. */
BOTH(nothing_survives_the_builder)
{
	struct sandbox_mount m = {.kind = SANDBOX_BIND, .target = "/shared", .source_fd = b->src, .rw = true};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = &m, .nmounts = 1};
	pid_t pid = fork();
	if (pid == 0) {
		struct sandbox_result r = {0};
		struct err e = {0};
		box_run(b, "touch /shared/started; setsid sleep 100 & sleep 100", &run, &r, &e);
		_exit(0);
	}
	for (int i = 0; i < 500 && !fs_exists(b->src, "started"); i++)
		poll(NULL, 0, 10);
	check(fs_exists(b->src, "started"));
	check(box_users(b) > 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 500 && box_users(b) > 0; i++)
		poll(NULL, 0, 10);
	check(box_users(b) == 0, "%zu processes are left", box_users(b));
}

/* The way of kernels before 6.5, which newer ones still know. */
static void old_overlays(struct box *b)
{
	setenv("COOPER_OVERLAY", "old", 1);
	changes_are_in_the_upper(b);
	box_fresh_upper(b);
	overlay_mounts_throw_writes_away(b);
	a_tree_of_layers_can_be_a_source(b);
	links_in_targets_never_leave_the_tree(b);
	box_fresh_upper(b);
	mount_points_are_removed_when_nothing_was_put_there(b);
	add_lowers(b, 400, "test $(cat /last) = 399", true);
	add_lowers(b, 500, "true", false);
}

Test(sandbox, overlays_of_old_kernels_as_root)
{
	struct box b;
	box_init(&b);
	old_overlays(&b);
	box_done(&b);
}

Test(sandbox, overlays_of_old_kernels_as_ordinary_user)
{
	box_as_user(old_overlays, true);
}

static void works_in_a_container(struct box *b)
{
	check_text(
	    box_sh(b, "echo $$; touch /x; chown 5:6 /x; stat -c '%u %g' /x; cat /dev/zero | head -c 2 | wc -c", NULL),
	    "1\n5 6\n2\n");
	proc_and_sys_cannot_be_written(b);
}

Test(sandbox, root_of_a_container_may_run_steps)
{
	box_in_container(works_in_a_container, false);
}

/* The kernel then refuses a fresh /proc: the one that is there is used, read-only. */
static void works_with_the_outer_proc(struct box *b)
{
	box_sh(b,
	    "test -e /proc/self/status && ! touch /proc/sys/kernel/hostname 2>/dev/null && ! sh -c 'echo 5 > "
	    "/proc/self/oom_score_adj' 2>/dev/null",
	    NULL);
}

Test(sandbox, a_container_with_a_masked_proc_is_enough)
{
	box_in_container(works_with_the_outer_proc, true);
}

BOTH(the_default_network_does_not_reach_the_hosts_loopback)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	const struct sandbox_run run = {.network = SANDBOX_NET_DEFAULT};
	cleanup_close int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(listener, 5) == 0);
	check(getsockname(listener, (struct sockaddr *)&a, &len) == 0);
	const struct sandbox_run host = {.network = SANDBOX_NET_HOST};
	cleanup_free char *reach = mem_printf("probe connect %u", ntohs(a.sin_port));
	box_sh(b, reach, &host);
	box_sh(b, "true", &run);
	const char *notice = sandbox_notice();
	check(sandbox_notice() == NULL);
	if (notice) { /* no pasta, no tun: the notice says so, and the host's network is there */
		check(strstr(notice, "network of the host"), "%s", notice);
		return;
	}
	cleanup_free char *script = mem_printf("! probe connect %u && ip route | grep -c default; ls /sys/class/net; "
	                                       "cat /etc/resolv.conf | grep -c nameserver",
	    ntohs(a.sin_port));
	check_text(box_sh(b, script, &run), "1\neth0\nlo\n1\n");
	sandbox_shutdown();
}

static void must_be_private(struct box *b)
{
	const struct sandbox_run run = {.network = SANDBOX_NET_DEFAULT};
	check_text(box_sh(b, "ls /sys/class/net | tr '\\n' ' '", &run), "eth0 lo ");
	check(sandbox_notice() == NULL);
}

/* This machine's /dev/net/tun may be for root only, which is not how it usually is. */
Test(sandbox, an_ordinary_user_gets_a_private_network_where_tun_can_be_opened)
{
	char dir[] = "/tmp/cooper-tun-XXXXXX";
	cr_assert_not_null(mkdtemp(dir));
	cleanup_free char *node = mem_printf("%s/tun", dir);
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0 || access("/usr/bin/pasta", X_OK) < 0 || mknod(node, S_IFCHR, makedev(10, 200)) < 0) {
		rmdir(dir);
		cr_skip_test("no pasta or no tun device");
	}
	close(fd);
	cr_assert_eq(chmod(node, 0666), 0);
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount(node, "/dev/net/tun", NULL, MS_BIND, NULL), 0);
	box_as_user(must_be_private, true);
	umount2("/dev/net/tun", MNT_DETACH);
	cr_assert_eq(unlink(node) | rmdir(dir), 0);
}

static void read_until(int fd, struct buf *out, const char *text)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char bytes[512];
	while ((!out->p || !strstr(out->p, text)) && poll(&p, 1, 10000) > 0) {
		ssize_t n = read(fd, bytes, sizeof(bytes));
		if (n <= 0)
			return;
		buf_add(out, bytes, (size_t)n);
	}
}

BOTH(an_interactive_step_has_a_terminal_of_its_own)
{
	int master = -1;
	cleanup_buf struct buf out = {0};
	struct winsize size = {.ws_row = 33, .ws_col = 77};
	pid_t pid = forkpty(&master, NULL, NULL, &size);
	if (pid == 0) {
		const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .interactive = true};
		struct sandbox_result r = {0};
		struct err e = {0};
		_exit(box_run(b, "tty; stty size; cat; echo end", &run, &r, &e) == 0 ? r.exit_code : 99);
	}
	read_until(master, &out, "33 77");
	check(out.p && strstr(out.p, "/dev/pts/0\r\n33 77\r\n"), "%s", out.p ? out.p : "");
	check(write(master, "typed\n\004", 7) == 7);
	read_until(master, &out, "end");
	check(strstr(out.p, "typed\r\ntyped\r\nend"), "%s", out.p);
	int status = 1;
	check(waitpid(pid, &status, 0) == pid && status == 0, "0x%x", status);
	close(master);
}

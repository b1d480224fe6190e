/* SPDX-License-Identifier: Apache-2.0 */
/* What a step is and sees: ids, rights, devices, /proc, its command and where it runs. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "box.h"

BOTH(sandbox, both_streams_and_the_exit_code_come_back)
{
	struct sandbox_result r = {0};
	struct err e = {0};
	check(box_run(b, "echo out; echo err >&2; exit 7", NULL, &r, &e) == 0, "%s", e.text);
	check(r.exit_code == 7 && r.signal == 0);
	check_text(b->out.p, "out\n");
	check_text(b->err.p, "err\n");
}

BOTH(sandbox, a_killed_command_gives_128_and_the_signal)
{
	struct sandbox_result r = {0};
	struct err e = {0};
	check(box_run(b, "sh -c 'kill -9 $$'; exit $?", NULL, &r, &e) == 0, "%s", e.text);
	check(r.exit_code == 137);
}

BOTH(sandbox, the_command_is_pid_1_with_umask_0022_and_an_empty_stdin)
{
	check_text(box_sh(b, "echo $$; umask; cat; readlink /proc/self/fd/0; hostname", NULL),
	    "1\n0022\n/dev/null\nbuildkitsandbox\n");
}

BOTH(sandbox, only_three_descriptors_are_open)
{
	/* 3 is the folder that ls itself reads */
	check_text(box_sh(b, "ls /proc/self/fd", NULL), "0\n1\n2\n3\n");
}

BOTH(sandbox, root_has_dockers_capabilities_and_others_have_none)
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

BOTH(sandbox, ids_and_groups_are_those_asked_for)
{
	const uint32_t groups[] = {7, 9};
	const struct sandbox_run run = {
	    .network = SANDBOX_NET_NONE, .uid = 1000, .gid = 5, .groups = groups, .ngroups = 2};
	check_text(box_sh(b, "grep -E '^(Uid|Gid|Groups)' /proc/self/status; echo can > /dev/stdout", &run),
	    "Uid:\t1000\t1000\t1000\t1000\nGid:\t5\t5\t5\t5\nGroups:\t7 9 \ncan\n");
}

BOTH(sandbox, a_step_reaches_only_what_the_list_says)
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

BOTH(sandbox, dev_holds_what_buildkit_gives)
{
	check_text(box_sh(b,
	               "ls /dev | tr '\\n' ' '; stat -c '%a %F' /dev/null; echo x > /dev/null; head -c1 /dev/zero | wc "
	               "-c; df /dev/shm | wc -l",
	               NULL),
	    "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero 666 character special "
	    "file\n1\n2\n");
}

BOTH(sandbox, shm_has_the_size_asked_for)
{
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .shm_size = 128 << 20};
	check_text(box_sh(b, "mount | grep /dev/shm | sed 's/.*\\(size=[0-9]*k\\).*/\\1/'", &run), "size=131072k\n");
}

BOTH(sandbox, proc_and_sys_cannot_be_written)
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

BOTH(sandbox, nothing_of_the_host_is_mounted)
{
	check_text(box_sh(b,
	               "mount | grep -vE ' type (overlay|proc|sysfs|cgroup2|tmpfs|devpts|mqueue|devtmpfs) '; ls / | tr "
	               "'\\n' ' '; echo /proc/[0-9]*",
	               NULL),
	    "bin dev etc proc sys tmp /proc/1\n");
}

BOTH(sandbox, the_working_folder_is_made_and_kept)
{
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .cwd = "/gone/x"};
	check_text(box_sh(b, "pwd; stat -c '%a %u' .", &run), "/gone/x\n755 0\n");
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "d gone\nd gone/x\n");
}

BOTH(sandbox, the_working_folder_cannot_be_a_descriptor_of_the_builder)
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

BOTH(sandbox, a_missing_command_is_not_found)
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
	    {"foreign", ERR_UNSUPPORTED, "exec /bin/foreign: exec format error: it is a program for s390x, which this machine cannot run (qemu-user "
	                                 "with binfmt_misc can: apt install qemu-user-static)"},
	    {"/proc/self/exe", ERR_SYS, "exec /proc/self/exe: Operation not permitted"},
	    {"self", ERR_SYS, "exec /bin/self: Operation not permitted"},
	};
	box_write(b->lower, "bin/bad", "#!/nope\n", 0755);
	box_write(b->lower, "bin/text", "hello\n", 0755);
	static const char header[] = "\177ELF\2\2\1\0\0\0\0\0\0\0\0\0\2\0\26\0\1\0\0\0";
	struct err ignored = {0};
	check(fs_write_atomic(b->lower, "bin/foreign", (struct str){header, sizeof(header)}, 0755, false, &ignored) == 0);
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

BOTH(sandbox, resource_limits_are_set)
{
	const struct sandbox_limit l = {.resource = RLIMIT_NOFILE, .soft = 100, .hard = 200};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .limits = &l, .nlimits = 1};
	check_text(box_sh(b, "ulimit -Sn; ulimit -Hn", &run), "100\n200\n");
}

BOTH(sandbox, an_insecure_step_has_all_rights_of_its_namespaces)
{
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .insecure = true};
	box_sh(b, "mount -t tmpfs x /tmp && touch /tmp/y && grep -q '^Seccomp:.0' /proc/self/status", &run);
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

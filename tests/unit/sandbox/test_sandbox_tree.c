/* SPDX-License-Identifier: Apache-2.0 */
/* What a step changes is in the upper, what is mounted for it is not, and nothing leads out of its tree. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "box.h"

BOTH(sandbox_tree, the_runtime_leaves_no_trace_in_the_upper)
{
	struct stat before, after;
	fstat(b->upper, &before);
	box_sh(b, "true", NULL);
	fstat(b->upper, &after);
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "");
	check(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_mtim.tv_sec == after.st_mtim.tv_sec);
}

BOTH(sandbox_tree, changes_are_in_the_upper)
{
	box_sh(
	    b, "echo a > /etc/new; rm /etc/passwd; mkdir -p /a/b; chown 5:6 /a; touch -d @1000 /a/b; rm -r /tmp", NULL);
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "d a\nd a/b\nd etc\nf etc/new\nc etc/passwd\nc tmp\n");
}

BOTH(sandbox_tree, mount_points_are_removed_when_nothing_was_put_there)
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

BOTH(sandbox_tree, a_changed_folder_stays_in_the_upper)
{
	box_sh(b, "chmod 700 /etc", NULL);
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "d etc\n");
}

BOTH(sandbox_tree, bind_mounts_are_read_only_unless_asked)
{
	struct sandbox_mount m = {.kind = SANDBOX_BIND, .target = "/m", .source_fd = b->src};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = &m, .nmounts = 1};
	check_text(
	    box_sh(b, "cat /m/sub/file; ! touch /m/x 2>/dev/null; ! chmod 777 /m/sub 2>/dev/null", &run), "original\n");
	m.rw = true;
	box_sh(b, "touch /m/cached", &run);
	check(fs_exists(b->src, "cached"));
}

BOTH(sandbox_tree, overlay_mounts_throw_writes_away)
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

BOTH(sandbox_tree, a_tree_of_layers_can_be_a_source)
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

BOTH(sandbox_tree, secret_files_have_owner_mode_and_content)
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

BOTH(sandbox_tree, shallow_targets_come_before_deep_ones)
{
	struct sandbox_mount m[] = {
	    {.kind = SANDBOX_FILE, .target = "/m/deep/file", .content = STR("deep"), .mode = 0400},
	    {.kind = SANDBOX_TMPFS, .target = "/m"},
	};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = m, .nmounts = 2};
	check_text(box_sh(b, "cat /m/deep/file", &run), "deep");
}

BOTH(sandbox_tree, links_in_targets_never_leave_the_tree)
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

BOTH(sandbox_tree, hostile_links_for_dev_and_etc_are_contained)
{
	check(symlinkat("/tmp/nowhere", b->lower, "dev") == 0 &&
	      symlinkat("../../../tmp/cooper-canary/resolv", b->lower, "etc/resolv.conf") == 0);
	box_sh(b, "test -c /tmp/nowhere/null && test -f /tmp/cooper-canary/resolv", NULL);
	check(access("/tmp/nowhere", F_OK) < 0 && access("/tmp/cooper-canary", F_OK) < 0, "made on the host");
	cleanup_free char *upper = box_upper(b);
	check_text(upper, "");
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

BOTH(sandbox_tree, a_tree_may_have_600_layers)
{
	add_lowers(b, 600, "test $(cat /last) = 599 && ls /*00* | wc -l", true);
	check_text(b->out.p, "5\n");
	add_lowers(b, 1200, "true", false);
}

BOTH(sandbox_tree, a_tree_without_layers_is_the_upper_itself)
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

BOTH(sandbox_tree, a_socket_of_the_host_can_be_forwarded)
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

BOTH(sandbox_tree, leftovers_beside_the_upper_are_removed)
{
	struct sandbox_mount m = {.kind = SANDBOX_OVERLAY, .target = "/m", .source_fd = b->src};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = &m, .nmounts = 1};
	box_sh(b, "touch /m/x", &run);
	cleanup_close int fd = openat(b->work, ".", O_RDONLY | O_DIRECTORY);
	struct stat st;
	check(fstat(fd, &st) == 0 && st.st_nlink == 2, "%u", (unsigned)st.st_nlink);
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

Test(sandbox_tree, overlays_of_old_kernels_as_root)
{
	struct box b;
	box_init(&b);
	old_overlays(&b);
	box_done(&b);
}

Test(sandbox_tree, overlays_of_old_kernels_as_ordinary_user)
{
	box_as_user(old_overlays, true);
}

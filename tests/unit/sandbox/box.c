/* SPDX-License-Identifier: Apache-2.0 */
/* See box.h. */
#include "box.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "base/map.h"
#include "builder/sandbox/mode.h"

static const char *const applets[] = {"sh", "cat", "ls", "touch", "rm", "mkdir", "rmdir", "echo", "id", "stat", "mount",
    "umount", "sleep", "ln", "chown", "chmod", "grep", "ps", "pwd", "ip", "hostname", "nc", "wc", "test", "true",
    "false", "sort", "tr", "env", "readlink", "head", "dd", "kill", "mknod", "mv", "cp", "df", "printf", "find", "seq",
    "sed", "setsid", "unshare", "printenv", "cut", "su", "tty", "stty"};

/* In a child that is another user: then the exit status tells. */
static bool in_child;

void box_fail(const char *file, int line, const char *format, ...)
{
	char text[8192];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (in_child) {
		fprintf(stderr, "# %s:%d: %s\n", file, line, text);
		_exit(1);
	}
	cr_assert_fail("%s:%d: %s", file, line, text);
	abort();
}

void box_text(const char *file, int line, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		box_fail(file, line, "got:\n%s\nwant:\n%s", got, want);
}

static void skip(const char *why)
{
	if (in_child)
		_exit(77);
	cr_skip_test("%s", why);
}

void box_write(int dirfd, const char *path, const char *text, mode_t mode)
{
	struct err e = {0};
	check(fs_write_atomic(dirfd, path, str_of(text), mode, false, &e) == 0, "%s", e.text);
	check((fchmodat(dirfd, path, mode, 0)) == 0);
}

static int folder(const char *dir, const char *name)
{
	struct err e = {0};
	int fd = -1, top = -1;
	check(fs_open_dir(AT_FDCWD, dir, &top, &e) == 0, "%s", e.text);
	check(fs_mkdirs(top, name, 0755, &e) == 0, "%s", e.text);
	check(fs_open_dir(top, name, &fd, &e) == 0, "%s", e.text);
	close(top);
	return fd;
}

static void copy_program(int lower, const char *from, const char *to)
{
	cleanup_buf struct buf bytes = {0};
	struct err e = {0};
	check(io_read_file(AT_FDCWD, from, 16 << 20, &bytes, &e) == 0, "%s", e.text);
	check(fs_write_atomic(lower, to, buf_view(&bytes), 0755, false, &e) == 0 && fchmodat(lower, to, 0755, 0) == 0,
	    "%s", e.text);
}

static void fill_lower(int lower)
{
	struct err e = {0};
	check((fs_mkdirs(lower, "bin", 0755, &e) | fs_mkdirs(lower, "etc", 0755, &e) |
	          fs_mkdirs(lower, "tmp", 0755, &e)) == 0);
	copy_program(lower, "/usr/bin/busybox", "bin/busybox");
	copy_program(lower, PROBE, "bin/probe");
	check(fchmodat(lower, "tmp", 01777, 0) == 0);
	for (size_t i = 0; i < ARRAY_LEN(applets); i++) {
		cleanup_free char *path = mem_printf("bin/%s", applets[i]);
		check((symlinkat("busybox", lower, path)) == 0);
	}
	box_write(lower, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0644);
	const struct timespec old[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
	check((utimensat(lower, "etc", old, 0) | utimensat(lower, ".", old, 0)) == 0);
}

void box_init(struct box *b)
{
	if (access("/usr/bin/busybox", X_OK) < 0)
		skip("no static busybox");
	if (!mode_may_mount())
		skip("needs root");
	*b = (struct box){0};
	snprintf(b->dir, sizeof(b->dir), "/tmp/cooper-box-XXXXXX");
	check(mkdtemp(b->dir) != NULL);
	check((chmod(b->dir, 0755)) == 0);
	umask(022);
	b->lower = folder(b->dir, "lower");
	b->upper = folder(b->dir, "upper");
	b->work = folder(b->dir, "work");
	b->src = folder(b->dir, "src");
	fill_lower(b->lower);
	struct err e = {0};
	check((fs_mkdirs(b->src, "sub", 0755, &e)) == 0);
	box_write(b->src, "sub/file", "original\n", 0644);
}

void box_done(struct box *b)
{
	struct err e = {0};
	close(b->lower);
	close(b->upper);
	close(b->work);
	close(b->src);
	buf_done(&b->out);
	buf_done(&b->err);
	check(fs_remove_tree(AT_FDCWD, b->dir, &e) == 0, "%s", e.text);
}

void box_fresh_upper(struct box *b)
{
	struct err e = {0};
	cleanup_free char *path = mem_printf("%s/upper", b->dir);
	close(b->upper);
	check(fs_remove_tree(AT_FDCWD, path, &e) == 0, "%s", e.text);
	b->upper = folder(b->dir, "upper");
}

static void keep(void *arg, int stream, const void *p, size_t len)
{
	struct box *b = arg;
	buf_add(stream == 1 ? &b->out : &b->err, p, len);
}

int box_run(
    struct box *b, const char *script, const struct sandbox_run *like, struct sandbox_result *ret, struct err *e)
{
	static char path[] = "PATH=/bin", home[] = "HOME=/root";
	static char *const env[] = {path, home, NULL};
	char sh[] = "sh", option[] = "-c";
	cleanup_free char *text = mem_strdup(script);
	char *const argv[] = {sh, option, text, NULL};
	struct sandbox_run run = like ? *like : (struct sandbox_run){.network = SANDBOX_NET_NONE};
	if (!run.lowers && run.nlowers == 0) {
		run.lowers = &b->lower;
		run.nlowers = 1;
	}
	run.upper_fd = b->upper;
	run.work_fd = b->work;
	run.argv = run.argv ? run.argv : argv;
	run.env = run.env ? run.env : env;
	run.cwd = run.cwd ? run.cwd : "/";
	run.hostname = run.hostname ? run.hostname : "buildkitsandbox";
	run.output = keep;
	run.arg = b;
	buf_clear(&b->out);
	buf_clear(&b->err);
	return sandbox_run(&run, ret, e);
}

const char *box_sh(struct box *b, const char *script, const struct sandbox_run *like)
{
	struct sandbox_result r = {0};
	struct err e = {0};
	int rc = box_run(b, script, like, &r, &e);
	check(rc == 0, "%s: %s", script, e.text);
	check(r.exit_code == 0, "%s: exit %d\n%s%s", script, r.exit_code, b->out.p ? b->out.p : "",
	    b->err.p ? b->err.p : "");
	check(r.nstubs == 0, "%s", r.nstubs ? r.stubs[0] : "");
	sandbox_result_done(&r);
	return b->out.p ? b->out.p : "";
}

static char letter(mode_t mode)
{
	return S_ISDIR(mode) ? 'd' : S_ISREG(mode) ? 'f' : S_ISLNK(mode) ? 'l' : S_ISCHR(mode) ? 'c' : '?';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(int dirfd, const char *prefix, struct buf *out)
{
	struct dirent **names;
	int n = scandirat(dirfd, ".", &names, NULL, by_name);
	check(n >= 0);
	for (int i = 0; i < n; i++) {
		struct stat st;
		const char *name = names[i]->d_name;
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			cleanup_free char *path = mem_printf("%s%s", prefix, name);
			cleanup_free char *below = mem_printf("%s/", path);
			check((fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW)) == 0);
			buf_printf(out, "%c %s\n", letter(st.st_mode), path);
			if (S_ISDIR(st.st_mode)) {
				cleanup_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
				list(fd, below, out);
			}
		}
		free(names[i]);
	}
	free(names);
}

char *box_upper(struct box *b)
{
	struct buf out = {0};
	buf_puts(&out, "");
	list(b->upper, "", &out);
	return buf_steal(&out);
}

size_t box_users(struct box *b)
{
	size_t n = 0;
	DIR *proc = opendir("/proc");
	for (struct dirent *d; proc && (d = readdir(proc)) != NULL;) {
		cleanup_buf struct buf text = {0};
		struct err e = {0};
		cleanup_free char *path = mem_printf("/proc/%s/mountinfo", d->d_name);
		if (d->d_name[0] >= '0' && d->d_name[0] <= '9' &&
		    io_read_file(AT_FDCWD, path, 4 << 20, &text, &e) == 0 && text.p)
			n += strstr(text.p, b->dir) != NULL;
	}
	closedir(proc);
	return n;
}

static void enter(enum sandbox_mode want)
{
	struct err e = {0};
	if (sandbox_mode(NULL) == SANDBOX_UNAVAILABLE)
		_exit(77);
	if (userns_enter(&e) < 0) {
		fprintf(stderr, "# %s\n", e.text);
		_exit(1);
	}
	if (sandbox_mode(NULL) != want)
		_exit(4);
}

static void become_user(bool ids)
{
	const struct passwd *p = getpwnam("cooperdev");
	if (!p || setgroups(0, NULL) < 0 || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) < 0 ||
	    setresuid(p->pw_uid, p->pw_uid, p->pw_uid) < 0)
		_exit(3);
	/* Changed ids take away from a process its own /proc; starting a program as a user gives it back. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (!ids && setenv("COOPER_SUBIDS", "none", 1) < 0)
		_exit(3);
	enter(ids ? SANDBOX_SUBIDS : SANDBOX_SINGLE_ID);
}

/* The kernel gives a fresh /proc to whoever can see any whole one, e.g. in somebody's chroot. */
static void hide_other_procs(void)
{
	char line[4096], where[4096], type[64];
	FILE *mounts = fopen("/proc/self/mounts", "re");
	while (mounts && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %4095s %63s", where, type) == 2 && strcmp(type, "proc") == 0 && strcmp(where, "/proc") != 0)
			umount2(where, MNT_DETACH);
	if (mounts)
		fclose(mounts);
}

static void become_contained(bool masked)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	if (masked && (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	                  mount("x", "/proc/bus", "tmpfs", 0, NULL) < 0))
		_exit(3);
	if (masked)
		hide_other_procs();
	syscall(SYS_capget, &head, data);
	data[0].effective &= ~(1U << CAP_SYS_ADMIN);
	data[0].permitted = data[0].effective;
	if (syscall(SYS_capset, &head, data) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		_exit(3);
	enter(SANDBOX_SUBIDS);
}

/* Criterion's assertions work only in the test's own process: the child says by its exit status. */
static void in_other_process(void (*become)(bool how), bool how, void (*fn)(struct box *b))
{
	pid_t pid = fork();
	if (pid == 0) {
		struct box b;
		in_child = true;
		become(how);
		box_init(&b);
		fn(&b);
		box_done(&b);
		sandbox_shutdown();
		_exit(0);
	}
	int status = 0;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		cr_skip_test("no user namespaces here");
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status 0x%x", status);
}

void box_as_user(void (*fn)(struct box *b), bool ids)
{
	if (geteuid() != 0 || !getpwnam("cooperdev"))
		cr_skip_test("needs root and the user cooperdev");
	in_other_process(become_user, ids, fn);
}

void box_in_container(void (*fn)(struct box *b), bool masked)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	in_other_process(become_contained, masked, fn);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Steps and their processes: output, terminals, many at once, being stopped, being orphaned. */
#include <criterion/criterion.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "box.h"

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

BOTH(sandbox_life, processes_left_behind_do_not_outlive_the_command)
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

BOTH(sandbox_life, a_cancelled_step_is_killed)
{
	struct cancel c = {0};
	struct err e = {0};
	double start = now();
	check(pool_each(2, 2, run_or_cancel, (void *[]){b, &c}, &e) == -ERR_CANCELLED, "%s", e.text);
	check(now() - start < 5);
}

BOTH(sandbox_life, much_output_arrives_whole)
{
	box_sh(b, "dd if=/dev/zero bs=65536 count=160 2>/dev/null", NULL);
	check(b->out.len == 160 * 65536, "%zu", b->out.len);
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

BOTH(sandbox_life, many_steps_run_at_once)
{
	struct err e = {0};
	check(pool_each(40, 8, one_of_many, b, &e) == 0, "%s", e.text);
}

/* A builder that is killed: nothing may stay behind, no process and no mount. */
BOTH(sandbox_life, nothing_survives_the_builder)
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

BOTH(sandbox_life, an_interactive_step_has_a_terminal_of_its_own)
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userns_enter: an ordinary user becomes root of a user namespace of its own, once for a whole build. The map needs
 * somebody with rights outside: a helper process is forked before, waits until the namespace is there, and runs
 * newuidmap and newgidmap (set-uid programs that know /etc/subuid) side by side, with a cleared environment. Without
 * ranges the process may map its one own id by itself.
 */
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/log.h"
#include "builder/sandbox/kernel.h"
#include "builder/sandbox/mode.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/subids.h"

enum { MAX_MAP_ARGS = 3 * 302 + 3 };

struct map_command {
	const char *program;
	char *argv[MAX_MAP_ARGS];
};

static void map_arg(struct arena *a, struct map_command *m, size_t *n, uint64_t value)
{
	m->argv[(*n)++] = arena_printf(a, "%llu", (unsigned long long)value);
}

/* `newuidmap PID 0 OWN 1 1 FIRST COUNT ...` */
static void map_command(
    struct arena *a, struct map_command *m, const char *program, pid_t pid, uint32_t own, const struct subids *s)
{
	size_t n = 0;
	uint64_t inside = 1;
	m->program = program;
	m->argv[n++] = arena_strdup(a, program);
	map_arg(a, m, &n, (uint64_t)pid);
	map_arg(a, m, &n, 0);
	map_arg(a, m, &n, own);
	map_arg(a, m, &n, 1);
	for (size_t i = 0; i < s->n; i++) {
		map_arg(a, m, &n, inside);
		map_arg(a, m, &n, s->ranges[i].first);
		map_arg(a, m, &n, s->ranges[i].count);
		inside += s->ranges[i].count;
	}
	m->argv[n] = NULL;
}

static pid_t spawn(const struct map_command *m)
{
	char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C";
	char *const env[] = {path, locale, NULL};
	pid_t pid = fork();
	if (pid == 0) {
		execve(m->program, m->argv, env);
		_exit(127);
	}
	return pid;
}

static bool succeeded(pid_t pid)
{
	int status;
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What the helper outside has to do: run two programs, or, for root in a container, write two files itself. */
struct mapping {
	const struct map_command *uids, *gids;
	char *uid_path, *gid_path, *uid_text, *gid_text;
};

static bool write_text(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* The helper outside. Exit: 0 both maps are written, 1 none is, 2 one of them. */
static int helper(const struct mapping *m, int go, int words)
{
	char c;
	int n;
	prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0);
	if (read(go, &c, 1) != 1)
		return 1;
	if (m->uids) {
		dup2(words, 1);
		dup2(words, 2);
		pid_t u = spawn(m->uids), g = spawn(m->gids);
		n = succeeded(u);
		n += succeeded(g);
	} else {
		n = write_text(m->uid_path, m->uid_text);
		n += write_text(m->gid_path, m->gid_text);
	}
	return n == 2 ? 0 : n == 1 ? 2 : 1;
}

static int write_file(const char *path, const char *text, struct err *e)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open %s", path);
	if (write(fd, text, strlen(text)) < 0)
		return err_sys(e, "write %s", path);
	return 0;
}

/* A process that keeps others from its memory (PR_SET_DUMPABLE 0) has no say over its own /proc files either. */
static int write_maps(uid_t uid, gid_t gid, struct err *e)
{
	char text[64];
	TRY(write_file("/proc/self/setgroups", "deny", e));
	snprintf(text, sizeof(text), "0 %u 1\n", uid);
	TRY(write_file("/proc/self/uid_map", text, e));
	snprintf(text, sizeof(text), "0 %u 1\n", gid);
	return write_file("/proc/self/gid_map", text, e);
}

enum { LAST_THREADS_MS = 200 };

/* A thread that was joined is still there for the kernel until it is quite gone. */
static int unshare_alone(int what)
{
	int rc = -1;
	for (int i = 0; i < LAST_THREADS_MS; i++) {
		rc = unshare(what);
		if (rc == 0 || errno != EINVAL)
			break;
		poll(NULL, 0, 1);
	}
	return rc;
}

static int new_namespaces(struct err *e)
{
	if (unshare_alone(CLONE_NEWUSER | CLONE_NEWNS) == 0)
		return 0;
	if (errno == EINVAL)
		return err_sys(e, "make a user namespace (the process must have one thread)");
	int saved = errno;
	cleanup_buf struct buf why = {0};
	mode_explain_userns(&why, saved);
	errno = saved;
	return err_set(e, ERR_UNSUPPORTED, "make a user namespace: %s: %s", strerrordesc_np(saved), why.p ? why.p : "");
}

static int map_single(uid_t uid, gid_t gid, struct err *e)
{
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	int rc = write_maps(uid, gid, e);
	if (dumpable == 0)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return rc;
}

/* Reads what newuidmap said, for the error. */
static void read_words(int fd, struct buf *out)
{
	struct err ignored = {0};
	if (io_read_fd(fd, 4096, out, &ignored) < 0)
		return;
	for (size_t i = 0; i < out->len; i++)
		if (out->p[i] == '\n')
			out->p[i] = ' ';
}

struct helper_process {
	pid_t pid;
	int go[2], words[2];
};

static int helper_start(struct helper_process *h, const struct mapping *m, struct err *e)
{
	if (pipe2(h->go, O_CLOEXEC) < 0 || pipe2(h->words, O_CLOEXEC) < 0)
		return err_sys(e, "make a pipe");
	h->pid = fork();
	if (h->pid < 0)
		return err_sys(e, "fork");
	if (h->pid == 0) {
		close(h->go[1]);
		close(h->words[0]);
		_exit(helper(m, h->go[0], h->words[1]));
	}
	close(h->go[0]);
	close(h->words[1]);
	return 0;
}

/* 0 both maps, 1 none, 2 one of them. */
static int helper_finish(struct helper_process *h, bool go, struct buf *words)
{
	int status = 0;
	if (go && write(h->go[1], "g", 1) < 0)
		log_debug("sandbox: the helper for id maps is gone");
	close(h->go[1]);
	read_words(h->words[0], words);
	close(h->words[0]);
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

/* Into a new namespace while the helper writes the maps; without them with one id. */
static int enter_mapped(const struct mapping *m, const struct mode_ids *ids, struct err *e)
{
	struct helper_process h = {0};
	TRY(helper_start(&h, m, e));
	int rc = new_namespaces(e);
	cleanup_buf struct buf words = {0};
	int mapped = helper_finish(&h, rc == 0, &words);
	TRY(rc);
	if (mapped == 0)
		return 0;
	if (mapped == 2)
		return err_set(e, ERR_UNSUPPORTED, "map subordinate ids: %s",
		    words.p ? words.p : "only one of the two maps was written");
	log_debug("sandbox: no subordinate ids: %s", words.p ? words.p : "");
	return map_single(ids->uid, ids->gid, e);
}

static int enter_with_ranges(const struct mode_ids *ids, struct arena *a, struct err *e)
{
	struct map_command *m = arena_new(a, 2 * sizeof(*m));
	const struct mapping mapping = {.uids = &m[0], .gids = &m[1]};
	map_command(a, &m[0], ids->newuidmap, getpid(), ids->uid, &ids->uids);
	map_command(a, &m[1], ids->newgidmap, getpid(), ids->gid, &ids->gids);
	return enter_mapped(&mapping, ids, e);
}

/* Every id of this namespace as itself, from its own map. */
static char *identity_map(struct arena *a, const char *path)
{
	cleanup_buf struct buf text = {0}, out = {0};
	struct err ignored = {0};
	unsigned long inside, outside, count;
	if (io_read_file(AT_FDCWD, path, 64 * 1024, &text, &ignored) < 0)
		return arena_strdup(a, "0 0 1\n");
	struct str rest = buf_view(&text), line;
	while (str_split(&rest, '\n', &line)) {
		char *z = arena_printf(a, "%.*s", STR_ARG(line));
		if (sscanf(z, "%lu %lu %lu", &inside, &outside, &count) == 3)
			buf_printf(&out, "%lu %lu %lu\n", inside, inside, count);
	}
	return arena_strdup(a, out.p ? out.p : "0 0 1\n");
}

/* Root without the right to mount, as in a container: it may still give all its ids to a namespace below. */
static int enter_as_root(const struct mode_ids *ids, struct arena *a, struct err *e)
{
	const struct mapping m = {.uid_path = arena_printf(a, "/proc/%d/uid_map", (int)getpid()),
	    .uid_text = identity_map(a, "/proc/self/uid_map"),
	    .gid_path = arena_printf(a, "/proc/%d/gid_map", (int)getpid()),
	    .gid_text = identity_map(a, "/proc/self/gid_map")};
	return enter_mapped(&m, ids, e);
}

int userns_enter(struct err *e)
{
	cleanup_arena struct arena a = {0};
	if (mode_may_mount())
		return 0;
	struct mode_ids ids = mode_ids(&a);
	int rc;
	if (ids.uid == 0) {
		rc = enter_as_root(&ids, &a, e);
	} else if (ids.ranges) {
		rc = enter_with_ranges(&ids, &a, e);
	} else {
		rc = new_namespaces(e);
		if (rc == 0)
			rc = map_single(ids.uid, ids.gid, e);
	}
	if (rc < 0)
		return err_wrap(e, "user namespace");
	mode_entered();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker-credential-helpers' protocol: a program, one verb as its argument, the question on stdin, the answer on stdout. The
 * question is a line of text, so a server name with control bytes is refused before (a newline would add lines of its own).
 * The program is looked up in the absolute folders of PATH, runs at most a minute, and says at most a megabyte.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/jval.h"
#include "registry/cred.h"

enum { SECONDS_MAX = 60, ANSWER_MAX = 1024 * 1024 };
extern char **environ;

static int check_text(struct str s, const char *what, struct err *e)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return err_set(e, ERR_SYNTAX, "%s holds a control byte", what);
	return 0;
}

static int find_program(const char *name, struct arena *a, char **ret, struct err *e)
{
	struct str path = str_of(getenv("PATH")), folder;
	for (const char *p = name; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-_.", *p)))
			return err_set(e, ERR_CORRUPT, "credential helper with an impossible name");
	while (str_split(&path, ':', &folder)) {
		if (folder.len == 0 || folder.p[0] != '/')
			continue;
		char *file = arena_printf(a, "%.*s/docker-credential-%s", STR_ARG(folder), name);
		if (access(file, X_OK) == 0) {
			*ret = file;
			return 0;
		}
	}
	return err_set(e, ERR_REMOTE, "credential helper docker-credential-%s is not in PATH", name);
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int start(const char *file, const char *verb, int in, int out, pid_t *ret, struct err *e)
{
	char *const argv[] = {(char *)(uintptr_t)file, (char *)(uintptr_t)verb, NULL};
	posix_spawn_file_actions_t act;
	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_adddup2(&act, in, 0);
	posix_spawn_file_actions_adddup2(&act, out, 1);
	posix_spawn_file_actions_addopen(&act, 2, "/dev/null", O_WRONLY, 0);
	int rc = posix_spawn(ret, file, &act, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&act);
	if (rc) {
		errno = rc;
		return err_sys(e, "run %s", file);
	}
	return 0;
}

/* Reads to the end or the deadline. */
static int read_answer(int fd, struct buf *out, struct err *e)
{
	int64_t deadline = now_ms() + SECONDS_MAX * 1000;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = deadline - now_ms();
		char chunk[4096];
		if (left <= 0)
			return err_set(e, ERR_REMOTE, "no answer within %d seconds", SECONDS_MAX);
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read");
		if (n == 0)
			return 0;
		buf_add(out, chunk, (size_t)n);
		if (out->len > ANSWER_MAX)
			return err_set(e, ERR_LIMIT, "an answer of more than a megabyte");
	}
}

static int talk(const char *file, const char *verb, struct str question, struct buf *answer, int *ret_status, struct err *e)
{
	cleanup_close int ours = -1, theirs = -1, from = -1, into = -1;
	int pair[2], tube[2];
	pid_t pid;
	/* a socket, because writing to a program that has gone must not raise SIGPIPE */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "socketpair");
	ours = pair[0], theirs = pair[1];
	if (pipe2(tube, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	from = tube[0], into = tube[1];
	TRY(start(file, verb, theirs, into, &pid, e));
	close(steal_fd(&theirs));
	close(steal_fd(&into));
	for (struct str q = question; q.len;) {
		ssize_t n = send(ours, q.p, q.len, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		q = str_from(q, (size_t)n);
	}
	shutdown(ours, SHUT_WR);
	int rc = read_answer(from, answer, e);
	if (rc < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
	return rc;
}

/* Runs the helper; *ret_ok: it said yes. */
static int ask(const char *name, const char *verb, struct str question, struct buf *answer, bool *ret_ok, struct err *e)
{
	cleanup_arena struct arena a = {0};
	char *file = NULL;
	int status = 0;
	TRY(find_program(name, &a, &file, e));
	if (talk(file, verb, question, answer, &status, e) < 0)
		return err_wrap(e, "credential helper docker-credential-%s", name);
	*ret_ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return 0;
}

/* Its first line, without what a terminal would obey. */
static int failed(const char *name, const struct buf *answer, struct err *e)
{
	char line[200];
	size_t n = 0;
	for (size_t i = 0; i < answer->len && n + 1 < sizeof(line) && answer->p[i] != '\n'; i++)
		line[n++] = (unsigned char)answer->p[i] < ' ' || answer->p[i] == 0x7f ? '?' : answer->p[i];
	line[n] = '\0';
	return err_set(e, ERR_REMOTE, "credential helper docker-credential-%s failed%s%s", name, n ? ": " : "", line);
}

int cred_helper_get(const char *name, struct str server, struct arena *a, struct cred *ret, struct err *e)
{
	cleanup_buf struct buf answer = {0};
	cleanup_jval struct jval *j = NULL;
	bool ok;
	TRY(check_text(server, "server name", e));
	TRY(ask(name, "get", server, &answer, &ok, e));
	*ret = (struct cred){0};
	if (!ok) {
		struct str said = str_trim(buf_view(&answer));
		if (str_eqz(said, "credentials not found in native keychain"))
			return 0;
		return failed(name, &answer, e);
	}
	if (jval_parse(buf_view(&answer), &j, e) < 0)
		return err_set(e, ERR_REMOTE, "credential helper docker-credential-%s gave no JSON", name);
	const char *user = jval_get_text(j, "Username"), *secret = jval_get_text(j, "Secret");
	if (!secret || !*secret)
		return 0;
	if (user && strcmp(user, "<token>") == 0) {
		ret->identity_token = arena_strdup(a, secret);
		return 0;
	}
	ret->user = arena_strdup(a, user ? user : "");
	ret->password = arena_strdup(a, secret);
	return 0;
}

int cred_helper_store(const char *name, struct str server, const char *user, const char *password, struct err *e)
{
	cleanup_buf struct buf question = {0}, answer = {0};
	cleanup_jval struct jval *j = jval_object();
	bool ok;
	TRY(check_text(server, "server name", e));
	jval_set_str(j, "ServerURL", server);
	jval_set_text(j, "Username", user);
	jval_set_text(j, "Secret", password);
	jval_print(j, 0, &question);
	TRY(ask(name, "store", buf_view(&question), &answer, &ok, e));
	return ok ? 0 : failed(name, &answer, e);
}

int cred_helper_erase(const char *name, struct str server, struct err *e)
{
	cleanup_buf struct buf answer = {0};
	bool ok;
	TRY(check_text(server, "server name", e));
	TRY(ask(name, "erase", server, &answer, &ok, e));
	return ok ? 0 : failed(name, &answer, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See git.h. Operands are checked before git sees them, and stand behind "--" or in front of nothing. */
#include "builder/ops/git.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "builder/ops/git_auth.h"
#include "snapshotter/rootpath.h"

enum { OUTPUT_MAX = 1024 * 1024, ARGS_MAX = 32, ENV_MAX = 32 };

/* One source, asked several times. */
struct session {
	const struct git_source *g;
	struct git_auth auth;
	const struct cancel *cancel;
	struct arena arena;
};

static void session_done(struct session *s)
{
	git_auth_done(&s->auth);
	arena_done(&s->arena);
}

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127)
			return false;
	return true;
}

/* The remote without "scheme://user:password@", for messages. */
static struct str shown(const struct git_source *g)
{
	ptrdiff_t colon = str_find(g->remote, ':');
	if (colon < 0 || !str_starts(str_from(g->remote, (size_t)colon), STR("://")))
		return g->remote;
	struct str rest = str_from(g->remote, (size_t)colon + 3);
	ptrdiff_t slash = str_find(rest, '/'), at = str_rfind(slash < 0 ? rest : str_sub(rest, 0, (size_t)slash), '@');
	return at < 0 ? g->remote : str_from(rest, (size_t)at + 1);
}

static int check(const struct git_source *g, struct err *e)
{
	static const char *const schemes[] = {"https://", "http://", "ssh://", "git://", "git@"};
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		known = known || str_starts(g->remote, str_of(schemes[i]));
	/* "user@host:path" is ssh as well. */
	ptrdiff_t at = str_find(g->remote, '@'), colon = str_find(g->remote, ':');
	known = known || (at > 0 && colon > at && str_find(str_sub(g->remote, 0, (size_t)colon), '/') < 0);
	if (!known || str_starts(g->remote, STR("-")) || !printable(g->remote))
		return err_set(e, ERR_DENIED, "git remote \"%.*s\" is not allowed: it must be https, http, ssh or git",
		    STR_ARG(shown(g)));
	/* A host that begins with '-' would be an option of ssh. */
	ptrdiff_t slashes = str_find(g->remote, ':');
	struct str host = slashes > 0 && str_starts(str_from(g->remote, (size_t)slashes), STR("://"))
	                      ? str_from(g->remote, (size_t)slashes + 3)
	                      : g->remote;
	ptrdiff_t user = str_find(host, '@');
	if (user >= 0)
		host = str_from(host, (size_t)user + 1);
	if (str_starts(host, STR("-")) || str_starts(g->ref, STR("-")) || !printable(g->ref))
		return err_set(
		    e, ERR_DENIED, "git reference \"%.*s#%.*s\" is not allowed", STR_ARG(shown(g)), STR_ARG(g->ref));
	return 0;
}

static const char *program(void)
{
	static const char *const paths[] = {"/usr/bin/git", "/usr/local/bin/git", "/bin/git"};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

/* git's own arguments in front of ours: nothing of the repository may run programs or name local files. */
static void command_line(const char *path, const char *dir, const char *const *args, const char *argv[ARGS_MAX])
{
	static const char *const config[] = {"-c", "protocol.file.allow=never", "-c", "protocol.ext.allow=never", "-c",
	    "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false", "-c",
	    "core.logAllRefUpdates=false"};
	size_t n = 0;
	argv[n++] = path;
	for (size_t i = 0; i < ARRAY_LEN(config); i++)
		argv[n++] = config[i];
	if (dir) {
		argv[n++] = "-C";
		argv[n++] = dir;
	}
	for (size_t i = 0; args[i] && n < ARGS_MAX - 1; i++)
		argv[n++] = args[i];
	argv[n] = NULL;
}

static char **tell_auth(const struct git_auth *auth, char **env)
{
	if (!auth->value.len)
		return env;
	*env++ = auth->key.p;
	*env++ = auth->value.p;
	if (!auth->header) { /* a user without a password: true(1) answers with an empty one */
		*env++ = (char *)"GIT_CONFIG_COUNT=1";
		*env++ = (char *)"GIT_ASKPASS=true";
		return env;
	}
	*env++ = (char *)"GIT_CONFIG_COUNT=2";
	*env++ = (char *)"GIT_CONFIG_KEY_1=http.followRedirects";
	*env++ = (char *)"GIT_CONFIG_VALUE_1=false";
	return env;
}

/* Its environment has what it needs of ours: the way to the network, and no word about programs to run. */
static void environment(const struct session *s, struct arena *a, char *env[ENV_MAX])
{
	static const char *const fixed[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
	    "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=https:http:ssh:git", "GIT_SSH_COMMAND=ssh -oBatchMode=yes", "LC_ALL=C"};
	static const char *const passed[] = {"HOME", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
	    "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		*env++ = (char *)(uintptr_t)fixed[i];
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		if (getenv(passed[i]))
			*env++ = arena_printf(a, "%s=%s", passed[i], getenv(passed[i]));
	if (s->g->ssh_socket)
		*env++ = arena_printf(a, "SSH_AUTH_SOCK=%s", s->g->ssh_socket);
	*tell_auth(&s->auth, env) = NULL;
}

/* Both streams come out of *ret_out. */
static int start(const struct session *s, const char *const *argv, pid_t *ret_pid, int *ret_out, struct err *e)
{
	cleanup_arena struct arena a = {0};
	char *env[ENV_MAX];
	environment(s, &a, env);
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	posix_spawn_file_actions_t fa;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, pipes[1], 1);
	posix_spawn_file_actions_adddup2(&fa, pipes[1], 2);
	int rc = posix_spawn(ret_pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, env);
	posix_spawn_file_actions_destroy(&fa);
	close(pipes[1]);
	if (rc != 0) {
		close(pipes[0]);
		errno = rc;
		return err_sys(e, "start %s", argv[0]);
	}
	*ret_out = pipes[0];
	return 0;
}

/* Takes what it prints until it ends. True: it was stopped. */
static bool gather(pid_t pid, int fd, struct buf *out, const struct cancel *cancel)
{
	bool stopped = false;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (cancelled(cancel) && !stopped) {
			kill(pid, SIGTERM);
			stopped = true;
		}
		if (poll(&p, 1, 200) <= 0)
			continue;
		char chunk[4096];
		ssize_t got = read(fd, chunk, sizeof(chunk));
		if (got <= 0)
			return stopped;
		if (out->len < OUTPUT_MAX)
			buf_add(out, chunk, (size_t)got);
	}
}

/* The last line that it printed says why. */
static int failure(const struct session *s, const struct buf *out, struct err *e)
{
	struct str last = str_trim(buf_view(out)), name = shown(s->g);
	ptrdiff_t nl = str_rfind(last, '\n');
	last = nl < 0 ? last : str_from(last, (size_t)nl + 1);
	bool private = last.len && (memmem(last.p, last.len, "could not read Username", 23) || memmem(last.p, last.len, "Authentication failed", 21));
	return err_set(e, ERR_REMOTE, "git %.*s: %.*s%s", STR_ARG(name), STR_ARG(last),
	    private && !s->auth.header ? " (for a private repository: --secret id=GIT_AUTH_TOKEN,env=VARIABLE)" : "");
}

/* Runs git in `dir` (NULL: anywhere); what it prints goes to `out`. */
static int run(const struct session *s, const char *dir, const char *const *args, struct buf *out, struct err *e)
{
	const char *path = program(), *argv[ARGS_MAX];
	cleanup_close int fd = -1;
	pid_t pid;
	int status = 0;
	if (!path)
		return err_set(e, ERR_NOT_FOUND, "git is needed for %.*s and is not installed (apt-get install git)",
		    STR_ARG(shown(s->g)));
	command_line(path, dir, args, argv);
	TRY(start(s, argv, &pid, &fd, e));
	bool stopped = gather(pid, fd, out, s->cancel);
	close(steal_fd(&fd));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (stopped)
		return err_set(e, ERR_CANCELLED, "interrupted");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : failure(s, out, e);
}

static bool is_commit(struct str ref)
{
	if (ref.len != 40 && ref.len != 64)
		return false;
	for (size_t i = 0; i < ref.len; i++)
		if (!((ref.p[i] >= '0' && ref.p[i] <= '9') || (ref.p[i] >= 'a' && ref.p[i] <= 'f')))
			return false;
	return true;
}

/* Picks the line of `ls-remote` that the reference means: tags (peeled) before heads, full names as they are. */
static struct str pick(struct str listing, struct str ref)
{
	static const char *const forms[] = {
	    "refs/tags/%.*s^{}", "refs/tags/%.*s", "refs/heads/%.*s", "%.*s^{}", "%.*s"};
	for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		cleanup_free char *name = mem_printf(forms[f], STR_ARG(ref));
#pragma GCC diagnostic pop
		struct str rest = listing, line;
		while (str_split(&rest, '\n', &line)) {
			ptrdiff_t tab = str_find(line, '\t');
			if (tab > 0 && str_eqz(str_from(line, (size_t)tab + 1), name))
				return str_sub(line, 0, (size_t)tab);
		}
	}
	return STR("");
}

static int check_commit(const struct git_source *g, struct str commit, struct err *e)
{
	if (str_starts(commit, g->checksum))
		return 0;
	return err_set(e, ERR_CORRUPT, "git %.*s: commit %.*s does not match the checksum %.*s", STR_ARG(shown(g)),
	    STR_ARG(commit), STR_ARG(g->checksum));
}

static int session_begin(const struct git_source *g, const struct cancel *cancel, struct session *ret, struct err *e)
{
	*ret = (struct session){.g = g, .cancel = cancel};
	TRY(check(g, e));
	if (git_auth_find(g, &ret->arena, &ret->auth, e) < 0)
		return err_wrap(e, "git remote"); /* where its password ends is not known */
	return 0;
}

static int ask_remote(const struct git_source *g, const struct cancel *cancel, struct arena *a, struct str *ret_commit, struct err *e)
{
	cleanup_with(session_done) struct session s = {0};
	cleanup_buf struct buf out = {0};
	TRY(session_begin(g, cancel, &s, e));
	const char *args[] = {"ls-remote", "--", s.auth.remote, NULL};
	TRY(run(&s, NULL, args, &out, e));
	struct str commit = pick(buf_view(&out), g->ref.len ? g->ref : STR("HEAD"));
	if (!is_commit(commit))
		return err_set(e, ERR_NOT_FOUND, "git %.*s has no branch or tag \"%.*s\"", STR_ARG(shown(g)),
		    STR_ARG(g->ref.len ? g->ref : STR("HEAD")));
	*ret_commit = arena_str(a, commit);
	return 0;
}

int git_resolve(
    const struct git_source *g, const struct cancel *cancel, struct arena *a, struct str *ret_commit, struct err *e)
{
	struct str commit = g->ref;
	TRY(check(g, e));
	if (!is_commit(commit))
		TRY(ask_remote(g, cancel, a, &commit, e));
	TRY(check_commit(g, commit, e));
	*ret_commit = commit;
	return 0;
}

static int fetch(const struct session *s, const char *dir, const char *commit, const char *ref, struct err *e)
{
	cleanup_buf struct buf out = {0};
	const char *remote = s->auth.remote;
	const char *by_commit[] = {"fetch", "-q", "--depth=1", "--no-tags", "--", remote, commit, NULL};
	const char *by_ref[] = {"fetch", "-q", "--no-tags", "--", remote, ref, NULL};
	const char *all[] = {
	    "fetch", "-q", "--", remote, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", NULL};
	if (run(s, dir, by_commit, &out, e) == 0)
		return 0;
	/* Some servers know no shallow fetch, some none by commit. */
	buf_clear(&out);
	if (*ref && run(s, dir, by_ref, &out, e) == 0)
		return 0;
	buf_clear(&out);
	return run(s, dir, all, &out, e);
}

/* Moves the content of `sub` (real folders only) up into `path`. */
static int lift_subdir(const char *path, struct str subdir, struct err *e)
{
	cleanup_close int root = -1;
	cleanup_close int sub = -1;
	cleanup_free char *name = mem_strndup(subdir.p, subdir.len);
	TRY(fs_open_dir(AT_FDCWD, path, &root, e));
	char *clean = name;
	while (*clean == '/')
		clean++;
	if (rootpath_open_nolinks(root, clean, O_RDONLY | O_DIRECTORY, 0, &sub, e) < 0)
		return err_set(e, ERR_NOT_FOUND, "subdirectory \"%s\" is not in the repository", clean);
	cleanup_free char *from = mem_printf("%s/%s", path, clean);
	cleanup_free char *aside = mem_printf("%s.sub", path);
	if (rename(from, aside) < 0)
		return err_sys(e, "move %s", clean);
	TRY(fs_remove_tree(AT_FDCWD, path, e));
	return rename(aside, path) < 0 ? err_sys(e, "move %s", clean) : 0;
}

/* A .git folder that is kept is the same everywhere: git's index says of each file when and where it was checked out, until it is made
 * anew from the commit. */
static int make_equal(const struct session *s, const char *path, const char *sha, bool modules, struct buf *out, struct err *e)
{
	const char *index[] = {"read-tree", sha, NULL};
	const char *of_modules[] = {"submodule", "--quiet", "foreach", "--recursive", "git read-tree HEAD", NULL};
	TRY(run(s, path, index, out, e));
	return modules ? run(s, path, of_modules, out, e) : 0;
}

int git_checkout(const struct git_source *g, struct str commit, const char *path, const struct cancel *cancel,
    int64_t *ret_time, struct err *e)
{
	cleanup_with(session_done) struct session s = {0};
	cleanup_buf struct buf out = {0};
	TRY(session_begin(g, cancel, &s, e));
	const char *sha = arena_str(&s.arena, commit).p;
	const char *init[] = {"init", "-q", "--", path, NULL};
	TRY(run(&s, NULL, init, &out, e));
	TRY(fetch(&s, path, sha, is_commit(g->ref) ? "" : arena_str(&s.arena, g->ref.len ? g->ref : STR("HEAD")).p, e));
	const char *checkout[] = {"checkout", "-q", "--force", "--detach", sha, NULL};
	TRY(run(&s, path, checkout, &out, e));
	const char *submodules[] = {"submodule", "update", "-q", "--init", "--recursive", "--depth=1", NULL};
	cleanup_free char *modules = mem_printf("%s/.gitmodules", path);
	bool has_modules = g->submodules && fs_exists(AT_FDCWD, modules);
	if (has_modules)
		TRY(run(&s, path, submodules, &out, e));
	const char *show[] = {"show", "-s", "--format=%ct", sha, NULL};
	buf_clear(&out);
	TRY(run(&s, path, show, &out, e));
	*ret_time = out.p ? strtoll(out.p, NULL, 10) : 0;
	if (g->keep_git_dir) {
		TRY(make_equal(&s, path, sha, has_modules, &out, e));
	} else {
		cleanup_free char *git_dir = mem_printf("%s/.git", path);
		TRY(fs_remove_tree(AT_FDCWD, git_dir, e));
	}
	return g->subdir.len && !str_eqz(g->subdir, "/") && !str_eqz(g->subdir, ".") ? lift_subdir(path, g->subdir, e)
	                                                                             : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See build_context.h. A context is always a folder in the end: what comes from elsewhere is unpacked first. */
#include "builder/cli/build_context.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "builder/cli/context_tar.h"
#include "builder/ops/git.h"
#include "parser/gitref.h"
#include "parser/parse.h"
#include "registry/remote.h"
#include "snapshotter/rootpath.h"

struct inputs {
	struct cli *cli;
	struct arena *a;
	struct store *store;
	const struct build_request *r;
	struct build_inputs *ret;
	bool stdin_used;
	bool remote;             /* the main context is no folder of the user's: ignore files do not count */
	size_t contexts_cap, named_cap;
};

static bool is_url(const char *s)
{
	return strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0;
}

static struct ops_context *add_context(struct inputs *in, const char *name, const char *path)
{
	ARENA_ROOM(in->a, in->ret->contexts, in->ret->ncontexts, in->contexts_cap);
	struct ops_context *c = &in->ret->contexts[in->ret->ncontexts++];
	*c = (struct ops_context){.name = name, .path = path};
	return c;
}

/* A fresh scratch folder of this process; its absolute path. */
static int scratch(struct inputs *in, const char *prefix, const char **ret, struct err *e)
{
	int tmp;
	cleanup_free char *name = NULL;
	TRY(store_tmp(in->store, &tmp, e));
	TRY(fs_temp_dir(tmp, prefix, &name, e));
	*ret = arena_printf(in->a, "%s/%s/%s", in->store->path, in->store->tmp_name, name);
	return chmod(*ret, 0755) < 0 ? err_sys(e, "chmod %s", *ret) : 0;
}

static int git_folder(struct inputs *in, const struct gitref *ref, const char **ret, struct err *e)
{
	struct git_source g = {.remote = ref->remote, .ref = ref->ref, .subdir = ref->subdir, .checksum = ref->checksum,
		.submodules = ref->submodules != GITREF_NO, .keep_git_dir = in->r->keep_git_dir || ref->keep_git_dir == GITREF_YES,
		.ssh_socket = in->r->nssh ? in->r->ssh[0].socket : getenv("SSH_AUTH_SOCK"),
		.secrets = in->r->secrets, .nsecrets = in->r->nsecrets};
	struct str commit;
	int64_t when;
	TRY(scratch(in, "context-", ret, e));
	TRY(git_resolve(&g, in->cli->cancel, in->a, &commit, e));
	return git_checkout(&g, commit, *ret, in->cli->cancel, &when, e);
}

/* Spools into an unnamed file, so that the first bytes can be looked at. */
static int spool(struct inputs *in, int *ret_fd, struct err *e)
{
	int tmp;
	cleanup_free char *name = NULL;
	TRY(store_tmp(in->store, &tmp, e));
	TRY(fs_temp_file(tmp, "spool-", &name, ret_fd, e));
	unlinkat(tmp, name, 0);
	return 0;
}

/* The spooled bytes are a tar (then the context) or a Containerfile. */
static int from_spool(struct inputs *in, int fd, const char *what, const char **ret_folder, struct err *e)
{
	bool is_tar = false;
	TRY(scratch(in, "context-", ret_folder, e));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "seek");
	if (context_tar_extract(fd, *ret_folder, &is_tar, e) < 0)
		return err_wrap(e, "%s", what);
	if (is_tar)
		return 0;
	if (in->r->o->files.n)
		return err_set(e, ERR_USAGE, "ambiguous Containerfile: %s holds one (it is no tar), and --file names another", what);
	cleanup_buf struct buf text = {0};
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "seek");
	if (io_read_fd(fd, CF_SIZE_MAX, &text, e) < 0)
		return err_wrap(e, "%s", what);
	in->ret->text = arena_str(in->a, buf_view(&text));
	in->ret->file = "Containerfile";
	in->ret->path = "";
	return 0;
}

static int from_stdin(struct inputs *in, const char **ret, struct err *e)
{
	cleanup_close int fd = -1;
	for (size_t i = 0; i < in->r->o->files.n; i++)
		if (strcmp(in->r->o->files.v[i], "-") == 0)
			return err_set(e, ERR_USAGE, "stdin cannot be both the context and the Containerfile");
	in->stdin_used = true;
	struct sink_fd sink;
	TRY(spool(in, &fd, e));
	sink_fd_init(&sink, fd);
	if (io_copy(STDIN_FILENO, &sink.sink, NULL, e) < 0)
		return err_wrap(e, "stdin");
	return from_spool(in, fd, "stdin", ret, e);
}

static int from_http(struct inputs *in, const char *url, const char **ret, struct err *e)
{
	cleanup_close int fd = -1;
	struct sink_fd sink;
	struct fetched f;
	TRY(spool(in, &fd, e));
	sink_fd_init(&sink, fd);
	TRY(remote_fetch(str_of(url), STR(""), &sink.sink, (uint64_t)16 << 30, in->cli->cancel, in->a, &f, e));
	return from_spool(in, fd, url, ret, e);
}

/* Any context text to a folder. */
static int folder_of(struct inputs *in, const char *arg, bool *ret_remote, const char **ret, struct err *e)
{
	struct gitref ref;
	bool git = false;
	char real[PATH_MAX];
	*ret_remote = true;
	if (strcmp(arg, "-") == 0)
		return from_stdin(in, ret, e);
	TRY(gitref_parse(str_of(arg), in->a, &ref, &git, e));
	if (git && !(ref.maybe_local && access(arg, F_OK) == 0))
		return git_folder(in, &ref, ret, e);
	if (is_url(arg))
		return from_http(in, arg, ret, e);
	*ret_remote = false;
	if (!realpath(arg, real))
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, "unable to prepare context: path \"%s\" not found", arg)
				       : err_sys(e, "context %s", arg);
	struct stat st;
	if (stat(real, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, "context \"%s\" is no folder (to read a Containerfile from a file, use -f)", arg);
	*ret = arena_strdup(in->a, real);
	return 0;
}

/* --- the Containerfile --- */

/* What a shell's <(...) or /dev/stdin names: the only pipes whose other end is known to be there. */
static bool is_passed_pipe(const char *path)
{
	return str_starts(str_of(path), STR("/dev/fd/")) || str_starts(str_of(path), STR("/proc/self/fd/")) || strcmp(path, "/dev/stdin") == 0;
}

/* A file that the user named, or one of a context. Links of a context that came from elsewhere lead nowhere but into it; a fifo is
 * never waited for. */
static int open_text(const struct inputs *in, const char *path, int *ret_fd, struct err *e)
{
	const char *root = in->ret->contexts[0].path;
	size_t n = strlen(root);
	if (in->remote && strncmp(path, root, n) == 0 && path[n] == '/') {
		cleanup_close int dir = -1;
		TRY(fs_open_dir(AT_FDCWD, root, &dir, e));
		return rootpath_open(dir, path + n + 1, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, ret_fd, e);
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (is_passed_pipe(path) ? 0 : O_NONBLOCK));
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(e, ERR_NOT_FOUND, "open %s: No such file or directory", path);
	if (fd < 0)
		return err_sys(e, "open %s", path);
	*ret_fd = fd;
	return 0;
}

static int read_text(const struct inputs *in, const char *path, const char *shown, size_t limit, struct buf *out, struct err *e)
{
	cleanup_close int fd = -1;
	struct stat st;
	TRY(open_text(in, path, &fd, e));
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat %s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, "%s is a folder, not a file", shown);
	if (!S_ISREG(st.st_mode) && !is_passed_pipe(path))
		return err_set(e, ERR_USAGE, "%s is neither a file nor a pipe of the shell", shown);
	if (io_read_fd(fd, limit, out, e) < 0)
		return err_wrap(e, "%s", shown);
	return 0;
}

static int take_text(struct inputs *in, const char *path, const char *shown, struct err *e)
{
	cleanup_buf struct buf text = {0};
	char real[PATH_MAX];
	TRY(read_text(in, path, shown, CF_SIZE_MAX, &text, e));
	if (in->ret->text.len) { /* several -f: one after the other */
		cleanup_buf struct buf all = {0};
		buf_str(&all, in->ret->text);
		buf_putc(&all, '\n');
		buf_str(&all, buf_view(&text));
		in->ret->text = arena_str(in->a, buf_view(&all));
		return 0;
	}
	in->ret->text = arena_str(in->a, buf_view(&text));
	in->ret->file = arena_strdup(in->a, shown);
	in->ret->path = arena_strdup(in->a, realpath(path, real) ? real : path);
	return 0;
}

static int file_from_stdin(struct inputs *in, struct err *e)
{
	cleanup_buf struct buf text = {0};
	if (in->stdin_used)
		return err_set(e, ERR_USAGE, "stdin cannot be both the context and the Containerfile");
	in->stdin_used = true;
	if (io_read_fd(STDIN_FILENO, CF_SIZE_MAX, &text, e) < 0)
		return err_wrap(e, "stdin");
	in->ret->text = arena_str(in->a, buf_view(&text));
	in->ret->file = "Containerfile";
	in->ret->path = "";
	return 0;
}

static int file_from_url(struct inputs *in, const char *url, struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct sink_buf sink;
	struct fetched f;
	sink_buf_init(&sink, &text, CF_SIZE_MAX);
	TRY(remote_fetch(str_of(url), STR(""), &sink.sink, CF_SIZE_MAX, in->cli->cancel, in->a, &f, e));
	in->ret->text = arena_str(in->a, buf_view(&text));
	in->ret->file = "Containerfile";
	in->ret->path = "";
	return 0;
}

static const char *const usual_names[] = {"Containerfile", "Dockerfile", "dockerfile", "containerfile"};

static int no_file(struct inputs *in, struct err *e)
{
	static const struct {
		const char *file, *kind;
	} signs[] = {{"package.json", "a Node project"}, {"requirements.txt", "a Python project"}, {"pyproject.toml", "a Python project"},
	    {"go.mod", "a Go project"}, {"Cargo.toml", "a Rust project"}, {"Gemfile", "a Ruby project"}, {"_config.yml", "a Jekyll site"},
	    {"index.html", "a static site"}};
	const char *root = in->ret->contexts[0].path;
	const char *kind = NULL, *sign = NULL;
	for (size_t i = 0; i < ARRAY_LEN(signs) && !kind; i++) {
		cleanup_free char *path = mem_printf("%s/%s", root, signs[i].file);
		if (access(path, F_OK) == 0) {
			kind = signs[i].kind;
			sign = signs[i].file;
		}
	}
	err_set(e, ERR_NOT_FOUND, "there is no Containerfile or Dockerfile in %s", root);
	if (kind)
		err_append(e, " (it looks like %s: %s)", kind, sign);
	return err_append(e, "; name one with -f FILE");
}

static int usual_file(struct inputs *in, struct err *e)
{
	const char *root = in->ret->contexts[0].path;
	for (size_t i = 0; i < ARRAY_LEN(usual_names); i++) {
		cleanup_free char *path = mem_printf("%s/%s", root, usual_names[i]);
		if (access(path, F_OK) == 0)
			return take_text(in, path, usual_names[i], e);
	}
	return no_file(in, e);
}

/* Relative to the working directory (docker), or else to the context (buildah). */
static int named_file(struct inputs *in, const char *name, struct err *e)
{
	if (strcmp(name, "-") == 0)
		return file_from_stdin(in, e);
	if (is_url(name))
		return file_from_url(in, name, e);
	cleanup_free char *inside = mem_printf("%s/%s", in->ret->contexts[0].path, name);
	if (!in->remote && access(name, F_OK) == 0)
		return take_text(in, name, name, e);
	if (name[0] != '/' && access(inside, F_OK) == 0)
		return take_text(in, inside, name, e);
	/* docker tries the lower-case name too. */
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	if (strcmp(base, "Dockerfile") == 0) {
		cleanup_free char *lower = mem_printf("%.*sdockerfile", (int)(base - name), name);
		if (access(lower, F_OK) == 0)
			return take_text(in, lower, lower, e);
	}
	return err_set(e, ERR_NOT_FOUND, "open %s: No such file or directory", name);
}

static int containerfile(struct inputs *in, struct err *e)
{
	if (in->ret->file)
		return 0;
	if (!in->r->o->files.n)
		return usual_file(in, e);
	for (size_t i = 0; i < in->r->o->files.n; i++)
		TRY(named_file(in, in->r->o->files.v[i], e));
	return 0;
}

/* --- ignore files --- */

static int try_ignore(struct inputs *in, struct ops_context *c, const char *path, const char *shown, bool *ret_found, struct err *e)
{
	cleanup_buf struct buf text = {0};
	int rc = read_text(in, path, shown, IGNORE_SIZE_MAX, &text, e);
	*ret_found = rc == 0;
	if (rc == -ERR_NOT_FOUND)
		return 0;
	if (rc < 0)
		return rc;
	c->ignore_file = arena_strdup(in->a, shown);
	if (ignore_parse(buf_view(&text), &c->ignore, e) < 0) {
		int line = e->line;
		e->line = 0; /* it is no place in the Containerfile */
		return line ? err_wrap(e, "%s:%d", shown, line) : err_wrap(e, "%s", shown);
	}
	return 0;
}

static int ignore_of(struct inputs *in, struct ops_context *c, bool main_context, struct err *e)
{
	static const char *const names[] = {".containerignore", ".dockerignore"};
	bool found = false;
	if (main_context && in->r->o->ignore_file) {
		TRY(try_ignore(in, c, in->r->o->ignore_file, in->r->o->ignore_file, &found, e));
		return found ? 0 : err_set(e, ERR_NOT_FOUND, "open %s: No such file or directory", in->r->o->ignore_file);
	}
	for (size_t i = 0; i < ARRAY_LEN(names) && main_context && *in->ret->path && !found; i++) {
		cleanup_free char *path = mem_printf("%s%s", in->ret->path, names[i]);
		const char *base = strrchr(path, '/');
		TRY(try_ignore(in, c, path, base ? base + 1 : path, &found, e));
	}
	for (size_t i = 0; i < ARRAY_LEN(names) && !found; i++) {
		cleanup_free char *path = mem_printf("%s/%s", c->path, names[i]);
		TRY(try_ignore(in, c, path, names[i], &found, e));
	}
	return 0;
}

/* --- named contexts --- */

static int one_named(struct inputs *in, const char *text, struct err *e)
{
	const char *eq = strchr(text, '=');
	if (!eq || eq == text || !eq[1])
		return err_set(e, ERR_USAGE, "--build-context %s: NAME=SOURCE is wanted", text);
	ARENA_ROOM(in->a, in->ret->named, in->ret->nnamed, in->named_cap);
	struct lower_named *n = &in->ret->named[in->ret->nnamed++];
	*n = (struct lower_named){.name = {text, (size_t)(eq - text)}};
	const char *value = eq + 1;
	static const char *const image_schemes[] = {"docker-image://", "container-image://", "docker://"};
	for (size_t i = 0; i < ARRAY_LEN(image_schemes); i++) {
		if (strncmp(value, image_schemes[i], strlen(image_schemes[i])) == 0) {
			n->is_image = true;
			n->image = str_of(value + strlen(image_schemes[i]));
			return 0;
		}
	}
	if (strncmp(value, "target:", 7) == 0) {
		n->stage = str_of(value + 7);
		return 0;
	}
	if (strncmp(value, "oci-layout://", 13) == 0) {
		n->is_image = true;
		n->image = str_of(value);
		return 0;
	}
	bool remote;
	const char *path;
	if (folder_of(in, value, &remote, &path, e) < 0)
		return err_wrap(e, "--build-context %s", text);
	n->context = (unsigned)in->ret->ncontexts;
	struct ops_context *c = add_context(in, arena_str(in->a, n->name).p, path);
	return remote ? 0 : ignore_of(in, c, false, e);
}

int build_inputs_init(struct cli *cli, struct store *s, const struct build_request *r, const char *arg, struct build_inputs *ret,
	struct err *e)
{
	*ret = (struct build_inputs){.path = ""};
	struct inputs in = {.cli = cli, .a = cli->arena, .store = s, .r = r, .ret = ret};
	const char *path = NULL;
	TRY(folder_of(&in, arg ? arg : ".", &in.remote, &path, e));
	add_context(&in, "", path);
	TRY(containerfile(&in, e));
	if (!in.remote)
		TRY(ignore_of(&in, &ret->contexts[0], true, e));
	for (size_t i = 0; i < r->o->contexts.n; i++)
		TRY(one_named(&in, r->o->contexts.v[i], e));
	return 0;
}

void build_inputs_done(struct build_inputs *in)
{
	for (size_t i = 0; i < in->ncontexts; i++) {
		if (in->contexts[i].context)
			context_close(in->contexts[i].context);
		ignore_free(in->contexts[i].ignore);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* COPY, ADD and WORKDIR (Dockerfile reference): what they say, expanded, as steps of op_copy. */
#include <stdio.h>
#include <stdlib.h>

#include "builder/lower/stage.h"
#include "parser/gitref.h"
#include "parser/values.h"

struct copying {
	struct op_copy_args *args;
	struct op_copy_item *items;
	size_t nitems, items_cap;
	struct step **sources;
	size_t nsources, sources_cap;
	bool add;
	bool remote;                /* an URL or git source is among them */
	struct str checksum;
	bool keep_git_dir, keep_git_dir_set;
	bool unpack, unpack_set;
};

static struct op_copy_item *add_item(struct lowering *lw, struct copying *c)
{
	ARENA_ROOM(lw->arena, c->items, c->nitems, c->items_cap);
	return &c->items[c->nitems++];
}

static unsigned add_source(struct lowering *lw, struct copying *c, struct step *s)
{
	for (size_t i = 0; i < c->nsources; i++)
		if (c->sources[i] == s)
			return (unsigned)i + 1;
	ARENA_ROOM(lw->arena, c->sources, c->nsources, c->sources_cap);
	c->sources[c->nsources++] = s;
	return (unsigned)c->nsources;
}

static bool is_http(struct str s)
{
	return str_starts(s, STR("http://")) || str_starts(s, STR("https://"));
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Last path element of an URL, percent-decoded; "__unnamed__" if there is none (or it could leave the folder). */
static struct str url_name(struct lowering *lw, struct str url)
{
	struct str rest = str_from(url, (size_t)str_find(url, ':') + 3);
	for (size_t i = 0; i < rest.len; i++)
		if (rest.p[i] == '?' || rest.p[i] == '#')
			rest.len = i;
	ptrdiff_t host_end = str_find(rest, '/');
	while (host_end >= 0 && rest.len > (size_t)host_end + 1 && rest.p[rest.len - 1] == '/')
		rest.len--;
	ptrdiff_t slash = str_rfind(rest, '/');
	struct str last = slash < 0 ? STR("") : str_from(rest, (size_t)slash + 1);
	cleanup_buf struct buf name = {0};
	for (size_t i = 0; i < last.len; i++) {
		int hi, lo;
		if (last.p[i] == '%' && i + 2 < last.len && (hi = hex_value(last.p[i + 1])) >= 0 && (lo = hex_value(last.p[i + 2])) >= 0) {
			buf_putc(&name, (char)(hi << 4 | lo));
			i += 2;
		} else {
			buf_putc(&name, last.p[i]);
		}
	}
	struct str n = buf_view(&name);
	if (!n.len || str_eqz(n, ".") || str_eqz(n, "..") || str_find(n, '/') >= 0 || str_find(n, '\0') >= 0)
		return STR("__unnamed__");
	return arena_str(lw->arena, n);
}

static int http_item(struct lowering *lw, struct stage_state *st, const struct instr *in, struct copying *c, struct str url, struct err *e)
{
	struct op_http_args *args = arena_new(lw->arena, sizeof(*args));
	*args = (struct op_http_args){.url = url, .name = url_name(lw, url), .mode = 0600};
	if (c->checksum.len) {
		ptrdiff_t colon = str_find(c->checksum, ':');
		if (colon > 0 && !str_starts(c->checksum, STR("sha256:")))
			return err_set(e, ERR_SYNTAX, "unsupported digest algorithm \"%.*s\" for --checksum", (int)colon, c->checksum.p);
		if (digest_parse(c->checksum, &args->checksum, e) < 0)
			return err_set(e, ERR_SYNTAX, "invalid checksum digest format \"%.*s\"", STR_ARG(c->checksum));
	}
	struct step *s = stage_add_internal(lw, st, in, &op_http, args, NULL, 0, arena_strdup(lw->arena, arena_str(lw->arena, url).p));
	struct op_copy_item *item = add_item(lw, c);
	*item = (struct op_copy_item){.from = COPY_FROM_INPUT, .n = add_source(lw, c, s), .path = args->name, .literal = true};
	item->archive = item->unpack_required = c->unpack_set && c->unpack;
	return 0;
}

/* The text of an instruction stands in the image's history and in logs, a command's arguments in the list of processes. */
static int no_password(struct str url, struct err *e)
{
	ptrdiff_t slashes = str_find(url, ':');
	if (!is_http(url) || slashes < 0)
		return 0;
	struct str host = str_from(url, (size_t)slashes + 3);
	ptrdiff_t end = str_find(host, '/');
	if (str_find(end < 0 ? host : str_sub(host, 0, (size_t)end), '@') < 0)
		return 0;
	return err_set(e, ERR_DENIED, "a URL with a user or a password would stand in the image's history: use ssh, or a secret in a RUN");
}

static int git_item(struct lowering *lw, struct stage_state *st, const struct instr *in, struct copying *c, const struct gitref *ref,
	struct err *e)
{
	struct op_git_args *args = arena_new(lw->arena, sizeof(*args));
	*args = (struct op_git_args){.remote = ref->remote, .ref = ref->ref, .subdir = ref->subdir, .checksum = ref->checksum,
		.submodules = ref->submodules != GITREF_NO, .keep_git_dir = ref->keep_git_dir == GITREF_YES};
	if (c->keep_git_dir_set)
		args->keep_git_dir = c->keep_git_dir;
	if (c->checksum.len) {
		for (size_t i = 0; i < c->checksum.len; i++)
			if (hex_value(c->checksum.p[i]) < 0)
				return err_set(e, ERR_SYNTAX, "--checksum of a git source must be hexadecimal, not \"%.*s\"", STR_ARG(c->checksum));
		args->checksum = c->checksum;
	}
	struct step *s = stage_add_internal(lw, st, in, &op_git, args, NULL, 0, arena_str(lw->arena, ref->remote).p);
	struct op_copy_item *item = add_item(lw, c);
	*item = (struct op_copy_item){.from = COPY_FROM_INPUT, .n = add_source(lw, c, s), .path = STR("/"), .literal = true};
	return 0;
}

static int local_item(struct lowering *lw, struct copying *c, const struct from_source *from, struct str path)
{
	struct op_copy_item *item = add_item(lw, c);
	*item = (struct op_copy_item){.path = path, .archive = c->add && (!c->unpack_set || c->unpack),
		.unpack_required = c->add && c->unpack_set && c->unpack};
	if (from->step) {
		item->from = COPY_FROM_INPUT;
		item->n = add_source(lw, c, from->step);
	} else {
		item->n = from->context;
	}
	return 0;
}

static int one_source(struct lowering *lw, struct stage_state *st, const struct instr *in, struct copying *c, const struct from_source *from,
	struct str path, struct err *e)
{
	if (!c->add)
		return local_item(lw, c, from, path);
	struct gitref ref;
	bool git = false;
	TRY(no_password(path, e));
	TRY(gitref_parse(path, lw->arena, &ref, &git, e));
	if (git && !ref.maybe_local)
		return git_item(lw, st, in, c, &ref, e);
	if (is_http(path))
		return http_item(lw, st, in, c, path, e);
	if (c->checksum.len)
		return err_set(e, ERR_SYNTAX, "checksum requires HTTP(S) or Git sources: \"%.*s\" is local", STR_ARG(path));
	return local_item(lw, c, from, path);
}

static int heredocs(struct lowering *lw, struct stage_state *st, const struct instr *in, struct copying *c, struct err *e)
{
	struct op_copy_inline *v = arena_new(lw->arena, in->nheredocs * sizeof(*v));
	for (size_t i = 0; i < in->nheredocs; i++) {
		v[i] = (struct op_copy_inline){.name = in->heredocs[i].name, .content = in->heredocs[i].content};
		if (!in->heredocs[i].expand)
			continue;
		struct expander x = scope_expander(&st->scope, '\\');
		x.literal_quotes = true;
		TRY(expand_word(&x, in->heredocs[i].content, lw->arena, &v[i].content, e));
	}
	c->args->inlines = v;
	c->args->ninlines = in->nheredocs;
	return 0;
}

static int text_flag(struct lowering *lw, struct stage_state *st, const struct instr *in, const char *name, struct str *ret, struct err *e)
{
	const struct flag *f = instr_flag(in, name);
	*ret = STR("");
	return f ? stage_expand(lw, st, in, f->value, ret, e) : 0;
}

static int flags(struct lowering *lw, struct stage_state *st, const struct instr *in, struct copying *c, struct err *e)
{
	struct op_copy_args *a = c->args;
	TRY(text_flag(lw, st, in, "chown", &a->chown, e));
	TRY(text_flag(lw, st, in, "chmod", &a->chmod, e));
	TRY(text_flag(lw, st, in, "checksum", &c->checksum, e));
	if (instr_flag(in, "chmod") && a->chmod.len) {
		bool octal;
		TRY(chmod_check(a->chmod, &octal, &(uint32_t){0}, e));
	}
	a->link = instr_flag_on(in, "link") && !a->chmod.len; /* with --chmod the reference makes a plain copy */
	a->parents = instr_flag_on(in, "parents");
	c->keep_git_dir_set = instr_flag(in, "keep-git-dir") != NULL;
	c->keep_git_dir = instr_flag_on(in, "keep-git-dir");
	c->unpack_set = instr_flag(in, "unpack") != NULL;
	c->unpack = instr_flag_on(in, "unpack");
	struct str *excludes = arena_new(lw->arena, in->nflags * sizeof(*excludes));
	for (size_t i = 0; i < in->nflags; i++)
		if (str_eqz(in->flags[i].name, "exclude"))
			excludes[a->nexcludes++] = in->flags[i].value;
	a->excludes = excludes;
	return 0;
}

static int copy_from(struct lowering *lw, struct stage_state *st, const struct instr *in, struct from_source *ret, struct err *e)
{
	const struct flag *f = instr_flag(in, "from");
	*ret = (struct from_source){0};
	if (!f)
		return 0;
	struct str expanded;
	if (stage_expand(lw, st, in, f->value, &expanded, e) < 0 || !str_eq(expanded, f->value))
		return err_set(e, ERR_SYNTAX, "variable expansion is not supported for --from, define a new stage with FROM using ARG from "
			"global scope as a workaround");
	if (from_source(lw, st, in, f->value, true, ret, e) < 0)
		return err_at(e, f->where.line ? f->where.line : in->where.line, f->where.col, in->where.end_line);
	return 0;
}

/* What history and label have in common. */
static void words(const struct op_copy_args *a, const struct strs *sources, struct buf *text)
{
	if (a->parents)
		buf_puts(text, " --parents");
	if (a->chown.len)
		buf_printf(text, " --chown=%.*s", STR_ARG(a->chown));
	if (a->chmod.len)
		buf_printf(text, " --chmod=%.*s", STR_ARG(a->chmod));
	for (size_t i = 0; i < sources->n; i++)
		buf_printf(text, " %.*s", STR_ARG(sources->v[i]));
	for (size_t i = 0; i < a->ninlines; i++)
		buf_printf(text, " <<%.*s", STR_ARG(a->inlines[i].name));
	buf_printf(text, " %.*s", STR_ARG(a->dest));
}

/* Where the sources come from and how: in the progress, not in the history, as in that of other builders. */
static void label(const struct instr *in, const struct op_copy_args *a, const struct strs *shown, struct buf *text)
{
	const struct flag *from = instr_flag(in, "from");
	buf_puts(text, instr_name(in->id));
	if (from)
		buf_printf(text, " --from=%.*s", STR_ARG(from->value));
	if (a->link)
		buf_puts(text, " --link");
	for (size_t i = 0; i < a->nexcludes; i++)
		buf_printf(text, " --exclude=%.*s", STR_ARG(a->excludes[i]));
	words(a, shown, text);
}

/* The working directory as a path of the tree: Windows images write it with backslashes. */
static struct str tree_workdir(struct lowering *lw, const struct stage_state *st)
{
	if (!st->config.workdir.len)
		return STR("/");
	struct str dir = arena_str(lw->arena, st->config.workdir);
	for (size_t i = 0; i < dir.len && str_eqz(st->config.os, "windows"); i++)
		if (dir.p[i] == '\\')
			((char *)(uintptr_t)dir.p)[i] = '/';
	return dir;
}

static int lower_transfer(struct lowering *lw, struct stage_state *st, const struct instr *in, bool add, struct err *e)
{
	struct op_copy_args *args = arena_new(lw->arena, sizeof(*args));
	struct copying c = {.args = args, .add = add};
	struct from_source from;
	struct strs shown = {0};
	TRY(flags(lw, st, in, &c, e));
	TRY(copy_from(lw, st, in, &from, e));
	TRY(stage_expand(lw, st, in, in->args[in->nargs - 1], &args->dest, e));
	if (instr_heredoc(in, in->nargs - 1))
		return err_set(e, ERR_SYNTAX, "%s cannot accept a heredoc as a destination", instr_name(in->id));
	if (c.checksum.len && in->nargs - in->nheredocs != 2)
		return err_set(e, ERR_SYNTAX, "checksum can't be specified for multiple sources");
	for (size_t i = 0; i + 1 < in->nargs; i++) {
		struct str path;
		if (instr_heredoc(in, i))
			continue;
		TRY(stage_expand(lw, st, in, in->args[i], &path, e));
		strs_add(lw->arena, &shown, path);
		if (one_source(lw, st, in, &c, &from, path, e) < 0)
			return err_at(e, in->where.line, in->arg_where ? in->arg_where[i].col : 0, in->where.end_line);
	}
	TRY(heredocs(lw, st, in, &c, e));
	args->items = c.items;
	args->nitems = c.nitems;
	args->workdir = tree_workdir(lw, st);
	cleanup_buf struct buf text = {0};
	label(in, args, &shown, &text);
	const char *name = arena_str(lw->arena, buf_view(&text)).p;
	buf_clear(&text);
	buf_puts(&text, instr_name(in->id));
	words(args, &shown, &text);
	buf_puts(&text, " # buildkit");
	stage_history(st, &text, false);
	stage_add_step(lw, st, in, &op_copy, args, c.sources, c.nsources, name);
	return 0;
}

int lower_COPY(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	return lower_transfer(lw, st, in, false, e);
}

int lower_ADD(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	return lower_transfer(lw, st, in, true, e);
}

int lower_WORKDIR(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	struct str path;
	cleanup_buf struct buf text = {0};
	TRY(stage_expand(lw, st, in, in->args[0], &path, e));
	if (!path.len)
		path = st->config.workdir.len ? arena_str(lw->arena, st->config.workdir) : STR("/");
	else if (path.p[0] != '/')
		path = stage_path(lw, st->config.workdir, path);
	st->config.workdir = arena_str(&st->config.arena, path);
	st->workdir_set = true;
	buf_printf(&text, "WORKDIR %.*s", STR_ARG(path));
	bool root = str_eqz(path, "/");
	stage_history(st, &text, root);
	if (root)
		return 0;
	struct op_copy_args *args = arena_new(lw->arena, sizeof(*args));
	*args = (struct op_copy_args){.dest = str_of(arena_printf(lw->arena, "%.*s/", STR_ARG(path))), .workdir = STR("/"),
		.chown = arena_str(lw->arena, st->config.user), .chown_as_user = true};
	stage_add_step(lw, st, in, &op_copy, args, NULL, 0, arena_str(lw->arena, buf_view(&text)).p);
	return 0;
}

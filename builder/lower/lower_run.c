/* SPDX-License-Identifier: Apache-2.0 */
/* RUN (Dockerfile reference, "RUN"): command line, mounts, network, history. */
#include <stdio.h>

#include "builder/lower/stage.h"
#include "parser/mountspec.h"
#include "parser/values.h"

/* Instruction text, then for each heredoc newline, body and terminator: what a shell reads. */
static struct str shell_text(struct lowering *lw, const struct instr *in)
{
	cleanup_buf struct buf text = {0};
	buf_str(&text, in->nargs ? in->args[0] : STR(""));
	for (size_t i = 0; i < in->nheredocs; i++) {
		buf_putc(&text, '\n');
		buf_str(&text, in->heredocs[i].raw);
		buf_str(&text, in->heredocs[i].name);
	}
	return arena_str(lw->arena, text.p ? buf_view(&text) : STR(""));
}

/* Is the text one heredoc word and nothing else? */
static bool lone_heredoc(const struct instr *in)
{
	if (in->nheredocs != 1 || in->json || in->nargs != 1)
		return false;
	struct str t = str_trim(in->args[0]);
	size_t i = 0;
	while (i < t.len && t.p[i] >= '0' && t.p[i] <= '9')
		i++;
	if (t.len < i + 3 || t.p[i] != '<' || t.p[i + 1] != '<')
		return false;
	struct str word = str_from(t, i + 2);
	if (word.len && word.p[0] == '-')
		word = str_from(word, 1);
	word = str_trim(word);
	/* The word with its quotes taken away must be the heredoc's name. */
	cleanup_buf struct buf bare = {0};
	for (size_t k = 0; k < word.len; k++)
		if (word.p[k] != '"' && word.p[k] != '\'' && word.p[k] != '\\')
			buf_putc(&bare, word.p[k]);
	return str_eq(buf_view(&bare), in->heredocs[0].name);
}

static void command_line(struct lowering *lw, struct stage_state *st, const struct instr *in, struct op_exec_args *args)
{
	struct strs *argv = &args->argv;
	args->words = in->json;
	if (in->json) {
		for (size_t i = 0; i < in->nargs; i++)
			strs_add(lw->arena, argv, in->args[i]);
		return;
	}
	struct str text;
	if (lone_heredoc(in)) {
		text = in->heredocs[0].content;
		if (str_starts(text, STR("#!"))) {
			struct str path = str_of(arena_printf(lw->arena, "/dev/pipes/%.*s", STR_ARG(in->heredocs[0].name)));
			args->script = (struct op_copy_inline){.name = path, .content = text};
			strs_add(lw->arena, argv, path);
			return;
		}
	} else {
		text = shell_text(lw, in);
	}
	struct strs shell = stage_shell(st);
	for (size_t i = 0; i < shell.n; i++)
		strs_add(lw->arena, argv, arena_str(lw->arena, shell.v[i]));
	strs_add(lw->arena, argv, arena_str(lw->arena, text));
}

struct mount_ctx {
	struct lowering *lw;
	struct stage_state *st;
};

static int expand_value(void *arg, struct str value, struct str *ret, struct err *e)
{
	struct mount_ctx *c = arg;
	struct expander x = scope_expander(&c->st->scope, c->lw->o->cf->escape);
	return expand_word(&x, value, c->lw->arena, ret, e);
}

/* As written below the root: "a//b/../c" and "/a/c" are "a/c". */
static struct str clean_relative(struct lowering *lw, struct str source)
{
	return str_from(stage_path(lw, STR(""), source), 1);
}

static struct str path_base_of(struct str path)
{
	while (path.len > 1 && path.p[path.len - 1] == '/')
		path.len--;
	ptrdiff_t slash = str_rfind(path, '/');
	return slash < 0 ? path : str_from(path, (size_t)slash + 1);
}

struct mounts {
	struct exec_mount *v;
	size_t n, cap;
	struct step **inputs;
	size_t ninputs, inputs_cap;
};

static int add_input(struct lowering *lw, struct mounts *m, struct step *s)
{
	for (size_t i = 0; i < m->ninputs; i++)
		if (m->inputs[i] == s)
			return (int)i + 1;
	ARENA_ROOM(lw->arena, m->inputs, m->ninputs, m->inputs_cap);
	m->inputs[m->ninputs++] = s;
	return (int)m->ninputs; /* input 0 is the root tree */
}

/* The source of a bind mount, and the seed of a cache: a tree of its own with what is selected at its root. */
static int mount_source(struct lowering *lw, struct stage_state *st, const struct instr *in, const struct mount_spec *spec,
	struct mounts *m, struct exec_mount *mount, struct err *e)
{
	struct from_source from = {0};
	if (spec->from.len)
		TRY(from_source(lw, st, in, spec->from, false, &from, e));
	struct str source = clean_relative(lw, spec->source);
	mount->source = source;
	mount->placed = !from.step; /* a file stands at the root under its own name, a folder's content is the root */
	mount->input = add_input(lw, m, from.step ? from.step : context_tree(lw, st, in, from.context, source));
	return 0;
}

static int bind_or_cache(struct lowering *lw, struct stage_state *st, const struct instr *in, const struct mount_spec *spec,
	struct mounts *m, struct exec_mount *mount, struct err *e)
{
	bool cache = spec->type == MOUNT_CACHE;
	mount->rw = !spec->readonly;
	mount->own = spec->has_uid || spec->has_gid || spec->has_mode;
	if (!cache)
		return mount_source(lw, st, in, spec, m, mount, e);
	struct str id = spec->id;
	if (!id.len)
		id = str_from(stage_path(lw, STR(""), spec->target), !str_starts(spec->target, STR("/")));
	mount->id = str_of(arena_printf(lw->arena, "%.*s/%.*s", STR_ARG(lw->o->cache_ns), STR_ARG(id)));
	mount->sharing = (int)spec->sharing;
	if (spec->from.len || spec->source.len)
		return mount_source(lw, st, in, spec, m, mount, e);
	return 0;
}

static int one_mount(struct lowering *lw, struct stage_state *st, const struct instr *in, struct str text, unsigned *nssh, struct mounts *m,
	struct err *e)
{
	struct mount_ctx ctx = {lw, st};
	struct mount_spec spec;
	struct exec_mount mount = {.input = -1};
	TRY(mount_spec_parse(text, expand_value, &ctx, lw->arena, &spec, e));
	struct str target = spec.target;
	mount.uid = spec.uid;
	mount.gid = spec.gid;
	mount.required = spec.required;
	mount.size = (uint64_t)spec.size;
	mount.id = spec.id;
	switch (spec.type) {
	case MOUNT_BIND:
	case MOUNT_CACHE:
		mount.kind = spec.type == MOUNT_BIND ? EXEC_BIND : EXEC_CACHE;
		mount.mode = spec.has_mode ? spec.mode : 0755;
		TRY(bind_or_cache(lw, st, in, &spec, m, &mount, e));
		break;
	case MOUNT_TMPFS:
		mount.kind = EXEC_TMPFS;
		mount.rw = true;
		break;
	case MOUNT_SECRET:
		mount.kind = EXEC_SECRET;
		mount.mode = spec.has_mode ? spec.mode : 0400;
		if (!mount.id.len)
			mount.id = spec.source.len ? spec.source : path_base_of(target);
		if (spec.has_env)
			mount.env = spec.env;
		if (!target.len && !spec.has_env)
			target = str_of(arena_printf(lw->arena, "/run/secrets/%.*s", STR_ARG(path_base_of(mount.id))));
		break;
	default:
		if (spec.source.len)
			return err_set(e, ERR_SYNTAX, "ssh does not support source");
		mount.kind = EXEC_SSH;
		mount.mode = spec.has_mode ? spec.mode : 0600;
		if (!mount.id.len)
			mount.id = STR("default");
		if (!target.len)
			target = str_of(arena_printf(lw->arena, "/run/buildkit/ssh_agent.%u", *nssh));
		++*nssh;
		break;
	}
	/* Without a target these three are mounted on the working directory; a secret may be a variable only. */
	if (target.len || mount.kind == EXEC_BIND || mount.kind == EXEC_CACHE || mount.kind == EXEC_TMPFS)
		mount.target = stage_path(lw, str_starts(target, STR("/")) ? STR("") : st->config.workdir, target).p;
	if (!target.len && mount.target && !mount.target[1])
		return err_set(e, ERR_SYNTAX, "invalid mount target \"\": target= is missing, and there is no WORKDIR to mount on");
	if (mount.target && !mount.target[1] && mount.kind != EXEC_SECRET && mount.kind != EXEC_SSH)
		return err_set(e, ERR_SYNTAX, "invalid mount target \"%.*s\"", STR_ARG(target));
	ARENA_ROOM(lw->arena, m->v, m->n, m->cap);
	m->v[m->n++] = mount;
	return 0;
}

static int all_mounts(struct lowering *lw, struct stage_state *st, const struct instr *in, struct mounts *m, struct err *e)
{
	unsigned nssh = 0;
	for (size_t i = 0; i < in->nflags; i++)
		if (str_eqz(in->flags[i].name, "mount") && one_mount(lw, st, in, in->flags[i].value, &nssh, m, e) < 0)
			return err_at(e, in->flags[i].where.line ? in->flags[i].where.line : in->where.line, in->flags[i].where.col,
				in->where.end_line);
	return 0;
}

static int network_and_security(struct lowering *lw, const struct instr *in, struct op_exec_args *args, struct err *e)
{
	const struct flag *f = instr_flag(in, "network");
	args->network = lw->o->network;
	if (f && str_eqz(f->value, "none"))
		args->network = EXEC_NET_NONE;
	else if (f && str_eqz(f->value, "host"))
		args->network = EXEC_NET_HOST;
	else if (f && !str_eqz(f->value, "default"))
		return err_set(e, ERR_SYNTAX, "invalid network mode \"%.*s\": it is default, none or host", STR_ARG(f->value));
	if (f && args->network == EXEC_NET_HOST && !lw->o->allow_host_network)
		return err_set(e, ERR_DENIED, "network.host is not allowed: the host's network in a RUN needs --allow network.host");
	f = instr_flag(in, "security");
	if (!f || str_eqz(f->value, "sandbox"))
		return 0;
	if (!str_eqz(f->value, "insecure"))
		return err_set(e, ERR_SYNTAX, "security \"%.*s\" is not valid: it is sandbox or insecure", STR_ARG(f->value));
	if (!lw->o->allow_insecure)
		return err_set(e, ERR_DENIED, "security.insecure is not allowed: this RUN needs --allow security.insecure");
	args->insecure = true;
	return 0;
}

/* The environment of the process: ENV and ARG; the ssh and secret variables come when it runs. */
static void history(struct stage_state *st, const struct instr *in, const struct op_exec_args *args)
{
	cleanup_buf struct buf text = {0};
	buf_puts(&text, "RUN ");
	scope_history(&st->scope, &text);
	if (args->script.name.len) {
		struct strs shell = stage_shell(st);
		for (size_t i = 0; i < shell.n; i++)
			buf_printf(&text, "%.*s ", STR_ARG(shell.v[i]));
	}
	(void)in;
	for (size_t i = 0; i < args->argv.n; i++)
		buf_printf(&text, "%s%.*s", i ? " " : "", STR_ARG(args->argv.v[i]));
	buf_puts(&text, " # buildkit");
	stage_history(st, &text, false);
}

int lower_RUN(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	struct op_exec_args *args = arena_new(lw->arena, sizeof(*args));
	struct mounts m = {0};
	cleanup_buf struct buf text = {0};
	command_line(lw, st, in, args);
	if (in->json && !in->nargs)
		return err_set(e, ERR_SYNTAX, "RUN: arguments are required");
	TRY(network_and_security(lw, in, args, e));
	TRY(all_mounts(lw, st, in, &m, e));
	args->mounts = m.v;
	args->nmounts = m.n;
	args->env = scope_env(&st->scope);
	args->cwd = arena_str(lw->arena, st->config.workdir.len ? st->config.workdir : STR("/"));
	args->user = arena_str(lw->arena, st->config.user);
	args->hostname = lw->o->hostname.len ? lw->o->hostname : STR("buildkitsandbox");
	for (size_t i = 0; i < args->argv.n; i++)
		buf_printf(&text, "%s%.*s", i ? " " : "", STR_ARG(args->argv.v[i]));
	args->text = arena_str(lw->arena, buf_view(&text));
	history(st, in, args);
	struct str label = str_trim(in->original);
	stage_add_step(lw, st, in, &op_exec, args, m.inputs, m.ninputs, arena_str(lw->arena, label).p);
	return 0;
}

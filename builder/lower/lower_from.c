/* SPDX-License-Identifier: Apache-2.0 */
/* FROM (Dockerfile reference): what a stage begins with - an earlier stage, a named context, nothing, or an image. */
#include <stdio.h>

#include "builder/lower/stage.h"
#include "parser/parse.h"
#include "registry/platform.h"
#include "registry/ref.h"

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static bool has_path(const struct strs *env)
{
	for (size_t i = 0; i < env->n; i++)
		if (str_starts(env->v[i], STR("PATH=")))
			return true;
	return false;
}

static void config_env_to_scope(struct stage_state *st)
{
	for (size_t i = 0; i < st->config.env.n; i++) {
		struct str v = st->config.env.v[i];
		ptrdiff_t eq = str_find(v, '=');
		if (eq <= 0)
			continue;
		scope_set(&st->scope, str_sub(v, 0, (size_t)eq), str_from(v, (size_t)eq + 1));
		struct scope_var *var = scope_find(&st->scope, str_sub(v, 0, (size_t)eq));
		if (!var->env) /* of two of one name the first is the one that ENV replaces */
			var->env = i + 1;
	}
}

/* Only an image's FROM is a step of its own, and counts. */
static void count_no_from(struct stage_state *st)
{
	st->of--;
	st->nth--;
}

static void from_empty(struct lowering *lw, struct stage_state *st, const struct instr *in, const struct platform *p)
{
	struct arena *a = &st->config.arena;
	st->config.os = arena_str(a, p->os);
	st->config.architecture = arena_str(a, p->arch);
	st->config.variant = arena_str(a, p->variant);
	if (!str_eqz(p->os, "windows"))
		strs_add(a, &st->config.env, str_of(arena_printf(a, "PATH=%s", default_path)));
	st->config.workdir = str_eqz(p->os, "windows") ? STR("\\") : STR("/");
	st->scratch = true;
	count_no_from(st);
	st->head = stage_add_internal(lw, st, in, &op_scratch, NULL, NULL, 0, "scratch");
	config_env_to_scope(st);
}

/* Triggers that will be steps of their own: they count in "[2/5]". */
static void count_triggers(struct stage_state *st)
{
	static const char *const names[] = {"RUN", "COPY", "ADD", "WORKDIR"};
	for (size_t i = 0; i < st->config.onbuild.n; i++) {
		struct str word = str_trim(st->config.onbuild.v[i]);
		size_t n = 0;
		while (n < word.len && word.p[n] > ' ')
			n++;
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			st->of += str_ieq(str_sub(word, 0, n), str_of(names[k]));
	}
}

static int from_stage(struct lowering *lw, struct stage_state *st, size_t number, struct err *e)
{
	const struct stage_state *base = &lw->stages[number];
	st->platform = base->platform;
	st->history_bytes = base->history_bytes;
	if ((lw->history_bytes += st->history_bytes) > LOWER_HISTORY_MAX)
		return err_set(e, ERR_LIMIT, "the images' history would be longer than %d MiB", LOWER_HISTORY_MAX >> 20);
	image_config_copy(&base->config, &st->config);
	scope_copy(&base->scope, &st->scope);
	st->head = base->head;
	st->scratch = base->scratch;
	st->nbase_history = base->nbase_history;
	st->nbase_layers = base->nbase_layers;
	count_no_from(st);
	count_triggers(st);
	return 0;
}

static int from_image(struct lowering *lw, struct stage_state *st, const struct instr *in, struct str name, const struct platform *p,
	struct err *e)
{
	struct lower_image image = {0};
	TRY(lw->o->resolver->image(lw->o->resolver->arg, name, p, lw->arena, &image, e));
	st->config = image.config;
	st->config.created = STR("");
	st->nbase_history = image.config.nhistory;
	st->nbase_layers = image.tree->n;
	count_triggers(st);
	struct op_image_args *args = arena_new(lw->arena, sizeof(*args));
	args->tree = image.tree;
	struct ref ref;
	cleanup_buf struct buf full = {0};
	struct err ignored;
	if (ref_parse(name, lw->arena, &ref, &ignored) == 0)
		ref_print(&ref, &full);
	else
		buf_str(&full, name);
	struct step proto = {.op = &op_image, .args = args, .label = arena_printf(lw->arena, "FROM %s", full.p), .nth = 1, .of = st->of,
		.line = in->where.line, .col = in->where.col, .end_line = in->where.end_line};
	stage_sign(lw, st, &proto);
	st->head = plan_add(lw->plan, &proto);
	st->scratch = image.tree->n == 0;
	if (!has_path(&st->config.env) && !str_eqz(st->config.os, "windows"))
		strs_add(&st->config.arena, &st->config.env, str_of(arena_printf(&st->config.arena, "PATH=%s", default_path)));
	config_env_to_scope(st);
	return 0;
}

static int from_named(struct lowering *lw, struct stage_state *st, const struct instr *in, const struct lower_named *named,
	const struct platform *p, struct err *e)
{
	if (named->stage.len) {
		size_t number;
		TRY(named_stage(lw, named, in, &number, e));
		return from_stage(lw, st, number, e);
	}
	if (named->is_image && str_eqz(named->image, "scratch")) {
		from_empty(lw, st, in, p);
		return 0;
	}
	if (named->is_image)
		return from_image(lw, st, in, named->image, p, e);
	from_empty(lw, st, in, p);
	st->scratch = false;
	st->head = context_tree(lw, st, in, named->context, STR(""));
	st->nbase_layers = 1;
	return 0;
}

static int stage_platform(struct lowering *lw, const struct stage *ast, struct platform *ret, struct err *e)
{
	struct str text;
	*ret = lw->o->platform;
	if (!ast->platform.len)
		return 0;
	TRY(scope_expand(&lw->globals, lw->o->cf->escape, ast->platform, &text, e));
	if (!text.len)
		return err_set(e, ERR_SYNTAX, "empty platform value from expression %.*s", STR_ARG(ast->platform));
	if (platform_parse(text, lw->arena, ret, e) < 0)
		return err_wrap(e, "failed to parse platform %.*s", STR_ARG(text));
	return 0;
}

/* Earlier stages are found by exact, lower-case name: the nearest one. */
static ptrdiff_t earlier_stage(const struct lowering *lw, size_t before, struct str name)
{
	for (size_t i = before; i-- > 0;)
		if (lw->o->cf->stages[i].name.len && str_eq(lw->o->cf->stages[i].name, name))
			return (ptrdiff_t)i;
	return -1;
}

int base_of(struct lowering *lw, size_t number, struct base *ret, struct err *e)
{
	const struct stage *ast = &lw->o->cf->stages[number];
	struct base b = {.kind = BASE_NAMED};
	TRY(stage_platform(lw, ast, &b.platform, e));
	TRY(scope_expand(&lw->globals, lw->o->cf->escape, ast->base, &b.name, e));
	if (!b.name.len)
		return err_set(e, ERR_SYNTAX, "base name (%.*s) should not be blank", STR_ARG(ast->base));
	b.named = ast->name.len ? named_find(lw, ast->name, false) : NULL;
	ptrdiff_t i = b.named ? -1 : earlier_stage(lw, number, b.name);
	if (i >= 0) {
		b.kind = BASE_STAGE;
		b.stage = (size_t)i;
	} else if (!b.named && !(b.named = named_find(lw, b.name, true))) {
		b.kind = str_eqz(b.name, "scratch") ? BASE_SCRATCH : BASE_IMAGE;
	}
	*ret = b;
	return 0;
}

/* No such image: a stage may have been meant. */
static int suggest_stage(const struct lowering *lw, const struct stage_state *st, struct str base, struct err *e)
{
	struct ref ref;
	struct err ignored;
	if (ref_parse(base, lw->arena, &ref, &ignored) < 0)
		return err_wrap(e, "failed to parse stage name \"%.*s\"", STR_ARG(base));
	const char *names[64];
	size_t n = 0;
	for (size_t k = 0; k < st->number && n < ARRAY_LEN(names); k++)
		if (lw->o->cf->stages[k].name.len)
			names[n++] = arena_str(lw->arena, lw->o->cf->stages[k].name).p;
	const char *near = str_suggest(base, names, n);
	return near ? err_append(e, " (did you mean the stage %s?)", near) : -(int)e->code;
}

static int find_base(struct lowering *lw, struct stage_state *st, struct err *e)
{
	const struct instr *in = st->ast->from;
	struct base b;
	TRY(base_of(lw, st->number, &b, e));
	st->platform = b.platform;
	switch (b.kind) {
	case BASE_NAMED:
		return from_named(lw, st, in, b.named, &b.platform, e);
	case BASE_STAGE:
		TRY(stage_need(lw, b.stage, in, e));
		return from_stage(lw, st, b.stage, e);
	case BASE_SCRATCH:
		from_empty(lw, st, in, &b.platform);
		return 0;
	default:
		return from_image(lw, st, in, b.name, &b.platform, e) == 0 ? 0 : suggest_stage(lw, st, b.name, e);
	}
}

/* Triggers of the base run first, in order, as if they stood right behind FROM. */
static int run_triggers(struct lowering *lw, struct stage_state *st, struct err *e)
{
	struct strs triggers = st->config.onbuild;
	st->config.onbuild = (struct strs){0};
	for (size_t i = 0; i < triggers.n; i++) {
		struct instr *in;
		TRY(cf_parse_trigger(lw->o->cf, triggers.v[i], st->ast->from, &in, e));
		if (lower_instr(lw, st, in, e) < 0)
			return err_wrap(e, "ONBUILD %.*s", STR_ARG(triggers.v[i]));
	}
	return 0;
}

static bool makes_layer(enum instr_id id)
{
	return id == INSTR_RUN || id == INSTR_COPY || id == INSTR_ADD || id == INSTR_WORKDIR;
}

int lower_base(struct lowering *lw, struct stage_state *st, struct err *e)
{
	st->of = 1;
	st->nth = 1;
	for (size_t i = 0; i < st->ast->ninstrs; i++)
		st->of += makes_layer(st->ast->instrs[i]->id);
	const struct instr *in = st->ast->from;
	if (find_base(lw, st, e) < 0 || run_triggers(lw, st, e) < 0)
		return err_at(e, in->where.line, in->where.col, in->where.end_line);
	if (lw->o->platform_given) {
		st->config.os = arena_str(&st->config.arena, lw->o->platform.os);
		st->config.architecture = arena_str(&st->config.arena, lw->o->platform.arch);
		st->config.variant = arena_str(&st->config.arena, lw->o->platform.variant);
	}
	return 0;
}

/* Reached only through ONBUILD FROM, which the parser refuses. */
int lower_FROM(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	(void)lw, (void)st, (void)in;
	return err_set(e, ERR_SYNTAX, "FROM isn't allowed here");
}

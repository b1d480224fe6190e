/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages before any of their instructions is looked at: base names and platforms are expanded, the target is found,
 * dependencies are collected and checked, and what the target reaches is marked.
 */
#include "base/mem.h"
#include "parser/survey.h"

static bool valid_ref(const struct survey *s, struct str ref, struct err *e)
{
	return ref.len && (!s->env->check_ref || s->env->check_ref(s->env->arg, ref, e) == 0);
}

static struct lint_view view_of(const struct stage *st, enum lint_moment moment)
{
	return (struct lint_view){
	    .moment = moment,
	    .where = st->where,
	    .comments = st->from->comments,
	    .ncomments = st->from->ncomments,
	    .stage = st,
	};
}

/* Base names with the defaults of ARGs. What fails here fails again, with a message, where it counts. */
static void look_at_defaults(struct survey *s)
{
	struct survey_scope defaults = {0};
	struct err e;
	if (s->lint && survey_defaults(s, &defaults, &e) == 0) {
		for (size_t i = 0; i < s->cf->nstages; i++) {
			struct lint_view v = view_of(&s->cf->stages[i], LINT_DEFAULT);
			struct lint_word w;
			if (survey_expand(s, &defaults, v.stage->base, &w, &e) < 0)
				break;
			v.valid = valid_ref(s, w.text, &e);
			lint_look(s->lint, &v);
		}
	}
	survey_scope_done(&defaults);
}

/* ---- FROM ---- */

/* Names that were declared without getting a value are no mistake. */
static void drop_declared(const struct map *declared, struct lint_word *w)
{
	struct str *names = (struct str *)w->unset;
	size_t kept = 0;
	for (size_t i = 0; i < w->nunset; i++)
		if (!map_has(declared, names[i]))
			names[kept++] = names[i];
	w->nunset = kept;
}

static int expand_from(struct survey *s, struct str word, struct lint_word *ret, struct err *e)
{
	int rc = survey_expand(s, &s->globals, word, ret, e);
	drop_declared(&s->global_args, ret);
	survey_suggest(s, &s->globals, &s->global_args, ret);
	return rc;
}

static void use(struct survey_stage *st, const struct lint_word *w)
{
	for (size_t i = 0; i < w->nset; i++)
		map_set(&st->used, w->set[i], st);
}

static int blank_platform(const struct lint_word *w, struct err *e)
{
	err_set(e, ERR_SYNTAX, "empty platform value from expression %.*s", STR_ARG(w->raw));
	for (size_t i = 0; i < w->nunset; i++)
		if (w->near[i].len)
			return err_append(e, " (did you mean %.*s?)", STR_ARG(w->near[i]));
	return -(int)e->code;
}

static int normal_platform(struct survey *s, struct str text, struct str *ret, struct err *e)
{
	*ret = text;
	if (!s->env->platform_normal)
		return 0;
	if (s->env->platform_normal(s->env->arg, text, s->arena, ret, e) < 0)
		return err_wrap(e, "failed to parse platform %.*s", STR_ARG(text));
	return 0;
}

static int from(struct survey *s, struct survey_stage *st, struct err *e)
{
	struct lint_view v = view_of(st->stage, LINT_FROM);
	struct lint_word base, platform;
	struct err platform_error;
	int base_rc = expand_from(s, st->stage->base, &base, e), platform_rc = 0;
	v.base = &base;
	survey_get(&s->globals, STR("TARGETPLATFORM"), &v.target_platform);
	if (base_rc >= 0 && base.text.len && st->stage->platform.len) {
		platform_rc = expand_from(s, st->stage->platform, &platform, &platform_error);
		v.platform = &platform;
		if (platform_rc >= 0 && normal_platform(s, platform.text, &v.expected, &platform_error) < 0)
			platform_rc = -(int)platform_error.code;
	}
	lint_look(s->lint, &v);
	if (base_rc < 0)
		return base_rc;
	if (!base.text.len)
		return err_set(e, ERR_SYNTAX, "base name (%.*s) should not be blank", STR_ARG(base.raw));
	st->base = base.text;
	use(st, &base);
	if (!v.platform)
		return 0;
	if (platform_rc >= 0 && !platform.text.len)
		return blank_platform(&platform, e);
	if (platform_rc < 0) {
		*e = platform_error;
		return platform_rc;
	}
	st->platform = v.expected;
	use(st, &platform);
	return 0;
}

/* A base name is the nearest earlier stage of exactly that name: capitals find nothing, names are in lower case. */
static int froms(struct survey *s, struct err *e)
{
	cleanup_map struct map names = {0};
	for (size_t i = 0; i < s->nstages; i++) {
		struct survey_stage *st = &s->stages[i];
		st->base_stage = -1;
		if (from(s, st, e) < 0)
			return survey_at(st->stage->from, e);
		st->replaced =
		    st->stage->name.len && s->env->is_context && s->env->is_context(s->env->arg, st->stage->name);
		const struct survey_stage *base = map_get(&names, st->base);
		if (base)
			st->base_stage = (int)(base - s->stages);
		if (st->stage->name.len)
			map_set(&names, st->stage->name, st);
	}
	return 0;
}

static int find_target(struct survey *s, struct err *e)
{
	s->target = (int)s->nstages - 1;
	if (!s->env->target.len)
		return 0;
	s->target = survey_find_stage(s, s->env->target);
	if (s->target >= 0)
		return 0;
	err_set(e, ERR_NOT_FOUND, "target stage \"%.*s\" could not be found", STR_ARG(s->env->target));
	struct lint_word w = {.unset = &s->env->target, .nunset = 1};
	survey_suggest(s, NULL, &s->names, &w);
	return w.near[0].len ? err_append(e, " (did you mean %.*s?)", STR_ARG(w.near[0])) : -(int)e->code;
}

/* ---- dependencies ---- */

static void add_dep(struct survey *s, struct survey_stage *st, int dep, const struct instr *in)
{
	size_t cap = st->deps_cap;
	ARENA_ROOM(s->arena, st->deps, st->ndeps, st->deps_cap);
	ARENA_ROOM(s->arena, st->dep_instrs, st->ndeps, cap);
	st->deps[st->ndeps] = dep;
	st->dep_instrs[st->ndeps++] = in;
}

/* What --from names: a stage of this file becomes a dependency, anything else has to be a valid reference. */
static int source(struct survey *s, struct survey_stage *st, struct str name, const struct instr *in, struct err *e)
{
	int dep = survey_find_stage(s, name);
	if (dep >= 0) {
		add_dep(s, st, dep, in);
		return 0;
	}
	if (str_eqz(name, "scratch") || (s->env->is_context && s->env->is_context(s->env->arg, name)))
		return 0;
	if (!valid_ref(s, name, e)) {
		if (!name.len)
			err_set(e, ERR_SYNTAX, "invalid reference format");
		return err_wrap(e, "failed to parse stage name \"%.*s\"", STR_ARG(name));
	}
	return 0;
}

static int copy_source(struct survey *s, struct survey_stage *st, const struct instr *in, struct err *e)
{
	const struct flag *flag = instr_flag(in, "from");
	struct survey_scope none = {0}; /* stays empty */
	struct lint_word w;
	uint64_t number;
	if (!flag || !flag->value.len)
		return 0;
	TRY(survey_expand(s, &none, flag->value, &w, e));
	if (!str_eq(w.text, flag->value))
		return err_set(e, ERR_SYNTAX,
		    "variable expansion is not supported for --from, define a new stage with FROM using "
		    "ARG from global scope as a workaround");
	if (!str_u64(flag->value, UINT32_MAX, &number))
		return source(s, st, flag->value, in, e);
	if (number >= s->nstages)
		return err_set(e, ERR_NOT_FOUND, "invalid stage index %llu", (unsigned long long)number);
	add_dep(s, st, (int)number, in);
	return 0;
}

static int mount_sources(struct survey *s, struct survey_stage *st, const struct instr *in, struct err *e)
{
	for (size_t i = 0; i < in->nflags; i++) {
		struct str from_name;
		if (!str_eqz(in->flags[i].name, "mount"))
			continue;
		TRY(mount_spec_check(in->flags[i].value, s->arena, &from_name, e));
		if (from_name.len)
			TRY(source(s, st, from_name, in, e));
	}
	return 0;
}

static int sources(struct survey *s, struct survey_stage *st, const struct instr *in, struct err *e)
{
	int rc = 0;
	if (in->id == INSTR_COPY)
		rc = copy_source(s, st, in, e);
	else if (in->id == INSTR_RUN)
		rc = mount_sources(s, st, in, e);
	return rc < 0 ? survey_at(in, e) : 0;
}

/* What the triggers of its base stage copy from, a stage needs as well. */
static int trigger_sources(struct survey *s, struct survey_stage *st, struct err *e)
{
	const struct stage *base = s->stages[st->base_stage].stage;
	for (size_t i = 0; i < base->ninstrs; i++)
		if (base->instrs[i]->id == INSTR_ONBUILD && base->instrs[i]->inner)
			TRY(sources(s, st, base->instrs[i]->inner, e));
	return 0;
}

static int dependencies(struct survey *s, struct err *e)
{
	for (size_t i = 0; i < s->nstages; i++) {
		struct survey_stage *st = &s->stages[i];
		if (st->base_stage >= 0)
			TRY(trigger_sources(s, st, e));
		st->dep_cursor = st->ndeps;
		for (size_t k = 0; k < st->stage->ninstrs; k++)
			TRY(sources(s, st, st->stage->instrs[k], e));
	}
	return 0;
}

/* ---- cycles, reach ---- */

enum colour { UNSEEN, ON_PATH, FINISHED };

static int circular(const struct survey *s, int stage, const struct instr *in, struct err *e)
{
	const struct stage *st = s->stages[stage].stage;
	if (st->name.len)
		err_set(e, ERR_SYNTAX, "circular dependency detected on stage: %.*s", STR_ARG(st->name));
	else
		err_set(e, ERR_SYNTAX, "circular dependency detected on stage: stage-%d", stage);
	return survey_at(in, e);
}

/* Depth first, with a stack of its own: files may have very many stages. */
static int visit(struct survey *s, int root, uint8_t *colours, int *stack, size_t *next, struct err *e)
{
	size_t depth = 0;
	stack[depth++] = root;
	colours[root] = ON_PATH;
	while (depth) {
		int at = stack[depth - 1];
		struct survey_stage *st = &s->stages[at];
		if (next[at] == st->ndeps) {
			colours[at] = FINISHED;
			depth--;
			continue;
		}
		int dep = st->deps[next[at]];
		const struct instr *in = st->dep_instrs[next[at]++];
		if (colours[dep] == ON_PATH)
			return circular(s, root, in, e);
		if (colours[dep] == UNSEEN) {
			colours[dep] = ON_PATH;
			stack[depth++] = dep;
		}
	}
	return 0;
}

static int cycles(struct survey *s, struct err *e)
{
	uint8_t *colours = arena_new(s->arena, s->nstages);
	int *stack = arena_new(s->arena, s->nstages * sizeof(*stack));
	size_t *next = arena_new(s->arena, s->nstages * sizeof(*next));
	for (size_t i = 0; i < s->nstages; i++)
		if (colours[i] == UNSEEN)
			TRY(visit(s, (int)i, colours, stack, next, e));
	return 0;
}

static void reach(struct survey *s, int *stack, size_t *depth, int stage)
{
	if (stage < 0 || s->stages[stage].reachable)
		return;
	s->stages[stage].reachable = true;
	stack[(*depth)++] = stage;
}

static void mark_reachable(struct survey *s)
{
	int *stack = arena_new(s->arena, s->nstages * sizeof(*stack));
	size_t depth = 0;
	reach(s, stack, &depth, s->target);
	while (depth) {
		const struct survey_stage *st = &s->stages[stack[--depth]];
		if (st->replaced)
			continue;
		reach(s, stack, &depth, st->base_stage);
		for (size_t i = 0; i < st->ndeps; i++)
			reach(s, stack, &depth, st->deps[i]);
	}
}

/* Names of base images, also those of stages that nobody needs. */
static int base_names(struct survey *s, struct err *e)
{
	for (size_t i = 0; i < s->nstages; i++) {
		const struct survey_stage *st = &s->stages[i];
		if (st->base_stage >= 0 || st->replaced || str_eqz(st->base, "scratch") || valid_ref(s, st->base, e))
			continue;
		err_wrap(e, "failed to parse stage name \"%.*s\"", STR_ARG(st->base));
		return survey_at(st->stage->from, e);
	}
	return 0;
}

int survey_stages(struct survey *s, struct err *e)
{
	s->nstages = s->cf->nstages;
	s->stages = arena_new(s->arena, s->nstages * sizeof(*s->stages));
	for (size_t i = 0; i < s->nstages; i++) {
		s->stages[i].stage = &s->cf->stages[i];
		if (s->cf->stages[i].name.len)
			map_set(&s->names, s->cf->stages[i].name, &s->stages[i]);
	}
	survey_predefine(s);
	look_at_defaults(s);
	TRY(survey_globals(s, e));
	TRY(froms(s, e));
	TRY(find_target(s, e));
	TRY(dependencies(s, e));
	TRY(cycles(s, e));
	mark_reachable(s);
	return base_names(s, e);
}

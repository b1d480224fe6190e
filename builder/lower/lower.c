/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk: global arguments, the target, and then stages on demand, so that a stage nobody needs is never evaluated. Each
 * instruction goes to its lower_<ID> by a table made from parser/instrs.h.
 */
#include "builder/lower/lower.h"

#include <stdio.h>

#include "builder/lower/stage.h"
#include "parser/mountspec.h"
#include "registry/platform.h"
#include "registry/ref.h"

typedef int lower_fn(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e);

int lower_instr(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	static lower_fn *const table[INSTR_COUNT] = {
#define X(id, shape, flags, traits) [INSTR_##id] = lower_##id,
	    INSTRS(X)
#undef X
	};
	size_t before = st->history_bytes;
	if (table[in->id](lw, st, in, e) < 0)
		return err_at(e, in->where.line, in->where.col, in->where.end_line);
	if ((lw->history_bytes += st->history_bytes - before) <= LOWER_HISTORY_MAX)
		return 0;
	err_set(e, ERR_LIMIT, "the images' history would be longer than %d MiB", LOWER_HISTORY_MAX >> 20);
	return err_at(e, in->where.line, in->where.col, in->where.end_line);
}

static bool stage_no_cache(const struct lowering *lw, const struct stage_state *st)
{
	if (lw->o->no_cache)
		return true;
	for (size_t i = 0; i < lw->o->nno_cache_stages; i++)
		if (str_ieq(lw->o->no_cache_stages[i], str_of(st->name)))
			return true;
	return false;
}

int stage_need(struct lowering *lw, size_t number, const struct instr *at, struct err *e)
{
	struct stage_state *st = &lw->stages[number];
	if (st->state == STAGE_DONE)
		return 0;
	if (st->state == STAGE_OPEN) {
		err_set(e, ERR_SYNTAX, "circular dependency detected on stage: %s", st->name);
		return at ? err_at(e, at->where.line, at->where.col, at->where.end_line) : -(int)e->code;
	}
	if (lw->depth >= LOWER_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "more than %d stages that are built one upon the other", LOWER_DEPTH_MAX);
	lw->depth++;
	st->state = STAGE_OPEN;
	st->number = number;
	st->ast = &lw->o->cf->stages[number];
	st->name = st->ast->name.len ? arena_str(lw->arena, st->ast->name).p : arena_printf(lw->arena, "stage-%zu", number);
	st->no_cache = stage_no_cache(lw, st);
	scope_init(&st->scope, lw->arena);
	TRY(lower_base(lw, st, e));
	bool replaced = st->ast->name.len && named_find(lw, st->ast->name, false);
	for (size_t i = 0; i < st->ast->ninstrs && !replaced; i++)
		TRY(lower_instr(lw, st, st->ast->instrs[i], e));
	st->state = STAGE_DONE;
	lw->depth--;
	return 0;
}

static int find_target(const struct lowering *lw, size_t *ret, struct err *e)
{
	const struct cf *cf = lw->o->cf;
	*ret = cf->nstages - 1;
	if (!lw->o->target.len)
		return 0;
	const char *names[64];
	size_t n = 0;
	for (size_t i = 0; i < cf->nstages; i++) {
		if (!cf->stages[i].name.len)
			continue;
		if (str_ieq(cf->stages[i].name, lw->o->target)) {
			*ret = i;
			return 0;
		}
		if (n < ARRAY_LEN(names))
			names[n++] = arena_str(lw->arena, cf->stages[i].name).p;
	}
	const char *near = str_suggest(lw->o->target, names, n);
	return err_set(e, ERR_NOT_FOUND, "target stage \"%.*s\" could not be found%s%s%s", STR_ARG(lw->o->target),
		near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static const struct pair *build_arg(const struct lowering *lw, struct str name)
{
	for (size_t i = lw->o->nbuild_args; i-- > 0;)
		if (str_eq(lw->o->build_args[i].key, name))
			return &lw->o->build_args[i];
	return NULL;
}

/* TARGETPLATFORM and its like: global, unless --build-arg says otherwise. */
static void automatic_args(struct lowering *lw, size_t target)
{
	const struct lower_opts *o = lw->o;
	cleanup_buf struct buf tp = {0}, bp = {0};
	platform_print(&o->platform, &tp);
	platform_print(&o->build_platform, &bp);
	struct str stage = o->target.len ? o->target : o->cf->stages[target].name;
	const struct {
		const char *name;
		struct str value;
	} rows[] = {
	    {"TARGETPLATFORM", buf_view(&tp)},
	    {"TARGETOS", o->platform.os},
	    {"TARGETOSVERSION", o->platform.os_version},
	    {"TARGETARCH", o->platform.arch},
	    {"TARGETVARIANT", o->platform.variant},
	    {"BUILDPLATFORM", buf_view(&bp)},
	    {"BUILDOS", o->build_platform.os},
	    {"BUILDOSVERSION", o->build_platform.os_version},
	    {"BUILDARCH", o->build_platform.arch},
	    {"BUILDVARIANT", o->build_platform.variant},
	    {"TARGETSTAGE", stage.len ? stage : STR("default")},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct pair *given = build_arg(lw, str_of(rows[i].name));
		scope_set(&lw->globals, str_of(rows[i].name), given ? given->value : rows[i].value);
	}
}

static int global_args(struct lowering *lw, struct err *e)
{
	const struct cf *cf = lw->o->cf;
	for (size_t i = 0; i < cf->nmetas; i++) {
		const struct instr *in = cf->metas[i];
		for (size_t k = 0; k < in->npairs; k++) {
			const struct pair *p = &in->pairs[k], *given = build_arg(lw, p->key);
			struct str value;
			if (given)
				value = given->value;
			else if (!p->has_value)
				continue;
			else if (scope_expand(&lw->globals, cf->escape, p->value, &value, e) < 0)
				return err_at(e, in->where.line, in->where.col, in->where.end_line);
			scope_set(&lw->globals, p->key, value);
		}
	}
	return 0;
}

static int check_name(struct lowering *lw, struct str name, bool numbers, struct err *e)
{
	struct ref ref;
	if (!name.len || str_find(name, '$') >= 0 || stage_find(lw, name, numbers) != -1 || named_find(lw, name, true))
		return 0;
	return ref_parse(name, lw->arena, &ref, e);
}

static int check_names(struct lowering *lw, const struct instr *in, struct err *e)
{
	const struct flag *f = in->id == INSTR_COPY ? instr_flag(in, "from") : NULL;
	if (f)
		TRY(check_name(lw, f->value, true, e));
	for (size_t i = 0; i < in->nflags && in->id == INSTR_RUN; i++) {
		struct str from;
		if (!str_eqz(in->flags[i].name, "mount"))
			continue;
		TRY(mount_spec_check(in->flags[i].value, lw->arena, &from, e));
		TRY(check_name(lw, from, false, e));
	}
	return 0;
}

/* Names in COPY --from and mounts of stages that are not evaluated must be references at least. */
static int check_unused(struct lowering *lw, struct err *e)
{
	const struct cf *cf = lw->o->cf;
	for (size_t i = 0; i < cf->nstages; i++) {
		if (lw->stages[i].state == STAGE_DONE)
			continue;
		for (size_t k = 0; k < cf->stages[i].ninstrs; k++) {
			const struct instr *in = cf->stages[i].instrs[k];
			if (check_names(lw, in, e) < 0)
				return err_at(e, in->where.line, in->where.col, in->where.end_line);
		}
	}
	return 0;
}

int lower(const struct lower_opts *o, struct plan *plan, struct lowered *ret, struct err *e)
{
	struct lowering lw = {.o = o, .plan = plan, .arena = &plan->arena, .nstages = o->cf->nstages};
	size_t target;
	scope_init(&lw.globals, lw.arena);
	TRY(find_target(&lw, &target, e));
	automatic_args(&lw, target);
	lw.stages = mem_array(lw.nstages, sizeof(*lw.stages));
	int rc = global_args(&lw, e);
	if (rc == 0)
		lower_expect(&lw, target);
	if (rc == 0)
		rc = stage_need(&lw, target, NULL, e);
	if (rc == 0)
		rc = check_unused(&lw, e);
	if (rc == 0) {
		struct stage_state *st = &lw.stages[target];
		*ret = (struct lowered){.head = st->head, .nbase_history = st->nbase_history, .nbase_layers = st->nbase_layers,
			.from_scratch = st->scratch};
		ret->config = st->config;
		st->config = (struct image_config){0};
		for (size_t i = 0; i < o->nlabels; i++)
			annotations_set(&ret->config.arena, &ret->config.labels, o->labels[i].key, o->labels[i].value);
	}
	for (size_t i = 0; i < lw.nstages; i++) {
		image_config_done(&lw.stages[i].config);
		scope_done(&lw.stages[i].scope);
	}
	mem_free(lw.stages);
	scope_done(&lw.globals);
	return rc;
}

void lowered_done(struct lowered *l)
{
	image_config_done(&l->config);
}

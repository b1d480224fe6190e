/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outline is read off an evaluation: beginning with the target, the stages it is made from and copies from are
 * visited, each name counting once. An argument that a default is made of is part of the outline too.
 */
#include "parser/outline.h"

#include <stdlib.h>

#include "base/jval.h"
#include "base/mem.h"
#include "parser/ranges.h"
#include "parser/survey.h"
#include "parser/table.h"

struct gathering {
	struct survey *s;
	struct outline *o;
	size_t args_cap, secrets_cap, ssh_cap;
	struct map args, secrets, ssh; /* names that were visited */
};

static const struct survey_arg *definition(const struct gathering *g, const struct survey_stage *st, struct str name)
{
	const struct survey_arg *def = map_get(&st->args, name);
	return def ? def : map_get(&g->s->global_args, name);
}

static void gather_arg(struct gathering *g, const struct survey_arg *def)
{
	ARENA_ROOM(&g->o->arena, g->o->args, g->o->nargs, g->args_cap);
	g->o->args[g->o->nargs++] = (struct outline_arg){def->name, def->doc, def->value, def->where};
}

/* The names a stage uses, and those that their defaults use: a list that grows while it is walked. */
static void gather_args(struct gathering *g, const struct survey_stage *st)
{
	cleanup_map struct map names = {0};
	for (size_t i = 0; i < st->used.n; i++)
		map_set(&names, st->used.items[i].key, g);
	for (size_t i = 0; i < names.n; i++) {
		struct str name = names.items[i].key;
		const struct survey_arg *def = definition(g, st, name);
		if (map_has(&g->args, name))
			continue;
		map_set(&g->args, name, g);
		if (!def)
			continue;
		gather_arg(g, def);
		for (size_t k = 0; k < def->deps.n; k++)
			map_set(&names, def->deps.items[k].key, g);
	}
}

static void gather_needs(struct gathering *g, const struct survey_needs *needs, struct map *seen,
    struct outline_need **list, size_t *ret_n, size_t *cap)
{
	for (size_t i = 0; i < needs->n; i++) {
		const struct survey_need *need = &needs->list[i];
		if (map_has(seen, need->name))
			continue;
		map_set(seen, need->name, g);
		ARENA_ROOM(&g->o->arena, *list, *ret_n, *cap);
		(*list)[(*ret_n)++] = (struct outline_need){need->name, need->required, need->where};
	}
}

static void gather_stage(struct gathering *g, const struct survey_stage *st)
{
	struct outline *o = g->o;
	gather_args(g, st);
	gather_needs(g, &st->secrets, &g->secrets, &o->secrets, &o->nsecrets, &g->secrets_cap);
	gather_needs(g, &st->ssh, &g->ssh, &o->ssh, &o->nssh, &g->ssh_cap);
}

/* The target first, then what it is made of, depth first. */
static void gather(struct gathering *g)
{
	const struct survey *s = g->s;
	int *stack = mem_array(s->nstages, sizeof(*stack));
	bool *seen = mem_array(s->nstages, sizeof(*seen));
	size_t depth = 0;
	stack[depth++] = s->target;
	seen[s->target] = true;
	while (depth) {
		const struct survey_stage *st = &s->stages[stack[--depth]];
		gather_stage(g, st);
		for (size_t i = 0; i <= st->ndeps; i++) {
			int next = i < st->ndeps ? st->deps[i] : st->base_stage;
			if (next >= 0 && !seen[next]) {
				seen[next] = true;
				stack[depth++] = next;
			}
		}
	}
	mem_free(stack);
	mem_free(seen);
}

static int by_place(struct where a, struct where b, struct str a_name, struct str b_name)
{
	return a.line != b.line ? (a.line > b.line) - (a.line < b.line) : str_cmp(a_name, b_name);
}

static int arg_order(const void *a, const void *b)
{
	const struct outline_arg *x = a, *y = b;
	return by_place(x->where, y->where, x->name, y->name);
}

static int need_order(const void *a, const void *b)
{
	const struct outline_need *x = a, *y = b;
	return by_place(x->where, y->where, x->name, y->name);
}

static void sort(struct outline *o)
{
	if (o->nargs)
		qsort(o->args, o->nargs, sizeof(*o->args), arg_order);
	if (o->nsecrets)
		qsort(o->secrets, o->nsecrets, sizeof(*o->secrets), need_order);
	if (o->nssh)
		qsort(o->ssh, o->nssh, sizeof(*o->ssh), need_order);
}

int outline_make(struct cf *cf, const struct survey_env *env, struct outline *ret, struct err *e)
{
	cleanup_outline struct outline o = {0};
	cleanup_survey struct survey s = {0}; /* released first: it points into o's arena */
	TRY(survey_run(&s, cf, env, NULL, false, &o.arena, e));
	struct gathering g = {.s = &s, .o = &o};
	const struct stage *target = s.stages[s.target].stage;
	o.name = target->name;
	o.description = target->doc;
	gather(&g);
	map_done(&g.args);
	map_done(&g.secrets);
	map_done(&g.ssh);
	sort(&o);
	*ret = o;
	o = (struct outline){0};
	return 0;
}

void outline_done(struct outline *o)
{
	arena_done(&o->arena);
}

/* ---- as text ---- */

static void needs_print(const char *title, const struct outline_need *needs, size_t n, struct buf *out)
{
	cleanup_table struct table t = {.columns = 2, .gap = 3};
	if (!n)
		return;
	table_add(&t, str_of(title));
	table_add(&t, STR("REQUIRED"));
	for (size_t i = 0; i < n; i++) {
		table_add(&t, needs[i].name);
		table_add(&t, needs[i].required ? STR("true") : STR(""));
	}
	table_print(&t, out);
	buf_putc(out, '\n');
}

static void head_print(const struct outline *o, struct buf *out)
{
	cleanup_table struct table t = {.columns = 2, .gap = 1};
	if (o->name.len) {
		table_add(&t, STR("TARGET:"));
		table_add(&t, o->name);
	}
	if (o->description.len) {
		table_add(&t, STR("DESCRIPTION:"));
		table_add(&t, o->description);
	}
	table_print(&t, out);
	if (t.n)
		buf_putc(out, '\n');
}

void outline_print(const struct outline *o, struct buf *out)
{
	cleanup_table struct table t = {.columns = 3, .gap = 3};
	head_print(o, out);
	for (size_t i = 0; i < o->nargs; i++) {
		if (i == 0) {
			table_add(&t, STR("BUILD ARG"));
			table_add(&t, STR("VALUE"));
			table_add(&t, STR("DESCRIPTION"));
		}
		table_add(&t, o->args[i].name);
		table_add(&t, o->args[i].value);
		table_add(&t, o->args[i].description);
	}
	table_print(&t, out);
	if (t.n)
		buf_putc(out, '\n');
	needs_print("SECRET", o->secrets, o->nsecrets, out);
	needs_print("SSH", o->ssh, o->nssh, out);
}

/* ---- as JSON ---- */

static void set_needs(struct jval *j, const char *key, const struct outline_need *needs, size_t n)
{
	struct jval *list = jval_array();
	for (size_t i = 0; i < n; i++) {
		struct jval *item = jval_object();
		jval_set_str(item, "name", needs[i].name);
		if (needs[i].required)
			jval_set(item, "required", jval_boolean(true));
		jval_set(item, "location", ranges_json(needs[i].where));
		jval_append(list, item);
	}
	if (n)
		jval_set(j, key, list);
	else
		jval_free(list);
}

struct jval *outline_json(const struct outline *o)
{
	struct jval *j = jval_object(), *args = jval_array();
	ranges_set_text(j, "name", o->name);
	ranges_set_text(j, "description", o->description);
	for (size_t i = 0; i < o->nargs; i++) {
		struct jval *item = jval_object();
		jval_set_str(item, "name", o->args[i].name);
		ranges_set_text(item, "description", o->args[i].description);
		ranges_set_text(item, "value", o->args[i].value);
		jval_set(item, "location", ranges_json(o->args[i].where));
		jval_append(args, item);
	}
	if (o->nargs)
		jval_set(j, "args", args);
	else
		jval_free(args);
	set_needs(j, "secrets", o->secrets, o->nsecrets);
	set_needs(j, "ssh", o->ssh, o->nssh);
	return j;
}

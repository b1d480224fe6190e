/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of evaluation, and what its parts share: scopes, expansion with a record of what was looked up,
 * suggestions.
 */
#include "parser/survey.h"

#include "base/mem.h"
#include "parser/ascii.h"
#include "parser/expand.h"

/* Steps that suggesting may take in all: files may hold very many names. */
enum { SUGGEST_STEPS = 50 * 1000 * 1000 };

/* Stands in `far` for names that no scope has. */
static const struct str absent;

enum { FAR = 4 }; /* scopes; what was found beyond is remembered: chains of stages may be very long */

static const struct str *find(const struct survey_scope *scope, struct str name, size_t *depth)
{
	for (*depth = 0; scope; scope = scope->base, ++*depth) {
		const struct str *v = map_get(&scope->own, name);
		if (!v)
			v = map_get(&scope->far, name);
		if (v)
			return v;
	}
	return &absent;
}

bool survey_get(struct survey_scope *scope, struct str name, struct str *ret)
{
	size_t depth;
	const struct str *v = find(scope, name, &depth);
	if (depth > FAR)
		map_set(&scope->far, name, (void *)v);
	if (v == &absent)
		return false;
	*ret = *v;
	return true;
}

void survey_scope_done(struct survey_scope *scope)
{
	map_done(&scope->own);
	map_done(&scope->far);
}

void survey_set(struct survey *s, struct survey_scope *scope, struct str name, struct str value)
{
	struct str *v = arena_new(s->arena, sizeof(*v));
	*v = value;
	map_set(&scope->own, name, v);
}

/* ---- expansion ---- */

struct record {
	struct survey *s;
	struct survey_scope *scope;
	struct str *set, *unset;
	size_t nset, nunset, set_cap, unset_cap;
};

enum { RECORD_MAX = 256 }; /* names of one word that are told apart */

static void remember(struct arena *a, struct str **list, size_t *n, size_t *cap, struct str name)
{
	for (size_t i = 0; i < *n; i++)
		if (str_eq((*list)[i], name))
			return;
	if (*n >= RECORD_MAX)
		return;
	ARENA_ROOM(a, *list, *n, *cap);
	(*list)[(*n)++] = arena_str(a, name);
}

static bool get(void *arg, struct str name, struct str *ret_value)
{
	struct record *r = arg;
	bool there = survey_get(r->scope, name, ret_value);
	if (there)
		remember(r->s->arena, &r->set, &r->nset, &r->set_cap, name);
	else
		remember(r->s->arena, &r->unset, &r->nunset, &r->unset_cap, name);
	return there;
}

static int expand(
    struct survey *s, struct survey_scope *scope, struct str word, bool document, struct lint_word *ret, struct err *e)
{
	struct record r = {.s = s, .scope = scope};
	struct expander x = {
	    .get = get, .arg = &r, .escape = document ? '\\' : s->cf->escape, .literal_quotes = document};
	*ret = (struct lint_word){.raw = word, .text = word};
	int rc = expand_word(&x, word, s->arena, &ret->text, e);
	s->bytes += rc < 0 ? 0 : ret->text.len;
	if (s->bytes > SURVEY_BYTES_MAX)
		rc = err_set(e, ERR_LIMIT, "variables expand to more than %d bytes", SURVEY_BYTES_MAX);
	ret->set = r.set;
	ret->nset = r.nset;
	ret->unset = r.unset;
	ret->nunset = r.nunset;
	return rc;
}

int survey_expand(struct survey *s, struct survey_scope *scope, struct str word, struct lint_word *ret, struct err *e)
{
	return expand(s, scope, word, false, ret, e);
}

int survey_split(
    struct survey *s, struct survey_scope *scope, struct str word, struct str **ret, size_t *ret_n, struct err *e)
{
	struct record r = {.s = s, .scope = scope};
	struct expander x = {.get = get, .arg = &r, .escape = s->cf->escape};
	return expand_words(&x, word, s->arena, ret, ret_n, e);
}

int survey_expand_document(
    struct survey *s, struct survey_scope *scope, struct str body, struct lint_word *ret, struct err *e)
{
	return expand(s, scope, body, true, ret, e);
}

/* The nearest name of a map, nearer than what is known already. False: the name itself is there. */
static bool nearest(struct survey *s, const struct map *m, struct str name, unsigned *distance, struct str *ret)
{
	for (size_t i = 0; i < m->n && s->suggest_steps; i++) {
		struct str key = m->items[i].key;
		size_t more = key.len > name.len ? key.len - name.len : name.len - key.len;
		size_t steps = more > 2 ? 1 : key.len * name.len + 1;
		s->suggest_steps -= steps < s->suggest_steps ? steps : s->suggest_steps;
		if (more > 2)
			continue;
		unsigned d = str_distance(name, key);
		if (d == 0)
			return false;
		if (d < *distance) {
			*distance = d;
			*ret = key;
		}
	}
	return true;
}

void survey_suggest(struct survey *s, const struct survey_scope *scope, const struct map *more, struct lint_word *w)
{
	struct str *near = arena_new(s->arena, (w->nunset + 1) * sizeof(*near));
	for (size_t i = 0; i < w->nunset; i++) {
		unsigned distance = 3;
		bool other = !more || nearest(s, more, w->unset[i], &distance, &near[i]);
		for (const struct survey_scope *at = scope; at && other; at = at->base)
			other = nearest(s, &at->own, w->unset[i], &distance, &near[i]);
		if (!other)
			near[i] = (struct str){"", 0};
	}
	w->near = near;
}

/* ---- places and names ---- */

int survey_at(const struct instr *in, struct err *e)
{
	return err_at(e, in->where.line, in->where.col, in->where.end_line);
}

int survey_find_stage(const struct survey *s, struct str name)
{
	cleanup_arena struct arena scratch = {0};
	const struct survey_stage *st = map_get(&s->names, ascii_lower(&scratch, name));
	return st ? (int)(st - s->stages) : -1;
}

/* ---- the order ---- */

static int stages_in_order(struct survey *s, struct err *e)
{
	for (size_t i = 0; i < s->nstages; i++) {
		struct survey_stage *st = &s->stages[i];
		if (!st->reachable && !s->whole)
			continue;
		if (!st->replaced)
			TRY(survey_instrs(s, st, e));
		st->done = true;
	}
	return 0;
}

int survey_run(struct survey *s, struct cf *cf, const struct survey_env *env, struct lint *lint, bool whole,
    struct arena *a, struct err *e)
{
	*s = (struct survey){
	    .arena = a, .cf = cf, .env = env, .lint = lint, .whole = whole, .suggest_steps = SUGGEST_STEPS};
	TRY(survey_stages(s, e));
	return stages_in_order(s, e);
}

static void args_done(struct map *args)
{
	for (size_t i = 0; i < args->n; i++)
		map_done(&((struct survey_arg *)args->items[i].value)->deps);
	map_done(args);
}

void survey_done(struct survey *s)
{
	for (size_t i = 0; i < s->nstages; i++) {
		struct survey_stage *st = &s->stages[i];
		survey_scope_done(&st->vars);
		survey_scope_done(&st->declared);
		map_done(&st->secrets.index);
		map_done(&st->ssh.index);
		map_done(&st->used);
		args_done(&st->args);
	}
	args_done(&s->global_args);
	map_done(&s->given);
	map_done(&s->names);
	survey_scope_done(&s->globals);
	survey_scope_done(&s->predefined);
}

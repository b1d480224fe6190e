/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See scope.h: an ordered list, and a map beside it, because the number of variables is for the file to say. Lines "K=V" are made once a
 * value, and the list of them once a change, so that thousands of RUNs under thousands of variables do not multiply.
 */
#include "builder/lower/scope.h"

void scope_init(struct scope *s, struct arena *a)
{
	*s = (struct scope){.arena = a};
}

void scope_done(struct scope *s)
{
	map_done(&s->at);
	map_done(&s->is_declared);
	*s = (struct scope){0};
}

static void add(struct scope *s, const struct scope_var *v)
{
	ARENA_ROOM(s->arena, s->vars, s->n, s->cap);
	s->vars[s->n++] = *v;
	map_set(&s->at, v->name, (void *)s->n);
}

void scope_copy(const struct scope *from, struct scope *to)
{
	for (size_t i = 0; i < from->n; i++)
		add(to, &from->vars[i]);
	for (size_t i = 0; i < from->declared.n; i++)
		scope_declare(to, from->declared.v[i]);
}

struct scope_var *scope_find(const struct scope *s, struct str name)
{
	size_t at = (size_t)map_get(&s->at, name);
	return at ? &s->vars[at - 1] : NULL;
}

void scope_set(struct scope *s, struct str name, struct str value)
{
	struct scope_var *there = scope_find(s, name);
	struct str line = str_of(arena_printf(s->arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value)));
	struct str kept = str_from(line, name.len + 1);
	s->env = (struct strs){0};
	if (there) {
		there->value = kept;
		there->line = line;
	} else {
		add(s, &(struct scope_var){.name = str_sub(line, 0, name.len), .value = kept, .line = line});
	}
}

void scope_declare(struct scope *s, struct str name)
{
	if (map_has(&s->is_declared, name))
		return;
	map_set(&s->is_declared, name, s);
	strs_add(s->arena, &s->declared, name);
}

bool scope_get(const struct scope *s, struct str name, struct str *ret)
{
	const struct scope_var *v = scope_find(s, name);
	if (v)
		*ret = v->value;
	return v != NULL;
}

static bool get(void *arg, struct str name, struct str *ret_value)
{
	return scope_get(arg, name, ret_value);
}

struct expander scope_expander(const struct scope *s, char escape)
{
	return (struct expander){.get = get, .arg = (void *)(uintptr_t)s, .escape = escape};
}

int scope_expand(const struct scope *s, char escape, struct str word, struct str *ret, struct err *e)
{
	struct expander x = scope_expander(s, escape);
	return expand_word(&x, word, s->arena, ret, e);
}

struct strs scope_env(struct scope *s)
{
	if (s->env.n || !s->n)
		return s->env;
	s->env = (struct strs){.v = arena_new(s->arena, s->n * sizeof(*s->env.v)), .n = s->n, .cap = s->n};
	for (size_t i = 0; i < s->n; i++)
		s->env.v[i] = s->vars[i].line;
	return s->env;
}

void scope_history(const struct scope *s, struct buf *out)
{
	if (!s->declared.n)
		return;
	buf_printf(out, "|%zu ", s->declared.n);
	for (size_t i = 0; i < s->declared.n; i++) {
		struct str value = STR("");
		scope_get(s, s->declared.v[i], &value);
		buf_printf(out, "%.*s=%.*s ", STR_ARG(s->declared.v[i]), STR_ARG(value));
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See scope.h: a small ordered list; stages have tens of variables, not thousands. */
#include "builder/lower/scope.h"

void scope_init(struct scope *s, struct arena *a)
{
	*s = (struct scope){.arena = a};
}

void scope_copy(const struct scope *from, struct scope *to)
{
	scope_init(to, from->arena);
	for (size_t i = 0; i < from->n; i++)
		if (from->vars[i].set)
			scope_set(to, from->vars[i].name, from->vars[i].value);
	for (size_t i = 0; i < from->declared.n; i++)
		strs_add(to->arena, &to->declared, from->declared.v[i]);
}

void scope_set(struct scope *s, struct str name, struct str value)
{
	for (size_t i = 0; i < s->n; i++) {
		if (str_eq(s->vars[i].name, name)) {
			s->vars[i].value = arena_str(s->arena, value);
			s->vars[i].set = true;
			return;
		}
	}
	ARENA_ROOM(s->arena, s->vars, s->n, s->cap);
	s->vars[s->n++] =
	    (struct scope_var){.name = arena_str(s->arena, name), .value = arena_str(s->arena, value), .set = true};
}

void scope_declare(struct scope *s, struct str name)
{
	for (size_t i = 0; i < s->declared.n; i++)
		if (str_eq(s->declared.v[i], name))
			return;
	strs_add(s->arena, &s->declared, arena_str(s->arena, name));
}

bool scope_get(const struct scope *s, struct str name, struct str *ret)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->vars[i].set && str_eq(s->vars[i].name, name)) {
			*ret = s->vars[i].value;
			return true;
		}
	}
	return false;
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

void scope_env(const struct scope *s, struct arena *a, struct strs *ret)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->vars[i].set)
			strs_add(a, ret,
			    str_of(arena_printf(a, "%.*s=%.*s", STR_ARG(s->vars[i].name), STR_ARG(s->vars[i].value))));
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

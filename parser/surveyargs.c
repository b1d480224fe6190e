/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments before the first FROM: those that are always there (platforms), then the file's own, each seeing the ones
 * before it. They are evaluated once as they were given and once with defaults only, for the check of base names.
 */
#include "base/mem.h"
#include "parser/survey.h"

static struct str or_default(struct str s, const char *otherwise)
{
	return s.len ? s : str_of(otherwise);
}

/* TARGETPLATFORM, TARGETOS, TARGETARCH, TARGETVARIANT, TARGETOSVERSION; the same for BUILD. */
static void platform_args(struct survey *s, const char *side, struct str platform)
{
	static const char *const parts[] = {"OS", "ARCH", "VARIANT"};
	struct str rest = platform, part;
	survey_set(s, &s->predefined, str_of(arena_printf(s->arena, "%sPLATFORM", side)), platform);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (!str_split(&rest, '/', &part))
			part = (struct str){"", 0};
		survey_set(s, &s->predefined, str_of(arena_printf(s->arena, "%s%s", side, parts[i])), part);
	}
	survey_set(s, &s->predefined, str_of(arena_printf(s->arena, "%sOSVERSION", side)), (struct str){"", 0});
}

static struct str target_stage(const struct survey *s)
{
	if (s->env->target.len)
		return s->env->target;
	return or_default(s->cf->stages[s->cf->nstages - 1].name, "default");
}

static void predefine(struct survey *s)
{
	platform_args(s, "TARGET", or_default(s->env->platform, "linux/amd64"));
	platform_args(s, "BUILD", or_default(s->env->build_platform, "linux/amd64"));
	survey_set(s, &s->predefined, STR("TARGETSTAGE"), target_stage(s));
	for (size_t i = 0; i < s->predefined.own.n; i++) {
		struct map_item *item = &s->predefined.own.items[i];
		struct str *given = map_get(&s->given, item->key);
		if (given)
			item->value = given;
	}
}

struct survey_arg *survey_define(struct survey *s, struct map *args, const struct pair *p, const struct instr *in)
{
	struct survey_arg *arg = map_get(args, p->key);
	struct map deps = {0};
	if (arg)
		deps = arg->deps;
	else
		arg = arena_new(s->arena, sizeof(*arg));
	*arg = (struct survey_arg){.name = p->key, .doc = p->doc, .where = in->where, .deps = deps};
	map_set(args, p->key, arg);
	return arg;
}

static void add_names(struct map *m, const struct str *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		map_set(m, names[i], m);
}

/* One ARG of the file's head. `args` NULL: defaults only. */
static int meta_arg(struct survey *s, struct survey_scope *scope, struct map *args, const struct instr *in,
    const struct pair *p, struct err *e)
{
	struct survey_arg *def = args ? survey_define(s, args, p, in) : NULL;
	const struct str *given = args ? map_get(&s->given, p->key) : NULL;
	struct lint_word word = {0};
	if (!given && !p->has_value)
		return 0;
	if (given)
		word.text = *given;
	else if (survey_expand(s, scope, p->value, &word, e) < 0)
		return survey_at(in, e);
	survey_set(s, scope, p->key, word.text);
	if (def) {
		def->has_value = true;
		def->value = word.text;
		add_names(&def->deps, word.set, word.nset);
	}
	return 0;
}

static int meta_args(struct survey *s, struct survey_scope *scope, struct map *args, struct err *e)
{
	for (size_t i = 0; i < s->cf->nmetas; i++)
		for (size_t k = 0; k < s->cf->metas[i]->npairs; k++)
			TRY(meta_arg(s, scope, args, s->cf->metas[i], &s->cf->metas[i]->pairs[k], e));
	return 0;
}

void survey_predefine(struct survey *s)
{
	for (size_t i = 0; i < s->env->nbuild_args; i++) {
		const struct pair *p = &s->env->build_args[i];
		if (!p->has_value)
			continue;
		struct str *v = arena_new(s->arena, sizeof(*v));
		*v = p->value;
		map_set(&s->given, p->key, v);
	}
	predefine(s);
	s->globals.base = &s->predefined;
}

int survey_defaults(struct survey *s, struct survey_scope *ret, struct err *e)
{
	ret->base = &s->predefined;
	return meta_args(s, ret, NULL, e);
}

int survey_globals(struct survey *s, struct err *e)
{
	return meta_args(s, &s->globals, &s->global_args, e);
}

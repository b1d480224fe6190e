/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of COPY and ADD name: a list of picks. A literal path is followed through symlinks as chroot would; a
 * wildcard is matched level by level below its fixed part, and each match is then treated as if it had been written out.
 * With --parents a pick is the folder left of the pivot, together with what is wanted below it.
 *
 * A context is walked only where somebody asks, and its view may be another one after each walk. So everything that makes it
 * walk happens here, and copy_each.c looks at views that do not change any more.
 */
#include "snapshotter/copy_impl.h"

static int missing(const struct copy_item *item, struct str path, struct err *e)
{
	err_set(e, ERR_STEP, "\"/%.*s\": not found", STR_ARG(path));
	if (item->source->hint)
		item->source->hint(item->source->arg, path, e);
	return -e->code;
}

/* Follows symlinks, walking the context on to where they lead, until nothing changes. */
static int resolve(struct selection *s, const struct copy_item *item, struct str path, bool last, struct str *ret, struct err *e)
{
	const struct copy_source *src = item->source;
	struct str at = path;
	for (int i = 0; i <= COPY_LINKS_MAX; i++) {
		TRY(src->need(src->arg, at, e));
		cleanup_buf struct buf to = {0};
		if (view_resolve(src->view(src->arg), path, last, &to, e) < 0)
			return err_wrap(e, "\"/%.*s\"", STR_ARG(path));
		if (str_eq(buf_view(&to), at)) {
			*ret = at;
			return 0;
		}
		at = arena_str(&s->arena, buf_view(&to));
	}
	return err_set(e, ERR_STEP, "\"/%.*s\": too many symbolic links", STR_ARG(path));
}

bool copy_source_entry(const struct copy_source *src, struct str path, struct entry *ret)
{
	const struct view *v = src->view(src->arg);
	if (!view_find(v, path, ret))
		return false;
	if (ret->type != ENTRY_LINK)
		return true;
	struct str target = ret->target;
	uint32_t origin = ret->origin;
	if (!view_inode(v, path, ret))
		return false;
	ret->path = target;
	ret->origin = origin;
	return true;
}

static struct pick *add_pick(struct selection *s, const struct pick *p)
{
	s->picks = arena_grow(&s->arena, s->picks, s->n, &s->cap, sizeof(*s->picks));
	s->picks[s->n] = *p;
	return &s->picks[s->n++];
}

/* Adds what stands at the path, followed. */
static int pick_path(struct selection *s, uint32_t number, struct str path, struct str name, bool *ret_found, struct err *e)
{
	const struct copy_item *item = &s->args->items[number];
	struct str at;
	*ret_found = false;
	TRY(resolve(s, item, path, true, &at, e));
	struct entry en;
	if (!copy_source_entry(item->source, at, &en))
		return 0;
	if (item->rename.len)
		name = item->rename;
	add_pick(s, &(struct pick){.item = item, .number = number, .path = at, .name = name});
	*ret_found = true;
	return 0;
}

static int pick_literal(struct selection *s, uint32_t number, struct str path, struct err *e)
{
	const struct copy_item *item = &s->args->items[number];
	bool found;
	TRY(pick_path(s, number, path, path_base(path), &found, e));
	if (!found && !item->literal && str_find(path, '\\') >= 0) {
		struct str plain = copy_unescape(&s->arena, path);
		TRY(pick_path(s, number, plain, path_base(plain), &found, e));
	}
	return found ? 0 : missing(item, path, e);
}

/* --- wildcards --- */

struct level {
	const struct copy_args *a;
	struct arena *arena;
	struct str pattern;
	bool folders;          /* more components follow: only real folders count */
	struct str *names;
	size_t n, cap;
	struct err *e;
};

static int level_child(void *arg, const struct entry *en)
{
	struct level *l = arg;
	if (l->folders && en->type != ENTRY_DIR)
		return 0;
	bool yes;
	struct str name = path_base(en->path);
	TRY(l->a->glob(l->pattern, name, &yes, l->e));
	if (!yes)
		return 0;
	ARENA_ROOM(l->arena, l->names, l->n, l->cap);
	l->names[l->n++] = arena_str(l->arena, name);
	return 0;
}

/* Cuts the components before the first wildcard off: they are a literal path. */
static void fixed_part(struct selection *s, struct str pattern, struct str *ret_fixed, struct str *ret_rest)
{
	struct str rest = pattern, part, before = pattern;
	while (before = rest, copy_component(&rest, &part) && !copy_is_wild(part))
		;
	size_t n = before.p ? (size_t)(before.p - pattern.p) : pattern.len;
	*ret_rest = str_from(pattern, n);
	while (n > 0 && pattern.p[n - 1] == '/')
		n--;
	*ret_fixed = copy_unescape(&s->arena, str_sub(pattern, 0, n));
}

static int match_below(struct selection *s, uint32_t number, struct str dir, struct str pattern, struct err *e)
{
	const struct copy_item *item = &s->args->items[number];
	struct level l = {.a = s->args, .arena = &s->arena, .e = e};
	struct str rest = pattern;
	if (!copy_component(&rest, &l.pattern))
		return 0;
	l.folders = rest.len > 0;
	TRY(view_children(item->source->view(item->source->arg), dir, level_child, &l));
	for (size_t i = 0; i < l.n; i++) {
		struct str path = copy_join(&s->arena, dir, l.names[i]);
		if (l.folders) {
			TRY(match_below(s, number, path, rest, e));
			continue;
		}
		bool found;
		TRY(pick_path(s, number, path, l.names[i], &found, e));
		if (!found)
			return missing(item, path, e);
	}
	return 0;
}

/* A broken pattern is an error also when there is nothing that it could be tried on. */
static int check_pattern(const struct copy_args *a, struct str pattern, struct err *e)
{
	struct str part;
	while (copy_component(&pattern, &part)) {
		bool yes;
		TRY(a->glob(part, STR(""), &yes, e));
	}
	return 0;
}

static int pick_wild(struct selection *s, uint32_t number, struct str pattern, struct err *e)
{
	const struct copy_item *item = &s->args->items[number];
	struct str fixed, rest, dir;
	TRY(check_pattern(s->args, pattern, e));
	fixed_part(s, pattern, &fixed, &rest);
	TRY(resolve(s, item, fixed, true, &dir, e));
	struct entry en;
	if (!view_find(item->source->view(item->source->arg), dir, &en) || en.type != ENTRY_DIR)
		return 0;
	return match_below(s, number, dir, rest, e);
}

/* --- --parents --- */

/* Everything on the way is real: one pick. A symlink on the way is kept, and so is what it leads to if that is below the base. */
static int parents_literal(struct selection *s, uint32_t number, struct str base, struct str want, bool *ret_found, struct err *e)
{
	const struct copy_item *item = &s->args->items[number];
	struct pick p = {.item = item, .number = number, .path = base, .parents = true};
	struct str at, full = copy_join(&s->arena, base, want), rest = want, part, on = {0};
	TRY(resolve(s, item, full, false, &at, e));
	const struct view *v = item->source->view(item->source->arg);
	struct entry en;
	*ret_found = false;
	while (copy_component(&rest, &part)) {
		on = copy_join(&s->arena, on, part);
		if (!view_find(v, copy_join(&s->arena, base, on), &en))
			return 0;
		if (en.type == ENTRY_SYMLINK)
			break;
	}
	p.only = on;
	add_pick(s, &p);
	*ret_found = true;
	if (on.len == want.len || !path_within(at, base) || at.len == base.len || !view_find(v, at, &en))
		return 0;
	p.only = str_from(at, base.len ? base.len + 1 : 0);
	add_pick(s, &p);
	return 0;
}

/* What is wanted below one folder left of the pivot. */
static int parents_below(struct selection *s, uint32_t number, struct str base, struct str want, bool *ret_found, struct err *e)
{
	const struct copy_item *item = &s->args->items[number];
	struct entry en;
	*ret_found = false;
	if (!view_find(item->source->view(item->source->arg), base, &en) || en.type != ENTRY_DIR)
		return 0;
	if (item->literal || !copy_is_wild(want)) {
		TRY(parents_literal(s, number, base, want, ret_found, e));
		if (!*ret_found && !item->literal && str_find(want, '\\') >= 0)
			return parents_literal(s, number, base, copy_unescape(&s->arena, want), ret_found, e);
		return 0;
	}
	struct str fixed, rest;
	fixed_part(s, want, &fixed, &rest);
	TRY(item->source->need(item->source->arg, copy_join(&s->arena, base, fixed), e));
	struct pick *p = add_pick(s, &(struct pick){.item = item, .number = number, .path = base, .parents = true});
	*ret_found = true;
	return s->args->excluder(&want, 1, &p->include, e);
}

static int pick_parents(struct selection *s, uint32_t number, struct err *e)
{
	const struct copy_item *item = &s->args->items[number];
	struct str path = item->path, left = {0}, right = path;
	const char *pivot = path.len ? memmem(path.p, path.len, "/./", 3) : NULL;
	if (pivot) {
		left = str_sub(path, 0, (size_t)(pivot - path.p));
		right = str_from(path, (size_t)(pivot - path.p) + 3);
	}
	left = copy_clean(&s->arena, left);
	right = copy_clean(&s->arena, right);
	if (!right.len) {
		err_set(e, ERR_STEP, "\"/%.*s\": not found: --parents needs a path whose parents can be kept, \"%.*s\" names none", STR_ARG(left),
			STR_ARG(path));
		return -e->code;
	}
	bool wild = !item->literal && (copy_is_wild(left) || copy_is_wild(right)), found = false, any = false;
	size_t first = s->n;
	if (!item->literal && copy_is_wild(left)) {
		TRY(pick_wild(s, number, left, e));
	} else {
		TRY(pick_path(s, number, left, STR(""), &found, e));
	}
	/* The folders found so far only say where to look. */
	size_t nbases = s->n - first;
	struct str *bases = arena_new(&s->arena, (nbases + 1) * sizeof(*bases));
	for (size_t i = 0; i < nbases; i++)
		bases[i] = s->picks[first + i].path;
	s->n = first;
	for (size_t i = 0; i < nbases; i++) {
		TRY(parents_below(s, number, bases[i], right, &found, e));
		any = any || found;
	}
	return any || wild ? 0 : missing(item, copy_join(&s->arena, left, right), e);
}

/* --- all of it --- */

static int select_item(struct selection *s, uint32_t number, struct err *e)
{
	const struct copy_item *item = &s->args->items[number];
	if (s->args->parents)
		return pick_parents(s, number, e);
	struct str path = copy_clean(&s->arena, item->path);
	if (item->literal || !copy_is_wild(path))
		return pick_literal(s, number, path, e);
	return pick_wild(s, number, path, e);
}

/* Patterns with a leading slash never match (the reference: they are compared with paths that have none). */
static int make_excludes(struct selection *s, struct err *e)
{
	const struct copy_args *a = s->args;
	struct str *patterns = arena_new(&s->arena, (a->nexcludes + 1) * sizeof(*patterns));
	size_t n = 0;
	for (size_t i = 0; i < a->nexcludes; i++) {
		struct str p = str_trim(a->excludes[i]);
		struct str body = str_starts(p, STR("!")) ? str_trim(str_from(p, 1)) : p;
		if (!str_starts(body, STR("/")))
			patterns[n++] = p;
	}
	return n ? a->excluder(patterns, n, &s->excludes, e) : 0;
}

int copy_select(const struct copy_args *a, struct selection *ret, struct err *e)
{
	*ret = (struct selection){.args = a};
	TRY(make_excludes(ret, e));
	for (size_t i = 0; i < a->nitems; i++) {
		if (cancelled(a->cancel))
			return err_set(e, ERR_CANCELLED, "cancelled");
		TRY(select_item(ret, (uint32_t)i, e));
	}
	/* Now that nothing is walked any more, entries can be borrowed. */
	for (size_t i = 0; i < ret->n; i++)
		if (!copy_source_entry(ret->picks[i].item->source, ret->picks[i].path, &ret->picks[i].en))
			return missing(ret->picks[i].item, ret->picks[i].path, e);
	return 0;
}

void copy_selection_done(struct selection *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->picks[i].include)
			s->args->excluder_free(s->picks[i].include);
	if (s->excludes)
		s->args->excluder_free(s->excludes);
	arena_done(&s->arena);
	*s = (struct selection){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two JSON objects of key parts, member by member. A text is compared as a whole; a list (the environment) item by item, where an
 * item that begins with the same "NAME=" is the same one; mounts by where they stand, and then option by option.
 */
#include "builder/solve/why.h"

#include "base/jval.h"
#include "builder/graph/parts.h"

void why_done(struct changes *c)
{
	arena_done(&c->arena);
	*c = (struct changes){0};
}

void why_add(struct changes *c, const struct change *one)
{
	ARENA_ROOM(&c->arena, c->v, c->n, c->cap);
	c->v[c->n++] = *one;
}

void why_reason(struct changes *c, const char *kind)
{
	why_add(c, &(struct change){.kind = kind});
}

static struct str keep(struct changes *c, const char *text)
{
	return text ? arena_str(&c->arena, str_of(text)) : (struct str){0};
}

/* Adds the change from one value to the other; NULL: there is none. */
static void add(struct changes *c, struct change one, const char *was, const char *is)
{
	if (!one.change)
		one.change = !was ? "added" : !is ? "removed" : "changed";
	one.path = arena_str(&c->arena, one.path);
	one.was = keep(c, was);
	one.is = keep(c, is);
	why_add(c, &one);
}

/* --- lists --- */

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");
	return n == strcspn(b, "=") && a[n] && b[n] && memcmp(a, b, n) == 0;
}

/* The item of the list that has this text, or this name; or NULL. */
static const char *list_find(const struct jval *list, const char *item, bool by_name)
{
	for (size_t i = 0; i < jval_count(list); i++) {
		const char *other = jval_text(jval_at(list, i));
		if (other && (by_name ? same_name(item, other) : strcmp(item, other) == 0))
			return other;
	}
	return NULL;
}

static void compare_lists(struct change one, const struct jval *then, const struct jval *now, struct changes *c)
{
	for (size_t i = 0; i < jval_count(now); i++) {
		const char *is = jval_text(jval_at(now, i));
		if (is && !list_find(then, is, false))
			add(c, one, list_find(then, is, true), is);
	}
	for (size_t i = 0; i < jval_count(then); i++) {
		const char *was = jval_text(jval_at(then, i));
		if (was && !list_find(now, was, false) && !list_find(now, was, true))
			add(c, one, was, NULL);
	}
}

/* --- mounts --- */

/* What tells a mount from the others of its step. A secret may be a variable only. */
static const char *mount_place(const struct jval *m)
{
	const char *target = jval_get_text(m, "target"), *env = jval_get_text(m, "env");
	return target ? target : env ? env : "";
}

static const struct jval *mount_at(const struct jval *list, const char *place)
{
	for (size_t i = 0; i < jval_count(list); i++)
		if (strcmp(mount_place(jval_at(list, i)), place) == 0)
			return jval_at(list, i);
	return NULL;
}

struct options {
	const struct jval *other;
	bool removed;             /* other is the newer one: what it does not have is looked for */
	struct change one;
	struct changes *c;
};

static int compare_option(const char *name, struct jval *value, void *arg)
{
	struct options *o = arg;
	const char *here = jval_text(value), *there = jval_get_text(o->other, name);
	if (!here || (there && (o->removed || strcmp(here, there) == 0)))
		return 0;
	struct change one = o->one;
	if (strcmp(name, "content") == 0)
		one.change = "content";
	else
		one.name = arena_strdup(&o->c->arena, name);
	add(o->c, one, o->removed ? here : there, o->removed ? NULL : here);
	return strcmp(name, "type") == 0; /* the other options follow from that */
}

static void compare_mount(struct change one, const struct jval *then, const struct jval *now, struct changes *c)
{
	if (!jval_each(now, compare_option, &(struct options){.other = then, .one = one, .c = c}))
		jval_each(then, compare_option, &(struct options){.other = now, .one = one, .c = c, .removed = true});
}

static int differs(const char *name, struct jval *value, void *arg)
{
	const char *other = jval_get_text(arg, name);
	return strcmp(name, "target") != 0 && (!other || strcmp(other, jval_text(value)) != 0);
}

/* A mount of `list` that stands nowhere in `not_in` and is like `m` but for its place. */
static const struct jval *mount_moved(const struct jval *m, const struct jval *list, const struct jval *not_in)
{
	for (size_t i = 0; i < jval_count(list); i++) {
		struct jval *other = jval_at(list, i);
		if (!mount_at(not_in, mount_place(other)) && jval_count(other) == jval_count(m) &&
		    !jval_each(other, differs, (void *)m))
			return other;
	}
	return NULL;
}

static void mount_gone_or_new(struct change one, const struct jval *m, const struct jval *moved, bool gone, struct changes *c)
{
	const char *type = jval_get_text(m, "type");
	one.path = str_of(mount_place(m));
	if (!moved) {
		add(c, one, gone ? type : NULL, gone ? NULL : type);
	} else if (!gone) { /* said once */
		one.change = "target";
		add(c, one, mount_place(moved), mount_place(m));
	}
}

static void compare_mounts(struct change one, const struct jval *then, const struct jval *now, struct changes *c)
{
	size_t before = c->n;
	for (size_t i = 0; i < jval_count(now); i++) {
		const struct jval *m = jval_at(now, i), *was = mount_at(then, mount_place(m));
		one.path = str_of(mount_place(m));
		if (was)
			compare_mount(one, was, m, c);
		else
			mount_gone_or_new(one, m, mount_moved(m, then, now), false, c);
	}
	for (size_t i = 0; i < jval_count(then); i++) {
		const struct jval *m = jval_at(then, i);
		if (!mount_at(now, mount_place(m)))
			mount_gone_or_new(one, m, mount_moved(m, now, then), true, c);
	}
	if (c->n == before)
		add(c, (struct change){.kind = one.kind, .change = "order"}, NULL, NULL);
}

/* --- parts --- */

static bool equal(const struct jval *a, const struct jval *b)
{
	cleanup_buf struct buf x = {0}, y = {0};
	if (a)
		jval_print(a, 0, &x);
	if (b)
		jval_print(b, 0, &y);
	return str_eq(buf_view(&x), buf_view(&y));
}

static void compare_part(enum part p, const struct jval *then, const struct jval *now, struct changes *c)
{
	struct change one = {.kind = part_kind(p), .name = part_name(p)};
	if (equal(then, now))
		return;
	if (p == PART_MOUNTS) {
		one.name = NULL;
		compare_mounts(one, then, now, c);
	} else if (jval_is_array(now) || jval_is_array(then)) {
		compare_lists(one, then, now, c);
	} else {
		add(c, one, jval_text(then), jval_text(now));
	}
}

bool why_parts(struct str then, struct str now, struct changes *c)
{
	struct err ignored;
	cleanup_jval struct jval *a = NULL;
	cleanup_jval struct jval *b = NULL;
	if (!then.len || jval_parse(then, &a, &ignored) < 0 || jval_parse(now, &b, &ignored) < 0)
		return false;
	for (enum part p = 0; p < PART_COUNT; p++)
		compare_part(p, jval_get(a, part_name(p)), jval_get(b, part_name(p)), c);
	return true;
}

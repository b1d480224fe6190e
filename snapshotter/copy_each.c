/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goes through what is selected below a picked folder, in index order. A folder that is not wanted itself is held back until
 * something below it is wanted. Hard links are found first, so that each of their names can be told which file it shares.
 */
#include "snapshotter/copy_impl.h"

struct held {
	struct str rel;
	struct entry en;
};
struct each {
	const struct selection *s;
	const struct pick *p;
	const struct view *view;
	copy_each_fn *fn;
	void *arg;
	struct map shared;     /* keys of files with several names */
	struct held *held;     /* folders, each below the one before */
	size_t nheld, cap;
	struct arena arena;
	struct err *e;
};

static void each_done(struct each *x)
{
	map_done(&x->shared);
	mem_free(x->held);
	arena_done(&x->arena);
}

static struct str inode_key(struct arena *ar, uint32_t origin, struct str path)
{
	char *key = arena_printf(ar, "%u:%.*s", origin, STR_ARG(path));
	return str_of(key);
}

static int note_link(void *arg, const struct entry *en)
{
	struct each *x = arg;
	if (en->type == ENTRY_LINK)
		map_set(&x->shared, inode_key(&x->arena, en->origin, en->target), x);
	return 0;
}

static int emit(struct each *x, struct str rel, const struct entry *en)
{
	struct entry full = *en;
	struct str inode = {0};
	if (x->shared.n && en->type != ENTRY_DIR) {
		inode = inode_key(&x->arena, en->origin, en->type == ENTRY_LINK ? en->target : en->path);
		if (!map_has(&x->shared, inode))
			inode = (struct str){0};
	}
	if (en->type == ENTRY_LINK) {
		if (!view_inode(x->view, en->path, &full))
			return err_set(x->e, ERR_CORRUPT, "\"/%.*s\": a hard link to nothing", STR_ARG(en->path));
		full.path = en->path;
		full.origin = en->origin;
	}
	return x->fn(x->arg, rel, &full, inode, x->e);
}

static int emit_held(struct each *x, struct str rel)
{
	size_t n = x->nheld;
	for (size_t i = 0; i < n; i++)
		if (path_within(rel, x->held[i].rel))
			TRY(emit(x, x->held[i].rel, &x->held[i].en));
	x->nheld = 0;
	return 0;
}

static void hold(struct each *x, struct str rel, const struct entry *en)
{
	while (x->nheld && !path_within(rel, x->held[x->nheld - 1].rel))
		x->nheld--;
	MEM_ROOM(x->held, x->nheld, x->cap);
	x->held[x->nheld++] = (struct held){rel, *en};
}

static struct str below(const struct pick *p, struct str path)
{
	return p->path.len ? str_from(path, p->path.len + 1) : path;
}

static int visit(struct each *x, const struct entry *en, bool wanted)
{
	struct str rel = below(x->p, en->path);
	if (wanted && x->p->include)
		wanted = x->s->args->excluded(x->p->include, rel);
	if (wanted && x->s->excludes)
		wanted = !x->s->args->excluded(x->s->excludes, rel);
	if (wanted) {
		TRY(emit_held(x, rel));
		return emit(x, rel, en);
	}
	if (en->type == ENTRY_DIR)
		hold(x, rel, en);
	return 0;
}

static int visit_wanted(void *arg, const struct entry *en)
{
	return visit(arg, en, true);
}

/* The path that --parents names, its parents held back before it. */
static int visit_only(struct each *x)
{
	struct str rest = x->p->only, part, on = {0};
	struct entry en;
	while (copy_component(&rest, &part)) {
		on = copy_join(&x->arena, on, part);
		if (!view_find(x->view, copy_join(&x->arena, x->p->path, on), &en))
			return 0;
		TRY(visit(x, &en, !rest.len));
	}
	return view_walk(x->view, copy_join(&x->arena, x->p->path, x->p->only), visit_wanted, x);
}

int copy_each(const struct selection *s, const struct pick *p, copy_each_fn *fn, void *arg, struct err *e)
{
	cleanup_with(each_done) struct each x = {.s = s, .p = p, .view = p->item->source->view(p->item->source->arg), .fn = fn, .arg = arg, .e = e};
	struct str top = p->only.len ? copy_join(&x.arena, p->path, p->only) : p->path;
	if (view_may_link(x.view, top))
		TRY(view_walk(x.view, top, note_link, &x));
	if (p->only.len)
		return visit_only(&x);
	return view_walk(x.view, p->path, visit_wanted, &x);
}

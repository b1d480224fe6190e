/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The destination tree while an instruction puts things there: the tree below, seen through a view, and over it the nodes of
 * the layer-to-be. Nodes are never removed: what is replaced is marked as gone, and so is, by its chain of parents,
 * everything that was below it; replacing a folder costs nothing, whatever it held.
 *
 * A folder that is made where a folder was hidden before (it was replaced by a file, then by a folder again) is `fresh`:
 * the children that the layers below have there get whiteouts at the end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "snapshotter/copy_impl.h"

void copy_ground_done(struct ground *g)
{
	mem_free(g->nodes);
	map_done(&g->at);
	arena_done(&g->arena);
	*g = (struct ground){0};
}

static bool alive(const struct ground *g, uint32_t i)
{
	for (; i != NODE_NONE; i = g->nodes[i].parent)
		if (g->nodes[i].gone)
			return false;
	return true;
}

static struct node *node_at(const struct ground *g, struct str path)
{
	size_t i = (size_t)(uintptr_t)map_get(&g->at, path);
	return i && alive(g, (uint32_t)(i - 1)) ? &g->nodes[i - 1] : NULL;
}

bool copy_ground_find(struct ground *g, struct str path, struct entry *ret, struct node **ret_node)
{
	struct node *n = path.len ? node_at(g, path) : NULL;
	if (ret_node)
		*ret_node = n;
	if (n) {
		*ret = n->en;
		return true;
	}
	if (!path.len) {
		*ret = (struct entry){.type = ENTRY_DIR, .mode = 0755};
		return true;
	}
	struct node *parent = node_at(g, path_parent(path));
	if (!g->below || (parent && (parent->fresh || parent->en.type != ENTRY_DIR)))
		return false;
	if (!view_inode(g->below, path, ret))
		return false;
	ret->opaque = false; /* it says something about the layer that the folder comes from */
	return true;
}

struct node *copy_ground_put(struct ground *g, const struct entry *en, struct str from)
{
	struct node *old = node_at(g, en->path), *parent = node_at(g, path_parent(en->path));
	uint32_t up = parent ? (uint32_t)(parent - g->nodes) : NODE_NONE;
	struct entry was;
	bool over = en->type == ENTRY_DIR && copy_ground_find(g, en->path, &was, NULL) && was.type == ENTRY_DIR;
	if (old && over) {
		struct str path = old->en.path;
		old->en = *en;
		old->en.path = path;
		old->writer = g->writer;
		return old;
	}
	if (old)
		old->gone = true;
	MEM_ROOM(g->nodes, g->n, g->cap);
	struct node *n = &g->nodes[g->n++];
	*n = (struct node){.en = *en, .from = from, .parent = up, .writer = g->writer, .fresh = en->type == ENTRY_DIR && !over};
	map_set(&g->at, en->path, (void *)(uintptr_t)g->n);
	return n;
}

static int not_a_folder(struct str path, struct err *e)
{
	return err_set(e, ERR_STEP, "cannot copy to non-directory: /%.*s", STR_ARG(path));
}

/* A folder that nobody described: 0755, with --chown's owner, with a numeric --chmod's bits. */
static struct entry made_folder(const struct ground *g, struct str path, bool plain)
{
	return (struct entry){.path = path, .type = ENTRY_DIR, .mode = g->octal && !plain ? g->octal_mode : 0755,
		.uid = g->args->set_owner ? g->args->uid : 0, .gid = g->args->set_owner ? g->args->gid : 0, .mtime = g->args->now, .clock = true};
}

int copy_ground_folder(struct ground *g, struct str path, bool plain, struct node **ret_node, bool *ret_made, struct err *e)
{
	struct str rest = path, part;
	struct node *n = NULL;
	bool made = false;
	if (ret_made)
		*ret_made = false;
	n = path.len ? node_at(g, path) : NULL;
	if (n && n->en.type == ENTRY_DIR) {
		if (ret_node)
			*ret_node = n;
		return 0;
	}
	while (copy_component(&rest, &part)) {
		struct str at = str_sub(path, 0, (size_t)(part.p + part.len - path.p));
		struct entry en;
		made = !copy_ground_find(g, at, &en, &n);
		if (!made && en.type != ENTRY_DIR)
			return not_a_folder(at, e);
		if (made)
			en = made_folder(g, at, plain);
		if (!n) {
			en.path = arena_str(&g->arena, at);
			n = copy_ground_put(g, &en, (struct str){0});
		}
	}
	if (ret_node)
		*ret_node = n;
	if (ret_made)
		*ret_made = made;
	return 0;
}

struct walk {
	struct ground *g;
	struct str base, rest;
	struct buf at;          /* below base, no symlinks */
	struct buf full;        /* base and at */
	struct arena arena;     /* texts of symlinks */
	int links;
	size_t tail;            /* bytes of rest that do not come from a symlink */
};

static void walk_done(struct walk *w)
{
	buf_done(&w->at);
	buf_done(&w->full);
	arena_done(&w->arena);
}

static void add_part(struct buf *b, struct str part)
{
	if (b->len && part.len)
		buf_putc(b, '/');
	buf_str(b, part);
}

/* Good until the next call. */
static struct str walk_path(struct walk *w, struct str part)
{
	buf_clear(&w->full);
	buf_str(&w->full, w->base);
	add_part(&w->full, buf_view(&w->at));
	add_part(&w->full, part);
	return buf_view(&w->full);
}

static int walk_link(struct walk *w, struct str path, struct str target, struct err *e)
{
	if (++w->links > COPY_LINKS_MAX)
		return err_set(e, ERR_LIMIT, "/%.*s: too many symbolic links", STR_ARG(path));
	if (str_starts(target, STR("/")))
		buf_clear(&w->at);
	w->rest = str_of(arena_printf(&w->arena, "%.*s/%.*s", STR_ARG(target), STR_ARG(w->rest)));
	return 0;
}

static void walk_up(struct walk *w)
{
	ptrdiff_t slash = str_rfind(buf_view(&w->at), '/');
	w->at.len = slash < 0 ? 0 : (size_t)slash;
	if (w->at.p)
		w->at.p[w->at.len] = '\0';
}

int copy_ground_resolve(struct ground *g, struct str base, struct str path, bool last, bool strict, struct str *ret, struct err *e)
{
	cleanup_with(walk_done) struct walk w = {.g = g, .base = base, .rest = path, .tail = path.len};
	struct str part;
	struct entry en;
	while (copy_component(&w.rest, &part)) {
		bool linked = w.links && w.rest.len >= w.tail;
		if (!linked)
			w.tail = w.rest.len;
		if (str_eqz(part, "."))
			continue;
		if (str_eqz(part, "..")) {
			walk_up(&w);
			continue;
		}
		struct str at = walk_path(&w, part), left = w.rest, next;
		bool final = !copy_component(&left, &next), there = copy_ground_find(g, at, &en, NULL);
		if (there && en.type == ENTRY_SYMLINK && (last || !final)) {
			TRY(walk_link(&w, at, en.target, e));
			continue;
		}
		if (there && en.type != ENTRY_DIR && !final)
			return not_a_folder(at, e);
		if (!there && strict && linked)
			return err_set(e, ERR_STEP, "/%.*s: not found, a symbolic link leads there", STR_ARG(at));
		add_part(&w.at, part);
	}
	*ret = arena_str(&g->arena, walk_path(&w, (struct str){0}));
	return 0;
}

/* --- the layer out of it --- */

struct veil {
	struct ground *g;
	struct index *ix;
};

static int veil_child(void *arg, const struct entry *en)
{
	struct veil *v = arg;
	if (!node_at(v->g, en->path))
		index_add(v->ix, &(struct entry){.path = en->path, .type = ENTRY_WHITEOUT});
	return 0;
}

static void hide_lower_children(struct ground *g, const struct node *n, struct index *ix)
{
	struct entry en;
	if (g->below && n->fresh && view_find(g->below, n->en.path, &en) && en.type == ENTRY_DIR)
		view_children(g->below, n->en.path, veil_child, &(struct veil){g, ix});
}

/* What an index entry needs to find back its node: origin is wanted for the source, so the order of the sorted index is used. */
struct placed {
	const struct node *n;
};

static int by_path(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	return path_cmp(x->n->en.path, y->n->en.path);
}

/* The first name, in the order of the layer, of a file with several is the file; the others are links to it. */
static void add_node(struct index *ix, const struct node *n, struct map *first, char key[24])
{
	struct entry en = n->en;
	if (n->inode) {
		snprintf(key, 24, "%u", n->inode);
		struct node *before = map_get(first, str_of(key));
		if (before) {
			en.type = ENTRY_LINK;
			en.target = before->en.path;
			en.size = 0;
			en.digest = (struct digest){0};
			en.xattrs = (struct str){0};
		} else {
			map_set(first, str_of(key), (void *)n);
		}
	}
	index_add(ix, &en);
}

int copy_ground_finish(struct ground *g, struct copy_plan *ret, struct err *e)
{
	(void)e;
	cleanup_free struct placed *live = mem_array(g->n + 1, sizeof(*live));
	cleanup_map struct map first = {0};
	size_t n = 0;
	char key[24];
	for (size_t i = 0; i < g->n; i++)
		if (alive(g, (uint32_t)i))
			live[n++].n = &g->nodes[i];
	qsort(live, n, sizeof(*live), by_path);
	ret->index = index_new();
	for (size_t i = 0; i < n; i++)
		add_node(ret->index, live[i].n, &first, key);
	for (size_t i = 0; i < n; i++)
		hide_lower_children(g, live[i].n, ret->index);
	index_sort(ret->index);
	ret->from = arena_new(&ret->arena, (ret->index->n + 1) * sizeof(*ret->from));
	for (size_t i = 0, j = 0; i < ret->index->n; i++) {
		struct entry *en = &ret->index->entries[i];
		if (j < n && str_eq(en->path, live[j].n->en.path)) {
			if (en->type == ENTRY_FILE)
				ret->from[i] = arena_str(&ret->arena, live[j].n->from);
			j++;
		}
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers seen as one. A *node* is what the view knows about one folder: its entry, and for each layer that contributes to it
 * (top first) the range of that layer's entries below it. A child is then looked for in those ranges only, top first, until
 * something hides the rest: a whiteout, something that is no folder, an opaque folder. Nodes are made when first asked for and
 * kept by path, so asking for a thousand names in one folder resolves the folder once.
 *
 * A layer may lack a folder that it has something in (foreign layers): then the folder is what the layers below say, else
 * 0755 0:0. Whiteouts alone make no folder.
 */
#include "snapshotter/view.h"

#include <pthread.h>

#include "base/map.h"
#include "base/mem.h"

struct range {
	uint32_t layer;
	size_t first, last;
};

struct node {
	bool exists;
	struct entry en;
	struct range *ranges; /* of a folder, top layer first */
	uint32_t n;
};

struct view {
	const struct index *const *layers;
	size_t n;
	struct arena arena;
	struct map nodes;     /* by path */
	pthread_mutex_t lock; /* guards arena and nodes; nodes themselves never change */
};

struct view *view_new(const struct index *const *layers, size_t n)
{
	struct view *v = mem_new(sizeof(*v));
	const struct index **copy = arena_new(&v->arena, (n ? n : 1) * sizeof(*copy));
	if (n)
		memcpy(copy, layers, n * sizeof(*copy));
	v->layers = copy;
	v->n = n;
	pthread_mutex_init(&v->lock, NULL);
	return v;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	pthread_mutex_destroy(&v->lock);
	map_done(&v->nodes);
	arena_done(&v->arena);
	mem_free(v);
}

void view_indexes(const struct view *v, void (*fn)(void *arg, const struct index *ix), void *arg)
{
	for (size_t i = 0; i < v->n; i++)
		fn(arg, v->layers[i]);
}

static void implied_folder(struct str path, uint32_t layer, struct entry *ret)
{
	*ret = (struct entry){.path = path, .type = ENTRY_DIR, .mode = 0755, .origin = layer};
}

/* Is there more than whiteouts in the range? */
static bool holds_something(const struct index *ix, const struct range *r)
{
	for (size_t i = r->first; i < r->last; i++)
		if (ix->entries[i].type != ENTRY_WHITEOUT)
			return true;
	return false;
}

/* What `path`, a child of the folder `in`, is. Fills `to` completely; its ranges are in the arena. */
static void resolve_child(struct view *v, const struct node *in, struct str path, struct node *to)
{
	bool explicit = false, stop = false;
	*to = (struct node){0};
	for (uint32_t i = 0; i < in->n && !stop; i++) {
		struct range r = in->ranges[i];
		const struct index *ix = v->layers[r.layer];
		struct entry *self;
		index_range(ix, path, &r.first, &r.last, &self);
		if (self && self->type != ENTRY_DIR) {
			if (!to->exists && self->type != ENTRY_WHITEOUT) {
				to->exists = explicit = true;
				to->en = *self;
				to->en.origin = r.layer;
			}
			break;
		}
		if (self && !explicit) {
			to->exists = explicit = true;
			to->en = *self;
			to->en.origin = r.layer;
		}
		if (!self && !to->exists && r.first < r.last && holds_something(ix, &r)) {
			to->exists = true;
			implied_folder(path, r.layer, &to->en);
		}
		stop = self && self->opaque;
		if (r.first < r.last) {
			if (!to->ranges)
				to->ranges = arena_new(&v->arena, (in->n - i) * sizeof(*to->ranges));
			to->ranges[to->n++] = r;
		}
	}
	if (!to->exists || to->en.type != ENTRY_DIR)
		to->n = 0;
	to->en.opaque = false;
}

/* The folder's node; kept. Not a folder, or absent: a node without ranges. */
static const struct node *folder_node(struct view *v, struct str path)
{
	const struct node *known = map_get(&v->nodes, path);
	if (known)
		return known;
	struct node *nd = arena_new(&v->arena, sizeof(*nd));
	struct str own = arena_str(&v->arena, path);
	if (path.len == 0) {
		nd->exists = true;
		implied_folder(own, 0, &nd->en);
		nd->ranges = arena_new(&v->arena, (v->n ? v->n : 1) * sizeof(*nd->ranges));
		for (size_t i = v->n; i-- > 0;)
			if (v->layers[i]->n)
				nd->ranges[nd->n++] = (struct range){(uint32_t)i, 0, v->layers[i]->n};
	} else {
		resolve_child(v, folder_node(v, path_parent(own)), own, nd);
	}
	map_set(&v->nodes, own, nd);
	return nd;
}

/* A child without keeping it. */
static bool find_child(struct view *v, const struct node *in, struct str path, struct entry *ret)
{
	for (uint32_t i = 0; i < in->n; i++) {
		struct range r = in->ranges[i];
		const struct index *ix = v->layers[r.layer];
		struct entry *self;
		index_range(ix, path, &r.first, &r.last, &self);
		if (self && self->type == ENTRY_WHITEOUT)
			return false;
		if (self) {
			*ret = *self;
			ret->origin = r.layer;
			ret->opaque = false;
			return true;
		}
		if (r.first < r.last) { /* a folder is implied here, the layers below decide */
			const struct node *nd = folder_node(v, path);
			if (nd->exists)
				*ret = nd->en;
			return nd->exists;
		}
	}
	return false;
}

bool view_find(const struct view *view, struct str path, struct entry *ret)
{
	struct view *v = (struct view *)view; /* only remembered answers change */
	pthread_mutex_lock(&v->lock);
	bool found;
	if (path.len == 0) {
		*ret = folder_node(v, path)->en;
		found = true;
	} else {
		found = find_child(v, folder_node(v, path_parent(path)), path, ret);
	}
	pthread_mutex_unlock(&v->lock);
	return found;
}

bool view_inode(const struct view *v, struct str path, struct entry *ret)
{
	if (!view_find(v, path, ret))
		return false;
	if (ret->type != ENTRY_LINK)
		return true;
	uint32_t layer = ret->origin;
	const struct entry *first = index_find(v->layers[layer], ret->target);
	if (!first || first->type == ENTRY_LINK || first->type == ENTRY_DIR || first->type == ENTRY_WHITEOUT)
		return false;
	*ret = *first;
	ret->origin = layer;
	return true;
}

/* --- walking --- */

struct walk {
	struct view *v;
	bool deep;
	int (*fn)(void *arg, const struct entry *en);
	void *arg;
};

/* The name of the next child of dir in a range: its path. */
static struct str child_at(const struct index *ix, const struct range *r, size_t dir_len)
{
	struct str p = ix->entries[r->first].path;
	size_t from = dir_len ? dir_len + 1 : 0;
	const char *slash = memchr(p.p + from, '/', p.len - from);
	return slash ? str_sub(p, 0, (size_t)(slash - p.p)) : p;
}

static const struct node *locked_node(struct view *v, struct str path)
{
	pthread_mutex_lock(&v->lock);
	const struct node *nd = folder_node(v, path);
	pthread_mutex_unlock(&v->lock);
	return nd;
}

/* Gives the folders between `dir` and `path` that the layer implies and that were not given yet. */
static int give_implied(struct walk *w, struct str dir, struct str last, struct str path, uint32_t layer)
{
	size_t from = dir.len ? dir.len + 1 : 0;
	const char *slash;
	while ((slash = memchr(path.p + from, '/', path.len - from)) != NULL) {
		struct str up = str_sub(path, 0, (size_t)(slash - path.p));
		from = up.len + 1;
		if (last.p && path_within(last, up))
			continue;
		struct entry en;
		implied_folder(up, layer, &en);
		int rc = w->fn(w->arg, &en);
		if (rc)
			return rc;
	}
	return 0;
}

/* One layer alone: its entries in order are the answer. */
static int walk_single(struct walk *w, const struct range *r, struct str dir)
{
	const struct index *ix = w->v->layers[r->layer];
	struct str last = {0};
	for (size_t i = r->first; i < r->last; i++) {
		struct entry en = ix->entries[i];
		if (en.type == ENTRY_WHITEOUT)
			continue;
		struct str parent = path_parent(en.path);
		int rc = 0;
		if (parent.len > dir.len && !(last.p && path_within(last, parent)))
			rc = give_implied(w, dir, last, en.path, r->layer);
		if (rc)
			return rc;
		en.origin = r->layer;
		en.opaque = false;
		rc = w->fn(w->arg, &en);
		if (rc)
			return rc;
		last = en.path;
	}
	return 0;
}

static int walk_node(struct walk *w, struct str dir);

static int give_child(struct walk *w, struct str dir, struct str child)
{
	struct node nd;
	pthread_mutex_lock(&w->v->lock);
	resolve_child(w->v, folder_node(w->v, dir), child, &nd);
	pthread_mutex_unlock(&w->v->lock);
	if (!nd.exists)
		return 0;
	int rc = w->fn(w->arg, &nd.en);
	if (rc || !w->deep || nd.n == 0)
		return rc;
	return nd.n == 1 ? walk_single(w, &nd.ranges[0], child) : walk_node(w, child);
}

/* Several layers: merges their children by name. */
static int walk_node(struct walk *w, struct str dir)
{
	const struct node *nd = locked_node(w->v, dir);
	if (w->deep && nd->n == 1)
		return walk_single(w, &nd->ranges[0], dir);
	cleanup_free struct range *r = mem_array(nd->n ? nd->n : 1, sizeof(*r));
	if (nd->n)
		memcpy(r, nd->ranges, nd->n * sizeof(*r));
	for (;;) {
		struct str least = {0};
		for (uint32_t i = 0; i < nd->n; i++) {
			if (r[i].first >= r[i].last)
				continue;
			struct str child = child_at(w->v->layers[r[i].layer], &r[i], dir.len);
			if (!least.p || path_cmp(child, least) < 0)
				least = child;
		}
		if (!least.p)
			return 0;
		int rc = give_child(w, dir, least);
		if (rc)
			return rc;
		for (uint32_t i = 0; i < nd->n; i++) { /* all layers go behind this child's subtree */
			struct range below = r[i];
			struct entry *self;
			const struct index *ix = w->v->layers[r[i].layer];
			if (below.first >= below.last || path_cmp(child_at(ix, &below, dir.len), least) != 0)
				continue;
			index_range(ix, least, &below.first, &below.last, &self);
			r[i].first = below.last;
		}
	}
}

int view_children(const struct view *v, struct str dir, int (*fn)(void *arg, const struct entry *en), void *arg)
{
	struct walk w = {.v = (struct view *)v, .fn = fn, .arg = arg};
	return walk_node(&w, dir);
}

int view_walk(const struct view *v, struct str dir, int (*fn)(void *arg, const struct entry *en), void *arg)
{
	struct walk w = {.v = (struct view *)v, .deep = true, .fn = fn, .arg = arg};
	return walk_node(&w, dir);
}

/* --- symlinks --- */

enum { MAX_LINKS = 255, PATH_LIMIT = 64 * 1024 };

/* Replaces what is left (from `at` on) by the link's text and what followed. */
static int follow(struct buf *rest, size_t *at, struct str text, int *nlinks, struct str path, struct err *e)
{
	if (++*nlinks > MAX_LINKS)
		return err_set(e, ERR_LIMIT, "%.*s: too many levels of symbolic links", STR_ARG(path));
	struct buf next = {0};
	buf_str(&next, text);
	buf_putc(&next, '/');
	buf_str(&next, str_from(buf_view(rest), *at));
	if (next.len > PATH_LIMIT) {
		buf_done(&next);
		return err_set(e, ERR_LIMIT, "%.*s: path too long", STR_ARG(path));
	}
	buf_done(rest);
	*rest = next;
	*at = 0;
	return 0;
}

static void go_up(struct buf *at)
{
	at->len = at->len ? path_parent(buf_view(at)).len : 0;
}

static void go_down(struct buf *at, struct str name)
{
	if (at->len)
		buf_putc(at, '/');
	buf_str(at, name);
}

int view_resolve(const struct view *v, struct str path, bool last, struct buf *ret_path, struct err *e)
{
	cleanup_buf struct buf rest = {0}, here = {0};
	buf_str(&rest, path);
	buf_need(&rest, 1);
	buf_need(&here, 1);
	size_t at = 0;
	int nlinks = 0;
	while (at < rest.len) {
		struct str left = str_from(buf_view(&rest), at);
		ptrdiff_t slash = str_find(left, '/');
		struct str name = str_sub(left, 0, slash < 0 ? left.len : (size_t)slash);
		at += name.len + (slash >= 0);
		if (name.len == 0 || str_eqz(name, "."))
			continue;
		if (str_eqz(name, "..")) {
			go_up(&here);
			continue;
		}
		go_down(&here, name);
		struct entry en;
		if (!view_inode(v, buf_view(&here), &en) || en.type != ENTRY_SYMLINK)
			continue;
		struct str after = str_from(buf_view(&rest), at);
		while (after.len && after.p[0] == '/')
			after = str_from(after, 1);
		if (after.len == 0 && !last)
			continue;
		go_up(&here);
		if (en.target.len && en.target.p[0] == '/')
			here.len = 0;
		TRY(follow(&rest, &at, en.target, &nlinks, path, e));
	}
	buf_clear(ret_path);
	buf_need(ret_path, 1);
	buf_str(ret_path, buf_view(&here));
	return 0;
}

bool view_may_link(const struct view *v, struct str dir)
{
	for (size_t l = 0; l < v->n; l++) {
		const struct index *ix = v->layers[l];
		size_t first = 0, last = ix->n;
		struct entry *self;
		if (dir.len)
			index_range(ix, dir, &first, &last, &self);
		for (size_t i = first; i < last; i++)
			if (ix->entries[i].type == ENTRY_LINK)
				return true;
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is seen at a path, written as the index of a layer of its own, whose content id is the digest. A file with several names is the
 * first of those that are seen; the others are links to it, wherever the layer has its first one.
 */
#include "base/map.h"
#include "base/mem.h"
#include "snapshotter/view.h"

struct seen {
	const struct view *view;
	struct str top;
	bool links;        /* there may be files with several names */
	struct map names;  /* by layer and first name in it: the first name that was seen, in the index' arena */
	struct index *index;
};

static void seen_done(struct seen *s)
{
	map_done(&s->names);
	index_free(s->index);
}

static int see(void *arg, const struct entry *en)
{
	struct seen *s = arg;
	struct arena *a = &s->index->arena;
	struct entry as = *en;
	if (en->type == ENTRY_LINK && !view_inode(s->view, en->path, &as))
		return 0; /* the first name is not in its layer: nothing that could be opened */
	struct str inode = s->links && as.type != ENTRY_DIR ? str_of(arena_printf(a, "%u:%.*s", as.origin, STR_ARG(as.path))) : (struct str){0};
	as.path = str_from(en->path, s->top.len && en->path.len > s->top.len ? s->top.len + 1 : s->top.len);
	as.opaque = false;
	const struct str *first = inode.len ? map_get(&s->names, inode) : NULL;
	if (first) {
		as.type = ENTRY_LINK;
		as.target = *first;
	}
	struct str *own = arena_new(a, sizeof(*own));
	*own = index_add(s->index, &as)->path;
	if (inode.len && !first)
		map_set(&s->names, inode, own);
	return 0;
}

struct digest view_digest(const struct view *v, struct str path)
{
	struct entry en;
	cleanup_with(seen_done) struct seen s = {.view = v, .top = path, .links = view_may_link(v, path), .index = index_new()};
	if (view_find(v, path, &en)) {
		see(&s, &en);
		view_walk(v, path, see, &s);
	}
	return index_content_id(s.index);
}

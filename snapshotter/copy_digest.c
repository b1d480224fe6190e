/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digest that keys a COPY: everything about the selected entries that can be seen in the layer, times left out. Names are
 * relative to what they are placed in. The name of a file source counts only when it may decide where the file goes.
 */
#include "snapshotter/copy_impl.h"

struct gathered {
	struct entry en;
	struct str rel, inode;
	const struct copy_source *source;
};
struct gather {
	const struct copy_source *source;
	struct gathered *all;
	size_t n, cap;
	struct arena *arena;
};

static void gather_done(struct gather *g)
{
	mem_free(g->all);
}

static void gather_add(struct gather *g, struct str rel, const struct entry *en, struct str inode)
{
	MEM_ROOM(g->all, g->n, g->cap);
	g->all[g->n++] = (struct gathered){.en = *en, .rel = rel, .source = g->source,
		.inode = inode.len ? arena_str(g->arena, inode) : (struct str){0}};
}

static int gather_each(void *arg, struct str rel, const struct entry *en, struct str inode, struct err *e)
{
	(void)e;
	struct gather *g = arg;
	/* The walk's own strings end with it, those of the view stay: all paths below a folder end in rel. */
	gather_add(g, str_from(en->path, en->path.len - rel.len), en, inode);
	return 0;
}

int copy_source_digests(const struct copy_source *src, struct entry **entries, size_t n, struct err *e)
{
	if (!n)
		return 0;
	cleanup_free struct str *paths = mem_array(n, sizeof(*paths));
	cleanup_free struct digest *digests = mem_array(n, sizeof(*digests));
	for (size_t i = 0; i < n; i++) {
		struct entry en;
		/* Of a hard link: the first name, which is the FILE entry. */
		paths[i] = copy_source_entry(src, entries[i]->path, &en) ? en.path : entries[i]->path;
	}
	TRY(src->digests(src->arg, paths, n, digests, e));
	for (size_t i = 0; i < n; i++)
		entries[i]->digest = digests[i];
	return 0;
}

/* Asks each source once for all that is not known. */
static int learn(const struct copy_args *a, struct gather *g, struct err *e)
{
	cleanup_free struct entry **ask = mem_array(g->n + 1, sizeof(*ask));
	for (size_t i = 0; i < a->nitems; i++) {
		const struct copy_source *src = a->items[i].source;
		size_t n = 0;
		for (size_t j = 0; j < g->n; j++)
			if (g->all[j].source == src && g->all[j].en.type == ENTRY_FILE && digest_none(&g->all[j].en.digest))
				ask[n++] = &g->all[j].en;
		if (n)
			TRY(copy_source_digests(src, ask, n, e));
	}
	return 0;
}

static void hash_entry(struct hasher *h, const struct copy_args *a, const struct gathered *g)
{
	const struct entry *en = &g->en;
	bool mode_counts = en->type != ENTRY_SYMLINK && !copy_is_octal(a->chmod);
	bool owner_counts = !a->set_owner && g->source->owners;
	hasher_u64(h, en->type);
	hasher_u64(h, mode_counts ? en->mode : 0);
	hasher_u64(h, owner_counts ? en->uid : 0);
	hasher_u64(h, owner_counts ? en->gid : 0);
	hasher_u64(h, ((uint64_t)en->major << 32) | en->minor);
	if (en->type == ENTRY_FILE) {
		hasher_u64(h, en->size);
		hasher_digest(h, &en->digest);
	}
	hasher_str(h, en->type == ENTRY_SYMLINK ? en->target : (struct str){0});
	hasher_str(h, en->xattrs);
}

/* Does the name of a file source matter? Not when it is certain that the destination is the file itself. */
static bool name_counts(const struct copy_args *a, struct arena *ar)
{
	struct ground g = {.args = a, .below = a->link ? NULL : a->below};
	if (copy_dest_is_folder(a) || (!a->link && !a->below))
		return true;
	struct str dest = copy_dest(a, ar), at;
	struct err ignored = {0};
	struct entry en;
	bool folder = copy_ground_resolve(&g, STR(""), dest, true, false, &at, &ignored) < 0 ||
		(copy_ground_find(&g, at, &en, NULL) && en.type == ENTRY_DIR);
	copy_ground_done(&g);
	return folder;
}

/* Hard links: later names refer to the first one. */
static void hash_all(struct hasher *h, const struct copy_args *a, const struct gather *g)
{
	cleanup_map struct map first = {0};
	for (size_t i = 0; i < g->n; i++) {
		const struct gathered *x = &g->all[i];
		const struct gathered *other = x->inode.len ? map_get(&first, x->inode) : NULL;
		hasher_str(h, x->rel);
		hasher_str(h, other ? other->rel : (struct str){0});
		hash_entry(h, a, x);
		if (x->inode.len && !other)
			map_set(&first, x->inode, (void *)x);
	}
}

static void hash_inlines(struct hasher *h, const struct copy_args *a, bool names)
{
	hasher_u64(h, a->ninlines);
	for (size_t i = 0; i < a->ninlines; i++) {
		hasher_str(h, names ? a->inlines[i].name : (struct str){0});
		hasher_str(h, a->inlines[i].content);
	}
}

/* Marks in the stream where a pick begins and what kind it is. */
static void hash_pick(struct hasher *h, const struct pick *p, bool names)
{
	bool folder = p->en.type == ENTRY_DIR;
	hasher_u64(h, p->number);
	hasher_u64(h, folder ? 1 : 2);
	hasher_str(h, folder || !names ? (struct str){0} : p->name);
}

int copy_select_digest(const struct copy_args *a, struct digest *ret, struct err *e)
{
	cleanup_selection struct selection s = {0};
	cleanup_with(gather_done) struct gather g = {.arena = &s.arena};
	TRY(copy_select(a, &s, e));
	bool names = name_counts(a, &s.arena) || s.n + a->ninlines > 1;
	size_t *ends = arena_new(&s.arena, (s.n + 1) * sizeof(*ends));
	for (size_t i = 0; i < s.n; i++) {
		struct pick *p = &s.picks[i];
		g.source = p->item->source;
		if (p->en.type == ENTRY_DIR)
			TRY(copy_each(&s, p, gather_each, &g, e));
		else
			gather_add(&g, (struct str){0}, &p->en, (struct str){0});
		ends[i] = g.n;
	}
	TRY(learn(a, &g, e));
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("cooper select 1"));
	for (size_t i = 0, from = 0; i < s.n; from = ends[i++]) {
		hash_pick(&h, &s.picks[i], names);
		hasher_u64(&h, ends[i] - from);
		struct gather part = {.all = g.all + from, .n = ends[i] - from};
		hash_all(&h, a, &part);
	}
	hash_inlines(&h, a, names);
	*ret = hasher_done(&h);
	return 0;
}

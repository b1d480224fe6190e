/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the folders of a walk to one list. Since '/' sorts before all other bytes, the sorted folders one in another are path_cmp
 * order without sorting anything twice; and since it is known how much comes of each, they are put in their places by all
 * cores at once.
 */
#include "snapshotter/context_impl.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/mem.h"

enum { WORTH_THREADS = 4096, SLICE = 64 };

struct place {
	const struct walk_folder *folder;
	size_t at; /* of its first item */
};
struct flat {
	struct walked *out;
	struct place *places;
	size_t n, cap;
	size_t ndropped;
	struct digest empty;
};

/* An excluded folder stays only when something below it does. */
static size_t weight(const struct walk_item *it)
{
	size_t below = it->sub ? it->sub->total : 0;
	return it->excluded && !below ? 0 : 1 + below;
}

static void set_totals(struct walk_folder *f)
{
	f->total = f->n;
	if (!f->nsubs)
		return;
	f->total = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (f->items[i].sub)
			set_totals(f->items[i].sub);
		f->total += weight(&f->items[i]);
	}
}

static void set_places(struct flat *x, const struct walk_folder *f, size_t at)
{
	MEM_ROOM(x->places, x->n, x->cap);
	x->places[x->n++] = (struct place){f, at};
	x->ndropped += f->ndropped;
	for (size_t i = 0; f->nsubs && i < f->n; i++) {
		const struct walk_item *it = &f->items[i];
		size_t w = weight(it);
		if (it->sub && w)
			set_places(x, it->sub, at + 1);
		x->ndropped += !w;
		at += w;
	}
}

static void put(struct flat *x, size_t at, const struct walk_item *it)
{
	struct meta m = {.stamp = it->stamp, .type = it->type, .linked = it->linked, .racy = it->racy};
	if (it->sub) {
		m.stamp = it->sub->stamp;
		m.racy = it->sub->racy;
		m.whole = it->sub->whole;
	}
	if (it->type == ENTRY_FILE)
		m.digest = it->stamp.size == 0 ? x->empty : it->digest ? *it->digest : (struct digest){0};
	x->out->metas[at] = m;
	x->out->entries[at] = (struct entry){.path = it->path,
	    .target = it->target,
	    .type = it->type,
	    .mode = it->mode,
	    .size = it->stamp.size,
	    .mtime = it->mtime,
	    .mtime_nsec = it->mtime_nsec,
	    .major = it->major,
	    .minor = it->minor,
	    .digest = m.digest};
}

static int fill(size_t slice, void *arg, struct err *e)
{
	struct flat *x = arg;
	(void)e;
	for (size_t p = slice * SLICE; p < x->n && p < (slice + 1) * SLICE; p++) {
		const struct walk_folder *f = x->places[p].folder;
		size_t at = x->places[p].at;
		for (size_t i = 0; i < f->n; i++) {
			size_t w = weight(&f->items[i]);
			if (w)
				put(x, at, &f->items[i]);
			at += w;
		}
	}
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return path_cmp(((const struct dropped *)a)->path, ((const struct dropped *)b)->path);
}

static void list_dropped(struct flat *x)
{
	struct walked *out = x->out;
	if (!x->ndropped)
		return;
	out->dropped = mem_array(x->ndropped, sizeof(*out->dropped));
	for (size_t p = 0; p < x->n; p++) {
		const struct walk_folder *f = x->places[p].folder;
		for (size_t i = 0; i < f->ndropped; i++)
			out->dropped[out->ndropped++] = f->dropped[i];
		for (size_t i = 0; f->nsubs && i < f->n; i++)
			if (!weight(&f->items[i]))
				out->dropped[out->ndropped++] = (struct dropped){f->items[i].path, DT_DIR};
	}
	qsort(out->dropped, out->ndropped, sizeof(*out->dropped), by_path);
}

void walk_flatten(struct walk_folder *root, unsigned threads, struct walked *out)
{
	struct flat x = {.out = out, .empty = digest_of("", 0)};
	struct err never;
	set_totals(root);
	set_places(&x, root, 0);
	out->n = root->total;
	out->entries = mem_large(out->n, sizeof(*out->entries));
	out->metas = mem_large(out->n, sizeof(*out->metas));
	out->root = (struct meta){.stamp = root->stamp, .type = ENTRY_DIR, .racy = root->racy, .whole = root->whole};
	(void)pool_each((x.n + SLICE - 1) / SLICE, out->n < WORTH_THREADS ? 1 : threads, fill, &x, &never);
	list_dropped(&x);
	mem_free(x.places);
}

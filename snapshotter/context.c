/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context's state: what was walked, as an index that is replaced (never changed) when more is walked, so that
 * nobody who looks at a view needs a lock; and what is known of the files' bytes. The walk is in context_walk.c, the
 * file of remembered digests in context_cache.c, reading in context_digest.c.
 */
#include "snapshotter/context_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "snapshotter/rootpath.h"

int context_open(const char *path, const struct context_filter *filter, int cache_dirfd, const char *cache_name,
    struct context **ret, struct err *e)
{
	cleanup_close int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), cache = -1;
	if (fd < 0)
		return err_sys(e, "open context %s", path);
	if (cache_dirfd >= 0 && (cache = fcntl(cache_dirfd, F_DUPFD_CLOEXEC, 3)) < 0)
		return err_sys(e, "open folder of remembered digests");
	struct context *c = mem_new(sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	c->path = mem_strdup(path);
	c->fd = steal_fd(&fd);
	c->cache_dirfd = steal_fd(&cache);
	c->cache_name = mem_strdup(cache_name);
	if (filter)
		c->filter = *filter;
	c->index = index_new();
	c->metas = mem_array(1, sizeof(*c->metas));
	c->view = view_new((const struct index *const[]){c->index}, 1);
	*ret = c;
	return 0;
}

static bool covered(void *arg, struct str path)
{
	const struct context *c = arg;
	for (size_t i = 0; i < c->nroots; i++)
		if (path_within(path, c->roots[i]))
			return true;
	return false;
}

static void save(struct context *c)
{
	struct err ignored; /* a digest that is not remembered is made again */
	const struct walked now = {.entries = c->index->entries, .metas = c->metas, .n = c->index->n, .dropped = c->dropped,
	    .ndropped = c->ndropped, .root = c->root};
	if (c->changed && c->cache_dirfd >= 0)
		remembered_write(&c->remembered, covered, c, &now, c->cache_dirfd, c->cache_name, &ignored);
}

void context_close(struct context *c)
{
	if (!c)
		return;
	save(c);
	remembered_done(&c->remembered);
	view_free(c->view);
	index_free(c->index);
	for (size_t i = 0; i < c->nold; i++) {
		view_free(c->old_views[i]);
		index_free(c->old_indexes[i]);
	}
	for (size_t i = 0; i < c->narenas; i++)
		arena_done(&c->arenas[i]);
	for (size_t i = 0; i < c->nroots; i++)
		mem_free((void *)c->roots[i].p);
	mem_cleanup_close(&c->fd);
	mem_cleanup_close(&c->cache_dirfd);
	pthread_mutex_destroy(&c->lock);
	mem_free(c->arenas);
	mem_free(c->old_views);
	mem_free(c->old_indexes);
	mem_free(c->roots);
	mem_free(c->metas);
	mem_free(c->dropped);
	mem_free(c->cache_name);
	mem_free(c->path);
	mem_free(c);
}

/* --- walking more --- */

/* Two looks at one thing: what the earlier one knew of it stays while it is the same. */
static void merge_meta(const struct meta *old, struct meta *now)
{
	if (!stamp_eq(&now->stamp, &old->stamp))
		return;
	if (digest_none(&now->digest))
		now->digest = old->digest;
	now->whole |= old->whole;
	now->racy |= old->racy;
}

static void merge_dropped(struct context *c, struct str root, struct walked *w)
{
	struct dropped *all = mem_array(c->ndropped + w->ndropped, sizeof(*all));
	size_t n = 0;
	for (size_t i = 0, k = 0; i < c->ndropped || k < w->ndropped;) {
		bool old = k == w->ndropped || (i < c->ndropped && path_cmp(c->dropped[i].path, w->dropped[k].path) < 0);
		struct dropped d = old ? c->dropped[i++] : w->dropped[k++];
		if (!old || !path_within(d.path, root))
			all[n++] = d;
	}
	mem_free(w->dropped);
	w->dropped = all;
	w->ndropped = n;
}

/* The entry as its meta has it: what is known now, and before hard links were found. */
static void put_merged(struct walked *to, const struct entry *en, const struct meta *m)
{
	struct entry *as = &to->entries[to->n];
	*as = *en;
	as->type = m->type;
	as->digest = m->digest;
	if (as->type != ENTRY_SYMLINK)
		as->target = (struct str){0};
	to->metas[to->n++] = *m;
}

/* The walk gets what was known before outside of `root`, and what was known inside. */
static void merge_old(struct context *c, struct str root, struct walked *w)
{
	const struct index *old = c->index;
	if (old->n == 0 && c->ndropped == 0)
		return;
	struct walked m = {.entries = mem_large(old->n + w->n, sizeof(*m.entries)),
	    .metas = mem_large(old->n + w->n, sizeof(*m.metas))};
	for (size_t i = 0, k = 0; i < old->n || k < w->n;) {
		int cmp = i == old->n ? 1 : k == w->n ? -1 : path_cmp(old->entries[i].path, w->entries[k].path);
		if (cmp == 0)
			merge_meta(&c->metas[i], &w->metas[k]);
		if (cmp >= 0)
			put_merged(&m, &w->entries[k], &w->metas[k]);
		else if (!path_within(old->entries[i].path, root))
			put_merged(&m, &old->entries[i], &c->metas[i]);
		i += cmp <= 0;
		k += cmp >= 0;
	}
	merge_meta(&c->root, &w->root);
	merge_dropped(c, root, w);
	mem_free(w->entries);
	mem_free(w->metas);
	w->entries = m.entries;
	w->metas = m.metas;
	w->n = m.n;
}

struct name_of_file {
	uint64_t dev, ino;
	size_t i;
};

static int by_file(const void *a, const void *b)
{
	const struct name_of_file *x = a, *y = b;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

/* Of the names of one file, the first stays; the others become links to it. */
static void find_links(struct walked *w)
{
	struct name_of_file *names = NULL;
	size_t n = 0, cap = 0;
	for (size_t i = 0; i < w->n; i++) {
		if (!w->metas[i].linked || w->metas[i].type == ENTRY_SYMLINK)
			continue;
		MEM_ROOM(names, n, cap);
		names[n++] = (struct name_of_file){w->metas[i].stamp.dev, w->metas[i].stamp.ino, i};
	}
	if (n > 1)
		qsort(names, n, sizeof(*names), by_file);
	for (size_t k = 1, first = 0; k < n; k++) {
		if (names[k].dev != names[first].dev || names[k].ino != names[first].ino) {
			first = k;
			continue;
		}
		struct entry *en = &w->entries[names[k].i];
		en->type = ENTRY_LINK;
		en->target = w->entries[names[first].i].path;
		en->digest = (struct digest){0};
	}
	mem_free(names);
}

/* Makes the walk the newest state; the one before stays for those who look at it. */
static void take_walk(struct context *c, struct walked *w)
{
	for (unsigned i = 0; i < w->narenas; i++) {
		MEM_ROOM(c->arenas, c->narenas, c->arenas_cap);
		c->arenas[c->narenas++] = w->arenas[i];
	}
	MEM_ROOM(c->old_views, c->nold, c->old_views_cap);
	MEM_ROOM(c->old_indexes, c->nold, c->old_cap);
	c->old_views[c->nold] = c->view;
	c->old_indexes[c->nold++] = c->index;
	mem_free(c->metas);
	mem_free(c->dropped);
	c->metas = w->metas;
	c->dropped = w->dropped;
	c->ndropped = w->ndropped;
	c->root = w->root;
	c->changed |= w->news;
	c->index = index_new();
	c->index->entries = w->entries;
	c->index->n = c->index->cap = w->n;
	c->view = view_new((const struct index *const[]){c->index}, 1);
	mem_free(w->arenas);
	*w = (struct walked){0};
}

static void load(struct context *c)
{
	if (!c->loaded && c->cache_dirfd >= 0)
		remembered_open(c->cache_dirfd, c->cache_name, &c->remembered);
	c->loaded = true;
}

static int walk_more(struct context *c, struct str path, unsigned threads, const struct cancel *cancel, struct err *e)
{
	struct walked w;
	load(c);
	const struct walk what = {.rootfd = c->fd, .filter = &c->filter, .remembered = &c->remembered, .cancel = cancel, .threads = threads};
	if (context_walk(&what, path, &w, e) < 0)
		return err_wrap(e, "context %s", c->path);
	merge_old(c, path, &w);
	find_links(&w);
	take_walk(c, &w);
	MEM_ROOM(c->roots, c->nroots, c->roots_cap);
	c->roots[c->nroots++] = (struct str){mem_strndup(path.len ? path.p : "", path.len), path.len};
	return 0;
}

int context_need(struct context *c, struct str path, unsigned threads, const struct cancel *cancel, struct err *e)
{
	pthread_mutex_lock(&c->lock);
	int rc = covered(c, path) ? 0 : walk_more(c, path, threads, cancel, e);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

const struct view *context_view(struct context *c)
{
	pthread_mutex_lock(&c->lock);
	const struct view *v = c->view;
	pthread_mutex_unlock(&c->lock);
	return v;
}

/* --- asking --- */

static bool is_excluded(const struct context *c, struct str path, bool folder)
{
	bool excluded = false;
	for (size_t from = 0; from <= path.len;) {
		ptrdiff_t slash = str_find(str_from(path, from), '/');
		size_t end = slash < 0 ? path.len : from + (size_t)slash;
		bool prune = false, last = end == path.len;
		excluded = c->filter.excluded(c->filter.arg, str_sub(path, 0, end), !last || folder, &prune);
		if (excluded && prune)
			break;
		from = end + 1;
	}
	return excluded;
}

bool context_hides(struct context *c, struct str path)
{
	struct stat st;
	struct err ignored;
	cleanup_close int fd = -1;
	cleanup_free char *name = mem_strndup(path.len ? path.p : "", path.len);
	pthread_mutex_lock(&c->lock);
	bool seen = index_find(c->index, path) != NULL;
	pthread_mutex_unlock(&c->lock);
	if (seen || !c->filter.excluded || path.len == 0)
		return false;
	if (rootpath_open_nolinks(c->fd, name, O_PATH | O_NOFOLLOW, 0, &fd, &ignored) < 0 || fstat(fd, &st) < 0)
		return false;
	return is_excluded(c, path, S_ISDIR(st.st_mode));
}

ptrdiff_t context_file_number(struct context *c, struct str path, size_t *hint)
{
	const struct index *ix = c->index;
	struct entry *en = NULL;
	for (size_t i = *hint; i < ix->n && i < *hint + 4 && !en; i++)
		if (str_eq(ix->entries[i].path, path))
			en = &ix->entries[i];
	if (!en)
		en = index_find(ix, path);
	if (en)
		*hint = (size_t)(en - ix->entries) + 1;
	if (en && en->type == ENTRY_LINK)
		en = index_find(ix, en->target);
	return en && en->type == ENTRY_FILE ? en - ix->entries : -1;
}

void context_remember(struct context *c, size_t i, const struct digest *d)
{
	struct meta *m = &c->metas[i];
	if (digest_eq(&m->digest, d))
		return;
	m->digest = *d;
	if (!m->racy)
		c->changed = true;
}

void context_learn(struct context *c, struct str path, int fd, const struct digest *d)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return;
	struct stamp stamp = stamp_of(&st);
	size_t hint = SIZE_MAX - 4;
	pthread_mutex_lock(&c->lock);
	ptrdiff_t i = context_file_number(c, path, &hint);
	if (i >= 0 && stamp_eq(&c->metas[i].stamp, &stamp))
		context_remember(c, (size_t)i, d);
	pthread_mutex_unlock(&c->lock);
}

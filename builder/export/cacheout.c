/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document is made from the results of steps; layers that several steps gave stand in it once. Then the blobs: what can be had
 * at the other place goes first and needs no bytes, the rest is compressed, or fetched when it came from another cache itself.
 */
#include "builder/export/cacheout.h"

#include "base/map.h"
#include "builder/export/outbound.h"
#include "registry/transfer.h"
#include "snapshotter/layer.h"

enum { INLINE_MAX = CONFIG_SIZE_MAX / 4 };

/* A layer on its way out. */
struct part {
	const struct tree_layer *layer;
	struct descriptor blob;
	struct descriptor index;    /* its digest is none when there is none */
	bool sent, gone;            /* gone: it came from a cache, which has it no more */
};

struct making {
	const struct cacheout *c;
	struct arena arena;
	struct cachedoc doc;
	struct part *parts;         /* of doc.layers */
	size_t nparts, cap;
	struct map seen;            /* layers' ids or diff ids */
};

/* What tells a layer from others: its own tar's diff id when it is somebody else's. */
static struct str name_of(const struct tree_layer *l)
{
	const struct digest *d = l->claim ? &l->diff_id : &l->id;
	return (struct str){(const char *)d->b, sizeof(d->b)};
}

/* --- the document --- */

static bool wanted(const struct cacheout *c, const struct tree_layer *l)
{
	if (tree_layer_hollow(l))
		return false;
	if (c->all)
		return true;
	for (size_t i = 0; i < c->ntrees; i++)
		for (size_t k = 0; k < c->trees[i]->n; k++)
			if (str_eq(name_of(&c->trees[i]->layers[k]), name_of(l)))
				return true;
	return false;
}

static int64_t newest_of(const struct index *ix)
{
	int64_t newest = 0; /* nobody cuts times at an earlier one */
	for (size_t i = 0; i < ix->n; i++)
		if (ix->entries[i].mtime > newest)
			newest = ix->entries[i].mtime;
	return newest < CACHEDOC_TIME_MAX ? newest : CACHEDOC_TIME_MAX;
}

static bool has_clock(const struct index *ix)
{
	for (size_t i = 0; i < ix->n; i++)
		if (ix->entries[i].clock)
			return true;
	return false;
}

/* What is said of a layer's tar; *ret_index (may be NULL) gets its index when the tar has not the true times, or does not say whose they are. */
static int describe(struct store *s, const struct tree_layer *l, int64_t epoch, const struct cancel *cancel, struct cachedoc_layer *ret,
	struct index **ret_index, struct err *e)
{
	cleanup_index struct index *ix = NULL;
	*ret = (struct cachedoc_layer){.index = SIZE_MAX};
	if (l->claim) {
		ret->diff_id = l->diff_id;
		ret->size = l->claim->tar_size;
		ret->newest = l->claim->newest;
		ret->clamped = l->claim->clamped;
		ret->clock = l->claim->clock;
		return 0;
	}
	TRY(layer_need_tar(s, &l->id, epoch, cancel, &ret->diff_id, &ret->size, e));
	TRY(store_layer_index(s, &l->id, &ix, e));
	bool clock = has_clock(ix);
	ret->newest = newest_of(ix);
	ret->clamped = epoch != INT64_MAX && (clock || ret->newest > epoch);
	ret->clock = clock && !ret->clamped;
	if (ret->clamped)
		ret->newest = epoch;
	if (ret_index && (clock || ret->clamped))
		*ret_index = steal(&ix);
	return 0;
}

static void add_record(struct cachedoc *d, const struct step_result *r, size_t layer)
{
	struct cachedoc_record rec = {.key = r->key, .layer = SIZE_MAX};
	if (r->has_layer) {
		rec.cid = r->layer.cid;
		rec.layer = layer;
		rec.created = d->epoch != INT64_MAX ? d->epoch : r->layer.created;
		rec.created_nsec = d->epoch != INT64_MAX ? 0 : r->layer.created_nsec;
	}
	ARENA_ROOM(&d->arena, d->records, d->nrecords, d->records_cap);
	d->records[d->nrecords++] = rec;
	for (size_t i = 0; i < r->nmemos && d->nmemos < CACHEDOC_RECORDS_MAX; i++) {
		ARENA_ROOM(&d->arena, d->memos, d->nmemos, d->memos_cap);
		d->memos[d->nmemos++] = (struct cachedoc_memo){r->memos[i].key, r->memos[i].value};
	}
}

static bool passed_over(const struct step_result *r)
{
	return digest_none(&r->key) || r->kept_out;
}

static int put_index(struct making *m, const struct tree_layer *l, struct index *ix, struct part *p, struct err *e)
{
	cleanup_buf struct buf bytes = {0};
	p->index = (struct descriptor){.media_type = STR(CACHEDOC_INDEX_TYPE)};
	if (l->claim) {
		p->index.digest = l->claim->index;
		p->index.size = l->claim->index_size;
		return 0;
	}
	if (!ix)
		return 0;
	index_print(ix, &bytes);
	if (bytes.len > CACHEDOC_INDEX_MAX)
		return 0;
	p->index.size = bytes.len;
	return blobs_put(m->c->store->blobs, buf_view(&bytes), &p->index.digest, e);
}

/* The layer's number in the document, which grows by it if need be. */
static int add_layer(struct making *m, const struct tree_layer *l, size_t *ret, struct err *e)
{
	struct cachedoc *d = &m->doc;
	cleanup_index struct index *ix = NULL;
	struct cachedoc_layer out;
	size_t *known = map_get(&m->seen, name_of(l));
	if (known) {
		*ret = *known;
		return 0;
	}
	if (d->nlayers == CACHEDOC_LAYERS_MAX)
		return err_set(e, ERR_LIMIT, "a cache holds at most %d layers: use mode=min", CACHEDOC_LAYERS_MAX);
	TRY(describe(m->c->store, l, m->c->epoch, m->c->cancel, &out, &ix, e));
	ARENA_ROOM(&m->arena, m->parts, m->nparts, m->cap);
	m->parts[m->nparts] = (struct part){.layer = l};
	TRY(put_index(m, l, ix, &m->parts[m->nparts++], e));
	ARENA_ROOM(&d->arena, d->layers, d->nlayers, d->layers_cap);
	d->layers[d->nlayers] = out;
	known = arena_new(&m->arena, sizeof(*known));
	*ret = *known = d->nlayers++;
	map_set(&m->seen, name_of(l), known);
	return 0;
}

static int make_document(struct making *m, struct err *e)
{
	const struct cacheout *c = m->c;
	for (size_t i = 0; i < c->n; i++) {
		const struct step_result *r = &c->results[i];
		size_t layer = SIZE_MAX;
		if (passed_over(r))
			continue;
		if (m->doc.nrecords == CACHEDOC_RECORDS_MAX)
			return err_set(e, ERR_LIMIT, "a cache holds at most %d records", CACHEDOC_RECORDS_MAX);
		if (r->has_layer && wanted(c, &r->layer))
			TRY(add_layer(m, &r->layer, &layer, e));
		add_record(&m->doc, r, layer);
	}
	return 0;
}

/* --- the blobs --- */

static int send_blob(struct making *m, const struct descriptor *d, struct err *e)
{
	struct transfer_opts o = {.cancel = m->c->cancel, .mount_from = m->c->lenders, .nmount_from = m->c->nlenders,
		.progress = m->c->progress, .arg = m->c->arg};
	return transfer_blob(m->c->from, m->c->to, d, &o, e);
}

/* What is there already, or lies ready. The rest is nobody's failure yet. */
static int send_known(size_t i, void *arg, struct err *e)
{
	struct making *m = arg;
	struct part *p = &m->parts[i];
	const struct tree_layer *l = p->layer;
	if (l->claim) {
		p->blob = (struct descriptor){.media_type = str_of(l->media_type), .digest = l->blob, .size = l->blob_size};
	} else {
		bool found = false;
		p->blob = (struct descriptor){.media_type = str_of(outbound_layer_type(m->c->compression))};
		TRY(store_get_blob(m->c->store, &m->doc.layers[i].diff_id, m->c->compression, &found, &p->blob.digest, &p->blob.size, e));
		if (!found)
			return 0;
	}
	int rc = send_blob(m, &p->blob, e);
	p->sent = rc == 0;
	return rc == -ERR_NOT_FOUND ? 0 : rc;
}

static int make_blob(struct making *m, struct part *p, const struct digest *diff_id, struct err *e)
{
	const struct cacheout *c = m->c;
	if (p->layer->claim) {
		p->gone = c->need(c->arg, p->layer, false, e) < 0;
		if (p->gone)
			return cancelled(c->cancel) ? err_set(e, ERR_CANCELLED, "cancelled") : 0;
		if (blobs_has(c->store->blobs, &p->blob.digest, NULL))
			return 0;
	}
	p->blob.media_type = str_of(outbound_layer_type(c->compression));
	return layer_need_blob(c->store, diff_id, c->compression, c->level, 0, c->cancel, &p->blob.digest, &p->blob.size, e);
}

static int make_blobs(struct making *m, struct err *e)
{
	for (size_t i = 0; i < m->nparts; i++)
		if (!m->parts[i].sent)
			TRY(make_blob(m, &m->parts[i], &m->doc.layers[i].diff_id, e));
	return 0;
}

/* Layers that nobody has any more are left out; their records stay, without bytes. */
static void drop_gone(struct making *m)
{
	struct cachedoc *d = &m->doc;
	size_t *to = arena_new(&m->arena, (m->nparts + 1) * sizeof(*to)), n = 0;
	for (size_t i = 0; i < m->nparts; i++) {
		to[i] = m->parts[i].gone ? SIZE_MAX : n;
		m->parts[n] = m->parts[i];
		d->layers[n] = d->layers[i];
		n += to[i] != SIZE_MAX;
	}
	for (size_t i = 0; i < d->nrecords; i++)
		if (d->records[i].layer != SIZE_MAX)
			d->records[i].layer = to[d->records[i].layer];
	d->nlayers = m->nparts = n;
}

static int send_rest(size_t i, void *arg, struct err *e)
{
	struct making *m = arg;
	struct part *p = &m->parts[i];
	if (!p->sent)
		TRY(send_blob(m, &p->blob, e));
	if (digest_none(&p->index.digest))
		return 0;
	int rc = send_blob(m, &p->index, e);
	if (rc == -ERR_NOT_FOUND && p->layer->claim && m->c->need(m->c->arg, p->layer, true, e) == 0)
		rc = send_blob(m, &p->index, e);
	if (rc != -ERR_NOT_FOUND || !p->layer->claim)
		return rc;
	p->index.digest = (struct digest){0}; /* somebody else's, and nowhere any more: the tar's times have to do */
	return 0;
}

/* --- the manifest --- */

static int write_manifest(struct making *m, struct digest *ret, struct err *e)
{
	cleanup_buf struct buf json = {0}, text = {0};
	struct manifest man = {.media_type = str_of(media_type(MEDIA_MANIFEST, MEDIA_OCI, MEDIA_PLAIN))};
	man.layers = arena_new(&m->arena, (2 * m->nparts + 1) * sizeof(*man.layers));
	for (size_t i = 0; i < m->nparts; i++) {
		m->doc.layers[i].n = man.nlayers;
		man.layers[man.nlayers++] = m->parts[i].blob;
	}
	for (size_t i = 0; i < m->nparts && man.nlayers < CACHEDOC_LAYERS_MAX; i++) {
		if (digest_none(&m->parts[i].index.digest))
			continue;
		m->doc.layers[i].index = man.nlayers;
		man.layers[man.nlayers++] = m->parts[i].index;
	}
	cachedoc_print(&m->doc, &json);
	if (json.len > CACHEDOC_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "the cache's records take %zu bytes, at most %d are possible", json.len, CACHEDOC_SIZE_MAX);
	man.config = (struct descriptor){.media_type = STR(CACHEDOC_TYPE), .size = json.len};
	TRY(blobs_put(m->c->store->blobs, buf_view(&json), &man.config.digest, e));
	TRY(send_blob(m, &man.config, e));
	manifest_print(&man, &text);
	struct descriptor d = {.media_type = man.media_type, .size = text.len, .digest = digest_of(text.p, text.len)};
	TRY(m->c->to->ops->put_manifest(m->c->to, &d, buf_view(&text), m->c->name, e));
	*ret = d.digest;
	return 0;
}

static int write_all(struct making *m, struct digest *ret, struct err *e)
{
	TRY(make_document(m, e));
	TRY(pool_each(m->nparts, 4, send_known, m, e));
	TRY(make_blobs(m, e));
	drop_gone(m);
	TRY(pool_each(m->nparts, 4, send_rest, m, e));
	return write_manifest(m, ret, e);
}

int cacheout_write(const struct cacheout *c, struct digest *ret, struct err *e)
{
	struct making m = {.c = c, .doc.epoch = INT64_MAX}; /* other builds may want other times: true ones */
	int rc = write_all(&m, ret, e);
	map_done(&m.seen);
	cachedoc_done(&m.doc);
	arena_done(&m.arena);
	return rc;
}

/* --- inline --- */

static int inline_document(struct store *s, const struct step_result *results, size_t n, const struct tree *tree, size_t nbase, int64_t epoch,
	struct cachedoc *d, struct err *e)
{
	for (size_t i = nbase; i < tree->n; i++) {
		struct cachedoc_layer out;
		TRY(describe(s, &tree->layers[i], epoch, NULL, &out, NULL, e));
		out.n = i;
		ARENA_ROOM(&d->arena, d->layers, d->nlayers, d->layers_cap);
		d->layers[d->nlayers++] = out;
	}
	for (size_t i = 0; i < n && d->nrecords < CACHEDOC_RECORDS_MAX; i++) {
		size_t layer = SIZE_MAX;
		if (passed_over(&results[i]))
			continue;
		for (size_t k = nbase; results[i].has_layer && layer == SIZE_MAX && k < tree->n; k++)
			if (str_eq(name_of(&tree->layers[k]), name_of(&results[i].layer)))
				layer = k - nbase;
		add_record(d, &results[i], layer);
	}
	return 0;
}

int cacheout_inline(struct store *s, const struct step_result *results, size_t n, const struct tree *tree, size_t nbase, int64_t epoch,
	struct buf *out, struct err *e)
{
	struct cachedoc d = {.epoch = epoch < CACHEDOC_TIME_MAX ? epoch : INT64_MAX};
	int rc = tree->n > CACHEDOC_LAYERS_MAX ? 0 : inline_document(s, results, n, tree, nbase, epoch, &d, e);
	if (rc == 0)
		cachedoc_print(&d, out);
	if (out->len > INLINE_MAX)
		buf_clear(out);
	cachedoc_done(&d);
	return rc;
}

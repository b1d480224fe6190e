/* SPDX-License-Identifier: Apache-2.0 */
/* See assemble.h. Base layers keep their blobs byte for byte; new ones are plain tars. OCI image-spec: manifest.md, config.md. */
#include "builder/export/assemble.h"

#include "snapshotter/layer.h"

struct part {
	struct digest diff_id, blob;
	uint64_t size;
	const char *media_type;
};

struct work {
	const struct assembly *as;
	struct part *parts;
};

static int layer_part(size_t i, void *arg, struct err *e)
{
	struct work *w = arg;
	const struct tree_layer *l = &w->as->tree->layers[i];
	struct part *p = &w->parts[i];
	if (l->claim) { /* as where it was made: the image is the same there and here */
		*p = (struct part){.diff_id = l->diff_id, .blob = l->diff_id, .size = l->claim->tar_size,
			.media_type = media_type(MEDIA_LAYER, MEDIA_OCI, MEDIA_PLAIN)};
		return 0;
	}
	if (!digest_none(&l->blob)) {
		const struct media *m = media_find(str_of(l->media_type));
		*p = (struct part){.diff_id = l->diff_id, .blob = l->blob, .size = l->blob_size,
			.media_type = media_type(MEDIA_LAYER, MEDIA_OCI, m ? m->compression : MEDIA_GZIP)};
		return 0;
	}
	TRY(layer_need_tar(w->as->store, &l->id, w->as->epoch, w->as->cancel, &p->diff_id, &p->size, e));
	p->blob = p->diff_id;
	p->media_type = media_type(MEDIA_LAYER, MEDIA_OCI, MEDIA_PLAIN);
	return 0;
}

/* Finished layers cost a look-up each and need no thread. */
static size_t missing_tars(const struct assembly *as)
{
	size_t n = 0;
	for (size_t i = 0; i < as->tree->n; i++) {
		const struct tree_layer *l = &as->tree->layers[i];
		struct digest diff_id;
		struct err ignored;
		uint64_t size;
		bool found = false;
		if (digest_none(&l->blob) && (store_get_tar(as->store, &l->id, as->epoch, &found, &diff_id, &size, &ignored) < 0 || !found))
			n++;
	}
	return n;
}

bool assemble_reads_folders(const struct assembly *as)
{
	return missing_tars(as) > 0;
}

static struct str epoch_text(const struct assembly *as)
{
	cleanup_buf struct buf text = {0};
	oci_time_print(as->epoch, 0, &text);
	return arena_str(&as->config->arena, buf_view(&text));
}

/* Entries of new layers get the time of their step. */
static void layer_times(const struct assembly *as, size_t nbase)
{
	struct image_config *c = as->config;
	size_t layer = as->nbase_layers;
	for (size_t i = nbase; i < c->nhistory; i++) {
		if (c->history[i].empty_layer || layer >= as->tree->n)
			continue;
		const struct tree_layer *l = &as->tree->layers[layer++];
		cleanup_buf struct buf text = {0};
		oci_time_print(l->created, l->created_nsec, &text);
		c->history[i].created = arena_str(&c->arena, buf_view(&text));
	}
}

/* The time for entries without one that come before any with one: that of the first one behind them. */
static struct str first_time(const struct assembly *as)
{
	const struct image_config *c = as->config;
	struct str created = STR("");
	bool gap = false;
	for (size_t i = 0; i < c->nhistory; i++) {
		if (!c->history[i].created.len) {
			gap = true;
			continue;
		}
		created = c->history[i].created;
		if (gap)
			break;
	}
	if (created.len)
		return created;
	if (as->epoch != INT64_MAX)
		return epoch_text(as);
	return STR("1970-01-01T00:00:00Z");
}

static void epoch_history(const struct assembly *as, size_t nbase)
{
	struct image_config *c = as->config;
	c->created = epoch_text(as);
	for (size_t i = nbase; i < c->nhistory; i++)
		c->history[i].created = c->created;
}

/* Layer entries get their step's time; the others that of the first new layer, or of the one before them. */
static void fill_history(const struct assembly *as, size_t nbase)
{
	struct image_config *c = as->config;
	layer_times(as, nbase);
	struct str created = first_time(as);
	bool gap = false;
	for (size_t i = 0; i < c->nhistory; i++) {
		if (c->history[i].created.len) {
			if (gap)
				created = c->history[i].created;
		} else {
			gap = true;
			c->history[i].created = created;
		}
	}
	c->created = c->nhistory ? c->history[c->nhistory - 1].created : created;
	if (as->epoch != INT64_MAX && c->nhistory > nbase)
		epoch_history(as, nbase);
}

static size_t layer_entries(const struct image_config *c, size_t n)
{
	size_t layers = 0;
	for (size_t i = 0; i < n; i++)
		layers += !c->history[i].empty_layer;
	return layers;
}

static void insert_entry(struct image_config *c, size_t at)
{
	struct history_entry h = {.comment = STR("buildkit.exporter.image.v0")};
	image_config_add_history(c, &h);
	h = c->history[c->nhistory - 1];
	memmove(&c->history[at + 1], &c->history[at], (c->nhistory - 1 - at) * sizeof(h));
	c->history[at] = h;
}

/* An image imported or made without history for all its layers gets entries for the rest, each group where its layers are, so that
 * what is counted along belongs together. Gives the number of the base's entries. */
static size_t complete_history(const struct assembly *as)
{
	struct image_config *c = as->config;
	size_t nbase = as->nbase_history;
	for (size_t have = layer_entries(c, nbase); have < as->nbase_layers; have++)
		insert_entry(c, nbase++);
	for (size_t have = layer_entries(c, c->nhistory); have < as->tree->n; have++)
		insert_entry(c, c->nhistory);
	return nbase;
}

int assemble(const struct assembly *as, struct arena *arena, struct descriptor *ret, struct err *e)
{
	struct work w = {.as = as, .parts = arena_new(arena, (as->tree->n + 1) * sizeof(*w.parts))};
	struct image_config *c = as->config;
	TRY(pool_each(as->tree->n, missing_tars(as) > 1 ? 0 : 1, layer_part, &w, e));
	c->ndiff_ids = 0;
	for (size_t i = 0; i < as->tree->n; i++)
		image_config_add_diff_id(c, &w.parts[i].diff_id);
	fill_history(as, complete_history(as));
	cleanup_buf struct buf config = {0}, manifest = {0};
	image_config_print(c, &config);
	struct manifest m = {.media_type = str_of(media_type(MEDIA_MANIFEST, MEDIA_OCI, MEDIA_PLAIN))};
	m.config = (struct descriptor){.media_type = str_of(media_type(MEDIA_CONFIG, MEDIA_OCI, MEDIA_PLAIN)), .size = config.len};
	TRY(blobs_put(as->store->blobs, buf_view(&config), &m.config.digest, e));
	if (as->ret_config)
		*as->ret_config = m.config.digest;
	m.layers = arena_new(arena, (as->tree->n + 1) * sizeof(*m.layers));
	m.nlayers = as->tree->n;
	for (size_t i = 0; i < m.nlayers; i++)
		m.layers[i] = (struct descriptor){.media_type = str_of(w.parts[i].media_type), .digest = w.parts[i].blob, .size = w.parts[i].size};
	if (as->annotations)
		m.annotations = *as->annotations;
	manifest_print(&m, &manifest);
	*ret = (struct descriptor){.media_type = m.media_type, .size = manifest.len};
	ret->platform = (struct platform){.os = arena_str(arena, c->os), .arch = arena_str(arena, c->architecture),
		.variant = arena_str(arena, c->variant), .os_version = arena_str(arena, c->os_version)};
	return blobs_put(as->store->blobs, buf_view(&manifest), &ret->digest, e);
}

int assemble_index(struct store *s, const struct descriptor *manifests, size_t n, const struct annotations *annotations, struct arena *arena,
	struct descriptor *ret, struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct image_index ix = {.media_type = str_of(media_type(MEDIA_INDEX, MEDIA_OCI, MEDIA_PLAIN)), .n = n};
	ix.manifests = arena_new(arena, n * sizeof(*ix.manifests));
	memcpy(ix.manifests, manifests, n * sizeof(*ix.manifests));
	if (annotations)
		ix.annotations = *annotations;
	image_index_print(&ix, &text);
	*ret = (struct descriptor){.media_type = ix.media_type, .size = text.len};
	return blobs_put(s->blobs, buf_view(&text), &ret->digest, e);
}

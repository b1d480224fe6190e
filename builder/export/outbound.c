/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a manifest for the outside from one of the store. Each layer is asked for in the wanted compression; the store remembers
 * what came out before, so a second push compresses nothing. A compressed layer that nobody unpacked yet is unpacked first when it
 * must change: only then its diff id is more than a claim.
 */
#include "builder/export/outbound.h"

#include "snapshotter/layer.h"

enum { INDEX_DEPTH_MAX = 4 };

static enum compression wanted_of(enum media_compression c)
{
	return c == MEDIA_GZIP ? COMPRESS_GZIP : c == MEDIA_ZSTD ? COMPRESS_ZSTD : COMPRESS_NONE;
}

static enum media_compression media_of(enum compression c)
{
	return c == COMPRESS_GZIP ? MEDIA_GZIP : c == COMPRESS_ZSTD ? MEDIA_ZSTD : MEDIA_PLAIN;
}

const char *outbound_layer_type(enum compression c)
{
	return media_type(MEDIA_LAYER, MEDIA_OCI, media_of(c));
}

static enum media_family family_of(const struct outbound_opts *o, const struct media *m)
{
	return o->family == OUTBOUND_AS_IS ? m->family : o->family == OUTBOUND_OCI ? MEDIA_OCI : MEDIA_DOCKER;
}

/* --- sending while compressing --- */

struct streaming {
	struct store *s;
	const struct outbound_opts *o;
	const struct digest *diff_id;
	struct descriptor *d;
	bool made;
	int rc; /* of the layer itself; the way to the outside may break for reasons of its own */
	struct err e;
};

struct onward {
	struct sink sink;
	struct sink *to;
	bool broken;
};

static int onward_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct onward *w = (struct onward *)s;
	int rc = sink_write(w->to, p, len, e);

	w->broken |= rc < 0;
	return rc;
}

static int stream_blob(void *arg, struct sink *to, struct digest *ret, struct err *e)
{
	struct streaming *st = arg;
	const struct outbound_opts *o = st->o;
	struct onward w = {.sink.write = onward_write, .to = to};
	int rc = layer_send_blob(st->s, st->diff_id, o->compression, o->level, o->threads, o->cancel, &w.sink, &st->d->digest,
	    &st->d->size, e);

	if (rc < 0 && !w.broken) {
		st->rc = rc;
		st->e = *e;
	}
	st->made = rc == 0;
	*ret = st->d->digest;
	return rc;
}

/* It was made before, and what came out is there still. */
static bool is_there(struct store *s, const struct outbound_opts *o, const struct digest *diff_id, struct descriptor *d)
{
	struct descriptor known = *d;
	struct err ignored;
	bool found;

	if (store_get_blob(s, diff_id, o->compression, &found, &known.digest, &known.size, &ignored) < 0 || !found ||
	    !o->to->ops->has(o->to, &known))
		return false;
	*d = known;
	return true;
}

/* The blob in the store or outside. */
static int need_blob(
    struct store *s, const struct outbound_opts *o, const struct digest *diff_id, struct descriptor *d, struct err *e)
{
	struct streaming st = {.s = s, .o = o, .diff_id = diff_id, .d = d};
	struct err ignored;

	if (layer_has_blob(s, diff_id, o->compression, &d->digest, &d->size))
		return 0;
	if (o->to && is_there(s, o, diff_id, d))
		return 0;
	if (o->to && o->to->ops->stream && o->to->ops->stream(o->to, stream_blob, &st, &ignored) == 0 && st.made)
		return 0;
	if (st.rc < 0) {
		*e = st.e;
		return st.rc;
	}
	return layer_need_blob(s, diff_id, o->compression, o->level, o->threads, o->cancel, &d->digest, &d->size, e);
}

static int convert(
    struct store *s, const struct outbound_opts *o, const struct digest *diff_id, struct descriptor *d, struct err *e)
{
	int rc;

	if (o->elsewhere && !layer_has_blob(s, diff_id, o->compression, &d->digest, &d->size) && !blobs_has(s->blobs, diff_id, NULL) &&
	    o->elsewhere(o->arg, diff_id, o->compression, d))
		return 0;
	if (o->layer)
		o->layer(o->arg, diff_id, d->size);
	if (digest_eq(diff_id, &d->digest))
		TRY(store_set_blob(s, diff_id, COMPRESS_NONE, diff_id, d->size, e));
	rc = need_blob(s, o, diff_id, d, e);
	if (rc == -ERR_NOT_FOUND) {
		struct digest id;

		TRY(layer_unpack(s, &d->digest, diff_id, false, o->cancel, &id, e));
		rc = layer_need_blob(
		    s, diff_id, o->compression, o->level, o->threads, o->cancel, &d->digest, &d->size, e);
	}
	return rc;
}

static int outbound_layer(
    struct store *s, const struct outbound_opts *o, const struct digest *diff_id, struct descriptor *d, struct err *e)
{
	const struct media *m = media_find(d->media_type);
	enum media_compression c;

	if (!m || m->kind != MEDIA_LAYER)
		return 0; /* an artifact's layer: nothing we know how to change */
	c = m->compression;
	if (wanted_of(c) != o->compression && (c == MEDIA_PLAIN || o->force)) {
		TRY(convert(s, o, diff_id, d, e));
		c = media_of(o->compression);
	}
	d->media_type = str_of(media_type(MEDIA_LAYER, family_of(o, m), c));
	return 0;
}

static int read_diff_ids(struct store *s, const struct manifest *m, struct image_config *ret, struct err *e)
{
	struct buf json cleanup_buf = {0};

	TRY(blobs_read(s->blobs, &m->config.digest, CONFIG_SIZE_MAX, &json, e));
	TRY(image_config_parse(buf_view(&json), ret, e));
	if (ret->ndiff_ids != m->nlayers) {
		image_config_done(ret);
		return err_set(
		    e, ERR_CORRUPT, "the manifest has %zu layers, the configuration %zu", m->nlayers, ret->ndiff_ids);
	}
	return 0;
}

/* Stores a document and makes its descriptor from the old one. */
static int put_document(struct store *s, const struct buf *json, const char *type, const struct descriptor *old,
    struct descriptor *ret, struct err *e)
{
	struct descriptor d = *old;

	TRY(blobs_put(s->blobs, buf_view(json), &d.digest, e));
	d.size = json->len;
	d.media_type = str_of(type);
	*ret = d;
	return 0;
}

static const char *document_type(const struct outbound_opts *o, struct str type, enum media_kind kind)
{
	const struct media *m = media_find(type);

	return media_type(kind,
	    m                              ? family_of(o, m)
	    : o->family == OUTBOUND_DOCKER ? MEDIA_DOCKER
	                                   : MEDIA_OCI,
	    MEDIA_PLAIN);
}

static int change_layers(struct store *s, const struct outbound_opts *o, struct manifest *m, struct err *e)
{
	struct image_config config cleanup_with(image_config_done) = {0};

	TRY(read_diff_ids(s, m, &config, e));
	for (size_t i = 0; i < m->nlayers; i++)
		if (outbound_layer(s, o, &config.diff_ids[i], &m->layers[i], e) < 0)
			return err_wrap(e, "layer %zu", i + 1);
	return 0;
}

static bool is_image(const struct manifest *m)
{
	const struct media *config = media_find(m->config.media_type);

	return config && config->kind == MEDIA_CONFIG;
}

static int one_manifest(
    struct store *s, const struct descriptor *d, const struct outbound_opts *o, struct descriptor *ret, struct err *e)
{
	struct buf json cleanup_buf = {0}, changed cleanup_buf = {0};
	struct manifest m cleanup_with(manifest_done) = {0};
	const char *type = document_type(o, d->media_type, MEDIA_MANIFEST);

	TRY(blobs_read(s->blobs, &d->digest, MANIFEST_SIZE_MAX, &json, e));
	TRY(manifest_parse(buf_view(&json), &m, e));
	*ret = *d;
	if (!is_image(&m))
		return 0;
	TRY(change_layers(s, o, &m, e));
	m.media_type = str_of(type);
	m.config.media_type = str_of(document_type(o, m.config.media_type, MEDIA_CONFIG));
	for (size_t i = 0; o->annotations && i < o->annotations->n; i++)
		annotations_set(&m.arena, &m.annotations, o->annotations->items[i].key, o->annotations->items[i].value);
	manifest_print(&m, &changed);
	if (str_eq(buf_view(&changed), buf_view(&json)))
		return 0;
	return put_document(s, &changed, type, d, ret, e);
}

static int any(struct store *s, const struct descriptor *d, const struct outbound_opts *o, unsigned depth,
    struct descriptor *ret, struct err *e);

static int one_index(struct store *s, const struct descriptor *d, const struct outbound_opts *o, unsigned depth,
    struct descriptor *ret, struct err *e)
{
	struct buf json cleanup_buf = {0}, changed cleanup_buf = {0};
	struct image_index ix cleanup_with(image_index_done) = {0};
	const char *type = document_type(o, d->media_type, MEDIA_INDEX);

	TRY(blobs_read(s->blobs, &d->digest, MANIFEST_SIZE_MAX, &json, e));
	TRY(image_index_parse(buf_view(&json), &ix, e));
	*ret = *d;
	for (size_t i = 0; i < ix.n; i++) {
		if (!blobs_has(s->blobs, &ix.manifests[i].digest, NULL))
			continue; /* a platform that was not pulled */
		TRY(any(s, &ix.manifests[i], o, depth + 1, &ix.manifests[i], e));
	}
	ix.media_type = str_of(type);
	image_index_print(&ix, &changed);
	if (str_eq(buf_view(&changed), buf_view(&json)))
		return 0;
	return put_document(s, &changed, type, d, ret, e);
}

static int any(struct store *s, const struct descriptor *d, const struct outbound_opts *o, unsigned depth,
    struct descriptor *ret, struct err *e)
{
	const struct media *m = media_find(d->media_type);

	if (depth > INDEX_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "indexes are nested too deep");
	if (m && m->kind == MEDIA_INDEX)
		return one_index(s, d, o, depth, ret, e);
	if (m && m->kind == MEDIA_MANIFEST)
		return one_manifest(s, d, o, ret, e);
	*ret = *d;
	return 0;
}

/* Strings of a descriptor copied, so that it may outlive the document it came from. */
static void keep(struct arena *a, struct descriptor *d)
{
	struct annotations old = d->annotations;

	d->media_type = arena_str(a, d->media_type);
	d->artifact_type = arena_str(a, d->artifact_type);
	d->platform.os = arena_str(a, d->platform.os);
	d->platform.arch = arena_str(a, d->platform.arch);
	d->platform.variant = arena_str(a, d->platform.variant);
	d->platform.os_version = arena_str(a, d->platform.os_version);
	d->annotations = (struct annotations){0};
	for (size_t i = 0; i < old.n; i++)
		annotations_set(a, &d->annotations, old.items[i].key, old.items[i].value);
}

int outbound_manifest(struct store *s, const struct descriptor *image, const struct outbound_opts *o, struct arena *a,
    struct descriptor *ret, struct err *e)
{
	struct descriptor d;

	TRY(any(s, image, o, 0, &d, e));
	keep(a, &d);
	*ret = d;
	return 0;
}

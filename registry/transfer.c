/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying an image: first the documents are walked (an index, its manifests, their blobs) and listed without doubles; then
 * the blobs go over, several at once; then the manifests, children before parents, and the root last with the name. So a
 * name never points to something that is not there. Documents are small and held in memory; blobs are streamed. What a near target
 * has of them already is taken from there: a digest is a digest.
 */
#include "registry/transfer.h"

#include "base/map.h"

enum { INDEX_DEPTH_MAX = 4, PARALLEL = 4, DOCUMENTS_MAX = 2000 };

struct document {
	struct descriptor d;
	struct str bytes;
};
struct walk {
	struct place *from, *to;
	const struct transfer_opts *o;
	struct arena *a;
	struct map seen; /* digests, as bytes */
	struct document *documents;
	size_t ndocuments, documents_cap;
	struct descriptor *blobs;
	size_t nblobs, blobs_cap;
};

static bool first_time(struct walk *w, const struct digest *d)
{
	struct str key = {(const char *)d->b, DIGEST_SIZE};
	return map_set(&w->seen, key, w) == NULL;
}

/* --- one blob --- */

struct counter {
	struct sink sink;
	struct sink *to;
	const struct transfer_opts *o;
	const struct descriptor *d;
	uint64_t done;
};

static int count_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct counter *c = (struct counter *)s;
	if (cancelled(c->o->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	TRY(sink_write(c->to, p, len, e));
	c->done += len;
	if (c->o->progress)
		c->o->progress(c->o->arg, &c->d->digest, c->done, c->d->size);
	return 0;
}

struct source {
	struct place *from;
	const struct descriptor *d;
	const struct transfer_opts *o;
};

static int read_counted(struct place *from, const struct descriptor *d, struct sink *to, const struct transfer_opts *o, struct err *e)
{
	struct counter c = {.sink.write = count_write, .to = to, .o = o, .d = d};
	return from->ops->read(from, d, &c.sink, e);
}

static int read_source(void *arg, struct sink *to, struct err *e)
{
	struct source *s = arg;
	return read_counted(s->from, s->d, to, s->o, e);
}

/* Says which blob it was. */
static int name_blob(const struct descriptor *d, struct err *e)
{
	char text[DIGEST_TEXT + 1];
	digest_text(&d->digest, text);
	return strstr(e->text, text + 7) ? -(int)e->code : err_wrap(e, "blob %s", text);
}

int transfer_bytes(struct place *from, const struct descriptor *d, struct sink *to, const struct transfer_opts *o, struct err *e)
{
	if (cancelled(o->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	return read_counted(from, d, to, o, e) == 0 ? 0 : name_blob(d, e);
}

static bool adopted(struct place *to, const struct descriptor *d, const struct transfer_opts *o)
{
	for (size_t i = 0; to->ops->adopt && i < o->nmount_from; i++)
		if (to->ops->adopt(to, d, o->mount_from[i]))
			return true;
	return false;
}

int transfer_blob(struct place *from, struct place *to, const struct descriptor *d, const struct transfer_opts *o, struct err *e)
{
	struct source s = {from, d, o};
	if (cancelled(o->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (to->ops->has(to, d) || adopted(to, d, o)) {
		if (o->progress)
			o->progress(o->arg, &d->digest, 0, 0);
		return 0;
	}
	return to->ops->write(to, d, read_source, &s, e) == 0 ? 0 : name_blob(d, e);
}

/* --- the documents --- */

static int add_blob(struct walk *w, const struct descriptor *d)
{
	if (!first_time(w, &d->digest))
		return 0;
	ARENA_ROOM(w->a, w->blobs, w->nblobs, w->blobs_cap);
	descriptor_copy(d, w->a, &w->blobs[w->nblobs++]);
	return 0;
}

static bool is_near(struct walk *w, const struct descriptor *d, struct buf *bytes)
{
	struct err ignored;
	struct place *to = w->to;
	return to->ops->near && to->ops->has(to, d) && to->ops->manifest(to, d, bytes, &ignored) == 0;
}

static int fetch(struct walk *w, const struct descriptor *d, struct str *ret, struct err *e)
{
	cleanup_buf struct buf bytes = {0};
	if (d->size > MANIFEST_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "manifest of %llu bytes, at most %d are taken", (unsigned long long)d->size, MANIFEST_SIZE_MAX);
	if (!is_near(w, d, &bytes))
		TRY(w->from->ops->manifest(w->from, d, &bytes, e));
	*ret = arena_str(w->a, buf_view(&bytes));
	return 0;
}

/* The document's own media type must be what it was announced as (CVE-2021-41190). */
static int same_type(struct str announced, struct str own, struct err *e)
{
	if (own.len == 0 || str_eq(announced, own))
		return 0;
	return err_set(e, ERR_CORRUPT, "announced as \"%.*s\", but the document says \"%.*s\"", STR_ARG(announced), STR_ARG(own));
}

static int add_document(struct walk *w, const struct descriptor *d, struct str bytes, struct err *e)
{
	if (w->ndocuments == DOCUMENTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d manifests", DOCUMENTS_MAX);
	ARENA_ROOM(w->a, w->documents, w->ndocuments, w->documents_cap);
	struct document *doc = &w->documents[w->ndocuments++];
	descriptor_copy(d, w->a, &doc->d);
	doc->bytes = bytes;
	return 0;
}

static int walk_manifest(struct walk *w, const struct descriptor *d, struct str bytes, struct err *e)
{
	struct manifest m;
	TRY(manifest_parse(bytes, &m, e));
	int rc = same_type(d->media_type, m.media_type, e);
	if (rc == 0)
		rc = add_blob(w, &m.config);
	for (size_t i = 0; rc == 0 && !w->o->skip_layers && i < m.nlayers; i++) {
		if (media_is_foreign(m.layers[i].media_type) && !w->from->ops->has(w->from, &m.layers[i]))
			rc = err_set(e, ERR_UNSUPPORTED, "layer %zu is a foreign layer, which is not fetched from its own address", i + 1);
		else
			rc = add_blob(w, &m.layers[i]);
	}
	manifest_done(&m);
	return rc < 0 ? rc : add_document(w, d, bytes, e);
}

static int walk_document(struct walk *w, const struct descriptor *d, unsigned depth, struct err *e);

static int walk_children(struct walk *w, const struct image_index *ix, unsigned depth, struct err *e)
{
	for (size_t i = 0; i < ix->n; i++)
		if (first_time(w, &ix->manifests[i].digest))
			TRY(walk_document(w, &ix->manifests[i], depth + 1, e));
	return 0;
}

static int walk_index(struct walk *w, const struct descriptor *d, struct str bytes, unsigned depth, struct err *e)
{
	struct image_index ix;
	if (depth == INDEX_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "indexes nested deeper than %d", INDEX_DEPTH_MAX);
	TRY(image_index_parse(bytes, &ix, e));
	int rc = same_type(d->media_type, ix.media_type, e);
	if (rc == 0)
		rc = walk_children(w, &ix, depth, e);
	image_index_done(&ix);
	return rc < 0 ? rc : add_document(w, d, bytes, e);
}

static int walk_document(struct walk *w, const struct descriptor *d, unsigned depth, struct err *e)
{
	const struct media *media = media_find(d->media_type);
	struct str bytes;
	if (cancelled(w->o->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (!media || (media->kind != MEDIA_MANIFEST && media->kind != MEDIA_INDEX))
		return err_set(e, ERR_UNSUPPORTED, "media type \"%.*s\" is neither an image manifest nor an index", STR_ARG(d->media_type));
	TRY(fetch(w, d, &bytes, e));
	return media->kind == MEDIA_INDEX ? walk_index(w, d, bytes, depth, e) : walk_manifest(w, d, bytes, e);
}

/* --- choosing --- */

static int no_platform(const struct image_index *ix, const struct platform *want, struct err *e)
{
	cleanup_buf struct buf wanted = {0}, have = {0};
	platform_print(want, &wanted);
	for (size_t i = 0; i < ix->n; i++) {
		const struct platform *p = &ix->manifests[i].platform;
		if (p->os.len == 0 || str_eqz(p->os, "unknown"))
			continue;
		buf_puts(&have, have.len ? ", " : "");
		platform_print(p, &have);
	}
	if (ix->n == 0)
		return err_set(e, ERR_NOT_FOUND, "the index holds no manifests");
	return err_set(e, ERR_NOT_FOUND, "no image for platform %s%s%s%s", wanted.p, have.len ? " (there are: " : "", have.len ? have.p : "",
		have.len ? ")" : "");
}

/* While *d is an index: goes on to the manifest of the wanted platform. */
static int choose(struct walk *w, struct descriptor *d, struct err *e)
{
	for (unsigned depth = 0;; depth++) {
		const struct media *media = media_find(d->media_type);
		struct image_index ix;
		struct str bytes;
		if (!w->o->platform || !media || media->kind != MEDIA_INDEX)
			return 0;
		if (depth == INDEX_DEPTH_MAX)
			return err_set(e, ERR_LIMIT, "indexes nested deeper than %d", INDEX_DEPTH_MAX);
		TRY(fetch(w, d, &bytes, e));
		TRY(image_index_parse(bytes, &ix, e));
		int rc = same_type(d->media_type, ix.media_type, e);
		if (rc == 0 && w->o->keep_index)
			rc = w->to->ops->put_manifest(w->to, d, bytes, STR(""), e);
		ptrdiff_t i = platform_choose(&ix, w->o->platform);
		if (rc == 0 && i < 0)
			rc = no_platform(&ix, w->o->platform, e);
		if (rc == 0)
			descriptor_copy(&ix.manifests[i], w->a, d);
		image_index_done(&ix);
		TRY(rc);
	}
}

/* --- all of it --- */

static int copy_one(size_t i, void *arg, struct err *e)
{
	struct walk *w = arg;
	return transfer_blob(w->from, w->to, &w->blobs[i], w->o, e);
}

static int put_documents(struct walk *w, struct str to_name, struct err *e)
{
	for (size_t i = 0; i < w->ndocuments; i++) {
		const struct document *doc = &w->documents[i];
		bool root = i + 1 == w->ndocuments;
		if (cancelled(w->o->cancel))
			return err_set(e, ERR_CANCELLED, "cancelled");
		TRY(w->to->ops->put_manifest(w->to, &doc->d, doc->bytes, root ? to_name : STR(""), e));
	}
	return 0;
}

static int find_documents(struct walk *w, struct str from_name, const struct descriptor *resolved, struct descriptor *ret, struct err *e)
{
	struct descriptor d;
	if (resolved)
		descriptor_copy(resolved, w->a, &d);
	else
		TRY(w->from->ops->resolve(w->from, from_name, w->a, &d, e));
	TRY(choose(w, &d, e));
	d.annotations = (struct annotations){0}; /* those of the other place's list are about names there */
	TRY(walk_document(w, &d, 0, e));
	*ret = d;
	return 0;
}

static int run(struct walk *w, struct str from_name, struct str to_name, struct descriptor *ret, struct err *e)
{
	struct descriptor d;
	int rc = find_documents(w, from_name, w->o->resolved, &d, e);
	/* The name may have moved while we looked: the place knows now that its answers are to be doubted. */
	if (rc == -ERR_CORRUPT && w->ndocuments == 0)
		rc = find_documents(w, from_name, NULL, &d, e);
	TRY(rc);
	TRY(pool_each(w->nblobs, w->o->parallel ? w->o->parallel : PARALLEL, copy_one, w, e));
	TRY(put_documents(w, to_name, e));
	*ret = d;
	return 0;
}

int transfer(struct place *from, struct str from_name, struct place *to, struct str to_name, const struct transfer_opts *o,
	struct arena *a, struct descriptor *ret, struct err *e)
{
	static const struct transfer_opts defaults;
	cleanup_arena struct arena scratch = {0};
	struct walk w = {.from = from, .to = to, .o = o ? o : &defaults, .a = &scratch};
	struct descriptor d;
	int rc = run(&w, from_name, to_name, &d, e);
	map_done(&w.seen);
	TRY(rc);
	descriptor_copy(&d, a, ret);
	return 0;
}

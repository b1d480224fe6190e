/* SPDX-License-Identifier: Apache-2.0 */
/* What most commands begin with: open the store, find an image, read its documents. */
#include "builder/cli/local.h"

#include "builder/cli/pushed.h"
#include "snapshotter/layer.h"

enum { INDEX_DEPTH_MAX = 4 };
static const int wait_ms = 60 * 1000; /* for a prune that is running */

int local_open(struct cli *cli, struct local *ret, struct err *e)
{
	cleanup_free char *path = store_default_path(cli->root);
	struct store *s cleanup_store = NULL;

	TRY(store_open(path, wait_ms, &s, e));
	TRY(layout_open(s->fd, s->blobs, true, true, &ret->layout, e));
	ret->store = steal(&s);
	return 0;
}

void local_close(struct local *l)
{
	place_close(l->layout);
	if (l->store)
		store_close(l->store);
	*l = (struct local){0};
}

int local_find(struct local *l, const char *name, struct arena *a, struct layout_image *ret, struct err *e)
{
	struct digest outside, image;
	char text[DIGEST_TEXT + 1];
	int rc = layout_find(l->layout, str_of(name), a, ret, e);

	/* A digest that a push has told: that of the compressed image. */
	if (rc == -ERR_NOT_FOUND && digest_parse(str_of(name), &outside, e) == 0 && pushed_image(l->store, &outside, &image)) {
		digest_text(&image, text);
		rc = layout_find(l->layout, str_of(text), a, ret, e);
	}
	if (rc == -ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, "No such image: %s", name);
	return rc;
}

int local_name(const char *text, struct arena *a, struct ref *ret_ref, struct str *ret_familiar, struct err *e)
{
	struct buf familiar cleanup_buf = {0};

	if (ref_parse(str_of(text), a, ret_ref, e) < 0)
		return err_set(e, ERR_USAGE, "invalid reference \"%s\": %s", text, arena_strdup(a, e->text));
	ref_print_familiar(ret_ref, &familiar);
	*ret_familiar = arena_str(a, buf_view(&familiar));
	return 0;
}

int local_platform(const char *text, struct arena *a, struct platform *ret, struct err *e)
{
	if (platform_parse(str_of(text), a, ret, e) < 0) {
		e->code = ERR_USAGE;
		return err_wrap(e, "invalid platform \"%s\"", text);
	}
	return 0;
}

/* Of an index the manifest to look at. */
static int choose(struct local *l, struct image_index *ix, const struct platform *want, struct arena *a,
    struct descriptor *ret, struct err *e)
{
	struct platform host = platform_host();
	ptrdiff_t i = platform_choose(ix, want ? want : &host);

	if (i < 0 && want)
		return err_set(e, ERR_NOT_FOUND, "the image has no manifest for this platform");
	for (size_t k = 0; i < 0 && k < ix->n; k++)
		if (blobs_has(l->store->blobs, &ix->manifests[k].digest, NULL))
			i = (ptrdiff_t)k;
	if (i < 0)
		return err_set(e, ERR_NOT_FOUND, "no manifest of the index is here");
	*ret = ix->manifests[i];
	ret->media_type = arena_str(a, ret->media_type);
	ret->platform = (struct platform){arena_str(a, ret->platform.os), arena_str(a, ret->platform.arch),
	    arena_str(a, ret->platform.variant), arena_str(a, ret->platform.os_version)};
	ret->annotations = (struct annotations){0};
	ret->artifact_type = (struct str){0};
	return 0;
}

int image_docs_read(struct local *l, const struct descriptor *d, const struct platform *want, struct arena *a,
    struct image_docs *ret, struct err *e)
{
	struct image_docs docs cleanup_docs = {.manifest = *d};

	for (unsigned depth = 0;; depth++) {
		const struct media *m = media_find(docs.manifest.media_type);
		struct image_index ix cleanup_with(image_index_done) = {0};
		struct buf json cleanup_buf = {0};

		TRY(blobs_read(l->store->blobs, &docs.manifest.digest, MANIFEST_SIZE_MAX, &json, e));
		if (!m || m->kind != MEDIA_INDEX) {
			TRY(manifest_parse(buf_view(&json), &docs.m, e));
			break;
		}
		if (depth > INDEX_DEPTH_MAX)
			return err_set(e, ERR_LIMIT, "indexes are nested too deep");
		TRY(image_index_parse(buf_view(&json), &ix, e));
		TRY(choose(l, &ix, want, a, &docs.manifest, e));
	}
	TRY(blobs_read(l->store->blobs, &docs.m.config.digest, CONFIG_SIZE_MAX, &docs.config_json, e));
	TRY(image_config_parse(buf_view(&docs.config_json), &docs.config, e));
	*ret = docs;
	docs = (struct image_docs){0};
	return 0;
}

void image_docs_done(struct image_docs *docs)
{
	manifest_done(&docs->m);
	image_config_done(&docs->config);
	buf_done(&docs->config_json);
	*docs = (struct image_docs){0};
}

uint64_t image_layer_size(struct local *l, const struct image_docs *docs, size_t i)
{
	const struct descriptor *d = &docs->m.layers[i];
	struct err ignored = {0};
	uint64_t size;

	if (i < docs->config.ndiff_ids &&
	    layer_size(l->store, &docs->config.diff_ids[i], &d->digest, l->store->cancel, &size, &ignored) == 0)
		return size;
	return d->size;
}

uint64_t image_size(struct local *l, const struct image_docs *docs)
{
	uint64_t all = 0;

	for (size_t i = 0; i < docs->m.nlayers; i++)
		all += image_layer_size(l, docs, i);
	return all;
}

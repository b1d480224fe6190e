/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks from index.json through indexes and manifests. A document that is not there (a platform that was not pulled) or that
 * cannot be read keeps itself only: what it would lead to is not known.
 */
#include "builder/cli/roots.h"

enum { INDEX_DEPTH_MAX = 8 };

static void add(struct buf *digests, const struct digest *d)
{
	buf_add(digests, d->b, sizeof(d->b));
}

static void walk(struct local *l, const struct descriptor *d, unsigned depth, struct buf *digests)
{
	const struct media *m = media_find(d->media_type);
	struct buf json cleanup_buf = {0};
	struct err unreadable = {0};

	add(digests, &d->digest);
	if (!m || depth > INDEX_DEPTH_MAX ||
	    blobs_read(l->store->blobs, &d->digest, MANIFEST_SIZE_MAX, &json, &unreadable) < 0)
		return;
	if (m->kind == MEDIA_INDEX) {
		struct image_index ix cleanup_with(image_index_done) = {0};

		if (image_index_parse(buf_view(&json), &ix, &unreadable) == 0)
			for (size_t i = 0; i < ix.n; i++)
				walk(l, &ix.manifests[i], depth + 1, digests);
	} else if (m->kind == MEDIA_MANIFEST) {
		struct manifest manifest cleanup_with(manifest_done) = {0};

		if (manifest_parse(buf_view(&json), &manifest, &unreadable) < 0)
			return;
		add(digests, &manifest.config.digest);
		for (size_t i = 0; i < manifest.nlayers; i++)
			add(digests, &manifest.layers[i].digest);
	}
}

void roots_image(struct local *l, const struct descriptor *d, struct buf *digests)
{
	walk(l, d, 0, digests);
}

static int collect(void *arg, struct buf *digests, struct err *e)
{
	struct arena a cleanup_arena = {0};
	struct layout_image *images;
	struct local *l = arg;
	size_t n;

	TRY(layout_list(l->layout, &a, &images, &n, e));
	for (size_t i = 0; i < n; i++)
		roots_image(l, &images[i].descriptor, digests);
	return 0;
}

struct gc_roots roots_of(struct local *l)
{
	return (struct gc_roots){collect, l};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image in the store under its names, and as it is outside: compressed, with the media types that were asked for.
 * Layers that only a registry or another machine's cache has stay there as long as nobody needs their bytes here.
 */
#include "builder/cli/build_output_impl.h"

#include <string.h>

#include "builder/export/outbound.h"

/* The blob of a layer from another machine's cache, while nobody has needed its bytes here. */
static bool elsewhere(void *arg, const struct digest *diff_id, enum compression c, struct descriptor *d)
{
	struct writing *w = arg;
	for (size_t i = 0; i < w->b->n; i++)
		for (size_t k = 0; k < w->b->trees[i]->n; k++) {
			const struct tree_layer *l = &w->b->trees[i]->layers[k];
			const struct media *m = l->claim ? media_find(str_of(l->media_type)) : NULL;
			if (!m || !digest_eq(&l->diff_id, diff_id) ||
			    strcmp(media_type(MEDIA_LAYER, MEDIA_OCI, m->compression), outbound_layer_type(c)) != 0)
				continue;
			d->digest = l->blob;
			d->size = l->blob_size;
			return true;
		}
	return false;
}

struct outbound_opts output_outbound_opts(struct writing *w, struct place *to)
{
	return (struct outbound_opts){.compression = w->out->compression,
	    .level = w->out->level,
	    .force = w->out->force,
	    .family = w->out->docker_types ? OUTBOUND_DOCKER : OUTBOUND_AS_IS,
	    .cancel = w->cli->cancel,
	    .to = to,
	    .elsewhere = elsewhere,
	    .arg = w};
}

int output_outbound(struct writing *w, struct place *to, struct descriptor *ret, struct err *e)
{
	struct outbound_opts o = output_outbound_opts(w, to);
	return outbound_manifest(w->b->env->store, &w->b->image, &o, w->cli->arena, ret, e);
}

static bool blob_here(const struct writing *w, const struct tree_layer *l)
{
	struct blobs *blobs = w->b->env->store->blobs;
	return !digest_none(&l->id) || blobs_has(blobs, l->claim ? &l->diff_id : &l->blob, NULL);
}

/* Are the base images' layers in the store? What is only pushed does without, where the registry has them. */
bool output_whole(const struct writing *w)
{
	for (size_t i = 0; i < w->b->n; i++)
		for (size_t k = 0; k < w->b->trees[i]->n; k++)
			if (!blob_here(w, &w->b->trees[i]->layers[k]))
				return false;
	return true;
}

int output_make_whole(struct writing *w, struct err *e)
{
	for (size_t i = 0; i < w->b->n; i++)
		TRY(ops_need_blobs(w->b->env, w->b->trees[i], w->cli->cancel, e));
	return 0;
}

static int tag_names(struct writing *w, struct err *e)
{
	size_t n;
	const struct str *names = output_names(w, &n);
	char text[DIGEST_TEXT + 1];
	if (w->out->by_digest) /* nor has it a name here */
		n = 0;
	digest_text(&w->b->image.digest, text);
	if (!output_whole(w)) {
		output_say(w,
		    "made image %s, which goes to the registry alone: layers of its base image or of a cache stay "
		    "there",
		    text);
		return 0;
	}
	output_say(w, "writing image %s", text);
	TRY(layout_tag_all(w->b->env->layout, &w->b->image, names, n, e));
	for (size_t i = 0; i < n; i++)
		output_say(w, "naming to %.*s", STR_ARG(names[i]));
	return 0;
}

int output_image(struct writing *w, struct err *e)
{
	if (w->out->kind == OUTPUT_IMAGE)
		TRY(tag_names(w, e));
	return w->out->push ? output_push(w, e) : 0;
}

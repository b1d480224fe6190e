/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this manifest be used as an image? manifest_parse takes every artifact, because artifacts are copied too; what is run
 * or built upon must consist of layers that we can open, and as many of them as the configuration has diff ids.
 */
#include "registry/oci.h"

static int check_layer(const struct manifest *m, size_t i, struct err *e)
{
	const struct descriptor *l = &m->layers[i];
	const struct media *media = media_find(l->media_type);
	if (digest_eq(&l->digest, &m->config.digest))
		return err_set(e, ERR_CORRUPT, "layer %zu is the image config", i + 1);
	if (media && media->kind == MEDIA_LAYER)
		return 0;
	if (str_ends(l->media_type, STR("+encrypted")))
		return err_set(e, ERR_UNSUPPORTED, "layer %zu is encrypted", i + 1);
	if (media_is_foreign(l->media_type))
		return err_set(e, ERR_UNSUPPORTED, "layer %zu is a foreign layer, which stands outside of the registry and is not fetched", i + 1);
	return err_set(e, ERR_UNSUPPORTED, "layer %zu has the unknown media type \"%.*s\"", i + 1, STR_ARG(l->media_type));
}

int image_check(const struct manifest *m, const struct image_config *c, struct err *e)
{
	const struct media *media = media_find(m->config.media_type);
	if (!media || media->kind != MEDIA_CONFIG)
		return err_set(e, ERR_UNSUPPORTED, "this is no container image: its config has the media type \"%.*s\"",
			STR_ARG(m->config.media_type));
	for (size_t i = 0; i < m->nlayers; i++)
		TRY(check_layer(m, i, e));
	if (c && c->ndiff_ids != m->nlayers)
		return err_set(e, ERR_CORRUPT, "the image has %zu layers, its config has %zu diff ids", m->nlayers, c->ndiff_ids);
	return 0;
}

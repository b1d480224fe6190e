/* SPDX-License-Identifier: Apache-2.0 */
/* The media types that make images, one row each; everything else about types is asked of this table. */
#include "registry/oci.h"

static const struct media media[] = {
	{"application/vnd.oci.image.index.v1+json", MEDIA_INDEX, MEDIA_OCI, MEDIA_PLAIN},
	{"application/vnd.oci.image.manifest.v1+json", MEDIA_MANIFEST, MEDIA_OCI, MEDIA_PLAIN},
	{"application/vnd.oci.image.config.v1+json", MEDIA_CONFIG, MEDIA_OCI, MEDIA_PLAIN},
	{"application/vnd.oci.image.layer.v1.tar", MEDIA_LAYER, MEDIA_OCI, MEDIA_PLAIN},
	{"application/vnd.oci.image.layer.v1.tar+gzip", MEDIA_LAYER, MEDIA_OCI, MEDIA_GZIP},
	{"application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_LAYER, MEDIA_OCI, MEDIA_ZSTD},
	{"application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX, MEDIA_DOCKER, MEDIA_PLAIN},
	{"application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST, MEDIA_DOCKER, MEDIA_PLAIN},
	{"application/vnd.docker.container.image.v1+json", MEDIA_CONFIG, MEDIA_DOCKER, MEDIA_PLAIN},
	{"application/vnd.docker.image.rootfs.diff.tar", MEDIA_LAYER, MEDIA_DOCKER, MEDIA_PLAIN},
	{"application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER, MEDIA_DOCKER, MEDIA_GZIP},
	{"application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_LAYER, MEDIA_DOCKER, MEDIA_ZSTD},
};

const struct media *media_find(struct str text)
{
	for (size_t i = 0; i < ARRAY_LEN(media); i++)
		if (str_eqz(text, media[i].text))
			return &media[i];
	return NULL;
}

bool media_is_foreign(struct str text)
{
	return str_starts(text, STR("application/vnd.docker.image.rootfs.foreign.")) ||
		str_starts(text, STR("application/vnd.oci.image.layer.nondistributable."));
}

const char *media_type(enum media_kind kind, enum media_family family, enum media_compression compression)
{
	for (size_t i = 0; i < ARRAY_LEN(media); i++)
		if (media[i].kind == kind && media[i].family == family && (kind != MEDIA_LAYER || media[i].compression == compression))
			return media[i].text;
	return NULL;
}

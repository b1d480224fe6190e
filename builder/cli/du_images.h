/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_DU_IMAGES_H
#define COOPER_DU_IMAGES_H

/* What each image of the store takes of the disk, for `cooper du`: blobs of its own, and those that other images need too. */
#include "builder/cli/local.h"
#include "snapshotter/gc.h"

struct du_image {
	struct str names;     /* "app:1, app:latest"; "<none>" */
	struct digest digest; /* of the manifest or index */
	struct digest id;     /* as `images` shows it */
	uint64_t size;        /* of all blobs that it needs and that are here */
	uint64_t shared;      /* of these, what another image needs as well */
};
struct du_images {
	struct du_image **images; /* the largest first */
	size_t n;
	uint64_t shared;          /* bytes of all blobs that several images need */
	struct du_use *uses;
	size_t nuses;
};
/* Of a measured list. Everything lives in the arena. */
int du_images(struct local *l, const struct gc_list *list, struct arena *a, struct du_images *ret, struct err *e);
/* The names of the images that need this blob: "app:latest, base:1". */
void du_images_with(const struct du_images *all, const struct digest *blob, struct buf *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BUILD_IMAGES_H
#define COOPER_BUILD_IMAGES_H

/*
 * Base images for lowering: the local store, what earlier builds learned of registries, then the registry, as --pull says. Only
 * manifests and configurations are fetched; layers wait until a step or an output needs their bytes.
 */
#include "builder/lower/lower.h"
#include "builder/ops/env.h"
#include "builder/solve/event.h"

struct found_image {
	struct str name;            /* familiar */
	struct platform want;
	struct descriptor manifest;
	struct tree *tree;
	bool remote;                /* not among the store's images yet */
};

struct expected_image;
struct image_finder {
	struct ops_env *env;
	struct arena *a;
	struct events *events;
	struct found_image *found;
	size_t n, cap;
	struct expected_image *expected; /* what was found of images that are to be asked for */
	size_t nexpected, expected_cap;
};
/* resolver.expect of lower.h: several images that a registry has to be asked for are asked for at once. */
void images_expect(void *arg, const struct image_wish *wishes, size_t n);
/* resolver.image of lower.h; arg is a struct image_finder. */
int image_find(void *arg, struct str name, const struct platform *want, struct arena *a, struct lower_image *ret, struct err *e);
/* All are found that the build needs. That some others could not be fetched is nobody's trouble. */
void images_found(struct image_finder *f);
/* Was it asked for in this build? */
bool images_known(const struct image_finder *f, struct str name, const struct platform *want);
/* Names those that came from a registry and whose layers are all here now: they are images of the store from then on. */
int images_keep(struct image_finder *f, struct err *e);

#endif

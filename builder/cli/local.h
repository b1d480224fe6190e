/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LOCAL_H
#define COOPER_LOCAL_H

/* The local store as commands see it: the store, its images by name, and the documents of an image. */
#include "builder/cli/cmd.h"
#include "registry/layout.h"
#include "registry/platform.h"
#include "registry/ref.h"
#include "snapshotter/store.h"

struct local {
	struct store *store;
	struct place *layout; /* of the store */
};
/* Opens what --root and the environment say; made when it is not there. */
int local_open(struct cli *cli, struct local *ret, struct err *e);
void local_close(struct local *l);
#define cleanup_local __attribute__((cleanup(local_close)))

/* The image that the user's words name: as layout_find, or the digest that it has where it was pushed to. ERR_NOT_FOUND: "No such image: x". */
int local_find(struct local *l, const char *name, struct arena *a, struct layout_image *ret, struct err *e);
/* "docker.io/library/app:latest" and "app:latest" of what the user wrote; ERR_USAGE. Strings in `a`. */
int local_name(const char *text, struct arena *a, struct ref *ret_ref, struct str *ret_familiar, struct err *e);

/* The documents of an image; of an index those of the manifest for `want` (NULL: this machine), or of the first one that is there. */
struct image_docs {
	struct descriptor manifest; /* the chosen one */
	struct manifest m;
	struct image_config config;
	struct buf config_json;
};
int image_docs_read(struct local *l, const struct descriptor *d, const struct platform *want, struct arena *a, struct image_docs *ret,
	struct err *e);
void image_docs_done(struct image_docs *docs);
#define cleanup_docs __attribute__((cleanup(image_docs_done)))
/* Bytes of layer i's files (of its blob when the layer is not here), and of all. */
uint64_t image_layer_size(struct local *l, const struct image_docs *docs, size_t i);
uint64_t image_size(struct local *l, const struct image_docs *docs);

/* --platform: ERR_USAGE. */
int local_platform(const char *text, struct arena *a, struct platform *ret, struct err *e);

#endif

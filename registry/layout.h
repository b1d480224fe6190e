/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LAYOUT_H
#define COOPER_LAYOUT_H

/*
 * An OCI image layout folder as a place (OCI image-spec, image-layout.md). The local store is one. In the store, names are
 * familiar references ("app:latest", "localhost:5000/app:1"): annotation org.opencontainers.image.ref.name of the descriptor,
 * with the full name in io.containerd.image.name, so that `skopeo inspect oci:STORE:app:latest` works. index.json is changed by
 * write-and-rename under a lock file.
 */
#include "registry/place.h"

/* Borrowed blobs (those of the folder). `store`: names are normalised as references; otherwise they are ref.name texts as they
 * stand. Makes oci-layout and index.json when `create`. ERR_CORRUPT for a folder that is no layout. */
int layout_open(int dirfd, struct blobs *blobs, bool store, bool create, struct place **ret, struct err *e);

struct layout_image {
	struct str name;             /* familiar reference; empty: no name */
	struct descriptor descriptor;
};
/* All of index.json, in order; strings in `a`. */
int layout_list(struct place *layout, struct arena *a, struct layout_image **ret, size_t *ret_n, struct err *e);
/* Points a name to a descriptor that is there; an untagged image that loses its last name keeps a nameless entry when `keep`. */
int layout_tag(struct place *layout, const struct descriptor *d, struct str name, struct err *e);
/* Several names and one nameless entry at once; unchanged entries are not written again. */
int layout_tag_all(struct place *layout, const struct descriptor *d, const struct str *names, size_t n, struct err *e);
/* Removes a name; ERR_NOT_FOUND. *ret_last: nothing else named that digest. */
int layout_untag(struct place *layout, struct str name, bool *ret_last, struct err *e);
/* Removes every entry of a digest. */
int layout_remove(struct place *layout, const struct digest *d, struct err *e);
/* Finds an image by name, "sha256:..." digest of manifest or config, or a hex prefix of at least 4 digits that is unique. */
int layout_find(struct place *layout, struct str name, struct arena *a, struct layout_image *ret, struct err *e);

#endif

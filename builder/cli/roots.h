/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ROOTS_H
#define COOPER_ROOTS_H

/* What the images of the store need, for gc.h: the store knows no manifests, so it asks here. */
#include "builder/cli/local.h"
#include "snapshotter/gc.h"

/* A gc_roots for the local store, which is borrowed. */
struct gc_roots roots_of(struct local *l);
/* Appends the digests of all blobs that one image needs, some perhaps twice. */
void roots_image(struct local *l, const struct descriptor *d, struct buf *digests);

#endif

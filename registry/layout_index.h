/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LAYOUT_INDEX_H
#define COOPER_LAYOUT_INDEX_H

/* index.json of a layout as a JSON tree that is changed in place; for layout.c and archive_*.c alone. */
#include "registry/layout.h"
#include "registry/oci_json.h"

/* The annotations of a descriptor in index.json that hold its name. */
#define LAYOUT_REF_NAME "org.opencontainers.image.ref.name"
#define LAYOUT_FULL_NAME "io.containerd.image.name"
bool layout_is_name(struct str key);
/* The annotations that are no names; strings are those given. */
struct annotations layout_unnamed(const struct annotations *l, struct arena *a);

struct layout_name {
	struct str ref_name; /* LAYOUT_REF_NAME; in the store a familiar reference */
	struct str full;     /* LAYOUT_FULL_NAME; empty in folders that are no store */
};
/* In the store the text must be a reference: ERR_SYNTAX. */
int layout_name_make(struct str text, bool store, struct arena *a, struct layout_name *ret, struct err *e);

/* The bytes must be an index: ERR_CORRUPT. */
int layout_index_parse(struct str text, struct jval **ret, struct err *e);
/* The entries. In the store, those that are no descriptors are passed over; elsewhere they are ERR_CORRUPT. */
int layout_index_images(const struct jval *index, bool store, struct arena *a, struct layout_image **ret, size_t *ret_n, struct err *e);
/* Gives the names to d and takes them from others, which stay as nameless entries in the store. No names: a nameless entry, unless d
 * has an entry. False when nothing changed. */
bool layout_index_tag(struct jval *index, bool store, const struct descriptor *d, const struct layout_name *names, size_t n);
/* Removes the entry of a name (its digest goes to *digest) or, name NULL, all entries of *digest. False when there was none. */
bool layout_index_remove(struct jval *index, bool store, const struct layout_name *name, struct digest *digest, size_t *ret_left);

#endif

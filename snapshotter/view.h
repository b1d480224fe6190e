/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_VIEW_H
#define COOPER_VIEW_H

/*
 * A state of a root file system seen through the indexes of its layers, bottom first: what overlayfs would show, without
 * mounting anything. Whiteouts and opaque folders are resolved; an entry's origin is the number of the layer that it (and
 * its bytes) come from.
 */
#include "base/buf.h"
#include "snapshotter/index.h"

struct view;

/* The indexes are borrowed and must outlive the view. */
struct view *view_new(const struct index *const *layers, size_t n);
void view_free(struct view *v);
static inline void view_cleanup(struct view **v)
{
	if (*v)
		view_free(*v);
}
#define cleanup_view __attribute__((cleanup(view_cleanup)))

/* Exact path, no symlink is followed; false if absent. The empty path is the root: a DIR 0755 0:0. LINK entries are
 * answered as they are; view_inode gives the entry of the first name in the same layer (path too): origin and path say where
 * the bytes are. A view may be asked from several threads. */
bool view_find(const struct view *v, struct str path, struct entry *ret);
bool view_inode(const struct view *v, struct str path, struct entry *ret);

/* Follows symlinks inside the root as chroot would: absolute ones start at the root, ".." stops there. The result needs not
 * exist below the last existing folder. `last`: follow a symlink in the last component too. ERR_LIMIT after 255 symlinks. */
int view_resolve(const struct view *v, struct str path, bool last, struct buf *ret_path, struct err *e);

/* Children of a folder in order of name. `fn` returns 0 to go on, or a value that ends the walk and is returned. */
int view_children(const struct view *v, struct str dir, int (*fn)(void *arg, const struct entry *en), void *arg);
/* Everything below dir, parents first, in path_cmp order. */
int view_walk(const struct view *v, struct str dir, int (*fn)(void *arg, const struct entry *en), void *arg);

/* view_digest.c: digest of what stands at a path that is there, and below it: names from there on, types, modes, owners, content, link texts,
 * attributes, which names are one file; no times. */
struct digest view_digest(const struct view *v, struct str path);

/* The indexes it is made of, bottom first, hidden entries and all. */
void view_indexes(const struct view *v, void (*fn)(void *arg, const struct index *ix), void *arg);

/* May there be hard links below dir? True also when an upper layer hides them. Much quicker than a walk. */
bool view_may_link(const struct view *v, struct str dir);

#endif

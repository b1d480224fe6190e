/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_COPY_IMPL_H
#define COOPER_COPY_IMPL_H

/* What the copy_*.c files share; nobody else includes it. */
#include "base/map.h"
#include "snapshotter/archive_reader.h"
#include "snapshotter/copy.h"

enum { COPY_LINKS_MAX = 255 };

/* --- copy_path.c: paths as text --- */
/* Lexically clean and relative to the root: no "", ".", ".."; climbing stops at the root. Allocated in `ar`. */
struct str copy_clean(struct arena *ar, struct str path);
struct str copy_join(struct arena *ar, struct str dir, struct str name);
/* Cuts the first component off *rest; false when nothing is left. */
bool copy_component(struct str *rest, struct str *ret);
bool copy_is_wild(struct str s);                 /* holds an unescaped * ? or [ */
struct str copy_unescape(struct arena *ar, struct str s);

bool copy_is_octal(struct str chmod);
bool copy_dest_is_folder(const struct copy_args *a);   /* written as one: "", ".", "x/" */
struct str copy_dest(const struct copy_args *a, struct arena *ar); /* joined with the working directory, clean */

/* --- copy_select.c: what the sources name --- */
struct pick {
	const struct copy_item *item;
	uint32_t number;       /* of the item */
	struct str path;       /* in the source's view, no symlink on the way; "" is the root */
	struct str name;       /* the name that a file gets in a destination folder */
	struct entry en;       /* what is there (never a symlink or LINK) */
	void *include;         /* --parents with wildcards: matcher for paths below `path` */
	struct str only;       /* --parents without: this path below `path`, and what is below it */
	bool parents;
};
struct selection {
	struct pick *picks;
	size_t n, cap;
	struct arena arena;
	void *excludes;        /* NULL: nothing is excluded */
	const struct copy_args *args;
};
int copy_select(const struct copy_args *a, struct selection *ret, struct err *e);
void copy_selection_done(struct selection *s);
#define cleanup_selection __attribute__((cleanup(copy_selection_done)))

/* One selected entry below a folder. `rel` is its path below the folder; `en` has the metadata and digest of the file also for
 * hard links, its path is the one in the view; `inode` names the file that several entries share ("" = it has one name). */
typedef int copy_each_fn(void *arg, struct str rel, const struct entry *en, struct str inode, struct err *e);
int copy_each(const struct selection *s, const struct pick *p, copy_each_fn *fn, void *arg, struct err *e);

/* The file behind a path of a source's view, ready for source->open and source->digests. */
bool copy_source_entry(const struct copy_source *src, struct str path, struct entry *ret);

/* --- copy_place.c: the destination tree while things are put there --- */
struct node {
	struct entry en;
	struct str from;       /* path in the source's view */
	uint32_t parent;       /* number of the folder's node, or NODE_NONE: the root */
	uint32_t inode;        /* nodes with the same number other than 0 are one file */
	uint32_t writer;       /* who put it there: for warnings */
	bool gone;             /* replaced */
	bool fresh;            /* DIR: nothing of the lower layers may show through */
};
#define NODE_NONE UINT32_MAX
struct ground {
	const struct copy_args *args;
	const struct view *below; /* NULL: empty */
	struct node *nodes;
	size_t n, cap;
	struct map at;            /* path -> number + 1 */
	struct arena arena;
	bool octal;               /* --chmod is a number: it also counts for made folders */
	uint32_t octal_mode;
	uint32_t writer;          /* current writer */
	uint32_t inodes;          /* given so far */
};
void copy_ground_done(struct ground *g);
/* What is at the path now; false when nothing. Parents must have been asked for before (the path holds no symlinks). */
bool copy_ground_find(struct ground *g, struct str path, struct entry *ret, struct node **ret_node);
/* Makes sure that the folder and its parents are in the layer: existing ones with their metadata, new ones 0755. ret_made
 * (may be NULL): the last one is new. `plain`: without --chmod. */
int copy_ground_folder(struct ground *g, struct str path, bool plain, struct node **ret_node, bool *ret_made, struct err *e);
/* Puts an entry whose parent folder is there, replacing what was there; no rules. */
struct node *copy_ground_put(struct ground *g, const struct entry *en, struct str from);
/* Follows symlinks in `path` with `base` (clean, no symlinks) as the root; the last component is followed when `last`. Missing
 * folders are allowed unless a symlink leads to them and `strict`. */
int copy_ground_resolve(struct ground *g, struct str base, struct str path, bool last, bool strict, struct str *ret, struct err *e);
/* Everything that is there into a sorted index. */
int copy_ground_finish(struct ground *g, struct copy_plan *ret, struct err *e);

/* --- copy_unpack.c: ADD of archives --- */
/* Sniffs; 1: it was an archive and is in *ret now. 0: it is none. */
int copy_unpack(const struct copy_args *a, const struct pick *p, bool required, struct copy_unpacked **ret, struct err *e);
void copy_unpacked_free(struct copy_unpacked *u);
/* Places the archive's entries below the folder `dest`. `origin`: their entries' origin. */
int copy_unpacked_place(struct copy_unpacked *u, struct ground *g, struct str dest, uint32_t origin, struct err *e);
/* The scratch file with a FILE entry's bytes, and where in it they are; `from` is what was given when it was placed. */
int copy_unpacked_open(struct copy_unpacked *u, struct str from, int *ret_fd, uint64_t *ret_offset, struct err *e);
/* Does a component of the path begin with ".wh."? Such names mean deletions in a layer tar. */
bool copy_is_marker(struct str path);

#endif

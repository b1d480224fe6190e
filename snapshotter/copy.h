/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_COPY_H
#define COOPER_COPY_H

/*
 * COPY and ADD, worked out on indexes: select entries of a source, place them on a destination tree, and get the index of the
 * new layer with, for each file, where its bytes are. Nothing is mounted and nothing is read before the bytes are wanted.
 */
#include "base/pool.h"
#include "snapshotter/context.h"
#include "snapshotter/store.h"
#include "snapshotter/view.h"

/* Where sources come from: the context, a tree, a folder of fetched things. */
struct copy_source {
	const struct view *(*view)(void *arg);
	/* Makes sure that what is at and below path is in the view (walks a context). */
	int (*need)(void *arg, struct str path, struct err *e);
	/* Opens a FILE entry of the view for reading. */
	int (*open)(void *arg, const struct entry *en, int *ret_fd, struct err *e);
	/* Digests of FILE entries whose digest is none in the view. */
	int (*digests)(void *arg, const struct str *paths, size_t n, struct digest *ret, struct err *e);
	/* Why is the path not there? Appends a hint to the error (excluded by an ignore file, similar name); may be NULL. */
	void (*hint)(void *arg, struct str path, struct err *e);
	/* Told of digests that were made while bytes were carried, so that nobody has to read them again; fd is the file that was
	 * read (for its times), borrowed. Called from several threads. May be NULL. */
	void (*learn)(void *arg, const struct entry *en, int fd, const struct digest *d);
	void *arg;
	bool owners;            /* keep the source's owners (trees); false: 0:0 (contexts) */
	bool trusted;           /* bytes cannot have changed since the index was made (layers of the store): known digests are not
	                           verified while carrying */
};

struct copy_inline { /* a here-document */
	struct str name, content;
};

struct copy_item {
	const struct copy_source *source;
	struct str path;        /* as written, expanded: may have wildcards, "..", leading "/" */
	bool archive;           /* ADD: unpack it when its content is a tar */
	bool unpack_required;   /* ADD --unpack=true */
	bool literal;           /* no wildcards in path: a fetched file */
	struct str rename;      /* name it gets inside a destination folder, empty = its own */
};

struct copy_args {
	const struct copy_item *items;
	size_t nitems;
	const struct copy_inline *inlines;
	size_t ninlines;
	struct str dest;        /* as written, expanded */
	struct str workdir;     /* absolute */
	bool set_owner;
	uint32_t uid, gid;      /* when set_owner */
	struct str chmod;       /* octal or symbolic, empty = none */
	bool link;              /* --link: a layer of its own, nothing of the destination is looked at */
	bool parents;
	const struct str *excludes;
	size_t nexcludes;
	int64_t now;            /* mtime of what has none */
	/* Pattern matching, given from above (the parser knows the language). */
	int (*glob)(struct str pattern, struct str name, bool *ret, struct err *e);
	int (*excluder)(const struct str *patterns, size_t n, void **ret, struct err *e);
	bool (*excluded)(void *excluder, struct str path);
	void (*excluder_free)(void *excluder);
	int (*chmod_apply)(struct str spec, uint32_t mode, bool folder, uint32_t *ret, struct err *e);
	void (*warn)(void *arg, const char *text);
	void *warn_arg;
	const struct cancel *cancel;
	struct store *store;    /* for unpacking: scratch space; may be NULL when no item is an archive */
	const struct view *below; /* copy_select_digest only: the destination tree when its index is at hand (always or never
	                             for one step: it decides whether the name of a lone file is a part of the key). May be NULL. */
};

/* The layer-to-be. `struct copy_plan p = {0};` is a good empty one. */
struct copy_unpacked; /* the files of an archive, in a scratch folder */
struct copy_plan {
	struct index *index;              /* sorted; entry.origin: item number, then nitems + inline number, then nitems +
	                                     ninlines + number in `unpacked` */
	struct str *from;                 /* by entry number: path in the source's view, for FILE entries of items */
	struct copy_unpacked **unpacked;
	size_t nunpacked;
	struct arena arena;
};
void copy_plan_done(struct copy_plan *p);
#define cleanup_copy_plan __attribute__((cleanup(copy_plan_done)))

/* The digest that keys the step: over what is selected (relative names, types, modes, owners, sizes, content, link targets)
 * and nothing else of the source. Names count as they will be placed, not the name of a source that is renamed. When files of
 * more than `limit` bytes in all would have to be read for it, none is read: *ret_over, and *ret is not set. */
int copy_select_digest(const struct copy_args *a, uint64_t limit, struct digest *ret, bool *ret_over, struct err *e);

/* The digest of the times that what is selected has for an epoch (index.h). No file is read for it. */
int copy_select_times(const struct copy_args *a, int64_t epoch, struct digest *ret, struct err *e);

/* Works out the new layer on top of `dest` (NULL: empty). Digests of files are filled in as known. ERR_STEP for a missing source,
 * a folder onto a file and the like, worded as what, where, hint. */
int copy_make_plan(const struct copy_args *a, const struct view *dest, struct copy_plan *ret, struct err *e);

/* Carries it out: one pass over the files' bytes into layers/<id> (folder, when want_folder) and blobs/ (the tar, when want_tar,
 * with times clamped at `clamp`), files unchanged since `former` (a layer id, or none) taken from its folder by hard link.
 * Registers the layer in the store. */
struct copy_out {
	bool want_folder, want_tar;
	int64_t clamp;
	const struct digest *former;
	unsigned threads;
};
struct copy_stats {
	uint64_t files_read, bytes_read, files_linked;
};
int copy_carry_out(struct store *s, const struct copy_args *a, struct copy_plan *p, const struct copy_out *out, struct layer *ret,
	struct copy_stats *stats, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_GC_H
#define COOPER_GC_H

/*
 * Throwing away, and telling what there is. Works under the store's exclusive lock: builds that run keep it out
 * (ERR_DENIED after opts.wait_ms), it keeps new ones waiting. What images need is never touched: the caller says which
 * blobs these are, since only the registry code reads index.json and manifests. Records go before bytes; killed at any
 * moment the store stays good and the next run removes the rest.
 *
 * An ordinary user's layers and cache mounts hold files of other ids: be in the user namespace (userns_enter) first;
 * else such folders are moved to tmp/ and counted as `left`.
 */
#include "base/buf.h"
#include "snapshotter/store.h"

enum gc_kind {
	GC_IMAGE,   /* a blob that images need; only listed */
	GC_BLOB,    /* another blob: a layer's tar, a pulled layer, a leftover of an untagged image */
	GC_LAYER,   /* a layer's index and folder, with its records */
	GC_MOUNT,   /* a RUN cache mount */
	GC_CONTEXT, /* remembered digests of a context */
	GC_JUNK,    /* what killed processes left */
	GC_KIND_COUNT
};

struct gc_item {
	enum gc_kind kind;
	struct digest id;  /* IMAGE, BLOB, LAYER */
	const char *name;  /* below the store: "mounts/<hex>", "contexts/<hex>", "layers/<hex>", "blobs/..." */
	const char *label; /* MOUNT: its target as the user wrote it; else "" */
	uint64_t bytes;    /* guessed from rows and lengths (a MOUNT: 0), until gc_measure */
	int64_t used; /* seconds: when it was last used, as far as is known */
	bool loose;   /* nothing leads to it any more: no record, no unpacked layer, no image */
};
struct gc_list {
	struct arena arena;
	struct gc_item *items;
	size_t n, cap;
	uint64_t shared; /* bytes that several layers have; gc_measure counted them in one */
};
void gc_list_done(struct gc_list *l);
#define cleanup_gc_list __attribute__((cleanup(gc_list_done)))

/* Appends the digests (32 bytes each) of all blobs that images in index.json need: manifests, configs, layers. Called
 * with the lock held. */
typedef int gc_roots_fn(void *arg, struct buf *digests, struct err *e);
struct gc_roots {
	gc_roots_fn *fn;
	void *arg;
};

int gc_oldest_first(const void *item, const void *other); /* for qsort */

/* Everything there is, in no order. */
int gc_list(struct store *s, const struct gc_roots *roots, struct gc_list *ret, struct err *e);
/* Walks the items of these kinds (1 << GC_LAYER | ...) and gives them the bytes that they take on the disk (allocated blocks).
 * Layers share what did not change by hard links: a file counts once, in what would be thrown away last. What this process may
 * not look into counts nothing. Sorts the list: the newest first, loose things last. */
enum { GC_ALL_KINDS = (1 << GC_KIND_COUNT) - 1 };
void gc_measure(struct store *s, struct gc_list *list, unsigned kinds);

/*
 * What goes, oldest first: junk always, loose things that were not used within grace_sec too; of the rest, what was
 * last used before until_sec, or all of it, until no more than keep_bytes of the chosen kinds are left. With neither
 * all, until_sec nor keep_bytes only loose things go.
 */
struct gc_opts {
	bool all;
	int64_t until_sec;   /* 0: no matter when */
	uint64_t keep_bytes; /* 0: no matter how much */
	int64_t grace_sec;   /* of loose things */
	bool images;         /* GC_BLOB */
	bool cache;          /* GC_LAYER, records, memos, GC_CONTEXT */
	bool mounts;         /* GC_MOUNT */
	bool dry;            /* only tell what would go */
	int wait_ms;
	const struct cancel *cancel;
	void (*removed)(void *arg, const struct gc_item *item); /* may be NULL */
	void *arg;
};
struct gc_result {
	uint64_t freed; /* bytes */
	uint64_t count[GC_KIND_COUNT];
	uint64_t left; /* could not be removed (owners); it stays in tmp/ */
};
int gc_run(
    struct store *s, const struct gc_roots *roots, const struct gc_opts *opts, struct gc_result *ret, struct err *e);

/* The cap on everything that images do not need, for the end of a build: looks at most every ten minutes, at once when the cap is
 * another one, and only when no other build runs; else it does nothing and succeeds, and the next build looks. Loose things go
 * when they were not used for a day. cap 0: no cap, nothing is done. */
int gc_auto(struct store *s, const struct gc_roots *roots, uint64_t cap_bytes, struct gc_result *ret, struct err *e);

/* For `cooper du`: the sums over a measured list, and what is not in it. */
struct gc_usage {
	uint64_t bytes[GC_KIND_COUNT], count[GC_KIND_COUNT];
	uint64_t loose[GC_KIND_COUNT]; /* what gc_run without all, until and keep would free */
	uint64_t database;
	uint64_t records;
};
int gc_usage(struct store *s, const struct gc_list *list, struct gc_usage *ret, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CACHEDOC_H
#define COOPER_CACHEDOC_H

/*
 * The records of a build cache that machines share. A cache is a manifest whose config is this document and whose layers are the
 * blobs of steps' layers, the same blobs as in a pushed image; or the document stands in an image's configuration and speaks of
 * the image's own layers (inline).
 *
 * Everything in it is a claim. Keys and content ids are digests that say nothing without the bytes behind them; what names bytes
 * (diff id, blob) is verified when they are fetched. What a step printed, its arguments and why it ran are not in it: nothing that
 * was typed leaves the machine but as part of a digest.
 *
 * JSON: {"version":1,"epoch","layers":[{"n","diffId","size","newest","clamped","clock","index"}],"records":[{"key","cid","layer","created","nsec"}],
 * "memos":[{"key","value"}]}; digests are 64 hex digits, absent members are 0, false or none.
 */
#include "registry/oci.h"

#define CACHEDOC_TYPE "application/vnd.cooper.cache.v1+json"
#define CACHEDOC_INDEX_TYPE "application/vnd.cooper.index.v1" /* of a layer's index with its true times */
#define CACHEDOC_MEMBER "cooper.cache.v1"                     /* of an image's configuration */
enum {
	CACHEDOC_SIZE_MAX = 8 * 1024 * 1024,
	CACHEDOC_LAYERS_MAX = 1000, /* of a manifest: oci.c takes no more */
	CACHEDOC_RECORDS_MAX = 20000,
	CACHEDOC_INDEX_MAX = 256 * 1024 * 1024
};
/* Times are those of the years 1 to 9999. */
#define CACHEDOC_TIME_MAX INT64_C(253402300799)

struct cachedoc_layer {
	size_t n;              /* which of the manifest's layers holds it */
	struct digest diff_id; /* of its plain tar */
	uint64_t size;         /* of its plain tar */
	int64_t newest;        /* the latest time of an entry of the tar */
	bool clamped;          /* by SOURCE_DATE_EPOCH, which `newest` is then: the true times were others */
	bool clock;            /* it was not, and some times are the clock's: with an epoch they would have been */
	size_t index;          /* which of the manifest's layers is its index with the true times; SIZE_MAX: none */
};
struct cachedoc_record {
	struct digest key;
	struct digest cid;     /* content id of the step's layer; none: the step made no layer */
	size_t layer;          /* in layers; SIZE_MAX: the layer is not in this cache, only known by name */
	int64_t created;       /* when the step ran */
	uint32_t created_nsec;
};
struct cachedoc_memo { /* what was selected from trees, by arguments and content ids: store.h, memos */
	struct digest key, value;
};
struct cachedoc {
	struct arena arena;
	struct cachedoc_layer *layers;
	size_t nlayers, layers_cap;
	struct cachedoc_record *records;
	size_t nrecords, records_cap;
	struct cachedoc_memo *memos;
	size_t nmemos, memos_cap;
	int64_t epoch;         /* `created` of records is it; INT64_MAX: there was none */
};
/* ERR_CORRUPT, ERR_LIMIT; ERR_UNSUPPORTED for another version. Numbers of layers are in range afterwards. */
int cachedoc_parse(struct str json, struct cachedoc *ret, struct err *e);
/* The same, of the member of an image's configuration. ERR_NOT_FOUND when there is none. */
int cachedoc_from_config(struct str config, struct cachedoc *ret, struct err *e);
/* Does the document fit the manifest: layers where it says so, of the right kinds, their sizes possible? ERR_CORRUPT. */
int cachedoc_check(const struct cachedoc *d, const struct manifest *m, struct err *e);
/* One line, fixed order of members: equal documents are equal bytes. */
void cachedoc_print(const struct cachedoc *d, struct buf *out);
void cachedoc_done(struct cachedoc *d);

#endif

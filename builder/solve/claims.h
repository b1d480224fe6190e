/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CLAIMS_H
#define COOPER_CLAIMS_H

/*
 * What other machines' caches (--cache-from) say, beside the store's own records and asked after them.
 *
 * Who can write to a registry can write any record, so this is how far one is believed:
 * - It lives as long as the build and is never written into the store: a lying cache harms builds that named it, no others.
 * - A record of the store is made from a step that ran here, on layers whose bytes were fetched, verified against blob and diff id,
 *   and found to have the content id that the cache gave them (snapshotter/layer.h). Keys made with claims find things, no more. The same
 *   record under a second key (solve_below.c) is one more name for it: what differs between the two was read here.
 * - Nothing that is derived from a layer is taken from elsewhere: indexes are made from the layer's own bytes. The one index that
 *   is shipped gives times alone, and the layer made with it has another name.
 * - Digests of selections (what COPY --from finds, what mounts show) are claims too; when a step has to run, its key is made anew without them.
 * A cache of which a layer cannot be had, or is something else, is left out from then on and the build goes on without it.
 */
#include "base/map.h"
#include "builder/graph/op.h"
#include "registry/cachedoc.h"

struct claims {
	struct arena arena;
	struct map records, memos;
	int64_t epoch;       /* of this build: which tars can be taken as they are. INT64_MAX: all */
	bool no_hollow;      /* records without bytes are not wanted (any more) */
	/* Called once, when a step is not found in the store; adds what there is. Failures are warnings: nothing is returned. */
	void (*load)(void *arg, struct claims *c);
	void *arg;
	bool loaded;
};
void claims_init(struct claims *c, int64_t epoch, void (*load)(void *arg, struct claims *c), void *arg);
void claims_done(struct claims *c);

/* Adds a checked document (cachedoc_check) and the manifest it belongs to; copies what it needs. `origin` (where blobs are fetched
 * from) and `cache` live as long as the claims. Of several caches the one added first is asked first. */
void claims_add(struct claims *c, const struct cachedoc *d, const struct manifest *m, const char *origin, struct tree_cache *cache);
/* A result for the key; false: none. want_tar: the layer goes into an image. */
bool claims_find(struct claims *c, const struct digest *key, bool want_tar, struct outcome *ret);
bool claims_recall(struct claims *c, const struct digest *key, struct digest *ret);

#endif

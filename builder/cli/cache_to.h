/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CACHE_TO_H
#define COOPER_CACHE_TO_H

/* Writing the caches of --cache-to, when the outputs are out: their blobs are in registries then, and are not sent twice. */
#include "builder/cli/build_output.h"
#include "builder/cli/cache_opts.h"
#include "builder/export/cacheout.h"
#include "builder/solve/solve.h"

struct cache_targets {
	struct cli *cli;
	const struct build_request *r;
	const struct plan *plan;
	const struct solved *solved;
	const struct built *built;
	struct events *events;
	const struct str *from_repos; /* of --cache-from: they may lend blobs */
	size_t nfrom_repos;
};
/* Are there any but inline ones? They make tars of folders. */
bool cache_to_wanted(const struct build_request *r);
bool cache_to_inline(const struct build_request *r);
/* ERR_USAGE: a cache under the name of the image itself would take its place. Also warns of what cannot be meant. */
int cache_to_check(const struct build_request *r, struct err *e);
int cache_to_write(const struct cache_targets *t, struct err *e);
/* The records for the configuration of the image that `head` made; in the cli's arena. */
int cache_to_inline_text(const struct cache_targets *t, const struct step *head, const struct tree *tree, size_t nbase, struct str *ret,
	struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CACHE_FROM_H
#define COOPER_CACHE_FROM_H

/* Reading the caches of --cache-from. A source that cannot be had is a warning; its build goes on. */
#include "builder/cli/cache_opts.h"
#include "builder/ops/env.h"
#include "builder/solve/claims.h"
#include "builder/solve/event.h"

struct cache_sources {
	const struct cache_spec *specs;
	size_t n;
	struct ops_env *env;
	struct events *events;
	struct arena *a;             /* lives as long as the claims */
	struct str *repos;           /* of registries' caches: "HOST/NAME", for who may lend blobs to a push */
	size_t nrepos, repos_cap;
};
/* claims.load; arg is a struct cache_sources. */
void cache_from_load(void *arg, struct claims *c);
/* Tells the environment, before anything is fetched, which of the repositories said registry.insecure. */
void cache_from_trust(const struct cache_spec *specs, size_t n, struct arena *a, struct ops_env *env);

#endif

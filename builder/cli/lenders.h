/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LENDERS_H
#define COOPER_LENDERS_H

/* Repositories of one registry that may lend blobs to a push into another of its repositories: each once, by path. */
#include "registry/ref.h"

struct lenders {
	struct str *paths; /* in the arena */
	size_t n, cap;
};
/* Names of other registries, of the target itself and bad ones are left out. */
void lenders_add(struct lenders *l, struct arena *a, struct str name, const struct ref *target);

#endif

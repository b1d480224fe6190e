/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_MAP_H
#define COOPER_MAP_H

/* Hash map from byte strings to pointers; iteration goes in order of insertion, so output is reproducible. */
#include <stddef.h>

#include "base/str.h"

struct map_item {
	struct str key; /* a copy owned by the map */
	void *value;    /* never owned */
};
struct map {
	struct map_item *items; /* 0..n-1 in order of insertion */
	size_t n, cap;
	uint32_t *slots;        /* index + 1, or 0 */
	size_t nslots;
};

void map_done(struct map *m);
/* Adds or replaces; returns the value that was there, or NULL. */
void *map_set(struct map *m, struct str key, void *value);
/* The value, or NULL. */
void *map_get(const struct map *m, struct str key);
bool map_has(const struct map *m, struct str key);
#define cleanup_map __attribute__((cleanup(map_done)))

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ARENA_H
#define COOPER_ARENA_H

/* Memory that dies together: the AST, a plan, an image document. `struct arena a = {0};` is a good empty one. */
#include <stddef.h>

#include "base/str.h"

struct arena_block;
struct arena {
	struct arena_block *last; /* newest block first */
};

void *arena_new(struct arena *a, size_t size);                   /* zeroed, aligned for anything */
struct str arena_str(struct arena *a, struct str s);             /* a copy, NUL-terminated behind its end */
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_done(struct arena *a);
#define cleanup_arena __attribute__((cleanup(arena_done)))

/* Room for one more in an arena-held array: grows by doubling, the old array stays until the arena dies. */
void *arena_grow(struct arena *a, void *old, size_t n, size_t *cap, size_t size);
#define ARENA_ROOM(arena, a, n, cap) ((a) = arena_grow((arena), (a), (n), &(cap), sizeof(*(a))))

#endif

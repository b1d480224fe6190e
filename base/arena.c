/* SPDX-License-Identifier: Apache-2.0 */
/* A chain of blocks, each twice as large as the one before; a large request gets one of its own size behind the block in use. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

enum { HEAD = sizeof(struct arena_block), BLOCK = 16 * 1024, BLOCK_MAX = 2 << 20, LARGE = BLOCK_MAX / 16 };

static struct arena_block *new_block(size_t room)
{
	struct arena_block *b = mem_large(room, 1);
	*b = (struct arena_block){.size = room - HEAD};
	return b;
}

static struct arena_block *block_for(struct arena *a, size_t need)
{
	struct arena_block *last = a->last, *b;
	if (last && last->size - last->used >= need)
		return last;
	if (last && need > LARGE) {
		b = new_block(HEAD + need);
		b->next = last->next;
		return last->next = b;
	}
	size_t room = last ? (HEAD + last->size) * 2 : BLOCK;
	room = room < BLOCK_MAX ? room : BLOCK_MAX;
	b = new_block(HEAD + need > room ? HEAD + need : room);
	b->next = last;
	return a->last = b;
}

void *arena_new(struct arena *a, size_t size)
{
	size_t need = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct arena_block *b = block_for(a, need);
	void *p = memset(b->bytes + b->used, 0, need);
	b->used += need;
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = arena_new(a, s.len + 1);
	if (s.len)
		memcpy(p, s.p, s.len);
	return (struct str){p, s.len};
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? (char *)arena_str(a, str_of(s)).p : NULL;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *p = arena_new(a, (size_t)(n < 0 ? 0 : n) + 1);
	if (n > 0)
		vsnprintf(p, (size_t)n + 1, format, again);
	va_end(again);
	return p;
}

void *arena_grow(struct arena *a, void *old, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return old;
	size_t want = *cap ? *cap * 2 : 8;
	void *p = arena_new(a, want * size);
	if (n)
		memcpy(p, old, n * size);
	*cap = want;
	return p;
}

void arena_done(struct arena *a)
{
	for (struct arena_block *b = a->last, *next; b; b = next) {
		next = b->next;
		mem_free(b);
	}
	a->last = NULL;
}

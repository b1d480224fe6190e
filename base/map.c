/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing over an array kept in order of insertion. */
#include "base/map.h"

#include "base/mem.h"

static size_t hash(struct str s)
{
	uint64_t h = 1469598103934665603u;
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
	return (size_t)(h ^ (h >> 29));
}

static size_t slot_of(const struct map *m, struct str key)
{
	size_t i = hash(key) & (m->nslots - 1);
	while (m->slots[i] && !str_eq(m->items[m->slots[i] - 1].key, key))
		i = (i + 1) & (m->nslots - 1);
	return i;
}

static void grow(struct map *m)
{
	size_t old = m->nslots;
	if (old && m->n * 4 < old * 3)
		return;
	mem_free(m->slots);
	m->nslots = old ? old * 2 : 16;
	m->slots = mem_array(m->nslots, sizeof(*m->slots));
	for (size_t i = 0; i < m->n; i++)
		m->slots[slot_of(m, m->items[i].key)] = (uint32_t)i + 1;
}

void *map_set(struct map *m, struct str key, void *value)
{
	grow(m);
	size_t s = slot_of(m, key);
	if (m->slots[s]) {
		struct map_item *item = &m->items[m->slots[s] - 1];
		void *old = item->value;
		item->value = value;
		return old;
	}
	MEM_ROOM(m->items, m->n, m->cap);
	m->items[m->n] = (struct map_item){.key = {mem_strndup(key.p, key.len), key.len}, .value = value};
	m->slots[s] = (uint32_t)++m->n;
	return NULL;
}

void *map_get(const struct map *m, struct str key)
{
	if (!m->n)
		return NULL;
	uint32_t i = m->slots[slot_of(m, key)];
	return i ? m->items[i - 1].value : NULL;
}

bool map_has(const struct map *m, struct str key)
{
	return m->n && m->slots[slot_of(m, key)];
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->n; i++)
		mem_free((void *)m->items[i].key.p);
	mem_free(m->items);
	mem_free(m->slots);
	*m = (struct map){0};
}

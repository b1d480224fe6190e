/* SPDX-License-Identifier: Apache-2.0 */
/* Two maps, by key; under one key what several caches say, in their order. See claims.h for how far any of it is believed. */
#include "builder/solve/claims.h"

struct said { /* a record or a memo */
	struct said *next; /* what another cache says under the same key */
	struct tree_cache *cache;
	struct outcome outcome;
	struct digest memo;
};

void claims_init(struct claims *c, int64_t epoch, void (*load)(void *arg, struct claims *c), void *arg)
{
	*c = (struct claims){.epoch = epoch, .load = load, .arg = arg};
}

void claims_done(struct claims *c)
{
	map_done(&c->records);
	map_done(&c->memos);
	arena_done(&c->arena);
	*c = (struct claims){0};
}

static struct str key_text(const struct digest *key)
{
	return (struct str){(const char *)key->b, sizeof(key->b)};
}

static void add(struct map *m, const struct digest *key, struct said *s)
{
	struct said *first = map_get(m, key_text(key));
	if (!first) {
		map_set(m, key_text(key), s);
		return;
	}
	while (first->next)
		first = first->next;
	first->next = s;
}

/* An epoch asks for exact times: those of the tar when it was cut at the same epoch, or has no time that would be cut at this one. */
static bool as_is(const struct claims *c, const struct cachedoc_layer *l)
{
	if (c->epoch == INT64_MAX)
		return true;
	return l->clamped ? l->newest == c->epoch : l->newest <= c->epoch && !l->clock;
}

static struct tree_layer *make_layers(
    struct claims *c, const struct cachedoc *d, const struct manifest *m, const char *origin, struct tree_cache *cache)
{
	struct tree_layer *layers = arena_new(&c->arena, (d->nlayers + 1) * sizeof(*layers));
	for (size_t i = 0; i < d->nlayers; i++) {
		const struct cachedoc_layer *l = &d->layers[i];
		const struct descriptor *blob = &m->layers[l->n];
		struct tree_claim *claim = arena_new(&c->arena, sizeof(*claim));
		*claim = (struct tree_claim){.cache = cache, .tar_size = l->size, .newest = l->newest, .clamped = l->clamped, .clock = l->clock, .as_is = as_is(c, l)};
		if (l->index != SIZE_MAX) {
			claim->index = m->layers[l->index].digest;
			claim->index_size = m->layers[l->index].size;
		}
		layers[i] = (struct tree_layer){.diff_id = l->diff_id, .blob = blob->digest, .blob_size = blob->size,
			.media_type = arena_str(&c->arena, blob->media_type).p, .origin = origin, .claim = claim};
	}
	return layers;
}

/* The true times of the layer cannot be had: its bytes are of no use in an image that has to have them, nor to a step that would copy them. */
static bool inexact(const struct tree_layer *l)
{
	return !l->claim->as_is && digest_none(&l->claim->index);
}

void claims_add(struct claims *c, const struct cachedoc *d, const struct manifest *m, const char *origin, struct tree_cache *cache)
{
	struct tree_layer *layers = make_layers(c, d, m, origin, cache);
	struct tree_claim *hollow = arena_new(&c->arena, sizeof(*hollow));
	*hollow = (struct tree_claim){.cache = cache};
	for (size_t i = 0; i < d->nrecords; i++) {
		const struct cachedoc_record *r = &d->records[i];
		struct said *s = arena_new(&c->arena, sizeof(*s));
		*s = (struct said){.cache = cache, .outcome.has_layer = !digest_none(&r->cid)};
		s->outcome.layer = r->layer == SIZE_MAX || inexact(&layers[r->layer]) ? (struct tree_layer){.claim = hollow} : layers[r->layer];
		s->outcome.layer.cid = r->cid;
		s->outcome.layer.created = r->created;
		s->outcome.layer.created_nsec = r->created_nsec;
		add(&c->records, &r->key, s);
	}
	for (size_t i = 0; i < d->nmemos; i++) {
		struct said *s = arena_new(&c->arena, sizeof(*s));
		*s = (struct said){.cache = cache, .memo = d->memos[i].value};
		add(&c->memos, &d->memos[i].key, s);
	}
}

static void need_loaded(struct claims *c)
{
	if (!c->loaded && c->load)
		c->load(c->arg, c);
	c->loaded = true;
}

bool claims_find(struct claims *c, const struct digest *key, bool want_tar, struct outcome *ret)
{
	const struct said *second = NULL;
	need_loaded(c);
	for (const struct said *s = map_get(&c->records, key_text(key)); s; s = s->next) {
		const struct tree_layer *l = &s->outcome.layer;
		if (atomic_load(&s->cache->broken))
			continue;
		if (s->outcome.has_layer && tree_layer_hollow(l)) {
			if (!second && !want_tar && !c->no_hollow)
				second = s;
			continue;
		}
		*ret = s->outcome;
		return true;
	}
	if (second)
		*ret = second->outcome;
	return second != NULL;
}

bool claims_recall(struct claims *c, const struct digest *key, struct digest *ret)
{
	need_loaded(c);
	for (const struct said *s = map_get(&c->memos, key_text(key)); s; s = s->next)
		if (!atomic_load(&s->cache->broken)) {
			*ret = s->memo;
			return true;
		}
	return false;
}

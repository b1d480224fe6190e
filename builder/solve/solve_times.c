/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys know no times. With SOURCE_DATE_EPOCH an image has them all the same, so a step that is found on record has to be one that would
 * give the same times now. A copy can tell (op->timely). Of a command nobody knows what it did with the times that it saw; but those of
 * files that it changed, moved or copied stand in its layer. So it is noted which layers it ran on, and when others are there now, the times
 * that went with the old ones must not be found in what it made.
 */
#include "base/map.h"
#include "builder/solve/solve_impl.h"
#include "snapshotter/layer.h"

static struct digest note_key(const struct digest *layer)
{
	return digest_about(STR("ran on 1"), layer);
}

static int note_ground(struct solver *s, const struct job *j, const struct digest *layer, struct err *e)
{
	cleanup_buf struct buf names = {0};
	struct digest key = note_key(layer);
	for (size_t i = 0; i < j->step->ninputs; i++)
		for (size_t k = 0; k < j->task.inputs[i]->n; k++)
			buf_add(&names, tree_layer_name(&j->task.inputs[i]->layers[k])->b, DIGEST_SIZE);
	return store_set_memo(s->o->store, &key, buf_view(&names), e);
}

int solve_note_ground(struct solver *s, const struct job *j, struct err *e)
{
	return j->step->op->inherits && j->outcome.has_layer ? note_ground(s, j, &j->outcome.layer.id, e) : 0;
}

/* Layers that are among the step's now, or were when it ran, and not both. */
struct sides {
	struct store *store;
	int64_t epoch;
	struct map then, now;     /* their names */
	struct index **is;        /* of those of now */
	size_t nis;
	struct map gone;          /* times that stand nowhere now where they stood then */
	struct arena arena;
};

static void sides_done(struct sides *d)
{
	for (size_t i = 0; i < d->nis; i++)
		index_free(d->is[i]);
	mem_free(d->is);
	map_done(&d->then);
	map_done(&d->now);
	map_done(&d->gone);
	arena_done(&d->arena);
}

static struct str text_of(const struct digest *d)
{
	return (struct str){(const char *)d->b, sizeof(d->b)};
}

/* A base image's layer is named by its tar until it has been unpacked. */
static int index_of(struct store *s, const struct digest *name, struct index **ret, struct err *e)
{
	struct digest id;
	struct err ignored;
	return store_layer_index(s, store_find_unpacked(s, name, &id, &ignored) == 0 ? &id : name, ret, e);
}

static struct str time_text(int64_t time, int64_t *room)
{
	*room = time;
	return (struct str){(const char *)room, sizeof(*room)};
}

static bool stands_now(const struct sides *d, const struct entry *was)
{
	for (size_t i = 0; i < d->nis; i++) {
		const struct entry *is = index_find(d->is[i], was->path);
		if (is && entry_time(is, d->epoch) == entry_time(was, d->epoch))
			return true;
	}
	return false;
}

/* False: an index is not here any more. */
static bool find_gone(struct sides *d, const struct digest *then)
{
	struct err ignored;
	cleanup_index struct index *was = NULL;
	int64_t room;
	if (map_has(&d->now, text_of(then)))
		return true;
	if (index_of(d->store, then, &was, &ignored) < 0)
		return false;
	for (size_t i = 0; i < was->n; i++)
		if (was->entries[i].type != ENTRY_WHITEOUT && !stands_now(d, &was->entries[i]))
			map_set(&d->gone, arena_str(&d->arena, time_text(was->entries[i].mtime, &room)), d);
	return true;
}

/* Those of now whose index is not here are another machine's, known by name: what it says is taken. */
static bool read_sides(struct sides *d, const struct job *j, const struct digest *then, size_t n)
{
	struct err ignored;
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		map_set(&d->then, text_of(&then[i]), d);
	for (size_t i = 0; i < j->step->ninputs; i++)
		total += j->task.inputs[i]->n;
	d->is = mem_array(total + 1, sizeof(*d->is));
	for (size_t i = 0; i < j->step->ninputs; i++)
		for (size_t k = 0; k < j->task.inputs[i]->n; k++) {
			const struct digest *name = tree_layer_name(&j->task.inputs[i]->layers[k]);
			map_set(&d->now, text_of(name), d);
			if (map_has(&d->then, text_of(name)))
				continue;
			if (index_of(d->store, name, &d->is[d->nis], &ignored) < 0)
				return false;
			d->nis++;
		}
	return true;
}

static bool has_gone(const struct sides *d, const struct digest *layer)
{
	struct err ignored;
	cleanup_index struct index *made = NULL;
	int64_t room;
	if (store_layer_index(d->store, layer, &made, &ignored) < 0)
		return true;
	for (size_t i = 0; i < made->n; i++)
		if (!made->entries[i].clock && map_has(&d->gone, time_text(made->entries[i].mtime, &room)))
			return true;
	return false;
}

static bool same_ground(const struct job *j, const struct digest *then, size_t n)
{
	size_t at = 0;
	for (size_t i = 0; i < j->step->ninputs; i++)
		for (size_t k = 0; k < j->task.inputs[i]->n; k++, at++)
			if (at == n || !digest_eq(tree_layer_name(&j->task.inputs[i]->layers[k]), &then[at]))
				return false;
	return at == n;
}

static bool compare(struct sides *d, const struct job *j, const struct digest *then, size_t n, const struct digest *layer)
{
	if (!read_sides(d, j, then, n))
		return true;
	for (size_t i = 0; i < n; i++)
		if (!find_gone(d, &then[i]))
			return false;
	return !has_gone(d, layer);
}

static bool inherited_stand(struct solver *s, const struct job *j, const struct digest *layer)
{
	cleanup_with(sides_done) struct sides d = {.store = s->o->store, .epoch = s->o->epoch};
	cleanup_buf struct buf names = {0};
	struct digest key = note_key(layer);
	struct err ignored;
	bool found = false;
	if (store_get_memo(s->o->store, &key, &names, &found, &ignored) < 0 || !found)
		return false;
	const struct digest *then = (const struct digest *)names.p;
	size_t n = names.len / sizeof(*then);
	if (same_ground(j, then, n))
		return true;
	if (!compare(&d, j, then, n, layer))
		return false;
	(void)note_ground(s, j, layer, &ignored); /* it might as well have run on these; the next look is a short one */
	return true;
}

bool solve_is_timely(struct solver *s, struct job *j, const struct record *r)
{
	const struct op *op = j->step->op;
	struct err ignored;
	bool is = true;
	if (s->o->epoch == INT64_MAX || digest_none(&r->layer))
		return true;
	if (op->timely && op->timely(&j->task, &r->layer, &is, &ignored) < 0)
		is = true;
	if (op->inherits)
		is = inherited_stand(s, j, &r->layer);
	j->outdated |= !is;
	return is;
}

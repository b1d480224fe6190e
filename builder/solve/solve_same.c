/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step that ran and produced what is on record gives back the recorded layer: its times, its diff id, its blobs. So the image's
 * digest stays, and nothing is pushed again.
 *
 * Content ids say that two layers are the same but for times. For copies, whose keys do not know times either, that is enough. The
 * layer of a command has to agree in its times too, be it of the same command (its arguments may say which times it sets) or of
 * another one: each is the same, or both were given by the clock while the commands ran, and not by the commands (touch -d, tar -x).
 * With SOURCE_DATE_EPOCH a layer is only taken when it comes to the same tar, so that what the store happens to hold cannot be seen
 * in the image.
 */
#include "builder/solve/solve_impl.h"
#include "snapshotter/index.h"
#include "snapshotter/layer.h"

struct same {
	struct solver *s;
	struct job *j;
	struct index *index; /* of the job's layer, when it was needed */
	struct digest last;  /* the layer that was looked at last: many records may speak of it */
};

static void same_done(struct same *f)
{
	index_free(f->index);
}

/* Two layers of the same content: their indexes have the same entries. */
static bool same_times(const struct same *f, const struct index *other)
{
	bool copy = strcmp(f->j->step->op->name, "copy") == 0;
	int64_t epoch = f->s->o->epoch;
	for (size_t i = 0; i < other->n; i++) {
		const struct entry *then = &other->entries[i], *now = &f->index->entries[i];
		if (epoch != INT64_MAX && entry_time(then, epoch) != entry_time(now, epoch))
			return false;
		if (then->clock != now->clock)
			return false;
		if (!copy && then->mtime != now->mtime && !now->clock)
			return false;
	}
	return true;
}

static bool agrees(struct same *f, const struct record *r)
{
	struct err ignored;
	struct store *store = f->s->o->store;
	cleanup_index struct index *other = NULL;
	if (!f->index && store_layer_index(store, &f->j->outcome.layer.id, &f->index, &ignored) < 0)
		return false;
	return store_layer_index(store, &r->layer, &other, &ignored) == 0 && other->n == f->index->n && same_times(f, other);
}

static bool give(void *arg, const struct record *r)
{
	struct same *f = arg;
	struct job *j = f->j;
	if (digest_eq(&r->layer, &f->last))
		return false;
	f->last = r->layer;
	if (!layer_is_here(f->s->o->store, &r->layer) || !agrees(f, r))
		return false;
	j->outcome.layer.id = r->layer;
	j->outcome.layer.created = r->created;
	j->outcome.layer.created_nsec = r->created_nsec;
	return true;
}

int solve_give_back(struct solver *s, struct job *j, struct err *e)
{
	cleanup_with(same_done) struct same f = {.s = s, .j = j};
	if (!j->outcome.has_layer || !s->o->store)
		return 0;
	return store_find_content(s->o->store, &j->step->family, &j->outcome.layer.cid, give, &f, e);
}

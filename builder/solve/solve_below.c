/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second key for steps on base images. A base image's layers stand in keys by their diff ids, which are
 * known before any byte was fetched, but have times in them: the same files built another day are other layers. When nothing is found
 * by that, the step would have to run, and the layers be here for it; then their content ids can be had as well. What runs is recorded
 * under both keys, so each finds what the other one knew.
 *
 * The second record is of a family of its own: what is told of a miss compares keys of the first kind alone. Other machines' caches are not asked
 * here, and nothing that they say gets onto record: in the second key, layers of theirs have the same names as in the first.
 */
#include "builder/solve/solve_impl.h"
#include "snapshotter/layer.h"

/* Known by its tar alone. */
static bool named_by_tar(const struct tree_layer *l)
{
	return !l->claim && !digest_none(&l->diff_id) && digest_eq(&l->cid, &l->diff_id);
}

/* False: it is the job's own key, or the content of a layer is not known. */
static int content_key(struct solver *s, struct job *j, struct digest *ret, bool *ret_other, struct err *e)
{
	*ret_other = false;
	if (!solve_counts_below(j))
		return 0;
	bool other = false;
	struct tree *t = tree_new(&j->arena, j->task.inputs[0], 0);
	for (size_t i = 0; i < t->n; i++) {
		if (!named_by_tar(&t->layers[i]))
			continue;
		if (layer_content(s->o->store, &t->layers[i].diff_id, &t->layers[i].cid, e) < 0)
			return e->code == ERR_NOT_FOUND ? 0 : -(int)e->code;
		other = true;
	}
	tree_seal(t);
	*ret = solve_key_on(j, &t->cid);
	*ret_other = other;
	return 0;
}

bool solve_lacks_ground(struct solver *s, const struct job *j)
{
	if (!j->step->op->ground || j->step->no_cache || !solve_counts_below(j))
		return false;
	const struct tree *t = j->task.inputs[0];
	struct digest cid;
	struct err ignored;
	for (size_t i = 0; i < t->n; i++)
		if (named_by_tar(&t->layers[i]) && layer_content(s->o->store, &t->layers[i].diff_id, &cid, &ignored) == -ERR_NOT_FOUND)
			return true;
	return false;
}

int solve_look_below(struct solver *s, struct job *j, bool *ret_hit, struct err *e)
{
	struct digest key;
	struct record r;
	bool other = false;
	if (j->step->no_cache)
		return 0;
	TRY(content_key(s, j, &key, &other, e));
	if (!other)
		return 0;
	TRY(solve_find_here(s, &key, &r, ret_hit, e));
	*ret_hit = *ret_hit && solve_is_timely(s, j, &r);
	if (!*ret_hit)
		return 0;
	solve_take_record(s, j, &r);
	r.key = j->key;
	r.family = j->step->family;
	r.place = j->step->place;
	r.why = buf_view(&j->task.why);
	return store_add_record(s->o->store, &r, e);
}

int solve_record_below(struct solver *s, struct job *j, struct err *e)
{
	struct digest key;
	bool other = false;
	TRY(content_key(s, j, &key, &other, e));
	if (!other)
		return 0;
	struct record r = {.key = key, .family = key, .layer = j->outcome.layer.id, .cid = j->outcome.layer.cid,
		.created = j->outcome.layer.created, .created_nsec = j->outcome.layer.created_nsec};
	return store_add_record(s->o->store, &r, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of steps that were found in another machine's cache when that does not hold. A record may speak of a layer without
 * having its bytes (the layers of a stage of which only a file was copied): good as long as everything behind it is found as well.
 * Or the bytes cannot be had, or are others. Then the solver comes to rest, forgets all that stands on such layers, and goes on
 * without them; what was found or made otherwise stays.
 */
#include "builder/solve/solve_impl.h"
#include "snapshotter/layer.h"

bool solve_on_hollow(const struct job *j)
{
	for (size_t i = 0; i < j->step->ninputs; i++)
		if (tree_hollow(j->task.inputs[i]))
			return true;
	return false;
}

static struct tree_cache *broken_in(const struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->layers[i].claim && atomic_load(&t->layers[i].claim->cache->broken))
			return t->layers[i].claim->cache;
	return NULL;
}

bool solve_doubts(struct solver *s, const struct job *j, const struct err *e)
{
	if (!s->o->claims || cancelled(s->o->cancel))
		return false;
	if (solve_on_hollow(j)) {
		s->o->claims->no_hollow = true;
		return s->again = true;
	}
	for (size_t i = 0; e && i < j->step->ninputs; i++) {
		const struct tree_cache *c = broken_in(j->task.inputs[i]);
		if (!c)
			continue;
		cleanup_free char *text = mem_printf("the cache %s is not used any more: %s", c->name, e->text);
		event_warning(s->o->events, 0, "", NULL, NULL, 0, 0, str_of(text));
		return s->again = true;
	}
	return false;
}

bool solve_is_sure(const struct solver *s, const struct job *j)
{
	for (size_t i = j->task.floating ? 1 : 0; i < j->step->ninputs; i++) {
		const struct tree *t = j->task.inputs[i];
		for (size_t k = 0; k < t->n; k++)
			if (t->layers[k].claim && !layer_content_known(s->o->store, &t->layers[k].diff_id, &t->layers[k].cid))
				return false;
	}
	return true;
}

static bool holds(const struct solver *s, const struct tree *t)
{
	return !broken_in(t) && !(s->o->claims->no_hollow && tree_hollow(t));
}

static void redo(struct solver *s, const struct step *st)
{
	struct state *state = &s->states[st->number];
	state->missing = 0;
	for (size_t i = 0; i < st->ninputs; i++)
		state->missing += s->states[st->inputs[i]->number].phase != DONE;
	state->phase = state->missing ? WAITING : READY;
	state->tree = s->result->trees[st->number] = NULL;
	state->hit = state->untold = false;
	s->result->results[st->number] = (struct step_result){0};
}

/* An output needs bytes. */
static bool targets_hold(struct solver *s, struct step *const *targets, size_t n)
{
	if (!s->o->want_tar && !s->o->want_folder)
		return true;
	for (size_t i = 0; i < n; i++)
		if (s->states[targets[i]->number].tree && tree_hollow(s->states[targets[i]->number].tree))
			return false;
	return true;
}

bool solve_again(struct solver *s, struct step *const *targets, size_t n)
{
	if (!s->o->claims)
		return false;
	if (!s->again && !targets_hold(s, targets, n)) {
		s->o->claims->no_hollow = true;
		s->again = true;
	}
	if (!s->again)
		return false;
	s->again = false;
	s->first = 0;
	/* Inputs come before their users. What has no layer of its own stands on its input's tree; what was copied out of a tree has only
	 * its key from there. */
	for (size_t i = 0; i < s->plan->n; i++) {
		const struct step *st = s->plan->steps[i];
		struct state *state = &s->states[i];
		if (!state->needed)
			continue;
		bool fine = state->phase == DONE && holds(s, state->tree);
		for (size_t k = 0; fine && k < st->ninputs; k++)
			fine = s->states[st->inputs[k]->number].phase == DONE;
		if (!fine)
			redo(s, st);
	}
	return true;
}

void solve_tell_hits(struct solver *s)
{
	for (size_t i = 0; i < s->plan->n; i++) {
		struct state *state = &s->states[i];
		s->result->stats.cached += state->hit;
		if (state->untold && s->rc == 0)
			event_cached(s->o->events, state->event);
	}
}

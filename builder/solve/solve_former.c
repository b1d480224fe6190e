/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step was when it ran before: for --explain, and for a COPY that takes from its former layer what is the same. That is asked of
 * the last runs of the step with this very text, wherever it stood; when there is none, of what stood in its place, unless that stands
 * somewhere else in the file now. Of those the one is taken whose key differs in the fewest parts, and of equals the newest. A step
 * that gets its key after the run is asked for twice: before, for the layer, and with the whole key, for the reasons.
 */
#include "builder/solve/solve_impl.h"
#include "builder/solve/why.h"

struct former {
	const struct plan *plan;
	struct job *job;
	bool by_place, found;
	size_t fewest;
};

static bool stands_in(const struct plan *p, const struct digest *family)
{
	for (size_t i = 0; i < p->n; i++)
		if (digest_eq(&p->steps[i]->family, family))
			return true;
	return false;
}

static bool consider(void *arg, const struct record *r)
{
	struct former *f = arg;
	struct job *j = f->job;
	cleanup_changes struct changes c = {0};
	if (f->by_place && stands_in(f->plan, &r->family))
		return false;
	size_t differs = why_parts(r->why, buf_view(&j->task.why), &c) ? c.n : SIZE_MAX;
	if (f->found && differs >= f->fewest)
		return false;
	f->found = true;
	f->fewest = differs;
	j->task.former = r->layer;
	j->then_why = arena_str(&j->arena, r->why);
	return differs <= 1; /* there is no nearer one */
}

int solve_find_former(struct solver *s, struct job *j, struct err *e)
{
	struct former f = {.plan = s->plan, .job = j};
	TRY(store_find_kin(s->o->store, &j->step->family, consider, &f, e));
	f.by_place = true;
	if (!f.found)
		TRY(store_find_place(s->o->store, &j->step->place, consider, &f, e));
	return 0;
}

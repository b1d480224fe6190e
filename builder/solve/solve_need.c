/* SPDX-License-Identifier: Apache-2.0 */
/* Steps stand behind their inputs in the plan: one pass from its end finds all that is needed, another what forms of layers are. */
#include "builder/solve/solve_impl.h"

/* Inputs come before their users. */
static void need(struct solver *s)
{
	for (size_t i = s->plan->n; i-- > 0;) {
		const struct step *st = s->plan->steps[i];
		if (!s->states[i].needed)
			continue;
		for (size_t k = 0; k < st->ninputs; k++)
			s->states[st->inputs[k]->number].needed = true;
		s->states[i].missing = (unsigned)st->ninputs;
		s->states[i].phase = st->ninputs ? WAITING : READY;
	}
}

/* Marks the layers that make up st's tree; below a marked one all are. */
static void want(struct solver *s, const struct step *st, bool tar, bool folder)
{
	for (; st; st = st->op->on_tree && st->ninputs ? st->inputs[0] : NULL) {
		struct state *state = &s->states[st->number];
		if ((state->want_tar || !tar) && (state->want_folder || !folder))
			return;
		state->want_tar |= tar;
		state->want_folder |= folder;
	}
}

void solve_mark(struct solver *s, struct step *const *targets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		s->states[targets[i]->number].needed = true;
		want(s, targets[i], s->o->want_tar, s->o->want_folder);
	}
	need(s);
	for (size_t i = 0; i < s->plan->n; i++) {
		const struct step *st = s->plan->steps[i];
		if (!s->states[i].needed)
			continue;
		bool runs = strcmp(st->op->name, "exec") == 0;
		for (size_t k = 0; k < st->ninputs; k++)
			if (runs || k > 0 || !st->op->on_tree)
				want(s, st->inputs[k], false, true);
	}
}

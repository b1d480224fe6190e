/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PLAN_H
#define COOPER_PLAN_H

/* The plan: a DAG of steps, only what the target reaches, equal steps once. It never changes after lowering; state of a build
 * lives beside it (builder/solve). */
#include "base/arena.h"
#include "base/map.h"
#include "builder/graph/op.h"

struct step {
	const struct op *op;
	const void *args;             /* as op understands them; in the plan's arena */
	struct step **inputs;
	size_t ninputs;
	struct digest id;             /* H(op, args, ids of inputs) */
	struct digest family, place;  /* "the same step" before and after an edit: by its text, and by where it stands (store.h) */
	size_t number;                /* index in plan->steps: inputs always come before */
	const char *label;            /* "RUN make", for people */
	const char *stage;            /* stage name, or NULL when the file has one stage */
	const char *platform;         /* that it runs for, or NULL when one platform is built */
	const char *target;           /* that it makes something for, when its file asked and that is another one; NULL */
	unsigned nth, of;             /* "[stage 2/5]"; 0 for internal steps */
	int line, col, end_line;      /* where in the Containerfile; 0 for internal steps */
	bool no_cache;                /* do not look for records (still makes one) */
	bool internal;                /* not an instruction: shown only when it does something */
};

struct plan {
	struct arena arena;
	struct step **steps;          /* inputs before users */
	size_t n, cap;
	struct map by_id;
};
void plan_init(struct plan *p);
void plan_done(struct plan *p);

/* Adds a step, or gives back the equal one that is there. `proto` has op, args (in the plan's arena), inputs and the fields for
 * people; id and number are made here. */
struct step *plan_add(struct plan *p, const struct step *proto);

/* Stable text, one step a line: "3 copy <1 <2 | COPY . /app". For golden files and `cooper show`. */
void plan_print(const struct plan *p, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SOLVE_H
#define COOPER_SOLVE_H

/*
 * Solving a plan: for each step a key, then a record or a run. One thread owns all state; steps that have to run are handed to
 * workers. A plan whose every key is known is solved without a thread, a fork or an open file.
 */
#include "builder/graph/plan.h"
#include "builder/solve/claims.h"
#include "builder/solve/event.h"
#include "snapshotter/store.h"

struct solve_opts {
	struct store *store;
	void *env;               /* handed to the ops: struct ops_env */
	struct events *events;
	unsigned jobs;           /* steps that run at once; 0 = one a core, at least 2 */
	const struct cancel *cancel;
	/* Called once, in the solving thread and before any worker is started, when the first step has to run. */
	int (*before_run)(void *arg, struct err *e);
	void *arg;
	/* Called in the solving thread for each layer of a target that was made (not found) while other steps are still to come. */
	void (*made)(void *arg, const struct digest *layer);
	/* Of the targets' layers: needed as tars (an image is put out), as folders (a tree is put out). */
	bool want_tar, want_folder;
	int64_t epoch;           /* that times of images are clamped to, or INT64_MAX */
	struct claims *claims;   /* what other machines' caches say; NULL: there are none */
	/* Why steps ran: told for each (explain_all) or for the first one only. */
	bool explain_all;
	struct buf *explain_json; /* JSON objects of {step, stage, line, reason, changes} are added, with commas between; NULL: not wanted */
};

struct solve_stats {
	unsigned cached, ran;
};

struct solved {
	struct arena arena;
	const struct tree **trees; /* by step number; NULL for steps that were not needed */
	struct step_result *results; /* by step number */
	struct solve_stats stats;
};

/* Solves what the targets need. On failure e has the place and *ret_failed the step (or NULL). */
int solve(const struct plan *plan, struct step *const *targets, size_t ntargets, const struct solve_opts *o, struct solved *ret,
	const struct step **ret_failed, struct err *e);
void solved_done(struct solved *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SOLVE_IMPL_H
#define COOPER_SOLVE_IMPL_H

/* Inside of builder/solve: a plan that is being solved. Only the solving thread touches it, but for the queue of finished jobs. */
#include <pthread.h>

#include "builder/solve/solve.h"

struct state {
	bool needed;
	unsigned missing;          /* inputs without a tree yet */
	bool want_tar, want_folder;
	uint32_t event;            /* number in the event stream; 0: not announced */
	enum { WAITING, READY, RUNNING, DONE } phase;
	const struct tree *tree;
};

struct job {
	struct solver *solver;
	const struct step *step;
	struct task task;
	pthread_t thread;
	bool threaded;             /* thread has to be joined */
	struct digest key;
	struct str then_why;       /* of the family's newest record; in arena */
	struct arena arena;
	struct outcome outcome;
	int rc;
	struct err e;
	struct job *next;
};

struct solver {
	const struct plan *plan;
	const struct solve_opts *o;
	struct solved *result;
	struct state *states;
	unsigned running, limit;
	size_t first;              /* all steps before it are done */
	bool prepared;             /* before_run was called */
	bool explained;
	struct cancel stop;        /* set when a step failed: the others are stopped */
	/* finished jobs */
	pthread_mutex_t lock;
	pthread_cond_t ready;
	struct job *finished, **finished_end; /* in order of time */
	const struct step *failed;
	int rc;
	struct err e;
};

/* solve_tell.c: what is told about steps. The step's number in the event stream, given to it when it has none. */
uint32_t solve_announce(struct solver *s, const struct step *st);
void solve_on_log(void *arg, const struct step *st, int stream, const void *p, size_t len); /* task.log; arg is the solver */
void solve_on_warn(void *arg, const struct step *st, const char *text);
/* Why the job was not found in the cache. */
void solve_explain(struct solver *s, struct job *j);

/* solve_need.c: marks what the targets need, and in which form. */
void solve_mark(struct solver *s, struct step *const *targets, size_t n);

#endif

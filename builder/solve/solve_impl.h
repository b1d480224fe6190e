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
	enum { WAITING, READY, ASKING, RUNNING, DONE } phase;
	struct job *keyed;         /* READY, and what was asked for is there; or NULL */
	const struct tree *tree;
	bool hit;                  /* DONE without a run */
	bool untold;               /* and that is not said yet: it may still have to run (solve_again.c) */
};

struct job {
	struct solver *solver;
	const struct step *step;
	struct task task;
	pthread_t thread;
	bool threaded;             /* thread has to be joined */
	int (*errand)(struct job *j, struct err *e); /* what its thread does */
	bool asking;               /* that is something the look-up needs: a key from far away, bytes. Else it runs */
	bool grounded;             /* the tree it stands on is here */
	bool outdated;             /* its record's layer has other times than the epoch asks for */
	struct digest key, rest;   /* rest: the same without the tree that the step stands on */
	struct str then_why;       /* of the former run that task.former is of; in arena */
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
	unsigned asking;           /* jobs that do; they take no part of the limit */
	size_t first;              /* all steps before it are done */
	bool prepared;             /* before_run was called */
	bool explained;
	bool again;                /* nothing is started any more: what stands on claims that do not hold is done once more */
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

/* solve.c: waits for a job that another thread has, and collects it. */
void solve_wait(struct solver *s);
/* solve_key.c: calls before_run, once, when no other thread is there. */
int solve_prepare(struct solver *s, struct err *e);
/* task.recall; the task's arg is the solver. */
bool solve_recall(struct task *t, const struct digest *key, struct digest *ret);
/* The job's key; may be called on several threads for ops that are `far`. */
int solve_key(struct job *j, struct err *e);
/* Once more, with what it had to wait for; unchanged when it had not. */
int solve_awaited_key(struct job *j, struct err *e);
/* Once more, from what is here alone: what runs is recorded under this key. */
int solve_sure_key(struct job *j, struct err *e);
/* The key of a step that has run. */
int solve_late_key(struct job *j, struct err *e);
/* The same step on another tree. */
struct digest solve_key_on(const struct job *j, const struct digest *below);
bool solve_counts_below(const struct job *j);
/* Is there a result on record, or in another machine's cache? Otherwise the job gets to know what came before. */
int solve_look_up(struct solver *s, struct job *j, bool *ret_hit, struct err *e);

/* Is there a record under the key, and what it speaks of here? */
int solve_find_here(struct solver *s, const struct digest *key, struct record *ret, bool *ret_found, struct err *e);
/* The job's outcome is what the record says. */
void solve_take_record(struct solver *s, struct job *j, const struct record *r);

/* solve_times.c: are the times of the record's layer, under the epoch, those that a run would give? If not, job.outdated is set. */
bool solve_is_timely(struct solver *s, struct job *j, const struct record *r);
/* Notes what has to be known for that of the layer of a job that ran. */
int solve_note_ground(struct solver *s, const struct job *j, struct err *e);

/* solve_below.c: keys that have the content of base images' layers, when the ones that have their names found nothing. A hit is put on
 * record under the job's own key. */
int solve_look_below(struct solver *s, struct job *j, bool *ret_hit, struct err *e);
/* Would it have to look into layers that are not here, but have to be for a run? */
bool solve_lacks_ground(struct solver *s, const struct job *j);
/* Puts what ran on record under such a key. */
int solve_record_below(struct solver *s, struct job *j, struct err *e);

/* solve_same.c: makes the job's layer the recorded one with the same content. */
int solve_give_back(struct solver *s, struct job *j, struct err *e);

/* solve_former.c: what the job's step was before. */
int solve_find_former(struct solver *s, struct job *j, struct err *e);

/* solve_again.c: steps that stand on other machines' claims. Does the job stand on layers whose bytes nobody has? */
bool solve_on_hollow(const struct job *j);
/* Did it fail, or can it not be run, because of a claim? Then the solver stops, to go on with solve_again. */
bool solve_doubts(struct solver *s, const struct job *j, const struct err *e);
/* May a record be made of what the job gave: is everything that its key stands for known from bytes? */
bool solve_is_sure(const struct solver *s, const struct job *j);
/* When everything has come to rest: makes ready what has to be done again. False: nothing has. */
bool solve_again(struct solver *s, struct step *const *targets, size_t n);
/* The end: says of hits what was not said yet, and counts them. */
void solve_tell_hits(struct solver *s);

/* solve_need.c: marks what the targets need, and in which form. */
void solve_mark(struct solver *s, struct step *const *targets, size_t n);

#endif

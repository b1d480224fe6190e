/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps become ready when their inputs have trees. A ready step is looked up by the solving thread itself; only a miss goes to a
 * worker. What is in solve_impl.h is touched by the solving thread alone; a worker gets a `struct job` and hands it back through
 * a queue.
 */
#include "builder/solve/solve_impl.h"

#include <time.h>

enum { FAR_AT_ONCE = 8 };

static bool stopping(const struct solver *s)
{
	return cancelled(s->o->cancel) || cancelled(&s->stop);
}

/* --- finishing --- */

static const struct tree *put_layer(struct solver *s, const struct job *j)
{
	const struct tree *below = j->step->op->on_tree ? j->task.inputs[0] : NULL;
	if (!j->outcome.has_layer && below)
		return below;
	struct tree *t = tree_new(&s->result->arena, below, 1);
	if (j->outcome.has_layer)
		t->layers[t->n++] = j->outcome.layer;
	tree_seal(t);
	return t;
}

static int record(struct solver *s, struct job *j, struct err *e)
{
	TRY(solve_give_back(s, j, e));
	if (j->outcome.keep_out || !solve_is_sure(s, j))
		return 0;
	TRY(solve_record_below(s, j, e));
	TRY(solve_note_ground(s, j, e));
	struct record r = {.key = j->key, .family = j->step->family, .place = j->step->place, .layer = j->outcome.layer.id,
		.cid = j->outcome.layer.cid, .created = j->outcome.layer.created, .created_nsec = j->outcome.layer.created_nsec,
		.why = buf_view(&j->task.why)};
	return store_add_record(s->o->store, &r, e);
}

static void keep_result(struct solver *s, const struct job *j)
{
	struct task_memo *memos = arena_new(&s->result->arena, (j->task.nmemos + 1) * sizeof(*memos));
	if (j->task.nmemos)
		memcpy(memos, j->task.memos, j->task.nmemos * sizeof(*memos));
	s->result->results[j->step->number] = (struct step_result){.key = j->key, .kept_out = j->outcome.keep_out, .has_layer = j->outcome.has_layer,
		.layer = j->outcome.layer, .memos = memos, .nmemos = j->task.nmemos};
}

static void job_free(struct job *j)
{
	buf_done(&j->task.why);
	buf_done(&j->task.found);
	arena_done(&j->arena);
	mem_free(j);
}

static void done_with(struct solver *s, const struct step *st, const struct tree *t)
{
	struct state *state = &s->states[st->number];
	state->tree = t;
	state->phase = DONE;
	s->result->trees[st->number] = t;
	for (size_t i = st->number + 1; i < s->plan->n; i++) {
		const struct step *user = s->plan->steps[i];
		for (size_t k = 0; k < user->ninputs; k++)
			if (user->inputs[k] == st && s->states[i].needed && s->states[i].missing && --s->states[i].missing == 0)
				s->states[i].phase = READY;
	}
}

static int fail(struct solver *s, const struct step *st, int rc, const struct err *e)
{
	if (s->rc == 0 || (s->e.code == ERR_CANCELLED && e->code != ERR_CANCELLED)) {
		s->rc = rc;
		s->e = *e;
		if (st && e->code != ERR_CANCELLED) /* stopping is nobody's fault */
			err_at(&s->e, st->line, st->col, st->end_line);
		s->failed = st;
	}
	atomic_store(&s->stop.set, true);
	return rc;
}

/* --- running --- */

static void *worker(void *arg)
{
	struct job *j = arg;
	struct solver *s = j->solver;
	j->rc = j->errand(j, &j->e);
	pthread_mutex_lock(&s->lock);
	j->next = NULL; /* it may have been in the queue before */
	*s->finished_end = j;
	s->finished_end = &j->next;
	pthread_cond_signal(&s->ready);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int run(struct job *j, struct err *e)
{
	return j->step->op->run(&j->task, &j->outcome, e);
}

static int gather(struct job *j, struct err *e)
{
	return j->step->op->gather(&j->task, e);
}

static int ground(struct job *j, struct err *e)
{
	j->grounded = true;
	return j->step->op->ground(&j->task, e);
}

static void start_thread(struct job *j)
{
	j->threaded = true; /* before the thread can hand the job back; it is collected by the solving thread only */
	if (pthread_create(&j->thread, NULL, worker, j) != 0) {
		j->threaded = false;
		worker(j); /* no more threads: this one does it */
	}
}

static bool more_to_come(const struct solver *s)
{
	for (size_t i = 0; i < s->plan->n; i++)
		if (s->states[i].needed && s->states[i].phase != DONE)
			return true;
	return false;
}

static void collect(struct solver *s, struct job *j)
{
	const struct step *st = j->step;
	if (j->threaded)
		pthread_join(j->thread, NULL);
	if (j->asking) {
		s->asking--;
		j->asking = false;
		s->states[st->number].keyed = j;
		s->states[st->number].phase = READY;
		return;
	}
	s->running--;
	if (j->rc == 0 && j->task.late)
		j->rc = solve_late_key(j, &j->e);
	if (j->rc == 0)
		j->rc = record(s, j, &j->e);
	if (j->rc < 0 && solve_doubts(s, j, &j->e)) {
		s->states[st->number].phase = READY;
		job_free(j);
		return;
	}
	solve_explain(s, j);
	if (j->rc < 0) {
		fail(s, st, j->rc, &j->e);
		event_failed(s->o->events, s->states[st->number].event, &j->e);
		s->states[st->number].phase = DONE;
	} else {
		event_done(s->o->events, s->states[st->number].event);
		s->result->stats.ran++;
		keep_result(s, j);
		done_with(s, st, put_layer(s, j));
		if (s->o->made && s->states[st->number].want_tar && j->outcome.has_layer && more_to_come(s))
			s->o->made(s->o->arg, &j->outcome.layer.id);
	}
	job_free(j);
}

void solve_wait(struct solver *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->finished) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 100 * 1000 * 1000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		pthread_cond_timedwait(&s->ready, &s->lock, &until);
		if (cancelled(s->o->cancel))
			atomic_store(&s->stop.set, true);
	}
	struct job *list = s->finished;
	s->finished = NULL;
	s->finished_end = &s->finished;
	pthread_mutex_unlock(&s->lock);
	for (struct job *next; list; list = next) {
		next = list->next;
		collect(s, list);
	}
}

/* What stands directly on a step that runs. */
static void expect_users(struct solver *s, const struct step *st)
{
	for (size_t i = st->number + 1; i < s->plan->n; i++) {
		const struct step *user = s->plan->steps[i];
		if (s->states[i].needed && user->op->expect && user->ninputs && user->inputs[0] == st)
			user->op->expect(user->args);
	}
}

static int start_run(struct solver *s, struct job *j, struct err *e)
{
	TRY(solve_prepare(s, e));
	expect_users(s, j->step);
	solve_announce(s, j->step);
	event_started(s->o->events, s->states[j->step->number].event);
	s->states[j->step->number].phase = RUNNING;
	s->running++;
	j->errand = run;
	start_thread(j);
	return 0;
}

/* What a look-up needs and takes long to come: others go on meanwhile. */
static void ask(struct solver *s, struct job *j, int (*errand)(struct job *j, struct err *e))
{
	while (s->asking >= FAR_AT_ONCE)
		solve_wait(s);
	s->states[j->step->number].phase = ASKING;
	s->asking++;
	j->asking = true;
	j->errand = errand;
	start_thread(j);
}

/* The same for bytes: layers are unpacked by a process that may make files of any owner. */
static int ask_for_bytes(struct solver *s, struct job *j, int (*errand)(struct job *j, struct err *e), struct err *e)
{
	TRY(solve_prepare(s, e));
	ask(s, j, errand);
	return 0;
}

static int known(struct solver *s, struct job *j, struct err *e)
{
	struct tree *t = NULL;
	TRY(j->step->op->known(&j->task, &s->result->arena, &t, e));
	if (!j->step->internal) {
		solve_announce(s, j->step);
		event_cached(s->o->events, s->states[j->step->number].event);
	}
	done_with(s, j->step, t);
	return 0;
}

static struct job *job_new(struct solver *s, const struct step *st)
{
	struct job *j = mem_new(sizeof(*j));
	struct state *state = &s->states[st->number];
	j->solver = s;
	j->step = st;
	const struct tree **inputs = arena_new(&j->arena, (st->ninputs + 1) * sizeof(*inputs));
	for (size_t i = 0; i < st->ninputs; i++)
		inputs[i] = s->states[st->inputs[i]->number].tree;
	j->task = (struct task){.step = st, .inputs = inputs, .env = s->o->env, .cancel = &s->stop, .want_tar = state->want_tar,
		.want_folder = state->want_folder, .log = solve_on_log, .warn = solve_on_warn, .arg = s,
		.arena = &j->arena, .hasty = st->op->gather, .may_be_late = !s->o->claims, .recall = s->o->claims && !st->no_cache ? solve_recall : NULL};
	return j;
}

static void take_hit(struct solver *s, struct job *j)
{
	struct state *state = &s->states[j->step->number];
	const struct tree *t = put_layer(s, j);
	state->hit = true;
	state->untold = state->event && (tree_hollow(t) || solve_on_hollow(j));
	if (state->event && !state->untold)
		event_cached(s->o->events, state->event);
	keep_result(s, j);
	done_with(s, j->step, t);
}

static bool has_key(const struct job *j)
{
	return !j->task.late && !j->task.waits;
}

/* Looks a step up under all the keys it has. */
static int look_everywhere(struct solver *s, struct job *j, bool *ret_hit, struct err *e)
{
	if (has_key(j))
		TRY(solve_look_up(s, j, ret_hit, e));
	if (*ret_hit || !has_key(j) || solve_on_hollow(j))
		return 0;
	if (j->task.recalled) {
		TRY(solve_sure_key(j, e));
		if (has_key(j))
			TRY(solve_look_up(s, j, ret_hit, e));
	}
	return !*ret_hit && has_key(j) ? solve_look_below(s, j, ret_hit, e) : 0;
}

/* Nothing is found: what is missing for a look-up is sent for, or else the step runs. */
static int set_out(struct solver *s, struct job *j, struct err *e)
{
	if (j->task.waits)
		return ask_for_bytes(s, j, gather, e);
	if (!j->task.late && !j->grounded && solve_lacks_ground(s, j))
		return ask_for_bytes(s, j, ground, e);
	if (j->task.late) /* it was not looked up, but takes from what it was */
		TRY(solve_find_former(s, j, e));
	return start_run(s, j, e);
}

/* Goes on with a step whose key was made. The job is gone then, or another thread has it. */
static int advance_keyed(struct solver *s, struct job *j, int rc, struct err *e)
{
	bool hit = false;
	if (rc == 0)
		rc = look_everywhere(s, j, &hit, e);
	if (!hit && solve_doubts(s, j, rc < 0 ? e : NULL)) {
		job_free(j);
		return 0;
	}
	if (rc == 0 && !hit) {
		rc = set_out(s, j, e);
		if (rc == 0)
			return 0;
	}
	if (rc == 0)
		take_hit(s, j);
	job_free(j);
	return rc;
}

static const struct step *next_ready(struct solver *s)
{
	while (s->first < s->plan->n && (!s->states[s->first].needed || s->states[s->first].phase == DONE))
		s->first++;
	const struct step *last = NULL;
	for (size_t i = s->first; i < s->plan->n; i++) {
		const struct step *st = s->plan->steps[i];
		const struct job *keyed = s->states[i].keyed;
		bool asks = st->op->far && !keyed;
		if (keyed && keyed->rc < 0)
			return st; /* a failure stops the others at once */
		if (!s->states[i].needed || s->states[i].phase != READY || (asks ? s->asking >= FAR_AT_ONCE : s->running >= s->limit))
			continue;
		if (!asks || s->prepared)
			return st;
		last = last ? last : st; /* threads are in the way of solve_prepare, which another step may want */
	}
	return last;
}

static void give_up(struct solver *s, const struct step *st, int rc, const struct err *e)
{
	fail(s, st, rc, e);
	s->states[st->number].phase = DONE;
	solve_announce(s, st);
	event_failed(s->o->events, s->states[st->number].event, e);
}

/* A ready step gets its key, a keyed one is looked up. */
static void advance(struct solver *s, const struct step *st)
{
	struct err e = {0};
	int rc;
	struct state *state = &s->states[st->number];
	struct job *j = steal(&state->keyed);
	state->phase = READY;
	if (j) {
		e = j->e;
		rc = j->rc < 0 ? j->rc : solve_awaited_key(j, &e);
		rc = advance_keyed(s, j, rc, &e);
	} else if (st->op->known) {
		j = job_new(s, st);
		rc = known(s, j, &e);
		job_free(j);
	} else {
		j = job_new(s, st);
		if (!st->internal) /* those are shown when they have something to do */
			solve_announce(s, st);
		if (st->op->far) {
			ask(s, j, solve_key);
			return;
		}
		rc = solve_key(j, &e);
		rc = advance_keyed(s, j, rc, &e);
	}
	if (rc < 0)
		give_up(s, st, rc, &e);
}

static void forget_keyed(struct solver *s)
{
	for (size_t i = 0; i < s->plan->n; i++) {
		if (!s->states[i].keyed)
			continue;
		job_free(steal(&s->states[i].keyed));
		s->states[i].phase = READY;
	}
}

static void loop(struct solver *s)
{
	for (;;) {
		const struct step *st = stopping(s) || s->again ? NULL : next_ready(s);
		if (st)
			advance(s, st);
		else if (s->running || s->asking)
			solve_wait(s);
		else
			break;
	}
	forget_keyed(s);
}

int solve(const struct plan *plan, struct step *const *targets, size_t ntargets, const struct solve_opts *o, struct solved *ret,
	const struct step **ret_failed, struct err *e)
{
	struct solver s = {.plan = plan, .o = o, .result = ret, .lock = PTHREAD_MUTEX_INITIALIZER, .ready = PTHREAD_COND_INITIALIZER};
	*ret = (struct solved){0};
	*ret_failed = NULL;
	s.finished_end = &s.finished;
	ret->trees = arena_new(&ret->arena, (plan->n + 1) * sizeof(*ret->trees));
	s.states = mem_array(plan->n + 1, sizeof(*s.states));
	s.limit = o->jobs ? o->jobs : (pool_cores() > 2 ? pool_cores() : 2);
	ret->results = arena_new(&ret->arena, (plan->n + 1) * sizeof(*ret->results));
	solve_mark(&s, targets, ntargets);
	do
		loop(&s);
	while (s.rc == 0 && !stopping(&s) && solve_again(&s, targets, ntargets));
	solve_tell_hits(&s);
	if (s.rc == 0 && cancelled(o->cancel))
		s.rc = err_set(&s.e, ERR_CANCELLED, "interrupted");
	mem_free(s.states);
	if (s.rc < 0) {
		*e = s.e;
		*ret_failed = s.failed;
		return s.rc;
	}
	return 0;
}

void solved_done(struct solved *s)
{
	arena_done(&s->arena);
	*s = (struct solved){0};
}

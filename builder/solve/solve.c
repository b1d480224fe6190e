/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps become ready when their inputs have trees. A ready step is looked up by the solving thread itself; only a miss goes to a
 * worker. What is in solve_impl.h is touched by the solving thread alone; a worker gets a `struct job` and hands it back through
 * a queue.
 */
#include "builder/solve/solve_impl.h"

#include <time.h>

#include "snapshotter/layer.h"

/* Part of every key: raise it when the meaning of a record changes. */
enum { KEY_VERSION = 1 };

static bool stopping(const struct solver *s)
{
	return cancelled(s->o->cancel) || cancelled(&s->stop);
}

/* --- keys --- */

static int prepare(struct solver *s, struct err *e)
{
	if (!s->prepared && s->o->before_run)
		TRY(s->o->before_run(s->o->arg, e));
	s->prepared = true;
	return 0;
}

static int prepare_task(struct task *t, struct err *e)
{
	return prepare(t->arg, e);
}

static int make_key(struct job *j, struct err *e)
{
	const struct step *st = j->step;
	struct hasher h;
	hasher_init(&h);
	hasher_u64(&h, KEY_VERSION);
	hasher_str(&h, str_of(st->op->name));
	buf_putc(&j->task.why, '{');
	if (st->op->key) {
		/* This thread is the one that passes the user's wish to stop on to the workers: here it has to look itself. */
		j->task.cancel = j->solver->o->cancel;
		j->task.prepare = prepare_task;
		int rc = st->op->key(&j->task, &h, e);
		j->task.cancel = &j->solver->stop;
		j->task.prepare = NULL;
		TRY(rc);
	} else {
		if (st->op->hash)
			st->op->hash(st->args, &h);
		for (size_t i = 0; i < st->ninputs; i++)
			hasher_digest(&h, &j->task.inputs[i]->cid);
	}
	j->key = hasher_done(&h);
	buf_putc(&j->task.why, '}');
	return 0;
}

static bool recall(struct task *t, const struct digest *key, struct digest *ret)
{
	struct solver *s = t->arg;
	if (!claims_recall(s->o->claims, key, ret))
		return false;
	t->recalled = true;
	return true;
}

/* Once more, from what is here alone: what runs is recorded under this key. */
static int make_sure_key(struct job *j, struct err *e)
{
	j->task.recall = NULL;
	j->task.recalled = false;
	buf_clear(&j->task.why);
	buf_clear(&j->task.found);
	return make_key(j, e);
}

struct find {
	struct record record;
	bool found;
};

static bool take_first(void *arg, const struct record *r)
{
	struct find *f = arg;
	if (r->answers.len) /* records with answers belong to traced steps of a later format */
		return false;
	f->record = *r;
	f->found = true;
	return true;
}

static int look_up(struct solver *s, struct job *j, bool *ret_hit, struct err *e)
{
	struct find f = {0};
	struct record family = {0};
	bool known = false;
	*ret_hit = false;
	/* Records outlive what they speak of when its bytes were pruned with an image, or by hand. */
	if (!j->step->no_cache) {
		TRY(store_find_records(s->o->store, &j->key, take_first, &f, e));
		if (f.found && (digest_none(&f.record.layer) || layer_is_here(s->o->store, &f.record.layer))) {
			*ret_hit = true;
			j->outcome.has_layer = !digest_none(&f.record.layer);
			j->outcome.layer = (struct tree_layer){.cid = f.record.cid, .id = f.record.layer, .created = f.record.created,
				.created_nsec = f.record.created_nsec};
			if (j->outcome.has_layer)
				store_touch(s->o->store, &f.record.layer);
			return 0;
		}
		if (s->o->claims && claims_find(s->o->claims, &j->key, s->states[j->step->number].want_tar, &j->outcome)) {
			*ret_hit = true;
			return 0;
		}
	}
	TRY(store_find_family(s->o->store, &j->step->family, &j->arena, &known, &family, e));
	if (known) {
		j->task.former = family.layer;
		j->then_why = family.why;
	}
	return 0;
}

/* The key of a step that has run. */
static int late_key(struct job *j, struct err *e)
{
	j->task.may_be_late = false;
	buf_clear(&j->task.why);
	buf_clear(&j->task.found);
	TRY(make_key(j, e));
	j->outcome.keep_out |= j->task.unsure;
	return 0;
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
	/* A step that produced what it produced before gives back that layer: same times, same diff id, same blobs. */
	struct record same = {0};
	bool found = false;
	if (j->outcome.has_layer && s->o->store)
		TRY(store_find_same(s->o->store, &j->step->family, &j->outcome.layer.cid, &found, &same, e));
	if (found && layer_is_here(s->o->store, &same.layer)) {
		j->outcome.layer.id = same.layer;
		j->outcome.layer.created = same.created;
		j->outcome.layer.created_nsec = same.created_nsec;
	}
	if (j->outcome.keep_out || !solve_is_sure(s, j))
		return 0;
	struct record r = {.key = j->key, .family = j->step->family, .layer = j->outcome.layer.id, .cid = j->outcome.layer.cid,
		.created = j->outcome.layer.created, .created_nsec = j->outcome.layer.created_nsec, .why = buf_view(&j->task.why)};
	return store_add_record(s->o->store, &r, e);
}

static void keep_result(struct solver *s, const struct job *j)
{
	s->result->results[j->step->number] = (struct step_result){.key = j->key, .kept_out = j->outcome.keep_out, .has_layer = j->outcome.has_layer,
		.layer = j->outcome.layer, .memo_key = j->task.memo_key, .memo = j->task.memo};
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
	j->rc = j->step->op->run(&j->task, &j->outcome, &j->e);
	pthread_mutex_lock(&s->lock);
	*s->finished_end = j;
	s->finished_end = &j->next;
	pthread_cond_signal(&s->ready);
	pthread_mutex_unlock(&s->lock);
	return NULL;
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
	s->running--;
	if (j->rc == 0 && j->task.late)
		j->rc = late_key(j, &j->e);
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
	TRY(prepare(s, e));
	expect_users(s, j->step);
	solve_announce(s, j->step);
	event_started(s->o->events, s->states[j->step->number].event);
	s->states[j->step->number].phase = RUNNING;
	s->running++;
	j->threaded = true; /* before the thread can hand the job back; it is collected by this thread only */
	if (pthread_create(&j->thread, NULL, worker, j) != 0) {
		j->threaded = false;
		worker(j); /* no more threads: this one does it */
	}
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
		.may_be_late = !s->o->claims, .recall = s->o->claims && !st->no_cache ? recall : NULL};
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

/* Looks a ready step up; a miss starts running when there is room (true: it was dealt with). */
static int advance(struct solver *s, const struct step *st, struct err *e)
{
	struct job *j = job_new(s, st);
	bool hit = false;
	int rc = 0;
	if (st->op->known) {
		rc = known(s, j, e);
		job_free(j);
		return rc;
	}
	if (!st->internal) /* those are shown when they have something to do */
		solve_announce(s, st);
	rc = make_key(j, e);
	if (rc == 0 && !j->task.late)
		rc = look_up(s, j, &hit, e);
	if (rc == 0 && !hit && j->task.recalled && !solve_on_hollow(j)) {
		rc = make_sure_key(j, e);
		if (rc == 0)
			rc = look_up(s, j, &hit, e);
	}
	if (!hit && solve_doubts(s, j, rc < 0 ? e : NULL)) {
		job_free(j);
		return 0;
	}
	if (rc == 0 && !hit) {
		rc = start_run(s, j, e);
		if (rc == 0)
			return 0;
	}
	if (rc == 0)
		take_hit(s, j);
	job_free(j);
	return rc;
}

static void wait_one(struct solver *s)
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

static const struct step *next_ready(struct solver *s)
{
	while (s->first < s->plan->n && (!s->states[s->first].needed || s->states[s->first].phase == DONE))
		s->first++;
	for (size_t i = s->first; i < s->plan->n; i++)
		if (s->states[i].needed && s->states[i].phase == READY)
			return s->plan->steps[i];
	return NULL;
}

static void loop(struct solver *s)
{
	for (;;) {
		const struct step *st = stopping(s) || s->again || s->running >= s->limit ? NULL : next_ready(s);
		if (st) {
			struct err e = {0};
			int rc = advance(s, st, &e);
			if (rc < 0) {
				fail(s, st, rc, &e);
				s->states[st->number].phase = DONE;
				solve_announce(s, st);
				event_failed(s->o->events, s->states[st->number].event, &e);
			}
			continue;
		}
		if (!s->running)
			return;
		wait_one(s);
	}
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
	if (o->explain_json)
		buf_puts(o->explain_json, o->explain_json->len ? "]\n" : "[]\n");
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

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TEST_FAKE_STEPS_H
#define COOPER_TEST_FAKE_STEPS_H

/* Steps that do what a test says, over a real store: a plan is put together by hand, solved, and what ran is counted. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "builder/solve/solve.h"
#include "snapshotter/layer.h"

struct fake_args {
	const char *text;         /* what the step is: in its id and its key */
	const char *content;      /* of the file that it makes */
	const char *fails;        /* the error's text, or NULL */
	pthread_barrier_t *meet;  /* runs only together with others, or NULL */
	bool waits;               /* until it is told to stop */
	bool keep_out;
	bool clock;               /* the file's time is the clock's, as of what a command writes */
	atomic_uint *runs, *at_once, *most;
};

static inline void fake_hash(const void *args, struct hasher *h)
{
	hasher_str(h, str_of(((const struct fake_args *)args)->text));
}

/* Times since `began` are the clock's. */
static inline int fake_layer_since(struct store *s, struct timespec began, const char *content, struct outcome *ret, struct err *e)
{
	int tmp;
	struct timespec now;
	cleanup_free char *name = NULL;
	cleanup_close int dir = -1, fs = -1;
	cleanup_view struct view *empty = view_new(NULL, 0);
	cleanup_index struct index *ix = NULL;
	struct layer_skip skip = {.began = began};
	TRY(store_tmp(s, &tmp, e));
	TRY(fs_temp_dir(tmp, "fake-", &name, e));
	TRY(fs_open_dir(tmp, name, &dir, e));
	TRY(fs_mkdirs(dir, "fs", 0755, e));
	TRY(fs_open_dir(dir, "fs", &fs, e));
	TRY(fs_write_atomic(fs, "file", str_of(content), 0644, false, e));
	TRY(layer_from_upper(fs, empty, &skip, NULL, &ix, e));
	clock_gettime(CLOCK_REALTIME, &now);
	struct layer l = {.cid = index_content_id(ix), .id = index_layer_id(ix), .created = now.tv_sec, .created_nsec = (uint32_t)now.tv_nsec};
	TRY(index_write(ix, dir, "index", e));
	TRY(store_add_layer(s, tmp, name, &l, e));
	ret->has_layer = true;
	ret->layer = (struct tree_layer){.cid = l.cid, .id = l.id, .created = l.created, .created_nsec = l.created_nsec};
	return 0;
}

static inline int fake_layer(struct store *s, const char *content, struct outcome *ret, struct err *e)
{
	return fake_layer_since(s, (struct timespec){0}, content, ret, e);
}

static inline int fake_run(struct task *t, struct outcome *ret, struct err *e)
{
	const struct fake_args *a = t->step->args;
	if (a->runs)
		atomic_fetch_add(a->runs, 1);
	unsigned now = a->at_once ? atomic_fetch_add(a->at_once, 1) + 1 : 0;
	if (a->most && now > atomic_load(a->most))
		atomic_store(a->most, now);
	if (a->meet)
		pthread_barrier_wait(a->meet);
	while (a->waits && !cancelled(t->cancel))
		usleep(1000);
	if (a->at_once) {
		usleep(5000);
		atomic_fetch_sub(a->at_once, 1);
	}
	if (a->waits)
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (a->fails)
		return err_set(e, ERR_STEP, "%s", a->fails);
	ret->keep_out = a->keep_out;
	return a->content ? fake_layer_since(t->env, (struct timespec){.tv_sec = a->clock}, a->content, ret, e) : 0;
}

static const struct op op_fake = {.name = "fake", .on_tree = true, .hash = fake_hash, .run = fake_run};

static inline int fake_known(struct task *t, struct arena *a, struct tree **ret, struct err *e)
{
	(void)t, (void)e;
	*ret = tree_new(a, NULL, 0);
	tree_seal(*ret);
	return 0;
}

static const struct op op_nothing = {.name = "nothing", .known = fake_known};

/* What was told. */
struct told {
	struct events events;
	pthread_mutex_t lock;
	unsigned kinds[EVENT_COUNT];
	char note[512];
};

static inline void told_event(void *arg, const struct event *ev)
{
	struct told *t = arg;
	pthread_mutex_lock(&t->lock);
	t->kinds[ev->kind]++;
	if (ev->kind == EVENT_NOTE)
		snprintf(t->note, sizeof(t->note), "%.*s", STR_ARG(ev->text));
	pthread_mutex_unlock(&t->lock);
}

/* A store for one test and the plan that is under way. */
struct bench {
	char path[64];
	struct store *store;
	struct plan plan;
	struct step *root;
	struct solved solved;
	struct told told;
	struct cancel cancel;
	const struct step *failed;
	struct err e;
	unsigned prepared;
	unsigned jobs;
	bool explain_all;
	struct claims *claims;
	bool no_output;           /* nobody wants the targets' bytes */
};

static inline void bench_plan(struct bench *b)
{
	const struct step proto = {.op = &op_nothing, .internal = true, .label = "nothing"};
	plan_done(&b->plan);
	plan_init(&b->plan);
	b->root = plan_add(&b->plan, &proto);
}

static inline void bench_init(struct bench *b)
{
	struct err e;
	*b = (struct bench){.path = "/var/tmp/solve-test-XXXXXX", .jobs = 4};
	cr_assert_not_null(mkdtemp(b->path));
	cr_assert_eq(store_open(b->path, 0, &b->store, &e), 0, "%s", e.text);
	bench_plan(b);
}

static inline void bench_done(struct bench *b)
{
	struct err e;
	solved_done(&b->solved);
	plan_done(&b->plan);
	store_close(b->store);
	fs_remove_tree(AT_FDCWD, b->path, &e);
}
#define cleanup_bench __attribute__((cleanup(bench_done)))

/* A step on another one (NULL: on the empty tree); its family is its place, `line`. */
static inline struct step *bench_step(struct bench *b, struct step *on, int line, const struct fake_args *args)
{
	struct step *inputs[] = {on ? on : b->root};
	struct step proto = {.op = &op_fake, .args = args, .inputs = inputs, .ninputs = 1, .label = args->text, .line = line, .nth = 1, .of = 1,
		.family = digest_of(&line, sizeof(line))};
	return plan_add(&b->plan, &proto);
}

static inline int bench_before(void *arg, struct err *e)
{
	(void)e;
	((struct bench *)arg)->prepared++;
	return 0;
}

static inline int bench_solve_all(struct bench *b, struct step *const *targets, size_t n)
{
	solved_done(&b->solved);
	b->told = (struct told){.events = {.event = told_event}, .lock = PTHREAD_MUTEX_INITIALIZER};
	b->told.events.arg = &b->told;
	b->e = (struct err){0};
	struct solve_opts o = {.store = b->store, .env = b->store, .events = &b->told.events, .jobs = b->jobs, .cancel = &b->cancel,
		.before_run = bench_before, .arg = b, .want_folder = !b->no_output, .epoch = INT64_MAX, .explain_all = b->explain_all, .claims = b->claims};
	return solve(&b->plan, targets, n, &o, &b->solved, &b->failed, &b->e);
}

static inline int bench_solve(struct bench *b, struct step *target)
{
	return bench_solve_all(b, &target, 1);
}

static inline const struct tree *bench_tree(const struct bench *b, const struct step *s)
{
	return b->solved.trees[s->number];
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/builder/fake_steps.h"

Test(solve, what_ran_is_found_again)
{
	cleanup_bench struct bench b;
	atomic_uint runs = 0;
	const struct fake_args a = {.text = "a", .content = "1", .runs = &runs}, c = {.text = "c", .content = "2", .runs = &runs};
	bench_init(&b);
	struct step *s = bench_step(&b, bench_step(&b, NULL, 1, &a), 2, &c);
	cr_assert_eq(bench_solve(&b, s), 0, "%s", b.e.text);
	cr_expect_eq(runs, 2u);
	cr_expect_eq(bench_tree(&b, s)->n, 2u);
	struct digest first = bench_tree(&b, s)->layers[1].id;
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_expect_eq(runs, 2u);
	cr_expect(digest_eq(&first, &bench_tree(&b, s)->layers[1].id));
	cr_expect_eq(b.solved.stats.cached, 2u);
	cr_expect_eq(b.told.kinds[EVENT_CACHED], 2u);
	cr_expect_eq(b.told.kinds[EVENT_STARTED], 0u);
}

Test(solve, a_process_is_prepared_once_and_only_when_something_runs)
{
	cleanup_bench struct bench b;
	const struct fake_args a = {.text = "a", .content = "1"}, c = {.text = "c", .content = "2"};
	bench_init(&b);
	struct step *s = bench_step(&b, bench_step(&b, NULL, 1, &a), 2, &c);
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_expect_eq(b.prepared, 1u);
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_expect_eq(b.prepared, 1u);
}

Test(solve, a_step_that_gives_what_it_gave_does_not_touch_those_behind_it)
{
	cleanup_bench struct bench b;
	atomic_uint runs = 0;
	const struct fake_args a = {.text = "a", .content = "1", .clock = true}, edited = {.text = "a, edited", .content = "1", .clock = true},
			       c = {.text = "c", .content = "2", .runs = &runs};
	bench_init(&b);
	struct step *first = bench_step(&b, NULL, 1, &a);
	cr_assert_eq(bench_solve(&b, bench_step(&b, first, 2, &c)), 0);
	struct tree_layer before = bench_tree(&b, first)->layers[0];
	bench_plan(&b);
	first = bench_step(&b, NULL, 1, &edited);
	usleep(10000);
	cr_assert_eq(bench_solve(&b, bench_step(&b, first, 2, &c)), 0);
	cr_expect_eq(runs, 1u, "the step behind was found");
	cr_expect(digest_eq(&before.id, &bench_tree(&b, first)->layers[0].id), "the layer is the recorded one");
	cr_expect_eq(before.created_nsec, bench_tree(&b, first)->layers[0].created_nsec);
}

Test(solve, a_step_on_other_content_runs_again)
{
	cleanup_bench struct bench b;
	atomic_uint runs = 0;
	const struct fake_args a = {.text = "a", .content = "1"}, edited = {.text = "a, edited", .content = "3"},
			       c = {.text = "c", .content = "2", .runs = &runs};
	bench_init(&b);
	cr_assert_eq(bench_solve(&b, bench_step(&b, bench_step(&b, NULL, 1, &a), 2, &c)), 0);
	bench_plan(&b);
	cr_assert_eq(bench_solve(&b, bench_step(&b, bench_step(&b, NULL, 1, &edited), 2, &c)), 0);
	cr_expect_eq(runs, 2u);
}

Test(solve, without_the_cache_a_step_runs_again_and_gives_the_same_layer)
{
	cleanup_bench struct bench b;
	atomic_uint runs = 0;
	const struct fake_args a = {.text = "a", .content = "1", .clock = true, .runs = &runs};
	bench_init(&b);
	struct step *s = bench_step(&b, NULL, 1, &a);
	cr_assert_eq(bench_solve(&b, s), 0);
	struct digest before = bench_tree(&b, s)->layers[0].id;
	s->no_cache = true;
	usleep(1100000); /* into another second */
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_expect_eq(runs, 2u);
	cr_expect(digest_eq(&before, &bench_tree(&b, s)->layers[0].id));
}

/* What is taken away of layers/<id>. */
static void check_gone(const char *part)
{
	cleanup_bench struct bench b;
	atomic_uint runs = 0;
	const struct fake_args a = {.text = "a", .content = "1", .clock = true, .runs = &runs};
	bench_init(&b);
	struct step *s = bench_step(&b, NULL, 1, &a);
	cr_assert_eq(bench_solve(&b, s), 0);
	char hex[DIGEST_HEX + 1];
	struct err e;
	digest_hex(&bench_tree(&b, s)->layers[0].id, hex);
	cleanup_free char *folder = mem_printf("layers/%s%s", hex, part);
	cr_assert_eq(fs_remove_tree(b.store->fd, folder, &e), 0);
	cr_assert_eq(bench_solve(&b, s), 0, "%s", b.e.text);
	cr_expect_eq(runs, 2u);
	cr_expect(store_has_folder(b.store, &bench_tree(&b, s)->layers[0].id));
	cr_assert_eq(bench_solve(&b, s), 0, "%s", b.e.text);
	cr_expect_eq(runs, 2u);
}

Test(solve, a_record_whose_bytes_are_gone_is_a_miss)
{
	check_gone("/fs");
}

Test(solve, a_record_whose_layer_is_gone_is_a_miss)
{
	check_gone("");
}

Test(solve, a_result_to_be_kept_out_is_not_recorded)
{
	cleanup_bench struct bench b;
	atomic_uint runs = 0;
	const struct fake_args a = {.text = "a", .content = "1", .runs = &runs, .keep_out = true};
	bench_init(&b);
	struct step *s = bench_step(&b, NULL, 1, &a);
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_expect_eq(runs, 2u);
}

Test(solve, a_step_without_a_layer_leaves_the_tree_and_is_found_again)
{
	cleanup_bench struct bench b;
	atomic_uint runs = 0;
	const struct fake_args a = {.text = "a", .content = "1"}, c = {.text = "c", .runs = &runs};
	bench_init(&b);
	struct step *first = bench_step(&b, NULL, 1, &a), *s = bench_step(&b, first, 2, &c);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(bench_solve(&b, s), 0);
		cr_expect_eq(bench_tree(&b, s), bench_tree(&b, first));
	}
	cr_expect_eq(runs, 1u);
}

Test(solve, independent_steps_run_at_once, .timeout = 20)
{
	cleanup_bench struct bench b;
	pthread_barrier_t meet;
	const struct fake_args a = {.text = "a", .content = "1", .meet = &meet}, c = {.text = "c", .content = "2", .meet = &meet},
			       d = {.text = "d", .content = "3", .meet = &meet};
	bench_init(&b);
	pthread_barrier_init(&meet, NULL, 3);
	struct step *targets[] = {bench_step(&b, NULL, 1, &a), bench_step(&b, NULL, 2, &c), bench_step(&b, NULL, 3, &d)};
	cr_expect_eq(bench_solve_all(&b, targets, 3), 0);
	pthread_barrier_destroy(&meet);
}

/* A step whose key has to wait: its bytes come only when another step runs. */
static int slow_key(struct task *t, struct hasher *h, struct err *e)
{
	const struct fake_args *a = t->step->args;
	(void)e;
	if (t->hasty)
		t->waits = arena_new(t->arena, 1);
	else
		hasher_str(h, str_of(a->text));
	return 0;
}

static int slow_gather(struct task *t, struct err *e)
{
	const struct fake_args *a = t->step->args;
	if (a->fails)
		return err_set(e, ERR_STEP, "%s", a->fails);
	if (a->meet)
		pthread_barrier_wait(a->meet);
	return 0;
}

static const struct op op_slow = {.name = "slow", .on_tree = true, .hash = fake_hash, .key = slow_key, .gather = slow_gather, .run = fake_run};

static struct step *slow_step(struct bench *b, int line, const struct fake_args *args)
{
	struct step proto = *bench_step(b, NULL, line, args);
	proto.op = &op_slow;
	return plan_add(&b->plan, &proto);
}

Test(solve, a_key_that_waits_for_bytes_keeps_nobody_else_waiting, .timeout = 20)
{
	cleanup_bench struct bench b;
	pthread_barrier_t meet;
	atomic_uint runs = 0;
	pthread_barrier_init(&meet, NULL, 2);
	struct fake_args slow = {.text = "slow", .content = "1", .runs = &runs}, other = {.text = "other", .content = "2", .runs = &runs};
	bench_init(&b);
	b.jobs = 1;
	struct step *s = slow_step(&b, 1, &slow);
	cr_assert_eq(bench_solve(&b, s), 0, "%s", b.e.text);
	cr_expect_eq(runs, 1u);
	slow.meet = other.meet = &meet;
	struct step *both[] = {s, bench_step(&b, NULL, 2, &other)};
	cr_assert_eq(bench_solve_all(&b, both, 2), 0, "%s", b.e.text);
	cr_expect_eq(runs, 2u, "the slow one was found when its bytes were there");
	cr_expect_eq(b.told.kinds[EVENT_CACHED], 1u);
}

Test(solve, bytes_that_do_not_come_are_a_failure, .timeout = 20)
{
	cleanup_bench struct bench b;
	const struct fake_args slow = {.text = "slow", .content = "1", .fails = "they are gone"};
	bench_init(&b);
	cr_assert_eq(bench_solve(&b, slow_step(&b, 1, &slow)), -ERR_STEP);
	cr_expect_str_eq(b.e.text, "they are gone");
	cr_expect_eq(b.told.kinds[EVENT_ERROR], 1u);
}

Test(solve, no_more_steps_run_at_once_than_were_allowed)
{
	cleanup_bench struct bench b;
	atomic_uint at_once = 0, most = 0;
	struct fake_args args[8];
	struct step *targets[8];
	static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
	bench_init(&b);
	b.jobs = 2;
	for (size_t i = 0; i < 8; i++) {
		args[i] = (struct fake_args){.text = names[i], .content = names[i], .at_once = &at_once, .most = &most};
		targets[i] = bench_step(&b, NULL, (int)i, &args[i]);
	}
	cr_expect_eq(bench_solve_all(&b, targets, 8), 0);
	cr_expect_eq(most, 2u);
}

Test(solve, a_step_that_two_need_runs_once)
{
	cleanup_bench struct bench b;
	atomic_uint runs = 0;
	const struct fake_args a = {.text = "a", .content = "1", .runs = &runs}, c = {.text = "c", .content = "2"}, d = {.text = "d", .content = "3"};
	bench_init(&b);
	struct step *shared = bench_step(&b, NULL, 1, &a);
	struct step *targets[] = {bench_step(&b, shared, 2, &c), bench_step(&b, shared, 3, &d)};
	cr_assert_eq(bench_solve_all(&b, targets, 2), 0);
	cr_expect_eq(runs, 1u);
}

Test(solve, what_no_target_needs_does_not_run)
{
	cleanup_bench struct bench b;
	atomic_uint runs = 0;
	const struct fake_args a = {.text = "a", .content = "1"}, c = {.text = "c", .fails = "never", .runs = &runs};
	bench_init(&b);
	struct step *s = bench_step(&b, NULL, 1, &a);
	bench_step(&b, s, 2, &c);
	cr_expect_eq(bench_solve(&b, s), 0);
	cr_expect_eq(runs, 0u);
}

Test(solve, a_failure_stops_the_others_and_is_what_is_told, .timeout = 20)
{
	cleanup_bench struct bench b;
	pthread_barrier_t meet;
	atomic_uint runs = 0;
	const struct fake_args bad = {.text = "bad", .fails = "exit code: 3", .meet = &meet}, slow = {.text = "slow", .waits = true, .meet = &meet},
			       slow2 = {.text = "slow2", .waits = true, .meet = &meet}, after = {.text = "after", .content = "1", .runs = &runs};
	bench_init(&b);
	pthread_barrier_init(&meet, NULL, 3);
	struct step *failing = bench_step(&b, NULL, 7, &bad);
	struct step *targets[] = {bench_step(&b, NULL, 1, &slow), failing, bench_step(&b, NULL, 2, &slow2), bench_step(&b, failing, 8, &after)};
	cr_expect_eq(bench_solve_all(&b, targets, 4), -ERR_STEP);
	cr_expect_str_eq(b.e.text, "exit code: 3");
	cr_expect_eq(b.e.line, 7);
	cr_expect_eq(b.failed, failing);
	cr_expect_eq(b.told.kinds[EVENT_CANCELLED], 2u);
	cr_expect_eq(b.told.kinds[EVENT_ERROR], 1u);
	cr_expect_eq(runs, 0u);
	pthread_barrier_destroy(&meet);
}

static void *press_stop(void *arg)
{
	usleep(50000);
	atomic_store(&((struct cancel *)arg)->set, true);
	return NULL;
}

Test(solve, the_user_may_stop_it, .timeout = 20)
{
	cleanup_bench struct bench b;
	pthread_t user;
	const struct fake_args slow = {.text = "slow", .waits = true};
	bench_init(&b);
	struct step *s = bench_step(&b, NULL, 1, &slow);
	pthread_create(&user, NULL, press_stop, &b.cancel);
	cr_expect_eq(bench_solve(&b, s), -ERR_CANCELLED);
	cr_expect_eq(b.e.line, 0);
	cr_expect_eq(b.told.kinds[EVENT_CANCELLED], 1u);
	pthread_join(user, NULL);
}

Test(solve, a_miss_says_what_is_different)
{
	cleanup_bench struct bench b;
	const struct fake_args a = {.text = "a", .content = "1"};
	bench_init(&b);
	b.explain_all = true;
	struct step *s = bench_step(&b, NULL, 1, &a);
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_expect_str_eq(b.told.note, "not cached: no earlier run of this step is on record");
	s->no_cache = true;
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_expect_str_eq(b.told.note, "not cached: --no-cache asked for it");
}

Test(solve, an_internal_step_is_shown_when_it_runs_only)
{
	cleanup_bench struct bench b;
	const struct fake_args a = {.text = "a", .content = "1"};
	bench_init(&b);
	struct step *s = bench_step(&b, NULL, 1, &a);
	s->internal = true;
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_expect_eq(b.told.kinds[EVENT_STEP], 1u);
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_expect_eq(b.told.kinds[EVENT_STEP], 0u);
}

Test(solve, long_chains_are_solved, .timeout = 60)
{
	enum { N = 300 };
	cleanup_bench struct bench b;
	struct fake_args args[N];
	char names[N][8];
	struct step *s = NULL;
	bench_init(&b);
	for (int i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "%d", i);
		args[i] = (struct fake_args){.text = names[i], .content = names[i]};
		s = bench_step(&b, s, i, &args[i]);
	}
	cr_assert_eq(bench_solve(&b, s), 0, "%s", b.e.text);
	cr_expect_eq(bench_tree(&b, s)->n, (size_t)N);
	cr_assert_eq(bench_solve(&b, s), 0);
	cr_expect_eq(b.solved.stats.cached, (unsigned)N);
}

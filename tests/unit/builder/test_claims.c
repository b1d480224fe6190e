/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/builder/fake_steps.h"

static struct digest named(const char *name)
{
	return digest_of(name, strlen(name));
}

/* --- finding --- */

struct fixture {
	struct claims claims;
	struct cachedoc doc;
	struct descriptor blobs[2];
	struct manifest manifest;
	struct cachedoc_layer layer;
	struct cachedoc_record records[4];
	struct cachedoc_memo memo;
};

static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){.blobs = {{.media_type = STR("application/vnd.oci.image.layer.v1.tar+gzip"), .digest = named("blob"), .size = 5},
		{.media_type = STR(CACHEDOC_INDEX_TYPE), .digest = named("index"), .size = 6}}};
	f->manifest = (struct manifest){.layers = f->blobs, .nlayers = 2};
	f->layer = (struct cachedoc_layer){.diff_id = named("diff"), .size = 10, .newest = 100, .index = SIZE_MAX};
	f->records[0] = (struct cachedoc_record){.key = named("here"), .cid = named("content"), .layer = 0, .created = 50};
	f->records[1] = (struct cachedoc_record){.key = named("hollow"), .cid = named("content"), .layer = SIZE_MAX};
	f->records[2] = (struct cachedoc_record){.key = named("nothing"), .layer = SIZE_MAX};
	f->memo = (struct cachedoc_memo){named("memo"), named("value")};
	f->doc = (struct cachedoc){.layers = &f->layer, .nlayers = 1, .records = f->records, .nrecords = 3, .memos = &f->memo, .nmemos = 1,
		.epoch = INT64_MAX};
}

static bool find(struct fixture *f, const char *key, bool want_tar, struct outcome *ret)
{
	struct digest k = named(key);
	*ret = (struct outcome){0};
	return claims_find(&f->claims, &k, want_tar, ret);
}

Test(claims, a_record_gives_a_layer_that_stays_a_claim)
{
	struct fixture f;
	struct outcome o;
	struct tree_cache cache = {.name = "c"};
	fixture_init(&f);
	claims_init(&f.claims, INT64_MAX, NULL, NULL);
	claims_add(&f.claims, &f.doc, &f.manifest, "host/app", &cache);
	cr_assert(find(&f, "here", true, &o));
	cr_expect(o.has_layer && o.layer.claim && digest_none(&o.layer.id) && o.layer.created == 50);
	cr_expect_str_eq(o.layer.origin, "host/app");
	cr_expect_eq(o.layer.blob_size, 5u);
	cr_assert(find(&f, "nothing", true, &o));
	cr_expect(!o.has_layer);
	cr_expect(!find(&f, "other", true, &o));
	claims_done(&f.claims);
}

Test(claims, a_record_without_bytes_is_for_what_nobody_opens)
{
	struct fixture f;
	struct outcome o;
	struct tree_cache cache = {.name = "c"};
	fixture_init(&f);
	claims_init(&f.claims, INT64_MAX, NULL, NULL);
	claims_add(&f.claims, &f.doc, &f.manifest, "host/app", &cache);
	cr_expect(!find(&f, "hollow", true, &o));
	cr_assert(find(&f, "hollow", false, &o));
	cr_expect(tree_layer_hollow(&o.layer));
	f.claims.no_hollow = true;
	cr_expect(!find(&f, "hollow", false, &o));
	claims_done(&f.claims);
}

Test(claims, the_cache_added_first_is_asked_first_until_it_breaks)
{
	struct fixture f;
	struct outcome o;
	struct digest value, key = named("memo");
	struct tree_cache one = {.name = "1"}, two = {.name = "2"};
	fixture_init(&f);
	claims_init(&f.claims, INT64_MAX, NULL, NULL);
	claims_add(&f.claims, &f.doc, &f.manifest, "host/one", &one);
	f.memo.value = named("another value");
	claims_add(&f.claims, &f.doc, &f.manifest, "host/two", &two);
	cr_assert(find(&f, "here", true, &o) && claims_recall(&f.claims, &key, &value));
	cr_expect_str_eq(o.layer.origin, "host/one");
	cr_expect(!digest_eq(&value, &f.memo.value));
	one.broken = true;
	cr_assert(find(&f, "here", true, &o) && claims_recall(&f.claims, &key, &value));
	cr_expect_str_eq(o.layer.origin, "host/two");
	cr_expect(digest_eq(&value, &f.memo.value));
	two.broken = true;
	cr_expect(!find(&f, "here", true, &o) && !claims_recall(&f.claims, &key, &value));
	claims_done(&f.claims);
}

static const struct {
	int64_t epoch, newest;
	bool clamped, index, found, as_is, clock;
} times[] = {
    {INT64_MAX, 100, false, false, true, true},
    {INT64_MAX, 100, true, false, true, true},
    {100, 100, false, false, true, true},
    {99, 100, false, false, false, false},  /* later times than wanted */
    {99, 100, false, true, true, false},
    {100, 100, true, false, true, true},
    {101, 100, true, false, false, false},  /* the true times are not known */
    {101, 100, true, true, true, false},
    {INT64_MAX, 100, false, false, true, true, true},
    {101, 100, false, false, false, false, true}, /* the clock's would be the epoch */
    {101, 100, false, true, true, false, true},
};

Test(claims, an_image_gets_the_times_that_it_would_have_had)
{
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct fixture f;
		struct outcome o;
		struct tree_cache cache = {.name = "c"};
		fixture_init(&f);
		f.layer.newest = times[i].newest;
		f.layer.clamped = times[i].clamped;
		f.layer.clock = times[i].clock;
		f.layer.index = times[i].index ? 1 : SIZE_MAX;
		claims_init(&f.claims, times[i].epoch, NULL, NULL);
		claims_add(&f.claims, &f.doc, &f.manifest, "host/app", &cache);
		cr_expect_eq(find(&f, "here", true, &o), times[i].found, "row %zu", i);
		cr_expect(!times[i].found || o.layer.claim->as_is == times[i].as_is, "row %zu", i);
		cr_expect(find(&f, "here", false, &o), "row %zu: not in the image", i);
		cr_expect_neq(tree_layer_hollow(&o.layer), times[i].found, "row %zu: nor is copied from what has other times", i);
		claims_done(&f.claims);
	}
}

/* --- solving --- */

/* Reads what it stands on; a cache's layers cannot be had. */
static int needy_run(struct task *t, struct outcome *ret, struct err *e)
{
	for (size_t i = 0; i < t->inputs[0]->n; i++) {
		const struct tree_layer *l = &t->inputs[0]->layers[i];
		if (!l->claim)
			continue;
		atomic_store(&l->claim->cache->broken, true);
		return err_set(e, ERR_CORRUPT, "other bytes");
	}
	return fake_run(t, ret, e);
}

static const struct op op_needy = {.name = "needy", .on_tree = true, .hash = fake_hash, .run = needy_run};

static struct step *needy_step(struct bench *b, struct step *on, int line, const struct fake_args *args)
{
	struct step *inputs[] = {on};
	struct step proto = {.op = &op_needy, .args = args, .inputs = inputs, .ninputs = 1, .label = args->text, .line = line, .nth = 1, .of = 1,
		.family = digest_of(&line, sizeof(line))};
	return plan_add(&b->plan, &proto);
}

/* What one machine has made, for another one: with bytes (of no use in these tests) or without. */
struct shared {
	struct claims claims;
	struct tree_cache cache;
	struct cachedoc doc;
	struct cachedoc_layer layer;
	struct descriptor blob;
	unsigned loads;
};

static void shared_load(void *arg, struct claims *c)
{
	struct shared *s = arg;
	struct manifest m = {.layers = &s->blob, .nlayers = 1};
	s->loads++;
	claims_add(c, &s->doc, &m, "host/app", &s->cache);
}

static void share(struct shared *s, const struct bench *b, bool bytes)
{
	*s = (struct shared){.cache.name = "c", .blob = {.media_type = STR("application/vnd.oci.image.layer.v1.tar"), .digest = named("blob")},
		.layer = {.diff_id = named("diff"), .index = SIZE_MAX}};
	s->doc = (struct cachedoc){.layers = &s->layer, .nlayers = 1, .epoch = INT64_MAX};
	for (size_t i = 0; i < b->plan.n; i++) {
		const struct step_result *r = &b->solved.results[i];
		if (digest_none(&r->key))
			continue;
		ARENA_ROOM(&s->doc.arena, s->doc.records, s->doc.nrecords, s->doc.records_cap);
		s->doc.records[s->doc.nrecords++] = (struct cachedoc_record){.key = r->key, .cid = r->layer.cid, .layer = bytes ? 0 : SIZE_MAX};
	}
	claims_init(&s->claims, INT64_MAX, shared_load, s);
}

static void shared_done(struct shared *s)
{
	claims_done(&s->claims);
	cachedoc_done(&s->doc);
}

Test(claims, what_another_machine_made_is_found_and_asked_for_late)
{
	cleanup_bench struct bench a, b;
	atomic_uint runs = 0;
	const struct fake_args one = {.text = "a", .content = "1", .runs = &runs}, two = {.text = "b", .content = "2", .runs = &runs};
	struct shared s;
	bench_init(&a);
	bench_init(&b);
	cr_assert_eq(bench_solve(&a, bench_step(&a, bench_step(&a, NULL, 1, &one), 2, &two)), 0, "%s", a.e.text);
	share(&s, &a, true);
	a.claims = b.claims = &s.claims;
	cr_assert_eq(bench_solve(&a, a.plan.steps[a.plan.n - 1]), 0);
	cr_expect_eq(s.loads, 0u, "the store knew all");
	struct step *target = bench_step(&b, bench_step(&b, NULL, 1, &one), 2, &two);
	cr_assert_eq(bench_solve(&b, target), 0, "%s", b.e.text);
	cr_expect_eq(runs, 2u);
	cr_expect_eq(s.loads, 1u);
	cr_expect_eq(b.solved.stats.cached, 2u);
	cr_expect_eq(b.told.kinds[EVENT_CACHED], 2u);
	cr_expect(bench_tree(&b, target)->layers[1].claim != NULL);
	b.claims = NULL;
	cr_assert_eq(bench_solve(&b, target), 0);
	cr_expect_eq(runs, 4u, "nothing of it went into the store");
	shared_done(&s);
}

Test(claims, a_step_that_runs_on_layers_nobody_looked_at_is_not_recorded)
{
	cleanup_bench struct bench a, b;
	atomic_uint runs = 0;
	const struct fake_args one = {.text = "a", .content = "1"}, two = {.text = "b", .content = "2", .runs = &runs};
	struct shared s;
	bench_init(&a);
	bench_init(&b);
	cr_assert_eq(bench_solve(&a, bench_step(&a, NULL, 1, &one)), 0, "%s", a.e.text);
	share(&s, &a, true);
	b.claims = &s.claims;
	struct step *target = bench_step(&b, bench_step(&b, NULL, 1, &one), 2, &two);
	cr_assert_eq(bench_solve(&b, target), 0, "%s", b.e.text);
	cr_assert_eq(bench_solve(&b, target), 0, "%s", b.e.text);
	cr_expect_eq(runs, 2u);
	shared_done(&s);
}

Test(claims, without_bytes_all_is_found_or_all_is_run)
{
	cleanup_bench struct bench a, b;
	atomic_uint runs = 0;
	const struct fake_args one = {.text = "a", .content = "1", .runs = &runs}, two = {.text = "b", .content = "2", .runs = &runs},
			       other = {.text = "c", .content = "3", .runs = &runs};
	struct shared s;
	bench_init(&a);
	bench_init(&b);
	cr_assert_eq(bench_solve(&a, bench_step(&a, bench_step(&a, NULL, 1, &one), 2, &two)), 0, "%s", a.e.text);
	share(&s, &a, false);
	b.claims = &s.claims;
	b.no_output = true;
	runs = 0;
	cr_assert_eq(bench_solve(&b, bench_step(&b, bench_step(&b, NULL, 1, &one), 2, &two)), 0, "%s", b.e.text);
	cr_expect_eq(runs, 0u);
	cr_expect_eq(b.told.kinds[EVENT_CACHED], 2u);
	bench_plan(&b);
	cr_assert_eq(bench_solve(&b, bench_step(&b, bench_step(&b, NULL, 1, &one), 2, &other)), 0, "%s", b.e.text);
	cr_expect_eq(runs, 2u, "the changed step and the one that it stands on");
	cr_expect_eq(b.told.kinds[EVENT_CACHED], 0u, "it was not said to be cached and then run");
	shared_done(&s);
	/* Somebody wants the files. */
	share(&s, &a, false);
	bench_plan(&b);
	b.no_output = false;
	runs = 0;
	struct step *target = bench_step(&b, bench_step(&b, NULL, 1, &one), 2, &two);
	cr_assert_eq(bench_solve(&b, target), 0, "%s", b.e.text);
	cr_expect(!tree_hollow(bench_tree(&b, target)));
	cr_expect_eq(runs, 1u, "the first one is in the store by now");
	shared_done(&s);
}

Test(claims, a_cache_whose_layers_cannot_be_had_is_left)
{
	cleanup_bench struct bench a, b;
	atomic_uint runs = 0;
	const struct fake_args one = {.text = "a", .content = "1", .runs = &runs}, two = {.text = "b", .content = "2", .runs = &runs},
			       last = {.text = "c", .content = "3", .runs = &runs};
	struct shared s;
	bench_init(&a);
	bench_init(&b);
	cr_assert_eq(bench_solve(&a, bench_step(&a, bench_step(&a, NULL, 1, &one), 2, &two)), 0, "%s", a.e.text);
	share(&s, &a, true);
	b.claims = &s.claims;
	runs = 0;
	struct step *target = needy_step(&b, bench_step(&b, bench_step(&b, NULL, 1, &one), 2, &two), 3, &last);
	cr_assert_eq(bench_solve(&b, target), 0, "%s", b.e.text);
	cr_expect_eq(runs, 3u);
	cr_expect_eq(b.told.kinds[EVENT_WARNING], 1u);
	cr_expect_eq(b.told.kinds[EVENT_ERROR], 0u);
	for (size_t i = 0; i < bench_tree(&b, target)->n; i++)
		cr_expect(!bench_tree(&b, target)->layers[i].claim);
	cr_assert_eq(bench_solve(&b, target), 0, "%s", b.e.text);
	cr_expect_eq(runs, 3u, "what ran is on record");
	shared_done(&s);
}

Test(claims, a_step_that_fails_by_itself_fails)
{
	cleanup_bench struct bench a, b;
	const struct fake_args one = {.text = "a", .content = "1"}, bad = {.text = "b", .fails = "no such luck"};
	struct shared s;
	bench_init(&a);
	bench_init(&b);
	cr_assert_eq(bench_solve(&a, bench_step(&a, NULL, 1, &one)), 0, "%s", a.e.text);
	share(&s, &a, true);
	b.claims = &s.claims;
	cr_assert_lt(bench_solve(&b, bench_step(&b, bench_step(&b, NULL, 1, &one), 2, &bad)), 0);
	cr_expect_str_eq(b.e.text, "no such luck");
	shared_done(&s);
}

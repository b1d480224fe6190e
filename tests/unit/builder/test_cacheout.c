/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/export/cacheout.h"
#include "registry/layout.h"
#include "tests/unit/builder/fake_steps.h"

/* Three steps with a layer each, in a store; and a folder for caches. */
struct fixture {
	struct bench b;
	struct step *steps[3];
	struct place *from;
	char folder[64];
	int dirfd;
	struct blobs *blobs;
	struct place *to;
	unsigned needs;
};

static const struct fake_args args[] = {{.text = "a", .content = "1"}, {.text = "b", .content = "2"}, {.text = "c", .content = "3"}};

static void setup(struct fixture *f)
{
	struct err e;
	*f = (struct fixture){.folder = "/var/tmp/cacheout-test-XXXXXX"};
	bench_init(&f->b);
	for (int i = 0; i < 3; i++)
		f->steps[i] = bench_step(&f->b, i ? f->steps[i - 1] : NULL, i, &args[i]);
	cr_assert_eq(bench_solve(&f->b, f->steps[2]), 0, "%s", f->b.e.text);
	int store = open(f->b.path, O_PATH | O_DIRECTORY);
	cr_assert_eq(layout_open(store, f->b.store->blobs, true, true, &f->from, &e), 0, "%s", e.text);
	close(store);
	cr_assert_not_null(mkdtemp(f->folder));
	cr_assert_eq(fs_open_dir(AT_FDCWD, f->folder, &f->dirfd, &e), 0);
	cr_assert_eq(blobs_open(f->dirfd, false, &f->blobs, &e), 0);
	cr_assert_eq(layout_open(f->dirfd, f->blobs, false, true, &f->to, &e), 0, "%s", e.text);
}

static void done(struct fixture *f)
{
	struct err e;
	place_close(f->to);
	place_close(f->from);
	blobs_close(f->blobs);
	close(f->dirfd);
	fs_remove_tree(AT_FDCWD, f->folder, &e);
	bench_done(&f->b);
}

static int need(void *arg, const struct tree_layer *l, bool index, struct err *e)
{
	(void)l, (void)index;
	((struct fixture *)arg)->needs++;
	return err_set(e, ERR_NOT_FOUND, "nobody has it");
}

static struct cacheout out_of(struct fixture *f, bool all)
{
	static const struct tree *trees[1];
	trees[0] = bench_tree(&f->b, f->steps[1]); /* the image: without the last step */
	return (struct cacheout){.store = f->b.store, .results = f->b.solved.results, .n = f->b.plan.n, .trees = trees, .ntrees = 1, .all = all,
		.epoch = INT64_MAX, .compression = COMPRESS_GZIP, .level = -1, .from = f->from, .to = f->to, .name = STR("latest"), .need = need,
		.arg = f};
}

static void read_back(struct fixture *f, struct manifest *m, struct cachedoc *d)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf text = {0}, json = {0};
	struct descriptor desc;
	struct err e;
	cr_assert_eq(f->to->ops->resolve(f->to, STR("latest"), &a, &desc, &e), 0, "%s", e.text);
	cr_assert_eq(f->to->ops->manifest(f->to, &desc, &text, &e), 0);
	cr_assert_eq(manifest_parse(buf_view(&text), m, &e), 0);
	cr_assert_eq(blobs_read(f->blobs, &m->config.digest, CACHEDOC_SIZE_MAX, &json, &e), 0);
	cr_assert_eq(cachedoc_parse(buf_view(&json), d, &e), 0, "%s", e.text);
	cr_assert_eq(cachedoc_check(d, m, &e), 0, "%s", e.text);
	for (size_t i = 0; i < m->nlayers; i++)
		cr_expect(blobs_has(f->blobs, &m->layers[i].digest, NULL));
}

Test(cacheout, all_layers_are_written)
{
	struct fixture f;
	struct manifest m;
	struct cachedoc d;
	struct digest digest, again;
	struct err e;
	setup(&f);
	struct cacheout c = out_of(&f, true);
	cr_assert_eq(cacheout_write(&c, &digest, &e), 0, "%s", e.text);
	read_back(&f, &m, &d);
	cr_expect_eq(d.nrecords, 3u);
	cr_expect_eq(d.nlayers, 3u);
	cr_expect_eq(m.nlayers, d.nlayers, "no index where no time was cut");
	cr_assert_eq(cacheout_write(&c, &again, &e), 0, "%s", e.text);
	cr_expect(digest_eq(&digest, &again));
	manifest_done(&m);
	cachedoc_done(&d);
	done(&f);
}

Test(cacheout, what_is_not_in_the_image_is_left_out_and_named)
{
	struct fixture f;
	struct manifest m;
	struct cachedoc d;
	struct digest digest;
	struct err e;
	setup(&f);
	struct cacheout c = out_of(&f, false);
	cr_assert_eq(cacheout_write(&c, &digest, &e), 0, "%s", e.text);
	read_back(&f, &m, &d);
	cr_expect(d.nlayers == 2 && m.nlayers == 2 && d.nrecords == 3);
	cr_expect(d.records[0].layer == 0 && d.records[1].layer == 1 && d.records[2].layer == SIZE_MAX);
	cr_expect(!digest_none(&d.records[2].cid));
	manifest_done(&m);
	cachedoc_done(&d);
	done(&f);
}

Test(cacheout, a_layer_that_two_steps_gave_stands_once)
{
	struct fixture f;
	struct manifest m;
	struct cachedoc d;
	struct digest digest;
	struct err e;
	setup(&f);
	struct cacheout c = out_of(&f, true);
	f.b.solved.results[f.steps[2]->number].layer = f.b.solved.results[f.steps[0]->number].layer;
	cr_assert_eq(cacheout_write(&c, &digest, &e), 0, "%s", e.text);
	read_back(&f, &m, &d);
	cr_expect(d.nlayers == 2 && m.nlayers == 2 && d.nrecords == 3);
	cr_expect_eq(d.records[0].layer, d.records[2].layer);
	manifest_done(&m);
	cachedoc_done(&d);
	done(&f);
}

Test(cacheout, times_that_were_cut_are_told_beside)
{
	struct fixture f;
	struct manifest m;
	struct cachedoc d;
	struct digest digest;
	struct err e;
	setup(&f);
	struct cacheout c = out_of(&f, true);
	c.epoch = 1000;
	cr_assert_eq(cacheout_write(&c, &digest, &e), 0, "%s", e.text);
	read_back(&f, &m, &d);
	cr_expect_eq(m.nlayers, 2 * d.nlayers);
	for (size_t i = 0; i < d.nlayers; i++) {
		cleanup_buf struct buf bytes = {0};
		cleanup_index struct index *ix = NULL;
		cr_expect(d.layers[i].clamped && d.layers[i].newest == 1000);
		cr_assert_neq(d.layers[i].index, SIZE_MAX);
		cr_assert_eq(blobs_read(f.blobs, &m.layers[d.layers[i].index].digest, 1 << 20, &bytes, &e), 0);
		cr_assert_eq(index_parse(buf_view(&bytes), &ix, &e), 0, "%s", e.text);
		cr_expect_gt(ix->entries[0].mtime, 1000);
	}
	manifest_done(&m);
	cachedoc_done(&d);
	done(&f);
}

/* A build with SOURCE_DATE_EPOCH makes the epoch of them: it has to know which they are. */
Test(cacheout, times_that_are_the_clocks_are_told_beside)
{
	struct fixture f;
	struct manifest m;
	struct cachedoc d;
	struct outcome o;
	struct digest digest;
	struct err e;
	setup(&f);
	struct cacheout c = out_of(&f, true);
	cr_assert_eq(fake_layer_since(f.b.store, (struct timespec){.tv_sec = 1}, "4", &o, &e), 0, "%s", e.text);
	f.b.solved.results[f.steps[0]->number].layer = o.layer;
	cr_assert_eq(cacheout_write(&c, &digest, &e), 0, "%s", e.text);
	read_back(&f, &m, &d);
	const size_t at = d.records[0].layer;
	for (size_t i = 0; i < d.nlayers; i++) {
		cr_expect(!d.layers[i].clamped);
		cr_expect_eq(d.layers[i].clock, i == at);
		cr_expect_eq(d.layers[i].index != SIZE_MAX, i == at);
	}
	cleanup_buf struct buf bytes = {0};
	cleanup_index struct index *ix = NULL;
	cr_assert_eq(blobs_read(f.blobs, &m.layers[d.layers[at].index].digest, 1 << 20, &bytes, &e), 0);
	cr_assert_eq(index_parse(buf_view(&bytes), &ix, &e), 0, "%s", e.text);
	cr_expect(ix->entries[0].clock);
	manifest_done(&m);
	cachedoc_done(&d);
	done(&f);
}

Test(cacheout, layers_that_nobody_has_any_more_are_dropped)
{
	struct fixture f;
	struct manifest m;
	struct cachedoc d;
	struct digest digest, gone = digest_of("gone", 4);
	struct tree_cache cache = {.name = "c"};
	struct tree_claim claim = {.cache = &cache, .as_is = true};
	struct err e;
	setup(&f);
	struct cacheout c = out_of(&f, true);
	struct step_result *first = &f.b.solved.results[f.steps[0]->number];
	first->layer = (struct tree_layer){.cid = first->layer.cid, .diff_id = gone, .blob = gone, .blob_size = 4, .claim = &claim,
		.media_type = "application/vnd.oci.image.layer.v1.tar+gzip"};
	cr_assert_eq(cacheout_write(&c, &digest, &e), 0, "%s", e.text);
	cr_expect_eq(f.needs, 1u);
	read_back(&f, &m, &d);
	cr_expect_eq(d.records[0].layer, SIZE_MAX);
	cr_expect_neq(d.records[1].layer, SIZE_MAX);
	manifest_done(&m);
	cachedoc_done(&d);
	done(&f);
}

Test(cacheout, records_for_an_image_are_the_same_text_each_time)
{
	struct fixture f;
	struct buf one = {0}, two = {0};
	struct cachedoc d;
	struct err e;
	setup(&f);
	const struct tree *image = bench_tree(&f.b, f.steps[1]);
	cr_assert_eq(cacheout_inline(f.b.store, f.b.solved.results, f.b.plan.n, image, 0, 1000, &one, &e), 0, "%s", e.text);
	cr_assert_eq(bench_solve(&f.b, f.steps[2]), 0);
	image = bench_tree(&f.b, f.steps[1]);
	cr_assert_eq(cacheout_inline(f.b.store, f.b.solved.results, f.b.plan.n, image, 0, 1000, &two, &e), 0, "%s", e.text);
	cr_expect_str_eq(one.p, two.p);
	cr_assert_eq(cachedoc_parse(buf_view(&one), &d, &e), 0, "%s", e.text);
	cr_expect_eq(d.nlayers, 2u);
	cr_expect_eq(d.layers[1].n, 1u);
	cr_expect_eq(d.records[0].created, 1000, "times are cut");
	cr_expect_eq(d.epoch, 1000);
	cachedoc_done(&d);
	buf_done(&one);
	buf_done(&two);
	done(&f);
}

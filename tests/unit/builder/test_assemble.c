/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/export/assemble.h"
#include "registry/oci.h"
#include "tests/unit/builder/fake_steps.h"

#define T0 "2020-01-01T00:00:00Z"

/* Layers: those of the base have blobs and no time, the others were made at 1000, 1001, ... seconds. */
struct image {
	struct bench b;
	struct arena arena;
	struct tree *tree;
	struct image_config config;
	size_t nbase_history, nbase_layers;
	int64_t epoch;
	struct descriptor manifest;
};

static void image_init(struct image *im)
{
	*im = (struct image){.epoch = INT64_MAX, .config = {.os = STR("linux"), .architecture = STR("amd64")}};
	bench_init(&im->b);
	im->tree = tree_new(&im->arena, NULL, 8);
}

static void image_done(struct image *im)
{
	image_config_done(&im->config);
	arena_done(&im->arena);
	bench_done(&im->b);
}
#define cleanup_image __attribute__((cleanup(image_done)))

static void base_layer(struct image *im)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "base %zu", im->tree->n);
	struct digest d = digest_of(text, (size_t)n);
	im->tree->layers[im->tree->n++] = (struct tree_layer){.cid = d, .diff_id = d, .blob = d, .blob_size = 7,
		.media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip"};
	im->nbase_layers++;
}

static void new_layer(struct image *im)
{
	struct outcome o = {0};
	struct err e;
	char text[16];
	snprintf(text, sizeof(text), "%zu", im->tree->n);
	cr_assert_eq(fake_layer(im->b.store, text, &o, &e), 0, "%s", e.text);
	o.layer.created = (int64_t)(1000 + im->tree->n - im->nbase_layers);
	o.layer.created_nsec = 0;
	im->tree->layers[im->tree->n++] = o.layer;
}

static void history(struct image *im, const char *by, const char *created, bool empty)
{
	struct history_entry h = {.created_by = str_of(by), .created = str_of(created), .empty_layer = empty};
	image_config_add_history(&im->config, &h);
}

static void put(struct image *im)
{
	struct err e;
	const struct assembly as = {.store = im->b.store, .tree = im->tree, .config = &im->config, .nbase_history = im->nbase_history,
		.nbase_layers = im->nbase_layers, .epoch = im->epoch};
	cr_assert_eq(assemble(&as, &im->arena, &im->manifest, &e), 0, "%s", e.text);
}

/* "by=created ..." with created from its 12th byte on: the time of the day, or all of T0. */
static void expect_history(const struct image *im, const char *want)
{
	cleanup_buf struct buf got = {0};
	for (size_t i = 0; i < im->config.nhistory; i++) {
		const struct history_entry *h = &im->config.history[i];
		buf_printf(&got, "%s%.*s=%.*s", i ? " " : "", STR_ARG(h->created_by), STR_ARG(h->created));
	}
	cr_expect_str_eq(got.p, want);
}

Test(assemble, layers_get_the_time_of_their_step_and_metadata_that_of_the_layer_around)
{
	cleanup_image struct image im;
	image_init(&im);
	base_layer(&im);
	new_layer(&im);
	new_layer(&im);
	history(&im, "base", T0, false);
	im.nbase_history = 1;
	history(&im, "env", NULL, true);
	history(&im, "copy", NULL, false);
	history(&im, "run", NULL, false);
	history(&im, "cmd", NULL, true);
	put(&im);
	expect_history(&im, "base=" T0 " env=1970-01-01T00:16:40Z copy=1970-01-01T00:16:40Z run=1970-01-01T00:16:41Z cmd=1970-01-01T00:16:41Z");
	cr_expect(str_eqz(im.config.created, "1970-01-01T00:16:41Z"));
}

Test(assemble, times_are_cut_at_the_epoch_but_not_those_of_the_base)
{
	cleanup_image struct image im;
	image_init(&im);
	im.epoch = 500;
	base_layer(&im);
	new_layer(&im);
	history(&im, "base", T0, false);
	im.nbase_history = 1;
	history(&im, "copy", NULL, false);
	history(&im, "cmd", NULL, true);
	put(&im);
	expect_history(&im, "base=" T0 " copy=1970-01-01T00:08:20Z cmd=1970-01-01T00:08:20Z");
	cr_expect(str_eqz(im.config.created, "1970-01-01T00:08:20Z"));
}

Test(assemble, an_image_of_metadata_alone_has_a_time_that_does_not_move)
{
	cleanup_image struct image im;
	image_init(&im);
	history(&im, "env", NULL, true);
	put(&im);
	expect_history(&im, "env=1970-01-01T00:00:00Z");
}

Test(assemble, metadata_alone_on_a_base_keeps_its_time)
{
	cleanup_image struct image im;
	image_init(&im);
	base_layer(&im);
	history(&im, "base", T0, false);
	im.nbase_history = 1;
	history(&im, "env", NULL, true);
	put(&im);
	expect_history(&im, "base=" T0 " env=" T0);
}

Test(assemble, layers_of_a_base_without_history_get_entries_in_their_place)
{
	cleanup_image struct image im;
	image_init(&im);
	base_layer(&im);
	base_layer(&im);
	new_layer(&im);
	history(&im, "base", T0, false);
	im.nbase_history = 1;
	history(&im, "copy", NULL, false);
	put(&im);
	expect_history(&im, "base=" T0 " =1970-01-01T00:16:40Z copy=1970-01-01T00:16:40Z");
	cr_expect(str_eqz(im.config.history[1].comment, "buildkit.exporter.image.v0"));
	cr_expect_eq(im.config.ndiff_ids, 3u);
}

Test(assemble, layers_of_the_base_stay_what_they_are_and_new_ones_are_plain)
{
	cleanup_image struct image im;
	cleanup_buf struct buf text = {0};
	struct manifest m;
	struct err e;
	image_init(&im);
	base_layer(&im);
	new_layer(&im);
	history(&im, "base", T0, false);
	im.nbase_history = 1;
	history(&im, "copy", NULL, false);
	put(&im);
	cr_assert_eq(blobs_read(im.b.store->blobs, &im.manifest.digest, 1 << 20, &text, &e), 0, "%s", e.text);
	cr_expect_eq(text.len, im.manifest.size);
	cr_assert_eq(manifest_parse(buf_view(&text), &m, &e), 0, "%s", e.text);
	cr_assert_eq(m.nlayers, 2u);
	cr_expect(digest_eq(&m.layers[0].digest, &im.tree->layers[0].blob));
	cr_expect(str_eqz(m.layers[0].media_type, "application/vnd.oci.image.layer.v1.tar+gzip"));
	cr_expect(str_eqz(m.layers[1].media_type, "application/vnd.oci.image.layer.v1.tar"));
	cr_expect(digest_eq(&m.layers[1].digest, &im.config.diff_ids[1]));
	cr_expect(blobs_has(im.b.store->blobs, &m.layers[1].digest, NULL));
	cr_expect(blobs_has(im.b.store->blobs, &m.config.digest, NULL));
	manifest_done(&m);
}

Test(assemble, the_same_things_give_the_same_image)
{
	struct digest first = {0};
	for (int i = 0; i < 2; i++) {
		cleanup_image struct image im;
		image_init(&im);
		im.epoch = 100;
		new_layer(&im);
		history(&im, "copy", NULL, false);
		put(&im);
		if (i)
			cr_expect(digest_eq(&first, &im.manifest.digest));
		first = im.manifest.digest;
	}
}

Test(assemble, an_index_holds_the_manifests_in_order)
{
	cleanup_image struct image im;
	cleanup_buf struct buf text = {0};
	struct descriptor two[2], index;
	struct image_index ix;
	struct err e;
	image_init(&im);
	put(&im);
	two[0] = two[1] = im.manifest;
	two[1].platform.arch = STR("arm64");
	cr_assert_eq(assemble_index(im.b.store, two, 2, NULL, &im.arena, &index, &e), 0);
	cr_assert_eq(blobs_read(im.b.store->blobs, &index.digest, 1 << 20, &text, &e), 0);
	cr_assert_eq(image_index_parse(buf_view(&text), &ix, &e), 0, "%s", e.text);
	cr_assert_eq(ix.n, 2u);
	cr_expect(str_eqz(ix.manifests[0].platform.arch, "amd64"));
	cr_expect(str_eqz(ix.manifests[1].platform.arch, "arm64"));
	image_index_done(&ix);
}

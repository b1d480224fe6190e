/* SPDX-License-Identifier: Apache-2.0 */
#include "image_fixture.h"

#include "registry/transfer.h"

static struct box from, to;

static void setup(void)
{
	box_open(&from, true);
	box_open(&to, true);
}

static void teardown(void)
{
	box_close(&from);
	box_close(&to);
}

TestSuite(transfer, .init = setup, .fini = teardown);

static int copy(const char *name, const struct transfer_opts *o, struct descriptor *ret, struct err *e)
{
	static struct arena a;
	return transfer(from.place, str_of(name), to.place, STR("copy"), o, &a, ret, e);
}

static bool has(struct box *b, const struct digest *d)
{
	return blobs_has(b->blobs, d, NULL);
}

Test(transfer, an_image_arrives_with_all_its_parts_and_its_name)
{
	cleanup_arena struct arena a = {0};
	struct descriptor d = put_image(&from, "x", "amd64"), got;
	GOOD(layout_tag(from.place, &d, STR("app"), e));
	GOOD(copy("app", NULL, &got, e));
	cr_assert(digest_eq(&got.digest, &d.digest) && got.size == d.size);
	struct digest layer = digest_of("x", 1);
	cr_assert(has(&to, &d.digest) && has(&to, &layer));
	cr_assert_str_eq(names_of(&to, &a), "copy:latest");
}

Test(transfer, an_index_arrives_whole_when_no_platform_is_wanted)
{
	struct descriptor ix = put_index(&from, "x"), arm = put_image(&from, "x", "arm64"), got;
	GOOD(layout_tag(from.place, &ix, STR("app"), e));
	GOOD(copy("app", NULL, &got, e));
	cr_assert(digest_eq(&got.digest, &ix.digest) && has(&to, &arm.digest));
}

Test(transfer, a_wanted_platform_brings_its_manifest_alone)
{
	cleanup_arena struct arena a = {0};
	struct descriptor ix = put_index(&from, "x"), arm = put_image(&from, "x", "arm64"), amd = put_image(&from, "x", "amd64"), got;
	struct platform want = {.os = STR("linux"), .arch = STR("arm64")};
	struct transfer_opts o = {.platform = &want};
	struct layout_image im;
	GOOD(layout_tag(from.place, &ix, STR("app"), e));
	GOOD(copy("app", &o, &got, e));
	cr_assert(digest_eq(&got.digest, &arm.digest) && !has(&to, &ix.digest) && !has(&to, &amd.digest));
	GOOD(layout_find(to.place, STR("copy"), &a, &im, e));
	cr_assert(digest_eq(&im.descriptor.digest, &arm.digest) && str_eqz(im.descriptor.platform.arch, "arm64"));
}

/* Counts what the place is asked for. */
static const struct place_ops *real;
static unsigned manifests_read;

static int count_manifest(struct place *p, const struct descriptor *d, struct buf *out, struct err *e)
{
	manifests_read++;
	return real->manifest(p, d, out, e);
}

Test(transfer, manifests_that_a_near_place_has_are_not_asked_for_again)
{
	struct place_ops counting = *from.place->ops;
	struct descriptor ix = put_index(&from, "x"), got;
	struct platform want = {.os = STR("linux"), .arch = STR("arm64")};
	struct transfer_opts o = {.platform = &want, .keep_index = true};
	GOOD(layout_tag(from.place, &ix, STR("app"), e));
	GOOD(copy("app", &o, &got, e));
	cr_assert(has(&to, &ix.digest));
	real = from.place->ops;
	counting.manifest = count_manifest;
	from.place->ops = &counting;
	GOOD(copy("app", &o, &got, e));
	from.place->ops = real;
	cr_assert_eq(manifests_read, 0);
}

Test(transfer, a_platform_that_is_not_there_is_not_found_and_the_others_are_named)
{
	struct descriptor ix = put_index(&from, "x"), got;
	struct platform want = {.os = STR("linux"), .arch = STR("s390x")};
	struct transfer_opts o = {.platform = &want};
	struct err e = {0};
	GOOD(layout_tag(from.place, &ix, STR("app"), e));
	cr_assert(copy("app", &o, &got, &e) == -ERR_NOT_FOUND);
	cr_assert_str_eq(e.text, "no image for platform linux/s390x (there are: linux/amd64, linux/arm64)");
}

Test(transfer, layers_can_be_left_for_later)
{
	struct descriptor d = put_image(&from, "x", "amd64"), got;
	struct transfer_opts o = {.skip_layers = true};
	struct digest layer = digest_of("x", 1);
	GOOD(layout_tag(from.place, &d, STR("app"), e));
	GOOD(copy("app", &o, &got, e));
	cr_assert(has(&to, &d.digest) && !has(&to, &layer));
}

Test(transfer, a_missing_layer_fails_and_leaves_no_name)
{
	cleanup_arena struct arena a = {0};
	struct descriptor d = put_image(&from, "x", "amd64"), got;
	struct digest layer = digest_of("x", 1);
	GOOD(layout_tag(from.place, &d, STR("app"), e));
	GOOD(blobs_remove(from.blobs, &layer, e));
	FAILS(ERR_NOT_FOUND, copy("app", NULL, &got, e));
	cr_assert_str_eq(names_of(&to, &a), "");
	cr_assert(!has(&to, &d.digest));
}

static size_t moved, skipped;

static void count(void *arg, const struct digest *blob, uint64_t done, uint64_t total)
{
	(void)arg, (void)blob;
	if (total == 0)
		skipped++;
	else if (done == total)
		moved++;
}

Test(transfer, what_the_target_has_is_not_sent)
{
	struct descriptor d = put_image(&from, "x", "amd64"), got;
	struct transfer_opts o = {.progress = count, .parallel = 1};
	put_blob(&to, STR("the lower layer"), "a/b");
	GOOD(layout_tag(from.place, &d, STR("app"), e));
	GOOD(copy("app", &o, &got, e));
	cr_assert(moved == 2 && skipped == 1, "%zu moved, %zu skipped", moved, skipped);
}

Test(transfer, a_cancelled_transfer_stops)
{
	struct cancel cancel = {true};
	struct transfer_opts o = {.cancel = &cancel};
	struct descriptor d = put_image(&from, "x", "amd64"), got;
	GOOD(layout_tag(from.place, &d, STR("app"), e));
	FAILS(ERR_CANCELLED, copy("app", &o, &got, e));
}

static struct descriptor wrap_in_index(struct box *b, struct descriptor child)
{
	struct image_index ix = {.media_type = STR("application/vnd.oci.image.index.v1+json"), .manifests = &child, .n = 1};
	cleanup_buf struct buf text = {0};
	image_index_print(&ix, &text);
	return put_blob(b, buf_view(&text), "application/vnd.oci.image.index.v1+json");
}

Test(transfer, indexes_may_be_nested_but_not_without_bound)
{
	struct platform want = {.os = STR("linux"), .arch = STR("amd64")};
	struct transfer_opts o = {.platform = &want};
	struct descriptor d = put_index(&from, "x"), amd = put_image(&from, "x", "amd64"), got;
	for (int i = 0; i < 3; i++)
		d = wrap_in_index(&from, d);
	GOOD(layout_tag(from.place, &d, STR("app"), e));
	GOOD(copy("app", NULL, &got, e));
	GOOD(copy("app", &o, &got, e));
	cr_assert(digest_eq(&got.digest, &amd.digest));
	d = wrap_in_index(&from, d);
	GOOD(layout_tag(from.place, &d, STR("app"), e));
	FAILS(ERR_LIMIT, copy("app", NULL, &got, e));
	FAILS(ERR_LIMIT, copy("app", &o, &got, e));
}

Test(transfer, a_document_that_is_not_what_it_was_announced_as_is_corrupt)
{
	struct descriptor d = put_image(&from, "x", "amd64"), got;
	d.media_type = STR("application/vnd.docker.distribution.manifest.v2+json");
	GOOD(layout_tag(from.place, &d, STR("app"), e));
	FAILS(ERR_CORRUPT, copy("app", NULL, &got, e));
	d.media_type = STR("application/vnd.oci.image.index.v1+json");
	GOOD(layout_tag(from.place, &d, STR("app2"), e));
	FAILS(ERR_CORRUPT, copy("app2", NULL, &got, e));
}

static struct descriptor image_with_layer(struct box *b, struct descriptor layer)
{
	struct manifest m = {.layers = &layer, .nlayers = 1};
	cleanup_buf struct buf text = {0};
	m.config = put_blob(b, STR("{}"), "application/vnd.oci.image.config.v1+json");
	manifest_print(&m, &text);
	return put_blob(b, buf_view(&text), "application/vnd.oci.image.manifest.v1+json");
}

Test(transfer, foreign_layers_are_not_fetched)
{
	struct descriptor layer = {.media_type = STR("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), .digest = digest_of("f", 1),
		.size = 1}, got;
	struct descriptor d = image_with_layer(&from, layer);
	GOOD(layout_tag(from.place, &d, STR("app"), e));
	FAILS(ERR_UNSUPPORTED, copy("app", NULL, &got, e));
	put_blob(&from, STR("f"), "a/b"); /* it may be there all the same */
	GOOD(copy("app", NULL, &got, e));
}

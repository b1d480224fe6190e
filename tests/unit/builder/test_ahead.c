/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/export/ahead.h"
#include "snapshotter/layer.h"
#include "tests/unit/builder/fake_steps.h"

static struct digest new_layer(struct bench *b, const char *name)
{
	struct outcome o = {0};
	struct err e;
	cr_assert_eq(fake_layer(b->store, name, &o, &e), 0, "%s", e.text);
	return o.layer.id;
}

static bool compressed(struct bench *b, const struct digest *layer)
{
	struct digest diff_id, blob;
	struct err e;
	uint64_t size;
	cr_assert_eq(layer_need_tar(b->store, layer, INT64_MAX, NULL, &diff_id, NULL, &e), 0, "%s", e.text);
	return layer_has_blob(b->store, &diff_id, COMPRESS_ZSTD, &blob, &size);
}

Test(ahead, a_layer_is_compressed_while_nobody_waits)
{
	struct bench b;
	bench_init(&b);
	struct ahead a = {.store = b.store, .compression = COMPRESS_ZSTD, .level = -1, .epoch = INT64_MAX};
	struct digest one = new_layer(&b, "one"), two = new_layer(&b, "two"), other = new_layer(&b, "other");
	ahead_add(&a, &one);
	ahead_add(&a, &two);
	for (int i = 0; i < 2000 && !compressed(&b, &two); i++)
		usleep(10000);
	ahead_finish(&a, true);
	cr_expect(compressed(&b, &one));
	cr_expect(compressed(&b, &two));
	cr_expect(!compressed(&b, &other));
	bench_done(&b);
}

Test(ahead, nothing_added_is_nothing_to_wait_for)
{
	struct ahead a = {.level = -1};
	ahead_finish(&a, true);
	ahead_finish(&a, false);
}

Test(ahead, it_can_be_used_again_after_its_end)
{
	struct bench b;
	bench_init(&b);
	struct ahead a = {.store = b.store, .compression = COMPRESS_ZSTD, .level = -1, .epoch = INT64_MAX};
	struct digest gone = new_layer(&b, "gone"), next = new_layer(&b, "next");
	ahead_add(&a, &gone);
	ahead_finish(&a, false);
	ahead_add(&a, &next);
	for (int i = 0; i < 2000 && !compressed(&b, &next); i++)
		usleep(10000);
	ahead_finish(&a, true);
	cr_expect(compressed(&b, &next));
	bench_done(&b);
}

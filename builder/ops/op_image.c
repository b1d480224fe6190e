/* SPDX-License-Identifier: Apache-2.0 */
/* Trees that are known without running anything: a base image (its manifest says its layers) and the empty tree. */
#include "builder/ops/ops.h"

static void hash_image(const void *args, struct hasher *h)
{
	const struct op_image_args *a = args;
	hasher_u64(h, a->tree->n);
	for (size_t i = 0; i < a->tree->n; i++)
		hasher_digest(h, &a->tree->layers[i].cid);
}

static int known_image(struct task *t, struct arena *a, struct tree **ret, struct err *e)
{
	(void)a, (void)e;
	*ret = ((const struct op_image_args *)t->step->args)->tree;
	return 0;
}

const struct op op_image = {.name = "image", .hash = hash_image, .known = known_image};

static int known_scratch(struct task *t, struct arena *a, struct tree **ret, struct err *e)
{
	(void)t, (void)e;
	*ret = tree_new(a, NULL, 0);
	tree_seal(*ret);
	return 0;
}

const struct op op_scratch = {.name = "scratch", .known = known_scratch};

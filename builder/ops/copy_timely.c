/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys know no times: what was copied may have got others, of which a copy that is made now would have the newer ones. Without
 * SOURCE_DATE_EPOCH that is nobody's business; with it the image may not tell what the store has seen.
 */
#include "builder/ops/copying.h"

/* What is in one alone is an archive, or came out of it and has times of its own. */
static bool same_times(const struct index *want, const struct index *is, int64_t epoch)
{
	for (size_t i = 0, j = 0; i < want->n && j < is->n;) {
		const struct entry *a = &want->entries[i], *b = &is->entries[j];
		int order = path_cmp(a->path, b->path);
		if (order == 0 && entry_time(a, epoch) != entry_time(b, epoch))
			return false;
		i += order <= 0;
		j += order >= 0;
	}
	return true;
}

static int plan_times(struct copying *c, const struct ops_tree *onto, const struct digest *layer, bool *ret, struct err *e)
{
	struct copy_plan plan = {0};
	cleanup_index struct index *is = NULL;
	TRY(store_layer_index(c->env->store, layer, &is, e));
	int rc = copy_make_plan(&c->engine, onto->n ? onto->view : NULL, &plan, e);
	if (rc == 0)
		*ret = same_times(plan.index, is, c->env->epoch);
	copy_plan_done(&plan);
	return rc;
}

static int compare_times(struct copying *c, const struct digest *layer, bool *ret, struct err *e)
{
	struct ops_tree onto = {0};
	const struct task *t = c->task;
	if (copying_only_trees(c->args)) /* not yet: it opens their indexes */
		TRY(copying_describe(c, TREE_INDEXES, e));
	if (!c->args->link && t->inputs[0]->n)
		TRY(ops_tree_open(c->env, t->inputs[0], TREE_INDEXES, t->cancel, &onto, e));
	int rc = plan_times(c, &onto, layer, ret, e);
	ops_tree_close(&onto);
	return rc;
}

/* What decides about the times that a copy would give. */
static int timely_key(struct copying *c, const struct digest *layer, struct digest *ret, struct err *e)
{
	const struct task *t = c->task;
	struct digest times = {0};
	struct hasher h;
	if (!copying_only_trees(c->args))
		TRY(copy_select_times(&c->engine, c->env->epoch, &times, e));
	hasher_init(&h);
	hasher_str(&h, STR("copy timely 1"));
	hasher_digest(&h, layer);
	hasher_u64(&h, (uint64_t)c->env->epoch);
	copying_hash(c->args, &h);
	hasher_digest(&h, &times);
	for (size_t i = 0; i < t->step->ninputs; i++)
		for (size_t k = 0; k < t->inputs[i]->n; k++)
			hasher_digest(&h, tree_layer_name(&t->inputs[i]->layers[k]));
	*ret = hasher_done(&h);
	return 0;
}

/* That they are the same is remembered, so that a hit opens no index. */
static int find_timely(struct copying *c, const struct digest *layer, bool *ret, struct err *e)
{
	struct digest key;
	cleanup_buf struct buf memo = {0};
	TRY(timely_key(c, layer, &key, e));
	TRY(store_get_memo(c->env->store, &key, &memo, ret, e));
	if (*ret)
		return 0;
	TRY(compare_times(c, layer, ret, e));
	return *ret ? store_set_memo(c->env->store, &key, STR("1"), e) : 0;
}

int copy_timely(struct task *t, const struct digest *layer, bool *ret, struct err *e)
{
	const struct op_copy_args *a = t->step->args;
	struct copying c;
	*ret = true;
	if (!copying_trees_here(t) || (!a->link && !ops_tree_here(t->env, t->inputs[0])))
		return 0;
	copying_begin(&c, t);
	c.dry = true;
	int rc = copying_only_trees(a) ? 0 : copying_describe(&c, TREE_INDEXES, e);
	if (rc == 0)
		rc = find_timely(&c, layer, ret, e);
	copying_end(&c);
	return rc;
}

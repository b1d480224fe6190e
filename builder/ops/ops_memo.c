/* SPDX-License-Identifier: Apache-2.0 */
/* A memo's value is a digest's bytes; what is read from the store and is none is made again. */
#include "builder/ops/ops_memo.h"

#include "builder/ops/env.h"

static void tell(struct task *t, const struct digest *key, const struct digest *value)
{
	ARENA_ROOM(t->arena, t->memos, t->nmemos, t->memos_cap);
	t->memos[t->nmemos++] = (struct task_memo){*key, *value};
}

int ops_memo_get(struct task *t, const struct digest *key, struct digest *ret, bool *ret_found, struct err *e)
{
	struct ops_env *env = t->env;
	cleanup_buf struct buf memo = {0};
	TRY(store_get_memo(env->store, key, &memo, ret_found, e));
	*ret_found = *ret_found && memo.len == sizeof(ret->b);
	if (*ret_found)
		memcpy(ret->b, memo.p, sizeof(ret->b));
	else
		*ret_found = t->recall && t->recall(t, key, ret);
	if (*ret_found)
		tell(t, key, ret);
	return 0;
}

int ops_memo_set(struct task *t, const struct digest *key, const struct digest *value, struct err *e)
{
	struct ops_env *env = t->env;
	tell(t, key, value);
	return store_set_memo(env->store, key, (struct str){(const char *)value->b, sizeof(value->b)}, e);
}

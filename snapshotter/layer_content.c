/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What content a tar has, for layers that were first known by what somebody said of them, and what layer it is with the times of an
 * index that somebody sent along. The store's `layers` cannot say: there a pulled layer has its diff id for a content id. The answers are
 * facts about digests, kept as memos.
 */
#include "snapshotter/layer.h"

static struct digest content_key(const struct digest *diff_id)
{
	return digest_about(STR("content of a tar 1"), diff_id);
}

static struct digest timed_key(const struct digest *diff_id, const struct digest *times)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("layer of a tar with the times of an index 1"));
	hasher_digest(&h, diff_id);
	hasher_digest(&h, times);
	return hasher_done(&h);
}

static bool remembered(struct store *s, struct digest key, struct digest *ret)
{
	cleanup_buf struct buf memo = {0};
	bool found = false;
	struct err ignored;
	if (store_get_memo(s, &key, &memo, &found, &ignored) < 0 || !found || memo.len != sizeof(ret->b))
		return false;
	memcpy(ret->b, memo.p, sizeof(ret->b));
	return true;
}

static int remember(struct store *s, struct digest key, const struct digest *value, struct err *e)
{
	return store_set_memo(s, &key, (struct str){(const char *)value->b, sizeof(value->b)}, e);
}

bool layer_content_known(struct store *s, const struct digest *diff_id, const struct digest *cid)
{
	struct digest is;
	return remembered(s, content_key(diff_id), &is) && digest_eq(&is, cid);
}

static int find_out(struct store *s, const struct digest *id, const struct digest *diff_id, struct digest *ret, struct err *e)
{
	cleanup_index struct index *ix = NULL;
	TRY(store_layer_index(s, id, &ix, e));
	*ret = index_content_id(ix);
	return remember(s, content_key(diff_id), ret, e);
}

int layer_check_content(struct store *s, const struct digest *id, const struct digest *diff_id, const struct digest *cid, bool *ret,
	struct err *e)
{
	struct digest is;
	if (!remembered(s, content_key(diff_id), &is))
		TRY(find_out(s, id, diff_id, &is, e));
	*ret = digest_eq(&is, cid);
	return 0;
}

int layer_content(struct store *s, const struct digest *diff_id, struct digest *ret, struct err *e)
{
	struct digest id;
	if (remembered(s, content_key(diff_id), ret))
		return 0;
	TRY(store_find_unpacked(s, diff_id, &id, e));
	return find_out(s, &id, diff_id, ret, e);
}

bool layer_find_timed(struct store *s, const struct digest *diff_id, const struct digest *times, struct digest *ret_id)
{
	return remembered(s, timed_key(diff_id, times), ret_id) && store_has_layer(s, ret_id);
}

int layer_set_timed(struct store *s, const struct digest *diff_id, const struct digest *times, const struct digest *id, struct err *e)
{
	return remember(s, timed_key(diff_id, times), id, e);
}

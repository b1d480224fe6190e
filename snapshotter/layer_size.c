/* SPDX-License-Identifier: Apache-2.0 */
/* How large a layer is should not depend on what happened to be done with it: what no record says is counted in its tar, where that
 * takes less than a moment. */
#include "snapshotter/layer.h"

#include <inttypes.h>
#include <stdio.h>

#include "snapshotter/layer_source.h"
#include "snapshotter/tar.h"

enum { PACKED_MAX = 16 * 1024 * 1024 };

static struct digest memo_key(const struct digest *diff_id)
{
	return digest_about(STR("layer size 1"), diff_id);
}

/* As unpacking counts: regular files; further names of one, whiteouts and the like are nothing. */
static int count(struct layer_source *src, uint64_t *ret, struct err *e)
{
	cleanup_with(tar_reader_cleanup) struct tar_reader *r = tar_reader_new(layer_source_read, src, &tar_limits_default);
	struct entry en;
	bool marker_only;
	uint64_t bytes = 0;
	int rc;
	while ((rc = tar_reader_next(r, &en, &marker_only, e)) > 0)
		bytes += en.type == ENTRY_FILE ? en.size : 0;
	*ret = bytes;
	return rc;
}

int layer_size(struct store *s, const struct digest *diff_id, const struct digest *blob, const struct cancel *cancel, uint64_t *ret,
	struct err *e)
{
	cleanup_with(layer_source_cleanup) struct layer_source *src = NULL;
	const struct digest key = memo_key(diff_id);
	cleanup_buf struct buf memo = {0};
	char text[24];
	bool found;
	TRY(store_size_of_tar(s, diff_id, &found, ret, e));
	if (found)
		return 0;
	TRY(store_get_memo(s, &key, &memo, &found, e));
	if (found && str_u64(buf_view(&memo), UINT64_MAX, ret))
		return 0;
	uint64_t packed = 0;
	if (!digest_eq(blob, diff_id) && blobs_has(s->blobs, blob, &packed) && packed > PACKED_MAX)
		return err_set(e, ERR_LIMIT, "a large layer that was never unpacked");
	TRY(layer_source_open(s, blob, cancel, &src, e));
	TRY(count(src, ret, e));
	TRY(layer_source_verify(src, blob, diff_id, e));
	snprintf(text, sizeof(text), "%" PRIu64, *ret);
	return store_set_memo(s, &key, str_of(text), e);
}

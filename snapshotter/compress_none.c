/* SPDX-License-Identifier: Apache-2.0 */
/* No compression: bytes go through. */
#include "snapshotter/compress_impl.h"

static int none_read(void *state, struct raw *raw, void *p, size_t len, size_t *ret, struct err *e)
{
	(void)state;
	TRY(raw_need(raw, 1, e));
	size_t n = raw_left(raw) < len ? raw_left(raw) : len;
	memcpy(p, raw->bytes + raw->at, n);
	raw->at += n;
	*ret = n;
	return 0;
}

const struct compress_family compress_none = {
    .name = "uncompressed",
    .level_min = 0,
    .level_max = 0,
    .level_default = 0,
    .buffer = IO_CHUNK,
    .read = none_read,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* No compression: bytes go through. */
#include "snapshotter/compress_impl.h"

static int none_read(void *state, struct raw *raw, void *p, size_t len, size_t *ret, struct err *e)
{
	(void)state;
	return raw_read(raw, p, len, ret, e);
}

const struct compress_family compress_none = {
    .name = "uncompressed",
    .level_min = 0,
    .level_max = 0,
    .level_default = 0,
    .buffer = IO_CHUNK,
    .read = none_read,
};

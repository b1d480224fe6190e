/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a stored index, the checksum made right so that they are looked at: no crash, and what is accepted is in order,
 * has clean paths and is printed as it was.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "snapshotter/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	cleanup_index struct index *ix = NULL;
	cleanup_buf struct buf b = {0}, again = {0};
	if (size < 8)
		return 0;
	buf_add(&b, data, size - 8); /* the last 8 bytes are the checksum's place */
	uint64_t sum = index_checksum(buf_view(&b));
	buf_add(&b, &sum, sizeof(sum));
	if (index_parse(buf_view(&b), &ix, &e) < 0)
		return 0;
	for (size_t i = 0; i < ix->n; i++) {
		demand(path_valid(ix->entries[i].path));
		demand(ix->entries[i].path.p[ix->entries[i].path.len] == '\0');
		demand(index_find(ix, ix->entries[i].path) == &ix->entries[i]);
		size_t first = 0, last = ix->n;
		struct entry *self;
		index_range(ix, ix->entries[i].path, &first, &last, &self);
		demand(self == &ix->entries[i] && first == i + 1 && last <= ix->n && first <= last);
	}
	struct digest cid = index_content_id(ix), id = index_layer_id(ix);
	demand(!digest_eq(&cid, &id));
	index_print(ix, &again);
	cleanup_index struct index *back = NULL;
	demand(index_parse(buf_view(&again), &back, &e) == 0 && back->n == ix->n);
	struct digest id2 = index_layer_id(back);
	demand(digest_eq(&id, &id2));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of the times that a key leaves out: those of the selected entries, in the order in which the key has them. */
#include "snapshotter/copy_impl.h"

struct times {
	struct hasher hasher;
	int64_t epoch;
};

static int add_time(void *arg, struct str rel, const struct entry *en, struct str inode, struct err *e)
{
	struct times *t = arg;
	(void)rel, (void)inode, (void)e;
	hasher_u64(&t->hasher, (uint64_t)entry_time(en, t->epoch));
	return 0;
}

int copy_select_times(const struct copy_args *a, int64_t epoch, struct digest *ret, struct err *e)
{
	cleanup_selection struct selection sel = {0};
	struct times t = {.epoch = epoch};
	TRY(copy_select(a, &sel, e));
	hasher_init(&t.hasher);
	for (size_t i = 0; i < sel.n; i++) {
		TRY(add_time(&t, STR(""), &sel.picks[i].en, STR(""), e)); /* of a folder, too: the destination may get it */
		if (sel.picks[i].en.type == ENTRY_DIR)
			TRY(copy_each(&sel, &sel.picks[i], add_time, &t, e));
	}
	*ret = hasher_done(&t.hasher);
	return 0;
}

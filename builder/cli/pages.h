/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PAGES_H
#define COOPER_PAGES_H

#include "base/pool.h"
#include "snapshotter/store.h"

/*
 * A tree as the tar that GitHub Pages takes (actions/upload-pages-artifact): no links of any kind, every file readable and every
 * folder searchable by others, nothing named .git. Symlinks become what they point to; one that points nowhere is left out.
 */
int pages_write(struct store *s, const struct digest *ids, size_t n, int64_t set_time, struct sink *out, const struct cancel *cancel,
	struct err *e);

#endif

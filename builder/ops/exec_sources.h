/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_EXEC_SOURCES_H
#define COOPER_EXEC_SOURCES_H

/* What a RUN sees of other trees through its mounts. */
#include "builder/ops/env.h"
#include "builder/ops/ops.h"

/* Is the mount's source something of another tree: part of the key? */
static inline bool exec_source_counts(const struct exec_mount *m)
{
	return m->input > 0;
}
/* Where the source is in the tree, symlinks followed; "" is its root. ERR_STEP when it is not there. */
int exec_source_path(const struct ops_tree *tree, const struct exec_mount *m, struct buf *ret, struct err *e);
/* Digests of all mounts' sources in *ret, one a mount, none where there is nothing to be seen; or sets task.waits. */
int exec_sources_digests(struct task *t, struct digest *ret, struct err *e);
/* op->gather: brings what they are made from. */
int exec_sources_gather(struct task *t, struct err *e);

#endif

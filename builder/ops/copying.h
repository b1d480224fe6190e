/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_COPYING_H
#define COOPER_COPYING_H

/* A copy being worked out: what op_copy's arguments say, as the copy engine wants it (snapshotter/copy.h). */
#include "builder/ops/ops_source.h"
#include "snapshotter/copy.h"

struct copying {
	struct task *task;
	struct ops_env *env;
	const struct op_copy_args *args;
	struct arena arena;
	struct ops_source **sources; /* one for each context and input that is used */
	size_t nsources, sources_cap;
	struct copy_args engine;
	bool locked;
	bool dry;                    /* nothing is going to be copied: no archive is opened, no warning given */
};

/* Has to be ended. Contexts are locked until then, or until they are unlocked: they are opened on first use, and learn. */
void copying_begin(struct copying *c, struct task *t);
void copying_unlock(struct copying *c);
void copying_end(struct copying *c);
/* Fills `engine`; opens the sources, trees as they are needed. */
int copying_describe(struct copying *c, enum tree_need sources, struct err *e);

/* What decides about the result whatever the sources are called; and with their names. */
void copying_hash_how(const struct op_copy_args *a, struct hasher *h);
void copying_hash(const void *args, struct hasher *h);
/* Does it copy from no context? */
bool copying_only_trees(const struct op_copy_args *a);
/* Are the indexes of all that it copies from here? */
bool copying_trees_here(const struct task *t);

/* copy_timely.c: op->timely. */
int copy_timely(struct task *t, const struct digest *layer, bool *ret, struct err *e);

#endif

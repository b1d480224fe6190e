/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OPS_SOURCE_H
#define COOPER_OPS_SOURCE_H

/* Where steps take files from, and the bytes of it that a key has to wait for (task.waits). */
#include "builder/ops/env.h"
#include "builder/ops/ops.h"

/* A context, or the opened tree of an input, as the copy engine wants it. */
struct ops_source {
	struct copy_source face;
	struct ops_env *env;
	struct task *task;
	struct ops_context *context; /* or: */
	unsigned input;
	struct ops_tree tree;
	bool puts_off;          /* files are not read now: asking for their digests sets task.waits and fails */
};
/* Into memory that stays where it is. `folders`: of a tree, to read its files. */
int ops_source_open(struct ops_source *s, struct task *t, enum copy_from from, unsigned n, enum tree_need need, struct err *e);
void ops_source_close(struct ops_source *s);
bool ops_source_is(const struct ops_source *s, enum copy_from from, unsigned n);

/* For task.waits: no files to be read, but layers to be fetched. */
struct ops_awaited *ops_awaited_new(struct task *t);
/* Reads the files that were put off: op->gather. */
int ops_awaited_read(struct task *t, struct err *e);
/* Brings an input's layers here. */
int ops_fetch_tree(struct task *t, size_t input, enum tree_need need, struct err *e);

#endif

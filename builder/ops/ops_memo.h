/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OPS_MEMO_H
#define COOPER_OPS_MEMO_H

/*
 * Digests that follow from the content ids of trees and are part of keys: remembered, so that a hit opens no index, and told in
 * task.memos, so that another machine that has not the layers can make the same key.
 */
#include "builder/graph/op.h"

/* From the store, or else from another machine's cache (a claim: task.recall). */
int ops_memo_get(struct task *t, const struct digest *key, struct digest *ret, bool *ret_found, struct err *e);
/* It was found out here. */
int ops_memo_set(struct task *t, const struct digest *key, const struct digest *value, struct err *e);

#endif

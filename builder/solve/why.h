/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_WHY_H
#define COOPER_WHY_H

/* Explaining a miss: what the key is made of now, against what it was made of in the newest record of the same step. */
#include "builder/graph/plan.h"
#include "snapshotter/store.h"

/* `then` and `now` are JSON objects of key parts (record.why, task.why); a line of text for people about each part that differs is
 * appended to out, separated by "; ". `then` empty: "no record of this step". */
void why_differs(struct str then, struct str now, bool no_cache, struct buf *out);
/* Compares the indexes of two layers: "src/a.py (content), +2 new". Nothing is appended when they are the same. */
void why_files(struct store *s, const struct digest *then, const struct digest *now, struct buf *out);

#endif

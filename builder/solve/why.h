/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_WHY_H
#define COOPER_WHY_H

/*
 * Explaining a miss: what the key is made of now, against what it was made of when the step ran before; and for files, the layer
 * that it gives now against the one that it gave. The result is a list of changes, told as a line for people or as JSON for tools.
 */
#include "base/arena.h"
#include "builder/graph/plan.h"
#include "snapshotter/store.h"

struct change {
	const char *kind;    /* of parts.h; or the whole reason: "new", "no-cache", "pruned", "times" */
	const char *name;    /* which argument or option; NULL: it needs none */
	struct str path;     /* of a file, below the root; where a mount stands. Empty: there is none */
	const char *change;  /* "added", "removed", "changed"; files: "content", "mode", ...; mounts: also "content", "target", "order" */
	struct str was, is;  /* before and now; empty: there is nothing to show */
};
struct changes {
	struct arena arena;
	struct change *v;
	size_t n, cap;
};
void why_done(struct changes *c);
#define cleanup_changes __attribute__((cleanup(why_done)))

/* A change whose strings live as long as the list, or are copied by the caller. */
void why_add(struct changes *c, const struct change *one);
/* A reason that is no difference: the kind alone. */
void why_reason(struct changes *c, const char *kind);
/* `then` and `now` are JSON objects of key parts (record.why, task.why). False: `then` says nothing. */
bool why_parts(struct str then, struct str now, struct changes *c);
/* Compares the indexes of two layers. */
void why_files(struct store *s, const struct digest *then, const struct digest *now, struct changes *c);

/* One line: "command changed from "a" to "b"; what is copied changed: src/a.py (content), x (added) and 3 more". */
void why_text(const struct changes *c, struct buf *out);
/* An array of objects with the members of struct change, those that there are; all files. */
void why_json(const struct changes *c, struct buf *out);

#endif

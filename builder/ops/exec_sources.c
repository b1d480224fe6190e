/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RUN is keyed by what it can see of another stage or image, not by all that is there: the file or folder that is mounted, with all
 * that is below it. A source of the context is a tree of its own, with what was selected and nothing else.
 */
#include "builder/ops/exec_sources.h"

#include "builder/ops/ops_memo.h"
#include "builder/ops/ops_source.h"

int exec_source_path(const struct ops_tree *tree, const struct exec_mount *m, struct buf *ret, struct err *e)
{
	struct entry en;
	TRY(view_resolve(tree->view, m->placed ? STR("") : m->source, true, ret, e));
	/* A placed source that is one file stands at the root under its own name. */
	if (m->placed && m->source.len && view_find(tree->view, path_base(m->source), &en) && en.type != ENTRY_DIR && tree->n == 1 &&
	    tree->indexes[0]->n == 1)
		buf_str(ret, path_base(m->source));
	if (!view_find(tree->view, buf_view(ret), &en))
		return err_set(e, ERR_STEP, "\"/%.*s\": not found (source of the mount at %s)", STR_ARG(m->source), m->target);
	return 0;
}

static struct digest memo_key(const struct tree *tree, const struct exec_mount *m)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("mount source 1"));
	hasher_digest(&h, &tree->cid);
	hasher_str(&h, m->source);
	return hasher_done(&h);
}

static int look(struct task *t, const struct exec_mount *m, struct digest *ret, struct err *e)
{
	cleanup_with(ops_tree_close) struct ops_tree tree = {0};
	cleanup_buf struct buf path = {0};
	TRY(ops_tree_open(t->env, t->inputs[m->input], TREE_UNPACKED, t->cancel, &tree, e));
	TRY(exec_source_path(&tree, m, &path, e));
	*ret = view_digest(tree.view, buf_view(&path));
	return 0;
}

static int source_digest(struct task *t, const struct exec_mount *m, struct digest *ret, struct err *e)
{
	const struct tree *tree = t->inputs[m->input];
	bool found = false;
	if (m->placed) {
		*ret = tree->cid;
		return 0;
	}
	struct digest key = memo_key(tree, m);
	TRY(ops_memo_get(t, &key, ret, &found, e));
	if (found)
		return 0;
	if (t->hasty && !ops_tree_here(t->env, tree)) {
		t->waits = ops_awaited_new(t);
		return 0;
	}
	TRY(look(t, m, ret, e));
	return ops_memo_set(t, &key, ret, e);
}

int exec_sources_digests(struct task *t, struct digest *ret, struct err *e)
{
	const struct op_exec_args *a = t->step->args;
	for (size_t i = 0; i < a->nmounts; i++) {
		ret[i] = (struct digest){0};
		if (exec_source_counts(&a->mounts[i]))
			TRY(source_digest(t, &a->mounts[i], &ret[i], e));
	}
	return 0;
}

int exec_sources_gather(struct task *t, struct err *e)
{
	const struct op_exec_args *a = t->step->args;
	for (size_t i = 0; i < a->nmounts; i++)
		if (exec_source_counts(&a->mounts[i]) && !a->mounts[i].placed)
			TRY(ops_fetch_tree(t, (size_t)a->mounts[i].input, TREE_UNPACKED, e));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What steps stand in: contexts, and trees opened for questions; and what keys are made of, in words. */
#include "builder/ops/env.h"

#include <stdio.h>
#include <unistd.h>

#include "base/jval.h"
#include "builder/graph/plan.h"
#include "builder/ops/ops.h"
#include "snapshotter/layer.h"

static bool excluded(void *arg, struct str path, bool folder, bool *ret_prune)
{
	const struct ops_context *c = arg;
	bool out = ignore_match(c->ignore, path, NULL);
	*ret_prune = out && folder && ignore_may_prune(c->ignore, path);
	return out;
}

int ops_context_open(struct ops_env *env, size_t n, struct err *e)
{
	struct ops_context *c = &env->contexts[n];
	if (c->context)
		return 0;
	c->filter = (struct context_filter){.excluded = excluded, .arg = c};
	char name[9 + DIGEST_HEX + 1];
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, str_of(c->path));
	struct digest d = hasher_done(&h);
	memcpy(name, "contexts/", 9);
	digest_hex(&d, name + 9);
	store_touch(env->store, &d); /* while nothing changes the file is only read */
	/* A context in scratch space is another one next time. */
	size_t n_store = strlen(env->store->path);
	bool scratch = strncmp(c->path, env->store->path, n_store) == 0 && strncmp(c->path + n_store, "/tmp/", 5) == 0;
	return context_open(c->path, c->ignore ? &c->filter : NULL, scratch ? -1 : env->store->fd, name, &c->context, e);
}

/* --- trees --- */

int ops_tree_open(struct ops_env *env, const struct tree *t, enum tree_need need, const struct cancel *cancel, struct ops_tree *ret,
	struct err *e)
{
	struct ops_tree o = {.ids = mem_array(t->n + 1, sizeof(*o.ids)), .indexes = mem_array(t->n + 1, sizeof(*o.indexes))};
	int rc = ops_need_tree(env, t, need, cancel, o.ids, e);
	for (size_t i = 0; rc == 0 && i < t->n; i++) {
		rc = store_layer_index(env->store, &o.ids[i], &o.indexes[i], e);
		o.n += rc == 0;
	}
	if (rc == 0 && need == TREE_FOLDERS) {
		o.folders = mem_array(t->n + 1, sizeof(*o.folders));
		for (size_t i = 0; i < t->n; i++)
			o.folders[i] = -1;
		for (size_t i = 0; rc == 0 && i < t->n; i++)
			rc = store_layer_folder(env->store, &o.ids[i], &o.folders[i], e);
	}
	if (rc < 0) {
		ops_tree_close(&o);
		return rc;
	}
	o.view = view_new((const struct index *const *)o.indexes, o.n);
	*ret = o;
	return 0;
}

void ops_tree_close(struct ops_tree *t)
{
	if (t->view)
		view_free(t->view);
	for (size_t i = 0; i < t->n; i++) {
		index_free(t->indexes[i]);
		if (t->folders && t->folders[i] >= 0)
			close(t->folders[i]);
	}
	mem_free(t->indexes);
	mem_free(t->folders);
	mem_free(t->ids);
	*t = (struct ops_tree){0};
}

const int *ops_tree_lowers(const struct ops_tree *t, struct arena *a, size_t *ret_n)
{
	int *fds = arena_new(a, (t->n + 1) * sizeof(*fds));
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++) {
		bool again = false;
		for (size_t k = i + 1; k < t->n && !again; k++)
			again = digest_eq(&t->ids[i], &t->ids[k]);
		if (!again)
			fds[n++] = t->folders[i];
	}
	*ret_n = n;
	return fds;
}

/* --- what keys are made of, for people --- */

void ops_why_part(struct buf *why, enum part part)
{
	if (why->len > 1)
		buf_putc(why, ',');
	jval_quote(str_of(part_name(part)), why);
	buf_putc(why, ':');
}

void ops_why_text(struct buf *why, enum part part, struct str value)
{
	ops_why_part(why, part);
	jval_quote(value, why);
}

void ops_why_digest(struct buf *why, enum part part, const struct digest *value)
{
	char text[DIGEST_TEXT + 1];
	digest_text(value, text);
	ops_why_text(why, part, str_of(text));
}

void ops_why_tree(struct task *t, enum part part)
{
	const struct step *s = t->step;
	while (s->op->on_tree && s->ninputs)
		s = s->inputs[0];
	if (s->op == &op_image) {
		char hex[DIGEST_HEX + 1];
		digest_hex(&((const struct op_image_args *)s->args)->tree->cid, hex);
		cleanup_free char *base = mem_printf("%.12s: %s", hex, s->label);
		ops_why_text(&t->why, PART_BASE, str_of(base));
	}
	ops_why_digest(&t->why, part, &t->inputs[0]->cid);
}

void ops_why_list(struct buf *why, enum part part, const struct strs *values)
{
	ops_why_part(why, part);
	buf_putc(why, '[');
	for (size_t i = 0; i < values->n; i++) {
		if (i)
			buf_putc(why, ',');
		jval_quote(values->v[i], why);
	}
	buf_putc(why, ']');
}

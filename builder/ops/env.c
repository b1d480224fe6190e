/* SPDX-License-Identifier: Apache-2.0 */
/* Trees between what a record says and what a step needs: blobs fetched, layers unpacked, indexes and folders opened. */
#include "builder/ops/env.h"

#include <stdio.h>
#include <unistd.h>

#include "base/jval.h"
#include "builder/graph/plan.h"
#include "builder/ops/ops.h"
#include "registry/ref.h"
#include "registry/remote.h"
#include "registry/transfer.h"
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
	/* A context in scratch space is another one next time. */
	size_t n_store = strlen(env->store->path);
	bool scratch = strncmp(c->path, env->store->path, n_store) == 0 && strncmp(c->path + n_store, "/tmp/", 5) == 0;
	return context_open(c->path, c->ignore ? &c->filter : NULL, scratch ? -1 : env->store->fd, name, &c->context, e);
}

/* --- fetching and unpacking --- */

struct fetch {
	struct ops_env *env;
	const struct tree *tree;
	struct digest *ids;        /* NULL: only blobs */
	bool folder;
	const struct cancel *cancel;
	struct place *remote;
	const char *remote_origin;
	pthread_mutex_t lock;
};

static void on_progress(void *arg, const struct digest *blob, uint64_t done, uint64_t total)
{
	struct fetch *f = arg;
	if (f->env->progress)
		f->env->progress(f->env->progress_arg, f->remote_origin, blob, done, total);
}

static int open_remote(struct fetch *f, const char *origin, struct err *e)
{
	struct arena a = {0};
	struct ref ref;
	int rc = 0;
	pthread_mutex_lock(&f->lock);
	if (!f->remote) {
		struct remote_opts o = {.insecure = f->env->insecure_registry, .authfile = f->env->authfile, .cancel = f->cancel};
		rc = ref_parse(str_of(origin), &a, &ref, e);
		if (rc == 0)
			rc = remote_open(&ref, &o, &f->remote, e);
		f->remote_origin = origin;
	}
	pthread_mutex_unlock(&f->lock);
	arena_done(&a);
	return rc;
}

static int fetch_blob(struct fetch *f, const struct tree_layer *l, struct err *e)
{
	if (blobs_has(f->env->store->blobs, &l->blob, NULL))
		return 0;
	char text[DIGEST_TEXT + 1];
	digest_text(&l->blob, text);
	if (!l->origin)
		return err_set(e, ERR_NOT_FOUND, "layer %s of the base image is not in the store", text);
	TRY(open_remote(f, l->origin, e));
	struct descriptor d = {.media_type = str_of(l->media_type), .digest = l->blob, .size = l->blob_size};
	struct transfer_opts o = {.cancel = f->cancel, .progress = on_progress, .arg = f};
	if (transfer_blob(f->remote, f->env->layout, &d, &o, e) < 0)
		return err_wrap(e, "pull %s", l->origin);
	return 0;
}

static int need_layer(size_t i, void *arg, struct err *e)
{
	struct fetch *f = arg;
	const struct tree_layer *l = &f->tree->layers[i];
	struct store *s = f->env->store;
	bool pulled = digest_none(&l->id);
	if (!f->ids)
		return digest_none(&l->blob) ? 0 : fetch_blob(f, l, e);
	f->ids[i] = l->id;
	if (pulled && store_find_unpacked(s, &l->diff_id, &f->ids[i], e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -(int)e->code;
		TRY(fetch_blob(f, l, e));
		if (layer_unpack(s, &l->blob, &l->diff_id, f->cancel, NULL, NULL, &f->ids[i], e) < 0)
			return err_wrap(e, "unpack a layer of %s", l->origin ? l->origin : "the base image");
	}
	return f->folder ? layer_need_folder(s, &f->ids[i], f->cancel, e) : 0;
}

static int fetch(struct ops_env *env, const struct tree *t, struct digest *ids, bool folder, const struct cancel *cancel, struct err *e)
{
	struct fetch f = {.env = env, .tree = t, .ids = ids, .folder = folder, .cancel = cancel, .lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_mutex_lock(&env->fetch_lock);
	int rc = pool_each(t->n, 4, need_layer, &f, e);
	pthread_mutex_unlock(&env->fetch_lock);
	place_close(f.remote);
	return rc;
}

/* The common case costs no lock and no thread: everything is there. */
static bool all_here(struct ops_env *env, const struct tree *t, struct digest *ids, bool folder)
{
	struct err ignored;
	for (size_t i = 0; i < t->n; i++) {
		ids[i] = t->layers[i].id;
		if (digest_none(&ids[i]) && store_find_unpacked(env->store, &t->layers[i].diff_id, &ids[i], &ignored) < 0)
			return false;
		if (folder && !store_has_folder(env->store, &ids[i]))
			return false;
	}
	return true;
}

int ops_need_tree(struct ops_env *env, const struct tree *t, bool folder, const struct cancel *cancel, struct digest *ids, struct err *e)
{
	if (all_here(env, t, ids, folder))
		return 0;
	return fetch(env, t, ids, folder, cancel, e);
}

bool ops_tree_here(struct ops_env *env, const struct tree *t)
{
	cleanup_free struct digest *ids = mem_array(t->n + 1, sizeof(*ids));
	return all_here(env, t, ids, false);
}

int ops_need_blobs(struct ops_env *env, const struct tree *t, const struct cancel *cancel, struct err *e)
{
	for (size_t i = 0; i < t->n; i++)
		if (!digest_none(&t->layers[i].blob) && !blobs_has(env->store->blobs, &t->layers[i].blob, NULL))
			return fetch(env, t, NULL, false, cancel, e);
	return 0;
}

int ops_tree_open(struct ops_env *env, const struct tree *t, bool folders, const struct cancel *cancel, struct ops_tree *ret, struct err *e)
{
	struct ops_tree o = {.ids = mem_array(t->n + 1, sizeof(*o.ids)), .indexes = mem_array(t->n + 1, sizeof(*o.indexes))};
	int rc = ops_need_tree(env, t, folders, cancel, o.ids, e);
	for (size_t i = 0; rc == 0 && i < t->n; i++) {
		rc = store_layer_index(env->store, &o.ids[i], &o.indexes[i], e);
		o.n += rc == 0;
	}
	if (rc == 0 && folders) {
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

static void member(struct buf *why, const char *key)
{
	if (why->len > 1)
		buf_putc(why, ',');
	jval_quote(str_of(key), why);
	buf_putc(why, ':');
}

void ops_why_text(struct buf *why, const char *key, struct str value)
{
	member(why, key);
	jval_quote(value, why);
}

void ops_why_digest(struct buf *why, const char *key, const struct digest *value)
{
	char text[DIGEST_TEXT + 1];
	digest_text(value, text);
	ops_why_text(why, key, str_of(text));
}

void ops_why_tree(struct task *t, const char *key)
{
	const struct step *s = t->step;
	while (s->op->on_tree && s->ninputs)
		s = s->inputs[0];
	if (s->op == &op_image) {
		char hex[DIGEST_HEX + 1];
		digest_hex(&((const struct op_image_args *)s->args)->tree->cid, hex);
		cleanup_free char *base = mem_printf("%.12s: %s", hex, s->label);
		ops_why_text(&t->why, "the base image", str_of(base));
	}
	ops_why_digest(&t->why, key, &t->inputs[0]->cid);
}

void ops_why_list(struct buf *why, const char *key, const struct strs *values)
{
	member(why, key);
	buf_putc(why, '[');
	for (size_t i = 0; i < values->n; i++) {
		if (i)
			buf_putc(why, ',');
		jval_quote(values->v[i], why);
	}
	buf_putc(why, ']');
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees between what a record says and what a step needs: blobs fetched, layers unpacked. Layers of base images come from where
 * their image did. Those of other machines' caches are looked at harder: their content has to be what the record said, since keys
 * were made with that.
 */
#include "builder/ops/env.h"
#include "builder/ops/origin.h"
#include "registry/transfer.h"
#include "snapshotter/layer.h"

struct fetch {
	struct ops_env *env;
	const struct tree *tree;
	struct digest *ids;        /* NULL: only blobs */
	enum tree_need need;
	const struct cancel *cancel;
	struct origins origins;
};

/* A blob on its way. */
struct pull {
	struct fetch *f;
	const char *origin;
	struct place *from;
	struct descriptor d;
	struct transfer_opts o;
	bool failed;
};

static void on_progress(void *arg, const struct digest *blob, uint64_t done, uint64_t total)
{
	struct pull *p = arg;
	if (p->f->env->progress)
		p->f->env->progress(p->f->env->progress_arg, p->origin, blob, done, total);
}

/* A push sent it without keeping it, and the tar that it was made from is here. */
static bool made_again(struct fetch *f, const struct tree_layer *l, const struct digest *blob)
{
	struct store *s = f->env->store;
	struct digest diff_id, made;
	enum compression c;
	struct err ignored;
	uint64_t size;
	bool found;
	return store_find_tar_of(s, blob, &found, &diff_id, &c, &ignored) == 0 && found && digest_eq(&diff_id, &l->diff_id) &&
		blobs_has(s->blobs, &diff_id, NULL) && layer_need_blob(s, &diff_id, c, -1, 0, f->cancel, &made, &size, &ignored) == 0 &&
		digest_eq(&made, blob);
}

static bool blob_here(struct fetch *f, const struct tree_layer *l, const struct digest *blob)
{
	return blobs_has(f->env->store->blobs, blob, NULL) || made_again(f, l, blob);
}

/* Where it comes from. *p stays where it is. */
static int pull_open(struct fetch *f, const struct tree_layer *l, const struct digest *blob, uint64_t size, struct pull *p, struct err *e)
{
	char text[DIGEST_TEXT + 1];
	digest_text(blob, text);
	if (!l->origin)
		return err_set(e, ERR_NOT_FOUND, "layer %s of the base image is not in the store", text);
	*p = (struct pull){.f = f, .origin = l->origin, .d = {.media_type = str_of(l->media_type), .digest = *blob, .size = size},
		.o = {.cancel = f->cancel, .progress = on_progress, .arg = p}};
	return origins_get(&f->origins, l->origin, &p->from, e);
}

static int fetch_blob(struct fetch *f, const struct tree_layer *l, const struct digest *blob, uint64_t size, struct err *e)
{
	struct pull p;
	if (blob_here(f, l, blob))
		return 0;
	TRY(pull_open(f, l, blob, size, &p, e));
	return transfer_blob(p.from, f->env->layout, &p.d, &p.o, e) < 0 ? err_wrap(e, "pull %s", l->origin) : 0;
}

static int write_pulled(void *arg, struct sink *to, struct err *e)
{
	struct pull *p = arg;
	p->failed = transfer_bytes(p->from, &p->d, to, &p->o, e) < 0;
	return p->failed ? -(int)e->code : 0;
}

static bool has_times(const struct tree_layer *l)
{
	return l->claim && !digest_none(&l->claim->index);
}

/* The index that a cache sent along, for the times in it: content is what the tar has, whatever anybody says. */
static int fetch_times(struct fetch *f, const struct tree_layer *l, struct index **ret, struct err *e)
{
	cleanup_buf struct buf bytes = {0};
	TRY(fetch_blob(f, l, &l->claim->index, l->claim->index_size, e));
	TRY(blobs_read(f->env->store->blobs, &l->claim->index, (size_t)l->claim->index_size, &bytes, e));
	return index_parse(buf_view(&bytes), ret, e);
}

/* The layer from its blob, which is unpacked while it comes when it is not here. */
static int receive(struct fetch *f, const struct tree_layer *l, const struct index *times, struct digest *id, struct err *e)
{
	struct store *s = f->env->store;
	struct pull p = {0};
	const struct layer_feed feed = {write_pulled, &p};
	const struct layer_form form = {.folder = f->need != TREE_INDEXES, .times = times};
	int rc;
	if (blob_here(f, l, &l->blob)) {
		rc = layer_unpack_as(s, &l->blob, &l->diff_id, &form, f->cancel, id, e);
	} else {
		TRY(pull_open(f, l, &l->blob, l->blob_size, &p, e));
		rc = layer_receive(s, &feed, &l->blob, &l->diff_id, &form, f->cancel, id, e);
	}
	if (rc < 0)
		return err_wrap(e, p.failed ? "pull %s" : "unpack a layer of %s", l->origin ? l->origin : "the base image");
	return times ? layer_set_timed(s, &l->diff_id, &l->claim->index, id, e) : 0;
}

/* Unpacked from the tar, the layer has to be what its record calls it. */
static int check_claim(struct fetch *f, const struct tree_layer *l, const struct digest *id, struct err *e)
{
	bool right = false;
	char text[DIGEST_TEXT + 1];
	TRY(layer_check_content(f->env->store, id, &l->diff_id, &l->cid, &right, e));
	if (right)
		return 0;
	digest_text(&l->diff_id, text);
	return err_set(e, ERR_CORRUPT, "the layer %s has other content than its record says", text);
}

/* What became of the tar: with its own times, or with those that came with it. */
static bool find_unpacked(struct store *s, const struct tree_layer *l, struct digest *id)
{
	struct err ignored;
	return has_times(l) ? layer_find_timed(s, &l->diff_id, &l->claim->index, id) : store_find_unpacked(s, &l->diff_id, id, &ignored) == 0;
}

static int unpack(struct fetch *f, const struct tree_layer *l, struct digest *id, struct err *e)
{
	cleanup_index struct index *times = NULL;
	if (!find_unpacked(f->env->store, l, id)) {
		if (has_times(l))
			TRY(fetch_times(f, l, &times, e));
		TRY(receive(f, l, times, id, e));
	}
	return l->claim ? check_claim(f, l, id, e) : 0;
}

/* The blob, and of a cache's layer the plain tar that the image's manifest speaks of. */
static int need_blob(struct fetch *f, const struct tree_layer *l, struct err *e)
{
	struct store *s = f->env->store;
	uint64_t size = 0;
	if (digest_none(&l->blob))
		return 0;
	if (!l->claim)
		return fetch_blob(f, l, &l->blob, l->blob_size, e);
	if (!blobs_has(s->blobs, &l->diff_id, NULL)) {
		TRY(fetch_blob(f, l, &l->blob, l->blob_size, e));
		TRY(layer_plain_from(s, &l->blob, &l->diff_id, f->cancel, e));
	}
	if (!blobs_has(s->blobs, &l->diff_id, &size) || size != l->claim->tar_size)
		return err_set(e, ERR_CORRUPT, "a layer's tar has %llu bytes, not %llu", (unsigned long long)size,
			(unsigned long long)l->claim->tar_size);
	return 0;
}

static int blame(const struct tree_layer *l, int rc, struct err *e)
{
	if (rc < 0 && l->claim && e->code != ERR_CANCELLED) {
		atomic_store(&l->claim->cache->broken, true);
		return err_wrap(e, "cache %s", l->claim->cache->name);
	}
	return rc;
}

/* Only its index may be here, and its blob gone since. */
static int need_folder(struct fetch *f, const struct tree_layer *l, const struct digest *id, struct err *e)
{
	struct store *s = f->env->store;
	int rc = layer_need_folder(s, id, f->cancel, e);
	if (rc != -ERR_NOT_FOUND || digest_none(&l->blob))
		return rc;
	TRY(fetch_blob(f, l, &l->blob, l->blob_size, e));
	return layer_remake_folder(s, id, &l->blob, &l->diff_id, f->cancel, e);
}

static int need_unpacked(struct fetch *f, const struct tree_layer *l, struct digest *id, struct err *e)
{
	*id = l->id;
	if (digest_none(id))
		TRY(unpack(f, l, id, e));
	return f->need == TREE_FOLDERS ? need_folder(f, l, id, e) : 0;
}

/* A layer that two trees have is worked on by one of them at a time: the other finds it. */
static void take(struct fetch *f, const struct tree_layer *l, struct turn *turn)
{
	turn_take(&f->env->fetching, turn, digest_none(&l->diff_id) ? &l->id : &l->diff_id);
}

/* Without id: the blob. */
static int need_layer(struct fetch *f, const struct tree_layer *l, struct digest *id, struct err *e)
{
	struct turn turn;
	take(f, l, &turn);
	int rc = blame(l, id ? need_unpacked(f, l, id, e) : need_blob(f, l, e), e);
	turn_give(&f->env->fetching, &turn);
	return rc;
}

static int need_each(size_t i, void *arg, struct err *e)
{
	struct fetch *f = arg;
	return need_layer(f, &f->tree->layers[i], f->ids ? &f->ids[i] : NULL, e);
}

static int fetch(struct ops_env *env, const struct tree *t, struct digest *ids, enum tree_need need, const struct cancel *cancel,
	struct err *e)
{
	struct fetch f = {.env = env, .tree = t, .ids = ids, .need = need, .cancel = cancel};
	if (tree_hollow(t))
		return err_set(e, ERR_NOT_FOUND, "the cache has left out a layer's bytes");
	origins_init(&f.origins, env, cancel);
	int rc = pool_each(t->n, 4, need_each, &f, e);
	origins_done(&f.origins);
	return rc;
}

static bool layer_here(struct ops_env *env, const struct tree_layer *l, enum tree_need need, struct digest *id)
{
	*id = l->id;
	if (digest_none(id) && (tree_layer_hollow(l) || !find_unpacked(env->store, l, id)))
		return false;
	if (l->claim && !layer_content_known(env->store, &l->diff_id, &l->cid))
		return false;
	return need != TREE_FOLDERS || store_has_folder(env->store, id);
}

/* The common case costs no lock and no thread: everything is there. */
static bool all_here(struct ops_env *env, const struct tree *t, struct digest *ids, enum tree_need need)
{
	for (size_t i = 0; i < t->n; i++)
		if (!layer_here(env, &t->layers[i], need, &ids[i]))
			return false;
	return true;
}

int ops_need_tree(struct ops_env *env, const struct tree *t, enum tree_need need, const struct cancel *cancel, struct digest *ids,
	struct err *e)
{
	return all_here(env, t, ids, need) ? 0 : fetch(env, t, ids, need, cancel, e);
}

bool ops_tree_here(struct ops_env *env, const struct tree *t)
{
	cleanup_free struct digest *ids = mem_array(t->n + 1, sizeof(*ids));
	return all_here(env, t, ids, TREE_INDEXES);
}

int ops_need_blobs(struct ops_env *env, const struct tree *t, const struct cancel *cancel, struct err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct tree_layer *l = &t->layers[i];
		if (digest_none(&l->blob))
			continue;
		if (l->claim || !blobs_has(env->store->blobs, &l->blob, NULL))
			return fetch(env, t, NULL, TREE_INDEXES, cancel, e);
	}
	return 0;
}

/* --- exact times --- */

int ops_need_index(struct ops_env *env, const struct tree_layer *l, const struct cancel *cancel, struct err *e)
{
	struct fetch f = {.env = env, .cancel = cancel};
	origins_init(&f.origins, env, cancel);
	int rc = fetch_blob(&f, l, &l->claim->index, l->claim->index_size, e);
	origins_done(&f.origins);
	return rc;
}

bool ops_tree_settled(const struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->layers[i].claim && !t->layers[i].claim->as_is)
			return false;
	return true;
}

int ops_settle_tree(struct ops_env *env, const struct tree *t, const struct cancel *cancel, struct arena *a, const struct tree **ret,
	struct err *e)
{
	struct fetch f = {.env = env, .need = TREE_FOLDERS, .cancel = cancel};
	struct tree *settled = tree_new(a, t, 0);
	int rc = 0;
	origins_init(&f.origins, env, cancel);
	for (size_t i = 0; rc == 0 && i < t->n; i++) {
		const struct tree_layer *l = &t->layers[i];
		struct digest id;
		if (!l->claim || l->claim->as_is)
			continue;
		rc = need_layer(&f, l, &id, e);
		if (rc == 0)
			settled->layers[i] = (struct tree_layer){.cid = l->cid, .id = id, .created = l->created, .created_nsec = l->created_nsec};
	}
	origins_done(&f.origins);
	if (rc < 0)
		return rc;
	tree_seal(settled);
	*ret = settled;
	return 0;
}

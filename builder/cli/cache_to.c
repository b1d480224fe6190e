/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each target is a place and a name in it. A registry's cache borrows the blobs that the build has just pushed there, from its own
 * repository or from the image's by a mount.
 */
#include "builder/cli/cache_to.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "builder/cli/lenders.h"
#include "builder/cli/report.h"
#include "registry/layout.h"
#include "registry/remote.h"

bool cache_to_wanted(const struct build_request *r)
{
	for (size_t i = 0; i < r->ncache_to; i++)
		if (r->cache_to[i].kind != CACHE_INLINE)
			return true;
	return false;
}

bool cache_to_inline(const struct build_request *r)
{
	for (size_t i = 0; i < r->ncache_to; i++)
		if (r->cache_to[i].kind == CACHE_INLINE)
			return true;
	return false;
}

/* --- before the build --- */

static bool same_name(const struct cache_spec *s, struct str image)
{
	cleanup_arena struct arena a = {0};
	struct ref ref;
	struct err ignored;
	return ref_parse(image, &a, &ref, &ignored) == 0 && str_eq(ref.host, s->ref.host) && str_eq(ref.path, s->ref.path) &&
		str_eq(ref.tag, s->ref.tag);
}

static int check_name(const struct cache_spec *s, const struct str *names, size_t n, struct err *e)
{
	for (size_t i = 0; s->kind == CACHE_REGISTRY && i < n; i++)
		if (same_name(s, names[i]))
			return err_set(e, ERR_USAGE, "--cache-to %s: that is the image's own name, which the cache would take; give it another tag, "
				"or use type=inline", s->name);
	return 0;
}

int cache_to_check(const struct build_request *r, struct err *e)
{
	bool pushed = false;
	for (size_t i = 0; i < r->noutputs; i++) {
		pushed |= r->outputs[i].push;
		for (size_t k = 0; k < r->ncache_to; k++)
			TRY(check_name(&r->cache_to[k], r->outputs[i].names, r->outputs[i].nnames, e));
	}
	for (size_t k = 0; pushed && k < r->ncache_to; k++)
		TRY(check_name(&r->cache_to[k], r->names, r->nnames, e));
	if (!cache_to_inline(r))
		return 0;
	if (!build_outputs_want_image(r))
		report_warning("--cache-to type=inline: the records go into the image, and this build makes none");
	else if (!pushed)
		report_warning("--cache-to type=inline: the records go into the image; others can use them when it is pushed");
	return 0;
}

/* --- the results --- */

/* A layer that was made anew with its true times is the one to pass on. */
static void settled(const struct cache_targets *t, struct step_result *r)
{
	for (size_t i = 0; i < t->built->n; i++)
		for (size_t k = 0; k < t->built->trees[i]->n; k++) {
			const struct tree_layer *l = &t->built->trees[i]->layers[k];
			if (r->layer.claim && !r->layer.claim->as_is && !l->claim && !digest_none(&l->id) && digest_eq(&l->cid, &r->layer.cid) &&
			    l->created == r->layer.created && l->created_nsec == r->layer.created_nsec)
				r->layer = *l;
		}
}

static struct step_result *results(const struct cache_targets *t)
{
	struct step_result *v = arena_new(t->cli->arena, (t->plan->n + 1) * sizeof(*v));
	for (size_t i = 0; i < t->plan->n; i++) {
		v[i] = t->solved->results[i];
		settled(t, &v[i]);
	}
	return v;
}

/* Of other platforms' steps an image says nothing: built alone it is the same. */
static void reachable(const struct step *s, bool *seen)
{
	if (seen[s->number])
		return;
	seen[s->number] = true;
	for (size_t i = 0; i < s->ninputs; i++)
		reachable(s->inputs[i], seen);
}

int cache_to_inline_text(const struct cache_targets *t, const struct step *head, const struct tree *tree, size_t nbase, struct str *ret,
	struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct step_result *v = results(t);
	bool *seen = arena_new(t->cli->arena, (t->plan->n + 1) * sizeof(*seen));
	reachable(head, seen);
	for (size_t i = 0; i < t->plan->n; i++)
		if (!seen[i])
			v[i] = (struct step_result){0};
	TRY(cacheout_inline(t->built->env->store, v, t->plan->n, tree, nbase, t->r->epoch, &text, e));
	*ret = arena_str(t->cli->arena, buf_view(&text));
	return 0;
}

/* --- writing --- */

struct writing {
	const struct cache_targets *t;
	const struct cache_spec *spec;
	uint32_t step;
};

static void on_progress(void *arg, const struct digest *blob, uint64_t done, uint64_t total)
{
	struct writing *w = arg;
	if (total)
		event_blob(w->t->events, w->step, "writing layer ", blob, done, total);
}

static int need(void *arg, const struct tree_layer *l, bool index, struct err *e)
{
	struct writing *w = arg;
	struct tree_layer one = *l;
	const struct tree tree = {.layers = &one, .n = 1};
	return index ? ops_need_index(w->t->built->env, l, w->t->cli->cancel, e) : ops_need_blobs(w->t->built->env, &tree, w->t->cli->cancel, e);
}

static void add_lenders(struct writing *w, struct cacheout *c)
{
	const struct cache_targets *t = w->t;
	struct lenders l = {0};
	for (size_t i = 0; i < t->r->noutputs; i++) {
		const struct output *o = &t->r->outputs[i];
		for (size_t k = 0; o->push && k < o->nnames; k++)
			lenders_add(&l, t->cli->arena, o->names[k], &w->spec->ref);
		for (size_t k = 0; o->push && !o->nnames && k < t->r->nnames; k++)
			lenders_add(&l, t->cli->arena, t->r->names[k], &w->spec->ref);
	}
	for (size_t i = 0; i < t->nfrom_repos; i++)
		lenders_add(&l, t->cli->arena, t->from_repos[i], &w->spec->ref);
	c->lenders = l.paths;
	c->nlenders = l.n;
}

static int put(struct writing *w, struct cacheout *c, struct err *e)
{
	struct digest d;
	char text[DIGEST_TEXT + 1];
	TRY(cacheout_write(c, &d, e));
	digest_text(&d, text);
	cleanup_free char *what = mem_printf("writing cache manifest %s", text);
	event_status(w->t->events, w->step, str_of(what), 0, 0, true);
	return 0;
}

static int to_layout(struct writing *w, struct cacheout *c, int dir, struct err *e)
{
	cleanup_place struct place *layout = NULL;
	struct blobs *blobs = NULL;
	TRY(blobs_open(dir, true, &blobs, e));
	int rc = layout_open(dir, blobs, false, true, &layout, e);
	c->to = layout;
	c->name = str_of(w->spec->tag);
	if (rc == 0)
		rc = put(w, c, e);
	blobs_close(blobs);
	return rc;
}

/* The parts of a layout. index.json is the last to come: before, the folder has nothing that names bytes which are not there. */
static const char *const layout_parts[] = {"index.json", "oci-layout", "blobs"};

static int replace_layout(int dir, int from, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(layout_parts); i++)
		TRY(fs_remove_tree(dir, layout_parts[i], e));
	for (size_t i = ARRAY_LEN(layout_parts); i-- > 0;)
		if (renameat(from, layout_parts[i], dir, layout_parts[i]) < 0)
			return err_sys(e, "rename %s", layout_parts[i]);
	return 0;
}

/* What lies under the names of a layout's parts without being one is somebody's. */
static int check_ours(const char *folder, int dir, struct err *e)
{
	if (faccessat(dir, "oci-layout", F_OK, 0) == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(layout_parts); i++)
		if (faccessat(dir, layout_parts[i], F_OK, 0) == 0)
			return err_set(e, ERR_CORRUPT, "%s has %s and is no OCI image layout: reset=true does not remove it", folder, layout_parts[i]);
	return 0;
}

/* reset=true: made beside what is there, for the build may read that until the last moment. */
static int to_new_layout(struct writing *w, struct cacheout *c, int dir, struct err *e)
{
	static const char name[] = ".cooper-new";
	struct err ignored;
	cleanup_close int fresh = -1;
	TRY(check_ours(w->spec->folder, dir, e));
	TRY(fs_remove_tree(dir, name, e));
	TRY(fs_mkdirs(dir, name, 0755, e));
	TRY(fs_open_dir(dir, name, &fresh, e));
	int rc = to_layout(w, c, fresh, e);
	if (rc == 0)
		rc = replace_layout(dir, fresh, e);
	fs_remove_tree(dir, name, &ignored);
	return rc;
}

static int to_folder(struct writing *w, struct cacheout *c, struct err *e)
{
	cleanup_close int dir = -1;
	TRY(fs_mkdirs(AT_FDCWD, w->spec->folder, 0755, e));
	TRY(fs_open_dir(AT_FDCWD, w->spec->folder, &dir, e));
	return w->spec->reset ? to_new_layout(w, c, dir, e) : to_layout(w, c, dir, e);
}

static int to_registry(struct writing *w, struct cacheout *c, struct err *e)
{
	cleanup_place struct place *remote = NULL;
	struct remote_opts ro = w->t->built->env->remote;
	ro.push = true;
	ro.insecure |= w->spec->insecure;
	TRY(remote_open(&w->spec->ref, &ro, &remote, e));
	add_lenders(w, c);
	c->to = remote;
	c->name = w->spec->ref.tag;
	return put(w, c, e);
}

static int write_one(const struct cache_targets *t, const struct cache_spec *spec, const struct step_result *v, struct err *e)
{
	struct writing w = {.t = t, .spec = spec};
	struct cacheout c = {.store = t->built->env->store, .results = v, .n = t->plan->n, .trees = t->built->trees, .ntrees = t->built->n,
		.all = spec->all, .epoch = t->r->epoch, .compression = spec->compression, .level = spec->level, .from = t->built->env->layout,
		.cancel = t->cli->cancel, .need = need, .progress = on_progress, .arg = &w};
	cleanup_free char *title = mem_printf("exporting cache to %s", spec->name);
	w.step = event_step(t->events, str_of(title), NULL, NULL, 0);
	event_started(t->events, w.step);
	int rc = spec->kind == CACHE_LOCAL ? to_folder(&w, &c, e) : to_registry(&w, &c, e);
	if (rc == 0) {
		event_done(t->events, w.step);
		return 0;
	}
	event_failed(t->events, w.step, e);
	if (e->code == ERR_CANCELLED || !spec->ignore_error)
		return err_wrap(e, "--cache-to %s", spec->name);
	cleanup_free char *text = mem_printf("--cache-to %s failed: %s", spec->name, e->text);
	event_warning(t->events, 0, "", NULL, NULL, 0, 0, str_of(text));
	return 0;
}

int cache_to_write(const struct cache_targets *t, struct err *e)
{
	const struct step_result *v = results(t);
	for (size_t i = 0; i < t->r->ncache_to; i++)
		if (t->r->cache_to[i].kind != CACHE_INLINE)
			TRY(write_one(t, &t->r->cache_to[i], v, e));
	return 0;
}

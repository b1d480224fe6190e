/* SPDX-License-Identifier: Apache-2.0 */
/* See build_images.h. */
#include "builder/cli/build_images.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "registry/layout.h"
#include "registry/platform.h"
#include "registry/ref.h"
#include "registry/remote.h"
#include "registry/transfer.h"

/* --- what a registry said before: a memo by name and platform --- */

static struct digest memo_key(struct str full, const struct platform *want)
{
	struct hasher h;
	cleanup_buf struct buf p = {0};
	platform_print(want, &p);
	hasher_init(&h);
	hasher_str(&h, STR("image 1"));
	hasher_str(&h, full);
	hasher_str(&h, buf_view(&p));
	return hasher_done(&h);
}

/* "<sha256:...> <size> <media type>" */
static bool memo_get(struct image_finder *f, struct str full, const struct platform *want, struct descriptor *ret)
{
	struct digest key = memo_key(full, want);
	struct buf text = {0};
	struct err ignored;
	bool found = false;
	struct str digest, size, rest;
	if (store_get_memo(f->env->store, &key, &text, &found, &ignored) < 0 || !found) {
		buf_done(&text);
		return false;
	}
	rest = arena_str(f->a, buf_view(&text));
	buf_done(&text);
	*ret = (struct descriptor){0};
	if (!str_split(&rest, ' ', &digest) || !str_split(&rest, ' ', &size) || digest_parse(digest, &ret->digest, &ignored) < 0 ||
	    !str_u64(size, MANIFEST_SIZE_MAX, &ret->size))
		return false;
	ret->media_type = rest;
	return blobs_has(f->env->store->blobs, &ret->digest, NULL);
}

static int memo_set(struct image_finder *f, struct str full, const struct platform *want, const struct descriptor *d, struct err *e)
{
	struct digest key = memo_key(full, want);
	cleanup_buf struct buf text = {0};
	char digest[DIGEST_TEXT + 1];
	digest_text(&d->digest, digest);
	buf_printf(&text, "%s %llu %.*s", digest, (unsigned long long)d->size, STR_ARG(d->media_type));
	return store_set_memo(f->env->store, &key, buf_view(&text), e);
}

/* --- places --- */

static uint32_t begin_asking(struct image_finder *f, struct str full)
{
	cleanup_buf struct buf label = {0};
	buf_printf(&label, "[internal] load metadata for %.*s", STR_ARG(full));
	uint32_t step = event_step(f->events, buf_view(&label), NULL, NULL, 0);
	event_started(f->events, step);
	return step;
}

static int from_registry(struct image_finder *f, const struct ref *ref, struct str full, const struct platform *want, struct arena *a,
	struct descriptor *ret, struct err *e)
{
	cleanup_place struct place *remote = NULL;
	struct transfer_opts to = {.platform = want, .keep_index = true, .skip_layers = true, .cancel = f->env->cancel};
	char digest[DIGEST_TEXT + 1];
	struct str name = ref->tag;
	if (!digest_none(&ref->digest)) {
		digest_text(&ref->digest, digest);
		name = str_of(digest);
	}
	TRY(remote_open(ref, &f->env->remote, &remote, e));
	TRY(transfer(remote, name, f->env->layout, STR(""), &to, a, ret, e));
	return memo_set(f, full, want, ret, e);
}

/* oci-layout://DIR[:TAG][@DIGEST] */
static int from_layout(struct image_finder *f, struct str text, const struct platform *want, struct descriptor *ret, struct err *e)
{
	struct str path = str_from(text, 13), name = STR("");
	ptrdiff_t at = str_rfind(path, '@');
	if (at > 0) {
		name = str_from(path, (size_t)at + 1);
		path = str_sub(path, 0, (size_t)at);
	}
	ptrdiff_t colon = str_rfind(path, ':'), slash = str_rfind(path, '/');
	if (colon > slash && colon > 0) {
		if (!name.len)
			name = str_from(path, (size_t)colon + 1);
		path = str_sub(path, 0, (size_t)colon);
	}
	cleanup_close int dir = -1;
	cleanup_place struct place *layout = NULL;
	struct blobs *blobs = NULL;
	cleanup_free char *p = mem_strndup(path.p, path.len);
	TRY(fs_open_dir(AT_FDCWD, p, &dir, e));
	TRY(blobs_open(dir, false, &blobs, e));
	int rc = layout_open(dir, blobs, false, false, &layout, e);
	struct layout_image *list = NULL;
	size_t n = 0;
	char digest[DIGEST_TEXT + 1];
	if (rc == 0 && !name.len) {
		rc = layout_list(layout, f->a, &list, &n, e);
		if (rc == 0 && n == 0)
			rc = err_set(e, ERR_NOT_FOUND, "%s holds no image", p);
		if (rc == 0) {
			digest_text(&list[0].descriptor.digest, digest);
			name = str_of(digest);
		}
	}
	struct transfer_opts to = {.platform = want, .cancel = f->env->cancel};
	if (rc == 0)
		rc = transfer(layout, name, f->env->layout, STR(""), &to, f->a, ret, e);
	blobs_close(blobs);
	return rc < 0 ? err_wrap(e, "%.*s", STR_ARG(text)) : 0;
}

/* An index becomes the manifest for the platform. */
static int choose(struct image_finder *f, struct descriptor *d, const struct platform *want, struct arena *a, struct err *e)
{
	const struct media *m = media_find(d->media_type);
	cleanup_buf struct buf text = {0};
	struct image_index ix;
	if (!m || m->kind != MEDIA_INDEX)
		return 0;
	TRY(blobs_read(f->env->store->blobs, &d->digest, MANIFEST_SIZE_MAX, &text, e));
	TRY(image_index_parse(buf_view(&text), &ix, e));
	ptrdiff_t i = platform_choose(&ix, want);
	int rc = 0;
	if (i < 0) {
		cleanup_buf struct buf p = {0};
		platform_print(want, &p);
		rc = err_set(e, ERR_NOT_FOUND, "no image for platform %s", p.p);
	} else {
		struct str type = arena_str(a, ix.manifests[i].media_type);
		*d = ix.manifests[i];
		d->media_type = type;
		d->annotations = (struct annotations){0};
		d->platform = (struct platform){0};
	}
	image_index_done(&ix);
	return rc;
}

static int local(struct image_finder *f, struct str familiar, const struct platform *want, struct arena *a, bool *ret_found,
	struct descriptor *ret, struct err *e)
{
	struct layout_image image;
	*ret_found = false;
	if (layout_find(f->env->layout, familiar, a, &image, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -(int)e->code;
	*ret = image.descriptor;
	if (choose(f, ret, want, a, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -(int)e->code;
	*ret_found = blobs_has(f->env->store->blobs, &ret->digest, NULL);
	return 0;
}

/* --- loading --- */

static int make_tree(struct image_finder *f, const struct manifest *m, const struct image_config *c, const char *origin, struct arena *a,
	struct tree **ret, struct err *e)
{
	if (m->nlayers != c->ndiff_ids)
		return err_set(e, ERR_CORRUPT, "the manifest has %zu layers, the configuration %zu", m->nlayers, c->ndiff_ids);
	struct tree *t = tree_new(a, NULL, m->nlayers);
	for (size_t i = 0; i < m->nlayers; i++) {
		struct tree_layer *l = &t->layers[t->n++];
		struct err ignored;
		*l = (struct tree_layer){.cid = c->diff_ids[i], .diff_id = c->diff_ids[i], .blob = m->layers[i].digest,
			.blob_size = m->layers[i].size, .media_type = arena_str(a, m->layers[i].media_type).p, .origin = origin};
		/* The content id is the diff id even of a layer that was made here: keys are the same before and after it is unpacked, and
		 * on machines that have pulled it. */
		if (store_find_unpacked(f->env->store, &l->diff_id, &l->id, &ignored) == 0)
			store_touch(f->env->store, &l->id);
	}
	tree_seal(t);
	*ret = t;
	return 0;
}

static int load(struct image_finder *f, const struct descriptor *d, const char *origin, struct arena *a, struct lower_image *ret,
	struct err *e)
{
	cleanup_buf struct buf manifest = {0}, config = {0};
	struct manifest m;
	TRY(blobs_read(f->env->store->blobs, &d->digest, MANIFEST_SIZE_MAX, &manifest, e));
	TRY(manifest_parse(buf_view(&manifest), &m, e));
	int rc = blobs_read(f->env->store->blobs, &m.config.digest, CONFIG_SIZE_MAX, &config, e);
	if (rc == 0)
		rc = image_config_parse(buf_view(&config), &ret->config, e);
	if (rc == 0) {
		rc = image_check(&m, &ret->config, e);
		if (rc == 0)
			rc = make_tree(f, &m, &ret->config, origin, a, &ret->tree, e);
		ret->platform = (struct platform){.os = ret->config.os, .arch = ret->config.architecture, .variant = ret->config.variant};
		if (rc < 0)
			image_config_done(&ret->config);
	}
	manifest_done(&m);
	return rc;
}

/* An image on the way from its name to its manifest. */
struct expected_image {
	struct ref ref;
	struct str familiar, full;
	struct platform want;
	bool found, remote;
	uint32_t failed;             /* event number of a fetch of which that is not told: somebody has to need it */
	struct descriptor d;
	int rc;
	struct err e;
};

static int expected_init(struct expected_image *x, struct str name, const struct platform *want, struct arena *a, struct err *e)
{
	cleanup_buf struct buf full = {0}, familiar = {0};
	*x = (struct expected_image){.want = *want};
	if (str_starts(name, STR("docker-image://")))
		name = str_from(name, 15);
	TRY(ref_parse(name, a, &x->ref, e));
	ref_print(&x->ref, &full);
	ref_print_familiar(&x->ref, &familiar);
	x->full = arena_str(a, buf_view(&full));
	x->familiar = arena_str(a, buf_view(&familiar));
	return 0;
}

/* Looks at what is here, where --pull allows it. */
static int find_here(struct image_finder *f, struct expected_image *x, struct err *e)
{
	if (f->env->pull != PULL_MISSING && f->env->pull != PULL_NEVER)
		return 0;
	TRY(local(f, x->familiar, &x->want, f->a, &x->found, &x->d, e));
	if (!x->found)
		x->found = x->remote = memo_get(f, x->full, &x->want, &x->d);
	if (!x->found && f->env->pull == PULL_NEVER)
		return err_set(e, ERR_NOT_FOUND, "%.*s is not in the store, and --pull=never forbids to fetch it", STR_ARG(x->familiar));
	return 0;
}

/* With --pull=newer what is here will do when the registry cannot be asked. */
static bool falls_back(struct image_finder *f, struct expected_image *x, struct arena *a, const struct err *why)
{
	struct err ignored;
	if (f->env->pull != PULL_NEWER || why->code == ERR_CANCELLED ||
	    local(f, x->familiar, &x->want, a, &x->found, &x->d, &ignored) < 0 || !x->found)
		return false;
	x->remote = false;
	cleanup_free char *text = mem_printf("%.*s is taken from the store: %s", STR_ARG(x->familiar), why->text);
	event_warning(f->events, x->failed, "", NULL, NULL, 0, 0, str_of(text));
	return true;
}

/* Asks the registry. Strings of what is found are in `a`. */
static int find_far(struct image_finder *f, struct expected_image *x, struct arena *a, struct err *e)
{
	x->failed = begin_asking(f, x->full);
	if (from_registry(f, &x->ref, x->full, &x->want, a, &x->d, e) == 0)
		x->found = x->remote = true;
	else if (!falls_back(f, x, a, e))
		return -(int)e->code;
	event_done(f->events, x->failed);
	x->failed = 0;
	return 0;
}

/* It was needed. */
static int tell_failed(struct image_finder *f, struct expected_image *x, struct err *e)
{
	if (!x->failed)
		return -(int)e->code;
	event_failed(f->events, x->failed, e);
	x->failed = 0;
	return err_wrap(e, "%.*s", STR_ARG(x->full));
}

static void remember(struct image_finder *f, struct str name, const struct platform *want, const struct descriptor *d, struct tree *t, bool remote)
{
	ARENA_ROOM(f->a, f->found, f->n, f->cap);
	f->found[f->n++] = (struct found_image){.name = name, .want = *want, .manifest = *d, .tree = t, .remote = remote};
}

static struct expected_image *expected_find(struct image_finder *f, struct str familiar, const struct platform *want)
{
	for (size_t i = 0; i < f->nexpected; i++)
		if (str_eq(f->expected[i].familiar, familiar) && platform_eq(&f->expected[i].want, want))
			return &f->expected[i];
	return NULL;
}

/* --- all at once --- */

enum { ASKED_AT_ONCE = 8 };

struct asking {
	struct image_finder *f;
	struct expected_image **far;
	pthread_mutex_t lock; /* of the finder's arena */
};

/* What goes wrong with one image is not the others' business. */
static int ask_one(size_t i, void *arg, struct err *e)
{
	struct asking *g = arg;
	struct expected_image *x = g->far[i];
	cleanup_arena struct arena a = {0};
	(void)e;
	x->rc = find_far(g->f, x, &a, &x->e);
	pthread_mutex_lock(&g->lock);
	if (x->rc == 0)
		descriptor_copy(&x->d, g->f->a, &x->d);
	pthread_mutex_unlock(&g->lock);
	return 0;
}

static void expect_one(struct image_finder *f, const struct image_wish *w)
{
	struct expected_image x;
	struct err ignored;
	if (str_starts(w->name, STR("oci-layout://")) || expected_init(&x, w->name, &w->want, f->a, &ignored) < 0 ||
	    expected_find(f, x.familiar, &w->want))
		return;
	x.rc = find_here(f, &x, &x.e);
	ARENA_ROOM(f->a, f->expected, f->nexpected, f->expected_cap);
	f->expected[f->nexpected++] = x;
}

void images_expect(void *arg, const struct image_wish *wishes, size_t n)
{
	struct image_finder *f = arg;
	struct asking g = {.f = f, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct err ignored;
	size_t nfar = 0;
	for (size_t i = 0; i < n; i++)
		expect_one(f, &wishes[i]);
	g.far = arena_new(f->a, (f->nexpected + 1) * sizeof(*g.far));
	for (size_t i = 0; i < f->nexpected; i++)
		if (!f->expected[i].found && f->expected[i].rc == 0)
			g.far[nfar++] = &f->expected[i];
	if (nfar > 1) /* one alone is asked for when its turn comes */
		pool_each(nfar, ASKED_AT_ONCE, ask_one, &g, &ignored);
}

/* --- one after the other --- */

static int find(struct image_finder *f, struct expected_image *x, struct err *e)
{
	struct expected_image *known = expected_find(f, x->familiar, &x->want);
	if (!known)
		x->rc = find_here(f, x, &x->e);
	else
		*x = *known;
	if (x->rc == 0 && !x->found)
		x->rc = find_far(f, x, f->a, &x->e);
	if (known)
		known->failed = 0; /* it is told here */
	if (x->rc == 0)
		return 0;
	*e = x->e;
	return tell_failed(f, x, e);
}

int image_find(void *arg, struct str name, const struct platform *want, struct arena *a, struct lower_image *ret, struct err *e)
{
	struct image_finder *f = arg;
	struct expected_image x;
	if (str_starts(name, STR("oci-layout://"))) {
		struct descriptor d;
		TRY(from_layout(f, name, want, &d, e));
		return load(f, &d, NULL, a, ret, e);
	}
	TRY(expected_init(&x, name, want, f->a, e));
	const char *origin = arena_str(a, x.full).p;
	/* One build asks once for an image, however often it is named. */
	for (size_t i = 0; i < f->n; i++)
		if (str_eq(f->found[i].name, x.familiar) && platform_eq(&f->found[i].want, want))
			return load(f, &f->found[i].manifest, origin, a, ret, e);
	TRY(find(f, &x, e));
	if (load(f, &x.d, origin, a, ret, e) < 0) {
		/* The config may have been pruned: ask again. */
		if (e->code != ERR_NOT_FOUND || f->env->pull == PULL_NEVER)
			return err_wrap(e, "%.*s", STR_ARG(x.familiar));
		if (find_far(f, &x, f->a, e) < 0)
			return tell_failed(f, &x, e);
		TRY(load(f, &x.d, origin, a, ret, e));
	}
	remember(f, x.familiar, want, &x.d, ret->tree, x.remote);
	return 0;
}

void images_found(struct image_finder *f)
{
	const struct err unneeded = {.code = ERR_CANCELLED};
	for (size_t i = 0; i < f->nexpected; i++)
		if (f->expected[i].failed)
			event_failed(f->events, f->expected[i].failed, &unneeded);
}

bool images_known(const struct image_finder *f, struct str name, const struct platform *want)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf familiar = {0};
	struct ref ref;
	struct err ignored;
	if (ref_parse(name, &a, &ref, &ignored) < 0)
		return false;
	ref_print_familiar(&ref, &familiar);
	for (size_t i = 0; i < f->n; i++)
		if (str_eq(f->found[i].name, buf_view(&familiar)) && platform_eq(&f->found[i].want, want))
			return true;
	return false;
}

int images_keep(struct image_finder *f, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct found_image *im = &f->found[i];
		bool whole = im->remote && im->name.len && str_find(im->name, '@') < 0;
		for (size_t k = 0; whole && k < im->tree->n; k++)
			whole = blobs_has(f->env->store->blobs, &im->tree->layers[k].blob, NULL);
		if (whole)
			TRY(layout_tag_all(f->env->layout, &im->manifest, &im->name, 1, e));
	}
	return 0;
}

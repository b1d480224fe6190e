/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source is a manifest: that of a cache (its config is the records), of an image with inline records, or an index of such images.
 * Only these documents are read here, and kept in the store as blobs, where the next build finds what has not changed; layers
 * wait until something needs their bytes.
 */
#include "builder/cli/cache_from.h"

#include "builder/ops/origin.h"
#include "registry/place.h"

enum { IMAGES_MAX = 64 };

struct source {
	struct cache_sources *all;
	struct claims *claims;
	struct place *place;
	const char *origin;
	struct tree_cache *cache;
};

/* A document by its digest: of the store, else of the place. */
static int read_document(struct source *s, const struct descriptor *d, size_t max, bool manifest, struct buf *out, struct err *e)
{
	struct blobs *blobs = s->all->env->store->blobs;
	struct sink_buf sink;
	if (d->size > max)
		return err_set(e, ERR_LIMIT, "a document of %llu bytes, at most %zu are taken", (unsigned long long)d->size, max);
	if (blobs_has(blobs, &d->digest, NULL) && blobs_read(blobs, &d->digest, max, out, e) == 0)
		return 0;
	buf_clear(out);
	sink_buf_init(&sink, out, max);
	TRY(manifest ? s->place->ops->manifest(s->place, d, out, e) : s->place->ops->read(s->place, d, &sink.sink, e));
	return blobs_put(blobs, buf_view(out), NULL, e);
}

static int add_manifest(struct source *s, const struct manifest *m, struct err *e)
{
	cleanup_buf struct buf json = {0};
	struct cachedoc d;
	bool own = str_eqz(m->config.media_type, CACHEDOC_TYPE);
	const struct media *media = media_find(m->config.media_type);
	if (!own && (!media || media->kind != MEDIA_CONFIG))
		return err_set(e, ERR_UNSUPPORTED, "it is of type \"%.*s\", no cache that cooper knows", STR_ARG(m->config.media_type));
	TRY(read_document(s, &m->config, own ? CACHEDOC_SIZE_MAX : CONFIG_SIZE_MAX, false, &json, e));
	TRY(own ? cachedoc_parse(buf_view(&json), &d, e) : cachedoc_from_config(buf_view(&json), &d, e));
	int rc = cachedoc_check(&d, m, e);
	if (rc == 0)
		claims_add(s->claims, &d, m, s->origin, s->cache);
	cachedoc_done(&d);
	return rc;
}

static int add(struct source *s, const struct descriptor *d, bool nested, struct err *e);

/* One image of several has records when all have; one without is no reason to leave the others out. */
static int add_images(struct source *s, const struct image_index *ix, struct err *e)
{
	bool any = false;
	for (size_t i = 0; i < ix->n && i < IMAGES_MAX; i++) {
		int rc = add(s, &ix->manifests[i], true, e);
		any |= rc == 0;
		if (rc < 0 && rc != -ERR_NOT_FOUND && rc != -ERR_UNSUPPORTED)
			return rc;
	}
	return any ? 0 : err_set(e, ERR_NOT_FOUND, "none of its images has cache records");
}

static int add(struct source *s, const struct descriptor *d, bool nested, struct err *e)
{
	const struct media *media = media_find(d->media_type);
	cleanup_buf struct buf json = {0};
	if (!media || (media->kind != MEDIA_MANIFEST && (media->kind != MEDIA_INDEX || nested)))
		return err_set(e, ERR_UNSUPPORTED, "it is of type \"%.*s\", no cache that cooper knows", STR_ARG(d->media_type));
	TRY(read_document(s, d, MANIFEST_SIZE_MAX, true, &json, e));
	if (media->kind == MEDIA_INDEX) {
		struct image_index ix;
		TRY(image_index_parse(buf_view(&json), &ix, e));
		int rc = add_images(s, &ix, e);
		image_index_done(&ix);
		return rc;
	}
	struct manifest m;
	TRY(manifest_parse(buf_view(&json), &m, e));
	int rc = add_manifest(s, &m, e);
	manifest_done(&m);
	return rc;
}

static int read_named(struct source *s, struct str name, struct err *e)
{
	struct descriptor d;
	TRY(s->place->ops->resolve(s->place, name, s->all->a, &d, e));
	return add(s, &d, false, e);
}

static int read_source(struct source *s, const struct cache_spec *spec, struct err *e)
{
	char digest[DIGEST_TEXT + 1];
	if (spec->kind == CACHE_LOCAL)
		return read_named(s, str_of(spec->tag), e);
	if (spec->bare && read_named(s, STR(CACHE_TAG), e) == 0)
		return 0;
	if (digest_none(&spec->ref.digest))
		return read_named(s, spec->ref.tag, e);
	digest_text(&spec->ref.digest, digest);
	return read_named(s, str_of(digest), e);
}

static const char *origin_of(struct cache_sources *all, const struct cache_spec *spec)
{
	cleanup_buf struct buf text = {0};
	if (spec->kind == CACHE_LOCAL)
		return arena_printf(all->a, "oci-layout://%s", spec->folder);
	ref_print_repo(&spec->ref, &text);
	ARENA_ROOM(all->a, all->repos, all->nrepos, all->repos_cap);
	all->repos[all->nrepos++] = arena_str(all->a, buf_view(&text));
	return all->repos[all->nrepos - 1].p;
}

void cache_from_trust(const struct cache_spec *specs, size_t n, struct arena *a, struct ops_env *env)
{
	struct str *list = arena_new(a, (n + 1) * sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		cleanup_buf struct buf text = {0};
		if (!specs[i].insecure)
			continue;
		ref_print_repo(&specs[i].ref, &text);
		list[env->ninsecure_repos++] = arena_str(a, buf_view(&text));
	}
	env->insecure_repos = list;
}

static int load_one(struct source *s, struct origins *origins, const struct cache_spec *spec, struct err *e)
{
	s->origin = origin_of(s->all, spec);
	TRY(origins_get(origins, s->origin, &s->place, e));
	return read_source(s, spec, e);
}

void cache_from_load(void *arg, struct claims *c)
{
	struct cache_sources *all = arg;
	struct origins origins;
	origins_init(&origins, all->env, all->env->cancel);
	for (size_t i = 0; i < all->n && !cancelled(all->env->cancel); i++) {
		const struct cache_spec *spec = &all->specs[i];
		struct err e;
		struct source s = {.all = all, .claims = c, .cache = arena_new(all->a, sizeof(*s.cache))};
		cleanup_free char *title = mem_printf("importing cache manifest from %s", spec->name);
		uint32_t step = event_step(all->events, str_of(title), NULL, NULL, 0);
		*s.cache = (struct tree_cache){.name = spec->name};
		event_started(all->events, step);
		if (load_one(&s, &origins, spec, &e) == 0) {
			event_done(all->events, step);
			continue;
		}
		event_failed(all->events, step, &e);
		cleanup_free char *text = mem_printf("--cache-from %s is not used: %s", spec->name, e.text);
		event_warning(all->events, 0, "", NULL, NULL, 0, 0, str_of(text));
	}
	origins_done(&origins);
}

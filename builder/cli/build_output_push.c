/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A push moves only what the registry does not have: it takes blobs from repositories beside the target, and the base
 * images' layers are fetched here only when nobody there has them. What is compressed for the push goes out as it is
 * made and is not kept, unless it goes to several repositories.
 */
#include "builder/cli/build_output_impl.h"

#include "builder/cli/lenders.h"
#include "builder/cli/pushed.h"
#include "builder/export/offer.h"
#include "registry/remote.h"
#include "registry/transfer.h"

static void push_progress(void *arg, const struct digest *blob, uint64_t done, uint64_t total)
{
	struct writing *w = arg;
	if (total)
		event_blob(w->ev, w->step, "pushing layer ", blob, done, total);
}

/* Repositories of the same registry that hold the base images' layers, or a cache's, or all of the image, already. */
static void add_lenders(struct writing *w, const struct str *done, size_t ndone, const struct ref *target, struct transfer_opts *to)
{
	struct lenders l = {0};
	for (size_t i = 0; i < ndone; i++)
		lenders_add(&l, w->cli->arena, done[i], target);
	for (size_t i = 0; i < w->b->nbases; i++)
		lenders_add(&l, w->cli->arena, w->b->bases[i].name, target);
	for (size_t i = 0; i < w->b->ncache_repos; i++)
		lenders_add(&l, w->cli->arena, w->b->cache_repos[i], target);
	to->mount_from = l.paths;
	to->nmount_from = l.n;
}

static int open_target(struct writing *w, const struct ref *ref, struct place **ret, struct err *e)
{
	struct remote_opts ro = w->b->env->remote;
	ro.push = true;
	ro.insecure |= w->out->insecure;
	return remote_open(ref, &ro, ret, e);
}

/* The registry has the base image's layers mostly; where it does not, they are fetched after all. */
static int push_to(struct writing *w, const struct descriptor *image, const struct str *done, size_t ndone, const struct ref *ref, struct err *e)
{
	cleanup_place struct place *remote = NULL;
	const struct outbound_opts how = output_outbound_opts(w, NULL);
	struct offer offer;
	struct descriptor pushed;
	struct transfer_opts to = {.cancel = w->cli->cancel, .progress = push_progress, .arg = w};
	add_lenders(w, done, ndone, ref, &to);
	TRY(open_target(w, ref, &remote, e));
	offer_init(&offer, w->b->env->store, w->b->env->layout, image, &how);
	const struct str tag = w->out->by_digest ? STR("") : ref->tag;
	int rc = transfer(&offer.place, STR(""), remote, tag, &to, w->cli->arena, &pushed, e);
	if (rc == -ERR_NOT_FOUND && !output_whole(w)) {
		TRY(output_make_whole(w, e));
		rc = transfer(&offer.place, STR(""), remote, tag, &to, w->cli->arena, &pushed, e);
	}
	TRY(rc);
	return pushed_remember(w->b->env->store, ref, &w->b->image.digest, &image->digest, e);
}

/* What is compressed for it goes to the repository at once; several get it from the store. */
static int outbound_to(struct writing *w, const struct str *names, size_t n, struct descriptor *ret, struct err *e)
{
	cleanup_place struct place *remote = NULL;
	struct ref ref, other;
	bool one = n > 0;
	for (size_t i = 0; i < n; i++) {
		TRY(ref_parse(names[i], w->cli->arena, i ? &other : &ref, e));
		one = one && (i == 0 || (str_eq(ref.host, other.host) && str_eq(ref.path, other.path)));
	}
	if (one)
		TRY(open_target(w, &ref, &remote, e));
	return output_outbound(w, remote, ret, e);
}

int output_push(struct writing *w, struct err *e)
{
	size_t n;
	const struct str *names = output_names(w, &n);
	struct descriptor outside;
	if (w->out->force || w->out->compression_set)
		TRY(output_make_whole(w, e));
	int rc = outbound_to(w, names, n, &outside, e);
	if (rc == -ERR_NOT_FOUND && !output_whole(w)) { /* a cache's layers are compressed otherwise */
		TRY(output_make_whole(w, e));
		rc = outbound_to(w, names, n, &outside, e);
	}
	TRY(rc);
	char digest[DIGEST_TEXT + 1];
	digest_text(&outside.digest, digest);
	for (size_t i = 0; i < n; i++) {
		cleanup_buf struct buf name = {0};
		struct ref ref;
		TRY(ref_parse(names[i], w->cli->arena, &ref, e));
		if (push_to(w, &outside, names, i, &ref, e) < 0)
			return err_wrap(e, "push %.*s", STR_ARG(names[i]));
		if (w->out->by_digest)
			ref_print_repo(&ref, &name);
		else
			buf_str(&name, names[i]);
		output_say(w, "pushed %s@%s", name.p, digest);
	}
	w->b->pushed = outside;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* All questions but the name's go to the place below. Nothing can be written to an offer. */
#include "builder/export/offer.h"

#include "snapshotter/layer.h"

static struct offer *of(struct place *p)
{
	return (struct offer *)p;
}

static int offer_resolve(struct place *p, struct str name, struct arena *a, struct descriptor *ret, struct err *e)
{
	(void)name, (void)a, (void)e;
	*ret = *of(p)->image;
	return 0;
}

static int offer_manifest(struct place *p, const struct descriptor *d, struct buf *out, struct err *e)
{
	return of(p)->from->ops->manifest(of(p)->from, d, out, e);
}

static bool offer_has(struct place *p, const struct descriptor *d)
{
	return of(p)->from->ops->has(of(p)->from, d);
}

static int make(struct offer *o, const struct descriptor *d, const struct digest *diff_id, enum compression c, struct sink *to, struct err *e)
{
	struct digest made;
	uint64_t size;

	pthread_mutex_lock(&o->making);
	int rc = layer_send_blob(o->store, diff_id, c, o->how->level, o->how->threads, o->how->cancel, to, &made, &size, e);
	pthread_mutex_unlock(&o->making);
	if (rc == 0 && !digest_eq(&made, &d->digest))
		rc = err_set(e, ERR_NOT_FOUND, "the layer was compressed in another way before, and is not in the store so");
	return rc;
}

static int offer_read(struct place *p, const struct descriptor *d, struct sink *to, struct err *e)
{
	struct offer *o = of(p);
	struct digest diff_id;
	enum compression c;
	bool found = false;

	if (!blobs_has(o->store->blobs, &d->digest, NULL))
		TRY(store_find_tar_of(o->store, &d->digest, &found, &diff_id, &c, e));
	return found ? make(o, d, &diff_id, c, to, e) : o->from->ops->read(o->from, d, to, e);
}

static int offer_write(struct place *p, const struct descriptor *d,
    int (*from)(void *arg, struct sink *to, struct err *e), void *arg, struct err *e)
{
	(void)p, (void)d, (void)from, (void)arg;
	return err_set(e, ERR_UNSUPPORTED, "an offer is not written to");
}

static int offer_put_manifest(
    struct place *p, const struct descriptor *d, struct str bytes, struct str name, struct err *e)
{
	(void)p, (void)d, (void)bytes, (void)name;
	return err_set(e, ERR_UNSUPPORTED, "an offer is not written to");
}

static void offer_close(struct place *p)
{
	(void)p;
}

static const struct place_ops offer_ops = {
    .resolve = offer_resolve,
    .manifest = offer_manifest,
    .has = offer_has,
    .read = offer_read,
    .write = offer_write,
    .put_manifest = offer_put_manifest,
    .close = offer_close,
};

struct place *offer_init(
    struct offer *o, struct store *store, struct place *from, const struct descriptor *image, const struct outbound_opts *how)
{
	*o = (struct offer){.place = {.ops = &offer_ops}, .from = from, .image = image, .store = store, .how = how,
	    .making = PTHREAD_MUTEX_INITIALIZER};
	return &o->place;
}

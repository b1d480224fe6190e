/* SPDX-License-Identifier: Apache-2.0 */
/* All questions but the name's go to the place below. Nothing can be written to an offer. */
#include "builder/export/offer.h"

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

static int offer_read(struct place *p, const struct descriptor *d, struct sink *to, struct err *e)
{
	return of(p)->from->ops->read(of(p)->from, d, to, e);
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

struct place *offer_init(struct offer *o, struct place *from, const struct descriptor *image)
{
	*o = (struct offer){.place = {.ops = &offer_ops}, .from = from, .image = image};
	return &o->place;
}

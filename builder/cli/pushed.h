/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PUSHED_H
#define COOPER_PUSHED_H

/*
 * What an image of the store is called where it was pushed to: compressed, its manifest has another digest there. Memos of the
 * store, so a prune may forget them; the digest in the store is what is left then.
 */
#include "registry/ref.h"
#include "snapshotter/store.h"

/* `image` was pushed to the repository of `to` and is `outside` there. */
int pushed_remember(
    struct store *s, const struct ref *to, const struct digest *image, const struct digest *outside, struct err *e);
/* What that repository has of `image`. False: nothing is known. */
bool pushed_find(struct store *s, const struct ref *repo, const struct digest *image, struct digest *ret_outside);
/* The image of the store that is `outside` in some registry. */
bool pushed_image(struct store *s, const struct digest *outside, struct digest *ret_image);

#endif

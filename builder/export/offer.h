/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OFFER_H
#define COOPER_OFFER_H

/*
 * One image offered for a transfer: a place over another one in which every name means this image. A manifest that was made for the
 * outside (outbound.h) has no name in the store, and gets none.
 */
#include "registry/place.h"

struct offer {
	struct place place;
	struct place *from;           /* borrowed */
	const struct descriptor *image; /* borrowed */
};
/* Gives &o->place; nothing has to be released. */
struct place *offer_init(struct offer *o, struct place *from, const struct descriptor *image);

#endif

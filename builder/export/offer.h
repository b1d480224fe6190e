/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OFFER_H
#define COOPER_OFFER_H

/*
 * One image offered for a transfer: a place over another one in which every name means this image. A manifest that was made for the
 * outside (outbound.h) has no name in the store, and gets none. A layer that was sent without being kept, and is asked for after all,
 * is compressed again.
 */
#include <pthread.h>

#include "builder/export/outbound.h"

struct offer {
	struct place place;
	struct place *from;           /* borrowed */
	const struct descriptor *image; /* borrowed */
	struct store *store;            /* borrowed */
	const struct outbound_opts *how; /* borrowed */
	pthread_mutex_t making;         /* one layer at a time: each takes all cores, and memory for them */
};
/* Gives &o->place; nothing has to be released. `from`: the layout of `store`. `how`: what outbound_manifest was told. */
struct place *offer_init(
	struct offer *o, struct store *store, struct place *from, const struct descriptor *image, const struct outbound_opts *how);

#endif

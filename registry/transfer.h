/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TRANSFER_H
#define COOPER_TRANSFER_H

/* Push, pull, save and load are one function: copy an image from one place to another. */
#include "registry/place.h"
#include "registry/platform.h"

struct transfer_opts {
	const struct platform *platform;  /* of an index take this one only; NULL: all of it */
	const struct descriptor *resolved; /* what from_name was found to be a moment ago; NULL: not asked yet */
	bool keep_index;                  /* the index that the platform was chosen from is stored too, without a name: asked for once */
	bool skip_layers;                 /* manifest and config only (layers are fetched when a step needs them) */
	unsigned parallel;                /* blobs at once; 0 = 4 */
	/* Repositories of the target's registry that may hold blobs already (base images); tried as cross-repository mounts. */
	const struct str *mount_from;
	size_t nmount_from;
	const struct cancel *cancel;
	/* Progress, from any thread; may be NULL. total 0 = already there. */
	void (*progress)(void *arg, const struct digest *blob, uint64_t done, uint64_t total);
	void *arg;
};
/* Copies what `from_name` names; blobs first, then manifests, then the name. What the target has is not sent. The descriptor of
 * what was stored goes to *ret (strings in `a`). */
int transfer(struct place *from, struct str from_name, struct place *to, struct str to_name, const struct transfer_opts *o,
	struct arena *a, struct descriptor *ret, struct err *e);
/* One blob. */
int transfer_blob(struct place *from, struct place *to, const struct descriptor *d, const struct transfer_opts *o, struct err *e);
/* Its bytes alone, for somebody who needs them as they come: 0 when all were given and were right. */
int transfer_bytes(struct place *from, const struct descriptor *d, struct sink *to, const struct transfer_opts *o, struct err *e);

#endif

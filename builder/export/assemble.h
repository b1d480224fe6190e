/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ASSEMBLE_H
#define COOPER_ASSEMBLE_H

/* From a solved tree and a configuration to an image in the store: layer tars, config, manifest. */
#include "builder/graph/op.h"
#include "registry/oci.h"
#include "snapshotter/store.h"

struct assembly {
	struct store *store;
	const struct tree *tree;
	struct image_config *config;   /* gets diff ids and times */
	struct digest *ret_config;     /* the digest of its text; may be NULL */
	size_t nbase_history, nbase_layers; /* of both, those that the base image has */
	int64_t epoch;                 /* SOURCE_DATE_EPOCH: the time of what this build adds; INT64_MAX: there is none */
	const struct annotations *annotations;
	const struct cancel *cancel;
};
/* Stores config and manifest (blobs only; nothing is written when they are there) and gives the manifest's descriptor, platform
 * included; strings in `arena`. Layers' tars are made on all cores where they are missing. */
int assemble(const struct assembly *as, struct arena *arena, struct descriptor *ret, struct err *e);
/* An index over manifests. */
int assemble_index(struct store *s, const struct descriptor *manifests, size_t n, const struct annotations *annotations, struct arena *arena,
	struct descriptor *ret, struct err *e);

/* Are there tars to be made from layers' folders? They may hold files of other ids: be in the user namespace first. */
bool assemble_reads_folders(const struct assembly *as);

#endif

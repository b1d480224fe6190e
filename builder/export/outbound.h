/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OUTBOUND_H
#define COOPER_OUTBOUND_H

/*
 * The manifest that an image has outside. In the store layers are plain tars; what is pushed or exported wants compressed ones.
 * The config, and with it the image's id, stays as it is; only the layers' descriptors change, and so the manifest's digest.
 */
#include "base/pool.h"
#include "registry/place.h"
#include "snapshotter/store.h"

enum outbound_family { OUTBOUND_AS_IS, OUTBOUND_OCI, OUTBOUND_DOCKER };

struct outbound_opts {
	enum compression compression;   /* what plain layers become */
	int level;                      /* -1: the default */
	bool force;                     /* compressed layers of another kind are made anew too (and unpacked for COMPRESS_NONE) */
	enum outbound_family family;    /* media types */
	const struct annotations *annotations; /* added to each manifest; NULL: none */
	unsigned threads;               /* 0: all cores */
	const struct cancel *cancel;
	/* A blob that holds the tar and is not in the store, but known to be elsewhere; may be NULL. */
	bool (*elsewhere)(void *arg, const struct digest *diff_id, enum compression c, struct descriptor *d);
	/* Where the image will go, and only there: layers are sent while they are compressed, and their bytes are not kept. NULL: all
	 * blobs are made in the store. */
	struct place *to;
	/* Told before each layer that has to be compressed; may be NULL. */
	void (*layer)(void *arg, const struct digest *diff_id, uint64_t size);
	void *arg;
};

/* The media type of a layer's blob. */
const char *outbound_layer_type(enum compression c);

/* Makes (or sends) the blobs and stores the manifest (or, for an index, its manifests and a new index) in the store's blobs. When nothing has
 * to change *ret is *image. Strings of *ret live in `a`. ERR_CORRUPT for an image whose documents do not fit together. */
int outbound_manifest(struct store *s, const struct descriptor *image, const struct outbound_opts *o, struct arena *a,
	struct descriptor *ret, struct err *e);

#endif

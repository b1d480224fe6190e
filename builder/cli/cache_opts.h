/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CACHE_OPTS_H
#define COOPER_CACHE_OPTS_H

/* --cache-from and --cache-to, as docker buildx takes them: fields, or a bare reference, which is a registry's. */
#include "builder/cli/cmd.h"
#include "registry/ref.h"
#include "snapshotter/compress.h"

enum cache_kind { CACHE_REGISTRY, CACHE_LOCAL, CACHE_INLINE };

struct cache_spec {
	enum cache_kind kind;
	const char *name;            /* for messages: the reference or folder */
	struct ref ref;              /* REGISTRY */
	const char *folder;          /* LOCAL: an OCI layout */
	const char *tag;             /* LOCAL: name or digest in it */
	bool bare;                   /* a reference without a tag: CACHE_TAG is meant, or an image with inline records */
	bool all;                    /* mode=max: layers of all steps, not of the image's alone */
	enum compression compression;
	int level;
	bool ignore_error;
	bool insecure;               /* REGISTRY: registry.insecure=true */
	bool reset;                  /* LOCAL, to: nothing of what the folder held before stays */
};
/* The tag of a cache in a repository that was named without one, as podman build does: never an image's. */
#define CACHE_TAG "cooper-cache"

/* Both append to *ret, which has *ret_n; a source may be a list of references, and one in a service that is not spoken to
 * is a warning and nothing else. ERR_USAGE. */
int cache_from_parse(struct cli *cli, const char *text, struct cache_spec **ret, size_t *ret_n, size_t *cap, struct err *e);
int cache_to_parse(struct cli *cli, const char *text, struct cache_spec **ret, size_t *ret_n, size_t *cap, struct err *e);

#endif

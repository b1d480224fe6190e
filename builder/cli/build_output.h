/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BUILD_OUTPUT_H
#define COOPER_BUILD_OUTPUT_H

/* -o, --push, --load: what becomes of the result. */
#include "builder/cli/build_images.h"
#include "builder/cli/build_opts.h"
#include "builder/cli/local.h"
#include "builder/solve/event.h"

/* build_output_opts.c: fills r->outputs from the options. ERR_USAGE. */
int build_outputs_parse(struct cli *cli, struct build_request *r, struct err *e);
/* Do the outputs hold an image (its layers as tars), a tree (folders), an image that is not only pushed (all blobs)? */
bool build_outputs_want_image(const struct build_request *r);
bool build_outputs_want_tree(const struct build_request *r);
bool build_outputs_want_blobs(const struct build_request *r);
/* How layers will be compressed when the image is put out; the first output decides. False: not at all. */
bool build_outputs_compress(const struct build_request *r, enum compression *ret, int *ret_level);

struct built {
	struct ops_env *env;
	const struct tree *const *trees; /* of each platform */
	const struct platform *platforms;
	size_t n;
	struct descriptor image; /* manifest or index; only when an image is wanted */
	bool has_image;
	struct digest config;          /* of a single image */
	struct descriptor pushed;      /* the manifest or index that a registry got last; no digest: none did */
	struct descriptor archived;    /* the same in an archive */
	const struct str *cache_repos; /* of --cache-from, "HOST/NAME": they may lend blobs as well */
	size_t ncache_repos;
	const struct found_image *bases; /* images that were built upon: their repositories may lend blobs to a push */
	size_t nbases;
};
/* Writes them one after the other, telling of it under `step`; sets b->pushed and b->archived. */
int build_outputs_write(
    struct cli *cli, const struct build_request *r, struct built *b, struct events *ev, uint32_t step, struct err *e);
/* The image by which others know it (-q, --iidfile, --metadata-file): as a registry has it when it was pushed; as an archive has
 * it when there is nothing else; as the store has it. Only when b->has_image. */
const struct descriptor *built_known_as(const struct build_request *r, const struct built *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BUILD_OUTPUT_IMPL_H
#define COOPER_BUILD_OUTPUT_IMPL_H

/* Between the files that write outputs. */
#include "builder/cli/build_output.h"
#include "builder/cli/whole_file.h"

/* One output on its way. */
struct writing {
	struct cli *cli;
	const struct build_request *r;
	struct built *b;
	const struct output *out;
	struct events *ev;
	uint32_t step;
};

/* A line under the output's step. */
void output_say(struct writing *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The output's own names, or else those of -t. */
const struct str *output_names(const struct writing *w, size_t *ret_n);
/* The output's file, or stdout; its folder is made. */
int output_open(const struct writing *w, struct whole_file *ret, struct err *e);

/* build_output_image.c: the manifest as it is outside, its layers compressed, in the store or (outbound.h) in `to` only.
 * ERR_NOT_FOUND when a layer's bytes are needed and not here. */
int output_outbound(struct writing *w, struct place *to, struct descriptor *ret, struct err *e);
struct outbound_opts output_outbound_opts(struct writing *w, struct place *to);
/* Are the layers' bytes in the store, those of base images and caches as well? What is only pushed does without. */
bool output_whole(const struct writing *w);
/* Fetches those that are not. */
int output_make_whole(struct writing *w, struct err *e);

/* The kinds. */
int output_image(struct writing *w, struct err *e);   /* image, registry */
int output_push(struct writing *w, struct err *e);    /* part of the former; sets b->pushed */
int output_archive(struct writing *w, struct err *e); /* oci, docker; sets b->archived, unless it is loaded elsewhere */
int output_local(struct writing *w, struct err *e);
int output_tar(struct writing *w, struct err *e); /* tar, pages */

#endif

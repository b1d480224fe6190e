/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BUILD_CHECK_H
#define COOPER_BUILD_CHECK_H

#include "builder/cli/build_context.h"
#include "builder/cli/build_images.h"
#include "builder/solve/event.h"

/* --check and --call: the answer goes to stdout. Returns 0, EXIT_FAILED when there were findings, or a negative error. */
int build_check(struct cli *cli, const struct build_request *r, const struct build_inputs *in, struct err *e);
/* The frontend that "# syntax=" or BUILDKIT_SYNTAX asks for when it is not the language's own; into `out`, empty otherwise. Frontend
 * images are never run: such a file is read as the language that cooper speaks. */
void build_foreign_frontend(struct str text, const struct build_request *r, struct buf *out);
/* Warns of each --build-arg that no ARG declares, naming the one that was perhaps meant. */
void build_unused_args(const struct cf *cf, const struct build_request *r, struct events *ev);
/* The checks of an ordinary build, which knows its base images by now: warnings as events; ERR_SYNTAX when "# check=error=true" turns them into failures. */
int build_lint(struct cf *cf, const struct build_request *r, const struct build_inputs *in, struct image_finder *finder, struct events *ev,
	struct err *e);

#endif

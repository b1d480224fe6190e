/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_RESULT_FILES_H
#define COOPER_RESULT_FILES_H

/* The files that say what a build gave: --iidfile, --metadata-file (the members that buildx writes). */
#include "builder/cli/build_opts.h"
#include "builder/cli/build_output.h"

/* Before the build, which may take long: can they be written? The digest of an earlier build goes away. */
int result_files_prepare(const struct build_opts *o, struct err *e);
int result_files_write(const struct build_opts *o, const struct build_request *r, const struct built *b, struct arena *a, struct err *e);

#endif

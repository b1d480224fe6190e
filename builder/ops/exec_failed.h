/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_EXEC_FAILED_H
#define COOPER_EXEC_FAILED_H

/* What the command line asked for when a RUN step fails: --output-on-failure, --on-error=shell. */
#include "builder/ops/env.h"

/* `run` is what failed, its upper still as the step left it. Nothing here changes the outcome; what does not work is warned about. */
void exec_failed(struct task *t, const struct ops_tree *root, const struct sandbox_run *run);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_FETCHED_LAYER_H
#define COOPER_FETCHED_LAYER_H

#include <time.h>

#include "builder/ops/env.h"

/* A scratch folder `<prefix>XXXXXX` below the store's tmp (*ret_tmp, borrowed) with an empty `fs`; the name is the caller's. */
int fetched_scratch(struct ops_env *env, const char *prefix, int *ret_tmp, char **ret_scratch, struct err *e);
/* Makes a layer out of the folder `<scratch>/fs` below the store's tmp and registers it; the scratch folder is used up. Times since
 * `began` are the clock's; all zero: none is. */
int fetched_layer(struct ops_env *env, int tmp_fd, const char *scratch, struct timespec began, const struct cancel *cancel,
	struct outcome *ret, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LIMIT_NAMES_H
#define COOPER_LIMIT_NAMES_H

/* The names that --ulimit has for RLIMIT_*. */
#include <stdbool.h>

#include "base/str.h"

bool limit_names_find(struct str name, int *ret_resource);
const char *limit_names_of(int resource); /* "?" for one that has none */

#endif

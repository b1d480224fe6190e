/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LINTOPTS_H
#define COOPER_LINTOPTS_H

/* Options of the build checks: the value of "# check=", of a check comment, of BUILDKIT_DOCKERFILE_CHECK. */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct lintopts {
	struct str *skip, *experimental;   /* names of rules, not verified */
	size_t nskip, nexperimental;
	bool skip_all, experimental_all;
	bool error;                        /* any finding makes the build fail */
};

/* "skip=A,B;error=true;experimental=all". Empty text gives the defaults. ERR_SYNTAX: invalid check option "foo". */
int lintopts_parse(struct str text, struct arena *a, struct lintopts *ret, struct err *e);
/* Is a rule to be run? */
bool lintopts_runs(const struct lintopts *o, const char *rule, bool experimental);

#endif

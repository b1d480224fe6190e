/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of parts.h as a table. */
#include "builder/graph/parts.h"

static const struct {
	const char *name, *kind;
} rows[PART_COUNT] = {
#define X(id, name, kind) {name, kind},
    PARTS(X)
#undef X
};

const char *part_name(enum part p)
{
	return rows[p].name;
}

const char *part_kind(enum part p)
{
	return rows[p].kind;
}

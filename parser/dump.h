/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_DUMP_H
#define COOPER_DUMP_H

/*
 * What was parsed, as text that stays the same: one line an instruction, `(` keyword in lower case, flags in brackets,
 * arguments as quoted strings, `)`. ENV and LABEL give name, value and separator ("=", or "" for the form without it);
 * ONBUILD holds the inner instruction.
 */
#include "base/buf.h"
#include "parser/ast.h"

enum dump_detail {
	DUMP_PLAIN,
	DUMP_FULL, /* with stages, places, comments, here-documents, directives and warnings */
};

void cf_dump(const struct cf *cf, enum dump_detail detail, struct buf *out);
/* A string in double quotes, everything without a shape of its own escaped: \n \t \x7f \u00a0. */
void dump_quote(struct buf *out, struct str s);

struct node;
void node_dump(const struct node *n, struct buf *out);

#endif

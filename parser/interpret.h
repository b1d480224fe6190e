/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_INTERPRET_H
#define COOPER_INTERPRET_H

/* The second half of parsing: a node becomes an instruction that is known to be well-formed. Inside parser/ only. */
#include "parser/ast.h"
#include "parser/syntax.h"

/* interpret.c. ERR_SYNTAX with a place. */
int interpret(struct arena *a, const struct node *n, struct instr **ret, struct err *e);
/* The comment line that begins with `name` and a blank, without them; empty if there is none. */
struct str comment_about(const struct str *comments, size_t n, struct str name);

/* flagcheck.c: known, not twice, with a value where one is needed; then the values that can be judged without expansion. */
int flags_interpret(struct arena *a, const struct node *n, struct instr *in, struct err *e);

/* argcheck.c: counts and forms of arguments. */
int args_check(struct arena *a, const struct node *n, struct instr *in, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SCOPE_H
#define COOPER_SCOPE_H

/*
 * Variables of a stage: ENV and ARG in one list where the instruction that comes last wins (Dockerfile reference, "ARG", "ENV"), and
 * the names that ARG declared, for history. The global scope (ARG before FROM) is one too.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "parser/expand.h"
#include "registry/oci.h"

struct scope_var {
	struct str name, value;
	bool set;
};
struct scope {
	struct arena *arena;      /* of the lowering; borrowed */
	struct scope_var *vars;   /* values in force, in order of first appearance */
	size_t n, cap;
	struct strs declared;     /* ARG names, distinct, in order of first declaration */
};

void scope_init(struct scope *s, struct arena *a);
void scope_copy(const struct scope *from, struct scope *to);
void scope_set(struct scope *s, struct str name, struct str value);
/* Declares without a value: changes nothing that is set. */
void scope_declare(struct scope *s, struct str name);
bool scope_get(const struct scope *s, struct str name, struct str *ret);
/* Ready-made lookup for expand_word. */
struct expander scope_expander(const struct scope *s, char escape);
/* expand_word over this scope. */
int scope_expand(const struct scope *s, char escape, struct str word, struct str *ret, struct err *e);
/* The list "K=V" of all set variables. */
void scope_env(const struct scope *s, struct arena *a, struct strs *ret);
/* "|2 a=1 b= " prefix of RUN's history, or nothing. */
void scope_history(const struct scope *s, struct buf *out);

#endif

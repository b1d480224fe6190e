/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SCOPE_H
#define COOPER_SCOPE_H

/*
 * Variables of a stage: ENV and ARG in one list where the instruction that comes last wins (Dockerfile reference, "ARG", "ENV"), and
 * the names that ARG declared, for history. The global scope (ARG before FROM) is one too.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "parser/expand.h"
#include "registry/oci.h"

struct scope_var {
	struct str name, value;
	struct str line;          /* "name=value" */
	size_t env;               /* place in the configuration's Env, from 1; 0: not there */
};
struct scope {
	struct arena *arena;      /* of the lowering; borrowed */
	struct scope_var *vars;   /* values in force, in order of first appearance */
	size_t n, cap;
	struct map at;            /* name to place in vars, from 1 */
	struct strs declared;     /* ARG names, distinct, in order of first declaration */
	struct map is_declared;
	struct strs env;          /* lines of all variables, when nothing was set since it was made */
};

void scope_init(struct scope *s, struct arena *a);
void scope_done(struct scope *s);
/* `to` is initialised. */
void scope_copy(const struct scope *from, struct scope *to);
void scope_set(struct scope *s, struct str name, struct str value);
/* Declares without a value: changes nothing that is set. */
void scope_declare(struct scope *s, struct str name);
bool scope_get(const struct scope *s, struct str name, struct str *ret);
/* The variable for its `env`; NULL when it is not set. */
struct scope_var *scope_find(const struct scope *s, struct str name);
/* Ready-made lookup for expand_word. */
struct expander scope_expander(const struct scope *s, char escape);
/* expand_word over this scope. */
int scope_expand(const struct scope *s, char escape, struct str word, struct str *ret, struct err *e);
/* The list "K=V" of all variables. It never changes: steps between which nothing is set share it. */
struct strs scope_env(struct scope *s);
/* "|2 a=1 b= " prefix of RUN's history, or nothing. */
void scope_history(const struct scope *s, struct buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_GLOBPAT_H
#define COOPER_GLOBPAT_H

/* One pattern of an ignore file, compiled: '*' '?' '[…]' within a component, "**" across them. Time of a match is bounded
 * by length of pattern times length of path, whatever the pattern. */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* A path has at most 4096 bytes; longer patterns are refused (ERR_LIMIT). */
enum { GLOBPAT_LEN_MAX = 16 * 1024 };

enum globpat_kind {
	GLOBPAT_EXACT,     /* `lit` is the whole path */
	GLOBPAT_PREFIX,    /* lit** */
	GLOBPAT_SUFFIX,    /* **lit; with a leading slash in lit the whole path may be the rest of it */
	GLOBPAT_STAR,      /* *lit: one component that ends in lit */
	GLOBPAT_TAIL,      /* with ** and a slash in front of *lit: any component that ends in lit */
	GLOBPAT_GENERAL,   /* tokens */
};

struct globpat {
	enum globpat_kind kind;
	struct str text;               /* the pattern; classes are read from it */
	struct str lit;                /* GENERAL: what every match begins with */
	int first, last;               /* bytes that every match begins and ends with, or -1: most paths fail here */
	struct globpat_token *tokens;  /* GENERAL: what follows lit */
	size_t ntokens;
};

/* `text` has to live as long as the pattern; the rest is in `a`. ERR_SYNTAX. */
int globpat_compile(struct str text, struct arena *a, struct globpat *ret, struct err *e);
bool globpat_match(const struct globpat *p, struct str path);
/* Matches the path or one of the folders above it. */
bool globpat_match_up(const struct globpat *p, struct str path);
/* May anything below this folder match? */
bool globpat_match_below(const struct globpat *p, struct str folder);

/* Syntax of a pattern (that of glob_match). ERR_SYNTAX. */
int glob_check(struct str pattern, struct err *e);
/* The class that begins at pattern.p[*at] == '['; *at moves behind it. False when it is no valid class. */
bool glob_class(struct str pattern, size_t *at, uint32_t rune, bool *ret_in);
/* Next character; stray bytes are distinct characters beyond Unicode. */
size_t glob_rune(struct str s, uint32_t *ret);

#endif

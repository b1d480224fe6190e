/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_EXPAND_H
#define COOPER_EXPAND_H

/* Variable expansion and quote removal of one word (Dockerfile reference, "Environment replacement"). */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct expander {
	/* Value of a variable; false when unset. */
	bool (*get)(void *arg, struct str name, struct str *ret_value);
	/* Told of each unset variable that was asked for without a modifier giving it a value; may be NULL. */
	void (*unset)(void *arg, struct str name);
	void *arg;
	char escape;         /* '\\' or '`' */
	bool raw_quotes;     /* keep quotes in the result */
	bool raw_escapes;    /* keep escapes in the result */
	bool skip_unset;     /* leave unset variables as they are written */
	bool literal_quotes; /* quotes are ordinary characters: heredoc bodies */
};

enum {
	EXPAND_SIZE_MAX = 1024 * 1024, /* bytes that a result may be longer than the word */
	EXPAND_DEPTH_MAX = 64,         /* ${..${..}} */
	EXPAND_WORDS_MAX = 65536,
};

/* Names in ${..}: letters and digits of any script and '_'. Length of the name at the front of s. */
size_t expand_name(struct str s);

/* One word to one string, allocated in `a`. ERR_SYNTAX, ERR_LIMIT. */
int expand_word(const struct expander *x, struct str word, struct arena *a, struct str *ret, struct err *e);
/* The same, then split at unquoted blanks of the result. */
int expand_words(const struct expander *x, struct str word, struct arena *a, struct str **ret, size_t *ret_n, struct err *e);

#endif

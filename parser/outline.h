/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OUTLINE_H
#define COOPER_OUTLINE_H

/* What a file offers: its targets, and the arguments, secrets and ssh keys that one of them takes. */
#include "parser/lint.h"

struct outline_arg {
	struct str name, description, value; /* empty when there is none */
	struct where where;
};

struct outline_need {
	struct str name;
	bool required;
	struct where where;
};

struct outline {
	struct arena arena;
	struct str name, description;        /* of the target; empty when it has none */
	struct outline_arg *args;            /* each list sorted by place */
	struct outline_need *secrets, *ssh;
	size_t nargs, nsecrets, nssh;
};

/* The target's outline. Strings live in the cf or the outline. ERR_SYNTAX, ERR_NOT_FOUND. Release with outline_done. */
int outline_make(struct cf *cf, const struct survey_env *env, struct outline *ret, struct err *e);
void outline_done(struct outline *o);
#define cleanup_outline __attribute__((cleanup(outline_done)))

void outline_print(const struct outline *o, struct buf *out);
struct jval *outline_json(const struct outline *o);

/* All stages of a file, read straight off it. */
void targets_print(const struct cf *cf, struct buf *out);
struct jval *targets_json(const struct cf *cf);

/* The subrequests there are. */
void describe_print(struct buf *out);
struct jval *describe_json(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_INSTRS_H
#define COOPER_INSTRS_H

/*
 * THE list of instructions (Dockerfile reference). Everything that depends on the set of instructions is made from it:
 * the enum, the parser's table, the prototypes and the dispatch of builder/lower, completion, "did you mean".
 *
 * X(ID, shape, flags the instruction accepts (space-separated; '?' = boolean, '*' = may be repeated; NULL = any flag is an
 *   error; "-" = flags are read and dropped), traits)
 */
#define INSTRS(X)                                                                                                      \
	X(ADD, JSON_OR_WORDS, "chown chmod link? keep-git-dir? checksum unpack? exclude*", TRAIT_HEREDOC)               \
	X(ARG, ARGS, "-", 0)                                                                                           \
	X(CMD, JSON_OR_TEXT, NULL, 0)                                                                                  \
	X(COPY, JSON_OR_WORDS, "from chown chmod link? parents? exclude*", TRAIT_HEREDOC)                               \
	X(ENTRYPOINT, JSON_OR_TEXT, NULL, 0)                                                                           \
	X(ENV, PAIRS, NULL, 0)                                                                                         \
	X(EXPOSE, WORDS, NULL, 0)                                                                                      \
	X(FROM, WORDS, "platform", 0)                                                                                  \
	X(HEALTHCHECK, HEALTH, "interval timeout start-period start-interval retries", 0)                              \
	X(LABEL, PAIRS, NULL, 0)                                                                                       \
	X(MAINTAINER, TEXT, NULL, 0)                                                                                   \
	X(ONBUILD, INNER, NULL, 0)                                                                                     \
	X(RUN, JSON_OR_TEXT, "mount* network security device*", TRAIT_HEREDOC)                                          \
	X(SHELL, JSON_ONLY, NULL, 0)                                                                                   \
	X(STOPSIGNAL, TEXT, "-", 0)                                                                                    \
	X(USER, TEXT, NULL, 0)                                                                                         \
	X(VOLUME, JSON_OR_WORDS, NULL, 0)                                                                              \
	X(WORKDIR, TEXT, NULL, 0)

#include <stdbool.h>

#include "base/str.h"

enum instr_trait {
	TRAIT_HEREDOC = 1, /* <<WORD opens a here-document */
};

enum instr_id {
#define X(id, shape, flags, traits) INSTR_##id,
	INSTRS(X)
#undef X
	INSTR_COUNT
};

/* How the text behind the keyword and the flags is cut. */
enum instr_shape {
	SHAPE_JSON_OR_TEXT,  /* ["a", "b"], or all the rest as one string */
	SHAPE_JSON_OR_WORDS, /* ["a", "b"], or words at blanks without any quoting */
	SHAPE_JSON_ONLY,     /* ["a", "b"]; anything else is refused when instructions are checked */
	SHAPE_WORDS,
	SHAPE_TEXT,
	SHAPE_PAIRS,         /* name=value ..., or "name value" */
	SHAPE_ARGS,          /* name or name=value ... */
	SHAPE_HEALTH,        /* a type, then as JSON_OR_TEXT */
	SHAPE_INNER,         /* another instruction */
};

struct instr_kind {
	const char *name;    /* upper case */
	enum instr_shape shape;
	const char *flags;   /* as in INSTRS */
	unsigned traits;
};

const struct instr_kind *instr_kind(enum instr_id id);
/* Upper-case keyword. */
const char *instr_name(enum instr_id id);
/* The instruction of a keyword in any case; false if there is none. */
bool instr_find(struct str keyword, enum instr_id *ret);
/* The name that may have been meant, in the case of the keyword; empty if none is near. `room` holds the text. */
struct str instr_suggest(struct str keyword, char room[16]);

#endif

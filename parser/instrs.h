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

enum instr_trait {
	TRAIT_HEREDOC = 1, /* <<WORD opens a here-document */
};

enum instr_id {
#define X(id, shape, flags, traits) INSTR_##id,
	INSTRS(X)
#undef X
	INSTR_COUNT
};

/* Upper-case keyword. */
const char *instr_name(enum instr_id id);

#endif

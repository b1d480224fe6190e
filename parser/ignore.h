/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_IGNORE_H
#define COOPER_IGNORE_H

/* Ignore files and --exclude patterns: the pattern language of .dockerignore. Paths are relative, without leading slash. */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct ignore;

enum { IGNORE_SIZE_MAX = 4 * 1024 * 1024 };

/* Reads the text of an ignore file. ERR_SYNTAX with e->line. An empty file gives an empty list. */
int ignore_parse(struct str text, struct ignore **ret, struct err *e);
/* The first half of it: cleaned lines that hold something, exceptions with their '!'. In `a`. ERR_LIMIT. */
struct ignore_line {
	struct str text;
	int line;
};
int ignore_lines(struct str text, struct arena *a, struct ignore_line **ret, size_t *ret_n, struct err *e);
/* A path as patterns are compared with it: "a//b/../c" is "a/c", nothing is ".". In `a`. */
struct str ignore_clean(struct str path, struct arena *a);
/* From patterns (--exclude): trimmed and cleaned like those of a file, but a leading slash stays, so such a pattern never
 * matches. */
int ignore_new(const struct str *patterns, size_t n, struct ignore **ret, struct err *e);
void ignore_free(struct ignore *ig);
static inline void ignore_cleanup(struct ignore **ig)
{
	ignore_free(*ig);
}
#define cleanup_ignore __attribute__((cleanup(ignore_cleanup)))

size_t ignore_count(const struct ignore *ig);
bool ignore_has_exceptions(const struct ignore *ig);
/* Does the list exclude the path, its parent folders considered? On request the number (from 0) of the deciding pattern,
 * or -1, and its text and line for messages. */
bool ignore_match(const struct ignore *ig, struct str path, int *ret_pattern);
struct str ignore_pattern_text(const struct ignore *ig, int pattern, int *ret_line);

/* An excluded folder may be skipped as a whole: no exception can match below it. */
bool ignore_may_prune(const struct ignore *ig, struct str dir);

/* COPY sources: Go's filepath.Match, one level a component. ERR_SYNTAX for a bad pattern. */
int glob_match(struct str pattern, struct str name, bool *ret, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_STR_H
#define COOPER_STR_H

/* A borrowed slice of bytes: never owns, may hold NUL and any encoding. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p; /* may be NULL when len is 0 */
	size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_ARG(s) (int)(s).len, (s).p ? (s).p : "" /* for "%.*s" */

static inline struct str str_of(const char *s)
{
	return (struct str){s, s ? strlen(s) : 0};
}
static inline struct str str_sub(struct str s, size_t from, size_t to)
{
	return (struct str){s.p ? s.p + from : NULL, to - from};
}
static inline struct str str_from(struct str s, size_t from)
{
	return str_sub(s, from, s.len);
}

bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *b);
bool str_ieq(struct str a, struct str b);                  /* ASCII case folded */
int str_cmp(struct str a, struct str b);                   /* bytes, shorter first */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s);                         /* ASCII blanks and line ends on both sides */
/* Index of the first / last byte c, or -1. */
ptrdiff_t str_find(struct str s, char c);
ptrdiff_t str_rfind(struct str s, char c);
/* Cuts the part before `sep` off the front of *rest; false when *rest is used up (rest->p == NULL). */
bool str_split(struct str *rest, char sep, struct str *ret_part);
/* Decimal number with nothing around it; false if it is none or larger than max. */
bool str_u64(struct str s, uint64_t max, uint64_t *ret);
/* Edits from a to b (a byte more, less or other, two neighbours swapped), and the nearest of n names at distance 1 or 2 (NULL if none; exact names give NULL). */
unsigned str_distance(struct str a, struct str b);
const char *str_suggest(struct str word, const char *const *names, size_t n);

#endif

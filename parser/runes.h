/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_RUNES_H
#define COOPER_RUNES_H

/* Characters of UTF-8 text and their classes (Unicode 14). A byte that is no part of valid UTF-8 is a character of its own. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { RUNE_BAD = 0xFFFD };

/* Decodes the character at s.p (s.len > 0); returns its length in bytes, 1 for a stray byte, which gives RUNE_BAD. */
size_t rune_next_slow(struct str s, uint32_t *ret);
static inline size_t rune_next(struct str s, uint32_t *ret)
{
	unsigned char c = (unsigned char)s.p[0];
	if (c < 0x80) {
		*ret = c;
		return 1;
	}
	return rune_next_slow(s, ret);
}
/* Length of the last character of s (s.len > 0). */
size_t rune_last(struct str s, uint32_t *ret);
/* Writes c as UTF-8, at most 4 bytes; surrogates and numbers beyond Unicode become U+FFFD. */
size_t rune_put(uint32_t c, char out[4]);

bool rune_letter(uint32_t c);
bool rune_digit(uint32_t c);   /* decimal digits of any script */
bool rune_space(uint32_t c);
bool rune_shown(uint32_t c);   /* has a shape on its own, or is the ASCII blank */

/* Cuts white space, Unicode's included. */
struct str rune_trim_left(struct str s);
struct str rune_trim(struct str s);

static inline bool byte_blank(char c) /* the blanks between words: \t \v \f \r and the space; '\n' does not occur */
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 and character classes. Variable names may hold letters of any script and words end at any of Unicode's blanks,
 * so the classes are needed; the locale of the process must not decide them, so the tables are our own.
 */
#include "parser/runes.h"

#include "base/mem.h"
#include "parser/runetab.h"

static bool continues(struct str s, size_t i)
{
	return i < s.len && ((unsigned char)s.p[i] & 0xC0) == 0x80;
}

size_t rune_next_slow(struct str s, uint32_t *ret)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char c = (unsigned char)s.p[0];
	*ret = c;
	if (c < 0x80)
		return 1;
	size_t n = c >= 0xC2 && c <= 0xDF ? 2 : c >= 0xE0 && c <= 0xEF ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
	uint32_t v = n ? c & (0x7Fu >> n) : 0;
	*ret = RUNE_BAD;
	if (n == 0)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if (!continues(s, i))
			return 1;
		v = v << 6 | ((unsigned char)s.p[i] & 0x3F);
	}
	if (v < least[n] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
		return 1;
	*ret = v;
	return n;
}

size_t rune_last(struct str s, uint32_t *ret)
{
	for (size_t n = 2; n <= 4 && n <= s.len; n++) {
		if (!continues(s, s.len - n + 1))
			break;
		if (rune_next(str_from(s, s.len - n), ret) == n)
			return n;
	}
	unsigned char c = (unsigned char)s.p[s.len - 1];
	*ret = c < 0x80 ? c : RUNE_BAD;
	return 1;
}

size_t rune_put(uint32_t c, char out[4])
{
	if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		c = RUNE_BAD;
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3F));
	out[0] = (char)((0xF00u >> n & 0xFF) | c);
	return n;
}

static bool within(const struct range *table, size_t n, uint32_t c)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (c > table[mid].last)
			low = mid + 1;
		else if (c < table[mid].first)
			high = mid;
		else
			return true;
	}
	return false;
}

bool rune_letter(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	return within(letters, ARRAY_LEN(letters), c);
}

bool rune_digit(uint32_t c)
{
	if (c < 0x80)
		return c >= '0' && c <= '9';
	return within(digits, ARRAY_LEN(digits), c);
}

bool rune_space(uint32_t c)
{
	if (c < 0x80)
		return c == ' ' || (c >= '\t' && c <= '\r');
	return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
	       c == 0x202F || c == 0x205F || c == 0x3000;
}

bool rune_shown(uint32_t c)
{
	if (c < 0x80)
		return c >= ' ' && c < 0x7F;
	return !within(hidden, ARRAY_LEN(hidden), c);
}

struct str rune_trim_left(struct str s)
{
	uint32_t c;
	while (s.len) {
		size_t n = rune_next(s, &c);
		if (!rune_space(c))
			break;
		s = str_from(s, n);
	}
	return s;
}

struct str rune_trim(struct str s)
{
	uint32_t c;
	s = rune_trim_left(s);
	while (s.len) {
		size_t n = rune_last(s, &c);
		if (!rune_space(c))
			break;
		s.len -= n;
	}
	return s;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of COPY sources: '*', '?', classes and escapes within one component. The syntax is checked as a whole before
 * anything is matched, so a broken pattern is an error whatever it is compared with. A '*' that turns out to be too
 * short is made longer by one character; only the last one ever needs that, so there is no exponential backtracking.
 */
#include "parser/globpat.h"
#include "parser/ignore.h"
#include "parser/runes.h"

size_t glob_rune(struct str s, uint32_t *ret)
{
	size_t n = rune_next(s, ret);
	if (n == 1 && *ret == RUNE_BAD)
		*ret = 0x110000 + (unsigned char)s.p[0];
	return n;
}

/* One end of a range inside a class. */
static bool class_rune(struct str p, size_t *at, uint32_t *ret)
{
	if (*at >= p.len || p.p[*at] == '-' || p.p[*at] == ']')
		return false;
	if (p.p[*at] == '\\' && ++*at >= p.len)
		return false;
	*at += glob_rune(str_from(p, *at), ret);
	return *at < p.len;
}

bool glob_class(struct str pattern, size_t *at, uint32_t rune, bool *ret_in)
{
	size_t i = *at + 1;
	bool in = false, negated = i < pattern.len && pattern.p[i] == '^';
	i += negated;
	for (size_t ranges = 0;; ranges++) {
		uint32_t low, high;
		if (i < pattern.len && pattern.p[i] == ']' && ranges)
			break;
		if (!class_rune(pattern, &i, &low))
			return false;
		high = low;
		if (pattern.p[i] == '-') {
			i++;
			if (!class_rune(pattern, &i, &high))
				return false;
		}
		in = in || (low <= rune && rune <= high);
	}
	*at = i + 1;
	*ret_in = in != negated;
	return true;
}

int glob_check(struct str pattern, struct err *e)
{
	for (size_t i = 0; i < pattern.len;) {
		bool ignored, ok = true;
		if (pattern.p[i] == '[') {
			ok = glob_class(pattern, &i, 0, &ignored);
		} else if (pattern.p[i] == '\\') {
			ok = i + 1 < pattern.len;
			i += 2;
		} else {
			i++;
		}
		if (!ok)
			return err_set(e, ERR_SYNTAX, "syntax error in pattern \"%.*s\"", STR_ARG(pattern));
	}
	return 0;
}

/* One element that is no star at the front of both; false when they do not agree. The pattern is valid. */
static bool step(struct str pattern, size_t *p, struct str name, size_t *n)
{
	uint32_t rune, want;
	bool in;
	size_t length = glob_rune(str_from(name, *n), &rune);
	switch (pattern.p[*p]) {
	case '?':
		in = rune != '/';
		++*p;
		break;
	case '[':
		if (!glob_class(pattern, p, rune, &in))
			return false;
		break;
	case '\\':
		++*p;
		/* fall through */
	default:
		*p += glob_rune(str_from(pattern, *p), &want);
		in = rune == want;
	}
	*n += length;
	return in;
}

static bool matches(struct str pattern, struct str name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, taken = 0; /* the last star, and how far it reaches */
	while (n < name.len || p < pattern.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = ++p;
			taken = n;
			continue;
		}
		size_t next_p = p, next_n = n;
		if (p < pattern.len && n < name.len && step(pattern, &next_p, name, &next_n)) {
			p = next_p;
			n = next_n;
			continue;
		}
		if (star == SIZE_MAX || taken == name.len || name.p[taken] == '/')
			return false;
		uint32_t ignored;
		taken += glob_rune(str_from(name, taken), &ignored);
		p = star;
		n = taken;
	}
	return true;
}

int glob_match(struct str pattern, struct str name, bool *ret, struct err *e)
{
	TRY(glob_check(pattern, e));
	*ret = matches(pattern, name);
	return 0;
}

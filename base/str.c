/* SPDX-License-Identifier: Apache-2.0 */
/* Slices: comparing, trimming, splitting, and the distance behind "did you mean". */
#include "base/str.h"

#include "base/mem.h"

bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool str_eqz(struct str a, const char *b)
{
	return str_eq(a, str_of(b));
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool str_ieq(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (fold(a.p[i]) != fold(b.p[i]))
			return false;
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	if (c)
		return c;
	return (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_sub(s, 0, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_eq(str_from(s, s.len - suffix.len), suffix);
}

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.len && blank(s.p[0]))
		s = str_from(s, 1);
	while (s.len && blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

ptrdiff_t str_find(struct str s, char c)
{
	const char *q = s.len ? memchr(s.p, c, s.len) : NULL;
	return q ? q - s.p : -1;
}

ptrdiff_t str_rfind(struct str s, char c)
{
	const char *q = s.len ? memrchr(s.p, c, s.len) : NULL;
	return q ? q - s.p : -1;
}

bool str_split(struct str *rest, char sep, struct str *ret_part)
{
	if (!rest->p)
		return false;
	ptrdiff_t i = str_find(*rest, sep);
	if (i < 0) {
		*ret_part = *rest;
		*rest = (struct str){NULL, 0};
		return true;
	}
	*ret_part = str_sub(*rest, 0, (size_t)i);
	*rest = str_from(*rest, (size_t)i + 1);
	return true;
}

bool str_u64(struct str s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	if (s.len == 0 || s.len > 20)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

unsigned str_distance(struct str a, struct str b)
{
	if (a.len > 256 || b.len > 256)
		return 256;
	unsigned row[257], before[257] = {0}; /* of a's bytes up to i - 1, and up to i - 2 */
	for (size_t j = 0; j <= b.len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned diag = row[0], swap_from = 0;
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			unsigned sub = diag + (a.p[i - 1] != b.p[j - 1]);
			unsigned ins = row[j - 1] + 1, del = row[j] + 1;
			unsigned best = sub < ins ? (sub < del ? sub : del) : (ins < del ? ins : del);
			bool swapped = i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1];
			if (swapped && swap_from + 1 < best)
				best = swap_from + 1;
			swap_from = before[j - 1];
			before[j - 1] = diag;
			diag = row[j];
			row[j] = best;
		}
		before[b.len] = diag;
	}
	return row[b.len];
}

const char *str_suggest(struct str word, const char *const *names, size_t n)
{
	const char *best = NULL;
	unsigned best_distance = 3;
	for (size_t i = 0; i < n; i++) {
		unsigned d = str_distance(word, str_of(names[i]));
		if (d == 0)
			return NULL;
		if (d < best_distance) {
			best_distance = d;
			best = names[i];
		}
	}
	return best;
}

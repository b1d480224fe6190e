/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ASCII_H
#define COOPER_ASCII_H

#include "base/arena.h"

/* A copy with A-Z in lower case. */
static inline struct str ascii_lower(struct arena *a, struct str s)
{
	char *p = arena_new(a, s.len + 1);
	for (size_t i = 0; i < s.len; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	return (struct str){p, s.len};
}

#endif

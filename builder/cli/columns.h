/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_COLUMNS_H
#define COOPER_COLUMNS_H

/* Rows of text in columns as wide as they have to be, three blanks apart, as docker prints lists. */
#include "base/arena.h"
#include "base/buf.h"

enum { COLUMNS_MAX = 12 };

struct columns {
	struct arena *arena;
	size_t ncolumns;
	struct str *cells; /* row after row; the first row is the heading */
	size_t n, cap;
};

void columns_init(struct columns *t, struct arena *a, const char *const *headings, size_t ncolumns);
/* Adds the next cell, from left to right; copied. */
void columns_add(struct columns *t, struct str cell);
void columns_addf(struct columns *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void columns_print(const struct columns *t, struct buf *out);

#endif

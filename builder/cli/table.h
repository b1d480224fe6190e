/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TABLE_H
#define COOPER_TABLE_H

/* Rows of text in columns as wide as they have to be, three blanks apart, as docker prints lists. */
#include "base/arena.h"
#include "base/buf.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
	struct arena *arena;
	size_t ncolumns;
	struct str *cells; /* row after row; the first row is the heading */
	size_t n, cap;
};

void table_init(struct table *t, struct arena *a, const char *const *headings, size_t ncolumns);
/* Adds the next cell, from left to right; copied. */
void table_add(struct table *t, struct str cell);
void table_addf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *t, struct buf *out);

#endif

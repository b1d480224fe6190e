/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TABLE_H
#define COOPER_TABLE_H

/* Columns of text: every cell but a row's last is filled up with blanks to the widest of its column, plus a gap. */
#include "base/buf.h"
#include "base/str.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
	size_t columns, gap; /* columns: at most TABLE_COLUMNS_MAX */
	struct str *cells;  /* borrowed texts, row after row */
	size_t n, cap;
};

void table_add(struct table *t, struct str cell);
void table_print(const struct table *t, struct buf *out);
void table_done(struct table *t);
#define cleanup_table __attribute__((cleanup(table_done)))

#endif

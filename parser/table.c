/* SPDX-License-Identifier: Apache-2.0 */
/* Widths are counted in characters, not bytes. */
#include "parser/table.h"

#include "base/mem.h"
#include "parser/runes.h"

static size_t width(struct str s)
{
	size_t n = 0;
	uint32_t ignored;
	for (; s.len; n++)
		s = str_from(s, rune_next(s, &ignored));
	return n;
}

void table_add(struct table *t, struct str cell)
{
	MEM_ROOM(t->cells, t->n, t->cap);
	t->cells[t->n++] = cell;
}

void table_print(const struct table *t, struct buf *out)
{
	size_t widest[TABLE_COLUMNS_MAX] = {0};
	for (size_t i = 0; i < t->n; i++) {
		size_t w = width(t->cells[i]), column = i % t->columns;
		widest[column] = w > widest[column] ? w : widest[column];
	}
	for (size_t i = 0; i < t->n; i++) {
		size_t column = i % t->columns;
		buf_str(out, t->cells[i]);
		if (column + 1 == t->columns) {
			buf_putc(out, '\n');
			continue;
		}
		for (size_t k = width(t->cells[i]); k < widest[column] + t->gap; k++)
			buf_putc(out, ' ');
	}
}

void table_done(struct table *t)
{
	mem_free(t->cells);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two passes: the widest cell of each column, then the rows. Nothing is cut, so output can be piped. */
#include "builder/cli/columns.h"

#include <stdarg.h>
#include <stdio.h>

enum { GAP = 3 };

void columns_init(struct columns *t, struct arena *a, const char *const *headings, size_t ncolumns)
{
	*t = (struct columns){.arena = a, .ncolumns = ncolumns};
	for (size_t i = 0; i < ncolumns; i++)
		columns_add(t, str_of(headings[i]));
}

void columns_add(struct columns *t, struct str cell)
{
	ARENA_ROOM(t->arena, t->cells, t->n, t->cap);
	struct buf text cleanup_buf = {0};
	buf_clean(&text, cell, false);
	t->cells[t->n++] = arena_str(t->arena, buf_view(&text));
}

void columns_addf(struct columns *t, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	columns_add(t, str_of(text));
}

/* Code points, not bytes: good enough for names. */
static size_t width(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

void columns_print(const struct columns *t, struct buf *out)
{
	size_t widest[COLUMNS_MAX] = {0};

	for (size_t i = 0; i < t->n; i++) {
		size_t w = width(t->cells[i]), c = i % t->ncolumns;

		if (w > widest[c])
			widest[c] = w;
	}
	for (size_t i = 0; i < t->n; i++) {
		size_t c = i % t->ncolumns;

		buf_str(out, t->cells[i]);
		if (c + 1 == t->ncolumns)
			buf_putc(out, '\n');
		else
			buf_printf(out, "%*s", (int)(widest[c] - width(t->cells[i]) + GAP), "");
	}
}

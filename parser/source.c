/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the file that a message is about, in the form people know from other builders: a heading, the lines
 * around, the guilty ones marked. We add a caret under the column. Lines are found by walking over the text: this
 * happens once a build at most. Control characters are not handed on to the terminal.
 */
#include "base/buf.h"
#include "parser/parse.h"
#include "parser/runes.h"

static const char rule[] = "--------------------\n";
enum { LINE_SHOWN = 400, RANGE_SHOWN = 40 };

static int count_lines(struct str text)
{
	int n = 1;
	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == '\n';
	return n;
}

/* Widens the range as far as two or four lines in sum, one on either side at a time. */
static void widen(int *first, int *last, int lines)
{
	int pad = *first == *last ? 4 : 2;
	for (int p = 0; p < pad; p++) {
		if (*first > 1) {
			--*first;
			p++;
		}
		if (*last < lines) {
			++*last;
			p++;
		}
	}
}

static void put_line(struct str line, size_t limit, struct buf *out)
{
	size_t i = 0, n;
	for (; i < line.len && i < limit; i += n) {
		uint32_t c;
		n = rune_next(str_from(line, i), &c);
		if (c == '\t' || (rune_shown(c) && (c < 0x80 || n > 1)))
			buf_add(out, line.p + i, n);
		else
			buf_putc(out, '?');
	}
	if (i < line.len)
		buf_puts(out, "...");
}

/* Under column `col` of the line; tabs are repeated so that it stands right whatever their width. */
static void put_caret(struct str line, int col, struct buf *out)
{
	buf_puts(out, "     |     ");
	for (int i = 0; i < col - 1 && i < (int)line.len; i++)
		if (line.p[i] == '\t')
			buf_putc(out, '\t');
		else if (((unsigned char)line.p[i] & 0xC0) != 0x80)
			buf_putc(out, ' ');
	buf_puts(out, "^\n");
}

void cf_excerpt(struct str text, const char *file, int first, int last, int col, struct buf *out)
{
	int lines = count_lines(text), from, to;
	if (str_starts(text, STR("\xEF\xBB\xBF")))
		text = str_from(text, 3);
	if (first < 1 || first > lines)
		return;
	last = last < first ? first : last > lines ? lines : last;
	from = first;
	to = last;
	widen(&from, &to, lines);
	buf_printf(out, "%s:%d\n%s", file, first, rule);
	struct str rest = text, line = {0};
	for (int i = 1; i <= to; i++) {
		if (!str_split(&rest, '\n', &line))
			line = (struct str){"", 0};
		if (i < from ||
		    (i > first + RANGE_SHOWN / 2 && i < last - RANGE_SHOWN / 2 && last - first > RANGE_SHOWN))
			continue;
		if (line.len && line.p[line.len - 1] == '\r')
			line.len--;
		buf_printf(out, " %3d | %s ", i, i >= first && i <= last ? ">>>" : "   ");
		put_line(line, i == first && col > LINE_SHOWN ? (size_t)col : LINE_SHOWN, out);
		buf_putc(out, '\n');
		if (i == first && col > 0)
			put_caret(line, col, out);
		if (i == first + RANGE_SHOWN / 2 && last - first > RANGE_SHOWN)
			buf_puts(out, " ... |\n");
	}
	buf_puts(out, rule);
}

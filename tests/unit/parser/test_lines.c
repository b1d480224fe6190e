/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/mem.h"
#include "parser/lines.h"

static struct arena a;
static struct lines l;

static void begin(struct str text)
{
	lines_init(&l, text, &a);
}

static void done(void)
{
	lines_done(&l);
	arena_done(&a);
}

static void expect(const char *text, int first, int last)
{
	struct line line;
	struct err e;
	cr_assert_eq(lines_next(&l, &line, &e), 1);
	cr_assert(str_eqz(line.text, text), "got '%.*s'", STR_ARG(line.text));
	cr_assert_eq(line.first, first);
	cr_assert_eq(line.last, last);
}

static void expect_end(void)
{
	struct line line;
	struct err e;
	cr_assert_eq(lines_next(&l, &line, &e), 0);
}

Test(lines, one_physical_line_is_a_slice_of_the_text, .fini = done)
{
	struct str text = STR("  RUN x \n\nRUN y");
	struct line line;
	struct err e;
	begin(text);
	cr_assert_eq(lines_next(&l, &line, &e), 1);
	cr_assert_eq(line.text.p, text.p + 2);
	cr_assert(str_eqz(line.text, "RUN x "));
	expect("RUN y", 3, 3);
	expect_end();
	expect_end();
}

Test(lines, continued_lines_are_glued_without_anything_between, .fini = done)
{
	begin(STR("RUN a\\\nb \\ \t\n  c\nUSER x"));
	expect("RUN ab   c", 1, 3);
	expect("USER x", 4, 4);
}

Test(lines, doubled_escape_does_not_continue, .fini = done)
{
	begin(STR("RUN a\\\\\nRUN b\\\\\\\nRUN c"));
	expect("RUN a\\\\", 1, 1);
	expect("RUN b\\\\\\", 2, 2);
	expect("RUN c", 3, 3);
}

Test(lines, comments_and_blank_lines_do_not_end_a_continuation, .fini = done)
{
	struct line line;
	struct err e;
	begin(STR("RUN a \\\n# c \\\n\n  # d\n b\nUSER x\n"));
	cr_assert_eq(lines_next(&l, &line, &e), 1);
	cr_assert(str_eqz(line.text, "RUN a  b"));
	cr_assert(line.empty_continuation);
	cr_assert_eq(line.ncomments, 0);
	cr_assert_eq(line.last, 5);
	expect("USER x", 6, 6);
}

Test(lines, places_follow_the_pieces, .fini = done)
{
	struct line line;
	struct err e;
	int at, col;
	begin(STR("\n  RUN ab\\\n# c\n   cd\\\nef\n"));
	cr_assert_eq(lines_next(&l, &line, &e), 1);
	cr_assert(str_eqz(line.text, "RUN ab   cdef"));
	static const struct {
		size_t offset;
		int line, col;
	} places[] = {{0, 2, 3}, {5, 2, 8}, {6, 4, 1}, {9, 4, 4}, {11, 5, 1}, {12, 5, 2}, {13, 5, 3}};
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		line_place(&line, line.text.p + places[i].offset, &at, &col);
		cr_assert_eq(at, places[i].line, "offset %zu: line %d", places[i].offset, at);
		cr_assert_eq(col, places[i].col, "offset %zu: column %d", places[i].offset, col);
	}
}

Test(lines, byte_order_mark_is_no_column, .fini = done)
{
	struct line line;
	struct err e;
	begin(STR("\xEF\xBB\xBF FROM a\n\xEF\xBB\xBFRUN"));
	cr_assert_eq(lines_next(&l, &line, &e), 1);
	cr_assert_eq(line.pieces[0].col, 2);
	cr_assert(str_eqz(line.text, "FROM a"));
	expect("\xEF\xBB\xBFRUN", 2, 2); /* only at the top */
}

Test(lines, escape_directive_changes_continuation, .fini = done)
{
	begin(STR("#escape=`\nRUN a`\nb\\\nRUN c"));
	expect("RUN ab\\", 2, 3);
	expect("RUN c", 4, 4);
	cr_assert_eq(l.escape, '`');
}

Test(lines, raw_lines_keep_their_ends, .fini = done)
{
	struct str s;
	begin(STR("a\r\n\nb"));
	cr_assert(lines_raw(&l, &s) && str_eqz(s, "a\r\n"));
	cr_assert(lines_raw(&l, &s) && str_eqz(s, "\n"));
	cr_assert(lines_raw(&l, &s) && str_eqz(s, "b"));
	cr_assert_not(lines_raw(&l, &s));
	cr_assert_eq(l.line, 3);
}

Test(lines, a_huge_block_of_comments_is_cut, .fini = done)
{
	struct buf b = {0};
	struct line line;
	struct err e;
	for (int i = 0; i < LINES_COMMENTS_MAX + 100; i++)
		buf_printf(&b, "# %d\n", i);
	buf_puts(&b, "FROM a\n");
	begin(buf_view(&b));
	cr_assert_eq(lines_next(&l, &line, &e), 1);
	cr_assert_eq(line.ncomments, LINES_COMMENTS_MAX);
	cr_assert(str_eqz(line.comments[1], "1"));
	buf_done(&b);
}

Test(lines, an_instruction_of_too_many_lines_is_refused, .fini = done)
{
	struct buf b = {0};
	struct line line;
	struct err e = {0};
	for (int i = 0; i < LINES_PIECES_MAX + 10; i++)
		buf_puts(&b, "x\\\n");
	begin(buf_view(&b));
	cr_assert_eq(lines_next(&l, &line, &e), -ERR_LIMIT);
	cr_assert_eq(e.line, 1);
	buf_done(&b);
}

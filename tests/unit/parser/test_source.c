/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "parser/parse.h"

static void expect(const char *text, int first, int last, int col, const char *want)
{
	struct buf out = {0};
	buf_puts(&out, "");
	cf_excerpt(str_of(text), "f", first, last, col, &out);
	cr_assert_str_eq(out.p, want);
	buf_done(&out);
}

#define RULE "--------------------\n"

Test(source, one_line_has_two_on_either_side)
{
	expect("1\n2\n3\n4\n5\n6\n7\n", 4, 4, 0,
	    "f:4\n" RULE "   2 |     2\n   3 |     3\n   4 | >>> 4\n   5 |     5\n   6 |     6\n" RULE);
}

Test(source, several_lines_have_one_on_either_side)
{
	expect(
	    "1\n2\n3\n4\n5\n6", 3, 4, 0, "f:3\n" RULE "   2 |     2\n   3 | >>> 3\n   4 | >>> 4\n   5 |     5\n" RULE);
}

Test(source, ends_of_the_file_are_respected)
{
	expect("1", 1, 1, 1, "f:1\n" RULE "   1 | >>> 1\n     |     ^\n" RULE);
	expect("1\n2", 2, 9, 0, "f:2\n" RULE "   1 |     1\n   2 | >>> 2\n" RULE);
	expect("1\n2", 1, 0, 0, "f:1\n" RULE "   1 | >>> 1\n   2 |     2\n" RULE);
}

Test(source, places_outside_give_nothing)
{
	expect("1\n2", 0, 0, 1, "");
	expect("1\n2", 3, 3, 1, "");
	expect("", 0, 0, 0, "");
	expect("1", -5, 1, 1, "");
}

Test(source, caret_stands_under_its_character)
{
	expect("\ta b", 1, 1, 4, "f:1\n" RULE "   1 | >>> \ta b\n     |     \t  ^\n" RULE);
	expect("\xC3\xA9x", 1, 1, 3, "f:1\n" RULE "   1 | >>> \xC3\xA9x\n     |      ^\n" RULE);
	expect("ab", 1, 1, 99, "f:1\n" RULE "   1 | >>> ab\n     |       ^\n" RULE);
}

Test(source, nothing_that_a_terminal_obeys_comes_through)
{
	expect("a\x1B[1mb\x7F\xC2\x9B\xFF\r", 1, 1, 0, "f:1\n" RULE "   1 | >>> a?[1mb???\n" RULE);
}

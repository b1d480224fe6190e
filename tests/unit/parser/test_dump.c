/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "parser/dump.h"

Test(dump, strings_are_quoted_so_that_everything_is_seen)
{
	struct buf b = {0};
	dump_quote(&b, STR("a\"\\\n\t\r\a\b\f\v\0\x1F\x7F"
	                   "\xC3\xA9\xC2\xA0\xE2\x80\x8B\xF3\xA0\x80\x81\xFF\xC3"));
	cr_assert_str_eq(
	    b.p, "\"a\\\"\\\\\\n\\t\\r\\a\\b\\f\\v\\x00\\x1f\\x7f\xC3\xA9\\u00a0\\u200b\\U000e0001\\xff\\xc3\"");
	buf_done(&b);
}

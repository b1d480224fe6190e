/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/jval.h"

Test(jval, questions_can_be_chained)
{
	struct err e;
	cleanup_jval struct jval *j = NULL;
	cr_assert_eq(jval_parse(STR("{\"a\":{\"b\":[1,\"x\",true,null,2.5]}}"), &j, &e), 0, "%s", e.text);
	struct jval *list = jval_get(jval_get(j, "a"), "b");
	cr_assert_eq(jval_count(list), 5);
	cr_assert_eq(jval_int(jval_at(list, 0), -1), 1);
	cr_assert_str_eq(jval_text(jval_at(list, 1)), "x");
	cr_assert(jval_bool(jval_at(list, 2), false));
	cr_assert(jval_is_null(jval_at(list, 3)));
	cr_assert_float_eq(jval_real(jval_at(list, 4), 0), 2.5, 1e-9);
	cr_assert_null(jval_get(jval_get(jval_get(j, "no"), "no"), "no"));
	cr_assert_null(jval_text(jval_at(list, 0)));
	cr_assert_eq(jval_int(jval_at(list, 9), 42), 42);
	cr_assert(!jval_is_null(NULL));
}

Test(jval, strictness)
{
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
	    {"", 0},
	    {"{", 1},
	    {"{}x", 3},
	    {"{\"a\":1,\"a\":2}", 13},
	    {"[1,]", 4},
	    {"\"\xff\"", 3},
	    {"{\"a\\u0000\":1}", 13},
	    {"\"a\\u0000b\"", 10},
	    {"'a'", 3},
	    {"{a:1}", 5},
	    {"[01]", 4},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e;
		struct jval *j = NULL;
		cr_assert_eq(jval_parse((struct str){bad[i].text, bad[i].len}, &j, &e), -ERR_SYNTAX, "row %zu", i);
	}
}

static int parse_depth(int depth)
{
	struct err e;
	cleanup_buf struct buf b = {0};
	cleanup_jval struct jval *j = NULL;
	for (int i = 0; i < depth; i++)
		buf_putc(&b, '[');
	for (int i = 0; i < depth; i++)
		buf_putc(&b, ']');
	return jval_parse(buf_view(&b), &j, &e);
}

Test(jval, depth_is_limited)
{
	cr_assert_eq(parse_depth(60), 0);
	cr_assert_lt(parse_depth(70), 0);
	cr_assert_lt(parse_depth(100000), 0);
}

Test(jval, prints_in_order_of_insertion)
{
	cleanup_jval struct jval *j = jval_object();
	jval_set_text(j, "z", "1");
	jval_set(j, "a", jval_array());
	jval_append(jval_get(j, "a"), jval_integer(-5));
	jval_append(jval_get(j, "a"), jval_boolean(false));
	jval_append(jval_get(j, "a"), jval_null());
	jval_set_text(j, "gone", "x");
	jval_remove(j, "gone");
	cleanup_buf struct buf out = {0};
	jval_print(j, 0, &out);
	cr_assert_str_eq(out.p, "{\"z\":\"1\",\"a\":[-5,false,null]}");
}

Test(jval, print_and_parse_are_inverse)
{
	struct err e;
	cleanup_jval struct jval *j = jval_object(), *back = NULL, *copy = NULL;
	jval_set_str(j, "text", STR("q\"\\/\n\t\x01\xc3\xa9"));
	cleanup_buf struct buf one = {0}, two = {0}, three = {0};
	jval_print(j, 0, &one);
	cr_assert_eq(jval_parse(buf_view(&one), &back, &e), 0, "%s", e.text);
	cr_assert_str_eq(jval_get_text(back, "text"), "q\"\\/\n\t\x01\xc3\xa9");
	jval_print(back, 0, &two);
	cr_assert_str_eq(one.p, two.p);
	copy = jval_copy(back);
	jval_set_text(back, "text", "changed");
	jval_print(copy, 0, &three);
	cr_assert_str_eq(one.p, three.p);
}

Test(jval, bytes_that_are_no_utf8_are_replaced)
{
	cleanup_jval struct jval *j = jval_string(STR("a\xff"
	                                              "b"));
	cr_assert_str_eq(jval_text(j), "a\xef\xbf\xbd"
	                               "b");
}

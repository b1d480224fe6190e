/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/jval.h"
#include "parser/outline.h"
#include "parser/parse.h"

static struct cf *parse(const char *text)
{
	struct cf *cf = NULL;
	struct err e = {0};
	cr_assert_eq(cf_parse(str_of(text), "f", &cf, &e), 0, "%s", e.text);
	return cf;
}

Test(outline, a_build_argument_gives_the_value_and_keeps_the_place)
{
	cleanup_cf struct cf *cf = parse("FROM a\n# LEVEL is how much\nARG LEVEL=1\n");
	const struct pair args[] = {{.key = STR("LEVEL"), .value = STR("9"), .has_value = true}};
	struct survey_env env = {.build_args = args, .nbuild_args = 1};
	cleanup_outline struct outline o = {0};
	struct err e = {0};
	cr_assert_eq(outline_make(cf, &env, &o, &e), 0, "%s", e.text);
	cr_assert_eq(o.nargs, 1);
	cr_expect(str_eqz(o.args[0].value, "9") && str_eqz(o.args[0].description, "is how much") &&
	          o.args[0].where.line == 3);
}

Test(outline, a_secret_asked_for_twice_is_listed_once_and_required_if_one_is)
{
	cleanup_cf struct cf *cf =
	    parse("FROM a\nRUN --mount=type=secret,id=k x\nRUN --mount=type=secret,id=k,required x\n");
	struct survey_env env = {0};
	cleanup_outline struct outline o = {0};
	struct err e = {0};
	cr_assert_eq(outline_make(cf, &env, &o, &e), 0, "%s", e.text);
	cr_expect(o.nsecrets == 1 && o.secrets[0].required && o.secrets[0].where.line == 2);
}

Test(outline, stages_the_target_does_not_need_are_left_out)
{
	cleanup_cf struct cf *cf = parse("FROM a AS one\nARG x\nFROM a AS two\nARG y\nFROM a\nARG z\n");
	struct survey_env env = {.target = STR("two")};
	cleanup_outline struct outline o = {0};
	struct err e = {0};
	cr_assert_eq(outline_make(cf, &env, &o, &e), 0, "%s", e.text);
	cr_expect(o.nargs == 1 && str_eqz(o.args[0].name, "y") && str_eqz(o.name, "two"));
}

Test(outline, an_unknown_target_fails_with_a_suggestion)
{
	cleanup_cf struct cf *cf = parse("FROM a AS build\n");
	struct survey_env env = {.target = STR("bulid")};
	struct outline o;
	struct err e = {0};
	cr_expect_eq(outline_make(cf, &env, &o, &e), -ERR_NOT_FOUND);
	cr_expect_str_eq(e.text, "target stage \"bulid\" could not be found (did you mean build?)");
}

Test(outline, json_leaves_out_what_is_empty)
{
	cleanup_cf struct cf *cf = parse("FROM a\nARG x\n");
	struct survey_env env = {0};
	cleanup_outline struct outline o = {0};
	cleanup_buf struct buf b = {0};
	struct err e = {0};
	cr_assert_eq(outline_make(cf, &env, &o, &e), 0);
	cleanup_jval struct jval *j = outline_json(&o);
	jval_print(j, 0, &b);
	cr_expect_str_eq(b.p,
	    "{\"args\":[{\"name\":\"x\",\"location\":{\"ranges\":[{\"start\":{\"line\":2},\"end\":{\"line\":2}}]}}]}");
}

Test(outline, chains_of_very_many_stages_are_no_problem, .timeout = 30)
{
	cleanup_buf struct buf text = {0};
	buf_puts(&text, "FROM a AS s0\nARG v0=1\n");
	for (int i = 1; i < 5000; i++)
		buf_printf(&text, "FROM s%d AS s%d\nCOPY --from=s%d x y\nARG v%d=$v%d\n", i - 1, i, i - 1, i, i - 1);
	cleanup_cf struct cf *cf = parse(text.p);
	struct survey_env env = {0};
	cleanup_outline struct outline o = {0};
	struct err e = {0};
	cr_assert_eq(outline_make(cf, &env, &o, &e), 0, "%s", e.text);
	cr_expect_eq(o.nargs, 5000);
	cr_expect(str_eqz(o.args[4999].value, "1"));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/syntax.h"

static const struct {
	const char *text;
	enum jsonargs kind;
	size_t n;
} cases[] = {
    {"[]", JSONARGS_ARRAY, 0},
    {" [ ] ", JSONARGS_ARRAY, 0},
    {"[\"a\"]", JSONARGS_ARRAY, 1},
    {"[\"a\" , \"\"]", JSONARGS_ARRAY, 2},
    {"[\"]\", \",\"]", JSONARGS_ARRAY, 2},
    {"[[]]", JSONARGS_NOT_STRINGS, 0},
    {"[\"a\", {}]", JSONARGS_NOT_STRINGS, 0},
    {"[{\"a\": [1, 2.5e-3, {\"b\": null}], \"c\": \"d\"}, \"e\"]", JSONARGS_NOT_STRINGS, 0},
    {"[true, false, null, -0, 0.5, 1E+2]", JSONARGS_NOT_STRINGS, 0},
    {"", JSONARGS_NONE, 0},
    {"a", JSONARGS_NONE, 0},
    {"[", JSONARGS_NONE, 0},
    {"[\"a\"", JSONARGS_NONE, 0},
    {"[\"a\"]]", JSONARGS_NONE, 0},
    {"[\"a\",]", JSONARGS_NONE, 0},
    {"[,]", JSONARGS_NONE, 0},
    {"[\"a\"}", JSONARGS_NONE, 0},
    {"[{\"a\"}]", JSONARGS_NONE, 0},
    {"[{\"a\":}]", JSONARGS_NONE, 0},
    {"[{\"a\":1,}]", JSONARGS_NONE, 0},
    {"[{a:1}]", JSONARGS_NONE, 0},
    {"[{]", JSONARGS_NONE, 0},
    {"[\"a\\\"]", JSONARGS_NONE, 0},
    {"[\"\\u12g4\"]", JSONARGS_NONE, 0},
    {"[\"\\u123", JSONARGS_NONE, 0},
    {"[01]", JSONARGS_NONE, 0},
    {"[1.]", JSONARGS_NONE, 0},
    {"[-]", JSONARGS_NONE, 0},
    {"[1e]", JSONARGS_NONE, 0},
    {"[nul]", JSONARGS_NONE, 0},
    {"[truex]", JSONARGS_NONE, 0},
    {"[\"a\tb\"]", JSONARGS_NONE, 0},
    {"{\"a\": 1}", JSONARGS_NONE, 0},
};

Test(jsonargs, only_one_whole_array_counts)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arena a = {0};
		struct words w = {0};
		struct err e;
		enum jsonargs kind;
		cr_assert_eq(jsonargs_parse(&a, str_of(cases[i].text), &kind, &w, &e), 0);
		cr_assert_eq(kind, cases[i].kind, "%s", cases[i].text);
		cr_assert_eq(w.n, cases[i].n, "%s", cases[i].text);
		arena_done(&a);
	}
}

Test(jsonargs, escapes_and_broken_text_are_decoded)
{
	struct arena a = {0};
	struct words w = {0};
	struct err e;
	enum jsonargs kind;
	struct str text = STR("[\"\\ud83c\\udf5e\\ud83c\\u0041\\udf5e\\\"\\/\", \"\xFF\xC3\xA9\", \"\\u0000b\"]");
	cr_assert_eq(jsonargs_parse(&a, text, &kind, &w, &e), 0);
	cr_assert_eq(kind, JSONARGS_ARRAY);
	cr_assert(str_eqz(w.w[0].text, "\xF0\x9F\x8D\x9E\xEF\xBF\xBD"
	                               "A\xEF\xBF\xBD\"/"));
	cr_assert(str_eqz(w.w[1].text, "\xEF\xBF\xBD\xC3\xA9"));
	cr_assert(str_eq(w.w[2].text, STR("\0b")));
	arena_done(&a);
}

Test(jsonargs, depth_needs_no_stack_and_has_an_end)
{
	static const size_t depths[] = {5000, 100000};
	for (size_t i = 0; i < 2; i++) {
		struct arena a = {0};
		struct words w = {0};
		struct err e;
		enum jsonargs kind;
		size_t n = depths[i];
		char *text = mem_array(2 * n + 1, 1);
		memset(text, '[', n);
		memset(text + n, ']', n);
		cr_assert_eq(jsonargs_parse(&a, (struct str){text, 2 * n}, &kind, &w, &e), 0);
		cr_assert_eq(kind, i ? JSONARGS_NONE : JSONARGS_NOT_STRINGS);
		mem_free(text);
		arena_done(&a);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "parser/pattern.h"

static const struct {
	const char *pattern, *value;
	bool suffix, longest;
	const char *left;
} cuts[] = {
    {"a", "abc", false, false, "bc"},
    {"b", "abc", false, false, "abc"},
    {"*b", "abcb", false, false, "cb"},
    {"*b", "abcb", false, true, ""},
    {"?", "abc", false, false, "bc"},
    {"?", "\xC3\xA9x", false, false, "x"},
    {"?", "\xFFx", false, false, "x"},
    {"?", "\nx", false, false, "\nx"},
    {"*", "ab\ncd", false, true, "\ncd"},
    {"*", "abc", false, false, "abc"},
    {"*\ncd", "ab\ncd", false, true, ""},
    {"", "abc", false, true, "abc"},
    {"[a]", "[a]b", false, false, "b"},
    {"\\*", "*a", false, false, "a"},
    {"\\?\\\\", "?\\a", false, false, "a"},
    {"\\}\\/", "}/a", false, false, "a"},
    {"c", "abc", true, false, "ab"},
    {".*", "a.tar.gz", true, false, "a.tar"},
    {".*", "a.tar.gz", true, true, "a"},
    {"?", "x\xC3\xA9", true, false, "x"},
    {"b*", "abcb", true, false, "abc"},
    {"b*", "abcb", true, true, "a"},
    {"*", "ab\ncd", true, true, "ab\n"},
    {"a\\*", "xa*", true, false, "x"},
    {"abc", "", true, true, ""},
    {"*a*b*", "xxaxxbxx", false, true, ""},
    {"*a*b", "xaxbxb", false, false, "xb"},
};

Test(pattern, cutting_takes_the_shortest_or_longest_end)
{
	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		struct str left;
		struct err e;
		cr_assert_eq(pattern_cut(str_of(cuts[i].pattern), str_of(cuts[i].value), cuts[i].suffix,
		                 cuts[i].longest, &left, &e),
		    0);
		cr_assert(str_eqz(left, cuts[i].left), "case %zu leaves '%.*s'", i, STR_ARG(left));
	}
}

static const struct {
	const char *pattern, *value, *with;
	bool all;
	const char *result;
} replacements[] = {
    {"o", "foo", "0", false, "f0o"},
    {"o", "foo", "0", true, "f00"},
    {"x", "foo", "0", true, "foo"},
    {"*", "foo", "x", false, "x"},
    {"*", "foo", "x", true, "x"},
    {"*", "a\nb", "x", true, "x\nx"},
    {"", "ab", "-", false, "-ab"},
    {"", "ab", "-", true, "-a-b-"},
    {"", "", "-", true, "-"},
    {"a*b", "xabab", "-", true, "x-"},
    {"??", "abcde", "-", true, "--e"},
    {"/", "a/b/c", "$1\\", true, "a$1\\b$1\\c"},
    {"a", "aaa", "", true, ""},
    {"b*", "abcb", "x", false, "ax"},
    {"\xC3\xA9", "x\xC3\xA9y", "e", true, "xey"},
};

Test(pattern, replacing_takes_the_longest_match)
{
	for (size_t i = 0; i < sizeof(replacements) / sizeof(*replacements); i++) {
		struct buf out = {0};
		struct err e;
		cr_assert_eq(pattern_replace(str_of(replacements[i].pattern), str_of(replacements[i].value),
		                 str_of(replacements[i].with), replacements[i].all, &out, &e),
		    0);
		cr_assert_str_eq(out.p, replacements[i].result, "case %zu", i);
		buf_done(&out);
	}
}

Test(pattern, other_escapes_are_refused)
{
	static const char *const bad[] = {"\\a", "a\\", "\\[", "\\\xC3\xA9"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct str left;
		struct err e;
		cr_assert_eq(pattern_cut(str_of(bad[i]), STR("x"), false, false, &left, &e), -ERR_SYNTAX, "%s", bad[i]);
	}
}

Test(pattern, hostile_products_end_in_a_limit)
{
	struct buf pattern = {0}, value = {0}, out = {0};
	struct err e;
	for (int i = 0; i < 20000; i++)
		buf_puts(&pattern, "*a");
	for (int i = 0; i < 200000; i++)
		buf_puts(&value, "aab");
	cr_assert_eq(pattern_replace(buf_view(&pattern), buf_view(&value), STR("x"), true, &out, &e), -ERR_LIMIT);
	buf_done(&pattern);
	buf_done(&value);
	buf_done(&out);
}

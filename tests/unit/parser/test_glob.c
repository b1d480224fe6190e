/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/ignore.h"

static const struct {
	const char *pattern, *name;
	bool match;
} globs[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", ".dot", true},
    {"*", "a/b", false},
    {"a*", "a", true},
    {"*a*", "banana", true},
    {"*.tar.*", "x.tar.gz", true},
    {"*.tar.*", "x.tgz", false},
    {"?b",
        "\xC3\xA9"
        "b",
        true},
    {"?", "\xFF", true},
    {"?", "/", false},
    {"a?c", "a/c", false},
    {"[a-c]x", "bx", true},
    {"[c-a]", "b", false},
    {"[^a-c]x", "bx", false},
    {"[^a]", "\xE2\x82\xAC", true},
    {"[\\]-_]x", "^x", true},
    {"[\\]]", "]", true},
    {"[[]", "[", true},
    {"[!a]", "a", true},
    {"**/x", "a/x", true},
    {"**/x", "a/b/x", false},
    {"\\*", "*", true},
    {"\\*", "x", false},
    {"a\\b", "ab", true},
    {"]", "]", true},
    {"a-b", "a-b", true},
    {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    {"*/b", "a/b", true},
    {"*/b", "a/c/b", false},
};

Test(glob, patterns_match_one_level_a_component)
{
	for (size_t i = 0; i < ARRAY_LEN(globs); i++) {
		struct err e = {0};
		bool match = !globs[i].match;
		cr_expect_eq(glob_match(str_of(globs[i].pattern), str_of(globs[i].name), &match, &e), 0, "%s: %s",
		    globs[i].pattern, e.text);
		cr_expect_eq(match, globs[i].match, "%s on %s", globs[i].pattern, globs[i].name);
	}
}

Test(glob, a_broken_pattern_is_an_error_whatever_the_name)
{
	static const char *const wrong[] = {
	    "[", "[a", "[]", "[^]", "[a-]", "[-a]", "[a-b-c]", "\\", "a\\", "x[\\]", "zz/[a"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = {0};
		bool match;
		cr_expect_eq(
		    glob_match(str_of(wrong[i]), STR("nothing like it"), &match, &e), -ERR_SYNTAX, "%s", wrong[i]);
	}
}

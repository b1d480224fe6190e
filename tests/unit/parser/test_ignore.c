/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/mem.h"
#include "parser/ignore.h"

static struct ignore *list(const char *text)
{
	struct ignore *ig = NULL;
	struct err e = {0};
	cr_assert_eq(ignore_parse(str_of(text), &ig, &e), 0, "%s: %s", text, e.text);
	return ig;
}

static const struct {
	const char *file, *path;
	bool ignored;
} decisions[] = {
    {"node_modules", "node_modules", true},
    {"node_modules", "node_modules/a/b.js", true},
    {"node_modules", "web/node_modules", false},
    {"**/node_modules", "web/node_modules/x", true},
    {"**/node_modules", "my_node_modules", false},
    {"/node_modules/", "node_modules/a", true},
    {"*.log", "a.log", true},
    {"*.log", "logs/a.log", false},
    {"*.log", "a.log/inside", true},
    {"**/*.log", "logs/old/a.log", true},
    {"**/*.log", ".log", true},
    {"**.log", "logs/a.log", true},
    {"build/**", "build", false},
    {"build/**", "build/x", true},
    {"build/**", "builder/x", false},
    {"b**", "beta/x", true},
    {"a/**/z", "a/z", true},
    {"a/**/z", "a/b/c/z", true},
    {"a/**/z", "az", false},
    {"a**z", "az", true},
    {"a**z", "abz", false},
    {"a**z", "ab/z", true},
    {"**", "anything/at/all", true},
    {"*", ".hidden", true},
    {"?", "ab", false},
    {"d?r/[a-c]*", "dir/beta", true},
    {"d?r/[^a-c]*", "dir/beta", false},
    {"[!a]", "!", true}, /* '!' does not negate */
    {"\\!keep", "!keep", true},
    {"\\#keep", "#keep", true},
    {"a\\d", "ad", true}, /* an escaped letter is that letter */
    {"a\\d", "a1", false},
    {"A", "a", false},
    {"d\n!d/keep", "d/keep", false},
    {"d\n!d/keep", "d/other", true},
    {"d\n!d/keep", "d", true},
    {"d\n!d/keep\nd/keep/not", "d/keep/not/x", true},
    {"!a\na", "a", true},
    {"*\n!src\n!*.md", "src/deep/file", false},
    {"*\n!src\n!*.md", "README.md", false},
    {"*\n!src\n!*.md", "doc/README.md", true},
    {"  spaced  \r\n", "spaced", true},
    {"# a", "# a", false},
    {" # a", "# a", true},
    {"! b\nb", "b", true},
    {"b\n!  ./b//", "b", false},
    {"x/../y/./z", "y/z", true},
    {"\xEF\xBB\xBFmarked", "marked", true},
    {"caf\xC3\xA9?", "caf\xC3\xA9\xC3\xA9", true},
    {"[\xCE\xB1-\xCF\x89]", "\xCE\xB2", true},
};

Test(ignore, the_last_pattern_that_matches_the_path_or_a_parent_decides)
{
	for (size_t i = 0; i < ARRAY_LEN(decisions); i++) {
		cleanup_ignore struct ignore *ig = list(decisions[i].file);
		struct str path = str_of(decisions[i].path);
		cr_expect_eq(ignore_match(ig, path, NULL), decisions[i].ignored, "'%s' in '%s'", decisions[i].path,
		    decisions[i].file);
	}
}

Test(ignore, an_empty_file_ignores_nothing)
{
	cleanup_ignore struct ignore *ig = list("\n# only this\n\n");
	cr_expect_eq(ignore_count(ig), 0);
	cr_expect_not(ignore_match(ig, STR("a"), NULL));
	cr_expect_not(ignore_may_prune(ig, STR("a")));
}

Test(ignore, the_deciding_pattern_is_told_with_its_line)
{
	cleanup_ignore struct ignore *ig = list("# first\n\nd\n!d/keep\n");
	int n = -2, line = 0;
	cr_expect(ignore_match(ig, STR("d/x"), &n) && n == 0);
	cr_expect(str_eqz(ignore_pattern_text(ig, n, &line), "d") && line == 3);
	cr_expect_not(ignore_match(ig, STR("d/keep/x"), &n));
	cr_expect(n == 1 && str_eqz(ignore_pattern_text(ig, n, &line), "!d/keep") && line == 4);
	cr_expect_not(ignore_match(ig, STR("other"), &n));
	cr_expect_eq(n, -1);
	cr_expect(ignore_has_exceptions(ig));
}

Test(ignore, broken_patterns_are_errors_with_their_line)
{
	static const char *const wrong[] = {
	    "ok\n[a", "ok\n!", "ok\n! ", "ok\na\\", "ok\n[]", "ok\n[a-]", "ok\n[^]", "ok\n[b-\\]"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct ignore *ig = NULL;
		struct err e = {0};
		cr_expect_eq(ignore_parse(str_of(wrong[i]), &ig, &e), -ERR_SYNTAX, "%s", wrong[i]);
		cr_expect_eq(e.line, 2, "%s", wrong[i]);
		cr_expect_null(ig);
	}
}

Test(ignore, folders_are_skipped_only_when_nothing_below_can_come_back)
{
	static const struct {
		const char *file, *folder;
		bool skipped;
	} cases[] = {
	    {"d", "d", true},
	    {"d", "other", false},
	    {"d", "d/deep", true},
	    {"d\n!d/keep", "d", false},
	    {"d\n!d/keep", "d/other", true},
	    {"d\n!d/a/b/c", "d/a", false},
	    {"d\n!d/a/b/c", "d/a/b", false},
	    {"d\n!d/a/b/c", "d/ab", true},
	    {"d\n!e", "d", true},
	    {"d\n!dd/x", "d", true},
	    {"!d/keep\nd", "d", true}, /* overruled from the start */
	    {"*\n!*.md", "src", true},
	    {"*\n!**/*.md", "src", false},
	    {"*\n!src/*.c", "src", false},
	    {"*\n!src/*.c", "lib", true},
	    {"*\n!s*/x", "src", false},
	    {"*\n!s*/x", "src/x2", true},
	    {"d\n!d/**", "d", false},
	    {"*\n!keep**", "kee", true},
	    {"*\n!keep/**/z", "keep/a/b", false},
	    {"**\n!a/?/c", "a/b", false},
	    {"**\n!a/?/c", "a/bb", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_ignore struct ignore *ig = list(cases[i].file);
		cr_expect_eq(ignore_may_prune(ig, str_of(cases[i].folder)), cases[i].skipped, "'%s' with '%s'",
		    cases[i].folder, cases[i].file);
	}
}

Test(ignore, patterns_of_exclude_keep_a_leading_slash_and_so_never_match)
{
	const struct str patterns[] = {STR("/a"), STR(" b/ "), STR(""), STR("!b/c")};
	cleanup_ignore struct ignore *ig = NULL;
	struct err e = {0};
	cr_assert_eq(ignore_new(patterns, ARRAY_LEN(patterns), &ig, &e), 0, "%s", e.text);
	cr_expect_eq(ignore_count(ig), 3);
	cr_expect_not(ignore_match(ig, STR("a"), NULL));
	cr_expect(ignore_match(ig, STR("b/x"), NULL));
	cr_expect_not(ignore_match(ig, STR("b/c"), NULL));
}

Test(ignore, any_number_of_patterns_is_asked)
{
	cleanup_buf struct buf text = {0};
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "f%d\n!f%d/keep\n", i, i);
	cleanup_ignore struct ignore *ig = list(text.p);
	cr_expect(ignore_match(ig, STR("f99/x"), NULL));
	cr_expect_not(ignore_match(ig, STR("f99/keep/x"), NULL));
	cr_expect_not(ignore_match(ig, STR("g"), NULL));
}

Test(ignore, a_nul_is_refused_with_its_line)
{
	struct ignore *ig = NULL;
	struct err e = {0};
	cr_expect_eq(ignore_parse(STR("a\nb\0c\n"), &ig, &e), -ERR_SYNTAX);
	cr_expect_eq(e.line, 2);
}

Test(ignore, texts_and_patterns_beyond_the_limits_are_refused)
{
	cleanup_buf struct buf text = {0};
	struct ignore *ig = NULL;
	struct err e = {0};
	for (int i = 0; i < 20000; i++)
		buf_putc(&text, '*');
	cr_expect_eq(ignore_parse(buf_view(&text), &ig, &e), -ERR_LIMIT);
	buf_need(&text, IGNORE_SIZE_MAX);
	while (text.len <= IGNORE_SIZE_MAX)
		buf_puts(&text, "\n\n\n\n\n\n\n\n");
	cr_expect_eq(ignore_parse(buf_view(&text), &ig, &e), -ERR_LIMIT);
}

Test(ignore, stars_without_end_do_not_take_time_without_end, .timeout = 10)
{
	cleanup_buf struct buf pattern = {0}, path = {0};
	for (int i = 0; i < 2000; i++)
		buf_puts(&pattern, "*a**/");
	buf_puts(&pattern, "b");
	for (int i = 0; i < 4000; i++)
		buf_putc(&path, i % 7 ? 'a' : '/');
	cleanup_ignore struct ignore *ig = NULL;
	struct err e = {0};
	cr_assert_eq(ignore_parse(buf_view(&pattern), &ig, &e), 0);
	cr_expect_not(ignore_match(ig, buf_view(&path), NULL));
}

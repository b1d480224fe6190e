/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/mem.h"
#include "parser/globpat.h"

static struct globpat compile(const char *text, struct arena *a)
{
	struct globpat p;
	struct err e = {0};
	cr_assert_eq(globpat_compile(str_of(text), a, &p, &e), 0, "%s: %s", text, e.text);
	return p;
}

Test(globpat, common_patterns_are_compared_as_text)
{
	static const struct {
		const char *text;
		enum globpat_kind kind;
		const char *lit;
	} cases[] = {{"a/b.c", GLOBPAT_EXACT, "a/b.c"}, {"a/**", GLOBPAT_PREFIX, "a/"}, {"a**", GLOBPAT_PREFIX, "a"},
	    {"**/a", GLOBPAT_SUFFIX, "/a"}, {"**a", GLOBPAT_SUFFIX, "a"}, {"**", GLOBPAT_SUFFIX, ""},
	    {"*.o", GLOBPAT_STAR, ".o"}, {"**/*.o", GLOBPAT_TAIL, ".o"}, {"a/*.o", GLOBPAT_GENERAL, "a/"},
	    {"\\a", GLOBPAT_GENERAL, ""}, {"**/*.d/x", GLOBPAT_GENERAL, ""}, {"a\xFF", GLOBPAT_GENERAL, "a"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_arena struct arena a = {0};
		struct globpat p = compile(cases[i].text, &a);
		cr_expect_eq(p.kind, cases[i].kind, "%s", cases[i].text);
		cr_expect(str_eqz(p.lit, cases[i].lit), "%s", cases[i].text);
	}
}

Test(globpat, a_character_is_never_matched_in_halves)
{
	cleanup_arena struct arena a = {0};
	struct globpat p = compile("a\xC3?", &a);
	cr_expect_not(globpat_match(&p, STR("a\xC3\xA9")));
	cr_expect(globpat_match(&p, STR("a\xC3x")));
	p = compile("*\xBB\xBF*", &a);
	cr_expect_not(globpat_match(&p, STR("x\xEF\xBB\xBFx")));
	cr_expect(globpat_match(&p, STR("x\xBB\xBFx")));
}

Test(globpat, every_kind_knows_its_parents)
{
	static const struct {
		const char *text, *path;
		bool self, up;
	} cases[] = {{"a/b", "a/b/c", false, true}, {"a/b", "a/bc", false, false}, {"a/**", "a/b/c", true, true},
	    {"**/b", "a/b/c", false, true}, {"**/b", "ab/c", false, false}, {"*.d", "x.d/y", false, true},
	    {"*.d", "x/y.d", false, false}, {"**/*.d", "x/y.d/z", false, true}, {"a/*", "a/b/c", false, true},
	    {"a/?/c", "a/b/c", true, true}, {"a/?/c", "a/b/c/d/e", false, true}, {"[ab]*/x", "ba/x/y", false, true}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_arena struct arena a = {0};
		struct globpat p = compile(cases[i].text, &a);
		cr_expect_eq(
		    globpat_match(&p, str_of(cases[i].path)), cases[i].self, "%s on %s", cases[i].text, cases[i].path);
		cr_expect_eq(globpat_match_up(&p, str_of(cases[i].path)), cases[i].up, "%s above %s", cases[i].text,
		    cases[i].path);
	}
}

Test(globpat, patterns_of_many_positions_work_as_well)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf text = {0}, path = {0};
	for (int i = 0; i < 300; i++) {
		buf_puts(&text, "?*");
		buf_puts(&path, "xyz");
	}
	struct globpat p = compile(text.p, &a);
	cr_expect(globpat_match(&p, buf_view(&path)));
	cr_expect_not(globpat_match(&p, str_sub(buf_view(&path), 0, 299)));
	cr_expect(globpat_match(&p, str_sub(buf_view(&path), 0, 300)));
}

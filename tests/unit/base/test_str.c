/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/str.h"

Test(str, comparing)
{
	cr_assert(str_eq(STR("ab"), STR("ab")));
	cr_assert(!str_eq(STR("ab"), STR("abc")));
	cr_assert(str_eq((struct str){NULL, 0}, STR("")));
	cr_assert(str_ieq(STR("FROM"), STR("from")));
	cr_assert(!str_ieq(STR("FROM"), STR("frox")));
	cr_assert(str_eqz(STR("x"), "x"));
	cr_assert(!str_eqz(STR("x\0y"), "x"));
	cr_assert_lt(str_cmp(STR("a"), STR("ab")), 0);
	cr_assert_gt(str_cmp(STR("\xff"), STR("a")), 0);
	cr_assert_eq(str_cmp(STR("a"), STR("a")), 0);
}

Test(str, beginnings_and_ends)
{
	cr_assert(str_starts(STR("sha256:x"), STR("sha256:")));
	cr_assert(!str_starts(STR("sh"), STR("sha")));
	cr_assert(str_ends(STR("a.tar"), STR(".tar")));
	cr_assert(!str_ends(STR("r"), STR(".tar")));
	cr_assert(str_starts(STR("x"), STR("")));
}

Test(str, trim_takes_blanks_of_both_sides)
{
	cr_assert(str_eqz(str_trim(STR(" \t a b\r\n")), "a b"));
	cr_assert_eq(str_trim(STR(" \n ")).len, 0);
	cr_assert_eq(str_trim((struct str){NULL, 0}).len, 0);
}

Test(str, find_first_and_last)
{
	cr_assert_eq(str_find(STR("a/b/c"), '/'), 1);
	cr_assert_eq(str_rfind(STR("a/b/c"), '/'), 3);
	cr_assert_eq(str_find(STR("abc"), '/'), -1);
	cr_assert_eq(str_rfind(STR(""), '/'), -1);
}

Test(str, split_gives_every_part_also_empty_ones)
{
	static const char *const want[] = {"a", "", "b", ""};
	struct str rest = STR("a,,b,"), part;
	size_t n = 0;
	while (str_split(&rest, ',', &part)) {
		cr_assert_lt(n, 4);
		cr_assert(str_eqz(part, want[n]), "part %zu", n);
		n++;
	}
	cr_assert_eq(n, 4);
}

Test(str, numbers)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool good;
		uint64_t value;
	} rows[] = {
	    {"0", 10, true, 0},
	    {"10", 10, true, 10},
	    {"11", 10, false, 0},
	    {"", 10, false, 0},
	    {"-1", 10, false, 0},
	    {"1 ", 10, false, 0},
	    {"0x1", 100, false, 0},
	    {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
	    {"18446744073709551616", UINT64_MAX, false, 0},
	    {"99999999999999999999999", UINT64_MAX, false, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = 77;
		cr_assert_eq(str_u64(str_of(rows[i].text), rows[i].max, &v), rows[i].good, "\"%s\"", rows[i].text);
		if (rows[i].good)
			cr_assert_eq(v, rows[i].value);
	}
}

Test(str, suggestions_are_near)
{
	static const char *const names[] = {"FROM", "COPY", "RUN"};
	cr_assert_eq(str_distance(STR("COPY"), STR("COPPY")), 1);
	cr_assert_eq(str_distance(STR("kitten"), STR("sitting")), 3);
	cr_assert_eq(str_distance(STR("RNU"), STR("RUN")), 1);
	cr_assert_eq(str_distance(STR("ab"), STR("ba")), 1);
	cr_assert_eq(str_distance(STR("xab"), STR("bay")), 2);
	cr_assert_eq(str_distance(STR("ca"), STR("abc")), 3);
	cr_assert_eq(str_distance(STR("cahce"), STR("cache")), 1);
	cr_assert_eq(str_distance(STR(""), STR("abc")), 3);
	cr_assert_str_eq(str_suggest(STR("COPPY"), names, 3), "COPY");
	cr_assert_null(str_suggest(STR("COPY"), names, 3));
	static const char *const swapped[] = {"ENV", "RUN"};
	cr_assert_str_eq(str_suggest(STR("RNU"), swapped, 2), "RUN");
	cr_assert_null(str_suggest(STR("ENTRYPOINT"), names, 3));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "parser/syntax.h"

static const struct {
	const char *text;
	char escape;
	const char *flags, *rest; /* flags joined by '|' */
} cases[] = {
    {"a --b", '\\', "", "a --b"},
    {"--a --b=c d", '\\', "--a|--b=c", "d"},
    {"  --a\t\v--b", '\\', "--a|--b", ""},
    {"-- --a", '\\', "", " --a"},
    {"--a -- --b", '\\', "--a", " --b"},
    {"--a=\"b c\" d", '\\', "--a=b c", "d"},
    {"--a='b \"c' d", '\\', "--a=b \"c", "d"},
    {"--a=b\\ c d", '\\', "--a=b c", "d"},
    {"--a=b\\ c d", '`', "--a=b\\", "c d"},
    {"--a=b` c d", '`', "--a=b c", "d"},
    {"--a='b\\'c' d", '\\', "--a=b'c", "d"},
    {"--a=\"b", '\\', "--a=b", ""},
    {"--a\\", '\\', "--a", ""},
    {"--a=\"\"", '\\', "--a=", ""},
    {"\"--a\" b", '\\', "", "\"--a\" b"},
    {"-a --b", '\\', "", "-a --b"},
    {"--\"\" x", '\\', "", " x"},
    {"", '\\', "", ""},
};

Test(flags, words_with_two_dashes_are_cut_off_the_front)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arena a = {0};
		struct words w = {0};
		struct err e;
		struct buf joined = {0};
		struct str rest = str_of(cases[i].text);
		cr_assert_eq(flags_cut(&a, cases[i].escape, &rest, &w, &e), 0);
		buf_puts(&joined, "");
		for (size_t k = 0; k < w.n; k++)
			buf_printf(&joined, "%s%.*s", k ? "|" : "", STR_ARG(w.w[k].text));
		cr_assert_str_eq(joined.p, cases[i].flags, "%s gives '%s'", cases[i].text, joined.p);
		cr_assert(str_eqz(rest, cases[i].rest), "%s leaves '%.*s'", cases[i].text, STR_ARG(rest));
		buf_done(&joined);
		arena_done(&a);
	}
}

Test(flags, places_are_those_of_the_first_byte)
{
	struct arena a = {0};
	struct words w = {0};
	struct err e;
	struct str text = STR(" --a  --\"b\" x"), rest = text;
	cr_assert_eq(flags_cut(&a, '\\', &rest, &w, &e), 0);
	cr_assert_eq(w.w[0].at - text.p, 1);
	cr_assert_eq(w.w[1].at - text.p, 6);
	arena_done(&a);
}

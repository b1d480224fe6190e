/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/values.h"

static const struct {
	const char *text;
	int64_t ns;
	const char *printed;
} durations[] = {
    {"0", 0, "0s"},
    {"-0", 0, "0s"},
    {"1ns", 1, "1ns"},
    {"1500ns", 1500, "1.5\xc2\xb5s"},
    {"2\xce\xbcs", 2000, "2\xc2\xb5s"},
    {"1.000001ms", 1000001, "1.000001ms"},
    {"0.25s", 250000000, "250ms"},
    {"90s", 90000000000, "1m30s"},
    {"2h", 7200000000000, "2h0m0s"},
    {"1m2m", 180000000000, "3m0s"},
    {"-1.5h", -5400000000000, "-1h30m0s"},
    {"3.00000000000000000000000000001s", 3000000000, "3s"},
    {"9223372036854775807ns", INT64_MAX, "2562047h47m16.854775807s"},
    {"-9223372036854775808ns", INT64_MIN, "-2562047h47m16.854775808s"},
};

Test(duration, texts_are_nanoseconds_and_print_as_go_does)
{
	for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
		cleanup_buf struct buf b = {0};
		struct err e = {0};
		int64_t ns = 1;
		cr_assert_eq(
		    duration_parse(str_of(durations[i].text), &ns, &e), 0, "%s: %s", durations[i].text, e.text);
		cr_expect_eq(ns, durations[i].ns, "%s", durations[i].text);
		duration_print(ns, &b);
		cr_expect_str_eq(b.p, durations[i].printed);
	}
}

Test(duration, what_does_not_fit_or_has_no_unit_is_refused)
{
	static const char *const wrong[] = {"", "-", "+", ".s", "1", "1 s", "s", "1w", "1sm", "--1s",
	    "9223372036854775808ns", "99999999999999999999h", "2562048h", "1.5", "0x1s"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = {0};
		int64_t ns;
		cr_expect_eq(duration_parse(str_of(wrong[i]), &ns, &e), -ERR_SYNTAX, "%s", wrong[i]);
		cr_expect(strstr(e.text, wrong[i]));
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "builder/cli/human.h"

static const struct {
	uint64_t bytes;
	int digits;
	const char *text;
} sizes[] = {
    {0, 3, "0B"},
    {999, 3, "999B"},
    {1000, 3, "1kB"},
    {2064000, 3, "2.06MB"},
    {11241, 4, "11.24kB"},
    {999999, 3, "1MB"},
    {999960000, 4, "1GB"},
    {123456789, 3, "123MB"},
    {UINT64_MAX, 3, "18.4EB"},
};

Test(human, sizes_are_decimal)
{
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct buf out = {0};

		human_size(sizes[i].bytes, sizes[i].digits, &out);
		cr_assert_str_eq(out.p, sizes[i].text, "%s", out.p);
		buf_done(&out);
	}
}

static const struct {
	int64_t seconds;
	const char *text;
} durations[] = {
    {-5, "Less than a second"},
    {0, "Less than a second"},
    {1, "1 second"},
    {59, "59 seconds"},
    {60, "About a minute"},
    {120, "2 minutes"},
    {3599, "59 minutes"},
    {3600, "About an hour"},
    {2 * 3600, "2 hours"},
    {47 * 3600, "47 hours"},
    {48 * 3600, "2 days"},
    {13 * 86400, "13 days"},
    {14 * 86400, "2 weeks"},
    {90 * 86400, "3 months"},
    {800 * 86400L, "2 years"},
};

Test(human, durations_are_worded_as_docker_does)
{
	for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
		struct buf out = {0};

		human_duration(durations[i].seconds, &out);
		cr_assert_str_eq(out.p, durations[i].text, "%s", out.p);
		buf_done(&out);
	}
}

static const struct {
	const char *text;
	int64_t seconds; /* -1: none */
} parses[] = {
    {"24h", 86400},
    {"1h30m", 5400},
    {"90s", 90},
    {"7d", 604800},
    {"2w", 1209600},
    {"1.5h", 5400},
    {"500ms", 0},
    {"", -1},
    {"h", -1},
    {"10", -1},
    {"1y", -1},
    {"-1h", -1},
    {"1h ", -1},
};

Test(human, durations_are_read)
{
	for (size_t i = 0; i < ARRAY_LEN(parses); i++) {
		int64_t seconds = -1;
		struct err e;

		cr_assert_eq(human_parse_duration(parses[i].text, &seconds, &e), parses[i].seconds < 0 ? -ERR_USAGE : 0,
		    "%s", parses[i].text);
		cr_assert_eq(seconds, parses[i].seconds, "%s", parses[i].text);
	}
}

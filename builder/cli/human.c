/* SPDX-License-Identifier: Apache-2.0 */
/* The wording is docker's, because scripts and eyes are used to it. */
#include "builder/cli/human.h"

#include <stdlib.h>
#include <time.h>

void human_size(uint64_t bytes, int digits, struct buf *out)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)bytes;
	size_t u = 0;

	/* 999.96 would be printed as 1e+03 */
	for (; v >= (u ? 999.5 : 1000) && u + 1 < ARRAY_LEN(units); u++)
		v /= 1000;
	buf_printf(out, "%.*g%s", digits, v, units[u]);
}

void human_duration(int64_t s, struct buf *out)
{
	static const struct {
		int64_t below, unit;
		const char *name;
	} steps[] = {
	    {60 * 60, 60, "minutes"},
	    {48 * 3600, 3600, "hours"},
	    {14 * 86400, 86400, "days"},
	    {60 * 86400, 7 * 86400, "weeks"},
	    {2 * 365 * 86400L, 30 * 86400, "months"},
	    {INT64_MAX, 365 * 86400L, "years"},
	};

	if (s < 1) {
		buf_puts(out, "Less than a second");
	} else if (s < 60) {
		buf_printf(out, s == 1 ? "1 second" : "%lld seconds", (long long)s);
	} else if (s < 120) {
		buf_puts(out, "About a minute");
	} else if (s >= 3600 && s < 90 * 60) {
		buf_puts(out, "About an hour");
	} else {
		for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
			if (s >= steps[i].below)
				continue;
			buf_printf(out, "%lld %s", (long long)(s / steps[i].unit), steps[i].name);
			return;
		}
	}
}

void human_time(int64_t sec, struct buf *out)
{
	time_t t = (time_t)sec;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		return;
	buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d +0000 UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	    tm.tm_hour, tm.tm_min, tm.tm_sec);
}

int human_parse_duration(const char *text, int64_t *ret_seconds, struct err *e)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}};
	const char *at = text;
	double all = 0;

	while (*at) {
		char *end = NULL;
		double v;
		bool found = false;

		if ((*at < '0' || *at > '9') && *at != '.')
			break;
		v = strtod(at, &end);
		for (size_t i = 0; i < ARRAY_LEN(units) && !found; i++) {
			size_t n = strlen(units[i].unit);

			if (strncmp(end, units[i].unit, n) != 0)
				continue;
			found = true;
			all += v * units[i].seconds;
			at = end + n;
		}
		if (!found)
			break;
	}
	if (at == text || *at || !(all < 1e15))
		return err_set(e, ERR_USAGE, "\"%s\" is no duration such as 24h, 30m or 7d", text);
	*ret_seconds = (int64_t)all;
	return 0;
}

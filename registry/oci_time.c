/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 times of image documents, years 0 to 9999, without the C library's time zones. */
#include "registry/oci.h"

/* Days since 1970-01-01 of the proleptic Gregorian calendar; a year begins in March, so that the leap day is its last. */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned in_era = (unsigned)(y - era * 400);
	unsigned in_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	return era * 146097 + (int64_t)(in_era * 365 + in_era / 4 - in_era / 100 + in_year) - 719468;
}

static void date_of(int64_t days, int64_t *y, unsigned *m, unsigned *d)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned in_era = (unsigned)(days - era * 146097);
	unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * in_year + 2) / 153;
	*d = in_year - (153 * month + 2) / 5 + 1;
	*m = month < 10 ? month + 3 : month - 9;
	*y = (int64_t)year + era * 400 + (*m <= 2);
}

void oci_time_print(int64_t sec, uint32_t nsec, struct buf *out)
{
	int64_t days = sec / 86400, rest = sec % 86400, y;
	unsigned m, d;
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	date_of(days, &y, &m, &d);
	buf_printf(out, "%04lld-%02u-%02uT%02u:%02u:%02u", (long long)y, m, d, (unsigned)(rest / 3600), (unsigned)(rest / 60 % 60),
		(unsigned)(rest % 60));
	if (nsec) {
		unsigned width = 9;
		while (nsec % 10 == 0) {
			nsec /= 10;
			width--;
		}
		buf_printf(out, ".%0*u", (int)width, nsec);
	}
	buf_putc(out, 'Z');
}

/* n digits at *at, which moves on. */
static bool number(struct str s, size_t *at, size_t n, unsigned min, unsigned max, unsigned *ret)
{
	uint64_t v;
	if (s.len - *at < n || !str_u64(str_sub(s, *at, *at + n), max, &v) || v < min)
		return false;
	*at += n;
	*ret = (unsigned)v;
	return true;
}

static bool letter(struct str s, size_t *at, const char *one_of)
{
	if (*at >= s.len || s.p[*at] == '\0' || !strchr(one_of, s.p[*at]))
		return false;
	(*at)++;
	return true;
}

/* More digits than nanoseconds have are dropped. */
static bool fraction(struct str s, size_t *at, uint32_t *ret)
{
	uint32_t v = 0, unit = 100000000;
	size_t from = *at;
	for (; *at < s.len && s.p[*at] >= '0' && s.p[*at] <= '9'; (*at)++) {
		v += unit * (uint32_t)(s.p[*at] - '0');
		unit /= 10;
	}
	*ret = v;
	return *at > from;
}

static bool zone(struct str s, size_t *at, int64_t *ret_seconds)
{
	unsigned h, m;
	if (letter(s, at, "Zz")) {
		*ret_seconds = 0;
		return true;
	}
	bool east = *at < s.len && s.p[*at] == '+';
	if (!letter(s, at, "+-") || !number(s, at, 2, 0, 23, &h) || !letter(s, at, ":") || !number(s, at, 2, 0, 59, &m))
		return false;
	*ret_seconds = (int64_t)(h * 3600 + m * 60) * (east ? 1 : -1);
	return true;
}

bool oci_time_parse(struct str text, int64_t *ret_sec, uint32_t *ret_nsec)
{
	static const unsigned char month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned y, mo, d, h, mi, s;
	size_t at = 0;
	uint32_t nsec = 0;
	int64_t offset;
	if (!number(text, &at, 4, 0, 9999, &y) || !letter(text, &at, "-") || !number(text, &at, 2, 1, 12, &mo) || !letter(text, &at, "-") ||
	    !number(text, &at, 2, 1, 31, &d) || !letter(text, &at, "Tt ") || !number(text, &at, 2, 0, 23, &h) || !letter(text, &at, ":") ||
	    !number(text, &at, 2, 0, 59, &mi) || !letter(text, &at, ":") || !number(text, &at, 2, 0, 60, &s))
		return false;
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (d > month_days[mo - 1] + (unsigned)(mo == 2 && leap))
		return false;
	if (letter(text, &at, ".,") && !fraction(text, &at, &nsec))
		return false;
	if (!zone(text, &at, &offset) || at != text.len)
		return false;
	*ret_sec = days_of(y, mo, d) * 86400 + (int64_t)(h * 3600 + mi * 60 + s) - offset;
	*ret_nsec = nsec;
	return true;
}

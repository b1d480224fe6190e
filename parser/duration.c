/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations as Go writes and reads them: a sign, then numbers with units glued together. Whole and fractional part are
 * kept as integers, so "1.5s" is exact; what does not fit into 64 bits of nanoseconds is refused.
 */
#include "parser/values.h"

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000},
    {"\xce\xbcs", 1000}, /* micro sign, Greek mu */
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", 60 * 1000000000ull},
    {"h", 3600 * 1000000000ull},
};

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static int bad(struct str text, struct err *e)
{
	return err_set(e, ERR_SYNTAX, "time: invalid duration \"%.*s\"", STR_ARG(text));
}

/* One number: whole part, and the fraction as a numerator over a power of ten. False when there is no digit at all or
 * the whole part is too large. Digits of the fraction beyond what counts are dropped. */
static bool number(struct str s, size_t *i, uint64_t *whole, uint64_t *fraction, uint64_t *scale)
{
	bool any = false;
	*whole = *fraction = 0;
	*scale = 1;
	for (; *i < s.len && digit(s.p[*i]); ++*i, any = true)
		if (__builtin_mul_overflow(*whole, (uint64_t)10, whole) ||
		    __builtin_add_overflow(*whole, (uint64_t)(s.p[*i] - '0'), whole))
			return false;
	if (*i == s.len || s.p[*i] != '.')
		return any;
	for (++*i; *i < s.len && digit(s.p[*i]); ++*i, any = true)
		if (*scale < 1000000000000000ull) {
			*fraction = *fraction * 10 + (uint64_t)(s.p[*i] - '0');
			*scale *= 10;
		}
	return any;
}

static int unit(struct str text, size_t *i, uint64_t *ret_ns, struct err *e)
{
	size_t from = *i;
	while (*i < text.len && text.p[*i] != '.' && !digit(text.p[*i]))
		++*i;
	struct str name = str_sub(text, from, *i);
	if (!name.len)
		return err_set(e, ERR_SYNTAX, "time: missing unit in duration \"%.*s\"", STR_ARG(text));
	for (size_t k = 0; k < sizeof(units) / sizeof(units[0]); k++)
		if (str_eqz(name, units[k].name)) {
			*ret_ns = units[k].ns;
			return 0;
		}
	return err_set(e, ERR_SYNTAX, "time: unknown unit \"%.*s\" in duration \"%.*s\"", STR_ARG(name), STR_ARG(text));
}

int duration_parse(struct str text, int64_t *ret_ns, struct err *e)
{
	size_t i = 0;
	bool minus = false;
	uint64_t total = 0;
	if (text.len && (text.p[0] == '-' || text.p[0] == '+'))
		minus = text.p[i++] == '-';
	if (str_eqz(str_from(text, i), "0")) {
		*ret_ns = 0;
		return 0;
	}
	if (i == text.len)
		return bad(text, e);
	while (i < text.len) {
		uint64_t whole, fraction, scale, ns = 0, part;
		if (!number(text, &i, &whole, &fraction, &scale))
			return bad(text, e);
		TRY(unit(text, &i, &ns, e));
		part = (uint64_t)((unsigned __int128)fraction * ns / scale);
		if (__builtin_mul_overflow(whole, ns, &whole) || __builtin_add_overflow(whole, part, &whole) ||
		    __builtin_add_overflow(total, whole, &total) || total > (uint64_t)INT64_MAX + minus)
			return bad(text, e);
	}
	*ret_ns = minus ? (int64_t)(0 - total) : (int64_t)total;
	return 0;
}

/* value / unit with the fraction's trailing zeros cut. */
static void print_decimal(uint64_t value, uint64_t unit_ns, const char *name, struct buf *out)
{
	buf_printf(out, "%llu", (unsigned long long)(value / unit_ns));
	uint64_t rest = value % unit_ns;
	if (rest) {
		buf_putc(out, '.');
		for (uint64_t place = unit_ns / 10; rest; place /= 10) {
			buf_putc(out, (char)('0' + rest / place));
			rest %= place;
		}
	}
	buf_puts(out, name);
}

void duration_print(int64_t ns, struct buf *out)
{
	uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	const uint64_t second = 1000000000;
	if (ns < 0)
		buf_putc(out, '-');
	if (v == 0)
		buf_puts(out, "0s");
	else if (v < 1000)
		print_decimal(v, 1, "ns", out);
	else if (v < 1000000)
		print_decimal(v, 1000, "\xc2\xb5s", out);
	else if (v < second)
		print_decimal(v, 1000000, "ms", out);
	if (v < second)
		return;
	if (v >= 3600 * second)
		buf_printf(out, "%lluh", (unsigned long long)(v / (3600 * second)));
	if (v >= 60 * second)
		buf_printf(out, "%llum", (unsigned long long)(v / (60 * second) % 60));
	print_decimal(v % (60 * second), second, "s", out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small values: booleans, signals, byte sizes, the numbers of HEALTHCHECK, owners. Texts of errors are those that users
 * know from other builders, where there is one. (--chmod, durations, CSV and ports have files of their own.)
 */
#include "parser/values.h"

#include <signal.h>

#include "base/mem.h"

int bool_parse(struct str text, bool *ret, struct err *e)
{
	static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
	static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (str_eqz(text, yes[i]) || str_eqz(text, no[i])) {
			*ret = str_eqz(text, yes[i]);
			return 0;
		}
	}
	return err_set(e, ERR_SYNTAX, "invalid boolean value \"%.*s\"", STR_ARG(text));
}

/* ---- signals ---- */

static const struct {
	const char *name;
	int number;
} signals[] = {
    {"ABRT", SIGABRT},
    {"ALRM", SIGALRM},
    {"BUS", SIGBUS},
    {"CHLD", SIGCHLD},
    {"CLD", SIGCHLD},
    {"CONT", SIGCONT},
    {"FPE", SIGFPE},
    {"HUP", SIGHUP},
    {"ILL", SIGILL},
    {"INT", SIGINT},
    {"IO", SIGIO},
    {"IOT", SIGABRT},
    {"KILL", SIGKILL},
    {"PIPE", SIGPIPE},
    {"POLL", SIGIO},
    {"PROF", SIGPROF},
    {"PWR", SIGPWR},
    {"QUIT", SIGQUIT},
    {"SEGV", SIGSEGV},
    {"STKFLT", SIGSTKFLT},
    {"STOP", SIGSTOP},
    {"SYS", SIGSYS},
    {"TERM", SIGTERM},
    {"TRAP", SIGTRAP},
    {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU},
    {"URG", SIGURG},
    {"USR1", SIGUSR1},
    {"USR2", SIGUSR2},
    {"VTALRM", SIGVTALRM},
    {"WINCH", SIGWINCH},
    {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ},
};

/* Not the C library's, which keeps some for itself: what a container runtime means by the names. */
enum { RTMIN = 34, RTMAX = 64, RTMIN_MAX = 15, RTMAX_MAX = 14 };

static bool starts_fold(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_ieq(str_sub(s, 0, prefix.len), prefix);
}

/* "", or sign and an offset without leading zero. */
static bool rt_offset(struct str s, char sign, unsigned max, int *ret)
{
	uint64_t n = 0;
	if (s.len == 0) {
		*ret = 0;
		return true;
	}
	if (s.p[0] != sign || (s.len > 2 && s.p[1] == '0') || !str_u64(str_from(s, 1), max, &n))
		return false;
	*ret = (int)n;
	return true;
}

static bool signal_name(struct str s, int *ret)
{
	int n;
	if (starts_fold(s, STR("SIG")))
		s = str_from(s, 3);
	if (starts_fold(s, STR("RTMIN")) && rt_offset(str_from(s, 5), '+', RTMIN_MAX, &n)) {
		*ret = RTMIN + n;
		return true;
	}
	if (starts_fold(s, STR("RTMAX")) && rt_offset(str_from(s, 5), '-', RTMAX_MAX, &n)) {
		*ret = RTMAX - n;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (str_ieq(s, str_of(signals[i].name))) {
			*ret = signals[i].number;
			return true;
		}
	return false;
}

int signal_parse(struct str text, int *ret, struct err *e)
{
	bool sign = text.len && (text.p[0] == '-' || text.p[0] == '+');
	uint64_t n;
	if (str_u64(str_from(text, sign), INT32_MAX, &n) && n != 0) {
		*ret = text.p[0] == '-' ? -(int)n : (int)n;
		return 0;
	}
	if (signal_name(text, ret))
		return 0;
	return err_set(e, ERR_SYNTAX, "invalid signal: %.*s", STR_ARG(text));
}

/* ---- sizes ---- */

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Decimal number with an optional fraction and exponent ("1.5", ".5", "1e3"), all of s. */
static bool decimal(struct str s, long double *ret)
{
	long double v = 0, place = 1;
	size_t i = 0, digits = 0;
	if (s.len && s.p[0] == '+')
		i++;
	for (; i < s.len && digit(s.p[i]); i++, digits++)
		v = v * 10 + (s.p[i] - '0');
	if (i < s.len && s.p[i] == '.')
		for (i++; i < s.len && digit(s.p[i]); i++, digits++)
			v += (s.p[i] - '0') * (place /= 10);
	if (digits == 0)
		return false;
	if (i < s.len && (s.p[i] == 'e' || s.p[i] == 'E')) {
		bool minus = ++i < s.len && s.p[i] == '-';
		uint64_t exponent;
		if (i < s.len && (s.p[i] == '-' || s.p[i] == '+'))
			i++;
		if (!str_u64(str_from(s, i), 400, &exponent))
			return false;
		for (; exponent; exponent--)
			v = minus ? v / 10 : v * 10;
		i = s.len;
	}
	*ret = v;
	return i == s.len;
}

/* Power of 1024 for "", b, k, kb, kib, …; -1 when it is none. */
static int unit_power(struct str s)
{
	static const char letters[] = "kmgtp";
	char c = s.len ? (char)(s.p[0] | 0x20) : 'b';
	if (c == 'b')
		return s.len <= 1 ? 0 : -1;
	const char *at = strchr(letters, c);
	if (!at || !c)
		return -1;
	struct str rest = str_from(s, 1);
	if (rest.len && !str_ieq(rest, STR("b")) && !str_ieq(rest, STR("ib")))
		return -1;
	return (int)(at - letters) + 1;
}

int bytes_parse(struct str text, int64_t *ret, struct err *e)
{
	size_t end = text.len;
	while (end && !digit(text.p[end - 1]) && text.p[end - 1] != '.' && text.p[end - 1] != ' ')
		end--;
	if (!end)
		return err_set(e, ERR_SYNTAX, "invalid size: '%.*s'", STR_ARG(text));
	struct str number = str_sub(text, 0, text.p[end - 1] == ' ' ? end - 1 : end);
	long double v;
	if (!decimal(number, &v))
		return err_set(e, ERR_SYNTAX, "invalid size: '%.*s'", STR_ARG(text));
	int power = unit_power(str_from(text, end));
	if (power < 0)
		return err_set(e, ERR_SYNTAX, "invalid suffix: '%.*s'", STR_ARG(str_from(text, end)));
	for (; power; power--)
		v *= 1024;
	if (!(v < 9223372036854775808.0L))
		return err_set(e, ERR_SYNTAX, "size too large: '%.*s'", STR_ARG(text));
	*ret = (int64_t)v;
	return 0;
}

/* ---- HEALTHCHECK ---- */

int health_interval_parse(struct str flag, struct str text, int64_t *ret_ns, struct err *e)
{
	int64_t ns = 0;
	if (text.len)
		TRY(duration_parse(text, &ns, e));
	if (ns != 0 && ns < 1000000)
		return err_set(e, ERR_SYNTAX, "Interval \"%.*s\" cannot be less than 1ms", STR_ARG(flag));
	*ret_ns = ns;
	return 0;
}

int health_retries_parse(struct str text, int *ret, struct err *e)
{
	bool sign = text.len && (text.p[0] == '-' || text.p[0] == '+');
	struct str digits = str_from(text, sign);
	uint64_t n = 0;
	bool all_digits = digits.len > 0;
	for (size_t i = 0; i < digits.len; i++)
		all_digits = all_digits && digit(digits.p[i]);
	if (text.len && !all_digits)
		return err_set(e, ERR_SYNTAX, "--retries has to be a number, not \"%.*s\"", STR_ARG(text));
	if (text.len && !str_u64(digits, INT32_MAX, &n))
		return err_set(e, ERR_SYNTAX, "--retries: value out of range: %.*s", STR_ARG(text));
	if (sign && text.p[0] == '-' && n)
		return err_set(e, ERR_SYNTAX, "--retries cannot be negative (%.*s)", STR_ARG(text));
	*ret = (int)n;
	return 0;
}

/* ---- owners ---- */

static bool id_number(struct str s, uint32_t *ret)
{
	uint64_t n;
	if (!str_u64(s, UINT32_MAX - 1, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}

void owner_parse(struct str text, struct owner_spec *ret)
{
	struct owner_spec o = {.user = text, .group = {"", 0}};
	ptrdiff_t colon = str_find(text, ':');
	if (colon >= 0) {
		o.has_group = true;
		o.user = str_sub(text, 0, (size_t)colon);
		o.group = str_from(text, (size_t)colon + 1);
	}
	o.user_number = id_number(o.user, &o.uid);
	o.group_number = id_number(o.group, &o.gid);
	*ret = o;
}

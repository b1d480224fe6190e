/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/values.h"

Test(values, sizes_have_binary_units)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} sizes[] = {{"0", 0}, {"512", 512}, {"2kb", 2048}, {"1.5KiB", 1536}, {"3 M", 3 << 20}, {"0.5g", 1 << 29},
	    {"1e2k", 102400}, {"1E+3b", 1000}, {"5e-1k", 512}, {"+7", 7}, {"8191p", INT64_C(8191) << 50}, {"1.", 1}};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct err e = {0};
		int64_t v = -1;
		cr_expect_eq(bytes_parse(str_of(sizes[i].text), &v, &e), 0, "%s: %s", sizes[i].text, e.text);
		cr_expect_eq(v, sizes[i].bytes, "%s: %lld", sizes[i].text, (long long)v);
	}
}

Test(values, sizes_that_are_none_or_too_large_are_refused)
{
	static const char *const wrong[] = {"", "m", "1mm", "1kbb", "1ki", "-5", "--5", "1e", "1e999", "8192p", "0x10",
	    "1_000", " ", ".", "1.2.3", "1bb", "1ib", "inf", "nan"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = {0};
		int64_t v;
		cr_expect_eq(bytes_parse(str_of(wrong[i]), &v, &e), -ERR_SYNTAX, "%s", wrong[i]);
	}
}

Test(values, signals_have_names_in_any_case_and_numbers)
{
	static const struct {
		const char *text;
		int number;
	} good[] = {{"hup", 1}, {"SIGHUP", 1}, {"SigInt", 2}, {"2", 2}, {"-2", -2}, {"2147483647", 2147483647},
	    {"rtmin", 34}, {"SIGRTMIN+1", 35}, {"rtmax-14", 50}, {"RTMIN+0", 34}, {"poll", 29}, {"0015", 15}};
	static const char *const wrong[] = {"", "sig", "00", "-0", "+", "2147483648", "RTMIN+", "RTMIN-1", "RTMIN+01",
	    "RTMAX-15", "RTMAX+1", "SIGRTMIN+99", "TERM ", "9a"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct err e = {0};
		int n = 0;
		cr_expect_eq(signal_parse(str_of(good[i].text), &n, &e), 0, "%s", good[i].text);
		cr_expect_eq(n, good[i].number, "%s: %d", good[i].text, n);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = {0};
		int n;
		cr_expect_eq(signal_parse(str_of(wrong[i]), &n, &e), -ERR_SYNTAX, "%s", wrong[i]);
	}
}

Test(values, booleans_are_those_of_go)
{
	struct err e = {0};
	bool on = false;
	cr_expect(bool_parse(STR("True"), &on, &e) == 0 && on);
	cr_expect(bool_parse(STR("f"), &on, &e) == 0 && !on);
	cr_expect_eq(bool_parse(STR("yes"), &on, &e), -ERR_SYNTAX);
	cr_expect_eq(bool_parse(STR("tRUE"), &on, &e), -ERR_SYNTAX);
	cr_expect_eq(bool_parse(STR(""), &on, &e), -ERR_SYNTAX);
}

Test(values, health_intervals_are_zero_or_a_millisecond)
{
	struct err e = {0};
	int64_t ns = -1;
	cr_expect(health_interval_parse(STR("interval"), STR(""), &ns, &e) == 0 && ns == 0);
	cr_expect(health_interval_parse(STR("interval"), STR("1ms"), &ns, &e) == 0 && ns == 1000000);
	cr_expect_eq(health_interval_parse(STR("timeout"), STR("999us"), &ns, &e), -ERR_SYNTAX);
	cr_expect_str_eq(e.text, "Interval \"timeout\" cannot be less than 1ms");
	cr_expect_eq(health_interval_parse(STR("timeout"), STR("-1s"), &ns, &e), -ERR_SYNTAX);
	cr_expect_eq(health_interval_parse(STR("timeout"), STR("1"), &ns, &e), -ERR_SYNTAX);
}

Test(values, health_retries_are_not_negative)
{
	struct err e = {0};
	int n = -1;
	cr_expect(health_retries_parse(STR("3"), &n, &e) == 0 && n == 3);
	cr_expect(health_retries_parse(STR(""), &n, &e) == 0 && n == 0);
	cr_expect(health_retries_parse(STR("-0"), &n, &e) == 0 && n == 0);
	cr_expect_eq(health_retries_parse(STR("-1"), &n, &e), -ERR_SYNTAX);
	cr_expect_eq(health_retries_parse(STR("2147483648"), &n, &e), -ERR_SYNTAX);
	cr_expect_eq(health_retries_parse(STR("3x"), &n, &e), -ERR_SYNTAX);
}

Test(values, an_owner_is_cut_at_its_first_colon)
{
	struct owner_spec o;
	owner_parse(STR("1000"), &o);
	cr_expect(o.user_number && o.uid == 1000 && !o.has_group && !o.group_number);
	owner_parse(STR("app:"), &o);
	cr_expect(!o.user_number && str_eqz(o.user, "app") && o.has_group && !o.group.len);
	owner_parse(STR(":5"), &o);
	cr_expect(!o.user.len && o.has_group && o.group_number && o.gid == 5);
	owner_parse(STR("4294967294"), &o);
	cr_expect(o.user_number && o.uid == UINT32_MAX - 1);
	owner_parse(STR("4294967295:-1"), &o);
	cr_expect(!o.user_number && !o.group_number);
	owner_parse(STR("4294967296:a:b"), &o);
	cr_expect(!o.user_number && str_eqz(o.group, "a:b"));
}

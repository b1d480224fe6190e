/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/challenge.h"

#include <criterion/criterion.h>

#include "base/mem.h"

struct row {
	const char *value;
	bool basic, bearer;
	const char *realm, *service, *scope;
};
static const struct row rows[] = {
	{"Basic realm=\"x\"", true, false, "", "", ""},
	{"basic", true, false, "", "", ""},
	{"Bearer realm=\"https://auth.example/token\",service=\"registry.example\",scope=\"repository:a/b:pull,push\"", false, true,
		"https://auth.example/token", "registry.example", "repository:a/b:pull,push"},
	{"Bearer realm=\"https://a\", service=\"s\"", false, true, "https://a", "s", ""},
	{"bearer REALM = \"https://a\" , Service=\"s\"", false, true, "https://a", "s", ""},
	{"Bearer realm=https://a/b?c=d,service=s", false, true, "https://a/b?c=d", "s", ""},
	{"Basic realm=\"b\", Bearer realm=\"https://a\"", true, true, "https://a", "", ""},
	{"Bearer realm=\"https://a\", Basic realm=\"b\"", true, true, "https://a", "", ""},
	{"Negotiate, Bearer realm=\"https://a\"", false, true, "https://a", "", ""},
	{"Bearer realm=\"a\\\"b\\\\c\"", false, true, "a\"b\\c", "", ""},
	{"Bearer realm=\"https://a\",realm=\"https://evil\"", false, true, "https://a", "", ""},
	{"Bearer realm=\"https://a\", Bearer realm=\"https://evil\"", false, true, "https://a", "", ""},
	{",,Bearer , realm=\"https://a\",,", false, true, "https://a", "", ""},
	{"Bearer realm=\"a\r\nX-Evil: 1\"", false, true, "", "", ""},
	{"Bearer realm=\"without end", false, true, "", "", ""},
	{"Bearer", false, true, "", "", ""},
	{"Digest realm=\"https://a\"", false, false, "", "", ""},
	{"", false, false, "", "", ""},
	{"\"\"", false, false, "", "", ""},
	{"=", false, false, "", "", ""},
	{"realm=\"https://a\"", false, false, "", "", ""},
};

Test(challenge, challenges_are_read_as_the_standard_has_them)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_arena struct arena a = {0};
		struct challenge c = {0};
		challenge_parse(str_of(rows[i].value), &a, &c);
		cr_assert(c.basic == rows[i].basic && c.bearer == rows[i].bearer, "%s", rows[i].value);
		cr_assert(str_eqz(c.realm, rows[i].realm), "%s gives %.*s", rows[i].value, STR_ARG(c.realm));
		cr_assert(str_eqz(c.service, rows[i].service) && str_eqz(c.scope, rows[i].scope), "%s", rows[i].value);
	}
}

Test(challenge, several_headers_add_up)
{
	cleanup_arena struct arena a = {0};
	struct challenge c = {0};
	challenge_parse(STR("Basic realm=\"x\""), &a, &c);
	challenge_parse(STR("Bearer realm=\"https://a\""), &a, &c);
	cr_assert(c.basic && c.bearer && str_eqz(c.realm, "https://a"));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "parser/lintopts.h"

static struct lintopts parse(const char *text, struct arena *a)
{
	struct lintopts o = {0};
	struct err e = {0};
	cr_assert_eq(lintopts_parse(str_of(text), a, &o, &e), 0, "%s: %s", text, e.text);
	return o;
}

Test(lintopts, skipped_rules_do_not_run)
{
	cleanup_arena struct arena a = {0};
	struct lintopts o = parse("skip = One,Two ; error=T", &a);
	cr_expect(o.error && !lintopts_runs(&o, "One", false) && !lintopts_runs(&o, "Two", true));
	cr_expect(lintopts_runs(&o, "Three", false) && lintopts_runs(&o, "one", false));
	o = parse("skip=all", &a);
	cr_expect(!lintopts_runs(&o, "Three", false));
}

Test(lintopts, experimental_rules_run_when_they_are_asked_for)
{
	cleanup_arena struct arena a = {0};
	struct lintopts o = parse("", &a);
	cr_expect(lintopts_runs(&o, "One", false) && !lintopts_runs(&o, "One", true));
	o = parse("experimental=One", &a);
	cr_expect(lintopts_runs(&o, "One", true) && !lintopts_runs(&o, "Two", true));
	o = parse("experimental=all;skip=Two", &a);
	cr_expect(lintopts_runs(&o, "One", true) && !lintopts_runs(&o, "Two", true));
}

Test(lintopts, unknown_options_and_values_are_named)
{
	cleanup_arena struct arena a = {0};
	struct lintopts o;
	struct err e = {0};
	cr_expect_eq(lintopts_parse(STR("skip=One;skpi=Two"), &a, &o, &e), -ERR_SYNTAX);
	cr_expect_str_eq(e.text, "invalid check option \"skpi\"");
	cr_expect_eq(lintopts_parse(STR("error=often"), &a, &o, &e), -ERR_SYNTAX);
	cr_expect(strstr(e.text, "error=often"));
	cr_expect_eq(lintopts_parse(STR(";"), &a, &o, &e), -ERR_SYNTAX);
}

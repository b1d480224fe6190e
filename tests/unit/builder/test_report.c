/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "builder/cli/report.h"

Test(report, annotations_escape_what_has_a_meaning)
{
	struct buf out = {0};

	report_annotation("error", "dir/a,b:c", 3, 0, "RUN failed: x", "50% of\nthis", &out);
	cr_assert_str_eq(
	    out.p, "::error file=dir/a%2Cb%3Ac,line=3,endLine=3,title=RUN failed%3A x::50%25 of%0Athis\n", "%s", out.p);
	buf_clear(&out);
	report_annotation("warning", NULL, 0, 0, "t", "x", &out);
	cr_assert_str_eq(out.p, "::warning title=t::x\n", "%s", out.p);
	buf_done(&out);
}

static const struct {
	enum err_code code;
	enum exit_code exit;
} exits[] = {{ERR_USAGE, 2}, {ERR_REMOTE, 3}, {ERR_CANCELLED, 130}, {ERR_STEP, 1}, {ERR_SYNTAX, 1}, {ERR_NOT_FOUND, 1},
    {ERR_SYS, 1}};

Test(report, codes_have_exit_statuses)
{
	for (size_t i = 0; i < ARRAY_LEN(exits); i++) {
		struct err e = {.code = exits[i].code};

		cr_assert_eq(report_exit(&e), exits[i].exit);
	}
}

static const struct {
	const char *name, *value;
	bool color;
} colors[] = {
    {"NO_COLOR", "1", false}, {"FORCE_COLOR", "1", true}, {"CLICOLOR_FORCE", "1", true}, {"CLICOLOR", "0", false}};

Test(report, colour_follows_the_environment)
{
	static const char *const all[] = {"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR"};

	for (size_t i = 0; i < ARRAY_LEN(colors); i++) {
		for (size_t k = 0; k < ARRAY_LEN(all); k++)
			unsetenv(all[k]);
		setenv(colors[i].name, colors[i].value, 1);
		cr_assert_eq(report_color(-1), colors[i].color, "%s", colors[i].name);
	}
}

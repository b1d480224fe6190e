/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "parser/directive.h"

static const struct {
	const char *line, *name, *value; /* name NULL: no directive */
} lines[] = {
    {"# escape=`", "escape", "`"},
    {"#escape=`", "escape", "`"},
    {"#\t Syntax  =\tx y  ", "Syntax", "x y"},
    {"# a1=b=c", "a1", "b=c"},
    {"# =b", NULL, NULL},
    {"# 1a=b", NULL, NULL},
    {"# a b=c", NULL, NULL},
    {"# a-b=c", NULL, NULL},
    {"# a=", NULL, NULL},
    {"# a=  ", NULL, NULL},
    {"## a=b", NULL, NULL},
    {"a=b", NULL, NULL},
    {"", NULL, NULL},
};

Test(directive, lines_have_a_name_and_a_value)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct str name, value;
		bool is = directive_line(str_of(lines[i].line), STR("#"), &name, &value);
		cr_assert_eq(is, lines[i].name != NULL, "%s", lines[i].line);
		if (!is)
			continue;
		cr_assert(str_eqz(name, lines[i].name));
		cr_assert(str_eqz(value, lines[i].value));
	}
}

Test(directive, place_is_that_of_the_value)
{
	struct directive d;
	cr_assert(directive_find(STR("#!/bin/x\n# escape=`\n#   check = skip=all;x \n"), "check", &d));
	cr_assert_eq(d.line, 3);
	cr_assert_eq(d.col, 13);
	cr_assert(str_eqz(d.value, "skip=all;x"));
	directive_done(&d);
}

Test(directive, repeated_ones_are_no_more_looked_at)
{
	struct directive d;
	cr_assert_not(directive_find(STR("# escape=`\n# escape=`\n# syntax=x\n"), "syntax", &d));
}

Test(directive, json_documents_name_their_syntax_only)
{
	struct directive d;
	cr_assert(directive_find(STR("\n{\"check\": \"y\", \"syntax\": \"a/b more\"}\n"), "syntax", &d));
	cr_assert(str_eqz(d.value, "a/b more"));
	cr_assert(str_eqz(d.word, "a/b"));
	cr_assert_eq(d.line, 2);
	directive_done(&d);
	cr_assert_not(directive_find(STR("{\"check\": \"y\"}"), "check", &d));
	cr_assert_not(directive_find(STR("{\"syntax\": 1}"), "syntax", &d));
	cr_assert_not(directive_find(STR("{\"syntax\": \"x\"} more"), "syntax", &d));
}

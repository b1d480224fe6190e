/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/values.h"

static const struct {
	const char *spec;
	uint32_t before;
	bool folder;
	uint32_t after;
} applied[] = {
    {"0750", 0644, false, 0750},
    {"0", 0777, true, 0},
    {"7777", 0, false, 07777},
    {"000000644", 0, false, 0644},
    {"u=rw,go=r", 0777, false, 0644},
    {"+x", 0644, false, 0755},
    {"-x", 0755, true, 0644},
    {"a+X", 0644, false, 0644},
    {"a+X", 0644, true, 0755},
    {"a+X", 0744, false, 0755},
    {"u+x,g+X", 0600, false, 0700}, /* X asks the mode before */
    {"go-X", 0711, false, 0700},
    {"g=u", 0640, false, 0660},
    {"u=o", 04705, false, 04505}, /* copies leave set-id alone */
    {"u=", 04755, false, 0055},
    {"g+u-x", 0710, false, 0760},
    {"o+t", 0755, true, 0755},
    {"g+t", 0755, true, 01755},
    {"o+s", 0755, false, 0755},
    {"a-st", 07777, false, 0777},
    {"g=rs,o=", 0777, false, 02740},
    {"=", 07777, false, 01000},
    {"ugo=rwx", 0, false, 0777},
    {"u=rwx-w+t", 0, false, 01500},
};

Test(chmod, a_specification_gives_the_new_mode)
{
	for (size_t i = 0; i < ARRAY_LEN(applied); i++) {
		struct err e = {0};
		uint32_t mode = 0xffff;
		cr_assert_eq(chmod_apply(str_of(applied[i].spec), applied[i].before, applied[i].folder, &mode, &e), 0,
		    "%s: %s", applied[i].spec, e.text);
		cr_expect_eq(mode, applied[i].after, "%s on %o: %o", applied[i].spec, applied[i].before, mode);
	}
}

Test(chmod, what_is_no_mode_is_refused_and_named)
{
	static const char *const wrong[] = {"", "8", "07778", "17777777777777777777777", "u", "u+", "rwx", "u+z",
	    "u+r,", ",u+r", "u+r g+w", "+r,,-w", "0644u", "A+x", "=+-q"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = {0};
		bool octal;
		int rc = chmod_check(str_of(wrong[i]), &octal, NULL, &e);
		if (strcmp(wrong[i], "u+") == 0) { /* nothing to add is fine */
			cr_expect_eq(rc, 0);
			continue;
		}
		cr_expect_eq(rc, -ERR_SYNTAX, "%s", wrong[i]);
		cr_expect(strstr(e.text, wrong[i]));
	}
}

Test(chmod, check_tells_octal_modes_from_symbolic_ones)
{
	struct err e;
	bool octal = false;
	uint32_t mode = 1;
	cr_expect_eq(chmod_check(STR("0700"), &octal, &mode, &e), 0);
	cr_expect(octal && mode == 0700);
	cr_expect_eq(chmod_check(STR("u+x"), &octal, &mode, &e), 0);
	cr_expect(!octal && mode == 0700);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Golden texts of the build checks and the subrequests. Images are empty, every reference but one with a blank end is
 * valid. */
#include "parser/lint.h"
#include "parser/outline.h"
#include "parser/parse.h"
#include "tests/golden/gold.h"

static int check_ref(void *arg, struct str ref, struct err *e)
{
	(void)arg;
	if (str_ends(ref, STR(":")) || str_starts(ref, STR(":")))
		return err_set(e, ERR_SYNTAX, "invalid reference format");
	for (size_t i = 0; i < ref.len; i++)
		if (ref.p[i] >= 'A' && ref.p[i] <= 'Z')
			return err_set(e, ERR_SYNTAX, "repository name must be lowercase");
	return 0;
}

int gold_check(const char *name, struct str text, struct buf *out)
{
	cleanup_lint_report struct lint_report r = {0};
	struct survey_env env = {.check_ref = check_ref};
	lint_check(text, name, &env, &r);
	for (size_t i = 0; i < r.nfindings; i++) {
		lint_finding_print(&r.findings[i], out);
		buf_putc(out, '\n');
	}
	if (r.failed || r.violation)
		buf_printf(out, "%s:%d: %s\n", name, r.error.line, r.error.text);
	if (!out->len)
		buf_puts(out, "nothing\n");
	return 0;
}

int gold_outline(const char *name, struct str text, struct buf *out)
{
	cleanup_cf struct cf *cf = NULL;
	cleanup_outline struct outline o = {0};
	struct survey_env env = {.check_ref = check_ref};
	struct err e = {0};
	if (cf_parse(text, name, &cf, &e) < 0 || outline_make(cf, &env, &o, &e) < 0) {
		buf_printf(out, "%s:%d: %s\n", name, e.line, e.text);
		return 0;
	}
	outline_print(&o, out);
	return 0;
}

int gold_targets(const char *name, struct str text, struct buf *out)
{
	cleanup_cf struct cf *cf = NULL;
	struct err e = {0};
	if (cf_parse(text, name, &cf, &e) < 0) {
		buf_puts(out, e.text);
		return -1;
	}
	targets_print(cf, out);
	return 0;
}

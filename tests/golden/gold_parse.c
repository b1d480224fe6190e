/* SPDX-License-Identifier: Apache-2.0 */
/* Golden texts of the parser. */
#include "parser/dump.h"
#include "parser/parse.h"
#include "tests/golden/gold.h"

int gold_ast(const char *name, struct str text, struct buf *out)
{
	cleanup_cf struct cf *cf = NULL;
	struct err e = {0};
	int rc = cf_parse(text, name, &cf, &e);
	if (rc < 0)
		buf_printf(out, "%d:%d: %s\n", e.line, e.col, e.text);
	else
		cf_dump(cf, DUMP_FULL, out);
	return rc;
}

int gold_err(const char *name, struct str text, struct buf *out)
{
	cleanup_cf struct cf *cf = NULL;
	struct err e = {0};
	if (cf_parse(text, name, &cf, &e) == 0) {
		buf_puts(out, "was accepted\n");
		return -1;
	}
	buf_printf(out, "%s:%d:%d: %s\n", name, e.line, e.col, e.text);
	cf_excerpt(text, name, e.line, e.end_line, e.col, out);
	return 0;
}

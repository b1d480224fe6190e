/* SPDX-License-Identifier: Apache-2.0 */
/* Golden texts of lowering: the plan of a file over the images of tests/fakes.h, and the history it gives. */
#include <stdio.h>

#include "parser/parse.h"
#include "tests/fakes.h"
#include "tests/golden/gold.h"

static void print(const struct plan *plan, const struct lowered *l, struct buf *out)
{
	plan_print(plan, out);
	buf_printf(out, "result %zu\n", l->head->number);
	for (size_t i = 0; i < l->config.nhistory; i++)
		buf_printf(out, "%c %.*s\n", l->config.history[i].empty_layer ? '-' : '+', STR_ARG(l->config.history[i].created_by));
}

int gold_plan(const char *name, struct str text, struct buf *out)
{
	cleanup_cf struct cf *cf = NULL;
	struct plan plan;
	struct lowered l = {0};
	struct err e = {0};
	const struct platform p = {.os = STR("linux"), .arch = STR("amd64")};
	struct lower_opts o = {.platform = p, .build_platform = p, .resolver = &fake_resolver};
	plan_init(&plan);
	if (cf_parse(text, name, &cf, &e) < 0 || (o.cf = cf, lower(&o, &plan, &l, &e)) < 0)
		buf_printf(out, "%s:%d:%d: %s\n", name, e.line, e.col, e.text);
	else
		print(&plan, &l, out);
	lowered_done(&l);
	plan_done(&plan);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/jval.h"
#include "builder/ops/env.h"
#include "builder/solve/why.h"
#include "tests/unit/builder/fake_steps.h"

static const struct {
	const char *then, *now, *want;
	bool no_cache;
} rows[] = {
    {"", "{\"a\":\"1\"}", "no earlier run of this step is on record", false},
    {"no JSON", "{\"a\":\"1\"}", "no earlier run of this step is on record", false},
    {"{\"a\":\"1\"}", "{\"a\":\"1\"}", "the record was pruned", false},
    {"{\"a\":\"1\"}", "{\"a\":\"2\"}", "--no-cache asked for it", true},
    {"{\"command\":\"make\"}", "{\"command\":\"make all\"}", "command changed from \"make\" to \"make all\"", false},
    {"{\"what is copied\":\"sha256:1\"}", "{\"what is copied\":\"sha256:2\"}", "what is copied changed", false},
    {"{\"a\":\"1\",\"b\":\"1\"}", "{\"a\":\"2\",\"b\":\"2\"}", "a changed from \"1\" to \"2\"; b changed from \"1\" to \"2\"", false},
    {"{\"environment\":[\"A=1\",\"B=1\"]}", "{\"environment\":[\"A=2\",\"B=1\"]}", "environment now has \"A=2\"; environment lost \"A=1\"", false},
    {"{}", "{\"mount /x\":\"sha256:1\"}", "mount /x changed", false},
};

Test(why, says_what_differs)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct buf out = {0};
		why_differs(str_of(rows[i].then), str_of(rows[i].now), rows[i].no_cache, &out);
		cr_expect_str_eq(out.p, rows[i].want);
	}
}

Test(why, long_values_are_cut)
{
	cleanup_buf struct buf out = {0}, now = {0};
	buf_puts(&now, "{\"command\":\"");
	for (int i = 0; i < 500; i++)
		buf_putc(&now, 'x');
	buf_puts(&now, "\"}");
	why_differs(STR("{\"command\":\"y\"}"), buf_view(&now), false, &out);
	cr_expect_lt(out.len, 120u);
}

Test(why, parts_are_written_as_json_whatever_is_in_them)
{
	cleanup_buf struct buf why = {0};
	cleanup_jval struct jval *j = NULL;
	struct err e;
	struct str v[] = {STR("A=\"\n"), STR("B=\xff")};
	const struct strs list = {.v = v, .n = 2};
	buf_putc(&why, '{');
	ops_why_text(&why, "text", STR("\\\""));
	ops_why_list(&why, "list", &list);
	buf_putc(&why, '}');
	cr_assert_eq(jval_parse(buf_view(&why), &j, &e), 0, "%s: %s", e.text, why.p);
	cr_expect_str_eq(jval_get_text(j, "text"), "\\\"");
	cr_expect_eq(jval_count(jval_get(j, "list")), 2u);
}

Test(why, names_the_files_that_differ)
{
	cleanup_bench struct bench b;
	struct outcome one = {0}, two = {0};
	struct err e;
	cleanup_buf struct buf out = {0}, same = {0};
	bench_init(&b);
	cr_assert_eq(fake_layer(b.store, "1", &one, &e), 0, "%s", e.text);
	cr_assert_eq(fake_layer(b.store, "2", &two, &e), 0, "%s", e.text);
	why_files(b.store, &one.layer.id, &two.layer.id, &out);
	cr_expect_str_eq(out.p, "file (content)");
	why_files(b.store, &one.layer.id, &one.layer.id, &same);
	cr_expect_eq(same.len, 0u);
}

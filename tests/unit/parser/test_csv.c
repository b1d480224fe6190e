/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/values.h"

static const struct {
	const char *text, *joined; /* fields with | between */
} records[] = {
    {"a", "a"},
    {",", "|"},
    {"type=local,dest=out", "type=local|dest=out"},
    {"\"a,b\",c", "a,b|c"},
    {"\"\"", ""},
    {"\"\",\"\"", "|"},
    {"\"say \"\"hi\"\"\",x", "say \"hi\"|x"},
    {"\"\"\"\"", "\""},
    {"a,\"b\nc\"", "a|b\nc"},
    {"a,", "a|"},
};

Test(csv, fields_are_cut_at_commas_outside_of_quotes)
{
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		cleanup_arena struct arena a = {0};
		cleanup_buf struct buf b = {0};
		struct err e = {0};
		struct str *fields;
		size_t n = 0;
		cr_assert_eq(
		    csv_parse(str_of(records[i].text), &a, &fields, &n, &e), 0, "%s: %s", records[i].text, e.text);
		for (size_t k = 0; k < n; k++) {
			buf_puts(&b, k ? "|" : "");
			buf_str(&b, fields[k]);
		}
		cr_expect_str_eq(b.p, records[i].joined);
	}
}

Test(csv, quotes_that_do_not_fit_are_errors_with_their_column)
{
	static const struct {
		const char *text, *column;
	} wrong[] = {{"a\"", "column 2"}, {"\"a", "column 2"}, {"\"a\"b", "column 3"}, {"x,\"a\" ,y", "column 5"},
	    {"\"\"\"", "column 3"}};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		cleanup_arena struct arena a = {0};
		struct err e = {0};
		struct str *fields;
		size_t n;
		cr_expect_eq(csv_parse(str_of(wrong[i].text), &a, &fields, &n, &e), -ERR_SYNTAX);
		cr_expect(strstr(e.text, wrong[i].column), "%s: %s", wrong[i].text, e.text);
	}
}

Test(csv, nothing_is_no_record)
{
	cleanup_arena struct arena a = {0};
	struct err e = {0};
	struct str *fields;
	size_t n;
	cr_expect_eq(csv_parse(STR(""), &a, &fields, &n, &e), -ERR_SYNTAX);
}

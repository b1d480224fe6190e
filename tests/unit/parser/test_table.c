/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "parser/table.h"

Test(table, columns_are_as_wide_as_their_widest_cell_and_a_gap)
{
	cleanup_table struct table t = {.columns = 2, .gap = 2};
	cleanup_buf struct buf b = {0};
	table_add(&t, STR("a"));
	table_add(&t, STR("x"));
	table_add(&t, STR("\xC3\xA4\xC3\xA4\xC3\xA4"));
	table_add(&t, STR(""));
	table_print(&t, &b);
	cr_expect_str_eq(b.p, "a    x\n\xC3\xA4\xC3\xA4\xC3\xA4  \n");
}

Test(table, no_cells_are_no_lines)
{
	cleanup_table struct table t = {.columns = 2, .gap = 2};
	cleanup_buf struct buf b = {0};
	table_print(&t, &b);
	cr_expect_eq(b.len, 0);
}

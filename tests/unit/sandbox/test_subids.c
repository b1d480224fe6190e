/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "builder/sandbox/subids.h"

Test(subids, lines_by_name_and_by_number_count)
{
	cleanup_arena struct arena a = {0};
	struct subids s = subids_parse(&a, STR("other:1:2\nme:100000:65536\n1000:300000:10\n10000:5:5\n"), "me", 1000);
	cr_assert_eq(s.n, 2);
	cr_expect(s.ranges[0].first == 100000 && s.ranges[0].count == 65536);
	cr_expect(s.ranges[1].first == 300000 && s.ranges[1].count == 10);
}

Test(subids, broken_lines_are_passed_over)
{
	static const char *const broken[] = {"me", "me:1", "me:x:2", "me:1:0", "me:4294967295:1", "me:4294967000:1000",
	    "me:-1:2", ":1:2", "me:1:2:", "#me:1:2"};
	cleanup_arena struct arena a = {0};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		cr_expect_eq(subids_parse(&a, str_of(broken[i]), "me", 1000).n, 0, "%s", broken[i]);
}

Test(subids, a_user_without_a_name_has_ranges_by_number)
{
	cleanup_arena struct arena a = {0};
	cr_expect_eq(subids_parse(&a, STR("77:1:2\n"), NULL, 77).n, 1);
}

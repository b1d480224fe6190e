/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/map.h"

Test(map, finds_what_was_set_among_many)
{
	cleanup_map struct map m = {0};
	static int values[5000];
	char key[16];
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		cr_assert_null(map_set(&m, str_of(key), &values[i]));
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		cr_assert_eq(map_get(&m, str_of(key)), &values[i]);
	}
	cr_assert_null(map_get(&m, STR("key-5000")));
	cr_assert_eq(m.n, 5000);
}

Test(map, keeps_the_order_of_insertion_and_replaces_in_place)
{
	cleanup_map struct map m = {0};
	int a, b, c;
	map_set(&m, STR("z"), &a);
	map_set(&m, STR("a"), &b);
	cr_assert_eq(map_set(&m, STR("z"), &c), &a);
	cr_assert_eq(m.n, 2);
	cr_assert(str_eqz(m.items[0].key, "z"));
	cr_assert_eq(m.items[0].value, &c);
	cr_assert(str_eqz(m.items[1].key, "a"));
}

Test(map, keys_are_bytes_and_null_values_count)
{
	cleanup_map struct map m = {0};
	cr_assert(!map_has(&m, STR("")));
	map_set(&m, STR("a\0b"), NULL);
	map_set(&m, STR(""), NULL);
	cr_assert(map_has(&m, STR("a\0b")));
	cr_assert(!map_has(&m, STR("a\0c")));
	cr_assert(!map_has(&m, STR("a")));
	cr_assert(map_has(&m, STR("")));
}

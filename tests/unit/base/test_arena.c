/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdalign.h>

#include "base/arena.h"

Test(arena, gives_zeroed_aligned_memory_of_any_size)
{
	cleanup_arena struct arena a = {0};
	static const size_t sizes[] = {0, 1, 7, 16, 4000, 16 * 1024, 100 * 1024, 3};
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			unsigned char *p = arena_new(&a, sizes[i]);
			cr_assert_eq((uintptr_t)p % alignof(max_align_t), 0);
			for (size_t k = 0; k < sizes[i]; k++)
				cr_assert_eq(p[k], 0);
			memset(p, 0xee, sizes[i]);
		}
	}
}

Test(arena, strings_are_copies_with_an_end)
{
	cleanup_arena struct arena a = {0};
	char text[] = "hello";
	struct str s = arena_str(&a, (struct str){text, 4});
	text[0] = 'J';
	cr_assert_str_eq(s.p, "hell");
	cr_assert_eq(s.len, 4);
	cr_assert_str_eq(arena_printf(&a, "%d-%s", 5, "x"), "5-x");
	cr_assert_null(arena_strdup(&a, NULL));
	cr_assert_eq(arena_str(&a, (struct str){NULL, 0}).len, 0);
}

Test(arena, arrays_grow_and_keep_their_items)
{
	cleanup_arena struct arena a = {0};
	int *items = NULL;
	size_t cap = 0;
	for (int i = 0; i < 1000; i++) {
		ARENA_ROOM(&a, items, (size_t)i, cap);
		items[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(items[i], i);
}

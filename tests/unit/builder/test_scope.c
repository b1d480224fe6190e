/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "builder/lower/scope.h"

Test(scope, the_last_value_wins_in_the_first_place)
{
	struct arena a = {0};
	struct scope s;
	struct str v;
	scope_init(&s, &a);
	scope_set(&s, STR("a"), STR("1"));
	scope_set(&s, STR("b"), STR("2"));
	scope_set(&s, STR("a"), STR("3"));
	cr_assert(scope_get(&s, STR("a"), &v));
	cr_expect(str_eqz(v, "3"));
	struct strs env = scope_env(&s);
	cr_assert_eq(env.n, 2u);
	cr_expect(str_eqz(env.v[0], "a=3"));
	cr_expect(str_eqz(env.v[1], "b=2"));
	scope_done(&s);
	arena_done(&a);
}

Test(scope, lists_that_were_given_stay_what_they_are)
{
	struct arena a = {0};
	struct scope s;
	scope_init(&s, &a);
	scope_set(&s, STR("a"), STR("1"));
	struct strs before = scope_env(&s);
	cr_expect_eq(scope_env(&s).v, before.v, "nothing changed: the same list");
	scope_set(&s, STR("a"), STR("2"));
	cr_expect(str_eqz(before.v[0], "a=1"));
	cr_expect(str_eqz(scope_env(&s).v[0], "a=2"));
	scope_done(&s);
	arena_done(&a);
}

Test(scope, a_declared_name_is_not_set)
{
	struct arena a = {0};
	struct scope s;
	struct str v;
	cleanup_buf struct buf text = {0};
	scope_init(&s, &a);
	scope_history(&s, &text);
	cr_expect_eq(text.len, 0u);
	scope_declare(&s, STR("x"));
	scope_declare(&s, STR("y"));
	scope_declare(&s, STR("x"));
	scope_set(&s, STR("y"), STR("1"));
	cr_expect_not(scope_get(&s, STR("x"), &v));
	scope_history(&s, &text);
	cr_expect_str_eq(text.p, "|2 x= y=1 ");
	scope_done(&s);
	arena_done(&a);
}

Test(scope, a_copy_goes_its_own_way)
{
	struct arena a = {0};
	struct scope s, t;
	struct str v;
	scope_init(&s, &a);
	scope_set(&s, STR("a"), STR("1"));
	scope_find(&s, STR("a"))->env = 7;
	scope_declare(&s, STR("a"));
	scope_init(&t, &a);
	scope_copy(&s, &t);
	cr_expect_eq(scope_find(&t, STR("a"))->env, 7u);
	cr_expect_eq(t.declared.n, 1u);
	scope_set(&t, STR("a"), STR("2"));
	cr_assert(scope_get(&s, STR("a"), &v));
	cr_expect(str_eqz(v, "1"));
	scope_done(&s);
	scope_done(&t);
	arena_done(&a);
}

Test(scope, words_are_expanded)
{
	struct arena a = {0};
	struct scope s;
	struct str v;
	struct err e;
	scope_init(&s, &a);
	scope_set(&s, STR("a"), STR("1"));
	cr_assert_eq(scope_expand(&s, '\\', STR("${a}-${b:-none}-'$a'"), &v, &e), 0);
	cr_expect(str_eqz(v, "1-none-$a"));
	scope_done(&s);
	arena_done(&a);
}

Test(scope, many_names_are_no_burden, .timeout = 10)
{
	struct arena a = {0};
	struct scope s;
	char name[16];
	scope_init(&s, &a);
	for (int i = 0; i < 200000; i++) {
		snprintf(name, sizeof(name), "v%d", i % 100000);
		scope_set(&s, str_of(name), STR("1"));
	}
	cr_expect_eq(s.n, 100000u);
	scope_done(&s);
	arena_done(&a);
}

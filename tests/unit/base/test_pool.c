/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/pool.h"

static int mark(size_t i, void *arg, struct err *e)
{
	(void)e;
	atomic_fetch_add(&((atomic_int *)arg)[i], 1);
	return 0;
}

Test(pool, every_number_comes_once)
{
	for (unsigned threads = 0; threads < 5; threads++) {
		static atomic_int seen[1000];
		struct err e;
		for (size_t i = 0; i < 1000; i++)
			atomic_store(&seen[i], 0);
		cr_assert_eq(pool_each(1000, threads, mark, seen, &e), 0);
		for (size_t i = 0; i < 1000; i++)
			cr_assert_eq(atomic_load(&seen[i]), 1);
	}
}

static int fail_at_ten(size_t i, void *arg, struct err *e)
{
	atomic_fetch_add((atomic_int *)arg, 1);
	return i == 10 ? err_set(e, ERR_STEP, "ten") : 0;
}

Test(pool, the_first_failure_ends_it)
{
	struct err e;
	atomic_int calls = 0;
	cr_assert_eq(pool_each(1000000, 2, fail_at_ten, &calls, &e), -ERR_STEP);
	cr_assert_str_eq(e.text, "ten");
	cr_assert_lt(atomic_load(&calls), 1000000);
}

Test(pool, nothing_to_do_is_fine)
{
	struct err e;
	atomic_int calls = 0;
	cr_assert_eq(pool_each(0, 0, fail_at_ten, &calls, &e), 0);
	cr_assert_eq(atomic_load(&calls), 0);
	cr_assert_geq(pool_cores(), 1);
}

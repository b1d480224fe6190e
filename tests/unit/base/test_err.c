/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"

Test(err, set_gives_the_negative_code_and_the_text)
{
	struct err e = {.line = 7, .sys = 3};
	cr_assert_eq(err_set(&e, ERR_NOT_FOUND, "no stage \"%s\"", "base"), -ERR_NOT_FOUND);
	cr_assert_str_eq(e.text, "no stage \"base\"");
	cr_assert_eq(e.line, 0);
	cr_assert_eq(e.sys, 0);
}

Test(err, sys_keeps_errno_and_says_what_it_means)
{
	struct err e;
	errno = EACCES;
	cr_assert_eq(err_sys(&e, "open %s", "/x"), -ERR_SYS);
	cr_assert_str_eq(e.text, "open /x: Permission denied");
	cr_assert_eq(e.sys, EACCES);
	cr_assert_eq(errno, EACCES);
}

Test(err, wrap_puts_words_in_front)
{
	struct err e;
	err_set(&e, ERR_CORRUPT, "bad bytes");
	cr_assert_eq(err_wrap(&e, "layer %d", 3), -ERR_CORRUPT);
	cr_assert_str_eq(e.text, "layer 3: bad bytes");
}

Test(err, long_texts_are_cut_and_never_overrun)
{
	struct err e;
	char words[3000];
	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	err_set(&e, ERR_SYS, "%s", words);
	cr_assert_eq(strlen(e.text), sizeof(e.text) - 1);
	err_wrap(&e, "%s", words);
	cr_assert_lt(strlen(e.text), sizeof(e.text));
	err_append(&e, "%s", words);
	cr_assert_lt(strlen(e.text), sizeof(e.text));
	errno = ENOENT;
	err_sys(&e, "%s", words);
	cr_assert_lt(strlen(e.text), sizeof(e.text));
}

Test(err, the_first_place_stays)
{
	struct err e;
	err_set(&e, ERR_SYNTAX, "x");
	err_at(&e, 3, 4, 5);
	err_at(&e, 9, 9, 9);
	cr_assert_eq(e.line, 3);
	cr_assert_eq(e.col, 4);
	cr_assert_eq(e.end_line, 5);
}

static int fails(struct err *e)
{
	return err_set(e, ERR_LIMIT, "too long");
}

static int tries(int *reached, struct err *e)
{
	TRY(fails(e));
	*reached = 1;
	return 0;
}

Test(err, try_returns_at_once)
{
	struct err e;
	int reached = 0;
	cr_assert_eq(tries(&reached, &e), -ERR_LIMIT);
	cr_assert_eq(reached, 0);
}

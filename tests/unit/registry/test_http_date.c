/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/http.h"

#include <criterion/criterion.h>

static const char *const good[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
static const char *const bad[] = {"", "0", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Xxx 1994 08:49:37 GMT",
	"Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994", "1994-11-06T08:49:37Z"};

Test(http_date, all_three_forms_are_read)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		int64_t t = 0;
		cr_assert(http_date_parse(str_of(good[i]), &t) && t == 784111777, "%s gives %lld", good[i], (long long)t);
	}
}

Test(http_date, other_texts_are_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t t;
		cr_assert_not(http_date_parse(str_of(bad[i]), &t), "%s", bad[i]);
	}
}

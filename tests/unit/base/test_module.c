/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/module.h"
#include "snapshotter/archive_api.h"

Test(module, one_of_the_build_is_found_there_and_gives_what_it_exports)
{
	struct err e;
	const void *api = NULL;
	cr_assert_eq(module_load("snapshotter", "cooper-arch", ARCHIVE_API_SYMBOL, ARCHIVE_API_VERSION, &api, &e), 0, "%s", e.text);
	cr_assert_eq(((const struct archive_api *)api)->version, ARCHIVE_API_VERSION);
}

Test(module, what_cannot_be_used_is_told)
{
	static const struct {
		const char *name, *symbol;
		unsigned version;
		const char *text;
	} rows[] = {
	    {"cooper-none", ARCHIVE_API_SYMBOL, ARCHIVE_API_VERSION, "cooper-none.so is not there"},
	    {"cooper-arch", ARCHIVE_API_SYMBOL, ARCHIVE_API_VERSION + 1, "/snapshotter/cooper-arch.so: of another version"},
	    {"cooper-arch", "cooper_no_such_thing", 1, "undefined symbol: cooper_no_such_thing"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e;
		const void *api = &e;
		cr_assert_eq(module_load("snapshotter", rows[i].name, rows[i].symbol, rows[i].version, &api, &e), -ERR_UNSUPPORTED);
		cr_assert(strstr(e.text, rows[i].text), "%s", e.text);
		cr_assert_eq(api, &e, "what is not found is not written");
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A reference that is taken prints to a text that means the same, in its full and in its short form; so does a platform. */
#include <stdlib.h>

#include "registry/platform.h"
#include "registry/ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

static void try_ref(struct str text)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf full = {0}, familiar = {0}, again = {0};
	struct err e = {0};
	struct ref r, back;
	if (ref_parse(text, &a, &r, &e) < 0) {
		demand(e.code == ERR_SYNTAX && e.text[0]);
		return;
	}
	ref_print(&r, &full);
	ref_print_familiar(&r, &familiar);
	demand(ref_parse(buf_view(&full), &a, &back, &e) == 0);
	demand(ref_parse(buf_view(&familiar), &a, &back, &e) == 0);
	ref_print(&back, &again);
	demand(str_eq(buf_view(&full), buf_view(&again)));
}

static void try_platform(struct str text)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf printed = {0};
	struct err e = {0};
	struct platform p, back;
	if (platform_parse(text, &a, &p, &e) < 0)
		return;
	platform_print(&p, &printed);
	demand(platform_parse(buf_view(&printed), &a, &back, &e) == 0);
	demand(platform_eq(&p, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	try_ref(text);
	try_platform(text);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/platform.h"

#include <criterion/criterion.h>

struct good {
	const char *text, *printed;
};
static const struct good good[] = {
	{"linux/amd64", "linux/amd64"},
	{"linux/x86_64", "linux/amd64"},
	{"Linux/AMD64/v1", "linux/amd64"},
	{"linux/amd64/v2", "linux/amd64/v2"},
	{"linux/aarch64", "linux/arm64"},
	{"linux/arm64/v8", "linux/arm64"},
	{"linux/arm64/v9", "linux/arm64/v9"},
	{"linux/arm", "linux/arm/v7"},
	{"linux/arm/7", "linux/arm/v7"},
	{"linux/armel", "linux/arm/v6"},
	{"arm64", "linux/arm64"},
	{"i386", "linux/386"},
	{"s390x", "linux/s390x"},
	{"macos/arm64", "darwin/arm64"},
	{"windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"},
	{"plan9000/strange", "plan9000/strange"},
};

Test(platform, names_are_normalised)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cleanup_arena struct arena a = {0};
		cleanup_buf struct buf b = {0};
		struct platform p;
		struct err e = {0};
		cr_assert(platform_parse(str_of(good[i].text), &a, &p, &e) == 0, "%s: %s", good[i].text, e.text);
		platform_print(&p, &b);
		cr_assert(str_eqz(buf_view(&b), good[i].printed), "%s gives %s", good[i].text, b.p);
	}
}

Test(platform, one_word_may_be_this_machine_or_an_operating_system)
{
	cleanup_arena struct arena a = {0};
	struct platform p, host = platform_host();
	struct err e = {0};
	cr_assert(platform_parse(STR("local"), &a, &p, &e) == 0 && platform_eq(&p, &host));
	cr_assert(platform_parse(STR("linux"), &a, &p, &e) == 0 && platform_eq(&p, &host));
}

static const char *const bad[] = {"", "/", "linux/", "/amd64", "linux/amd64/v1/x", "linux//v1", "lin ux/amd64", "linux/amd\x01", "nonsense", "../..",
	"windows(10/amd64"};

Test(platform, bad_texts_are_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_arena struct arena a = {0};
		struct platform p;
		struct err e = {0};
		cr_assert(platform_parse(str_of(bad[i]), &a, &p, &e) == -ERR_SYNTAX, "%s", bad[i]);
	}
}

struct choice {
	const char *want;
	const char *have[4]; /* "-": no platform given; "?/?": unknown/unknown */
	ptrdiff_t chosen;
};
static const struct choice choices[] = {
	{"linux/amd64", {"linux/arm64", "linux/amd64"}, 1},
	{"linux/amd64", {"linux/amd64", "linux/amd64"}, 0},
	{"linux/arm64", {"linux/arm64/v8"}, 0},
	{"linux/arm/v7", {"linux/arm/v5", "linux/arm/v6", "linux/arm64"}, 1},
	{"linux/arm/v7", {"linux/arm/v6", "linux/arm/v7"}, 1},
	{"linux/arm/v6", {"linux/arm/v7"}, -1},
	{"linux/amd64/v3", {"linux/amd64", "linux/amd64/v2", "linux/amd64/v4"}, 1},
	{"linux/amd64", {"linux/amd64/v3"}, -1},
	{"linux/amd64", {"windows/amd64", "linux/arm64"}, -1},
	{"linux/amd64", {"?/?", "linux/amd64"}, 1},
	{"linux/amd64", {"?/?"}, -1},
	{"linux/amd64", {"-"}, 0},
	{"linux/amd64", {"-", "?/?"}, 0},
	{"linux/amd64", {"-", "linux/arm64"}, -1},
	{"linux/amd64", {NULL}, -1},
};

static struct platform given(const char *text, struct arena *a)
{
	struct platform p = {0};
	struct err e = {0};
	if (strcmp(text, "?/?") == 0)
		return (struct platform){.os = STR("unknown"), .arch = STR("unknown")};
	if (strcmp(text, "-") != 0)
		cr_assert(platform_parse(str_of(text), a, &p, &e) == 0);
	return p;
}

Test(platform, the_best_manifest_of_an_index_is_chosen)
{
	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		cleanup_arena struct arena a = {0};
		struct descriptor d[4] = {0};
		struct image_index ix = {.manifests = d};
		for (; ix.n < 4 && choices[i].have[ix.n]; ix.n++)
			d[ix.n].platform = given(choices[i].have[ix.n], &a);
		struct platform want = given(choices[i].want, &a);
		cr_assert(platform_choose(&ix, &want) == choices[i].chosen, "row %zu gives %td", i, platform_choose(&ix, &want));
	}
}

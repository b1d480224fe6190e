/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/ref.h"

#include <criterion/criterion.h>

#define HEX "1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef"
#define D "@sha256:" HEX

struct good {
	const char *text, *full, *familiar;
};
static const struct good good[] = {
	{"app", "docker.io/library/app:latest", "app:latest"},
	{"app:1.2", "docker.io/library/app:1.2", "app:1.2"},
	{"team/app", "docker.io/team/app:latest", "team/app:latest"},
	{"docker.io/library/app", "docker.io/library/app:latest", "app:latest"},
	{"docker.io/app", "docker.io/library/app:latest", "app:latest"},
	{"index.docker.io/app:2", "docker.io/library/app:2", "app:2"},
	{"library/app", "docker.io/library/app:latest", "app:latest"},
	{"library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
	{"localhost/app", "localhost/app:latest", "localhost/app:latest"},
	{"localhost:5000/a/b:t", "localhost:5000/a/b:t", "localhost:5000/a/b:t"},
	{"[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"},
	{"[fe80::1]/app", "[fe80::1]/app:latest", "[fe80::1]/app:latest"},
	{"quay.example/a__b-c--d.e:V_1.x", "quay.example/a__b-c--d.e:V_1.x", "quay.example/a__b-c--d.e:V_1.x"},
	{"Host/app", "Host/app:latest", "Host/app:latest"},
	{"app" D, "docker.io/library/app" D, "app" D},
	{"app:t" D, "docker.io/library/app:t" D, "app:t" D},
	{"a.b", "docker.io/library/a.b:latest", "a.b:latest"},
	{"docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"},
	{"docker.io/localhost/c", "docker.io/localhost/c:latest", "docker.io/localhost/c:latest"},
	{HEX ":x", "docker.io/library/" HEX ":x", HEX ":x"},
};

static void check_print(const struct ref *r, void (*print)(const struct ref *, struct buf *), const char *want)
{
	cleanup_buf struct buf b = {0};
	print(r, &b);
	cr_assert(str_eqz(buf_view(&b), want), "got %s, want %s", b.p, want);
}

Test(ref, good_texts_print_as_docker_prints_them)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cleanup_arena struct arena a = {0};
		struct ref r;
		struct err e = {0};
		cr_assert(ref_parse(str_of(good[i].text), &a, &r, &e) == 0, "%s: %s", good[i].text, e.text);
		check_print(&r, ref_print, good[i].full);
		check_print(&r, ref_print_familiar, good[i].familiar);
	}
}

Test(ref, what_was_printed_short_means_the_same_when_read_again)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cleanup_arena struct arena a = {0};
		struct ref r;
		struct err e = {0};
		cr_assert(ref_parse(str_of(good[i].familiar), &a, &r, &e) == 0, "%s: %s", good[i].familiar, e.text);
		check_print(&r, ref_print, good[i].full);
	}
}

static const char *const bad[] = {"", ":", "@", "/", "App", "app:", "app@", "/app", "app/", "a//b", "-app", "app-", "a/-b", "app:-t",
	"app:.t", "..", "../app", "a/../b", "a/./b", "a b", "a\tb", "a\nb", "app:a:b", "app@sha256:12", "app@md5:0123456789abcdef",
	"app@sha256:ABCDEF7890abcdef1234567890abcdef1234567890abcdef1234567890abcdef", "app" D "0", "app" D D, "app" D ":t",
	"https://host.example/app", "app?x=1", "app#x", "a%2fb", "user:secret@host.example/app", "host.example:70000/app",
	"host.example:0/app", "host.example:/app", "host.example:-1/app", "host..example/app", "-host.example/app", "host-.example/app",
	"[::1/app", "[]/app", "[::1]x/app", "[gg]/app", "a___b", "a..b", "a.-b", "a_-b", "\xc3\xa9", "--help", "$(id)", "a;b", "a|b", HEX,
	"docker.io/", "localhost:5000/", "localhost:5000"};

Test(ref, bad_texts_are_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_arena struct arena a = {0};
		struct ref r;
		struct err e = {0};
		/* "localhost:5000" is an image named localhost with the tag 5000, as in docker */
		int want = strcmp(bad[i], "localhost:5000") == 0 ? 0 : -ERR_SYNTAX;
		cr_assert(ref_parse(str_of(bad[i]), &a, &r, &e) == want, "\"%s\" gives %d", bad[i], e.code);
	}
}

Test(ref, a_nul_byte_is_refused)
{
	cleanup_arena struct arena a = {0};
	struct ref r;
	struct err e = {0};
	cr_assert(ref_parse(STR("a\0b"), &a, &r, &e) == -ERR_SYNTAX);
}

Test(ref, refusals_say_where_and_why)
{
	cleanup_arena struct arena a = {0};
	struct ref r;
	struct err e = {0};
	ref_parse(STR("team/App:x"), &a, &r, &e);
	cr_assert_str_eq(e.text, "invalid reference format: repository name (team/App) must be lowercase");
	ref_parse(STR("a:b:c"), &a, &r, &e);
	cr_assert_str_eq(e.text, "invalid reference format: unexpected ':' at character 4");
	ref_parse(STR("a:"), &a, &r, &e);
	cr_assert_str_eq(e.text, "invalid reference format: something is missing at the end");
}

Test(ref, names_and_tags_have_docker_s_length_limits)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf b = {0};
	struct ref r;
	struct err e = {0};
	buf_puts(&b, "a:");
	for (int i = 0; i < 128; i++)
		buf_putc(&b, 't');
	cr_assert(ref_parse(buf_view(&b), &a, &r, &e) == 0);
	buf_putc(&b, 't');
	cr_assert(ref_parse(buf_view(&b), &a, &r, &e) == -ERR_SYNTAX);
	buf_clear(&b);
	buf_puts(&b, "h.example/");
	for (int i = 0; i < 245; i++)
		buf_putc(&b, 'a');
	cr_assert(ref_parse(buf_view(&b), &a, &r, &e) == 0);
	buf_putc(&b, 'a');
	cr_assert(ref_parse(buf_view(&b), &a, &r, &e) == -ERR_SYNTAX);
}

Test(ref, a_digest_without_a_tag_leaves_the_tag_empty)
{
	cleanup_arena struct arena a = {0};
	struct ref r;
	struct err e = {0};
	cr_assert(ref_parse(STR("app" D), &a, &r, &e) == 0);
	cr_assert(r.tag.len == 0 && !r.tagged && !digest_none(&r.digest));
	cr_assert(ref_parse(STR("app"), &a, &r, &e) == 0);
	cr_assert(str_eqz(r.tag, "latest") && !r.tagged && digest_none(&r.digest));
	cr_assert(ref_parse(STR("app:latest"), &a, &r, &e) == 0);
	cr_assert(r.tagged);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/url.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static const struct {
	const char *text, *printed, *origin;
} good[] = {
	{"https://host.example/a/b", "https://host.example/a/b", "https://host.example:443"},
	{"HTTPS://Host.Example:443", "https://host.example/", "https://host.example:443"},
	{"http://h:5000?x=1", "http://h:5000/?x=1", "http://h:5000"},
	{"http://[::1]:80/a#b", "http://[::1]/a", "http://[::1]:80"},
	{"https://me:secret@h/a", "https://h/a", "https://h:443"},
	{"https://h/\xc3\xa9", "https://h/%C3%A9", "https://h:443"},
	{"https://h/a%2Fb?_state=x%3D", "https://h/a%2Fb?_state=x%3D", "https://h:443"},
};

Test(url, urls_are_read_and_printed)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cleanup_arena struct arena a = {0};
		struct url u;
		struct err e = {0};
		cr_assert(url_parse(str_of(good[i].text), &a, &u, &e) == 0, "%s: %s", good[i].text, e.text);
		cr_assert_str_eq(url_print(&u, &a), good[i].printed);
		cr_assert_str_eq(url_origin(&u, &a), good[i].origin);
	}
}

static const char *const bad[] = {"", "h", "file:///etc/passwd", "gopher://h/", "ftp://h/", "http:/h", "http://", "http:///a", "http://h:0/",
	"http://h:99999/", "http://h:x/", "http://a b/", "http://h/a b", "http://h/\r\nX: y", "http://h\\@g/", "http://[::1/", "http://h/\x7f",
	"javascript:alert(1)", "http://%68/", "http://u%0a:p@h/"};

Test(url, what_is_no_url_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_arena struct arena a = {0};
		struct url u;
		struct err e = {0};
		cr_assert(url_parse(str_of(bad[i]), &a, &u, &e) == -ERR_SYNTAX, "%s", bad[i]);
	}
}

static const struct {
	const char *base, *location, *want; /* NULL: refused */
} joins[] = {
	{"https://h/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/1?_state=a%2Fb", "https://h/v2/a/blobs/uploads/1?_state=a%2Fb"},
	{"https://h/v2/a/blobs/uploads/", "1", "https://h/v2/a/blobs/uploads/1"},
	{"https://h/v2/a/b?q=1", "?x=2", "https://h/v2/a/b?x=2"},
	{"https://h/v2/a/b?q=1", "", "https://h/v2/a/b"},
	{"https://h/a/b/c", "../d", "https://h/a/d"},
	{"https://h/a", "../../../../d/./e/..", "https://h/d/"},
	{"https://h/a", "https://other:5/x", "https://other:5/x"},
	{"https://h/a", "//other/x", "https://other/x"},
	{"https://h:5/a", "b:c", NULL},
	{"https://h/a", "file:///etc/passwd", NULL},
	{"https://h/a", "/x\r\nHost: evil", NULL},
	{"https://h/a", "/x?u=a:b", "https://h/x?u=a:b"},
};

Test(url, locations_are_relative_to_where_they_came_from)
{
	for (size_t i = 0; i < ARRAY_LEN(joins); i++) {
		cleanup_arena struct arena a = {0};
		struct url base, u;
		struct err e = {0};
		cr_assert(url_parse(str_of(joins[i].base), &a, &base, &e) == 0);
		int rc = url_join(&base, str_of(joins[i].location), &a, &u, &e);
		cr_assert((rc == 0) == (joins[i].want != NULL), "%s", joins[i].location);
		if (rc == 0)
			cr_assert_str_eq(url_print(&u, &a), joins[i].want);
	}
}

Test(url, an_origin_is_scheme_host_and_port)
{
	cleanup_arena struct arena a = {0};
	struct url x, y;
	struct err e = {0};
	url_parse(STR("https://h/a"), &a, &x, &e);
	url_parse(STR("https://H:443/b"), &a, &y, &e);
	cr_assert(url_same_origin(&x, &y));
	url_parse(STR("https://h:444/a"), &a, &y, &e);
	cr_assert(!url_same_origin(&x, &y));
	url_parse(STR("http://h:443/a"), &a, &y, &e);
	cr_assert(!url_same_origin(&x, &y));
}

static const struct {
	const char *host;
	bool loopback, internal;
} hosts[] = {
	{"localhost", true, true}, {"127.0.0.1", true, true}, {"127.9.9.9", true, true}, {"[::1]", true, true}, {"10.1.2.3", false, true},
	{"172.16.0.1", false, true}, {"172.32.0.1", false, false}, {"192.168.1.1", false, true}, {"169.254.169.254", false, true},
	{"100.64.0.1", false, true}, {"0.0.0.0", false, true}, {"224.0.0.1", false, true}, {"[fe80::1]", false, true}, {"[fd00::1]", false, true},
	{"[::ffff:10.0.0.1]", false, true}, {"[2001:db8::1]", false, false}, {"8.8.8.8", false, false}, {"host.example", false, false},
	{"2130706433", false, true}, {"0x7f.1", false, true}, {"127.1", false, true}, {"a1.example2", false, false},
};

Test(url, addresses_inside_are_told_from_those_outside)
{
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		cr_assert(url_host_is_loopback(str_of(hosts[i].host)) == hosts[i].loopback, "%s", hosts[i].host);
		cr_assert(url_host_is_internal(str_of(hosts[i].host)) == hosts[i].internal, "%s", hosts[i].host);
	}
}

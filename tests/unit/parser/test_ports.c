/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/values.h"

static const struct {
	const char *word;
	unsigned first, last;
	const char *proto;
	bool host, casing;
} ports[] = {
    {"0", 0, 0, "tcp", false, false},
    {"65535/udp", 65535, 65535, "udp", false, false},
    {"80/", 80, 80, "tcp", false, false},
    {"80-90/SCTP", 80, 90, "sctp", false, true},
    {"8080:80", 80, 80, "tcp", true, false},
    {"8000-8010:80", 80, 80, "tcp", true, false},
    {"8000-8001:80-81/tcp", 80, 81, "tcp", true, false},
    {"10.0.0.1::53/udp", 53, 53, "udp", true, false},
    {"[::1]:8080:80", 80, 80, "tcp", true, false},
    {"::1:8080:80", 80, 80, "tcp", true, false},
};

Test(ports, words_of_expose_give_a_range_and_a_protocol)
{
	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		struct err e = {0};
		struct port_spec p = {0};
		cr_assert_eq(port_parse(str_of(ports[i].word), &p, &e), 0, "%s: %s", ports[i].word, e.text);
		cr_expect_eq(p.first, ports[i].first);
		cr_expect_eq(p.last, ports[i].last);
		cr_expect_str_eq(p.proto, ports[i].proto);
		cr_expect_eq(p.host_part, ports[i].host, "%s", ports[i].word);
		cr_expect_eq(p.proto_casing, ports[i].casing);
	}
}

Test(ports, wrong_words_say_what_is_wrong)
{
	static const struct {
		const char *word, *text;
	} wrong[] = {{"", "no port specified"}, {"/tcp", "no port specified"}, {"x", "invalid containerPort: x"},
	    {"65536", "invalid containerPort: 65536"}, {"9-8", "invalid containerPort: 9-8"},
	    {"1-2-3", "invalid containerPort"}, {"-1", "invalid containerPort"}, {"80/http", "invalid proto: http"},
	    {"70000:80", "invalid hostPort: 70000"}, {"1-3:80-81", "invalid ranges"},
	    {"host:1:1", "invalid IP address: host"}, {"300.0.0.1:1:1", "invalid IP address"}};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = {0};
		struct port_spec p;
		cr_expect_eq(port_parse(str_of(wrong[i].word), &p, &e), -ERR_SYNTAX, "%s", wrong[i].word);
		cr_expect(strstr(e.text, wrong[i].text), "%s: %s", wrong[i].word, e.text);
	}
}

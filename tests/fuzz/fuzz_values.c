/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says which grammar, the rest is its text. What is accepted keeps what its header promises. */
#include <stdlib.h>

#include "parser/gitref.h"
#include "parser/lintopts.h"
#include "parser/mountspec.h"
#include "parser/values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

static void chmod_case(struct str s, struct arena *a, struct err *e)
{
	uint32_t mode;
	bool octal;
	(void)a;
	for (uint32_t base = 0; base < 010000; base += 0611) {
		int rc = chmod_apply(s, base, base & 1, &mode, e);
		demand((rc < 0) == (chmod_check(s, &octal, NULL, e) < 0));
		demand(rc < 0 || mode <= 07777);
	}
}

static void duration_case(struct str s, struct arena *a, struct err *e)
{
	int64_t ns, again;
	struct buf b = {0};
	(void)a;
	if (duration_parse(s, &ns, e) == 0) {
		duration_print(ns, &b);
		demand(duration_parse(buf_view(&b), &again, e) == 0 && again == ns);
	}
	buf_done(&b);
}

static void csv_case(struct str s, struct arena *a, struct err *e)
{
	struct str *fields;
	size_t n, total = 0;
	if (csv_parse(s, a, &fields, &n, e) < 0)
		return;
	demand(n > 0);
	for (size_t i = 0; i < n; i++)
		total += fields[i].len;
	demand(total + n - 1 <= s.len);
}

static void mount_case(struct str s, struct arena *a, struct err *e)
{
	struct mount_spec m;
	struct str from;
	int checked = mount_spec_check(s, a, &from, e);
	if (mount_spec_parse(s, NULL, NULL, a, &m, e) < 0)
		return;
	demand(checked == 0 && str_eq(from, m.from.p ? m.from : from));
	demand(m.size >= 0 && m.type < MOUNT_TYPE_COUNT && m.sharing < MOUNT_SHARING_COUNT);
}

static void gitref_case(struct str s, struct arena *a, struct err *e)
{
	struct gitref r, again;
	bool git;
	if (gitref_parse(s, a, &r, &git, e) < 0 || !git)
		return;
	demand(str_find(r.remote, '#') < 0 && str_find(r.remote, '?') < 0 && r.short_name.len <= r.remote.len);
	demand(gitref_parse(r.remote, a, &again, &git, e) == 0 && git && str_eq(again.remote, r.remote));
}

static void lintopts_case(struct str s, struct arena *a, struct err *e)
{
	struct lintopts o;
	if (lintopts_parse(s, a, &o, e) == 0)
		demand(!o.skip_all || !lintopts_runs(&o, "Rule", false));
}

static void small_case(struct str s, struct arena *a, struct err *e)
{
	struct port_spec port;
	struct owner_spec owner;
	int64_t bytes;
	int number;
	bool on;
	(void)a;
	if (port_parse(s, &port, e) == 0)
		demand(port.first <= port.last && port.last <= 65535 && port.proto);
	if (bytes_parse(s, &bytes, e) == 0)
		demand(bytes >= 0);
	if (signal_parse(s, &number, e) == 0)
		demand(number != 0);
	if (health_retries_parse(s, &number, e) == 0)
		demand(number >= 0);
	if (health_interval_parse(STR("interval"), s, &bytes, e) == 0)
		demand(bytes == 0 || bytes >= 1000000);
	bool_parse(s, &on, e);
	owner_parse(s, &owner);
	demand(owner.user.len + owner.group.len + owner.has_group == s.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const cases[])(struct str s, struct arena * a, struct err * e) = {
	    chmod_case, duration_case, csv_case, mount_case, gitref_case, lintopts_case, small_case};
	struct arena a = {0};
	struct err e;
	if (!size)
		return 0;
	cases[data[0] % (sizeof(cases) / sizeof(cases[0]))]((struct str){(const char *)data + 1, size - 1}, &a, &e);
	arena_done(&a);
	return 0;
}

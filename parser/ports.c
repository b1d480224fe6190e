/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of EXPOSE. The form with address and host port ("127.0.0.1:80:8080") comes from another command's option; it is
 * checked and its host part dropped, so that old files go on working and the build checks can say something.
 */
#include <arpa/inet.h>

#include "base/mem.h"
#include "parser/values.h"

static int protocol(struct str text, struct port_spec *ret, struct err *e)
{
	static const char *const names[] = {"tcp", "udp", "sctp"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_ieq(text, str_of(names[i]))) {
			ret->proto = names[i];
			ret->proto_casing = !str_eqz(text, names[i]);
			return 0;
		}
	return err_set(e, ERR_SYNTAX, "invalid proto: %.*s", STR_ARG(text));
}

static bool range(struct str text, unsigned *first, unsigned *last)
{
	ptrdiff_t dash = str_find(text, '-');
	struct str low = dash < 0 ? text : str_sub(text, 0, (size_t)dash);
	struct str high = dash < 0 ? text : str_from(text, (size_t)dash + 1);
	uint64_t a, b;
	if (!str_u64(low, 65535, &a) || !str_u64(high, 65535, &b) || b < a)
		return false;
	*first = (unsigned)a;
	*last = (unsigned)b;
	return true;
}

static bool address(struct str text)
{
	char copy[INET6_ADDRSTRLEN + 1];
	unsigned char out[sizeof(struct in6_addr)];
	if (text.len >= 2 && text.p[0] == '[' && text.p[text.len - 1] == ']')
		text = str_sub(text, 1, text.len - 1);
	if (text.len >= sizeof(copy) || str_find(text, '\0') >= 0)
		return false;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	return inet_pton(AF_INET, copy, out) == 1 || inet_pton(AF_INET6, copy, out) == 1;
}

/* What stands before the container's port: "host" or "ip:host", either may be empty. */
static int host_part(struct str text, const struct port_spec *p, struct str container, struct err *e)
{
	ptrdiff_t colon = str_rfind(text, ':');
	struct str ip = colon < 0 ? (struct str){"", 0} : str_sub(text, 0, (size_t)colon);
	struct str host = str_from(text, (size_t)(colon + 1));
	unsigned first, last;
	if (ip.len && !address(ip))
		return err_set(e, ERR_SYNTAX, "invalid IP address: %.*s", STR_ARG(ip));
	if (!host.len)
		return 0;
	if (!range(host, &first, &last))
		return err_set(e, ERR_SYNTAX, "invalid hostPort: %.*s", STR_ARG(host));
	if (p->first != p->last && last - first != p->last - p->first)
		return err_set(e, ERR_SYNTAX, "invalid ranges specified for container and host Ports: %.*s and %.*s",
		    STR_ARG(container), STR_ARG(host));
	return 0;
}

int port_parse(struct str word, struct port_spec *ret, struct err *e)
{
	struct port_spec p = {.proto = "tcp"};
	ptrdiff_t colon = str_rfind(word, ':');
	struct str container = str_from(word, (size_t)(colon + 1));
	ptrdiff_t slash = str_find(container, '/');
	struct str port = slash < 0 ? container : str_sub(container, 0, (size_t)slash);
	if (!port.len)
		return err_set(e, ERR_SYNTAX, "no port specified: %.*s", STR_ARG(word));
	if (slash >= 0 && (size_t)slash + 1 < container.len)
		TRY(protocol(str_from(container, (size_t)slash + 1), &p, e));
	if (!range(port, &p.first, &p.last))
		return err_set(e, ERR_SYNTAX, "invalid containerPort: %.*s", STR_ARG(port));
	if (colon >= 0) {
		TRY(host_part(str_sub(word, 0, (size_t)colon), &p, port, e));
		p.host_part = colon > 0;
	}
	*ret = p;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* URLs are taken apart once and put together from checked parts; what has no business in one is refused, never repaired. */
#include "registry/url.h"

#include <arpa/inet.h>
#include <ctype.h>

enum { URL_MAX = 16 * 1024 };

static int bad(struct err *e, const char *why)
{
	return err_set(e, ERR_SYNTAX, "invalid URL: %s", why);
}

static bool valid_host(struct str h)
{
	if (h.len > 2 && h.p[0] == '[' && h.p[h.len - 1] == ']') {
		for (size_t i = 1; i + 1 < h.len; i++)
			if (!isxdigit((unsigned char)h.p[i]) && h.p[i] != ':' && h.p[i] != '.')
				return false;
		return true;
	}
	for (size_t i = 0; i < h.len; i++)
		if (!isalnum((unsigned char)h.p[i]) && h.p[i] != '-' && h.p[i] != '.' && h.p[i] != '_')
			return false;
	return h.len > 0 && h.len <= 255;
}

static struct str lower(struct str s, struct arena *a)
{
	struct str copy = arena_str(a, s);
	for (size_t i = 0; i < s.len; i++)
		((char *)copy.p)[i] = (char)tolower((unsigned char)s.p[i]);
	return copy;
}

static bool unescape(struct str s, struct arena *a, struct str *ret)
{
	cleanup_buf struct buf out = {0};
	for (size_t i = 0; i < s.len; i++) {
		char hex[3] = {0};
		if (s.p[i] != '%') {
			buf_putc(&out, s.p[i]);
			continue;
		}
		if (s.len - i < 3 || !isxdigit((unsigned char)s.p[i + 1]) || !isxdigit((unsigned char)s.p[i + 2]))
			return false;
		memcpy(hex, s.p + i + 1, 2);
		unsigned v = 0;
		for (int k = 0; k < 2; k++)
			v = v * 16 + (unsigned)(isdigit((unsigned char)hex[k]) ? hex[k] - '0' : tolower((unsigned char)hex[k]) - 'a' + 10);
		if (v < ' ')
			return false;
		buf_putc(&out, (char)v);
		i += 2;
	}
	*ret = arena_str(a, buf_view(&out));
	return true;
}

static int parse_authority(struct str auth, struct arena *a, struct url *u, struct err *e)
{
	ptrdiff_t at = str_rfind(auth, '@');
	if (at >= 0) {
		if (!unescape(str_sub(auth, 0, (size_t)at), a, &u->user))
			return bad(e, "the user cannot be read");
		auth = str_from(auth, (size_t)at + 1);
	}
	uint64_t port = u->https ? 443 : 80;
	ptrdiff_t colon = str_rfind(auth, ':');
	if (colon >= 0 && str_rfind(auth, ']') < colon) {
		if ((size_t)colon + 1 < auth.len && (!str_u64(str_from(auth, (size_t)colon + 1), 65535, &port) || port == 0))
			return bad(e, "the port is none");
		auth.len = (size_t)colon;
	}
	if (!valid_host(auth))
		return bad(e, "the host is none");
	u->host = lower(auth, a);
	u->port = (unsigned)port;
	return 0;
}

/* Bytes above ASCII are encoded as browsers do; the fragment stays here. */
static struct str clean_path(struct str p, struct arena *a)
{
	cleanup_buf struct buf out = {0};
	ptrdiff_t hash = str_find(p, '#');
	if (hash >= 0)
		p.len = (size_t)hash;
	if (p.len == 0 || p.p[0] != '/')
		buf_putc(&out, '/');
	for (size_t i = 0; i < p.len; i++) {
		if ((unsigned char)p.p[i] >= 0x80)
			buf_printf(&out, "%%%02X", (unsigned char)p.p[i]);
		else
			buf_putc(&out, p.p[i]);
	}
	return arena_str(a, buf_view(&out));
}

static int check_bytes(struct str text, struct err *e)
{
	if (text.len > URL_MAX)
		return bad(e, "it is too long");
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`')
			return bad(e, "it holds a byte that must be encoded");
	}
	return 0;
}

int url_parse(struct str text, struct arena *a, struct url *ret, struct err *e)
{
	struct url u = {0};
	TRY(check_bytes(text, e));
	ptrdiff_t colon = str_find(text, ':');
	struct str scheme = colon < 0 ? STR("") : str_sub(text, 0, (size_t)colon);
	u.https = str_ieq(scheme, STR("https"));
	if (!u.https && !str_ieq(scheme, STR("http")))
		return bad(e, "only http and https are known");
	text = str_from(text, (size_t)colon + 1);
	if (!str_starts(text, STR("//")))
		return bad(e, "there is no host");
	text = str_from(text, 2);
	size_t end = 0;
	while (end < text.len && text.p[end] != '/' && text.p[end] != '?' && text.p[end] != '#')
		end++;
	TRY(parse_authority(str_sub(text, 0, end), a, &u, e));
	u.path = clean_path(str_from(text, end), a);
	*ret = u;
	return 0;
}

/* RFC 3986 5.2.4, for the part before the query. */
static void remove_dots(struct str path, struct buf *out)
{
	struct str rest = path, part;
	bool slash = false;
	rest = str_from(rest, 1);
	while (str_split(&rest, '/', &part)) {
		slash = false;
		if (str_eqz(part, ".")) {
			slash = true;
		} else if (str_eqz(part, "..")) {
			ptrdiff_t last = str_rfind(buf_view(out), '/');
			out->len = last < 0 ? 0 : (size_t)last;
			slash = true;
		} else {
			buf_putc(out, '/');
			buf_str(out, part);
		}
	}
	if (slash || out->len == 0)
		buf_putc(out, '/');
}

int url_join(const struct url *base, struct str location, struct arena *a, struct url *ret, struct err *e)
{
	cleanup_buf struct buf path = {0}, clean = {0};
	TRY(check_bytes(location, e));
	if (str_starts(location, STR("//")))
		return url_parse(str_of(arena_printf(a, "%s:%.*s", base->https ? "https" : "http", STR_ARG(location))), a, ret, e);
	ptrdiff_t colon = str_find(location, ':');
	size_t first = 0;
	while (first < location.len && !strchr("/?#", location.p[first]))
		first++;
	if (colon >= 0 && (size_t)colon < first)
		return url_parse(location, a, ret, e);
	struct str base_path = base->path;
	ptrdiff_t query = str_find(base_path, '?');
	if (query >= 0)
		base_path.len = (size_t)query;
	if (location.len == 0 || location.p[0] == '?' || location.p[0] == '#') {
		buf_str(&path, base_path);
	} else if (location.p[0] != '/') {
		buf_str(&path, str_sub(base_path, 0, (size_t)str_rfind(base_path, '/') + 1));
	}
	buf_str(&path, location);
	struct str joined = clean_path(buf_view(&path), a);
	query = str_find(joined, '?');
	remove_dots(str_sub(joined, 0, query < 0 ? joined.len : (size_t)query), &clean);
	if (query >= 0)
		buf_str(&clean, str_from(joined, (size_t)query));
	*ret = *base;
	ret->path = arena_str(a, buf_view(&clean));
	return 0;
}

char *url_origin(const struct url *u, struct arena *a)
{
	return arena_printf(a, "%s://%.*s:%u", u->https ? "https" : "http", STR_ARG(u->host), u->port);
}

char *url_print(const struct url *u, struct arena *a)
{
	if (u->port == (u->https ? 443U : 80U))
		return arena_printf(a, "%s://%.*s%.*s", u->https ? "https" : "http", STR_ARG(u->host), STR_ARG(u->path));
	return arena_printf(a, "%s%.*s", url_origin(u, a), STR_ARG(u->path));
}

bool url_same_origin(const struct url *x, const struct url *y)
{
	return x->https == y->https && x->port == y->port && str_eq(x->host, y->host);
}

static bool address4(struct str host, uint32_t *ret)
{
	char text[16];
	struct in_addr in;
	if (host.len >= sizeof(text))
		return false;
	memcpy(text, host.p, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET, text, &in) != 1)
		return false;
	*ret = ntohl(in.s_addr);
	return true;
}

static bool address6(struct str host, struct in6_addr *ret)
{
	char text[INET6_ADDRSTRLEN + 1];
	if (host.len < 4 || host.p[0] != '[' || host.len - 2 >= sizeof(text))
		return false;
	memcpy(text, host.p + 1, host.len - 2);
	text[host.len - 2] = '\0';
	return inet_pton(AF_INET6, text, ret) == 1;
}

bool url_host_is_loopback(struct str host)
{
	uint32_t v4;
	struct in6_addr v6;
	if (str_ieq(host, STR("localhost")))
		return true;
	if (address4(host, &v4))
		return v4 >> 24 == 127;
	return address6(host, &v6) && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool internal4(uint32_t a)
{
	return a >> 24 == 127 || a >> 24 == 10 || a >> 24 == 0 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 16 == 0xa9fe ||
		a >> 22 == (0x64400000U >> 22) || a >> 28 >= 14;
}

/* A name of digits and dots that is no plain address ("0x7f.1", "2130706433") is one for some resolvers. */
static bool odd_number(struct str host)
{
	char last = host.len ? host.p[host.len - 1] : '\0';
	ptrdiff_t dot = str_rfind(host, '.');
	struct str label = str_from(host, (size_t)(dot + 1));
	uint64_t v;
	return (last >= '0' && last <= '9' && str_u64(label, UINT64_MAX, &v)) || str_starts(label, STR("0x"));
}

bool url_host_is_internal(struct str host)
{
	uint32_t v4;
	struct in6_addr v6;
	if (url_host_is_loopback(host))
		return true;
	if (address4(host, &v4))
		return internal4(v4);
	if (!address6(host, &v6))
		return odd_number(host);
	if (IN6_IS_ADDR_V4MAPPED(&v6))
		return internal4((uint32_t)v6.s6_addr[12] << 24 | (uint32_t)v6.s6_addr[13] << 16 | (uint32_t)v6.s6_addr[14] << 8 | v6.s6_addr[15]);
	return IN6_IS_ADDR_LINKLOCAL(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || (v6.s6_addr[0] & 0xfe) == 0xfc;
}

void url_quote(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~')
			buf_putc(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References as the distribution project's grammar has them. A text is cut into host, path, tag and digest first, by the same
 * rule that docker uses (what stands before the first slash is a host when it holds '.' or ':' or is "localhost" or has
 * upper-case letters), then every part is checked letter by letter, so that a refusal can say where.
 */
#include "registry/ref.h"

#include <ctype.h>

enum { NAME_MAX_LEN = 255, TAG_MAX_LEN = 128 };

static const struct str default_host = {"docker.io", 9};
static const struct str official = {"library/", 8};

static bool lower_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool alnum(char c)
{
	return lower_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool has_upper(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return true;
	return false;
}

/* Refuses text at the byte p points to (text's end is fine). */
static int bad(struct str text, const char *p, struct err *e)
{
	size_t at = (size_t)(p - text.p);
	if (at >= text.len)
		return err_set(e, ERR_SYNTAX, "invalid reference format: something is missing at the end");
	unsigned char c = (unsigned char)text.p[at];
	if (c > ' ' && c < 0x7f)
		return err_set(e, ERR_SYNTAX, "invalid reference format: unexpected '%c' at character %zu", c, at + 1);
	return err_set(e, ERR_SYNTAX, "invalid reference format: unexpected byte 0x%02x at character %zu", c, at + 1);
}

/* [A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])? joined by dots, or [v6]; the port is cut off already. */
static const char *check_host_name(struct str host)
{
	if (host.len && host.p[0] == '[') {
		for (size_t i = 1; i < host.len; i++) {
			if (host.p[i] == ']' && i > 1)
				return i + 1 == host.len ? NULL : host.p + i + 1;
			if (!isxdigit((unsigned char)host.p[i]) && host.p[i] != ':')
				return host.p + i;
		}
		return host.p + host.len;
	}
	for (size_t i = 0; i < host.len; i++) {
		char c = host.p[i];
		bool edge = i == 0 || i + 1 == host.len || host.p[i - 1] == '.' || host.p[i + 1] == '.';
		if (!alnum(c) && ((c != '-' && c != '.') || edge))
			return host.p + i;
	}
	return host.len ? NULL : host.p;
}

/* NULL, or the byte that is wrong. */
static const char *check_host(struct str host)
{
	ptrdiff_t colon = str_rfind(host, ':');
	if (colon < 0 || (host.p[0] == '[' && str_rfind(host, ']') > colon))
		return check_host_name(host);
	uint64_t port;
	if (!str_u64(str_from(host, (size_t)colon + 1), 65535, &port) || port == 0)
		return host.p + colon + 1;
	return check_host_name(str_sub(host, 0, (size_t)colon));
}

/* [a-z0-9]+ joined by '.', '_', '__' or dashes; components joined by '/'. */
static const char *check_path(struct str path)
{
	size_t i = 0;
	for (;;) {
		size_t from = i;
		while (i < path.len && lower_digit(path.p[i]))
			i++;
		if (i == from)
			return path.p + i;
		if (i == path.len)
			return NULL;
		char c = path.p[i];
		if (c == '-') {
			while (i < path.len && path.p[i] == '-')
				i++;
		} else if (c == '_') {
			i += i + 1 < path.len && path.p[i + 1] == '_' ? 2 : 1;
		} else if (c == '.' || c == '/') {
			i++;
		} else {
			return path.p + i;
		}
	}
}

/* [A-Za-z0-9_][A-Za-z0-9_.-]{0,127} */
static const char *check_tag(struct str tag)
{
	for (size_t i = 0; i < tag.len; i++) {
		char c = tag.p[i];
		if (i == TAG_MAX_LEN || (!alnum(c) && c != '_' && (i == 0 || (c != '.' && c != '-'))))
			return tag.p + i;
	}
	return tag.len ? NULL : tag.p;
}

/* Would docker take this first component for a host? */
static bool looks_like_host(struct str first)
{
	return str_find(first, '.') >= 0 || str_find(first, ':') >= 0 || str_eqz(first, "localhost") || has_upper(first);
}

static bool is_image_id(struct str text)
{
	struct digest d;
	return text.len == DIGEST_HEX && digest_from_hex(text, &d);
}

/* Cuts tag and digest off *rest. The digest is found by the first '@': no other part may hold one. */
static int cut_tail(struct str text, struct str *rest, struct ref *r, struct err *e)
{
	struct err ignored = {0};
	ptrdiff_t at = str_find(*rest, '@');
	if (at >= 0) {
		struct str d = str_from(*rest, (size_t)at + 1);
		if (digest_parse(d, &r->digest, &ignored) < 0) {
			if (d.len == 0)
				return bad(text, d.p, e);
			return err_set(e, ERR_SYNTAX, "invalid reference format: the digest is not sha256 with 64 lower-case hex digits");
		}
		rest->len = (size_t)at;
	}
	ptrdiff_t colon = str_find(*rest, ':');
	if (colon >= 0) {
		r->tag = str_from(*rest, (size_t)colon + 1);
		r->tagged = true;
		rest->len = (size_t)colon;
		const char *wrong = check_tag(r->tag);
		if (wrong)
			return bad(text, wrong, e);
	}
	return 0;
}

static int check_parts(struct str text, const struct ref *r, bool host_written, struct err *e)
{
	const char *wrong = host_written ? check_host(r->host) : NULL;
	if (wrong)
		return bad(text, wrong, e);
	if (has_upper(r->path))
		return err_set(e, ERR_SYNTAX, "invalid reference format: repository name (%.*s) must be lowercase", STR_ARG(r->path));
	wrong = check_path(r->path);
	if (wrong)
		return bad(text, wrong, e);
	if (r->host.len + 1 + r->path.len > NAME_MAX_LEN)
		return err_set(e, ERR_SYNTAX, "invalid reference format: repository name must not be more than %d characters", NAME_MAX_LEN);
	return 0;
}

int ref_parse(struct str text, struct arena *a, struct ref *ret, struct err *e)
{
	if (text.len == 0)
		return err_set(e, ERR_SYNTAX, "invalid reference format: empty");
	if (is_image_id(text))
		return err_set(e, ERR_SYNTAX, "invalid repository name (%.*s), cannot specify 64-byte hexadecimal strings", STR_ARG(text));
	struct str kept = arena_str(a, text), rest = kept;
	struct ref r = {.host = default_host};
	ptrdiff_t slash = str_find(rest, '/');
	bool host_written = slash >= 0 && looks_like_host(str_sub(rest, 0, (size_t)slash));
	if (host_written) {
		r.host = str_sub(rest, 0, (size_t)slash);
		rest = str_from(rest, (size_t)slash + 1);
	}
	TRY(cut_tail(kept, &rest, &r, e));
	r.path = rest;
	TRY(check_parts(kept, &r, host_written, e));
	if (str_eqz(r.host, "index.docker.io"))
		r.host = default_host;
	if (str_eq(r.host, default_host) && str_find(r.path, '/') < 0)
		r.path = str_of(arena_printf(a, "library/%.*s", STR_ARG(r.path)));
	if (!r.tagged && digest_none(&r.digest))
		r.tag = STR("latest");
	*ret = r;
	return 0;
}

static void print_tail(const struct ref *r, struct buf *out)
{
	if (r->tag.len) {
		buf_putc(out, ':');
		buf_str(out, r->tag);
	}
	if (!digest_none(&r->digest)) {
		char text[DIGEST_TEXT + 1];
		digest_text(&r->digest, text);
		buf_putc(out, '@');
		buf_puts(out, text);
	}
}

void ref_print_repo(const struct ref *r, struct buf *out)
{
	buf_str(out, r->host);
	buf_putc(out, '/');
	buf_str(out, r->path);
}

void ref_print(const struct ref *r, struct buf *out)
{
	ref_print_repo(r, out);
	print_tail(r, out);
}

void ref_print_familiar(const struct ref *r, struct buf *out)
{
	struct str path = r->path;
	ptrdiff_t slash = str_find(path, '/');
	/* The short form must mean the same when it is read again: docker.io/a.example/b has none. */
	bool is_short = str_eq(r->host, default_host) && slash >= 0 && !looks_like_host(str_sub(path, 0, (size_t)slash));
	if (!is_short) {
		ref_print(r, out);
		return;
	}
	if (str_starts(path, official) && str_find(str_from(path, official.len), '/') < 0)
		path = str_from(path, official.len);
	buf_str(out, path);
	print_tail(r, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_URL_H
#define COOPER_URL_H

/* http and https URLs (RFC 3986), as far as registries use them. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct url {
	bool https;
	struct str host;  /* lower case; IPv6 with brackets */
	unsigned port;    /* never 0 */
	struct str path;  /* with its query, begins with '/' */
	struct str user;  /* "user:password" as written, decoded; empty: none */
};
/* ERR_SYNTAX: another scheme, bytes that do not belong into a URL. Strings live in `a`. */
int url_parse(struct str text, struct arena *a, struct url *ret, struct err *e);
/* A Location relative to the URL that it came from (RFC 3986 5.2). */
int url_join(const struct url *base, struct str location, struct arena *a, struct url *ret, struct err *e);
char *url_print(const struct url *u, struct arena *a); /* without user */
/* "https://host:port", always with the port. */
char *url_origin(const struct url *u, struct arena *a);
bool url_same_origin(const struct url *x, const struct url *y);
/* Is the host this machine: localhost, 127.0.0.0/8, ::1? */
bool url_host_is_loopback(struct str host);
/* Is it the literal address of a private, link-local, loopback or other special network? */
bool url_host_is_internal(struct str host);
/* Appends percent-encoded text (RFC 3986 unreserved letters stay). */
void url_quote(struct buf *out, struct str text);

#endif

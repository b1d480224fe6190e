/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_HTTP_TLS_H
#define COOPER_HTTP_TLS_H

/* Which certificates count for a host. */
#include "registry/url.h"

struct http_tls {
	const char *ca_file, *ca_dir; /* NULL: the library's own */
	struct str ca_blob;           /* PEM of all that are trusted; p NULL: ca_file counts */
	const char *cert, *key;       /* for us to show; NULL: none */
};
/* From SSL_CERT_FILE, SSL_CERT_DIR and certs.d/HOST[:PORT]. Everything lives in `a`. */
void http_tls_find(const struct url *u, struct arena *a, struct http_tls *ret);

#endif

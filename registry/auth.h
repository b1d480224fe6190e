/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_AUTH_H
#define COOPER_AUTH_H

/*
 * Proving who we are to a registry: Basic, or tokens of a token server (the distribution project's token specification). What
 * was learnt is bound to the origin (scheme, host, port) it was learnt from. Safe from several threads.
 */
#include "registry/cred.h"
#include "registry/http.h"

struct auth_opts {
	struct http *http;        /* borrowed */
	struct str host, repo;    /* as in references: the key of credentials */
	const char *authfile;
	const char *user, *password; /* given by hand; NULL: from the files */
	bool no_verify;
	const struct cancel *cancel;
};
struct auth;
void auth_new(const struct auth_opts *o, struct auth **ret);
void auth_free(struct auth *au);

/* The registry's own origin: only there, and at token servers that it may name, credentials are used. */
void auth_set_home(struct auth *au, const struct url *home);
/* What to send to u: "Authorization: ..." in `a`, or NULL while nothing was asked for there. May fetch a token. `scopes`: separated by
 * blanks, may be empty. */
int auth_header(struct auth *au, const struct url *u, const char *scopes, struct arena *a, const char **ret, struct err *e);
/* Learns from a 401. 1: try again with auth_header; ERR_DENIED: there is no way. `sent` is what was sent. */
int auth_learn(struct auth *au, const struct url *u, const char *scopes, const struct http_answer *ans, const char *sent, struct err *e);
/* Has it credentials? (For the hint.) */
bool auth_has_credentials(struct auth *au);

/* Is the token server at `realm` one that the registry at `home` may send our credentials to? For tests. */
bool auth_realm_trusted(const struct url *home, struct str host, const struct url *realm);

#endif

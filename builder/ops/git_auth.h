/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_GIT_AUTH_H
#define COOPER_GIT_AUTH_H

/*
 * Who asks for a private repository over HTTP: user and password of the URL, or else the first of the secrets
 * GIT_AUTH_HEADER.<host>, GIT_AUTH_TOKEN.<host>, GIT_AUTH_HEADER and GIT_AUTH_TOKEN that is there (BuildKit's names), or else the URL's
 * user without a password, once the host asks who it is: some take a token there. Git is told in its environment, where other users
 * cannot read it, and never on its command line. Where it sends a header unasked it follows no redirects: they would take it along.
 */
#include "base/arena.h"
#include "builder/ops/git.h"

struct git_auth {
	const char *remote;     /* without user and password; in the arena */
	struct buf key, value;  /* GIT_CONFIG_KEY_0=..., GIT_CONFIG_VALUE_0=...; empty: nobody in particular asks */
	bool header;            /* that is a header */
};
/* ERR_USAGE for a secret of several lines, ERR_SYNTAX for an http URL that is none. */
int git_auth_find(const struct git_source *g, struct arena *a, struct git_auth *ret, struct err *e);
void git_auth_done(struct git_auth *auth); /* wipes the value */

#endif

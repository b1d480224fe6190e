/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_GIT_AUTH_H
#define COOPER_GIT_AUTH_H

/*
 * Who asks for a private repository over HTTP: user and password of the URL, or else the first of the secrets
 * GIT_AUTH_HEADER.<host>, GIT_AUTH_TOKEN.<host>, GIT_AUTH_HEADER and GIT_AUTH_TOKEN that is there (BuildKit's names). It becomes a header
 * that git is told of in its environment, where other users cannot read it, and never on its command line.
 */
#include "base/arena.h"
#include "builder/ops/git.h"

struct git_auth {
	const char *remote;     /* without user and password; in the arena */
	struct buf key, value;  /* GIT_CONFIG_KEY_0=..., GIT_CONFIG_VALUE_0=...; empty: nobody in particular asks */
};
/* ERR_USAGE for a secret of several lines. */
int git_auth_find(const struct git_source *g, struct arena *a, struct git_auth *ret, struct err *e);
void git_auth_done(struct git_auth *auth); /* wipes it */

#endif

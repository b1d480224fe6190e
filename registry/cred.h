/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CRED_H
#define COOPER_CRED_H

/*
 * Who we are at a registry: docker's config.json, the containers' auth.json, and the helpers that they name. Search order:
 * authfile or $REGISTRY_AUTH_FILE alone when given; else $XDG_RUNTIME_DIR/containers/auth.json, the same in the configuration
 * folder, $DOCKER_CONFIG/config.json or ~/.docker/config.json, ~/.dockercfg. The first that knows the registry counts.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/pool.h"

struct cred {
	const char *user, *password;  /* NULL: none */
	const char *identity_token;   /* to be exchanged for access tokens */
	const char *registry_token;   /* an access token as it is */
};
static inline bool cred_none(const struct cred *c)
{
	return !c->user && !c->identity_token && !c->registry_token;
}

/* None is no failure. `repo` (may be empty) finds entries for parts of a registry ("host/team"). Strings live in `a`. ERR_NOT_FOUND for
 * an authfile that is named and missing; ERR_CORRUPT for one that is no JSON; ERR_REMOTE for a helper that fails. */
int cred_find(struct str host, struct str repo, const char *authfile, struct arena *a, struct cred *ret, struct err *e);
/* What `cooper login` does: into the helper that the file names, else into the file (0600). The file is authfile, $REGISTRY_AUTH_FILE
 * or docker's config.json; *ret_where (in `a`) says which, or which helper. */
int cred_store(struct str host, const char *user, const char *password, const char *authfile, struct arena *a, const char **ret_where,
	struct err *e);
/* `cooper logout`; false in *ret_was when there was nothing. */
int cred_erase(struct str host, const char *authfile, bool *ret_was, struct err *e);

/* Variables that docker's config.json gives to builds (member "proxies", "default"), in this order. In `a`; NULL: none. A file that
 * cannot be read has none. */
enum { CRED_PROXIES = 5 };
extern const char *const cred_proxy_names[CRED_PROXIES]; /* "http_proxy" and the like, in lower case */
void cred_proxies(struct arena *a, const char *ret[CRED_PROXIES]);

/* --- helpers (docker-credential-NAME), for cred*.c and tests --- */

/* Asks for a server. None when it does not know it. */
int cred_helper_get(const char *name, struct str server, struct arena *a, struct cred *ret, struct err *e);
int cred_helper_store(const char *name, struct str server, const char *user, const char *password, struct err *e);
int cred_helper_erase(const char *name, struct str server, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_REDIRECT_H
#define COOPER_REDIRECT_H

/* Where an answer sends us on, and whether we go. */
#include "registry/http.h"

enum { REDIRECTS_MAX = 6 };

/* Is it an answer to a GET or HEAD that names another place? */
bool redirect_is(const struct http_answer *ans);
/* The place. `strict` (registries): never from https to http, and not from elsewhere into this machine or a private network by
 * address. ERR_REMOTE. */
int redirect_next(const struct url *from, const struct http_answer *ans, bool strict, struct arena *a, struct url *ret, struct err *e);

#endif

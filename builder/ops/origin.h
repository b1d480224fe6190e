/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ORIGIN_H
#define COOPER_ORIGIN_H

/* The places that layers come from: a repository by any reference into it, or "oci-layout://DIR". Each is opened once. */
#include "builder/ops/env.h"

struct origin_place;
struct origins {
	struct ops_env *env;
	const struct cancel *cancel;
	pthread_mutex_t lock;
	struct origin_place *first;
};
void origins_init(struct origins *o, struct ops_env *env, const struct cancel *cancel);
void origins_done(struct origins *o);
/* Borrowed; may be called by several threads. */
int origins_get(struct origins *o, const char *origin, struct place **ret, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_NETWORK_H
#define COOPER_SANDBOX_NETWORK_H

/* The private network of a build and what makes it. */
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* resolv.c: the nameservers of the host that a step on its own network can reach: the host's files without resolvers on
 * loopback. Returns how many there are. */
size_t resolv_private(struct buf *out);
/* The host's file as it is. */
void resolv_host(struct buf *out);

/* pasta.c */
struct pasta {
	pid_t supervisor; /* init of its own pid namespace: pasta and the namespace's holder die with it */
	int alive;        /* the supervisor goes when this is closed */
	int net_fd;       /* the network namespace */
};
/* Makes a network namespace that reaches the outside through pasta and nothing of the host's loopback. ERR_UNSUPPORTED:
 * this machine cannot; e says why. At most about five seconds. */
int pasta_start(struct pasta *ret, struct err *e);
/* Would it? Looks only: a 0 may still be wrong. */
int pasta_check(struct err *e);
void pasta_stop(struct pasta *p);

/* network.c: the end of the build's network. */
void network_shutdown(void);

#endif

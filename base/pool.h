/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_POOL_H
#define COOPER_POOL_H

/* Worker threads for many small pieces of work, and the flag that tells everybody to stop. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Set from a signal handler or another thread; long loops look at it and return ERR_CANCELLED. */
struct cancel {
	atomic_bool set;
};
static inline bool cancelled(const struct cancel *c)
{
	return c && atomic_load_explicit(&c->set, memory_order_relaxed);
}

/* Calls fn(i, arg) for i in 0..n-1 on up to `threads` threads (0 = one a core), this one included; after the first failure no
 * new i is started. Returns the first failure by time, its text in e. Threads are gone when it returns. */
int pool_each(size_t n, unsigned threads, int (*fn)(size_t i, void *arg, struct err *e), void *arg, struct err *e);
/* Cores this process may use, at least 1. */
unsigned pool_cores(void);

#endif

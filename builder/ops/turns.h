/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TURNS_H
#define COOPER_TURNS_H

/* Work on things that digests name: nobody works on what another thread works on. */
#include <pthread.h>

#include "base/digest.h"

struct turn {
	struct turn *next;
	struct digest what;
};
struct turns {
	pthread_mutex_t lock;
	pthread_cond_t over;
	struct turn *taken;
};
#define TURNS_INIT ((struct turns){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL})

/* Waits until nobody has `what`; *mine is the turn's until it is given back. One at a time for a thread. */
void turn_take(struct turns *t, struct turn *mine, const struct digest *what);
void turn_give(struct turns *t, struct turn *mine);

#endif

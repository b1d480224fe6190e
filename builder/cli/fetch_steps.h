/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_FETCH_STEPS_H
#define COOPER_FETCH_STEPS_H

/* Layers on their way: one step in the display for each image that they come from. */
#include <pthread.h>

#include "builder/solve/event.h"

struct fetch_steps {
	struct events *events;
	struct fetching *now;        /* where layers are fetched from */
	pthread_mutex_t lock;
};
void fetch_steps_init(struct fetch_steps *f, struct events *events);
/* ops_env.progress; arg is the struct fetch_steps. Called from several threads. */
void fetch_steps_show(void *arg, const char *origin, const struct digest *blob, uint64_t done, uint64_t total);
/* Ends those steps; rc is what became of the work. What failed is told by the step that needed the layers. */
void fetch_steps_end(struct fetch_steps *f, int rc);

#endif

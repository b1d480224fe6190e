/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_AHEAD_H
#define COOPER_AHEAD_H

/*
 * Layers of an image that will leave compressed are compressed while later steps still run, with less right to the processors
 * than they have. It only saves time: what is not made (or fails) is made when the image is put out.
 */
#include <pthread.h>

#include "base/pool.h"
#include "snapshotter/store.h"

struct ahead {
	struct store *store;
	enum compression compression;
	int level;     /* -1: the default */
	int64_t epoch; /* times of the tars are clamped to it; INT64_MAX: not at all */
	/* Its own: */
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t thread;
	bool running, over;
	struct digest *ids;
	size_t n, cap;
	struct cancel stop;
};

/* The layer (id) of a step that has just run. Not for the last one, which nothing runs beside. */
void ahead_add(struct ahead *a, const struct digest *layer);
/* Ends the work: the layer that was begun is finished when `wanted`, others are left. May be called when nothing was added. */
void ahead_finish(struct ahead *a, bool wanted);

#endif

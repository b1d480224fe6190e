/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/export/ahead.h"

#include <sys/resource.h>

#include "base/mem.h"
#include "snapshotter/layer.h"

enum { NICE = 10 };

static void compress(struct ahead *a, const struct digest *layer)
{
	struct digest diff_id, blob;
	struct err ignored;
	uint64_t size;
	if (layer_need_tar(a->store, layer, a->epoch, &a->stop, &diff_id, &size, &ignored) == 0)
		(void)layer_need_blob(a->store, &diff_id, a->compression, a->level, 0, &a->stop, &blob, &size, &ignored);
}

static void *work(void *arg)
{
	struct ahead *a = arg;
	setpriority(PRIO_PROCESS, 0, NICE); /* on Linux: of this thread, and of those that it starts */
	pthread_mutex_lock(&a->lock);
	for (size_t next = 0; !a->over;) {
		if (next == a->n) {
			pthread_cond_wait(&a->more, &a->lock);
			continue;
		}
		struct digest layer = a->ids[next++];
		pthread_mutex_unlock(&a->lock);
		compress(a, &layer);
		pthread_mutex_lock(&a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

void ahead_add(struct ahead *a, const struct digest *layer)
{
	if (!a->running) {
		pthread_mutex_init(&a->lock, NULL);
		pthread_cond_init(&a->more, NULL);
		a->over = false;
		atomic_store(&a->stop.set, false);
		a->running = pthread_create(&a->thread, NULL, work, a) == 0;
		if (!a->running)
			return;
	}
	pthread_mutex_lock(&a->lock);
	MEM_ROOM(a->ids, a->n, a->cap);
	a->ids[a->n++] = *layer;
	pthread_cond_signal(&a->more);
	pthread_mutex_unlock(&a->lock);
}

void ahead_finish(struct ahead *a, bool wanted)
{
	if (!a->running)
		return;
	pthread_mutex_lock(&a->lock);
	a->over = true;
	atomic_store(&a->stop.set, !wanted);
	pthread_cond_signal(&a->more);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->more);
	mem_free(a->ids);
	a->ids = NULL;
	a->n = a->cap = 0;
	a->running = false;
}

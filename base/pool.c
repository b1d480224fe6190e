/* SPDX-License-Identifier: Apache-2.0 */
/* A parallel for loop: the threads take the next index from one counter. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>

#include "base/mem.h"

struct loop {
	size_t n;
	int (*fn)(size_t i, void *arg, struct err *e);
	void *arg;
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock; /* guards rc and e */
	int rc;
	struct err *e;
};

static void *work(void *arg)
{
	struct loop *l = arg;
	while (!atomic_load(&l->failed)) {
		size_t i = atomic_fetch_add(&l->next, 1);
		if (i >= l->n)
			break;
		struct err e = {0};
		int rc = l->fn(i, l->arg, &e);
		if (rc >= 0)
			continue;
		pthread_mutex_lock(&l->lock);
		if (!atomic_exchange(&l->failed, true)) {
			l->rc = rc;
			*l->e = e;
		}
		pthread_mutex_unlock(&l->lock);
	}
	return NULL;
}

unsigned pool_cores(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	return n > 0 ? (unsigned)n : 1;
}

int pool_each(size_t n, unsigned threads, int (*fn)(size_t i, void *arg, struct err *e), void *arg, struct err *e)
{
	struct loop l = {.n = n, .fn = fn, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER, .e = e};
	if (threads == 0)
		threads = pool_cores();
	if (threads > n)
		threads = n ? (unsigned)n : 1;
	cleanup_free pthread_t *ids = mem_array(threads, sizeof(*ids));
	unsigned started = 0;
	while (started + 1 < threads && pthread_create(&ids[started], NULL, work, &l) == 0)
		started++; /* fewer threads than asked only take longer */
	work(&l);
	for (unsigned i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	return l.rc;
}

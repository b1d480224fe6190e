/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressing on all cores with bytes that depend on the input alone: it is cut into blocks of a fixed size, each
 * compressed on its own, passed on in order. Blocks travel in a ring: the writing thread fills them and passes finished
 * ones on, workers compress. One block or less never starts a thread.
 */
#include "snapshotter/compress_ring.h"

#include <pthread.h>

#include "base/mem.h"

enum { THREADS_MAX = 64 };

struct block {
	uint8_t *plain, *packed;
	size_t nplain, npacked;
	struct err failed; /* of the packer */
	bool done;
};

struct ring {
	const struct packer *packer;
	struct sink *out;
	int level;
	unsigned threads, started;
	pthread_t ids[THREADS_MAX];
	void *own; /* the writing thread's packer, made when it has to pack */
	size_t block_size, packed_max;

	/* Block i is blocks[i % n]; first <= next <= last: passed on | being made or done | waiting | free. */
	struct block *blocks;
	size_t n;
	uint64_t first, next, last;
	pthread_mutex_t lock; /* guards next, last, stop and the blocks' done */
	pthread_cond_t filled, made;
	bool stop;
};

static void pack(struct ring *r, void *ctx, struct block *b)
{
	if (!b->packed)
		b->packed = mem_grow(NULL, r->packed_max, 1);
	r->packer->pack(ctx, b->plain, b->nplain, b->packed, r->packed_max, &b->npacked, &b->failed);
}

static void *work(void *arg)
{
	struct ring *r = arg;
	void *ctx = r->packer->open(r->level);
	pthread_mutex_lock(&r->lock);
	for (;;) {
		while (r->next == r->last && !r->stop)
			pthread_cond_wait(&r->filled, &r->lock);
		if (r->stop)
			break;
		struct block *b = &r->blocks[r->next++ % r->n];
		pthread_mutex_unlock(&r->lock);
		pack(r, ctx, b);
		pthread_mutex_lock(&r->lock);
		b->done = true;
		pthread_cond_signal(&r->made);
	}
	pthread_mutex_unlock(&r->lock);
	r->packer->close(ctx);
	return NULL;
}

struct ring *ring_new(const struct packer *packer, int level, unsigned threads, struct sink *out)
{
	struct ring *r = mem_new(sizeof(*r));
	r->packer = packer;
	r->out = out;
	r->level = level;
	r->threads = threads < THREADS_MAX ? threads : THREADS_MAX;
	r->n = r->threads + r->threads / 2 + 2;
	r->blocks = mem_array(r->n, sizeof(*r->blocks));
	r->block_size = packer->block_size(level);
	r->packed_max = packer->bound(r->block_size);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->filled, NULL);
	pthread_cond_init(&r->made, NULL);
	return r;
}

static void start_workers(struct ring *r)
{
	while (r->started < r->threads && pthread_create(&r->ids[r->started], NULL, work, r) == 0)
		r->started++; /* fewer than asked only take longer; none: the writing thread does it */
}

/* Waits for the oldest block, or packs it when there are no workers, and passes it on. */
static int pass_on(struct ring *r, struct err *e)
{
	struct block *b = &r->blocks[r->first++ % r->n];
	if (r->started) {
		pthread_mutex_lock(&r->lock);
		while (!b->done)
			pthread_cond_wait(&r->made, &r->lock);
		pthread_mutex_unlock(&r->lock);
	} else {
		if (!r->own)
			r->own = r->packer->open(r->level);
		r->next++;
		pack(r, r->own, b);
	}
	b->nplain = 0;
	b->done = false;
	if (b->failed.code != ERR_NONE) {
		*e = b->failed;
		return -(int)e->code;
	}
	return sink_write(r->out, b->packed, b->npacked, e);
}

static bool oldest_is_done(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	bool done = r->first < r->last && r->blocks[r->first % r->n].done;
	pthread_mutex_unlock(&r->lock);
	return done;
}

/* The block at `last` is full, or the input has ended. */
static int hand_over(struct ring *r, struct err *e)
{
	if (r->last == 1 && r->threads > 1)
		start_workers(r); /* a second block: worth it */
	pthread_mutex_lock(&r->lock);
	r->last++;
	pthread_cond_signal(&r->filled);
	pthread_mutex_unlock(&r->lock);
	bool hold = r->last == 1 && r->threads > 1; /* the first block waits for what is to come */
	while (r->started ? r->last - r->first == r->n || oldest_is_done(r) : r->first < r->last && !hold)
		TRY(pass_on(r, e));
	return 0;
}

int ring_write(struct ring *r, const void *p, size_t len, struct err *e)
{
	const uint8_t *q = p;
	while (len) {
		struct block *b = &r->blocks[r->last % r->n];
		if (b->nplain == r->block_size) {
			TRY(hand_over(r, e));
			continue;
		}
		if (!b->plain)
			b->plain = mem_grow(NULL, r->block_size, 1);
		size_t n = r->block_size - b->nplain < len ? r->block_size - b->nplain : len;
		memcpy(b->plain + b->nplain, q, n);
		b->nplain += n;
		q += n;
		len -= n;
	}
	return 0;
}

int ring_finish(struct ring *r, struct err *e)
{
	if (r->last == 0 || r->blocks[r->last % r->n].nplain)
		TRY(hand_over(r, e)); /* no input at all makes one empty block */
	while (r->first < r->last)
		TRY(pass_on(r, e));
	return 0;
}

void ring_free(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->filled);
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->started; i++)
		pthread_join(r->ids[i], NULL);
	for (size_t i = 0; i < r->n; i++) {
		mem_free(r->blocks[i].plain);
		mem_free(r->blocks[i].packed);
	}
	if (r->own)
		r->packer->close(r->own);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->filled);
	pthread_cond_destroy(&r->made);
	mem_free(r->blocks);
	mem_free(r);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressing on all cores with bytes that depend on the input alone: it is cut into blocks of a fixed size, each compressed on its
 * own, passed on in order. Workers take turns at reading, each a block, and compress side by side; the calling thread passes on what
 * they made. They may be far ahead of it, since whoever takes the bytes (a registry) is quick where few come out and slow where many
 * do: what waits is bounded in bytes. For the same reason they give way to the calling thread. A dense block would fill the bound at
 * once and is hardly any work, so it is dropped, read again when its turn comes, and packed then. One block or less never starts a
 * thread.
 */
#include "snapshotter/compress_ring.h"

#include <pthread.h>
#include <sys/resource.h>

#include "base/mem.h"

enum { THREADS_MAX = 64, BLOCKS = 256, PIECE = IO_CHUNK, AHEAD_NICE = 5 };
static const size_t waiting_max = (size_t)16 << 20; /* a block a thread may wait in any case */

struct block {
	uint8_t *packed; /* NULL: to be read again and packed */
	size_t nplain, npacked;
	uint32_t sum;      /* of what is to be read again */
	struct err failed; /* of reading or packing */
	bool dense, done;
};

struct ring {
	const struct packer *packer;
	const struct compress_from *from;
	int level;
	size_t block_size, packed_max;
	unsigned started;
	pthread_t ids[THREADS_MAX];

	/* Block i is blocks[i % BLOCKS]; first <= next: passed on | being made or done | not read. */
	struct block blocks[BLOCKS];
	uint64_t first, next;
	size_t waiting, bound; /* bytes that were made and not passed on */
	bool ended, stop;      /* `next` is the end; nobody wants more */
	uint8_t *head;         /* the first block, which was read before there were workers */
	pthread_mutex_t turn;  /* at reading; taken before lock */
	pthread_mutex_t lock;  /* guards what is above but the blocks that one thread has */
	pthread_cond_t made, room;
};

/* What one thread packs with, each when it is needed: at high levels they are large. */
struct bench {
	void *ctx;
	uint8_t *plain, *packed;
};

static uint8_t *plain_of(struct bench *w, const struct ring *r)
{
	if (!w->plain)
		w->plain = mem_large(r->block_size, 1);
	return w->plain;
}

static void need_packer(struct bench *w, const struct ring *r)
{
	if (w->ctx)
		return;
	w->ctx = r->packer->open(r->level);
	w->packed = mem_large(r->packed_max, 1);
}

static void bench_done(struct bench *w, const struct ring *r)
{
	if (w->ctx)
		r->packer->close(w->ctx);
	mem_free(w->plain);
	mem_free(w->packed);
}

/* --- one block --- */

/* The next one of the input; false when there is none. An input of nothing has one block. */
static bool read_block(struct ring *r, struct bench *w, struct block *b)
{
	uint8_t *p = plain_of(w, r);
	size_t n = 1;
	*b = (struct block){0};
	while (n && b->nplain < r->block_size) {
		if (r->from->read(r->from->arg, p + b->nplain, r->block_size - b->nplain, &n, &b->failed) < 0)
			return true;
		b->nplain += n;
	}
	return b->nplain || r->next == 0;
}

static bool is_dense(struct ring *r, struct bench *w, const struct block *b)
{
	need_packer(w, r);
	return r->packer->is_dense(w->ctx, w->plain, b->nplain, w->packed, r->packed_max);
}

static void pack(struct ring *r, struct bench *w, struct block *b)
{
	need_packer(w, r);
	r->packer->pack(w->ctx, b->dense, w->plain, b->nplain, w->packed, r->packed_max, &b->npacked, &b->failed);
}

/* By a worker: packs what was read, and keeps what comes out. */
static void make(struct ring *r, struct bench *w, struct block *b)
{
	if (b->failed.code != ERR_NONE)
		return;
	b->dense = is_dense(r, w, b);
	if (b->dense && r->from->again) {
		b->sum = compress_crc32(0, w->plain, b->nplain);
		return;
	}
	pack(r, w, b);
	b->packed = mem_grow(NULL, b->npacked, 1);
	memcpy(b->packed, w->packed, b->npacked);
}

static int pack_again(struct ring *r, struct bench *w, uint64_t i, struct block *b, struct err *e)
{
	TRY(r->from->again(r->from->arg, i * r->block_size, plain_of(w, r), b->nplain, e));
	if (compress_crc32(0, w->plain, b->nplain) != b->sum)
		return err_set(e, ERR_CORRUPT, "what is compressed has changed meanwhile");
	pack(r, w, b);
	return 0;
}

/* --- workers --- */

/* With the lock: may the next block be begun? The one that is waited for always. */
static bool may_begin(const struct ring *r)
{
	return r->next == r->first || (r->next - r->first < BLOCKS && r->waiting < r->bound);
}

static bool take_head(struct ring *r, struct bench *w, struct block *b)
{
	if (!r->head)
		return false;
	w->plain = steal(&r->head);
	b->nplain = r->block_size;
	return true;
}

/* The next block, read; NULL: there is none, or nobody wants it. */
static struct block *take(struct ring *r, struct bench *w)
{
	struct block *b = NULL;
	pthread_mutex_lock(&r->turn);
	pthread_mutex_lock(&r->lock);
	while (!r->stop && !r->ended && !may_begin(r))
		pthread_cond_wait(&r->room, &r->lock);
	if (!r->stop && !r->ended)
		b = &r->blocks[r->next % BLOCKS];
	pthread_mutex_unlock(&r->lock);
	if (b) {
		bool any = take_head(r, w, b) || read_block(r, w, b);
		pthread_mutex_lock(&r->lock);
		r->ended |= b->nplain < r->block_size;
		r->next += any;
		pthread_cond_signal(&r->made);
		pthread_mutex_unlock(&r->lock);
		b = any ? b : NULL;
	}
	pthread_mutex_unlock(&r->turn);
	return b;
}

static void *work(void *arg)
{
	struct ring *r = arg;
	struct bench w = {0};
	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + AHEAD_NICE);
	for (struct block *b; (b = take(r, &w)) != NULL;) {
		make(r, &w, b);
		pthread_mutex_lock(&r->lock);
		b->done = true;
		r->waiting += b->packed ? b->npacked : 0;
		pthread_cond_signal(&r->made);
		pthread_mutex_unlock(&r->lock);
	}
	bench_done(&w, r);
	return NULL;
}

/* --- the calling thread --- */

static int send(struct sink *out, const uint8_t *p, size_t len, struct err *e)
{
	for (size_t n; len; p += n, len -= n) {
		n = len < PIECE ? len : PIECE; /* stays in the cache from one sink to the next */
		TRY(sink_write(out, p, n, e));
	}
	return 0;
}

static int failure(const struct block *b, struct err *e)
{
	if (b->failed.code != ERR_NONE)
		*e = b->failed;
	return -(int)b->failed.code;
}

/* Waits for block r->first; false at the end. */
static bool wait_for(struct ring *r, const struct block *b)
{
	pthread_mutex_lock(&r->lock);
	while (!(r->first < r->next ? b->done : r->ended))
		pthread_cond_wait(&r->made, &r->lock);
	bool any = r->first < r->next;
	pthread_mutex_unlock(&r->lock);
	return any;
}

static int pass_on(struct ring *r, struct bench *w, struct block *b, struct sink *out, struct err *e)
{
	TRY(failure(b, e));
	if (!b->packed)
		TRY(pack_again(r, w, r->first, b, e));
	TRY(failure(b, e));
	TRY(send(out, b->packed ? b->packed : w->packed, b->npacked, e));
	pthread_mutex_lock(&r->lock);
	r->waiting -= b->packed ? b->npacked : 0;
	r->first++;
	mem_free(b->packed);
	b->packed = NULL;
	b->done = false;
	pthread_cond_signal(&r->room);
	pthread_mutex_unlock(&r->lock);
	return 0;
}

/* Gives them the block that was read. */
static bool start_workers(struct ring *r, unsigned threads, struct bench *w)
{
	r->head = steal(&w->plain);
	while (r->started < threads && pthread_create(&r->ids[r->started], NULL, work, r) == 0)
		r->started++; /* fewer than asked only take longer */
	if (!r->started)
		w->plain = steal(&r->head);
	return r->started;
}

static int pass_all(struct ring *r, struct bench *w, struct sink *out, struct err *e)
{
	for (struct block *b; b = &r->blocks[r->first % BLOCKS], wait_for(r, b);)
		TRY(pass_on(r, w, b, out, e));
	return 0;
}

static int run(struct ring *r, unsigned threads, struct bench *w, struct sink *out, struct err *e)
{
	struct block b;
	for (bool ended = false; !ended && read_block(r, w, &b); r->next++) {
		TRY(failure(&b, e));
		ended = b.nplain < r->block_size;
		if (!ended && threads > 1 && r->next == 0 && start_workers(r, threads, w))
			return pass_all(r, w, out, e);
		b.dense = is_dense(r, w, &b);
		pack(r, w, &b);
		TRY(failure(&b, e));
		TRY(send(out, w->packed, b.npacked, e));
	}
	return 0;
}

int ring_run(const struct packer *packer, int level, unsigned threads, const struct compress_from *from, struct sink *out, struct err *e)
{
	struct ring *r = mem_new(sizeof(*r));
	struct bench w = {0};
	r->packer = packer;
	r->from = from;
	r->level = level;
	r->block_size = packer->block_size(level);
	r->packed_max = packer->bound(r->block_size);
	threads = threads < THREADS_MAX ? threads : THREADS_MAX;
	r->bound = waiting_max > threads * r->block_size ? waiting_max : threads * r->block_size;
	pthread_mutex_init(&r->turn, NULL);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->made, NULL);
	pthread_cond_init(&r->room, NULL);
	int rc = run(r, threads, &w, out, e);
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->room);
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->started; i++)
		pthread_join(r->ids[i], NULL);
	for (size_t i = 0; i < BLOCKS; i++)
		mem_free(r->blocks[i].packed);
	mem_free(r->head);
	bench_done(&w, r);
	pthread_mutex_destroy(&r->turn);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->made);
	pthread_cond_destroy(&r->room);
	mem_free(r);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of buffers under one mutex. Buffers are large, so locking costs nothing beside what happens with their bytes. The
 * buffer that the consumer looks at counts as used until it asks for the next one.
 */
#include "snapshotter/relay.h"

#include <pthread.h>

#include "base/mem.h"

struct slot {
	char *bytes;
	size_t len;
};

struct relay {
	struct slot *slots;
	size_t n, size;
	size_t in, out;         /* buffers pushed and taken so far; out counts the one being looked at only afterwards */
	bool looking;           /* the consumer looks at slot `out` */
	bool ended, stopped;
	int rc;
	struct err e;
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
};

struct relay *relay_new(size_t nbuffers, size_t size)
{
	struct relay *r = mem_new(sizeof(*r));
	r->slots = mem_array(nbuffers, sizeof(*r->slots));
	for (size_t i = 0; i < nbuffers; i++)
		r->slots[i].bytes = mem_grow(NULL, size, 1);
	r->n = nbuffers;
	r->size = size;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->filled, NULL);
	pthread_cond_init(&r->emptied, NULL);
	return r;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		mem_free(r->slots[i].bytes);
	mem_free(r->slots);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->filled);
	pthread_cond_destroy(&r->emptied);
	mem_free(r);
}

char *relay_space(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	while (r->in - r->out == r->n && !r->stopped)
		pthread_cond_wait(&r->emptied, &r->lock);
	char *p = r->stopped ? NULL : r->slots[r->in % r->n].bytes;
	pthread_mutex_unlock(&r->lock);
	return p;
}

void relay_push(struct relay *r, size_t len)
{
	pthread_mutex_lock(&r->lock);
	r->slots[r->in % r->n].len = len;
	r->in++;
	pthread_cond_signal(&r->filled);
	pthread_mutex_unlock(&r->lock);
}

void relay_end(struct relay *r, int rc, const struct err *e)
{
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	r->rc = rc;
	if (rc < 0)
		r->e = *e;
	pthread_cond_signal(&r->filled);
	pthread_mutex_unlock(&r->lock);
}

int relay_next(struct relay *r, const char **ret, size_t *ret_len, struct err *e)
{
	int rc = 1;
	pthread_mutex_lock(&r->lock);
	if (r->looking) {
		r->out++;
		r->looking = false;
		pthread_cond_signal(&r->emptied);
	}
	while (r->in == r->out && !r->ended)
		pthread_cond_wait(&r->filled, &r->lock);
	if (r->in != r->out) {
		r->looking = true;
		*ret = r->slots[r->out % r->n].bytes;
		*ret_len = r->slots[r->out % r->n].len;
	} else {
		rc = r->rc;
		if (rc < 0)
			*e = r->e;
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

void relay_stop(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	r->stopped = true;
	pthread_cond_signal(&r->emptied);
	pthread_mutex_unlock(&r->lock);
}

/* --- hashing beside writing --- */

enum { PIPE_BUFFERS = 4, PIPE_SIZE = 2 * IO_CHUNK };

static void *hash_thread(void *arg)
{
	struct hash_pipe *p = arg;
	const char *bytes;
	size_t len;
	struct err e;
	while (relay_next(p->relay, &bytes, &len, &e) > 0)
		hasher_add(&p->hasher, bytes, len);
	return NULL;
}

static void start_thread(struct hash_pipe *p)
{
	pthread_t id;
	p->relay = relay_new(PIPE_BUFFERS, PIPE_SIZE);
	if (pthread_create(&id, NULL, hash_thread, p) == 0) {
		p->thread = id;
		return;
	}
	relay_free(p->relay);
	p->relay = NULL;
	p->inline_only = true;
}

/* Hashes and passes on the buffer that is being filled. */
static int pass_on(struct hash_pipe *p, struct err *e)
{
	char *bytes = p->space ? p->space : p->first;
	size_t n = p->fill;
	p->fill = 0;
	p->space = NULL;
	if (n == 0)
		return 0;
	if (bytes == p->first)
		hasher_add(&p->hasher, bytes, n);
	else
		relay_push(p->relay, n);
	return p->next ? sink_write(p->next, bytes, n, e) : 0;
}

static int pipe_write(struct sink *s, const void *from, size_t len, struct err *e)
{
	struct hash_pipe *p = (struct hash_pipe *)s;
	p->bytes += len;
	while (len) {
		if (!p->first)
			p->first = mem_grow(NULL, PIPE_SIZE, 1);
		if (p->fill == 0 && p->bytes > len && !p->relay && !p->inline_only)
			start_thread(p); /* the first buffer was full: there is more than a little */
		if (p->fill == 0 && p->relay && !p->space)
			p->space = relay_space(p->relay);
		size_t n = PIPE_SIZE - p->fill < len ? PIPE_SIZE - p->fill : len;
		memcpy((p->space ? p->space : p->first) + p->fill, from, n);
		p->fill += n;
		from = (const char *)from + n;
		len -= n;
		if (p->fill == PIPE_SIZE)
			TRY(pass_on(p, e));
	}
	return 0;
}

void hash_pipe_init(struct hash_pipe *p, struct sink *next)
{
	*p = (struct hash_pipe){.sink = {pipe_write}, .next = next};
	hasher_init(&p->hasher);
}

static void join(struct hash_pipe *p)
{
	if (!p->relay)
		return;
	relay_end(p->relay, 0, NULL);
	pthread_join((pthread_t)p->thread, NULL);
	relay_free(p->relay);
	p->relay = NULL;
}

int hash_pipe_finish(struct hash_pipe *p, struct digest *ret, struct err *e)
{
	int rc = pass_on(p, e);
	join(p);
	if (rc == 0)
		*ret = hasher_done(&p->hasher);
	return rc;
}

void hash_pipe_done(struct hash_pipe *p)
{
	join(p);
	mem_free(p->first);
	p->first = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_RING_H
#define COOPER_RING_H

/*
 * Bytes from one thread to another through a few large buffers: reading and hashing go on while the other side writes. One
 * producer, one consumer. And a sink made of it that hashes on a second thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/io.h"

struct ring;
struct ring *ring_new(size_t nbuffers, size_t size);
void ring_free(struct ring *r); /* both sides have finished */
/* Producer: a free buffer of the ring's size, waiting for one; NULL when the consumer has stopped. */
char *ring_space(struct ring *r);
/* Gives the buffer that ring_space returned last. It may be read (not written) until the next ring_space. */
void ring_push(struct ring *r, size_t len);
/* The end: rc 0, or the failure that the consumer gets behind the last buffer. */
void ring_end(struct ring *r, int rc, const struct err *e);
/* Consumer: 1 a buffer (good until the next call), 0 the end, negative the producer's failure. */
int ring_next(struct ring *r, const char **ret, size_t *ret_len, struct err *e);
/* The consumer wants no more. */
void ring_stop(struct ring *r);

/* Writes on to `next` (may be NULL) and hashes, the hashing on a thread of its own once there is more than a little. */
struct hash_pipe {
	struct sink sink;
	struct sink *next;
	struct hasher hasher;
	uint64_t bytes;
	/* private */
	char *first;         /* the first bytes, before there is a thread */
	size_t fill;
	char *space;         /* the ring's buffer that is being filled */
	struct ring *ring;
	unsigned long thread;
	bool inline_only;    /* no thread could be made */
};
void hash_pipe_init(struct hash_pipe *p, struct sink *next);
/* Passes on what is left and gives the digest. */
int hash_pipe_finish(struct hash_pipe *p, struct digest *ret, struct err *e);
void hash_pipe_done(struct hash_pipe *p); /* after finish, or instead of it */

#endif

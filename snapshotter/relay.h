/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_RELAY_H
#define COOPER_RELAY_H

/*
 * Bytes from one thread to another through a few large buffers: reading and hashing go on while the other side writes. One
 * producer, one consumer. And a sink made of it that hashes on a second thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/io.h"

struct relay;
struct relay *relay_new(size_t nbuffers, size_t size);
void relay_free(struct relay *r); /* both sides have finished */
/* Producer: a free buffer of the relay's size, waiting for one; NULL when the consumer has stopped. */
char *relay_space(struct relay *r);
/* Gives the buffer that relay_space returned last. It may be read (not written) until the next relay_space. */
void relay_push(struct relay *r, size_t len);
/* The end: rc 0, or the failure that the consumer gets behind the last buffer. */
void relay_end(struct relay *r, int rc, const struct err *e);
/* Consumer: 1 a buffer (good until the next call), 0 the end, negative the producer's failure. */
int relay_next(struct relay *r, const char **ret, size_t *ret_len, struct err *e);
/* The consumer wants no more. */
void relay_stop(struct relay *r);

/* Writes on to `next` (may be NULL) and hashes, the hashing on a thread of its own once there is more than a little. */
struct hash_pipe {
	struct sink sink;
	struct sink *next;
	struct hasher hasher;
	uint64_t bytes;
	/* private */
	char *first;         /* the first bytes, before there is a thread */
	size_t fill;
	char *space;         /* the relay's buffer that is being filled */
	struct relay *relay;
	unsigned long thread;
	bool inline_only;    /* no thread could be made */
};
void hash_pipe_init(struct hash_pipe *p, struct sink *next);
/* Passes on what is left and gives the digest. */
int hash_pipe_finish(struct hash_pipe *p, struct digest *ret, struct err *e);
void hash_pipe_done(struct hash_pipe *p); /* after finish, or instead of it */

#endif

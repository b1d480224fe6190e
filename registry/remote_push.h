/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_REMOTE_PUSH_H
#define COOPER_REMOTE_PUSH_H

/* The inside of a remote repository, shared by remote.c and remote_push.c. */
#include <pthread.h>
#include <stdatomic.h>

#include "registry/client.h"
#include "registry/remote.h"

struct remote_session { /* an upload that a refused mount has opened */
	struct remote_session *next;
	struct digest digest;
	struct url url;
};
struct remote_manifest {
	struct remote_manifest *next;
	struct digest digest;
	struct str bytes;
};
struct remote {
	struct place place;
	struct arena arena;    /* guarded by lock after opening */
	struct str host, repo;
	const char *scopes;
	struct client *client;
	atomic_bool head_lies; /* a digest that HEAD gave led to another manifest */
	pthread_mutex_t lock;  /* guards what follows */
	struct remote_session *sessions;
	struct remote_manifest *manifests; /* that came with resolving and will be asked for next */
};
void remote_keep(struct remote *r, const struct digest *d, struct str bytes);
bool remote_kept(struct remote *r, const struct digest *d, struct buf *out);

int remote_write(struct place *p, const struct descriptor *d, int (*from)(void *arg, struct sink *to, struct err *e), void *arg,
	struct err *e);
int remote_put_manifest(struct place *p, const struct descriptor *d, struct str bytes, struct str name, struct err *e);
bool remote_adopt(struct place *p, const struct descriptor *d, struct str from_repo);

#endif

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
	atomic_bool no_stream; /* one has failed: the next would cost as long */
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
int remote_stream(struct place *p, int (*from)(void *arg, struct sink *to, struct digest *ret, struct err *e), void *arg, struct err *e);
/* Opens an upload; *ret is where its bytes go. `d`: the blob, or NULL when it is not known yet: one try then. */
int remote_open_session(struct remote *r, const struct digest *d, struct arena *a, struct url *ret, struct err *e);
/* The upload's address, from the answer to a request at `path`. */
int remote_session_url(struct remote *r, const char *path, const struct http_answer *ans, struct arena *a, struct url *ret, struct err *e);
int remote_fail(struct remote *r, const char *what, int rc, const struct http_answer *ans, struct err *e);
/* A registry that says what it has stored must mean our blob. */
int remote_check_stored(const struct http_answer *ans, const struct digest *d, struct err *e);
bool remote_adopt(struct place *p, const struct descriptor *d, struct str from_repo);

#endif

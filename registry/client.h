/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CLIENT_H
#define COOPER_CLIENT_H

/* Requests to one repository of a registry: the right scheme and host, authentication, redirects, retries. Safe from several threads. */
#include "registry/auth.h"
#include "registry/redirect.h"
#include "registry/ref.h"
#include "registry/retry.h"

struct client_opts {
	struct str host, repo; /* as in references */
	bool insecure;
	const char *authfile, *user, *password;
	const struct cancel *cancel;
};
struct client;
void client_new(const struct client_opts *o, struct client **ret);
void client_free(struct client *c);

struct client_call {
	const char *method;
	const char *path;          /* on the registry, "/v2/..." */
	const struct url *url;     /* or another place, which gets credentials only when it is the registry's own origin */
	const char *scopes;
	const char *headers[6];    /* "Name: value" */
	size_t nheaders;
	struct str body;
	int (*feed)(void *arg, struct sink *to, struct err *e);
	void *feed_arg;
	uint64_t feed_size;
	struct sink *to;
	uint64_t limit;
	int (*head)(void *arg, const struct http_answer *a, struct err *e);
	void *head_arg;
	unsigned slow_seconds, total_seconds;
};
/* One try, with as many requests as authentication and redirects take. As http_send; ERR_DENIED when we are not let in. */
int client_try(struct client *c, const struct client_call *call, struct http_answer *ans, struct err *e);
/* Until an answer comes that is final. Not for calls with a sink that cannot take bytes twice. */
int client_send(struct client *c, const struct client_call *call, struct http_answer *ans, struct err *e);
/* The error that an answer stands for: ERR_DENIED, ERR_NOT_FOUND, ERR_REMOTE; `what` names what was asked for. */
int client_refused(struct client *c, const char *what, const struct http_answer *ans, struct err *e);
/* Puts the registry's name in front of an error of client_try or client_send. */
int client_wrap(struct client *c, struct err *e);
/* The URL of a path on the registry. */
int client_url(struct client *c, const char *path, struct arena *a, struct url *ret, struct err *e);
const struct cancel *client_cancel(const struct client *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_HTTP_H
#define COOPER_HTTP_H

/*
 * One HTTP request and its answer. Nothing is followed, repeated or authenticated here (client.h does). libcurl is loaded
 * with the first request.
 */
#include "base/io.h"
#include "base/pool.h"
#include "registry/http_module.h"
#include "registry/url.h"

struct http;
void http_new(struct http **ret);
void http_free(struct http *h);

struct http_header {
	struct str name, value;
};
struct http_answer {
	struct arena arena;
	int status;
	struct http_header *headers;
	size_t n, cap;
	struct buf body;   /* of answers that are no 2xx, cut at 64 KiB */
	/* When http_send failed: */
	enum http_end end; /* HTTP_DONE: it was not the network (a sink, a limit) */
};
void http_answer_done(struct http_answer *a);
#define cleanup_answer __attribute__((cleanup(http_answer_done)))
/* The first header of that name, any case. */
bool http_header_find(const struct http_answer *a, const char *name, struct str *ret);

struct http_request {
	const char *method;
	struct url url;
	const char *const *headers; /* "Name: value" */
	size_t nheaders;
	struct str body;            /* small; p NULL: none */
	/* or an upload: called once to give feed_size bytes (UINT64_MAX: as many as there are, sent in chunks) */
	int (*feed)(void *arg, struct sink *to, struct err *e);
	void *feed_arg;
	uint64_t feed_size;
	/* The body of a 2xx answer; NULL: dropped. At most `limit` bytes (ERR_LIMIT). */
	struct sink *to;
	uint64_t limit;
	/* Called with status and headers before the first byte of a 2xx body; may refuse. May be NULL. */
	int (*head)(void *arg, const struct http_answer *a, struct err *e);
	void *head_arg;
	bool no_verify;             /* take any certificate */
	unsigned slow_seconds;      /* give up after this long below 1 KiB/s; 0 = 30 */
	unsigned total_seconds;     /* 0 = no bound */
	const struct cancel *cancel;
};
/* 0: an answer came, of any status. ERR_REMOTE: none came, ans->end says why; ERR_CANCELLED; or the error of a sink, of `head` or of
 * `feed`. The answer must be zeroed before and is to be released in any case. */
int http_send(struct http *h, const struct http_request *rq, struct http_answer *ans, struct err *e);

/* Seconds since 1970 of an HTTP date (RFC 9110 5.6.7, its three forms). */
bool http_date_parse(struct str text, int64_t *ret);

#endif

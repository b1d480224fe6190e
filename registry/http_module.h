/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_HTTP_MODULE_H
#define COOPER_HTTP_MODULE_H

/*
 * The face of cooper-net, the module that libcurl is linked into. Only plain data and function pointers cross it; nothing of
 * libcurl does. One exchange is one request and its answer, redirects and retries are the caller's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"

enum http_end {
	HTTP_DONE,      /* an answer came, whatever its status */
	HTTP_STOPPED,   /* a callback said so */
	HTTP_CANCELLED,
	HTTP_UNREACHED, /* name not found, connection refused, no route */
	HTTP_TLS,       /* no TLS there, or a certificate that is not trusted */
	HTTP_BROKEN,    /* reset, short body */
	HTTP_GARBAGE,   /* an answer that is no HTTP/1 */
	HTTP_TIMEOUT,
	HTTP_FAILED,    /* anything else */
};

struct http_job {
	const char *method, *url;
	const char *const *headers; /* "Name: value" */
	size_t nheaders;
	const void *body;           /* sent when not NULL */
	size_t body_len;
	bool upload;                /* the body is pushed, upload_size bytes of it */
	uint64_t upload_size;       /* UINT64_MAX: nobody knows, it is sent in chunks */
	bool broken;                /* set before finish: the body will not be complete */
	bool allow_http;            /* else https only */
	const char *proxy;          /* "" for none */
	const char *no_proxy;
	const char *ca_file, *ca_dir; /* NULL: the system's */
	const void *ca_blob;        /* PEM, in place of ca_file */
	size_t ca_blob_len;
	const char *cert, *key;
	bool no_verify;
	unsigned connect_seconds, slow_seconds, total_seconds; /* total 0: no bound */
	const struct cancel *cancel;
	/* Called while it runs; false stops the exchange. The first line of each answer's head is its status line. */
	bool (*header)(void *arg, const char *line, size_t len);
	bool (*data)(void *arg, const void *p, size_t len);
	void *arg;
	/* the outcome */
	int status;
	enum http_end end;
	char why[256];
};

struct http_lane; /* connections to one origin; used by one thread at a time */
struct http_module {
	unsigned version;
	struct http_lane *(*lane_new)(void);
	void (*lane_free)(struct http_lane *l);
	/* Begins; the job is borrowed until finish returned. */
	void (*start)(struct http_lane *l, struct http_job *job);
	/* Sends bytes of an upload; false when the exchange ended before they were taken. */
	bool (*push)(struct http_lane *l, const void *p, size_t len);
	/* Runs to the end. */
	void (*finish)(struct http_lane *l);
};
enum { HTTP_MODULE_VERSION = 2 };
#define HTTP_MODULE_SYMBOL "cooper_http_module"

#endif

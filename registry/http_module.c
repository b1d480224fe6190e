/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to libcurl. A lane is a multi handle with one easy handle: the multi keeps connections alive between exchanges,
 * and lets an upload be pushed from a caller that has the bytes (the transfer is paused while there are none). libcurl is told
 * to follow nothing, remember nothing, and speak HTTP/1.1 alone.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "registry/http_module.h"

enum { BUFFER = 512 * 1024, TICK_MS = 200 };

struct http_lane {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct http_job *job;
	const char *pushed; /* bytes that are waiting to be sent */
	size_t npushed;
	bool over; /* nothing more will be pushed */
	uint64_t sent;
	bool paused, running;
	char error[CURL_ERROR_SIZE];
	sigset_t signals;   /* the thread's mask, while SIGPIPE is held off */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* A write to a closed connection must not kill the process; libcurl leaves that to us when it may not touch signals. */
static void hold_sigpipe(struct http_lane *l)
{
	sigset_t pipe;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &l->signals);
}

static void release_sigpipe(struct http_lane *l)
{
	static const struct timespec now;
	sigset_t pipe;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	if (!sigismember(&l->signals, SIGPIPE))
		while (sigtimedwait(&pipe, NULL, &now) == SIGPIPE)
			;
	pthread_sigmask(SIG_SETMASK, &l->signals, NULL);
}

static struct http_lane *lane_new(void)
{
	pthread_once(&once, init);
	struct http_lane *l = calloc(1, sizeof(*l));
	if (!l)
		abort();
	l->multi = curl_multi_init();
	l->easy = curl_easy_init();
	if (!l->multi || !l->easy)
		abort();
	curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, 4L);
	return l;
}

static void lane_free(struct http_lane *l)
{
	hold_sigpipe(l);
	curl_easy_cleanup(l->easy);
	curl_multi_cleanup(l->multi);
	curl_slist_free_all(l->headers);
	release_sigpipe(l);
	free(l);
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct http_lane *l = arg;
	return l->job->header(l->job->arg, p, size * n) ? size * n : 0;
}

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
	struct http_lane *l = arg;
	return l->job->data(l->job->arg, p, size * n) ? size * n : 0;
}

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct http_lane *l = arg;
	size_t room = size * n;
	if (l->sent == l->job->upload_size || (l->over && l->npushed == 0))
		return 0;
	if (l->npushed == 0) {
		l->paused = true;
		return CURL_READFUNC_PAUSE;
	}
	if (room > l->npushed)
		room = l->npushed;
	memcpy(to, l->pushed, room);
	l->pushed += room;
	l->npushed -= room;
	l->sent += room;
	return room;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct http_lane *l = arg;
	(void)a, (void)b, (void)c, (void)d;
	return cancelled(l->job->cancel);
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	(void)arg, (void)purpose;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void set_tls(CURL *c, const struct http_job *j)
{
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, j->no_verify ? 0L : 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, j->no_verify ? 0L : 2L);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (j->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, j->ca_file);
	if (j->ca_dir)
		curl_easy_setopt(c, CURLOPT_CAPATH, j->ca_dir);
	if (j->ca_blob) {
		struct curl_blob blob = {(void *)(uintptr_t)j->ca_blob, j->ca_blob_len, CURL_BLOB_COPY};
		curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (j->cert)
		curl_easy_setopt(c, CURLOPT_SSLCERT, j->cert);
	if (j->key)
		curl_easy_setopt(c, CURLOPT_SSLKEY, j->key);
}

static void set_limits(CURL *c, const struct http_job *j)
{
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)j->connect_seconds);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1024L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)j->slow_seconds);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)j->total_seconds);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)BUFFER);
	curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
}

static void set_request(struct http_lane *l, const struct http_job *j)
{
	CURL *c = l->easy;
	curl_slist_free_all(l->headers);
	l->headers = curl_slist_append(NULL, "Expect:"); /* no waiting for "100 Continue" */
	for (size_t i = 0; i < j->nheaders; i++)
		l->headers = curl_slist_append(l->headers, j->headers[i]);
	curl_easy_setopt(c, CURLOPT_URL, j->url);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, l->headers);
	if (j->upload) {
		curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)j->upload_size);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(c, CURLOPT_READDATA, l);
	} else if (j->body) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)j->body_len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, j->body);
	} else if (strcmp(j->method, "HEAD") == 0) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, j->method);
}

static void set_all(struct http_lane *l, const struct http_job *j)
{
	CURL *c = l->easy;
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, j->allow_http ? "http,https" : "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(c, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_PROXY, j->proxy ? j->proxy : "");
	curl_easy_setopt(c, CURLOPT_NOPROXY, j->no_proxy ? j->no_proxy : "");
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, l->error);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, l);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, l);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, l);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	set_tls(c, j);
	set_limits(c, j);
	set_request(l, j);
}

static enum http_end end_of(CURLcode rc)
{
	switch (rc) {
	case CURLE_OK:
		return HTTP_DONE;
	case CURLE_WRITE_ERROR:
		return HTTP_STOPPED;
	case CURLE_ABORTED_BY_CALLBACK:
		return HTTP_CANCELLED;
	case CURLE_COULDNT_RESOLVE_HOST: case CURLE_COULDNT_RESOLVE_PROXY: case CURLE_COULDNT_CONNECT:
		return HTTP_UNREACHED;
	case CURLE_SSL_CONNECT_ERROR: case CURLE_PEER_FAILED_VERIFICATION: case CURLE_SSL_CERTPROBLEM: case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE: case CURLE_SSL_ISSUER_ERROR:
		return HTTP_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_TIMEOUT;
	case CURLE_PARTIAL_FILE: case CURLE_GOT_NOTHING: case CURLE_SEND_ERROR: case CURLE_RECV_ERROR: case CURLE_SEND_FAIL_REWIND:
		return HTTP_BROKEN;
	case CURLE_UNSUPPORTED_PROTOCOL: case CURLE_WEIRD_SERVER_REPLY: /* HTTP/0.9 is what bytes that are no HTTP are taken for */
		return HTTP_GARBAGE;
	default:
		return HTTP_FAILED;
	}
}

static void ended(struct http_lane *l, CURLcode rc)
{
	struct http_job *j = l->job;
	long status = 0;
	curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &status);
	j->status = (int)status;
	j->end = end_of(rc);
	if (rc != CURLE_OK)
		snprintf(j->why, sizeof(j->why), "%s", l->error[0] ? l->error : curl_easy_strerror(rc));
	curl_multi_remove_handle(l->multi, l->easy);
	l->running = false;
}

/* One turn; waits at most a tick when there is nothing to do. */
static void turn(struct http_lane *l, bool wait)
{
	int running = 0, left = 0;
	CURLMsg *m;
	if (curl_multi_perform(l->multi, &running) != CURLM_OK) {
		ended(l, CURLE_FAILED_INIT);
		return;
	}
	while (l->running && (m = curl_multi_info_read(l->multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE)
			ended(l, m->data.result);
	if (l->running && wait)
		curl_multi_poll(l->multi, NULL, 0, TICK_MS, NULL);
}

static void start(struct http_lane *l, struct http_job *job)
{
	hold_sigpipe(l);
	l->job = job;
	l->sent = 0;
	l->npushed = 0;
	l->paused = l->over = false;
	l->error[0] = '\0';
	set_all(l, job);
	l->running = true;
	if (curl_multi_add_handle(l->multi, l->easy) != CURLM_OK)
		ended(l, CURLE_FAILED_INIT);
	release_sigpipe(l);
}

static bool push(struct http_lane *l, const void *p, size_t len)
{
	hold_sigpipe(l);
	l->pushed = p;
	l->npushed = len;
	while (l->running && l->npushed) {
		if (l->paused) {
			l->paused = false;
			curl_easy_pause(l->easy, CURLPAUSE_CONT);
		}
		turn(l, l->npushed != 0);
	}
	release_sigpipe(l);
	return l->npushed == 0;
}

static void finish(struct http_lane *l)
{
	hold_sigpipe(l);
	bool whole = l->job->upload_size == UINT64_MAX ? !l->job->broken : l->sent == l->job->upload_size;
	l->over = true;
	if (l->running && l->job->upload && !whole) {
		ended(l, CURLE_WRITE_ERROR); /* the one who has the bytes gave up */
	} else if (l->running && l->paused) {
		l->paused = false;
		curl_easy_pause(l->easy, CURLPAUSE_CONT);
	}
	while (l->running)
		turn(l, true);
	release_sigpipe(l);
}

__attribute__((visibility("default"))) extern const struct http_module cooper_http_module;
const struct http_module cooper_http_module = {
	.version = HTTP_MODULE_VERSION,
	.lane_new = lane_new,
	.lane_free = lane_free,
	.start = start,
	.push = push,
	.finish = finish,
};

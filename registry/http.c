/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between our requests and the module that holds libcurl. Connections are kept in lanes, one lane a thread, each bound to
 * one origin: state of a lane (connections, TLS sessions) never serves another origin. Certificates come from the system, or
 * from SSL_CERT_FILE and SSL_CERT_DIR; folders `certs.d/HOST[:PORT]` add CAs and client certificates for one registry.
 */
#include "registry/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/module.h"
#include "registry/http_tls.h"

enum { HEAD_MAX = 256 * 1024, REFUSAL_MAX = 64 * 1024, SLOW = 30, CONNECT = 20 };

struct idle {
	struct idle *next;
	struct http_lane *lane;
	char *key;
};
struct http {
	pthread_mutex_t lock; /* guards what follows */
	const struct http_module *module;
	struct idle *idle;
};

void http_new(struct http **ret)
{
	struct http *h = mem_new(sizeof(*h));
	pthread_mutex_init(&h->lock, NULL);
	*ret = h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	for (struct idle *i = h->idle, *next; i; i = next) {
		next = i->next;
		h->module->lane_free(i->lane);
		mem_free(i->key);
		mem_free(i);
	}
	pthread_mutex_destroy(&h->lock);
	mem_free(h);
}

/* --- the module --- */

static const struct http_module *load_module(struct err *e)
{
	const void *m = NULL;
	if (module_load("registry", "cooper-net", HTTP_MODULE_SYMBOL, HTTP_MODULE_VERSION, &m, e) < 0)
		err_wrap(e, "the network module cannot be loaded");
	return m;
}

static int take_lane(struct http *h, const char *key, struct http_lane **ret, struct err *e)
{
	struct http_lane *lane = NULL;
	pthread_mutex_lock(&h->lock);
	if (!h->module)
		h->module = load_module(e);
	for (struct idle **p = &h->idle; !lane && *p; p = &(*p)->next) {
		struct idle *i = *p;
		if (strcmp(i->key, key) != 0)
			continue;
		lane = i->lane;
		*p = i->next;
		mem_free(i->key);
		mem_free(i);
		break;
	}
	pthread_mutex_unlock(&h->lock);
	if (!h->module)
		return -(int)e->code;
	*ret = lane ? lane : h->module->lane_new();
	return 0;
}

static void give_lane(struct http *h, const char *key, struct http_lane *lane)
{
	struct idle *i = mem_new(sizeof(*i));
	i->lane = lane;
	i->key = mem_strdup(key);
	pthread_mutex_lock(&h->lock);
	i->next = h->idle;
	h->idle = i;
	pthread_mutex_unlock(&h->lock);
}

/* --- one exchange --- */

struct exchange {
	const struct http_request *rq;
	struct http_answer *ans;
	struct err *e;
	int rc;           /* our own failure, inside a callback */
	size_t head_len;
	uint64_t body_len;
	bool head_shown;
};

static bool refuse(struct exchange *x, int rc)
{
	x->rc = rc;
	return false;
}

static bool success(const struct http_answer *a)
{
	return a->status >= 200 && a->status < 300;
}

static bool on_status(struct exchange *x, struct str line)
{
	uint64_t status = 0;
	ptrdiff_t blank = str_find(line, ' ');
	x->ans->n = 0; /* a head before this one was an interim answer */
	if (blank < 0 || line.len < (size_t)blank + 4 || !str_u64(str_sub(line, (size_t)blank + 1, (size_t)blank + 4), 999, &status))
		return refuse(x, err_set(x->e, ERR_REMOTE, "the answer is no HTTP"));
	x->ans->status = (int)status;
	return true;
}

static bool on_header(void *arg, const char *p, size_t len)
{
	struct exchange *x = arg;
	struct str line = str_trim((struct str){p, len});
	x->head_len += len;
	if (x->head_len > HEAD_MAX)
		return refuse(x, err_set(x->e, ERR_LIMIT, "the head of the answer is larger than %d bytes", HEAD_MAX));
	if (str_starts(line, STR("HTTP/")))
		return on_status(x, line);
	ptrdiff_t colon = str_find(line, ':');
	if (colon < 1)
		return true;
	struct http_answer *a = x->ans;
	ARENA_ROOM(&a->arena, a->headers, a->n, a->cap);
	a->headers[a->n++] = (struct http_header){arena_str(&a->arena, str_sub(line, 0, (size_t)colon)),
		arena_str(&a->arena, str_trim(str_from(line, (size_t)colon + 1)))};
	return true;
}

static bool show_head(struct exchange *x)
{
	if (x->head_shown || !success(x->ans))
		return true;
	x->head_shown = true;
	int rc = x->rq->head ? x->rq->head(x->rq->head_arg, x->ans, x->e) : 0;
	return rc < 0 ? refuse(x, rc) : true;
}

static bool on_data(void *arg, const void *p, size_t len)
{
	struct exchange *x = arg;
	if (!success(x->ans)) {
		size_t room = REFUSAL_MAX - x->ans->body.len;
		buf_add(&x->ans->body, p, len < room ? len : room);
		return len <= room; /* what is behind it does not interest */
	}
	if (!show_head(x))
		return false;
	x->body_len += len;
	if (x->body_len > x->rq->limit)
		return refuse(x, err_set(x->e, ERR_LIMIT, "the answer is larger than %llu bytes", (unsigned long long)x->rq->limit));
	int rc = x->rq->to ? sink_write(x->rq->to, p, len, x->e) : 0;
	return rc < 0 ? refuse(x, rc) : true;
}

/* Where `feed` writes to. */
struct pusher {
	struct sink sink;
	const struct http_module *module;
	struct http_lane *lane;
	bool over; /* the server answered before it had everything */
};

static int push(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct pusher *ps = (struct pusher *)s;
	if (len == 0 || ps->module->push(ps->lane, p, len))
		return 0;
	ps->over = true;
	return err_set(e, ERR_REMOTE, "the upload was cut short");
}

static int explain(const struct http_job *j, struct exchange *x, struct err *e)
{
	x->ans->end = j->end;
	if (x->rc < 0) {
		x->ans->end = HTTP_DONE;
		return x->rc;
	}
	if (j->end == HTTP_STOPPED && x->ans->status && !success(x->ans))
		return 0; /* enough of a refusal was read */
	if (j->end == HTTP_CANCELLED)
		return err_set(e, ERR_CANCELLED, "cancelled");
	return err_set(e, ERR_REMOTE, "%s", j->why[0] ? j->why : "the connection failed");
}

static int run(const struct http_module *m, struct http_lane *lane, struct http_job *j, struct exchange *x, struct err *e)
{
	int rc = 0;
	struct pusher to = {.sink.write = push, .module = m, .lane = lane};
	m->start(lane, j);
	if (x->rq->feed)
		rc = x->rq->feed(x->rq->feed_arg, &to.sink, e);
	j->broken = rc < 0;
	m->finish(lane);
	if (rc < 0 && !to.over && x->rc == 0) {
		x->ans->end = HTTP_DONE; /* the bytes could not be had */
		return rc;
	}
	if (j->end != HTTP_DONE)
		return explain(j, x, e);
	if (!show_head(x)) {
		x->ans->end = HTTP_DONE;
		return x->rc;
	}
	return 0;
}

static const char *either(const char *one, const char *two)
{
	const char *v = getenv(one);
	return v && *v ? v : two ? getenv(two) : NULL;
}

/* Both spellings count, as in curl and in Go; HTTP_PROXY can come from a request when we are a CGI program ("httpoxy"). */
static void set_proxy(const struct url *u, struct http_job *j)
{
	const char *upper = u->https ? "HTTPS_PROXY" : getenv("REQUEST_METHOD") ? NULL : "HTTP_PROXY";
	const char *proxy = either(u->https ? "https_proxy" : "http_proxy", upper);
	if (!proxy || !*proxy)
		proxy = either("all_proxy", "ALL_PROXY");
	j->proxy = proxy && !url_host_is_loopback(u->host) ? proxy : "";
	j->no_proxy = either("no_proxy", "NO_PROXY");
}

int http_send(struct http *h, const struct http_request *rq, struct http_answer *ans, struct err *e)
{
	struct exchange x = {.rq = rq, .ans = ans, .e = e};
	struct http_tls tls = {0};
	struct http_lane *lane = NULL;
	char *url = url_print(&rq->url, &ans->arena);
	char *key = arena_printf(&ans->arena, "%s%s", url_origin(&rq->url, &ans->arena), rq->no_verify ? " any" : "");
	struct http_job j = {
		.method = rq->method, .url = url, .headers = rq->headers, .nheaders = rq->nheaders, .body = rq->body.p,
		.body_len = rq->body.len, .upload = rq->feed != NULL, .upload_size = rq->feed_size, .allow_http = !rq->url.https,
		.no_verify = rq->no_verify, .connect_seconds = CONNECT, .slow_seconds = rq->slow_seconds ? rq->slow_seconds : SLOW,
		.total_seconds = rq->total_seconds, .cancel = rq->cancel, .header = on_header, .data = on_data, .arg = &x,
	};
	TRY(take_lane(h, key, &lane, e));
	set_proxy(&rq->url, &j);
	if (rq->url.https)
		http_tls_find(&rq->url, &ans->arena, &tls);
	j.ca_file = tls.ca_file;
	j.ca_dir = tls.ca_dir;
	j.ca_blob = tls.ca_blob.p;
	j.ca_blob_len = tls.ca_blob.len;
	j.cert = tls.cert;
	j.key = tls.key;
	int rc = run(h->module, lane, &j, &x, e);
	/* without the query: signatures stand there */
	log_debug("%s %.*s: %d%s%s", rq->method, (int)strcspn(url, "?"), url, ans->status, rc < 0 ? " " : "", rc < 0 ? e->text : "");
	give_lane(h, key, lane);
	return rc;
}

bool http_header_find(const struct http_answer *a, const char *name, struct str *ret)
{
	for (size_t i = 0; i < a->n; i++)
		if (str_ieq(a->headers[i].name, str_of(name))) {
			*ret = a->headers[i].value;
			return true;
		}
	return false;
}

void http_answer_done(struct http_answer *a)
{
	buf_done(&a->body);
	arena_done(&a->arena);
	*a = (struct http_answer){0};
}

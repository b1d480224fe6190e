/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a registry lives: https, except that registries of this machine speak plain HTTP as a rule and that --tls-verify=false
 * allows it; which one they speak is found out by one GET /v2/ without credentials. From then on the origin is fixed, and
 * there is no way back from https to http.
 */
#include "registry/client.h"

#include <pthread.h>

#include "base/jval.h"

enum { LOGINS_MAX = 2, MESSAGE_MAX = 300 };

struct client {
	struct arena arena;
	struct client_opts o;
	struct http *http;
	struct auth *auth;
	pthread_mutex_t lock; /* guards the rest */
	bool found;
	struct url home;      /* path "/" */
};

void client_new(const struct client_opts *o, struct client **ret)
{
	struct client *c = mem_new(sizeof(*c));
	c->o = *o;
	c->o.host = arena_str(&c->arena, o->host);
	c->o.repo = arena_str(&c->arena, o->repo);
	http_new(&c->http);
	struct auth_opts ao = {.http = c->http, .host = c->o.host, .repo = c->o.repo, .authfile = o->authfile, .user = o->user,
		.password = o->password, .no_verify = o->insecure, .cancel = o->cancel};
	auth_new(&ao, &c->auth);
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	auth_free(c->auth);
	http_free(c->http);
	pthread_mutex_destroy(&c->lock);
	arena_done(&c->arena);
	mem_free(c);
}

const struct cancel *client_cancel(const struct client *c)
{
	return c->o.cancel;
}

int client_wrap(struct client *c, struct err *e)
{
	return err_wrap(e, "registry %.*s", STR_ARG(c->o.host));
}

/* --- where it is --- */

static int make_home(struct client *c, bool https, struct url *ret, struct err *e)
{
	const char *host = arena_strdup(&c->arena, c->o.host.p);
	if (str_eqz(c->o.host, "docker.io"))
		host = "registry-1.docker.io";
	return url_parse(str_of(arena_printf(&c->arena, "%s://%s/", https ? "https" : "http", host)), &c->arena, ret, e);
}

enum spoken { SPOKEN, SPOKEN_BADLY, NOT_SPOKEN };

/* Is this scheme spoken there? Badly: TLS is, but with a certificate that is not trusted. */
static int probe(struct client *c, const struct url *home, enum spoken *ret, struct err *e)
{
	cleanup_answer struct http_answer ans = {0};
	struct url u = *home;
	static const char *const headers[] = {"User-Agent: cooper/" COOPER_VERSION};
	u.path = STR("/v2/");
	struct http_request rq = {.method = "GET", .url = u, .headers = headers, .nheaders = 1, .limit = 1024 * 1024,
		.no_verify = c->o.insecure, .total_seconds = 30, .cancel = c->o.cancel};
	int rc = http_send(c->http, &rq, &ans, e);
	/* a TLS server answers plain HTTP with 400, with an alert (which is no HTTP), or not at all */
	bool other = home->https ? rc < 0 && (ans.end == HTTP_TLS || ans.end == HTTP_UNREACHED || ans.end == HTTP_BROKEN || ans.end == HTTP_GARBAGE)
		: (rc < 0 && ans.end != HTTP_UNREACHED && ans.end != HTTP_TIMEOUT) || (rc == 0 && ans.status == 400);
	*ret = !other ? SPOKEN : ans.end == HTTP_TLS && strstr(e->text, "certificate") ? SPOKEN_BADLY : NOT_SPOKEN;
	return rc == -ERR_CANCELLED ? rc : 0;
}

/* Plain HTTP first on this machine, TLS first elsewhere; the second one when the first is not spoken. */
static int find_scheme(struct client *c, bool loopback, struct url *home, struct err *e)
{
	struct url other;
	enum spoken spoken = SPOKEN;
	TRY(make_home(c, !loopback, home, e));
	TRY(probe(c, home, &spoken, e));
	if (spoken == SPOKEN)
		return 0;
	TRY(make_home(c, loopback, &other, e));
	TRY(probe(c, &other, &spoken, e));
	if (spoken != NOT_SPOKEN)
		*home = other; /* a certificate that is not trusted is refused when it counts */
	return 0;
}

static int find_home(struct client *c, struct err *e)
{
	struct url home;
	TRY(make_home(c, true, &home, e));
	bool loopback = url_host_is_loopback(home.host);
	if (loopback || c->o.insecure)
		TRY(find_scheme(c, loopback, &home, e));
	c->home = home;
	c->found = true;
	auth_set_home(c->auth, &home);
	return 0;
}

int client_url(struct client *c, const char *path, struct arena *a, struct url *ret, struct err *e)
{
	pthread_mutex_lock(&c->lock);
	int rc = c->found ? 0 : find_home(c, e);
	pthread_mutex_unlock(&c->lock);
	TRY(rc);
	*ret = c->home;
	ret->path = arena_str(a, str_of(path));
	return 0;
}

/* --- one try --- */

/* The same request to a place that a redirect named: without a body, and never with what belongs to another origin. */
static int send_at(struct client *c, const struct client_call *call, const struct url *u, bool foreign_upload, struct http_answer *ans,
	const char **ret_sent, struct err *e)
{
	const char *headers[8];
	size_t n = 0;
	*ret_sent = NULL;
	if (!foreign_upload)
		TRY(auth_header(c->auth, u, call->scopes ? call->scopes : "", &ans->arena, ret_sent, e));
	headers[n++] = "User-Agent: cooper/" COOPER_VERSION;
	for (size_t i = 0; i < call->nheaders; i++)
		headers[n++] = call->headers[i];
	if (*ret_sent)
		headers[n++] = *ret_sent;
	bool ours = str_eq(u->host, c->home.host);
	struct http_request rq = {.method = call->method, .url = *u, .headers = headers, .nheaders = n, .body = call->body, .feed = call->feed,
		.feed_arg = call->feed_arg, .feed_size = call->feed_size, .to = call->to, .limit = call->limit, .head = call->head,
		.head_arg = call->head_arg, .no_verify = c->o.insecure && ours, .slow_seconds = call->slow_seconds,
		.total_seconds = call->total_seconds, .cancel = c->o.cancel};
	return http_send(c->http, &rq, ans, e);
}

/* Forgets an answer, but not where it sent us. */
static void again(struct http_answer *ans)
{
	http_answer_done(ans);
}

int client_try(struct client *c, const struct client_call *call, struct http_answer *ans, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct url u;
	unsigned logins = 0, hops = 0;
	bool reads = strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0;
	ans->end = HTTP_DONE;
	TRY(client_url(c, call->path ? call->path : "/", &a, &u, e));
	if (call->url)
		u = *call->url;
	bool foreign_upload = !reads && !url_same_origin(&u, &c->home);
	for (;;) {
		const char *sent;
		TRY(send_at(c, call, &u, foreign_upload, ans, &sent, e));
		if (ans->status == 401 && !foreign_upload && logins++ < LOGINS_MAX) {
			TRY(auth_learn(c->auth, &u, call->scopes ? call->scopes : "", ans, sent, e));
		} else if (reads && redirect_is(ans)) {
			if (hops++ == REDIRECTS_MAX)
				return err_set(e, ERR_REMOTE, "more than %d redirects", REDIRECTS_MAX);
			TRY(redirect_next(&u, ans, true, &a, &u, e));
			logins = 0;
		} else {
			return 0;
		}
		again(ans);
	}
}

int client_send(struct client *c, const struct client_call *call, struct http_answer *ans, struct err *e)
{
	struct retry retry = {0};
	for (;;) {
		int rc = client_try(c, call, ans, e);
		int more = rc == -ERR_DENIED ? 0 : retry_wait(&retry, rc, ans, c->o.cancel, e);
		if (more < 0)
			return more;
		if (!more)
			return rc;
		again(ans);
	}
}

/* --- what an answer says --- */

/* One line without control bytes; text behind the limit is cut. */
static void add_clean(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.len && out->len < MESSAGE_MAX; i++) {
		unsigned char ch = (unsigned char)s.p[i];
		buf_putc(out, ch < ' ' || ch == 0x7f ? ' ' : (char)ch);
	}
}

/* {"errors":[{"code":"DENIED","message":"..."}]} (distribution-spec, error codes), or the first line of plain text. */
static void read_message(const struct http_answer *ans, struct buf *out)
{
	cleanup_jval struct jval *j = NULL;
	struct err ignored = {0};
	struct str body = buf_view(&ans->body), type = {NULL, 0}, line = str_trim(body);
	http_header_find(ans, "Content-Type", &type);
	if (jval_parse(body, &j, &ignored) == 0) {
		const struct jval *first = jval_at(jval_get(j, "errors"), 0);
		const char *code = jval_get_text(first, "code"), *message = jval_get_text(first, "message");
		if (!message)
			message = jval_get_text(j, "message");
		if (!message)
			message = jval_get_text(j, "details");
		add_clean(out, str_of(code));
		if (code && message)
			buf_puts(out, ": ");
		add_clean(out, str_of(message));
		return;
	}
	if (str_starts(type, STR("text/html")))
		return;
	if (str_find(line, '\n') >= 0)
		line.len = (size_t)str_find(line, '\n');
	add_clean(out, line);
}

static int denied(struct client *c, const char *what, const char *message, struct err *e)
{
	const char *between = *message ? ": " : "";
	if (auth_has_credentials(c->auth))
		return err_set(e, ERR_DENIED, "registry %.*s: %s: access denied%s%s", STR_ARG(c->o.host), what, between, message);
	return err_set(e, ERR_DENIED, "registry %.*s: %s: access denied (it may not exist, or need a login: run \"cooper login %.*s\")%s%s",
		STR_ARG(c->o.host), what, STR_ARG(c->o.host), between, message);
}

int client_refused(struct client *c, const char *what, const struct http_answer *ans, struct err *e)
{
	cleanup_buf struct buf message = {0};
	read_message(ans, &message);
	const char *text = message.p ? message.p : "";
	if (ans->status == 401 || ans->status == 403)
		return denied(c, what, text, e);
	if (ans->status == 404)
		return err_set(e, ERR_NOT_FOUND, "registry %.*s: %s: not found%s%s", STR_ARG(c->o.host), what, *text ? ": " : "", text);
	return err_set(e, ERR_REMOTE, "registry %.*s: %s: status %d%s%s", STR_ARG(c->o.host), what, ans->status, *text ? ": " : "", text);
}

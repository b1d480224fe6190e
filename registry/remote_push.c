/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to a repository (OCI distribution-spec, push): POST opens an upload, one PUT brings the whole blob to the place that
 * it named. That place may be another host; it gets the bytes, but not our credentials. What breaks off is begun again with
 * a new upload, because few registries can go on with a broken one.
 */
#include "registry/remote_push.h"

void remote_keep(struct remote *r, const struct digest *d, struct str bytes)
{
	pthread_mutex_lock(&r->lock);
	struct remote_manifest *m = arena_new(&r->arena, sizeof(*m));
	*m = (struct remote_manifest){r->manifests, *d, arena_str(&r->arena, bytes)};
	r->manifests = m;
	pthread_mutex_unlock(&r->lock);
}

bool remote_kept(struct remote *r, const struct digest *d, struct buf *out)
{
	bool found = false;
	pthread_mutex_lock(&r->lock);
	for (struct remote_manifest *m = r->manifests; m && !found; m = m->next)
		if (digest_eq(&m->digest, d)) {
			buf_str(out, m->bytes);
			found = true;
		}
	pthread_mutex_unlock(&r->lock);
	return found;
}

/* --- sessions --- */

static void keep_session(struct remote *r, const struct digest *d, const struct url *u)
{
	pthread_mutex_lock(&r->lock);
	struct remote_session *s = arena_new(&r->arena, sizeof(*s));
	*s = (struct remote_session){r->sessions, *d, *u};
	s->url.host = arena_str(&r->arena, u->host);
	s->url.path = arena_str(&r->arena, u->path);
	r->sessions = s;
	pthread_mutex_unlock(&r->lock);
}

static bool take_session(struct remote *r, const struct digest *d, struct url *ret)
{
	bool found = false;
	pthread_mutex_lock(&r->lock);
	for (struct remote_session **s = &r->sessions; *s && !found; s = found ? s : &(*s)->next)
		if (digest_eq(&(*s)->digest, d)) {
			*ret = (*s)->url;
			*s = (*s)->next;
			found = true;
		}
	pthread_mutex_unlock(&r->lock);
	return found;
}

int remote_session_url(struct remote *r, const char *path, const struct http_answer *ans, struct arena *a, struct url *ret, struct err *e)
{
	struct str location;
	struct url base;
	if (!http_header_find(ans, "Location", &location))
		return err_set(e, ERR_REMOTE, "registry %.*s: it opened an upload without saying where", STR_ARG(r->host));
	TRY(client_url(r->client, path, a, &base, e));
	if (url_join(&base, location, a, ret, e) < 0)
		return err_set(e, ERR_REMOTE, "registry %.*s: it opened an upload at an address that is none", STR_ARG(r->host));
	if (base.https && !ret->https && !str_eq(base.host, ret->host))
		return err_set(e, ERR_REMOTE, "registry %.*s: it opened an upload without TLS at %.*s", STR_ARG(r->host), STR_ARG(ret->host));
	if (base.https && !ret->https) { /* behind a proxy that ends TLS, registries name themselves with http */
		ret->https = true;
		ret->port = base.port;
	}
	ret->user = STR("");
	return 0;
}

int remote_fail(struct remote *r, const char *what, int rc, const struct http_answer *ans, struct err *e)
{
	if (rc == 0)
		return client_refused(r->client, what, ans, e);
	return e->code == ERR_CANCELLED || e->code == ERR_DENIED ? rc : client_wrap(r->client, e);
}

int remote_open_session(struct remote *r, const struct digest *d, struct arena *a, struct url *ret, struct err *e)
{
	cleanup_answer struct http_answer ans = {0};
	if (d && take_session(r, d, ret))
		return 0;
	char *path = arena_printf(a, "/v2/%.*s/blobs/uploads/", STR_ARG(r->repo));
	struct client_call call = {.method = "POST", .path = path, .scopes = r->scopes, .body = STR(""), .limit = 1024 * 1024,
		.total_seconds = 120};
	int rc = d ? client_send(r->client, &call, &ans, e) : client_try(r->client, &call, &ans, e);
	if (rc < 0 || ans.status != 202)
		return remote_fail(r, "upload", rc, &ans, e);
	return remote_session_url(r, path, &ans, a, ret, e);
}

bool remote_adopt(struct place *p, const struct descriptor *d, struct str from_repo)
{
	struct remote *r = (struct remote *)p;
	cleanup_arena struct arena a = {0};
	cleanup_answer struct http_answer ans = {0};
	cleanup_buf struct buf from = {0};
	struct err ignored = {0};
	char text[DIGEST_TEXT + 1];
	struct url u;
	if (str_eq(from_repo, r->repo))
		return false;
	digest_text(&d->digest, text);
	url_quote(&from, from_repo);
	char *path = arena_printf(&a, "/v2/%.*s/blobs/uploads/", STR_ARG(r->repo));
	struct client_call call = {.method = "POST", .body = STR(""), .limit = 1024 * 1024, .total_seconds = 120};
	call.path = arena_printf(&a, "%s?mount=%s&from=%s", path, text, from.p ? from.p : "");
	call.scopes = arena_printf(&a, "%s repository:%.*s:pull", r->scopes, STR_ARG(from_repo));
	if (client_send(r->client, &call, &ans, &ignored) < 0)
		return false;
	if (ans.status == 202 && remote_session_url(r, path, &ans, &a, &u, &ignored) == 0)
		keep_session(r, &d->digest, &u);
	return ans.status == 201;
}

/* --- blobs --- */

struct sending {
	int (*from)(void *arg, struct sink *to, struct err *e);
	void *arg;
};

static int feed(void *arg, struct sink *to, struct err *e)
{
	struct sending *s = arg;
	return s->from(s->arg, to, e);
}

int remote_check_stored(const struct http_answer *ans, const struct digest *d, struct err *e)
{
	struct str text;
	char want[DIGEST_TEXT + 1];
	/* Compared as text: a digest that could not be one is something else too. Other algorithms say nothing about ours. */
	digest_text(d, want);
	if (!http_header_find(ans, "Docker-Content-Digest", &text) || !str_starts(text, STR("sha256:")) || str_eqz(text, want))
		return 0;
	return err_set(e, ERR_CORRUPT, "the registry has stored something else (%.*s)", STR_ARG(text));
}

/* One upload from the beginning. */
static int write_once(struct remote *r, const struct descriptor *d, struct sending *s, struct http_answer *ans, struct err *e)
{
	cleanup_arena struct arena a = {0};
	char text[DIGEST_TEXT + 1];
	struct url u;
	TRY(remote_open_session(r, &d->digest, &a, &u, e));
	digest_text(&d->digest, text);
	u.path = str_of(arena_printf(&a, "%.*s%cdigest=%s", STR_ARG(u.path), str_find(u.path, '?') >= 0 ? '&' : '?', text));
	struct client_call call = {.method = "PUT", .url = &u, .scopes = r->scopes, .headers = {"Content-Type: application/octet-stream"},
		.nheaders = 1, .feed = feed, .feed_arg = s, .feed_size = d->size, .limit = 1024 * 1024, .slow_seconds = 180};
	return client_try(r->client, &call, ans, e);
}

int remote_write(struct place *p, const struct descriptor *d, int (*from)(void *arg, struct sink *to, struct err *e), void *arg,
	struct err *e)
{
	struct remote *r = (struct remote *)p;
	struct sending s = {from, arg};
	struct retry retry = {0};
	for (;;) {
		cleanup_answer struct http_answer ans = {0};
		int rc = write_once(r, d, &s, &ans, e);
		if (rc == 0 && ans.status >= 200 && ans.status < 300)
			return remote_check_stored(&ans, &d->digest, e);
		if (rc < 0 && ans.status == 0 && ans.end == HTTP_DONE)
			return rc; /* no upload was opened, or the bytes could not be had: said already */
		if (rc == 0 && ans.status == 404) { /* the upload is known no more */
			ans.end = HTTP_BROKEN;
			rc = client_refused(r->client, "upload", &ans, e);
		}
		int again = rc == -ERR_DENIED ? 0 : retry_wait(&retry, rc, &ans, client_cancel(r->client), e);
		if (again <= 0)
			return rc == -ERR_NOT_FOUND ? rc : remote_fail(r, "upload", again < 0 ? again : rc, &ans, e);
	}
}

/* --- manifests --- */

int remote_put_manifest(struct place *p, const struct descriptor *d, struct str bytes, struct str name, struct err *e)
{
	struct remote *r = (struct remote *)p;
	cleanup_arena struct arena a = {0};
	cleanup_answer struct http_answer ans = {0};
	char text[DIGEST_TEXT + 1];
	struct digest is = digest_of(bytes.p, bytes.len);
	digest_text(&d->digest, text);
	if (!digest_eq(&is, &d->digest))
		return err_set(e, ERR_CORRUPT, "the manifest's bytes are not what its descriptor says");
	struct str to = name.len ? name : str_of(text);
	struct client_call call = {.method = "PUT", .scopes = r->scopes, .body = bytes, .nheaders = 1, .limit = 1024 * 1024, .total_seconds = 180};
	call.path = arena_printf(&a, "/v2/%.*s/manifests/%.*s", STR_ARG(r->repo), STR_ARG(to));
	call.headers[0] = arena_printf(&a, "Content-Type: %.*s", STR_ARG(d->media_type));
	int rc = client_send(r->client, &call, &ans, e);
	if (rc >= 0 && ans.status >= 200 && ans.status < 300)
		return remote_check_stored(&ans, &d->digest, e);
	bool refused = rc >= 0 && (ans.status == 415 || ans.status == 400) &&
		str_starts(d->media_type, STR("application/vnd.oci."));
	rc = remote_fail(r, arena_printf(&a, "manifest %.*s", STR_ARG(to)), rc, &ans, e);
	if (!refused)
		return rc;
	const char *why = arena_strdup(&a, e->text);
	return err_set(e, e->code, "%s; a registry that knows no OCI images takes docker's: --format docker", why);
}

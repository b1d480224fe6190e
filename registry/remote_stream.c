/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob that is sent while it is made (OCI distribution-spec, push, "chunked"): POST opens an upload, one PATCH brings the bytes
 * in chunks of HTTP's own, and a PUT without a body says what they were.
 */
#include "registry/remote_push.h"

struct streaming {
	int (*from)(void *arg, struct sink *to, struct digest *ret, struct err *e);
	void *arg;
	bool called;
	struct digest digest;
};

static int feed(void *arg, struct sink *to, struct err *e)
{
	struct streaming *s = arg;
	if (s->called) /* a second request, after a login: the bytes are gone */
		return err_set(e, ERR_REMOTE, "the upload cannot be begun again");
	s->called = true;
	return s->from(s->arg, to, &s->digest, e);
}

static int send_bytes(struct remote *r, struct streaming *s, struct arena *a, struct url *at, struct err *e)
{
	cleanup_answer struct http_answer ans = {0};
	struct client_call call = {.method = "PATCH", .url = at, .scopes = r->scopes, .headers = {"Content-Type: application/octet-stream"},
		.nheaders = 1, .feed = feed, .feed_arg = s, .feed_size = UINT64_MAX, .limit = 1024 * 1024, .slow_seconds = 180};
	int rc = client_try(r->client, &call, &ans, e);
	if (rc < 0 || ans.status != 202)
		return remote_fail(r, "upload", rc, &ans, e);
	char *path = arena_printf(a, "%.*s", STR_ARG(at->path));
	return remote_session_url(r, path, &ans, a, at, e);
}

static int end_upload(struct remote *r, const struct digest *d, struct arena *a, struct url *at, struct err *e)
{
	cleanup_answer struct http_answer ans = {0};
	char text[DIGEST_TEXT + 1];
	digest_text(d, text);
	at->path = str_of(arena_printf(a, "%.*s%cdigest=%s", STR_ARG(at->path), str_find(at->path, '?') >= 0 ? '&' : '?', text));
	struct client_call call = {.method = "PUT", .url = at, .scopes = r->scopes, .body = STR(""), .limit = 1024 * 1024, .total_seconds = 180};
	int rc = client_try(r->client, &call, &ans, e);
	if (rc < 0 || ans.status < 200 || ans.status >= 300)
		return remote_fail(r, "upload", rc, &ans, e);
	return remote_check_stored(&ans, d, e);
}

int remote_stream(struct place *p, int (*from)(void *arg, struct sink *to, struct digest *ret, struct err *e), void *arg, struct err *e)
{
	struct remote *r = (struct remote *)p;
	cleanup_arena struct arena a = {0};
	struct streaming s = {.from = from, .arg = arg};
	struct url at;
	if (atomic_load(&r->no_stream))
		return err_set(e, ERR_UNSUPPORTED, "uploads of unknown size do not work here");
	int rc = remote_open_session(r, NULL, &a, &at, e);
	if (rc == 0)
		rc = send_bytes(r, &s, &a, &at, e);
	if (rc == 0)
		rc = end_upload(r, &s.digest, &a, &at, e);
	if (rc < 0)
		atomic_store(&r->no_stream, true);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files from the web for ADD and remote contexts: no credentials but those in the URL, and those only for its own origin;
 * redirects between http and https as a browser follows them. A fetch that breaks off is begun again only while the sink has
 * seen nothing of it.
 */
#include "registry/redirect.h"
#include "registry/remote.h"
#include "registry/retry.h"

#include "registry/base64.h"

enum { HOPS_MAX = 10 };

struct fetching {
	struct sink sink;
	struct sink *to;
	uint64_t bytes;
};

static int pass_on(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct fetching *f = (struct fetching *)s;
	f->bytes += len;
	return sink_write(f->to, p, len, e);
}

static int send_hops(struct http *h, const struct url *start, struct str etag, struct fetching *f, uint64_t limit, const struct cancel *cancel,
	struct http_answer *ans, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct url u = *start;
	for (unsigned hop = 0; hop <= HOPS_MAX; hop++) {
		const char *headers[3] = {"User-Agent: cooper/" COOPER_VERSION};
		cleanup_buf struct buf coded = {0};
		size_t n = 1;
		if (etag.len)
			headers[n++] = arena_printf(&a, "If-None-Match: %.*s", STR_ARG(etag));
		if (start->user.len && url_same_origin(&u, start)) {
			base64_encode(start->user, &coded);
			headers[n++] = arena_printf(&a, "Authorization: Basic %s", coded.p);
		}
		struct http_request rq = {.method = "GET", .url = u, .headers = headers, .nheaders = n, .to = &f->sink, .limit = limit,
			.cancel = cancel};
		TRY(http_send(h, &rq, ans, e));
		if (!redirect_is(ans))
			return 0;
		TRY(redirect_next(&u, ans, false, &a, &u, e));
		http_answer_done(ans);
	}
	return err_set(e, ERR_REMOTE, "more than %d redirects", HOPS_MAX);
}

static int fetch_all(struct http *h, const struct url *u, struct str etag, struct fetching *f, uint64_t limit, const struct cancel *cancel,
	struct http_answer *ans, struct err *e)
{
	struct retry retry = {0};
	for (;;) {
		int rc = send_hops(h, u, etag, f, limit, cancel, ans, e);
		int again = f->bytes ? 0 : retry_wait(&retry, rc, ans, cancel, e);
		if (again < 0)
			return again;
		if (!again)
			return rc;
		http_answer_done(ans);
	}
}

static struct str copy_header(const struct http_answer *ans, const char *name, struct arena *a)
{
	struct str v = {NULL, 0};
	return http_header_find(ans, name, &v) ? arena_str(a, v) : STR("");
}

/* A header value is one line. */
static int check_etag(struct str etag, struct err *e)
{
	for (size_t i = 0; i < etag.len; i++)
		if ((unsigned char)etag.p[i] < ' ' || etag.p[i] == 0x7f)
			return err_set(e, ERR_SYNTAX, "an ETag with control bytes");
	return 0;
}

MEM_CLEANUP(http_cleanup, struct http, http_free)

int remote_fetch(struct str url, struct str if_none_match, struct sink *to, uint64_t limit, const struct cancel *cancel,
	struct arena *a, struct fetched *ret, struct err *e)
{
	cleanup_with(http_cleanup) struct http *h = NULL;
	cleanup_answer struct http_answer ans = {0};
	struct fetching f = {.sink.write = pass_on, .to = to};
	struct fetched got = {0};
	struct url u;
	TRY(url_parse(url, a, &u, e));
	TRY(check_etag(if_none_match, e));
	http_new(&h);
	int rc = fetch_all(h, &u, if_none_match, &f, limit, cancel, &ans, e);
	const char *shown = url_print(&u, a); /* without a password */
	if (rc < 0)
		return e->code == ERR_CANCELLED ? rc : err_wrap(e, "%s", shown);
	got.not_modified = ans.status == 304 && if_none_match.len;
	if (!got.not_modified && (ans.status < 200 || ans.status >= 300))
		return err_set(e, ERR_REMOTE, "%s: invalid response status %d", shown, ans.status);
	got.etag = copy_header(&ans, "ETag", a);
	got.last_modified = copy_header(&ans, "Last-Modified", a);
	got.content_type = copy_header(&ans, "Content-Type", a);
	if (got.last_modified.len && !http_date_parse(got.last_modified, &got.last_modified_sec))
		got.last_modified_sec = 0;
	*ret = got;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading from a repository (OCI distribution-spec, pull). A tag is resolved by HEAD, which costs a registry little and is not
 * counted as a pull; what its manifest is, is decided by bytes (those of GET, or those that the target has) and their digest. A
 * blob that breaks off is asked for again from where it stopped.
 */
#include "registry/remote.h"

#include "base/log.h"
#include "registry/layout_index.h"
#include "registry/registries.h"
#include "registry/remote_push.h"

#define ACCEPT                                                                                                   \
	"Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "          \
	"application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*"

/* --- names --- */

/* A tag or digest as it goes into a path; both are made of harmless letters. */
static int check_name(struct str name, struct err *e)
{
	struct digest d;
	struct err ignored = {0};
	if (digest_parse(name, &d, &ignored) == 0)
		return 0;
	bool good = name.len > 0 && name.len <= 128 && name.p[0] != '.' && name.p[0] != '-';
	for (size_t i = 0; good && i < name.len; i++) {
		char c = name.p[i];
		good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
	}
	return good ? 0 : err_set(e, ERR_SYNTAX, "\"%.*s\" is neither a tag nor a digest", STR_ARG(name));
}

/* For messages: "team/app:1", "team/app@sha256:...". */
static char *full_name(const struct remote *r, struct str name, struct arena *a)
{
	return arena_printf(a, "%.*s%c%.*s", STR_ARG(r->repo), str_find(name, ':') >= 0 ? '@' : ':', STR_ARG(name));
}

static char *manifest_path(const struct remote *r, struct str name, struct arena *a)
{
	return arena_printf(a, "/v2/%.*s/manifests/%.*s", STR_ARG(r->repo), STR_ARG(name));
}

/* Says what a failed call was about. */
static int fail(struct remote *r, const char *what, int rc, const struct http_answer *ans, struct err *e)
{
	if (rc == 0)
		return client_refused(r->client, what, ans, e);
	return e->code == ERR_CANCELLED || e->code == ERR_DENIED ? rc : client_wrap(r->client, e);
}

/* Content-Type without parameters. */
static struct str type_of(const struct http_answer *ans)
{
	struct str type = {NULL, 0};
	http_header_find(ans, "Content-Type", &type);
	ptrdiff_t semicolon = str_find(type, ';');
	if (semicolon >= 0)
		type.len = (size_t)semicolon;
	return str_trim(type);
}

/* --- manifests --- */

/* Fetches a manifest by tag or digest into out; *ret_type (in `a`) is what the registry calls it. */
static int get_manifest(struct remote *r, struct str name, struct arena *a, struct buf *out, struct str *ret_type, struct err *e)
{
	cleanup_answer struct http_answer ans = {0};
	struct retry retry = {0};
	struct sink_buf sink;
	TRY(check_name(name, e));
	struct client_call call = {.method = "GET", .path = manifest_path(r, name, a), .scopes = r->scopes, .headers = {ACCEPT}, .nheaders = 1,
		.to = &sink.sink, .limit = MANIFEST_SIZE_MAX};
	for (;;) {
		buf_clear(out);
		sink_buf_init(&sink, out, MANIFEST_SIZE_MAX);
		int rc = client_try(r->client, &call, &ans, e);
		if (rc == 0 && ans.status == 200)
			break;
		int again = rc == -ERR_DENIED ? 0 : retry_wait(&retry, rc, &ans, client_cancel(r->client), e);
		if (again <= 0)
			return fail(r, full_name(r, name, a), again < 0 ? again : rc, &ans, e);
		http_answer_done(&ans);
	}
	*ret_type = arena_str(a, type_of(&ans));
	return 0;
}

/* Registries that call everything JSON leave it to the document. */
static bool vague(struct str type)
{
	return type.len == 0 || str_eqz(type, "application/json") || str_starts(type, STR("text/plain")) ||
		str_eqz(type, "application/octet-stream");
}

static struct str own_type(struct str json, struct arena *a)
{
	cleanup_jval struct jval *j = NULL;
	struct err ignored = {0};
	if (jval_parse(json, &j, &ignored) < 0)
		return STR("");
	const char *type = jval_get_text(j, "mediaType");
	if (!type)
		type = media_type(jval_get(j, "manifests") ? MEDIA_INDEX : MEDIA_MANIFEST, MEDIA_OCI, MEDIA_PLAIN);
	return arena_str(a, str_of(type));
}

/* By GET: for registries whose HEAD says too little, or something else. */
static int resolve_by_get(struct remote *r, struct str name, struct arena *a, struct descriptor *ret, struct err *e)
{
	cleanup_buf struct buf bytes = {0};
	struct str type;
	TRY(get_manifest(r, name, a, &bytes, &type, e));
	struct digest asked, is = digest_of(bytes.p, bytes.len);
	struct err ignored = {0};
	if (digest_parse(name, &asked, &ignored) == 0 && !digest_eq(&asked, &is))
		return err_set(e, ERR_CORRUPT, "the registry gave another manifest than %.*s", STR_ARG(name));
	*ret = (struct descriptor){.media_type = vague(type) ? own_type(buf_view(&bytes), a) : type, .digest = is, .size = bytes.len};
	remote_keep(r, &is, buf_view(&bytes));
	return 0;
}

/* What HEAD says, when it says all that is needed. */
static bool read_head(const struct http_answer *ans, struct str name, struct arena *a, struct descriptor *ret)
{
	struct str digest, length, type = type_of(ans);
	struct descriptor d = {0};
	struct err ignored = {0};
	bool by_digest = digest_parse(name, &d.digest, &ignored) == 0;
	if (vague(type) || !media_find(type) || !http_header_find(ans, "Content-Length", &length) ||
	    !str_u64(length, MANIFEST_SIZE_MAX, &d.size) || d.size == 0)
		return false;
	if (!by_digest && (!http_header_find(ans, "Docker-Content-Digest", &digest) || digest_parse(digest, &d.digest, &ignored) < 0))
		return false;
	d.media_type = arena_str(a, type);
	*ret = d;
	return true;
}

static int remote_resolve(struct place *p, struct str name, struct arena *a, struct descriptor *ret, struct err *e)
{
	struct remote *r = (struct remote *)p;
	cleanup_answer struct http_answer ans = {0};
	TRY(check_name(name, e));
	if (atomic_load(&r->head_lies))
		return resolve_by_get(r, name, a, ret, e);
	struct client_call call = {.method = "HEAD", .path = manifest_path(r, name, a), .scopes = r->scopes, .headers = {ACCEPT}, .nheaders = 1,
		.limit = MANIFEST_SIZE_MAX, .total_seconds = 60};
	int rc = client_send(r->client, &call, &ans, e);
	if (rc < 0)
		return fail(r, "", rc, &ans, e);
	if (ans.status == 200 && read_head(&ans, name, a, ret))
		return 0;
	return resolve_by_get(r, name, a, ret, e); /* also for the text of a refusal, which HEAD has not */
}

static int remote_manifest(struct place *p, const struct descriptor *d, struct buf *out, struct err *e)
{
	struct remote *r = (struct remote *)p;
	cleanup_arena struct arena a = {0};
	char text[DIGEST_TEXT + 1];
	struct str type;
	if (remote_kept(r, &d->digest, out))
		return 0;
	digest_text(&d->digest, text);
	int rc = get_manifest(r, str_of(text), &a, out, &type, e);
	if (rc == -ERR_NOT_FOUND) {
		atomic_store(&r->head_lies, true);
		return err_set(e, ERR_CORRUPT, "registry %.*s does not have its own manifest %s", STR_ARG(r->host), text);
	}
	TRY(rc);
	struct digest is = digest_of(out->p, out->len);
	if (!digest_eq(&is, &d->digest)) {
		atomic_store(&r->head_lies, true);
		return err_set(e, ERR_CORRUPT, "registry %.*s gave another manifest than %s", STR_ARG(r->host), text);
	}
	if (d->size && out->len != d->size)
		return err_set(e, ERR_CORRUPT, "manifest %s has %zu bytes, not %llu", text, out->len, (unsigned long long)d->size);
	if (!vague(type) && media_find(type) && !str_eq(type, d->media_type))
		return err_set(e, ERR_CORRUPT, "manifest %s was announced as %.*s and came as %.*s", text, STR_ARG(d->media_type), STR_ARG(type));
	return 0;
}

/* --- blobs --- */

static char *blob_path(const struct remote *r, const struct digest *d, struct arena *a)
{
	char text[DIGEST_TEXT + 1];
	digest_text(d, text);
	return arena_printf(a, "/v2/%.*s/blobs/%s", STR_ARG(r->repo), text);
}

static bool remote_has(struct place *p, const struct descriptor *d)
{
	struct remote *r = (struct remote *)p;
	cleanup_arena struct arena a = {0};
	cleanup_answer struct http_answer ans = {0};
	struct err ignored = {0};
	struct client_call call = {.method = "HEAD", .path = blob_path(r, &d->digest, &a), .scopes = r->scopes, .total_seconds = 60};
	return client_send(r->client, &call, &ans, &ignored) == 0 && ans.status == 200;
}

/* A blob on its way: what came in all tries so far. */
struct receiving {
	struct sink sink;
	struct sink *to;
	const struct descriptor *d;
	struct hasher hasher;
	uint64_t done;
	uint64_t skip;   /* bytes of this answer that we have already */
	uint64_t asked;  /* offset that this try asked for */
};

/* 206 must begin where we stopped; 200 is the whole again (RFC 9110 15.3.7). */
static int blob_head(void *arg, const struct http_answer *ans, struct err *e)
{
	struct receiving *v = arg;
	struct str range;
	uint64_t from;
	v->skip = ans->status == 200 ? v->done : 0;
	uint64_t length, left = v->d->size - v->done + v->skip;
	if (http_header_find(ans, "Content-Length", &range) && (!str_u64(range, UINT64_MAX, &length) || length != left))
		return err_set(e, ERR_CORRUPT, "the registry's blob has %.*s bytes, not %llu", STR_ARG(range), (unsigned long long)left);
	if (ans->status == 200)
		return 0;
	if (ans->status != 206 || !v->asked)
		return err_set(e, ERR_REMOTE, "unexpected status %d", ans->status);
	if (!http_header_find(ans, "Content-Range", &range) || !str_starts(range, STR("bytes ")))
		return err_set(e, ERR_REMOTE, "a part of the blob without its range");
	range = str_from(range, 6);
	ptrdiff_t dash = str_find(range, '-');
	if (dash < 1 || !str_u64(str_sub(range, 0, (size_t)dash), UINT64_MAX, &from) || from != v->done)
		return err_set(e, ERR_REMOTE, "another part of the blob than asked for");
	return 0;
}

static int blob_bytes(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct receiving *v = (struct receiving *)s;
	if (v->skip) {
		size_t n = len < v->skip ? len : (size_t)v->skip;
		v->skip -= n;
		p = (const char *)p + n;
		len -= n;
	}
	if (len > v->d->size - v->done)
		return err_set(e, ERR_CORRUPT, "the blob is larger than %llu bytes", (unsigned long long)v->d->size);
	hasher_add(&v->hasher, p, len);
	v->done += len;
	return len ? sink_write(v->to, p, len, e) : 0;
}

static int read_once(struct remote *r, struct receiving *v, struct http_answer *ans, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct client_call call = {.method = "GET", .path = blob_path(r, &v->d->digest, &a), .scopes = r->scopes, .to = &v->sink,
		.limit = UINT64_MAX, .head = blob_head, .head_arg = v};
	v->asked = v->done;
	if (v->done)
		call.headers[call.nheaders++] = arena_printf(&a, "Range: bytes=%llu-", (unsigned long long)v->done);
	return client_try(r->client, &call, ans, e);
}

static int check_blob(struct receiving *v, struct err *e)
{
	struct digest is = hasher_done(&v->hasher);
	return digest_eq(&is, &v->d->digest) ? 0 : err_set(e, ERR_CORRUPT, "the blob's bytes have another digest");
}

/* One byte in 16 KiB of gain counts as progress: a drip does not. */
static int receive(struct remote *r, struct receiving *v, struct err *e)
{
	struct retry retry = {0};
	for (;;) {
		cleanup_answer struct http_answer ans = {0};
		uint64_t before = v->done;
		int rc = v->done == v->d->size && before ? 0 : read_once(r, v, &ans, e);
		bool complete = v->done == v->d->size && (rc == 0 || ans.end != HTTP_DONE);
		if (complete && (ans.status == 0 || (ans.status >= 200 && ans.status < 300)))
			return check_blob(v, e);
		if (rc == 0 && ans.status >= 200 && ans.status < 300)
			ans.end = HTTP_BROKEN, rc = err_set(e, ERR_REMOTE, "the blob ends after %llu of %llu bytes", (unsigned long long)v->done,
				(unsigned long long)v->d->size);
		if (rc == -ERR_REMOTE && ans.end == HTTP_DONE && v->asked)
			ans.end = HTTP_BROKEN; /* a wrong part: ask again */
		if (v->done - before >= 16 * 1024)
			retry_progress(&retry);
		int again = rc == -ERR_DENIED ? 0 : retry_wait(&retry, rc, &ans, client_cancel(r->client), e);
		if (again <= 0)
			return fail(r, "blob", again < 0 ? again : rc, &ans, e);
	}
}

static int remote_read(struct place *p, const struct descriptor *d, struct sink *to, struct err *e)
{
	struct receiving v = {.sink.write = blob_bytes, .to = to, .d = d};
	hasher_init(&v.hasher);
	return receive((struct remote *)p, &v, e);
}

/* --- opening --- */

static void remote_close(struct place *p)
{
	struct remote *r = (struct remote *)p;
	client_free(r->client);
	pthread_mutex_destroy(&r->lock);
	arena_done(&r->arena);
	mem_free(r);
}

static const struct place_ops remote_ops = {
	.resolve = remote_resolve,
	.manifest = remote_manifest,
	.has = remote_has,
	.read = remote_read,
	.write = remote_write,
	.put_manifest = remote_put_manifest,
	.adopt = remote_adopt,
	.stream = remote_stream,
	.close = remote_close,
};

int remote_open(const struct ref *repo, const struct remote_opts *o, struct place **ret, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct registry_rule rule;
	registries_find(repo->host, repo->path, &a, &rule);
	if (rule.blocked)
		return err_set(e, ERR_DENIED, "registry %.*s: blocked by registries.conf", STR_ARG(repo->host));
	struct remote *r = mem_new(sizeof(*r));
	r->place.ops = &remote_ops;
	r->host = arena_str(&r->arena, rule.host);
	r->repo = arena_str(&r->arena, rule.repo);
	r->scopes = arena_printf(&r->arena, "repository:%.*s:%s", STR_ARG(rule.repo), o->push ? "pull,push" : "pull");
	pthread_mutex_init(&r->lock, NULL);
	struct client_opts co = {.host = r->host, .repo = r->repo, .insecure = o->insecure || rule.insecure, .authfile = o->authfile, .user = o->user,
		.password = o->password, .cancel = o->cancel};
	client_new(&co, &r->client);
	*ret = &r->place;
	return 0;
}

int remote_check(struct str host, const char *user, const char *password, bool insecure, struct err *e)
{
	cleanup_arena struct arena a = {0};
	cleanup_answer struct http_answer ans = {0};
	struct registry_rule rule;
	registries_find(host, STR(""), &a, &rule);
	struct client_opts co = {.host = host, .insecure = insecure || rule.insecure, .user = user, .password = password};
	struct client_call call = {.method = "GET", .path = "/v2/", .limit = 1024 * 1024, .total_seconds = 60};
	struct client *c;
	client_new(&co, &c);
	int rc = client_send(c, &call, &ans, e);
	if (rc < 0)
		rc = e->code == ERR_DENIED ? rc : client_wrap(c, e);
	else if (ans.status == 404)
		rc = err_set(e, ERR_REMOTE, "%.*s is no registry: it has no /v2/", STR_ARG(host));
	else if (ans.status != 200)
		rc = client_refused(c, "login", &ans, e);
	client_free(c);
	return rc;
}

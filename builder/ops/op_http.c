/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD URL. The key is the body's digest, its time, and what becomes of it, never the URL: a memo by URL remembers ETag and digest, so that an
 * unchanged file costs one conditional request, and with --checksum none at all.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "builder/ops/env.h"
#include "builder/ops/fetched_layer.h"
#include "builder/ops/ops.h"
#include "registry/remote.h"

enum { BODY_MAX_GIB = 16 };

static void hash_http(const void *args, struct hasher *h)
{
	const struct op_http_args *a = args;
	hasher_str(h, a->url);
	hasher_digest(h, &a->checksum);
	hasher_str(h, a->name);
	hasher_u64(h, a->mode);
}

static struct digest memo_key(const struct op_http_args *a)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("http 1"));
	hasher_str(&h, a->url);
	return hasher_done(&h);
}

struct memo { /* "<hex> <mtime> <etag>" */
	bool known;
	struct digest body;
	int64_t mtime;
	struct str etag;
	struct buf text;
};

static int memo_load(struct ops_env *env, const struct op_http_args *a, struct memo *m, struct err *e)
{
	struct digest key = memo_key(a);
	bool found = false;
	TRY(store_get_memo(env->store, &key, &m->text, &found, e));
	struct str rest = buf_view(&m->text), hex, time;
	if (!found || !str_split(&rest, ' ', &hex) || !digest_from_hex(hex, &m->body) || !str_split(&rest, ' ', &time))
		return 0;
	m->mtime = strtoll(time.p, NULL, 10);
	m->etag = rest;
	m->known = true;
	return 0;
}

static int memo_save(struct ops_env *env, const struct op_http_args *a, const struct digest *body, int64_t mtime, struct str etag,
	struct err *e)
{
	struct digest key = memo_key(a);
	char hex[DIGEST_HEX + 1];
	cleanup_buf struct buf text = {0};
	digest_hex(body, hex);
	buf_printf(&text, "%s %lld %.*s", hex, (long long)mtime, STR_ARG(etag));
	return store_set_memo(env->store, &key, buf_view(&text), e);
}

/* What the URL gave when the key was made: what runs has to be that. */
struct body {
	struct digest digest;
	int64_t mtime;
};

/* Two steps may be given the same bytes: each has a spool of its own. */
static void spool_name(const struct task *t, char out[5 + DIGEST_HEX + 1])
{
	memcpy(out, "http-", 5);
	digest_hex(&t->step->id, out + 5);
}

/* Gets the body (unless it is what the memo says) into the store's tmp. */
static int get(struct task *t, const struct op_http_args *a, const struct memo *m, bool conditional, struct body *ret, struct err *e)
{
	struct ops_env *env = t->env;
	struct fetched f = {0};
	struct sink_fd to_file;
	struct sink_hash hashed;
	int tmp = -1;
	cleanup_arena struct arena arena = {0};
	cleanup_free char *temp = NULL;
	cleanup_close int fd = -1;
	TRY(store_tmp(env->store, &tmp, e));
	TRY(fs_temp_file(tmp, "get-", &temp, &fd, e));
	sink_fd_init(&to_file, fd);
	sink_hash_init(&hashed, &to_file.sink);
	struct str etag = conditional && m->known ? m->etag : STR("");
	int rc = remote_fetch(a->url, etag, &hashed.sink, (uint64_t)BODY_MAX_GIB << 30, t->cancel, &arena, &f, e);
	if (rc < 0 || f.not_modified) {
		unlinkat(tmp, temp, 0);
		*ret = (struct body){.digest = m->body, .mtime = m->mtime};
		return rc;
	}
	*ret = (struct body){.digest = hasher_done(&hashed.hasher), .mtime = f.last_modified_sec};
	char name[5 + DIGEST_HEX + 1];
	spool_name(t, name);
	if (renameat(tmp, temp, tmp, name) < 0)
		return err_sys(e, "rename %s", temp);
	return memo_save(env, a, &ret->digest, ret->mtime, f.etag, e);
}

static int check_body(const struct op_http_args *a, const struct digest *body, struct err *e)
{
	if (digest_none(&a->checksum) || digest_eq(body, &a->checksum))
		return 0;
	char got[DIGEST_TEXT + 1], want[DIGEST_TEXT + 1];
	digest_text(body, got);
	digest_text(&a->checksum, want);
	return err_set(e, ERR_CORRUPT, "digest mismatch for %.*s: it is %s, --checksum says %s", STR_ARG(a->url), got, want);
}

static int key_http(struct task *t, struct hasher *h, struct err *e)
{
	const struct op_http_args *a = t->step->args;
	struct memo m = {0};
	struct body body = {.digest = a->checksum};
	int rc = memo_load(t->env, a, &m, e);
	bool trust = m.known && !digest_none(&a->checksum) && digest_eq(&m.body, &a->checksum);
	if (rc == 0 && trust)
		body.mtime = m.mtime;
	else if (rc == 0)
		rc = get(t, a, &m, m.etag.len > 0, &body, e);
	buf_done(&m.text);
	if (rc < 0)
		return rc;
	TRY(check_body(a, &body.digest, e));
	hasher_str(h, a->name);
	hasher_u64(h, a->mode);
	hasher_digest(h, &body.digest);
	hasher_u64(h, (uint64_t)body.mtime);
	buf_add(&t->found, &body, sizeof(body));
	ops_why_digest(&t->why, PART_BODY, &body.digest);
	cleanup_free char *time = mem_printf("%lld", (long long)body.mtime);
	ops_why_text(&t->why, PART_BODY_TIME, str_of(time));
	return 0;
}

/* Puts the spooled body under its name. It is not there when only the key was known: then it is fetched, and when it is another one by
 * now, the step's result is not what its key says and must not be found under it. */
static int place(struct task *t, const struct op_http_args *a, int tmp, const char *scratch, bool *ret_other, struct err *e)
{
	struct memo none = {0};
	struct body body;
	char spooled[5 + DIGEST_HEX + 1];
	memcpy(&body, t->found.p, sizeof(body));
	spool_name(t, spooled);
	if (!fs_exists(tmp, spooled)) {
		struct body now;
		TRY(get(t, a, &none, false, &now, e));
		TRY(check_body(a, &now.digest, e));
		*ret_other = !digest_eq(&now.digest, &body.digest) || now.mtime != body.mtime;
		body = now;
	}
	cleanup_free char *path = mem_printf("%s/fs/%.*s", scratch, STR_ARG(a->name));
	struct timespec times[2] = {{.tv_sec = body.mtime}, {.tv_sec = body.mtime}};
	if (renameat(tmp, spooled, tmp, path) < 0 || fchmodat(tmp, path, a->mode, 0) < 0 || utimensat(tmp, path, times, 0) < 0)
		return err_sys(e, "place %s", path);
	return 0;
}

static int run_http(struct task *t, struct outcome *ret, struct err *e)
{
	struct ops_env *env = t->env;
	int tmp = -1;
	cleanup_free char *scratch = NULL;
	TRY(fetched_scratch(env, "url-", &tmp, &scratch, e));
	TRY(place(t, t->step->args, tmp, scratch, &ret->keep_out, e));
	return fetched_layer(env, tmp, scratch, (struct timespec){0}, t->cancel, ret, e); /* its time is the server's */
}

const struct op op_http = {.name = "http", .far = true, .hash = hash_http, .key = key_http, .run = run_http};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing is sent unasked: the first request goes without, the 401 says what is wanted and from then on it is sent along. A
 * registry names its token server itself, so this is where credentials could be lured away: the server must speak https when
 * the registry does, must not be an address inside our network, and gets credentials only when it belongs to the registry
 * (the same host, the same domain, or a known pair). Others are asked anonymously.
 */
#include "registry/auth.h"

#include <pthread.h>

#include "base/jval.h"
#include "registry/base64.h"
#include "registry/challenge.h"
#include "registry/retry.h"

enum { ANSWER_MAX = 1024 * 1024, TOKEN_MAX = 64 * 1024, LIFE_DEFAULT = 60, LIFE_MAX = 3600 };

struct origin {
	struct origin *next;
	struct url url;
	bool basic;
	struct url realm;      /* of the token server, when !basic */
	struct str service;
};
struct token {
	struct token *next;
	const struct origin *origin;
	const char *scopes, *text;
	int64_t until_ms;
};
struct auth {
	struct arena arena;    /* all that follows */
	struct auth_opts o;
	pthread_mutex_t lock;
	bool has_home;
	struct url home;
	bool looked;           /* credentials were looked for */
	struct cred cred;
	struct origin *origins;
	struct token *tokens;  /* newest first; old ones are few and stay */
};

void auth_new(const struct auth_opts *o, struct auth **ret)
{
	struct auth *au = mem_new(sizeof(*au));
	au->o = *o;
	au->o.host = arena_str(&au->arena, o->host);
	au->o.repo = arena_str(&au->arena, o->repo);
	au->o.authfile = arena_strdup(&au->arena, o->authfile);
	if (o->user) {
		au->looked = true;
		au->cred.user = arena_strdup(&au->arena, o->user);
		au->cred.password = arena_strdup(&au->arena, o->password ? o->password : "");
	}
	pthread_mutex_init(&au->lock, NULL);
	*ret = au;
}

void auth_free(struct auth *au)
{
	if (!au)
		return;
	pthread_mutex_destroy(&au->lock);
	arena_done(&au->arena);
	mem_free(au);
}

static void copy_url(const struct url *u, struct arena *a, struct url *ret)
{
	*ret = *u;
	ret->host = arena_str(a, u->host);
	ret->path = arena_str(a, u->path);
	ret->user = STR("");
}

void auth_set_home(struct auth *au, const struct url *home)
{
	pthread_mutex_lock(&au->lock);
	copy_url(home, &au->arena, &au->home);
	au->has_home = true;
	pthread_mutex_unlock(&au->lock);
}

static int load_cred(struct auth *au, struct err *e)
{
	if (au->looked)
		return 0;
	TRY(cred_find(au->o.host, au->o.repo, au->o.authfile, &au->arena, &au->cred, e));
	au->looked = true;
	return 0;
}

bool auth_has_credentials(struct auth *au)
{
	pthread_mutex_lock(&au->lock);
	bool has = !cred_none(&au->cred);
	pthread_mutex_unlock(&au->lock);
	return has;
}

static struct origin *find_origin(struct auth *au, const struct url *u)
{
	for (struct origin *o = au->origins; o; o = o->next)
		if (url_same_origin(&o->url, u))
			return o;
	return NULL;
}

/* --- which token servers --- */

/* Pairs of registries and token servers without a common name. */
static const struct {
	const char *registry, *server;
} known[] = {
	{"docker.io", "auth.docker.io"},
	{"registry-1.docker.io", "auth.docker.io"},
	{"nvcr.io", "authn.nvidia.com"},
	{"icr.io", "iam.cloud.ibm.com"},
	{"lscr.io", "ghcr.io"},
};

static size_t labels(struct str s)
{
	size_t n = s.len > 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == '.';
	return n;
}

/* The last labels that both have. */
static struct str common_tail(struct str x, struct str y)
{
	size_t n = 0, whole = 0;
	while (n < x.len && n < y.len && x.p[x.len - 1 - n] == y.p[y.len - 1 - n]) {
		n++;
		bool x_edge = n == x.len || x.p[x.len - 1 - n] == '.', y_edge = n == y.len || y.p[y.len - 1 - n] == '.';
		if (x_edge && y_edge)
			whole = n;
	}
	return str_from(x, x.len - whole);
}

/* "example.com" is somebody's, "co.uk" is not: under a country, a short second label does not count. */
static bool same_domain(struct str x, struct str y)
{
	uint64_t number;
	struct str tail = common_tail(x, y);
	ptrdiff_t dot = str_rfind(tail, '.'), first = str_find(tail, '.');
	if (dot < 0 || str_u64(str_from(tail, (size_t)dot + 1), UINT64_MAX, &number))
		return false;
	bool country = tail.len - (size_t)dot - 1 == 2 && first <= 3;
	return labels(tail) >= (country ? 3U : 2U);
}

bool auth_realm_trusted(const struct url *home, struct str host, const struct url *realm)
{
	if (str_eq(home->host, realm->host)) /* another port of this machine may be another user's */
		return home->port == realm->port || !url_host_is_loopback(home->host);
	if (url_host_is_internal(realm->host))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if ((str_eqz(home->host, known[i].registry) || str_eqz(host, known[i].registry)) && str_eqz(realm->host, known[i].server))
			return true;
	return same_domain(home->host, realm->host);
}

static int check_realm(const struct url *from, struct str text, struct arena *a, struct url *ret, struct err *e)
{
	if (url_parse(text, a, ret, e) < 0)
		return err_set(e, ERR_REMOTE, "%.*s names a token server that is no http or https address", STR_ARG(from->host));
	if (from->https && !ret->https)
		return err_set(e, ERR_REMOTE, "%.*s names a token server without TLS (%.*s)", STR_ARG(from->host), STR_ARG(ret->host));
	if (url_host_is_internal(ret->host) && !str_eq(ret->host, from->host) && !url_host_is_loopback(from->host))
		return err_set(e, ERR_REMOTE, "%.*s names a token server with an internal address (%.*s)", STR_ARG(from->host), STR_ARG(ret->host));
	if (url_host_is_internal(ret->host) && !url_host_is_loopback(ret->host) && !str_eq(ret->host, from->host))
		return err_set(e, ERR_REMOTE, "%.*s names a token server with an internal address (%.*s)", STR_ARG(from->host), STR_ARG(ret->host));
	return 0;
}

/* --- tokens --- */

static void add_query(struct buf *q, bool *first, const char *name, struct str value)
{
	buf_printf(q, "%s%s=", *first ? "" : "&", name);
	url_quote(q, value);
	*first = false;
}

/* One "scope" parameter for each (the token server's form for several). */
static void add_scopes(struct buf *q, bool *first, const char *scopes)
{
	struct str rest = str_of(scopes), scope;
	while (rest.len && str_split(&rest, ' ', &scope))
		if (scope.len)
			add_query(q, first, "scope", scope);
}

static char *basic_header(const struct cred *c, struct arena *a)
{
	cleanup_buf struct buf plain = {0}, coded = {0};
	buf_printf(&plain, "%s:%s", c->user, c->password ? c->password : "");
	base64_encode(buf_view(&plain), &coded);
	return arena_printf(a, "Authorization: Basic %s", coded.p ? coded.p : "");
}

/* A token goes into a header: one word of printable ASCII. */
static bool valid_token(const char *t)
{
	size_t n = t ? strlen(t) : 0;
	for (size_t i = 0; i < n; i++)
		if (t[i] <= ' ' || t[i] >= 0x7f)
			return false;
	return n > 0 && n <= TOKEN_MAX;
}

static int read_token(struct auth *au, const struct origin *o, const char *scopes, struct str json, struct err *e)
{
	cleanup_jval struct jval *j = NULL;
	if (jval_parse(json, &j, e) < 0)
		return err_set(e, ERR_REMOTE, "token server %.*s gave no JSON", STR_ARG(o->realm.host));
	const char *text = jval_get_text(j, "token");
	if (!text || !*text)
		text = jval_get_text(j, "access_token");
	if (!valid_token(text))
		return err_set(e, ERR_REMOTE, "token server %.*s gave no valid token", STR_ARG(o->realm.host));
	int64_t life = jval_int(jval_get(j, "expires_in"), LIFE_DEFAULT);
	life = life < 1 ? LIFE_DEFAULT : life > LIFE_MAX ? LIFE_MAX : life;
	struct token *t = arena_new(&au->arena, sizeof(*t));
	*t = (struct token){au->tokens, o, arena_strdup(&au->arena, scopes), arena_strdup(&au->arena, text), retry_now_ms() + life * 900};
	au->tokens = t;
	return 0;
}

struct token_request {
	struct url url;
	const char *headers[4];
	size_t nheaders;
	struct str body;
	bool with_cred;
};

/* An identity token is exchanged by POST, everything else is asked for by GET, which is understood everywhere. */
static void prepare(struct auth *au, const struct origin *o, const char *scopes, struct arena *a, struct token_request *t)
{
	cleanup_buf struct buf q = {0};
	bool home = au->has_home && url_same_origin(&o->url, &au->home), first = true;
	const struct cred *c = &au->cred;
	t->with_cred = home && !cred_none(c) && auth_realm_trusted(&o->url, au->o.host, &o->realm);
	t->url = o->realm;
	t->headers[t->nheaders++] = "User-Agent: cooper/" COOPER_VERSION;
	if (t->with_cred && c->identity_token) {
		add_query(&q, &first, "grant_type", STR("refresh_token"));
		add_query(&q, &first, "service", o->service);
		add_query(&q, &first, "client_id", STR("cooper"));
		add_query(&q, &first, "scope", str_of(scopes));
		add_query(&q, &first, "refresh_token", str_of(c->identity_token));
		t->body = arena_str(a, buf_view(&q));
		t->headers[t->nheaders++] = "Content-Type: application/x-www-form-urlencoded";
		return;
	}
	buf_str(&q, o->realm.path);
	buf_putc(&q, str_find(o->realm.path, '?') >= 0 ? '&' : '?');
	if (o->service.len)
		add_query(&q, &first, "service", o->service);
	add_scopes(&q, &first, scopes);
	if (t->with_cred && c->user) {
		add_query(&q, &first, "account", str_of(c->user));
		t->headers[t->nheaders++] = basic_header(c, a);
	}
	if (first)
		q.len--;
	t->url.path = arena_str(a, buf_view(&q));
}

static int refused(struct auth *au, const struct origin *o, const struct token_request *t, int status, struct err *e)
{
	struct str host = au->o.host;
	if (t->with_cred)
		return err_set(e, ERR_DENIED, "%.*s does not accept the user or password: run \"cooper login %.*s\"", STR_ARG(host), STR_ARG(host));
	if (!cred_none(&au->cred) && status == 401)
		return err_set(e, ERR_DENIED, "%.*s sends us to %.*s for a token, which is not known to belong to it: credentials are not sent there",
			STR_ARG(host), STR_ARG(o->realm.host));
	return err_set(e, ERR_DENIED, "%.*s does not let us in without a login: run \"cooper login %.*s\"", STR_ARG(host), STR_ARG(host));
}

static int fetch_token(struct auth *au, const struct origin *o, const char *scopes, struct err *e)
{
	struct retry retry = {0};
	TRY(load_cred(au, e));
	for (;;) {
		cleanup_answer struct http_answer ans = {0};
		cleanup_buf struct buf json = {0};
		struct token_request t = {.nheaders = 0};
		struct sink_buf sink;
		prepare(au, o, scopes, &ans.arena, &t);
		sink_buf_init(&sink, &json, ANSWER_MAX);
		struct http_request rq = {.method = t.body.p ? "POST" : "GET", .url = t.url, .headers = t.headers, .nheaders = t.nheaders,
			.body = t.body, .to = &sink.sink, .limit = ANSWER_MAX, .no_verify = au->o.no_verify && str_eq(t.url.host, au->home.host),
			.total_seconds = 60, .cancel = au->o.cancel};
		int rc = http_send(au->o.http, &rq, &ans, e);
		if (rc == 0 && ans.status == 200)
			return read_token(au, o, scopes, buf_view(&json), e);
		int again = retry_wait(&retry, rc, &ans, au->o.cancel, e);
		TRY(again);
		if (again)
			continue;
		if (rc < 0)
			return err_wrap(e, "token server %.*s", STR_ARG(o->realm.host));
		if (ans.status == 401 || ans.status == 403 || ans.status == 400)
			return refused(au, o, &t, ans.status, e);
		return err_set(e, ERR_REMOTE, "token server %.*s: status %d", STR_ARG(o->realm.host), ans.status);
	}
}

static struct token *find_token(struct auth *au, const struct origin *o, const char *scopes)
{
	for (struct token *t = au->tokens; t; t = t->next)
		if (t->origin == o && strcmp(t->scopes, scopes) == 0 && t->until_ms > retry_now_ms())
			return t;
	return NULL;
}

/* --- what to send --- */

static int header_for(struct auth *au, const struct url *u, const char *scopes, struct arena *a, const char **ret, struct err *e)
{
	struct origin *o = find_origin(au, u);
	*ret = NULL;
	if (!o)
		return 0;
	if (o->basic) {
		*ret = basic_header(&au->cred, a);
		return 0;
	}
	if (au->cred.registry_token && au->has_home && url_same_origin(&o->url, &au->home)) {
		if (!valid_token(au->cred.registry_token))
			return err_set(e, ERR_DENIED, "the registry token for %.*s is no token", STR_ARG(au->o.host));
		*ret = arena_printf(a, "Authorization: Bearer %s", au->cred.registry_token);
		return 0;
	}
	if (!find_token(au, o, scopes))
		TRY(fetch_token(au, o, scopes, e));
	struct token *t = find_token(au, o, scopes);
	if (t)
		*ret = arena_printf(a, "Authorization: Bearer %s", t->text);
	return 0;
}

int auth_header(struct auth *au, const struct url *u, const char *scopes, struct arena *a, const char **ret, struct err *e)
{
	/* held while a token is fetched: the others would only fetch the same */
	pthread_mutex_lock(&au->lock);
	int rc = header_for(au, u, scopes, a, ret, e);
	pthread_mutex_unlock(&au->lock);
	return rc;
}

static void read_challenges(const struct http_answer *ans, struct arena *a, struct challenge *c)
{
	for (size_t i = 0; i < ans->n; i++)
		if (str_ieq(ans->headers[i].name, STR("WWW-Authenticate")))
			challenge_parse(ans->headers[i].value, a, c);
}

static int login_first(struct auth *au, struct err *e)
{
	return err_set(e, ERR_DENIED, "%.*s wants a login: run \"cooper login %.*s\"", STR_ARG(au->o.host), STR_ARG(au->o.host));
}

static int learn(struct auth *au, const struct url *u, const char *scopes, const struct http_answer *ans, const char *sent, struct err *e)
{
	struct origin *o = find_origin(au, u);
	bool home = au->has_home && url_same_origin(u, &au->home);
	struct challenge c = {0};
	TRY(load_cred(au, e));
	if (sent && o) {
		struct token *t = o->basic ? NULL : find_token(au, o, scopes);
		if (o->basic || au->cred.registry_token)
			return err_set(e, ERR_DENIED, "%.*s does not accept the user or password: run \"cooper login %.*s\"", STR_ARG(au->o.host),
				STR_ARG(au->o.host));
		if (t && strcmp(sent + strlen("Authorization: Bearer "), t->text) == 0)
			t->until_ms = 0; /* it may have been withdrawn */
		return 1;
	}
	if (o)
		return 1; /* another thread has learnt it meanwhile */
	read_challenges(ans, &au->arena, &c);
	if (!c.basic && (!c.bearer || c.realm.len == 0))
		return err_set(e, ERR_REMOTE, "%.*s asks for a login in a way that is not understood", STR_ARG(u->host));
	struct origin fresh = {.next = au->origins};
	copy_url(u, &au->arena, &fresh.url);
	if (c.bearer && c.realm.len) {
		TRY(check_realm(u, c.realm, &au->arena, &fresh.realm, e));
		fresh.service = c.service;
	} else {
		if (!home || !au->cred.user)
			return login_first(au, e);
		fresh.basic = true;
	}
	au->origins = arena_new(&au->arena, sizeof(fresh));
	*au->origins = fresh;
	return 1;
}

int auth_learn(struct auth *au, const struct url *u, const char *scopes, const struct http_answer *ans, const char *sent, struct err *e)
{
	pthread_mutex_lock(&au->lock);
	int rc = learn(au, u, scopes, ans, sent, e);
	pthread_mutex_unlock(&au->lock);
	return rc;
}

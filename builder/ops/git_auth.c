/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/ops/git_auth.h"

#include <string.h>

#include "registry/base64.h"
#include "registry/url.h"

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

void git_auth_done(struct git_auth *auth)
{
	wipe(&auth->value);
	buf_done(&auth->key);
}

/* RFC 7617. */
static void basic(struct git_auth *auth, const char *user, struct str password)
{
	struct buf plain = {0};
	buf_need(&plain, strlen(user) + password.len);
	buf_puts(&plain, user);
	buf_str(&plain, password);
	buf_need(&auth->value, 64 + plain.len * 2);
	buf_puts(&auth->value, "GIT_CONFIG_VALUE_0=Authorization: Basic ");
	base64_encode(buf_view(&plain), &auth->value);
	wipe(&plain);
}

static const struct ops_secret *find(const struct git_source *g, const char *id)
{
	for (size_t i = 0; i < g->nsecrets; i++)
		if (strcmp(g->secrets[i].id, id) == 0 && !g->secrets[i].missing && str_trim(g->secrets[i].value).len)
			return &g->secrets[i];
	return NULL;
}

static int from_secret(const struct ops_secret *s, bool token, struct git_auth *auth, struct err *e)
{
	struct str value = str_trim(s->value);
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.p[i] < ' ')
			return err_set(e, ERR_USAGE, "the secret %s has more than one line", s->id);
	if (token) {
		basic(auth, "x-access-token:", value);
		return 0;
	}
	buf_need(&auth->value, 64 + value.len);
	buf_printf(&auth->value, "GIT_CONFIG_VALUE_0=Authorization: %.*s", STR_ARG(value));
	return 0;
}

static int from_secrets(const struct git_source *g, const char *host, struct arena *a, struct git_auth *auth, struct err *e)
{
	static const char *const names[] = {"GIT_AUTH_HEADER", "GIT_AUTH_TOKEN"};
	for (int of_host = 1; of_host >= 0; of_host--)
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			const struct ops_secret *s = find(g, of_host ? arena_printf(a, "%s.%s", names[i], host) : names[i]);
			if (s)
				return from_secret(s, i == 1, auth, e);
		}
	return 0;
}

int git_auth_find(const struct git_source *g, struct arena *a, struct git_auth *ret, struct err *e)
{
	struct url u;
	*ret = (struct git_auth){.remote = arena_str(a, g->remote).p};
	if (!str_starts(g->remote, STR("http://")) && !str_starts(g->remote, STR("https://")))
		return 0;
	TRY(url_parse(g->remote, a, &u, e));
	ret->remote = url_print(&u, a);
	bool usual = u.port == (u.https ? 443 : 80);
	const char *host = usual ? arena_str(a, u.host).p : arena_printf(a, "%.*s:%u", STR_ARG(u.host), u.port);
	if (str_find(u.user, ':') >= 0)
		basic(ret, "", u.user);
	else
		TRY(from_secrets(g, host, a, ret, e));
	ret->header = ret->value.len > 0;
	if (ret->header)
		buf_printf(&ret->key, "GIT_CONFIG_KEY_0=http.%s/.extraHeader", url_origin(&u, a));
	else if (u.user.len) {
		buf_printf(&ret->key, "GIT_CONFIG_KEY_0=credential.%s.username", url_origin(&u, a));
		buf_printf(&ret->value, "GIT_CONFIG_VALUE_0=%.*s", STR_ARG(u.user));
	}
	return 0;
}

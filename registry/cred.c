/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files. Both worlds use one format; docker's keys are hosts (Docker Hub's is "https://index.docker.io/v1/"), the
 * containers' may go on with parts of a repository's name. Old keys carry schemes and paths. Changing a file keeps what we do
 * not know, docker's tabs, and a symlink's target.
 */
#include "registry/cred.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "base/jval.h"
#include "registry/base64.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

static const char hub_key[] = "https://index.docker.io/v1/";

static bool is_hub(struct str host)
{
	return str_ieq(host, STR("docker.io")) || str_ieq(host, STR("index.docker.io")) || str_ieq(host, STR("registry-1.docker.io"));
}

/* The name by which files and helpers know a registry. */
static struct str key_of(struct str host)
{
	return is_hub(host) ? STR(hub_key) : host;
}

static int check_host(struct str host, struct err *e)
{
	for (size_t i = 0; i < host.len; i++)
		if ((unsigned char)host.p[i] <= ' ' || host.p[i] == 0x7f)
			return err_set(e, ERR_SYNTAX, "the registry's name holds a control byte or blank");
	return host.len ? 0 : err_set(e, ERR_SYNTAX, "the registry's name is empty");
}

static int read_json(const char *path, struct jval **ret, struct err *e)
{
	cleanup_buf struct buf text = {0};
	TRY(io_read_file(AT_FDCWD, path, FILE_MAX, &text, e));
	if (str_trim(buf_view(&text)).len == 0) {
		*ret = jval_object();
		return 0;
	}
	if (jval_parse(buf_view(&text), ret, e) < 0 || !jval_is_object(*ret))
		return err_set(e, ERR_CORRUPT, "%s is no JSON object", path);
	return 0;
}

/* --- looking up --- */

/* "https://host/v1/" and "host/team" to "host" and "host/team". */
static struct str bare_key(struct str key)
{
	bool had_scheme = true;
	if (str_starts(key, STR("https://")))
		key = str_from(key, 8);
	else if (str_starts(key, STR("http://")))
		key = str_from(key, 7);
	else
		had_scheme = false;
	ptrdiff_t slash = str_find(key, '/');
	if (slash >= 0 && (had_scheme || str_starts(str_from(key, (size_t)slash), STR("/v1")) || str_starts(str_from(key, (size_t)slash), STR("/v2"))))
		key.len = (size_t)slash;
	return key;
}

struct lookup {
	struct str host, repo;
	size_t best_len;
	struct jval *best;
};

/* Longer keys are more specific. */
static int look(const char *key, struct jval *value, void *arg)
{
	struct lookup *l = arg;
	struct str bare = bare_key(str_of(key));
	bool fits = str_ieq(bare, l->host) || (is_hub(l->host) && is_hub(bare));
	if (!fits && bare.len > l->host.len + 1 && bare.p[l->host.len] == '/' && str_ieq(str_sub(bare, 0, l->host.len), l->host)) {
		struct str part = str_from(bare, l->host.len + 1);
		fits = str_starts(l->repo, part) && (part.len == l->repo.len || l->repo.p[part.len] == '/');
	}
	if (fits && bare.len > l->best_len) {
		l->best = value;
		l->best_len = bare.len;
	}
	return 0;
}

static struct jval *find_entry(const struct jval *map, struct str host, struct str repo)
{
	struct lookup l = {.host = host, .repo = repo};
	jval_each(map, look, &l);
	return l.best;
}

/* "auth" is base64 of user:password; old docker padded it with NULs. */
static void read_auth(const char *text, struct arena *a, struct cred *ret)
{
	cleanup_buf struct buf plain = {0};
	if (!base64_decode(str_trim(str_of(text)), &plain) || !plain.len)
		return;
	while (plain.len && plain.p[plain.len - 1] == '\0')
		plain.len--;
	ptrdiff_t colon = str_find(buf_view(&plain), ':');
	if (colon < 1)
		return;
	ret->user = arena_str(a, str_sub(buf_view(&plain), 0, (size_t)colon)).p;
	ret->password = arena_str(a, str_from(buf_view(&plain), (size_t)colon + 1)).p;
}

static char *text_of(const struct jval *entry, const char *key, struct arena *a)
{
	const char *text = jval_get_text(entry, key);
	return text && *text ? arena_strdup(a, text) : NULL;
}

static void read_entry(const struct jval *entry, struct arena *a, struct cred *ret)
{
	struct cred c = {0};
	const char *auth = jval_get_text(entry, "auth");
	if (auth)
		read_auth(auth, a, &c);
	if (!c.user && text_of(entry, "username", a)) {
		c.user = text_of(entry, "username", a);
		c.password = text_of(entry, "password", a);
	}
	c.identity_token = text_of(entry, "identitytoken", a);
	c.registry_token = text_of(entry, "registrytoken", a);
	*ret = c;
}

/* The helper that a file names for a registry, or NULL. */
static const char *helper_of(const struct jval *file, struct str host, struct str repo)
{
	const char *name = jval_text(find_entry(jval_get(file, "credHelpers"), host, repo));
	if (!name)
		name = jval_get_text(file, "credsStore");
	return name && *name ? name : NULL;
}

static int find_in(const struct jval *file, struct str host, struct str repo, struct arena *a, struct cred *ret, struct err *e)
{
	const char *helper = helper_of(file, host, repo);
	*ret = (struct cred){0};
	if (helper) {
		int rc = cred_helper_get(helper, key_of(host), a, ret, e);
		bool own = jval_text(find_entry(jval_get(file, "credHelpers"), host, repo)) != NULL;
		if (rc < 0 && own)
			return rc;
		if (rc < 0) /* a credsStore for all (often of a desktop that is gone) must not stop anonymous pulls */
			*ret = (struct cred){0};
	}
	if (cred_none(ret))
		read_entry(find_entry(jval_get(file, "auths"), host, repo), a, ret);
	return 0;
}

static const char *env(const char *name)
{
	const char *v = getenv(name);
	return v && *v ? v : NULL;
}

static const char *docker_file(struct arena *a)
{
	const char *folder = env("DOCKER_CONFIG"), *home = env("HOME");
	if (folder)
		return arena_printf(a, "%s/config.json", folder);
	return home ? arena_printf(a, "%s/.docker/config.json", home) : NULL;
}

const char *const cred_proxy_names[CRED_PROXIES] = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"};

void cred_proxies(struct arena *a, const char *ret[CRED_PROXIES])
{
	static const char *const members[CRED_PROXIES] = {"httpProxy", "httpsProxy", "ftpProxy", "noProxy", "allProxy"};
	cleanup_jval struct jval *file = NULL;
	struct err ignored = {0};
	const char *path = docker_file(a);
	const struct jval *given = NULL;
	if (path && read_json(path, &file, &ignored) == 0)
		given = jval_get(jval_get(file, "proxies"), "default");
	for (size_t i = 0; i < CRED_PROXIES; i++)
		ret[i] = text_of(given, members[i], a);
}

/* The usual files, in order; NULL ones are passed over. */
static size_t usual_files(struct arena *a, const char *out[5])
{
	const char *run = env("XDG_RUNTIME_DIR"), *config = env("XDG_CONFIG_HOME"), *home = env("HOME");
	size_t n = 0;
	if (run)
		out[n++] = arena_printf(a, "%s/containers/auth.json", run);
	out[n++] = arena_printf(a, "/run/containers/%d/auth.json", (int)getuid());
	if (config || home)
		out[n++] = config ? arena_printf(a, "%s/containers/auth.json", config) : arena_printf(a, "%s/.config/containers/auth.json", home);
	if (docker_file(a))
		out[n++] = docker_file(a);
	return n;
}

/* ~/.dockercfg is what "auths" holds now. */
static int find_legacy(struct str host, struct str repo, struct arena *a, struct cred *ret)
{
	cleanup_jval struct jval *file = NULL;
	struct err ignored = {0};
	if (env("HOME") && read_json(arena_printf(a, "%s/.dockercfg", env("HOME")), &file, &ignored) == 0)
		read_entry(find_entry(file, host, repo), a, ret);
	return 0;
}

int cred_find(struct str host, struct str repo, const char *authfile, struct arena *a, struct cred *ret, struct err *e)
{
	const char *files[5];
	cleanup_jval struct jval *given = NULL;
	TRY(check_host(host, e));
	*ret = (struct cred){0};
	if (!authfile)
		authfile = env("REGISTRY_AUTH_FILE");
	if (authfile) {
		TRY(read_json(authfile, &given, e));
		return find_in(given, host, repo, a, ret, e);
	}
	size_t n = usual_files(a, files);
	for (size_t i = 0; i < n; i++) {
		cleanup_jval struct jval *file = NULL;
		int rc = read_json(files[i], &file, e);
		if (rc == -ERR_NOT_FOUND || (rc < 0 && e->sys == EACCES))
			continue;
		TRY(rc);
		TRY(find_in(file, host, repo, a, ret, e));
		if (!cred_none(ret))
			return 0;
	}
	return find_legacy(host, repo, a, ret);
}

/* --- changing --- */

/* Docker indents with tabs. */
static void print_tabs(const struct jval *file, struct buf *out)
{
	cleanup_buf struct buf text = {0};
	bool start = true;
	jval_print(file, 1, &text);
	for (size_t i = 0; i < text.len; i++) {
		buf_putc(out, start && text.p[i] == ' ' ? '\t' : text.p[i]);
		start = text.p[i] == '\n' || (start && text.p[i] == ' ');
	}
	buf_putc(out, '\n');
}

static int write_json(const char *path, const struct jval *file, struct arena *a, struct err *e)
{
	cleanup_buf struct buf text = {0};
	char *real = realpath(path, NULL); /* a symlinked file stays a symlink */
	const char *target = real ? arena_strdup(a, real) : path;
	mem_free(real);
	ptrdiff_t slash = str_rfind(str_of(target), '/');
	if (slash > 0)
		TRY(fs_mkdirs(AT_FDCWD, arena_str(a, str_sub(str_of(target), 0, (size_t)slash)).p, 0700, e));
	print_tabs(file, &text);
	return fs_write_atomic(AT_FDCWD, target, buf_view(&text), 0600, true, e);
}

static int open_for_change(const char *authfile, struct arena *a, const char **ret_path, struct jval **ret, struct err *e)
{
	const char *path = authfile ? authfile : env("REGISTRY_AUTH_FILE");
	if (!path)
		path = docker_file(a);
	if (!path)
		return err_set(e, ERR_USAGE, "neither HOME nor DOCKER_CONFIG is set: name a file with --authfile");
	int rc = read_json(path, ret, e);
	if (rc == -ERR_NOT_FOUND)
		*ret = jval_object();
	else
		TRY(rc);
	*ret_path = path;
	return 0;
}

static struct jval *member(struct jval *object, const char *key)
{
	if (!jval_is_object(jval_get(object, key)))
		jval_set(object, key, jval_object());
	return jval_get(object, key);
}

int cred_store(struct str host, const char *user, const char *password, const char *authfile, struct arena *a, const char **ret_where,
	struct err *e)
{
	cleanup_jval struct jval *file = NULL;
	const char *path, *key;
	TRY(check_host(host, e));
	TRY(open_for_change(authfile, a, &path, &file, e));
	key = arena_str(a, key_of(host)).p;
	const char *helper = helper_of(file, host, STR(""));
	struct jval *entry = jval_object();
	if (helper) {
		if (cred_helper_store(helper, key_of(host), user, password, e) < 0) {
			jval_free(entry);
			return -(int)e->code;
		}
		*ret_where = arena_printf(a, "docker-credential-%s", helper);
	} else {
		cleanup_buf struct buf plain = {0}, coded = {0};
		buf_printf(&plain, "%s:%s", user, password);
		base64_encode(buf_view(&plain), &coded);
		jval_set_str(entry, "auth", buf_view(&coded));
		*ret_where = arena_strdup(a, path);
	}
	jval_set(member(file, "auths"), key, entry); /* docker lists hosts whose secrets a helper keeps, too */
	return write_json(path, file, a, e);
}

struct erasing {
	struct str host;
	struct strlist {
		const char *v[64];
		size_t n;
	} keys;
};

static int collect_key(const char *key, struct jval *value, void *arg)
{
	struct erasing *er = arg;
	struct str bare = bare_key(str_of(key));
	(void)value;
	if ((str_ieq(bare, er->host) || (is_hub(bare) && is_hub(er->host))) && er->keys.n < ARRAY_LEN(er->keys.v))
		er->keys.v[er->keys.n++] = key;
	return 0;
}

int cred_erase(struct str host, const char *authfile, bool *ret_was, struct err *e)
{
	cleanup_arena struct arena a = {0};
	cleanup_jval struct jval *file = NULL;
	struct erasing er = {.host = host};
	const char *path;
	TRY(check_host(host, e));
	TRY(open_for_change(authfile, &a, &path, &file, e));
	const char *helper = helper_of(file, host, STR(""));
	struct jval *auths = jval_get(file, "auths");
	jval_each(auths, collect_key, &er);
	*ret_was = er.keys.n > 0;
	if (helper) {
		struct cred c;
		TRY(cred_helper_get(helper, key_of(host), &a, &c, e));
		*ret_was |= !cred_none(&c);
		if (!cred_none(&c))
			TRY(cred_helper_erase(helper, key_of(host), e));
	}
	for (size_t i = 0; i < er.keys.n; i++)
		er.keys.v[i] = arena_strdup(&a, er.keys.v[i]);
	for (size_t i = 0; i < er.keys.n; i++)
		jval_remove(auths, er.keys.v[i]);
	return er.keys.n ? write_json(path, file, &a, e) : 0;
}

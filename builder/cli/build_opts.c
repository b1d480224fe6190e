/* SPDX-License-Identifier: Apache-2.0 */
/* From typed options to a request: one function per option that needs thinking about. */
#include "builder/cli/build_opts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "builder/cli/build_output.h"
#include "builder/cli/cache_to.h"
#include "builder/cli/local.h"
#include "builder/cli/remote_flags.h"
#include "builder/cli/report.h"
#include "builder/sandbox/limit_names.h"
#include "parser/values.h"
#include "registry/cred.h"
#include "registry/platform.h"

enum { SECRET_MAX = 500 * 1024, ARG_FILE_MAX = 1024 * 1024 };

struct making {
	struct cli *cli;
	struct arena *a;
	const struct build_opts *o;
	struct build_request *r;
	struct pair *args;
	size_t nargs, args_cap;
};

static void add_arg(struct making *m, struct str key, struct str value)
{
	ARENA_ROOM(m->a, m->args, m->nargs, m->args_cap);
	m->args[m->nargs++] = (struct pair){.key = key, .value = value, .has_value = true};
}

static int one_build_arg(struct making *m, const char *text, struct err *e)
{
	struct str s = str_of(text);
	ptrdiff_t eq = str_find(s, '=');
	if (eq == 0 || !s.len)
		return err_set(e, ERR_USAGE, "--build-arg %s: the name is missing", text);
	if (eq > 0) {
		add_arg(m, str_sub(s, 0, (size_t)eq), str_from(s, (size_t)eq + 1));
		return 0;
	}
	const char *value = getenv(text);
	if (value)
		add_arg(m, s, str_of(value));
	return 0;
}

static int build_arg_file(struct making *m, struct err *e)
{
	cleanup_buf struct buf text = {0};
	if (!m->o->build_arg_file)
		return 0;
	if (io_read_file(AT_FDCWD, m->o->build_arg_file, ARG_FILE_MAX, &text, e) < 0)
		return err_wrap(e, "--build-arg-file");
	struct str rest = arena_str(m->a, buf_view(&text)), line;
	while (str_split(&rest, '\n', &line)) {
		line = str_trim(line);
		if (line.len && line.p[0] != '#')
			TRY(one_build_arg(m, arena_str(m->a, line).p, e));
	}
	return 0;
}

static bool is_proxy(struct str name)
{
	for (size_t i = 0; i < CRED_PROXIES; i++)
		if (str_ieq(name, str_of(cred_proxy_names[i])))
			return true;
	return false;
}

static void add_proxy(struct making *m, struct str name, struct str value)
{
	char *both[2] = {mem_strndup(name.p, name.len), mem_strndup(name.p, name.len)};
	for (size_t i = 0; i < name.len; i++) {
		both[0][i] = (char)toupper((unsigned char)both[0][i]);
		both[1][i] = (char)tolower((unsigned char)both[1][i]);
	}
	for (int i = 0; i < 2; i++) {
		if (m->r->nproxy < ARRAY_LEN(((struct ops_env *)0)->proxy))
			m->r->proxy[m->r->nproxy++] = str_of(arena_printf(m->a, "%s=%.*s", both[i], STR_ARG(value)));
		mem_free(both[i]);
	}
}

/* Proxy variables need no ARG. --build-arg counts most, then docker's config.json, then the environment. */
static void proxies(struct making *m)
{
	const char *const *names = cred_proxy_names, *configured[CRED_PROXIES];
	cred_proxies(m->a, configured);
	m->r->proxy = arena_new(m->a, ARRAY_LEN(((struct ops_env *)0)->proxy) * sizeof(*m->r->proxy));
	for (size_t i = 0; i < CRED_PROXIES; i++) {
		const char *value = configured[i];
		char *upper = arena_strdup(m->a, names[i]);
		for (char *c = upper; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		if (!value)
			value = getenv(names[i]);
		if (!value)
			value = getenv(upper);
		struct str given = {0};
		for (size_t k = 0; k < m->nargs; k++)
			if (is_proxy(m->args[k].key) && str_ieq(m->args[k].key, str_of(names[i])))
				given = m->args[k].value;
		if (given.p)
			add_proxy(m, str_of(names[i]), given);
		else if (value && *value)
			add_proxy(m, str_of(names[i]), str_of(value));
	}
}

static const struct pair *find_arg(const struct making *m, const char *name)
{
	for (size_t i = m->nargs; i-- > 0;)
		if (str_eqz(m->args[i].key, name))
			return &m->args[i];
	return NULL;
}

static int epoch(struct making *m, struct err *e)
{
	const char *flag = m->o->timestamp ? m->o->timestamp : m->o->epoch;
	if (flag && *flag && !find_arg(m, "SOURCE_DATE_EPOCH"))
		add_arg(m, STR("SOURCE_DATE_EPOCH"), str_of(flag));
	const struct pair *p = find_arg(m, "SOURCE_DATE_EPOCH");
	m->r->epoch = INT64_MAX;
	if (!p || !p->value.len)
		return 0;
	uint64_t v;
	if (!str_u64(p->value, INT64_MAX - 1, &v))
		return err_set(e, ERR_USAGE, "invalid SOURCE_DATE_EPOCH: %.*s (seconds since 1970 are wanted)", STR_ARG(p->value));
	m->r->epoch = (int64_t)v;
	return 0;
}

static void special_args(struct making *m)
{
	const struct pair *p = find_arg(m, "BUILDKIT_DOCKERFILE_CHECK");
	if (p)
		m->r->check_override = arena_str(m->a, p->value).p;
	p = find_arg(m, "BUILDKIT_CACHE_MOUNT_NS");
	if (p)
		m->r->lower.cache_ns = p->value;
	p = find_arg(m, "BUILDKIT_SANDBOX_HOSTNAME");
	m->r->lower.hostname = m->o->hostname ? str_of(m->o->hostname) : p ? p->value : STR("");
	p = find_arg(m, "BUILDKIT_CONTEXT_KEEP_GIT_DIR");
	if (p)
		opt_parse_bool(arena_str(m->a, p->value).p, &m->r->keep_git_dir);
}

static int arguments(struct making *m, struct err *e)
{
	TRY(build_arg_file(m, e));
	for (size_t i = 0; i < m->o->build_args.n; i++)
		TRY(one_build_arg(m, m->o->build_args.v[i], e));
	TRY(epoch(m, e));
	special_args(m);
	proxies(m);
	m->r->lower.build_args = m->args;
	m->r->lower.nbuild_args = m->nargs;
	return 0;
}

static void key_value(const char *text, struct str *ret_key, struct str *ret_value)
{
	struct str s = str_of(text);
	ptrdiff_t eq = str_find(s, '=');
	*ret_key = eq < 0 ? s : str_sub(s, 0, (size_t)eq);
	*ret_value = eq < 0 ? STR("") : str_from(s, (size_t)eq + 1);
}

static int labels(struct making *m, struct err *e)
{
	struct pair *v = arena_new(m->a, (m->o->labels.n + 1) * sizeof(*v));
	for (size_t i = 0; i < m->o->labels.n; i++)
		key_value(m->o->labels.v[i], &v[i].key, &v[i].value);
	m->r->lower.labels = v;
	m->r->lower.nlabels = m->o->labels.n;
	for (size_t i = 0; i < m->o->annotations.n; i++)
		TRY(notes_parse(m->o->annotations.v[i], m->a, &m->r->notes, e));
	return 0;
}

static int platforms(struct making *m, struct err *e)
{
	struct build_request *r = m->r;
	size_t cap = 0;
	r->lower.build_platform = platform_host();
	for (size_t i = 0; i < m->o->platforms.n; i++) {
		struct str rest = str_of(m->o->platforms.v[i]), part;
		while (str_split(&rest, ',', &part)) {
			if (!str_trim(part).len)
				continue;
			ARENA_ROOM(m->a, r->platforms, r->nplatforms, cap);
			TRY(local_platform(arena_str(m->a, str_trim(part)).p, m->a, &r->platforms[r->nplatforms], e));
			r->nplatforms++;
		}
	}
	r->lower.platform_given = r->nplatforms > 0;
	r->lower.several_platforms = r->nplatforms > 1;
	if (!r->nplatforms) {
		ARENA_ROOM(m->a, r->platforms, r->nplatforms, cap);
		r->platforms[r->nplatforms++] = platform_host();
	}
	return 0;
}

static int read_secret(struct making *m, struct ops_secret *s, const char *file, const char *var, struct err *e)
{
	cleanup_buf struct buf text = {0};
	if (var) {
		const char *value = getenv(var);
		s->value = arena_str(m->a, str_of(value ? value : ""));
		return 0;
	}
	int rc = io_read_file(AT_FDCWD, file, SECRET_MAX, &text, e);
	if (rc < 0)
		return err_wrap(e, "secret %s", s->id);
	s->value = arena_str(m->a, buf_view(&text));
	explicit_bzero(text.p, text.len);
	return 0;
}

static int one_secret(struct making *m, const char *text, struct ops_secret *s, struct err *e)
{
	const char *rest = text, *key, *value, *file = NULL, *var = NULL, *type = "";
	int rc;
	while ((rc = opt_csv_next(&rest, m->a, &key, &value, e)) > 0) {
		if (!value)
			return err_set(e, ERR_USAGE, "--secret: invalid field '%s': KEY=VALUE is wanted", key);
		if (strcmp(key, "id") == 0)
			s->id = value;
		else if (strcmp(key, "src") == 0 || strcmp(key, "source") == 0)
			file = value;
		else if (strcmp(key, "env") == 0)
			var = value;
		else if (strcmp(key, "type") == 0)
			type = value;
		else
			return err_set(e, ERR_USAGE, "--secret: unexpected key '%s' (id, src, env and type are known)", key);
	}
	if (rc < 0)
		return rc;
	if (!s->id)
		return err_set(e, ERR_USAGE, "--secret: the id is missing: id=ID[,src=FILE|env=VAR]");
	if (strcmp(type, "env") == 0 && file && !var) {
		var = file;
		file = NULL;
	}
	if (*type && strcmp(type, "env") != 0 && strcmp(type, "file") != 0)
		return err_set(e, ERR_USAGE, "--secret: unsupported type '%s' (file and env are known)", type);
	if (!file && !var) {
		if (getenv(s->id))
			var = s->id;
		else
			file = s->id;
	}
	return read_secret(m, s, file, file ? NULL : var, e);
}

static int secrets(struct making *m, struct err *e)
{
	m->r->secrets = arena_new(m->a, (m->o->secrets.n + 1) * sizeof(*m->r->secrets));
	for (size_t i = 0; i < m->o->secrets.n; i++) {
		TRY(one_secret(m, m->o->secrets.v[i], &m->r->secrets[i], e));
		m->r->nsecrets++;
	}
	return 0;
}

static int ssh(struct making *m, struct err *e)
{
	m->r->ssh = arena_new(m->a, (m->o->ssh.n + 1) * sizeof(*m->r->ssh));
	for (size_t i = 0; i < m->o->ssh.n; i++) {
		struct str id, path;
		struct stat st;
		key_value(m->o->ssh.v[i], &id, &path);
		struct ops_ssh *s = &m->r->ssh[m->r->nssh++];
		s->id = arena_str(m->a, id).p;
		s->socket = path.len ? path.p : getenv("SSH_AUTH_SOCK");
		if (!s->socket || !*s->socket)
			return err_set(e, ERR_USAGE, "--ssh %s: there is no agent: SSH_AUTH_SOCK is not set (start one with: eval $(ssh-agent); ssh-add)",
				s->id);
		if (stat(s->socket, &st) < 0)
			return err_sys(e, "--ssh %s: %s", s->id, s->socket);
		if (!S_ISSOCK(st.st_mode))
			return err_set(e, ERR_USAGE, "--ssh %s: %s is no agent's socket; load the key into an agent (ssh-add %s) and use --ssh %s",
				s->id, s->socket, s->socket, s->id);
	}
	return 0;
}

static int hosts(struct making *m, struct err *e)
{
	m->r->hosts = arena_new(m->a, (m->o->add_hosts.n + 1) * sizeof(*m->r->hosts));
	for (size_t i = 0; i < m->o->add_hosts.n; i++) {
		char *name = arena_strdup(m->a, m->o->add_hosts.v[i]);
		char *sep = strpbrk(name, "=:");
		struct in6_addr addr;
		if (!sep || sep == name || !sep[1])
			return err_set(e, ERR_USAGE, "--add-host %s: HOST:IP is wanted", m->o->add_hosts.v[i]);
		*sep++ = '\0';
		if (*sep == '[' && sep[strlen(sep) - 1] == ']') {
			sep[strlen(sep) - 1] = '\0';
			sep++;
		}
		if (strcmp(sep, "host-gateway") == 0) {
			if (strcmp(m->o->network, "host") != 0)
				report_warning("--add-host %s:host-gateway: steps with a network of their own do not reach the host; "
				               "--network=host ones do", name);
			sep = arena_strdup(m->a, "127.0.0.1");
		}
		if (inet_pton(AF_INET, sep, &addr) != 1 && inet_pton(AF_INET6, sep, &addr) != 1)
			return err_set(e, ERR_USAGE, "--add-host %s: \"%s\" is no IP address", name, sep);
		m->r->hosts[m->r->nhosts++] = (struct sandbox_host){.name = name, .ip = sep};
	}
	return 0;
}

static int limits(struct making *m, struct err *e)
{
	m->r->limits = arena_new(m->a, (m->o->ulimits.n + 1) * sizeof(*m->r->limits));
	for (size_t i = 0; i < m->o->ulimits.n; i++) {
		struct str name, value, soft, hard;
		struct sandbox_limit *l = &m->r->limits[m->r->nlimits];
		key_value(m->o->ulimits.v[i], &name, &value);
		hard = value;
		str_split(&hard, ':', &soft);
		if (!hard.p)
			hard = soft;
		if (!limit_names_find(name, &l->resource) || (!str_u64(soft, UINT64_MAX, &l->soft) && !str_eqz(soft, "-1")) ||
		    (!str_u64(hard, UINT64_MAX, &l->hard) && !str_eqz(hard, "-1")))
			return err_set(e, ERR_USAGE, "--ulimit %s: TYPE=SOFT[:HARD] is wanted, e.g. nofile=1024:2048", m->o->ulimits.v[i]);
		if (str_eqz(soft, "-1"))
			l->soft = UINT64_MAX;
		if (str_eqz(hard, "-1"))
			l->hard = UINT64_MAX;
		m->r->nlimits++;
	}
	return 0;
}

static int pull(struct making *m, struct err *e)
{
	static const struct {
		const char *word;
		enum pull_policy policy;
	} rows[] = {{"missing", PULL_MISSING}, {"false", PULL_MISSING}, {"ifmissing", PULL_MISSING}, {"always", PULL_ALWAYS},
	    {"true", PULL_ALWAYS}, {"never", PULL_NEVER}, {"newer", PULL_NEWER}, {"ifnewer", PULL_NEWER}};
	m->r->pull = PULL_MISSING;
	if (!m->o->pull)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcasecmp(rows[i].word, m->o->pull) == 0) {
			m->r->pull = rows[i].policy;
			return 0;
		}
	}
	return err_set(e, ERR_USAGE, "--pull=%s: it is missing, always, newer or never", m->o->pull);
}

static int network_and_allow(struct making *m, struct err *e)
{
	const char *n = m->o->network;
	m->r->lower.network = strcmp(n, "none") == 0 ? EXEC_NET_NONE : strcmp(n, "host") == 0 ? EXEC_NET_HOST : EXEC_NET_DEFAULT;
	m->r->lower.allow_host_network = m->r->lower.network == EXEC_NET_HOST;
	for (size_t i = 0; i < m->o->allow.n; i++) {
		if (strcmp(m->o->allow.v[i], "network.host") == 0)
			m->r->lower.allow_host_network = true;
		else if (strcmp(m->o->allow.v[i], "security.insecure") == 0)
			m->r->lower.allow_insecure = true;
		else if (strcmp(m->o->allow.v[i], "buildx.local.delete") == 0)
			m->r->allow_delete = true;
		else
			return err_set(e, ERR_USAGE, "--allow %s: network.host, security.insecure and buildx.local.delete are known", m->o->allow.v[i]);
	}
	return 0;
}

static int names(struct making *m, struct err *e)
{
	m->r->names = arena_new(m->a, (m->o->tags.n + 1) * sizeof(*m->r->names));
	for (size_t i = 0; i < m->o->tags.n; i++) {
		struct ref ref;
		if (local_name(m->o->tags.v[i], m->a, &ref, &m->r->names[m->r->nnames], e) < 0)
			return err_wrap(e, "invalid tag \"%s\"", m->o->tags.v[i]);
		if (!digest_none(&ref.digest))
			return err_set(e, ERR_USAGE, "invalid tag \"%s\": a name cannot hold a digest", m->o->tags.v[i]);
		m->r->nnames++;
	}
	return 0;
}

static int registries(struct making *m, struct err *e)
{
	m->r->remote = (struct remote_opts){.insecure = m->o->insecure, .authfile = m->o->authfile, .cancel = m->cli->cancel};
	return remote_creds(m->o->creds, m->a, &m->r->remote, e);
}

static int others(struct making *m, struct err *e)
{
	struct lower_opts *l = &m->r->lower;
	l->target = str_of(m->o->target ? m->o->target : "");
	l->no_cache = m->o->no_cache;
	struct str *stages = arena_new(m->a, (m->o->no_cache_filter.n + 1) * sizeof(*stages));
	for (size_t i = 0; i < m->o->no_cache_filter.n; i++)
		stages[i] = str_of(m->o->no_cache_filter.v[i]);
	l->no_cache_stages = stages;
	l->nno_cache_stages = m->o->no_cache_filter.n;
	if (m->o->no_cache && m->o->no_cache_filter.n)
		return err_set(e, ERR_USAGE, "--no-cache and --no-cache-filter cannot be used together");
	static const struct {
		const char *flag;
		size_t at;
	} attest[] = {{"provenance", offsetof(struct build_opts, provenance)}, {"sbom", offsetof(struct build_opts, sbom)},
	    {"attest", offsetof(struct build_opts, attest)}};
	for (size_t i = 0; i < ARRAY_LEN(attest); i++) {
		const char *v = *(const char *const *)((const char *)m->o + attest[i].at);
		bool on = true;
		if (v && (!opt_parse_bool(v, &on) || on))
			report_warning("--%s has no effect: no attestations are made", attest[i].flag);
	}
	if (m->o->squash)
		report_warning("--squash has no effect: each step keeps its layer");
	if (m->o->volumes.n)
		return err_set(e, ERR_USAGE, "--volume %s: folders of the host are not mounted into steps; use RUN --mount=type=bind with a "
		    "--build-context", m->o->volumes.v[0]);
	return 0;
}

/* BUILDKIT_INLINE_CACHE=1 is another way to say --cache-to type=inline. */
static int caches(struct making *m, struct err *e)
{
	size_t from_cap = 0, to_cap = 0;
	bool in_image = false;
	for (size_t i = 0; i < m->o->cache_from.n; i++)
		TRY(cache_from_parse(m->cli, m->o->cache_from.v[i], &m->r->cache_from, &m->r->ncache_from, &from_cap, e));
	for (size_t i = 0; i < m->o->cache_to.n; i++)
		TRY(cache_to_parse(m->cli, m->o->cache_to.v[i], &m->r->cache_to, &m->r->ncache_to, &to_cap, e));
	const struct pair *p = find_arg(m, "BUILDKIT_INLINE_CACHE");
	if (p && opt_parse_bool(arena_str(m->a, p->value).p, &in_image) && in_image)
		TRY(cache_to_parse(m->cli, "type=inline", &m->r->cache_to, &m->r->ncache_to, &to_cap, e));
	return 0;
}

bool build_explains_to_tools(const struct build_opts *o)
{
	return o->explain && strcmp(o->explain, "json") == 0;
}

int build_request_init(struct cli *cli, const struct build_opts *o, struct build_request *ret, struct err *e)
{
	static int (*const parts[])(struct making *m, struct err *e) = {names, arguments, labels, platforms, secrets, ssh, hosts, limits,
	    pull, network_and_allow, registries, caches, others};
	*ret = (struct build_request){.o = o};
	struct making m = {.cli = cli, .a = cli->arena, .o = o, .r = ret};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		TRY(parts[i](&m, e));
	TRY(build_resources_parse(o, &ret->resources, e));
	TRY(build_outputs_parse(cli, ret, e));
	return cache_to_check(ret, e);
}

void build_request_done(struct build_request *r)
{
	for (size_t i = 0; i < r->nsecrets; i++)
		if (r->secrets[i].value.len)
			explicit_bzero((char *)(uintptr_t)r->secrets[i].value.p, r->secrets[i].value.len);
}

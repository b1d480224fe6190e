/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image's configuration (OCI image-spec, config.md, with docker's members Healthcheck, OnBuild, Shell, ArgsEscaped, Hostname,
 * Domainname). Each string and list of "config" is a row of a table, so that reading, printing and copying cannot disagree
 * about what there is.
 */
#include <stddef.h>

#include "registry/cachedoc.h"
#include "registry/oci_json.h"

enum { DIFF_IDS_MAX = 1000, HISTORY_MAX = 20000 };

enum kind { STRING, STRINGS, KEYS };
struct row {
	const char *key;
	enum kind kind;
	size_t at;
};
#define AT(member) offsetof(struct image_config, member)

static const struct row top_rows[] = {
	{"architecture", STRING, AT(architecture)},
	{"os", STRING, AT(os)},
	{"os.version", STRING, AT(os_version)},
	{"os.features", STRINGS, AT(os_features)},
	{"variant", STRING, AT(variant)},
	{"author", STRING, AT(author)},
	{"created", STRING, AT(created)},
};
static const struct row run_rows[] = {
	{"Hostname", STRING, AT(hostname)},
	{"Domainname", STRING, AT(domainname)},
	{"User", STRING, AT(user)},
	{"ExposedPorts", KEYS, AT(exposed_ports)},
	{"Env", STRINGS, AT(env)},
	{"Entrypoint", STRINGS, AT(entrypoint)},
	{"Cmd", STRINGS, AT(cmd)},
	{"Volumes", KEYS, AT(volumes)},
	{"WorkingDir", STRING, AT(workdir)},
	{"StopSignal", STRING, AT(stop_signal)},
	{"OnBuild", STRINGS, AT(onbuild)},
	{"Shell", STRINGS, AT(shell)},
};

static void *field(struct image_config *c, const struct row *r)
{
	return (char *)c + r->at;
}

static const void *const_field(const struct image_config *c, const struct row *r)
{
	return (const char *)c + r->at;
}

static int read_rows(const struct jval *j, const struct row *rows, size_t n, struct image_config *c, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		switch (r->kind) {
		case STRING:
			TRY(oci_get_str(j, r->key, &c->arena, field(c, r), e));
			break;
		case STRINGS:
			TRY(oci_get_strs(j, r->key, &c->arena, field(c, r), e));
			break;
		case KEYS:
			TRY(oci_get_keys(j, r->key, &c->arena, field(c, r), e));
			break;
		}
	}
	return 0;
}

static void print_rows(const struct image_config *c, const struct row *rows, size_t n, struct jval *j)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		switch (r->kind) {
		case STRING:
			oci_set_str(j, r->key, *(const struct str *)const_field(c, r));
			break;
		case STRINGS:
			oci_set_strs(j, r->key, const_field(c, r));
			break;
		case KEYS:
			oci_set_keys(j, r->key, const_field(c, r));
			break;
		}
	}
}

static void copy_rows(const struct image_config *from, const struct row *rows, size_t n, struct image_config *to)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		if (r->kind == STRING) {
			struct str s = *(const struct str *)const_field(from, r);
			*(struct str *)field(to, r) = s.len ? arena_str(&to->arena, s) : (struct str){NULL, 0};
			continue;
		}
		const struct strs *l = const_field(from, r);
		for (size_t k = 0; k < l->n; k++)
			strs_add(&to->arena, field(to, r), l->v[k]);
	}
}

static int read_health(const struct jval *run, struct image_config *c, struct err *e)
{
	struct healthcheck *h = &c->health;
	const struct jval *j = NULL;
	TRY(oci_get_object(run, "Healthcheck", &j, e));
	TRY(oci_get_strs(j, "Test", &c->arena, &h->test, e));
	TRY(oci_get_int(j, "Interval", 0, &h->interval, e));
	TRY(oci_get_int(j, "Timeout", 0, &h->timeout, e));
	TRY(oci_get_int(j, "StartPeriod", 0, &h->start_period, e));
	TRY(oci_get_int(j, "StartInterval", 0, &h->start_interval, e));
	TRY(oci_get_int(j, "Retries", 0, &h->retries, e));
	h->set = h->test.n || h->interval || h->timeout || h->start_period || h->start_interval || h->retries;
	return 0;
}

static void set_int(struct jval *j, const char *key, int64_t v)
{
	if (v)
		jval_set(j, key, jval_integer(v));
}

static void print_health(const struct healthcheck *h, struct jval *run)
{
	if (!h->set)
		return;
	struct jval *j = jval_object();
	oci_set_strs(j, "Test", &h->test);
	set_int(j, "Interval", h->interval);
	set_int(j, "Timeout", h->timeout);
	set_int(j, "StartPeriod", h->start_period);
	set_int(j, "StartInterval", h->start_interval);
	set_int(j, "Retries", h->retries);
	jval_set(run, "Healthcheck", j);
}

/* A variable without '=' was once looked up in the builder's own environment (CVE-2021-3602): it is no variable. */
static int check_env(const struct strs *env, struct err *e)
{
	for (size_t i = 0; i < env->n; i++)
		if (str_find(env->v[i], '=') < 1)
			return err_set(e, ERR_CORRUPT, "Env[%zu] is not of the form name=value", i);
	return 0;
}

static int read_run(const struct jval *top, struct image_config *c, struct err *e)
{
	static const char *const keys[] = {"Hostname", "Domainname", "User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir",
		"StopSignal", "OnBuild", "Shell", "Labels", "Healthcheck", "ArgsEscaped"};
	const struct jval *run = NULL;
	TRY(oci_get_object(top, "config", &run, e));
	TRY(oci_check_case(run, keys, ARRAY_LEN(keys), e));
	TRY(read_rows(run, run_rows, ARRAY_LEN(run_rows), c, e));
	TRY(oci_get_annotations(run, "Labels", &c->arena, &c->labels, e));
	TRY(oci_get_bool(run, "ArgsEscaped", &c->args_escaped, e));
	TRY(read_health(run, c, e));
	return check_env(&c->env, e);
}

static int read_rootfs(const struct jval *top, struct image_config *c, struct err *e)
{
	const struct jval *rootfs = NULL, *ids = NULL;
	struct str type;
	TRY(oci_get_object(top, "rootfs", &rootfs, e));
	if (!rootfs)
		return err_set(e, ERR_CORRUPT, "there is no rootfs");
	TRY(oci_get_str(rootfs, "type", &c->arena, &type, e));
	if (!str_eqz(type, "layers"))
		return err_set(e, ERR_CORRUPT, "rootfs.type is not \"layers\"");
	TRY(oci_get_array(rootfs, "diff_ids", &ids, e));
	if (jval_count(ids) > DIFF_IDS_MAX)
		return err_set(e, ERR_LIMIT, "%zu layers, at most %d are taken", jval_count(ids), DIFF_IDS_MAX);
	for (size_t i = 0; i < jval_count(ids); i++) {
		struct digest d;
		if (digest_parse(str_of(jval_text(jval_at(ids, i))), &d, e) < 0)
			return err_set(e, ERR_CORRUPT, "diff_ids[%zu] is no digest", i);
		image_config_add_diff_id(c, &d);
	}
	return 0;
}

static int read_history(const struct jval *top, struct image_config *c, struct err *e)
{
	const struct jval *list = NULL;
	TRY(oci_get_array(top, "history", &list, e));
	if (jval_count(list) > HISTORY_MAX)
		return err_set(e, ERR_LIMIT, "%zu history entries, at most %d are taken", jval_count(list), HISTORY_MAX);
	for (size_t i = 0; i < jval_count(list); i++) {
		const struct jval *j = jval_at(list, i);
		struct history_entry h = {0};
		if (!jval_is_object(j))
			return err_set(e, ERR_CORRUPT, "history[%zu] is no object", i);
		TRY(oci_get_str(j, "created", &c->arena, &h.created, e));
		TRY(oci_get_str(j, "created_by", &c->arena, &h.created_by, e));
		TRY(oci_get_str(j, "author", &c->arena, &h.author, e));
		TRY(oci_get_str(j, "comment", &c->arena, &h.comment, e));
		TRY(oci_get_bool(j, "empty_layer", &h.empty_layer, e));
		ARENA_ROOM(&c->arena, c->history, c->nhistory, c->history_cap);
		c->history[c->nhistory++] = h;
	}
	return 0;
}

static int read_config(const struct jval *j, struct image_config *c, struct err *e)
{
	static const char *const keys[] = {"architecture", "os", "os.version", "os.features", "variant", "author", "created", "config", "rootfs",
		"history"};
	TRY(oci_check_case(j, keys, ARRAY_LEN(keys), e));
	TRY(read_rows(j, top_rows, ARRAY_LEN(top_rows), c, e));
	TRY(read_run(j, c, e));
	TRY(read_rootfs(j, c, e));
	return read_history(j, c, e);
}

int image_config_parse(struct str json, struct image_config *ret, struct err *e)
{
	cleanup_jval struct jval *j = NULL;
	struct image_config c = {0};
	if (json.len > CONFIG_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "image config is larger than %d bytes", CONFIG_SIZE_MAX);
	TRY(oci_parse_object(json, "image config", &j, e));
	if (read_config(j, &c, e) < 0) {
		image_config_done(&c);
		return err_wrap(e, "image config");
	}
	*ret = c;
	return 0;
}

static struct jval *print_rootfs(const struct image_config *c)
{
	struct jval *rootfs = jval_object(), *ids = jval_array();
	for (size_t i = 0; i < c->ndiff_ids; i++) {
		char text[DIGEST_TEXT + 1];
		digest_text(&c->diff_ids[i], text);
		jval_append(ids, jval_string(str_of(text)));
	}
	jval_set_text(rootfs, "type", "layers");
	jval_set(rootfs, "diff_ids", ids);
	return rootfs;
}

static struct jval *print_history(const struct image_config *c)
{
	struct jval *list = jval_array();
	for (size_t i = 0; i < c->nhistory; i++) {
		const struct history_entry *h = &c->history[i];
		struct jval *j = jval_object();
		oci_set_str(j, "created", h->created);
		oci_set_str(j, "created_by", h->created_by);
		oci_set_str(j, "author", h->author);
		oci_set_str(j, "comment", h->comment);
		if (h->empty_layer)
			jval_set(j, "empty_layer", jval_boolean(true));
		jval_append(list, j);
	}
	return list;
}

/* Text that we made ourselves. */
static void print_cache(const struct image_config *c, struct jval *j)
{
	struct jval *cache = NULL;
	struct err ignored;
	if (c->cache.len && jval_parse(c->cache, &cache, &ignored) == 0)
		jval_set(j, CACHEDOC_MEMBER, cache);
}

void image_config_print(const struct image_config *c, struct buf *out)
{
	struct jval *j = jval_object(), *run = jval_object();
	print_rows(c, top_rows, ARRAY_LEN(top_rows), j);
	print_rows(c, run_rows, ARRAY_LEN(run_rows), run);
	oci_set_annotations(run, "Labels", &c->labels);
	print_health(&c->health, run);
	if (c->args_escaped)
		jval_set(run, "ArgsEscaped", jval_boolean(true));
	jval_set(j, "config", run);
	jval_set(j, "rootfs", print_rootfs(c));
	if (c->nhistory)
		jval_set(j, "history", print_history(c));
	print_cache(c, j);
	oci_finish(j, out);
}

void image_config_copy(const struct image_config *from, struct image_config *ret)
{
	struct image_config c = {0};
	copy_rows(from, top_rows, ARRAY_LEN(top_rows), &c);
	copy_rows(from, run_rows, ARRAY_LEN(run_rows), &c);
	for (size_t i = 0; i < from->labels.n; i++) {
		ARENA_ROOM(&c.arena, c.labels.items, c.labels.n, c.labels.cap);
		c.labels.items[c.labels.n++] = (struct annotation){arena_str(&c.arena, from->labels.items[i].key),
			arena_str(&c.arena, from->labels.items[i].value)};
	}
	c.health = from->health;
	c.health.test = (struct strs){0};
	for (size_t i = 0; i < from->health.test.n; i++)
		strs_add(&c.arena, &c.health.test, from->health.test.v[i]);
	c.args_escaped = from->args_escaped;
	for (size_t i = 0; i < from->ndiff_ids; i++)
		image_config_add_diff_id(&c, &from->diff_ids[i]);
	for (size_t i = 0; i < from->nhistory; i++)
		image_config_add_history(&c, &from->history[i]);
	*ret = c;
}

void image_config_done(struct image_config *c)
{
	arena_done(&c->arena);
	*c = (struct image_config){0};
}

void image_config_add_diff_id(struct image_config *c, const struct digest *d)
{
	ARENA_ROOM(&c->arena, c->diff_ids, c->ndiff_ids, c->diff_cap);
	c->diff_ids[c->ndiff_ids++] = *d;
}

void image_config_add_history(struct image_config *c, const struct history_entry *h)
{
	struct history_entry copy = {
		.created = arena_str(&c->arena, h->created),
		.created_by = arena_str(&c->arena, h->created_by),
		.author = arena_str(&c->arena, h->author),
		.comment = arena_str(&c->arena, h->comment),
		.empty_layer = h->empty_layer,
	};
	ARENA_ROOM(&c->arena, c->history, c->nhistory, c->history_cap);
	c->history[c->nhistory++] = copy;
}

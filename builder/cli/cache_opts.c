/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two options have most fields in common and are read by one table of them; what belongs to the other option is refused. Caches in
 * services that are not spoken to are passed over with a warning, for a cache makes a build faster and is no part of it.
 */
#include "builder/cli/cache_opts.h"

#include "builder/cli/opt.h"
#include "builder/cli/outbound_flags.h"
#include "builder/cli/report.h"

struct reading {
	struct cli *cli;
	const char *flag;  /* "--cache-to" */
	bool to;
	bool typed;
	struct cache_spec *s;
};

static int set_type(struct reading *r, const char *value, struct err *e)
{
	static const char *const known[] = {"registry", "local", "inline"};
	r->typed = true;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(value, known[i]) != 0)
			continue;
		if (i == CACHE_INLINE && !r->to)
			return err_set(e, ERR_USAGE, "--cache-from type=inline: name the image whose records are meant: type=registry,ref=IMAGE");
		r->s->kind = (enum cache_kind)i;
		return 0;
	}
	const char *near = str_suggest(str_of(value), known, ARRAY_LEN(known));
	return err_set(e, ERR_USAGE, "%s: unknown type \"%s\"%s%s%s; known are registry, local and inline", r->flag, value,
		near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static int set_ref(struct reading *r, const char *value, struct err *e)
{
	struct cache_spec *s = r->s;
	s->name = value;
	if (ref_parse(str_of(value), r->cli->arena, &s->ref, e) < 0) {
		e->code = ERR_USAGE;
		return err_wrap(e, "%s %s", r->flag, value);
	}
	if (r->to && !digest_none(&s->ref.digest))
		return err_set(e, ERR_USAGE, "--cache-to %s: a name to write to cannot hold a digest", value);
	return 0;
}

static int set_folder(struct reading *r, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, ERR_USAGE, "%s: the folder's name is empty", r->flag);
	r->s->folder = r->s->name = value;
	return 0;
}

static int set_tag(struct reading *r, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, ERR_USAGE, "%s: the tag is empty", r->flag);
	r->s->tag = value;
	return 0;
}

static int set_mode(struct reading *r, const char *value, struct err *e)
{
	if (strcmp(value, "min") != 0 && strcmp(value, "max") != 0)
		return err_set(e, ERR_USAGE, "--cache-to: mode=%s: min or max is wanted", value);
	r->s->all = strcmp(value, "max") == 0;
	return 0;
}

static int set_compression(struct reading *r, const char *value, struct err *e)
{
	return outbound_field_compression("--cache-to", value, &r->s->compression, e);
}

static int set_level(struct reading *r, const char *value, struct err *e)
{
	return outbound_field_level("--cache-to", value, &r->s->level, e);
}

static int set_ignore_error(struct reading *r, const char *value, struct err *e)
{
	if (!opt_parse_bool(value, &r->s->ignore_error))
		return err_set(e, ERR_USAGE, "--cache-to: ignore-error=%s: true or false is wanted", value);
	return 0;
}

static int set_insecure(struct reading *r, const char *value, struct err *e)
{
	if (!opt_parse_bool(value, &r->s->insecure))
		return err_set(e, ERR_USAGE, "%s: registry.insecure=%s: true or false is wanted", r->flag, value);
	return 0;
}

static int set_reset(struct reading *r, const char *value, struct err *e)
{
	if (!opt_parse_bool(value, &r->s->reset))
		return err_set(e, ERR_USAGE, "--cache-to: reset=%s: true or false is wanted", value);
	return 0;
}

/* Behaviour that is always so here. */
static int accept(struct reading *r, const char *value, struct err *e)
{
	bool flag;
	if (!opt_parse_bool(value, &flag))
		return err_set(e, ERR_USAGE, "%s: %s is neither true nor false", r->flag, value);
	return 0;
}

enum { FROM = 1, TO = 2, BOTH = 3 };
static const struct field {
	const char *key;
	int where;
	int (*set)(struct reading *r, const char *value, struct err *e);
} fields[] = {
    {"type", BOTH, set_type},
    {"ref", BOTH, set_ref},
    {"src", FROM, set_folder},
    {"dest", TO, set_folder},
    {"tag", BOTH, set_tag},
    {"digest", FROM, set_tag},
    {"mode", TO, set_mode},
    {"compression", TO, set_compression},
    {"compression-level", TO, set_level},
    {"ignore-error", TO, set_ignore_error},
    {"registry.insecure", BOTH, set_insecure},
    {"reset", TO, set_reset},
    {"force-compression", TO, accept},
    {"oci-mediatypes", TO, accept},
    {"image-manifest", TO, accept},
};

static int set_field(struct reading *r, const char *key, const char *value, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strcmp(fields[i].key, key) == 0 && fields[i].where & (r->to ? TO : FROM))
			return fields[i].set(r, value, e);
	return err_set(e, ERR_USAGE, "%s: unexpected key '%s'", r->flag, key);
}

static int check(struct reading *r, struct err *e)
{
	const struct cache_spec *s = r->s;
	if (!r->typed)
		return err_set(e, ERR_USAGE, "%s: type=... is missing", r->flag);
	if (s->kind == CACHE_REGISTRY && !s->name)
		return err_set(e, ERR_USAGE, "%s type=registry: ref=HOST/NAME:TAG is missing", r->flag);
	if (s->kind == CACHE_REGISTRY && s->folder)
		return err_set(e, ERR_USAGE, "%s type=registry: it has no folder", r->flag);
	if (s->kind == CACHE_LOCAL && !s->folder)
		return err_set(e, ERR_USAGE, "%s type=local: %s=DIR is missing", r->flag, r->to ? "dest" : "src");
	if (s->kind != CACHE_REGISTRY && s->insecure)
		return err_set(e, ERR_USAGE, "%s: registry.insecure belongs to type=registry", r->flag);
	if (s->kind != CACHE_LOCAL && s->reset)
		return err_set(e, ERR_USAGE, "--cache-to: reset belongs to type=local");
	if (s->kind == CACHE_INLINE && (s->name || s->all))
		return err_set(e, ERR_USAGE, "--cache-to type=inline: the records stand in the image: there is no ref, dest or mode=max");
	return 0;
}

static const struct cache_spec defaults = {.kind = CACHE_REGISTRY, .tag = "latest", .compression = COMPRESS_GZIP, .level = -1};

static int parse_fields(struct reading *r, const char *text, struct err *e)
{
	const char *rest = text, *key, *value;
	int rc;
	while ((rc = opt_csv_next(&rest, r->cli->arena, &key, &value, e)) > 0) {
		if (!value)
			return err_set(e, ERR_USAGE, "%s: invalid field '%s': KEY=VALUE is wanted", r->flag, key);
		TRY(set_field(r, key, value, e));
	}
	return rc < 0 ? rc : check(r, e);
}

static int parse_bare(struct reading *r, const char *text, struct err *e)
{
	r->typed = true;
	TRY(set_ref(r, text, e));
	r->s->bare = !r->s->ref.tagged && digest_none(&r->s->ref.digest);
	if (r->to && r->s->bare)
		r->s->ref.tag = STR(CACHE_TAG);
	return 0;
}

/* The fields of such a service are its own. */
static int foreign_service(struct reading *r, const char *text, bool *ret, struct err *e)
{
	static const char *const services[] = {"gha", "s3", "azblob"};
	const char *rest = text, *key, *value, *type = "";
	int rc;
	*ret = false;
	while ((rc = opt_csv_next(&rest, r->cli->arena, &key, &value, e)) > 0)
		if (value && strcmp(key, "type") == 0)
			type = value;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(services) && !*ret; i++)
		*ret = strcmp(type, services[i]) == 0;
	if (*ret)
		report_warning("%s type=%s is passed over: this service is not spoken to; use type=registry,ref=HOST/NAME:TAG, or "
			"type=local,%s=DIR with a folder that the CI system keeps", r->flag, type, r->to ? "dest" : "src");
	return rc;
}

static int one(struct reading *r, const char *text, bool bare, struct cache_spec **ret, size_t *ret_n, size_t *cap, struct err *e)
{
	struct cache_spec s = defaults;
	r->s = &s;
	r->typed = false;
	bool foreign = false;
	if (!bare)
		TRY(foreign_service(r, text, &foreign, e));
	if (foreign)
		return 0;
	TRY(bare ? parse_bare(r, text, e) : parse_fields(r, text, e));
	ARENA_ROOM(r->cli->arena, *ret, *ret_n, *cap);
	(*ret)[(*ret_n)++] = s;
	return 0;
}

static int parse(struct reading *r, const char *text, struct cache_spec **ret, size_t *ret_n, size_t *cap, struct err *e)
{
	struct str rest = str_of(text), part;
	if (strchr(text, '='))
		return one(r, text, false, ret, ret_n, cap, e);
	if (!*text)
		return err_set(e, ERR_USAGE, "%s: a reference or type=... is wanted", r->flag);
	while (str_split(&rest, ',', &part))
		TRY(one(r, arena_str(r->cli->arena, str_trim(part)).p, true, ret, ret_n, cap, e));
	return 0;
}

int cache_from_parse(struct cli *cli, const char *text, struct cache_spec **ret, size_t *ret_n, size_t *cap, struct err *e)
{
	struct reading r = {.cli = cli, .flag = "--cache-from"};
	return parse(&r, text, ret, ret_n, cap, e);
}

int cache_to_parse(struct cli *cli, const char *text, struct cache_spec **ret, size_t *ret_n, size_t *cap, struct err *e)
{
	struct reading r = {.cli = cli, .flag = "--cache-to", .to = true};
	return parse(&r, text, ret, ret_n, cap, e);
}

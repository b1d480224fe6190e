/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN --mount: the fields are taken from left to right, each changing the spec or failing. One table says what keys
 * there are, which other spellings they have and what may be done without a value; the rules that need the whole spec
 * are checked at the end.
 */
#include "parser/mountspec.h"

#include "base/mem.h"
#include "parser/ascii.h"
#include "parser/values.h"

static const char *const types[MOUNT_TYPE_COUNT] = {"bind", "cache", "tmpfs", "secret", "ssh"};
static const char *const sharings[MOUNT_SHARING_COUNT] = {"shared", "private", "locked"};

struct field {
	struct str text;  /* as written, for messages */
	struct str key;   /* in lower case */
	struct str value; /* expanded */
	bool has_value;
};

struct parsing {
	struct mount_spec m;
	bool access_given; /* ro or rw was written */
	uint32_t given;    /* bit i: key i, or another spelling of it, was written */
};

typedef int set_fn(struct parsing *p, const struct field *f, struct err *e);

static int invalid(const struct field *f, struct err *e)
{
	return err_set(e, ERR_SYNTAX, "invalid value for %.*s: %.*s", STR_ARG(f->key), STR_ARG(f->value));
}

static int not_here(const struct parsing *p, const struct field *f, struct err *e)
{
	return err_set(e, ERR_SYNTAX, "unexpected key '%.*s' for mount type '%s'", STR_ARG(f->key), types[p->m.type]);
}

static int find_name(struct str value, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_ieq(value, str_of(names[i])))
			return (int)i;
	return -1;
}

static int suggest(struct str word, const char *const *names, size_t n, struct err *e)
{
	const char *near = str_suggest(word, names, n);
	return near ? err_append(e, " (did you mean %s?)", near) : -(int)e->code;
}

static int set_type(struct parsing *p, const struct field *f, struct err *e)
{
	int type = find_name(f->value, types, MOUNT_TYPE_COUNT);
	if (type < 0) {
		err_set(e, ERR_SYNTAX, "unsupported mount type \"%.*s\"", STR_ARG(f->value));
		cleanup_arena struct arena scratch = {0};
		return suggest(ascii_lower(&scratch, f->value), types, MOUNT_TYPE_COUNT, e);
	}
	p->m.type = (enum mount_type)type;
	return 0;
}

static int set_from(struct parsing *p, const struct field *f, struct err *e)
{
	(void)e;
	p->m.from = f->value;
	return 0;
}

static int set_source(struct parsing *p, const struct field *f, struct err *e)
{
	(void)e;
	p->m.source = f->value;
	return 0;
}

static int set_target(struct parsing *p, const struct field *f, struct err *e)
{
	(void)e;
	p->m.target = f->value;
	return 0;
}

static int set_id(struct parsing *p, const struct field *f, struct err *e)
{
	(void)e;
	p->m.id = f->value;
	return 0;
}

static int set_env(struct parsing *p, const struct field *f, struct err *e)
{
	(void)e;
	p->m.env = f->value;
	p->m.has_env = true;
	return 0;
}

static int set_readonly(struct parsing *p, const struct field *f, struct err *e)
{
	bool on = true;
	if (f->has_value && bool_parse(f->value, &on, e) < 0)
		return invalid(f, e);
	p->m.readonly = on;
	p->access_given = true;
	return 0;
}

static int set_readwrite(struct parsing *p, const struct field *f, struct err *e)
{
	TRY(set_readonly(p, f, e));
	p->m.readonly = !p->m.readonly;
	return 0;
}

static int set_required(struct parsing *p, const struct field *f, struct err *e)
{
	bool on = true;
	if (p->m.type != MOUNT_SECRET && p->m.type != MOUNT_SSH)
		return not_here(p, f, e);
	if (f->has_value && bool_parse(f->value, &on, e) < 0)
		return invalid(f, e);
	p->m.required = on;
	return 0;
}

static int set_size(struct parsing *p, const struct field *f, struct err *e)
{
	if (p->m.type != MOUNT_TMPFS)
		return not_here(p, f, e);
	return bytes_parse(f->value, &p->m.size, e) < 0 ? invalid(f, e) : 0;
}

static int set_sharing(struct parsing *p, const struct field *f, struct err *e)
{
	int sharing = find_name(f->value, sharings, MOUNT_SHARING_COUNT);
	if (sharing < 0) {
		err_set(e, ERR_SYNTAX, "unsupported sharing value \"%.*s\"", STR_ARG(f->value));
		cleanup_arena struct arena scratch = {0};
		return suggest(ascii_lower(&scratch, f->value), sharings, MOUNT_SHARING_COUNT, e);
	}
	p->m.sharing = (enum mount_sharing)sharing;
	p->m.has_sharing = true;
	return 0;
}

static int set_number(
    const struct field *f, const char *name, unsigned base, bool *ret_has, uint32_t *ret, struct err *e)
{
	uint64_t v = 0;
	bool ok = f->value.len > 0;
	for (size_t i = 0; ok && i < f->value.len; i++) {
		unsigned digit = (unsigned)(unsigned char)f->value.p[i] - '0';
		v = v * base + digit;
		ok = digit < base && v <= UINT32_MAX;
	}
	if (!ok)
		return err_set(e, ERR_SYNTAX, "invalid value %.*s for %s", STR_ARG(f->value), name);
	*ret = (uint32_t)v;
	*ret_has = true;
	return 0;
}

static int set_mode(struct parsing *p, const struct field *f, struct err *e)
{
	return set_number(f, "mode", 8, &p->m.has_mode, &p->m.mode, e);
}

static int set_uid(struct parsing *p, const struct field *f, struct err *e)
{
	return set_number(f, "uid", 10, &p->m.has_uid, &p->m.uid, e);
}

static int set_gid(struct parsing *p, const struct field *f, struct err *e)
{
	return set_number(f, "gid", 10, &p->m.has_gid, &p->m.gid, e);
}

static const struct key {
	const char *name;
	bool bare; /* works without a value */
	set_fn *set;
} keys[] = {
    {"type", false, set_type},
    {"from", false, set_from},
    {"source", false, set_source},
    {"src", false, set_source},
    {"target", false, set_target},
    {"dst", false, set_target},
    {"destination", false, set_target},
    {"readonly", true, set_readonly},
    {"ro", true, set_readonly},
    {"readwrite", true, set_readwrite},
    {"rw", true, set_readwrite},
    {"id", false, set_id},
    {"sharing", false, set_sharing},
    {"required", true, set_required},
    {"size", false, set_size},
    {"mode", false, set_mode},
    {"uid", false, set_uid},
    {"gid", false, set_gid},
    {"env", false, set_env},
};

static const struct key *find_key(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (str_eqz(name, keys[i].name))
			return &keys[i];
	return NULL;
}

static int unknown_key(const struct field *f, struct err *e)
{
	const char *names[ARRAY_LEN(keys)];
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		names[i] = keys[i].name;
	err_set(e, ERR_SYNTAX, "unexpected key '%.*s' in '%.*s'", STR_ARG(f->key), STR_ARG(f->text));
	return suggest(f->key, names, ARRAY_LEN(names), e);
}

static struct field field_of(struct arena *a, struct str text)
{
	struct field f = {.text = text};
	ptrdiff_t equal = str_find(text, '=');
	f.has_value = equal >= 0;
	f.key = ascii_lower(a, f.has_value ? str_sub(text, 0, (size_t)equal) : text);
	f.value = f.has_value ? str_from(text, (size_t)equal + 1) : (struct str){"", 0};
	return f;
}

/* A '$' at the very end is a character like others. */
static int check_from(struct str value, struct err *e)
{
	ptrdiff_t dollar = str_find(value, '$');
	if (dollar >= 0 && (size_t)dollar + 1 < value.len)
		return err_set(e, ERR_SYNTAX, "'from' doesn't support variable expansion, define alias stage instead");
	return 0;
}

static int fields_of(struct str text, struct arena *a, struct str **ret, size_t *ret_n, struct err *e)
{
	if (csv_parse(text, a, ret, ret_n, e) < 0)
		return err_wrap(e, "failed to parse csv mounts");
	return 0;
}

int mount_spec_check(struct str text, struct arena *a, struct str *ret_from, struct err *e)
{
	struct str *fields, from = {"", 0};
	size_t n;
	TRY(fields_of(text, a, &fields, &n, e));
	for (size_t i = 0; i < n; i++) {
		struct field f = field_of(a, fields[i]);
		if (!f.has_value || !str_eqz(f.key, "from"))
			continue;
		TRY(check_from(f.value, e));
		from = f.value;
	}
	*ret_from = from;
	return 0;
}

/* A key that was there already, in whatever spelling, is a mistake: one of the values would be lost. */
static int note(struct parsing *p, const struct field *f, const struct key *key, struct err *e)
{
	size_t first = 0;
	while (keys[first].set != key->set)
		first++;
	if (p->given >> first & 1)
		return err_set(e, ERR_SYNTAX, "duplicate key '%.*s' in '%.*s'", STR_ARG(f->key), STR_ARG(f->text));
	p->given |= UINT32_C(1) << first;
	return 0;
}

static int take(struct parsing *p, struct str text, mount_expand_fn *expand, void *arg, struct arena *a, struct err *e)
{
	struct field f = field_of(a, text);
	const struct key *key = find_key(f.key);
	if (!f.has_value && !(key && key->bare))
		return err_set(e, ERR_SYNTAX, "invalid field '%.*s' must be a key=value pair", STR_ARG(text));
	if (!key)
		return unknown_key(&f, e);
	TRY(note(p, &f, key, e));
	if (key->set == set_from)
		TRY(check_from(f.value, e));
	else if (f.has_value && expand)
		TRY(expand(arg, f.value, &f.value, e));
	return key->set(p, &f, e);
}

/* Ids of secrets and keys are names; what looks like a way through folders would only be that by mistake. */
static int check_name(const struct mount_spec *m, struct err *e)
{
	struct str id = m->id.len ? m->id : m->source, rest = id, part;
	bool path = id.len && id.p[0] == '/';
	if (m->type != MOUNT_SECRET && m->type != MOUNT_SSH)
		return 0;
	while (id.len && str_split(&rest, '/', &part))
		path = path || str_eqz(part, "..");
	return path ? err_set(e, ERR_SYNTAX, "invalid %s id '%.*s'", types[m->type], STR_ARG(id)) : 0;
}

/* Rules about the spec as a whole. */
static int check_whole(const struct mount_spec *m, struct err *e)
{
	bool owned = m->type == MOUNT_SECRET || m->type == MOUNT_SSH || m->type == MOUNT_CACHE;
	if (!owned && (m->has_mode || m->has_uid || m->has_gid))
		return err_set(e, ERR_SYNTAX, "%s not allowed for \"%s\" type mounts",
		    m->has_mode  ? "mode"
		    : m->has_uid ? "uid"
		                 : "gid",
		    types[m->type]);
	if (m->type == MOUNT_SECRET && m->from.len)
		return err_set(e, ERR_SYNTAX, "secret mount should not have a from");
	if (m->type == MOUNT_SECRET && m->has_sharing)
		return err_set(e, ERR_SYNTAX, "secret mount should not define sharing");
	if (m->has_sharing && m->type != MOUNT_CACHE)
		return err_set(e, ERR_SYNTAX, "invalid cache sharing set for %s mount", types[m->type]);
	if (m->type == MOUNT_SECRET && !m->source.len && !m->target.len && !m->id.len)
		return err_set(e, ERR_SYNTAX, "invalid secret mount. one of source, target required");
	if (m->type == MOUNT_SECRET && m->source.len && m->id.len)
		return err_set(e, ERR_SYNTAX, "both source and id can't be set");
	return check_name(m, e);
}

int mount_spec_parse(
    struct str text, mount_expand_fn *expand, void *arg, struct arena *a, struct mount_spec *ret, struct err *e)
{
	struct parsing p = {.m = {.type = MOUNT_BIND, .sharing = MOUNT_SHARED}};
	struct str *fields;
	size_t n;
	TRY(fields_of(text, a, &fields, &n, e));
	for (size_t i = 0; i < n; i++)
		TRY(take(&p, fields[i], expand, arg, a, e));
	if (!p.access_given)
		p.m.readonly = p.m.type != MOUNT_CACHE && p.m.type != MOUNT_TMPFS;
	TRY(check_whole(&p.m, e));
	*ret = p.m;
	return 0;
}

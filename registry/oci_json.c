/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between JSON values and the pieces that image documents are made of. Go's decoder, which most registries and engines use,
 * folds the case of member names, takes null for "nothing" and drops what it does not know; this reader takes null the same
 * way (Go prints nil lists as null) and refuses what two readers could understand differently.
 */
#include "registry/oci_json.h"

#include <stdlib.h>

#include "registry/base64.h"
#include "registry/platform.h"

int oci_parse_object(struct str json, const char *what, struct jval **ret, struct err *e)
{
	cleanup_jval struct jval *j = NULL;
	if (jval_parse(json, &j, e) < 0) {
		e->code = ERR_CORRUPT;
		return err_wrap(e, "%s", what);
	}
	if (!jval_is_object(j))
		return err_set(e, ERR_CORRUPT, "%s is no JSON object", what);
	*ret = steal(&j);
	return 0;
}

struct names {
	const char *const *known;
	size_t n;
	struct err *e;
};

static int check_name(const char *key, struct jval *value, void *arg)
{
	struct names *names = arg;
	struct str k = str_of(key);
	(void)value;
	for (size_t i = 0; i < names->n; i++)
		if (str_ieq(k, str_of(names->known[i])) && !str_eqz(k, names->known[i]))
			return err_set(names->e, ERR_CORRUPT, "member \"%s\" should be spelled \"%s\"", key, names->known[i]);
	return 0;
}

int oci_check_case(const struct jval *object, const char *const *known, size_t n, struct err *e)
{
	struct names names = {known, n, e};
	return jval_each(object, check_name, &names);
}

const struct jval *oci_member(const struct jval *object, const char *key)
{
	const struct jval *j = jval_get(object, key);
	return j && !jval_is_null(j) ? j : NULL;
}

static int wrong_type(const char *key, const char *wanted, struct err *e)
{
	return err_set(e, ERR_CORRUPT, "member \"%s\" is no %s", key, wanted);
}

int oci_get_object(const struct jval *object, const char *key, const struct jval **ret, struct err *e)
{
	const struct jval *j = oci_member(object, key);
	if (j && !jval_is_object(j))
		return wrong_type(key, "object", e);
	*ret = j;
	return 0;
}

int oci_get_array(const struct jval *object, const char *key, const struct jval **ret, struct err *e)
{
	const struct jval *j = oci_member(object, key);
	if (j && !jval_is_array(j))
		return wrong_type(key, "array", e);
	*ret = j;
	return 0;
}

int oci_get_str(const struct jval *object, const char *key, struct arena *a, struct str *ret, struct err *e)
{
	const struct jval *j = oci_member(object, key);
	if (!j) {
		*ret = (struct str){NULL, 0};
		return 0;
	}
	if (!jval_is_string(j))
		return wrong_type(key, "string", e);
	*ret = arena_str(a, str_of(jval_text(j)));
	return 0;
}

static bool is_integer(const struct jval *j)
{
	return jval_int(j, 0) == jval_int(j, 1);
}

int oci_get_int(const struct jval *object, const char *key, int64_t min, int64_t *ret, struct err *e)
{
	const struct jval *j = oci_member(object, key);
	int64_t v = jval_int(j, 0);
	if (j && !is_integer(j))
		return wrong_type(key, "integer", e);
	if (j && v < min)
		return err_set(e, ERR_CORRUPT, "member \"%s\" is out of range", key);
	*ret = v;
	return 0;
}

int oci_get_bool(const struct jval *object, const char *key, bool *ret, struct err *e)
{
	const struct jval *j = oci_member(object, key);
	if (j && jval_bool(j, false) != jval_bool(j, true))
		return wrong_type(key, "boolean", e);
	*ret = jval_bool(j, false);
	return 0;
}

int oci_get_strs(const struct jval *object, const char *key, struct arena *a, struct strs *ret, struct err *e)
{
	const struct jval *list = NULL;
	TRY(oci_get_array(object, key, &list, e));
	for (size_t i = 0; i < jval_count(list); i++) {
		const char *text = jval_text(jval_at(list, i));
		if (!text)
			return err_set(e, ERR_CORRUPT, "member \"%s\" holds something that is no string", key);
		strs_add(a, ret, str_of(text));
	}
	return 0;
}

struct collect {
	struct arena *a;
	struct strs *keys;
	struct annotations *pairs;
	const char *what;
	struct err *e;
};

static int add_key(const char *key, struct jval *value, void *arg)
{
	struct collect *c = arg;
	(void)value;
	strs_add(c->a, c->keys, str_of(key));
	return 0;
}

int oci_get_keys(const struct jval *object, const char *key, struct arena *a, struct strs *ret, struct err *e)
{
	const struct jval *set = NULL;
	TRY(oci_get_object(object, key, &set, e));
	struct collect c = {.a = a, .keys = ret};
	return jval_each(set, add_key, &c);
}

/* The parser has refused keys that come twice, so pairs are appended without a search. */
static int add_pair(const char *key, struct jval *value, void *arg)
{
	struct collect *c = arg;
	const char *text = jval_text(value);
	if (!text && !jval_is_null(value))
		return err_set(c->e, ERR_CORRUPT, "member \"%s\" holds something that is no string", c->what);
	ARENA_ROOM(c->a, c->pairs->items, c->pairs->n, c->pairs->cap);
	c->pairs->items[c->pairs->n++] = (struct annotation){arena_str(c->a, str_of(key)), arena_str(c->a, str_of(text))};
	return 0;
}

int oci_get_annotations(const struct jval *object, const char *key, struct arena *a, struct annotations *ret, struct err *e)
{
	const struct jval *map = NULL;
	TRY(oci_get_object(object, key, &map, e));
	struct collect c = {.a = a, .pairs = ret, .what = key, .e = e};
	return jval_each(map, add_pair, &c);
}

static int get_platform(const struct jval *object, struct arena *a, struct platform *ret, struct err *e)
{
	const struct jval *p = NULL;
	TRY(oci_get_object(object, "platform", &p, e));
	TRY(oci_get_str(p, "os", a, &ret->os, e));
	TRY(oci_get_str(p, "architecture", a, &ret->arch, e));
	TRY(oci_get_str(p, "variant", a, &ret->variant, e));
	return oci_get_str(p, "os.version", a, &ret->os_version, e);
}

/* Media types go into headers and messages: printable letters only (RFC 6838 4.2). */
static bool sane_type(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return s.len <= 255;
}

/* OCI image-spec, descriptor.md: embedded data must be what digest and size say. */
static int check_data(const struct jval *j, const struct descriptor *d, struct err *e)
{
	const struct jval *data = oci_member(j, "data");
	if (!data)
		return 0;
	cleanup_buf struct buf bytes = {0};
	if (!jval_is_string(data) || !base64_decode(str_of(jval_text(data)), &bytes))
		return err_set(e, ERR_CORRUPT, "member \"data\" is no base64 text");
	struct digest is = digest_of(bytes.p, bytes.len);
	if (bytes.len != d->size || !digest_eq(&is, &d->digest))
		return err_set(e, ERR_CORRUPT, "embedded data is not what its digest says");
	return 0;
}

static const char *const descriptor_keys[] = {"mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"};

int oci_get_descriptor(const struct jval *j, struct arena *a, struct descriptor *ret, struct err *e)
{
	struct descriptor d = {0};
	struct str digest;
	int64_t size;
	if (!jval_is_object(j))
		return err_set(e, ERR_CORRUPT, "descriptor is no object");
	TRY(oci_check_case(j, descriptor_keys, ARRAY_LEN(descriptor_keys), e));
	TRY(oci_get_str(j, "mediaType", a, &d.media_type, e));
	TRY(oci_get_str(j, "artifactType", a, &d.artifact_type, e));
	if (d.media_type.len == 0 || !sane_type(d.media_type) || !sane_type(d.artifact_type))
		return err_set(e, ERR_CORRUPT, "descriptor without a valid media type");
	TRY(oci_get_str(j, "digest", a, &digest, e));
	if (digest_parse(digest, &d.digest, e) < 0)
		return err_set(e, ERR_CORRUPT, "descriptor with an invalid digest (sha256 and 64 lower-case hex digits are known)");
	if (!oci_member(j, "size"))
		return err_set(e, ERR_CORRUPT, "descriptor without a size");
	TRY(oci_get_int(j, "size", 0, &size, e));
	d.size = (uint64_t)size;
	TRY(get_platform(j, a, &d.platform, e));
	TRY(oci_get_annotations(j, "annotations", a, &d.annotations, e));
	TRY(check_data(j, &d, e));
	*ret = d;
	return 0;
}

void oci_set_str(struct jval *object, const char *key, struct str s)
{
	if (s.len)
		jval_set_str(object, key, s);
}

void oci_set_strs(struct jval *object, const char *key, const struct strs *l)
{
	if (l->n == 0)
		return;
	struct jval *list = jval_array();
	for (size_t i = 0; i < l->n; i++)
		jval_append(list, jval_string(l->v[i]));
	jval_set(object, key, list);
}

/* Keys must be UTF-8 in JSON as values must; jval_string knows how to make them so. */
static void set_key(struct jval *object, struct str key, struct jval *take_value)
{
	cleanup_jval struct jval *clean = jval_string(key);
	jval_set(object, jval_text(clean), take_value);
}

static int by_text(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	return str_cmp(*x, *y);
}

void oci_set_keys(struct jval *object, const char *key, const struct strs *l)
{
	if (l->n == 0)
		return;
	cleanup_free struct str *sorted = mem_array(l->n, sizeof(*sorted));
	memcpy(sorted, l->v, l->n * sizeof(*sorted));
	qsort(sorted, l->n, sizeof(*sorted), by_text);
	struct jval *set = jval_object();
	for (size_t i = 0; i < l->n; i++)
		set_key(set, sorted[i], jval_object());
	jval_set(object, key, set);
}

static int by_key(const void *a, const void *b)
{
	const struct annotation *x = a, *y = b;
	return str_cmp(x->key, y->key);
}

void oci_set_annotations(struct jval *object, const char *key, const struct annotations *l)
{
	if (l->n == 0)
		return;
	cleanup_free struct annotation *sorted = mem_array(l->n, sizeof(*sorted));
	memcpy(sorted, l->items, l->n * sizeof(*sorted));
	qsort(sorted, l->n, sizeof(*sorted), by_key);
	struct jval *map = jval_object();
	for (size_t i = 0; i < l->n; i++)
		set_key(map, sorted[i].key, jval_string(sorted[i].value));
	jval_set(object, key, map);
}

struct jval *oci_descriptor_json(const struct descriptor *d)
{
	char digest[DIGEST_TEXT + 1];
	digest_text(&d->digest, digest);
	struct jval *j = jval_object();
	jval_set_str(j, "mediaType", d->media_type);
	jval_set_text(j, "digest", digest);
	jval_set(j, "size", jval_integer((int64_t)d->size));
	oci_set_annotations(j, "annotations", &d->annotations);
	if (d->platform.os.len)
		jval_set(j, "platform", platform_json(&d->platform));
	oci_set_str(j, "artifactType", d->artifact_type);
	return j;
}

void oci_finish(struct jval *take, struct buf *out)
{
	jval_print(take, 0, out);
	jval_free(take);
}

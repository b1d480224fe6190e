/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records document between JSON and structs. It comes from a registry that anybody may have written to: counts are limited before
 * anything is allocated, every digest and number is checked, and what is not understood is left alone.
 */
#include "registry/cachedoc.h"

#include "registry/oci_json.h"

enum { VERSION = 1 };
static const int64_t size_max = (int64_t)1 << 50;
static const int64_t time_least = -62135596800;

/* --- reading --- */

static int get_digest(const struct jval *j, const char *key, bool required, struct digest *ret, struct err *e)
{
	const struct jval *v = oci_member(j, key);
	*ret = (struct digest){0};
	if (!v && !required)
		return 0;
	if (!digest_from_hex(str_of(jval_text(v)), ret) || digest_none(ret))
		return err_set(e, ERR_CORRUPT, "%s is no digest", key);
	return 0;
}

static int get_time(const struct jval *j, const char *key, int64_t *ret, struct err *e)
{
	TRY(oci_get_int(j, key, time_least, ret, e));
	return *ret > CACHEDOC_TIME_MAX ? err_set(e, ERR_CORRUPT, "%s is no time", key) : 0;
}

/* An index into a list of n; absent: SIZE_MAX. */
static int get_number(const struct jval *j, const char *key, size_t n, size_t *ret, struct err *e)
{
	int64_t v = 0;
	*ret = SIZE_MAX;
	if (!oci_member(j, key))
		return 0;
	TRY(oci_get_int(j, key, 0, &v, e));
	if ((uint64_t)v >= n)
		return err_set(e, ERR_CORRUPT, "%s is out of range", key);
	*ret = (size_t)v;
	return 0;
}

static int read_layer(const struct jval *j, struct cachedoc *d, struct err *e)
{
	struct cachedoc_layer l = {0};
	int64_t size = 0;
	TRY(get_number(j, "n", CACHEDOC_LAYERS_MAX, &l.n, e));
	if (l.n == SIZE_MAX)
		return err_set(e, ERR_CORRUPT, "n is missing");
	TRY(get_digest(j, "diffId", true, &l.diff_id, e));
	TRY(oci_get_int(j, "size", 0, &size, e));
	if (size > size_max)
		return err_set(e, ERR_CORRUPT, "size is impossible");
	l.size = (uint64_t)size;
	TRY(get_time(j, "newest", &l.newest, e));
	TRY(oci_get_bool(j, "clamped", &l.clamped, e));
	TRY(oci_get_bool(j, "clock", &l.clock, e));
	TRY(get_number(j, "index", CACHEDOC_LAYERS_MAX, &l.index, e));
	ARENA_ROOM(&d->arena, d->layers, d->nlayers, d->layers_cap);
	d->layers[d->nlayers++] = l;
	return 0;
}

static int read_record(const struct jval *j, struct cachedoc *d, struct err *e)
{
	struct cachedoc_record r = {0};
	int64_t nsec = 0;
	TRY(get_digest(j, "key", true, &r.key, e));
	TRY(get_digest(j, "cid", false, &r.cid, e));
	TRY(get_number(j, "layer", d->nlayers, &r.layer, e));
	if (r.layer != SIZE_MAX && digest_none(&r.cid))
		return err_set(e, ERR_CORRUPT, "a layer without its content id");
	TRY(get_time(j, "created", &r.created, e));
	TRY(oci_get_int(j, "nsec", 0, &nsec, e));
	if (nsec > 999999999)
		return err_set(e, ERR_CORRUPT, "nsec is out of range");
	r.created_nsec = (uint32_t)nsec;
	ARENA_ROOM(&d->arena, d->records, d->nrecords, d->records_cap);
	d->records[d->nrecords++] = r;
	return 0;
}

static int read_memo(const struct jval *j, struct cachedoc *d, struct err *e)
{
	struct cachedoc_memo m;
	TRY(get_digest(j, "key", true, &m.key, e));
	TRY(get_digest(j, "value", true, &m.value, e));
	ARENA_ROOM(&d->arena, d->memos, d->nmemos, d->memos_cap);
	d->memos[d->nmemos++] = m;
	return 0;
}

static const struct list {
	const char *key;
	size_t max;
	int (*read)(const struct jval *j, struct cachedoc *d, struct err *e);
} lists[] = {
    {"layers", CACHEDOC_LAYERS_MAX, read_layer}, /* before what speaks of them */
    {"records", CACHEDOC_RECORDS_MAX, read_record},
    {"memos", CACHEDOC_RECORDS_MAX, read_memo},
};

static int read_list(const struct jval *j, const struct list *l, struct cachedoc *d, struct err *e)
{
	const struct jval *list = NULL;
	TRY(oci_get_array(j, l->key, &list, e));
	size_t n = jval_count(list);
	if (n > l->max)
		return err_set(e, ERR_LIMIT, "%zu %s, at most %zu are taken", n, l->key, l->max);
	for (size_t i = 0; i < n; i++) {
		const struct jval *item = jval_at(list, i);
		if (!jval_is_object(item))
			return err_set(e, ERR_CORRUPT, "%s[%zu] is no object", l->key, i);
		if (l->read(item, d, e) < 0)
			return err_wrap(e, "%s[%zu]", l->key, i);
	}
	return 0;
}

static int read_document(const struct jval *j, struct cachedoc *ret, struct err *e)
{
	struct cachedoc d = {.epoch = INT64_MAX};
	int64_t version = 0;
	int rc = oci_get_int(j, "version", 0, &version, e);
	if (rc == 0 && version != VERSION)
		rc = err_set(e, ERR_UNSUPPORTED, "version %lld is not known here", (long long)version);
	if (rc == 0 && oci_member(j, "epoch"))
		rc = get_time(j, "epoch", &d.epoch, e);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(lists); i++)
		rc = read_list(j, &lists[i], &d, e);
	if (rc < 0) {
		cachedoc_done(&d);
		return err_wrap(e, "cache records");
	}
	*ret = d;
	return 0;
}

int cachedoc_parse(struct str json, struct cachedoc *ret, struct err *e)
{
	cleanup_jval struct jval *j = NULL;
	if (json.len > CACHEDOC_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "cache records are larger than %d bytes", CACHEDOC_SIZE_MAX);
	TRY(oci_parse_object(json, "cache records", &j, e));
	return read_document(j, ret, e);
}

int cachedoc_from_config(struct str config, struct cachedoc *ret, struct err *e)
{
	cleanup_jval struct jval *j = NULL;
	const struct jval *member = NULL;
	if (config.len > CONFIG_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "image config is larger than %d bytes", CONFIG_SIZE_MAX);
	TRY(oci_parse_object(config, "image config", &j, e));
	TRY(oci_get_object(j, CACHEDOC_MEMBER, &member, e));
	if (!member)
		return err_set(e, ERR_NOT_FOUND, "the image has no cache records: it was built without --cache-to type=inline");
	return read_document(member, ret, e);
}

int cachedoc_check(const struct cachedoc *d, const struct manifest *m, struct err *e)
{
	for (size_t i = 0; i < d->nlayers; i++) {
		const struct cachedoc_layer *l = &d->layers[i];
		if (l->n >= m->nlayers || (l->index != SIZE_MAX && l->index >= m->nlayers))
			return err_set(e, ERR_CORRUPT, "cache records speak of layers that are not there");
		const struct media *media = media_find(m->layers[l->n].media_type);
		if (!media || media->kind != MEDIA_LAYER)
			return err_set(e, ERR_CORRUPT, "cache records: layer %zu is of type \"%.*s\"", l->n, STR_ARG(m->layers[l->n].media_type));
		if (l->index != SIZE_MAX && !str_eqz(m->layers[l->index].media_type, CACHEDOC_INDEX_TYPE))
			return err_set(e, ERR_CORRUPT, "cache records: layer %zu is no index", l->index);
		if (m->layers[l->n].size > (uint64_t)size_max || (l->index != SIZE_MAX && m->layers[l->index].size > CACHEDOC_INDEX_MAX))
			return err_set(e, ERR_LIMIT, "cache records: a layer or index of impossible size");
	}
	return 0;
}

/* --- writing --- */

static void member(struct buf *out, const char *key)
{
	buf_printf(out, "%s\"%s\":", out->p[out->len - 1] == '{' ? "" : ",", key);
}

static void put_digest(struct buf *out, const char *key, const struct digest *d)
{
	char hex[DIGEST_HEX + 1];
	if (digest_none(d))
		return;
	digest_hex(d, hex);
	member(out, key);
	buf_printf(out, "\"%s\"", hex);
}

static void put_int(struct buf *out, const char *key, int64_t v)
{
	if (!v)
		return;
	member(out, key);
	buf_printf(out, "%lld", (long long)v);
}

static void put_number(struct buf *out, const char *key, size_t n)
{
	if (n == SIZE_MAX)
		return;
	member(out, key);
	buf_printf(out, "%zu", n);
}

static void put_true(struct buf *out, const char *key, bool is)
{
	if (!is)
		return;
	member(out, key);
	buf_puts(out, "true");
}

static void print_layer(const struct cachedoc_layer *l, struct buf *out)
{
	buf_putc(out, '{');
	put_number(out, "n", l->n);
	put_digest(out, "diffId", &l->diff_id);
	put_int(out, "size", (int64_t)l->size);
	put_int(out, "newest", l->newest);
	put_true(out, "clamped", l->clamped);
	put_true(out, "clock", l->clock);
	put_number(out, "index", l->index);
	buf_putc(out, '}');
}

static void print_record(const struct cachedoc_record *r, struct buf *out)
{
	buf_putc(out, '{');
	put_digest(out, "key", &r->key);
	put_digest(out, "cid", &r->cid);
	put_number(out, "layer", r->layer);
	put_int(out, "created", r->created);
	put_int(out, "nsec", r->created_nsec);
	buf_putc(out, '}');
}

static void print_memo(const struct cachedoc_memo *m, struct buf *out)
{
	buf_putc(out, '{');
	put_digest(out, "key", &m->key);
	put_digest(out, "value", &m->value);
	buf_putc(out, '}');
}

void cachedoc_print(const struct cachedoc *d, struct buf *out)
{
	buf_printf(out, "{\"version\":%d,", VERSION);
	if (d->epoch != INT64_MAX)
		buf_printf(out, "\"epoch\":%lld,", (long long)d->epoch);
	buf_puts(out, "\"layers\":[");
	for (size_t i = 0; i < d->nlayers; i++) {
		if (i)
			buf_putc(out, ',');
		print_layer(&d->layers[i], out);
	}
	buf_puts(out, "],\"records\":[");
	for (size_t i = 0; i < d->nrecords; i++) {
		if (i)
			buf_putc(out, ',');
		print_record(&d->records[i], out);
	}
	buf_puts(out, "],\"memos\":[");
	for (size_t i = 0; i < d->nmemos; i++) {
		if (i)
			buf_putc(out, ',');
		print_memo(&d->memos[i], out);
	}
	buf_puts(out, "]}");
}

void cachedoc_done(struct cachedoc *d)
{
	arena_done(&d->arena);
	*d = (struct cachedoc){0};
}

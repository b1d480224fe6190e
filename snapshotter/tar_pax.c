/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PAX records: "LEN key=value\n". The length must lead exactly to a newline, the key must not be empty, the records must fill
 * the header. Keys are found in one table; each has a function that takes the value. An empty value deletes what the key said
 * before (POSIX), so the header's own field counts again.
 */
#include "snapshotter/tar_pax.h"

#include <stdlib.h>

#include "base/mem.h"
#include "snapshotter/xattrs.h"

enum { MAX_ID = UINT32_MAX - 1 };

void tar_pax_clear(struct tar_pax *p)
{
	struct tar_pax fresh = {.path = p->path, .link = p->link, .xattrs = p->xattrs, .sparse_name = p->sparse_name, .map = p->map};
	buf_clear(&fresh.path);
	buf_clear(&fresh.link);
	buf_clear(&fresh.xattrs);
	buf_clear(&fresh.sparse_name);
	tar_sparse_clear(&fresh.map);
	*p = fresh;
}

void tar_pax_done(struct tar_pax *p)
{
	buf_done(&p->path);
	buf_done(&p->link);
	buf_done(&p->xattrs);
	buf_done(&p->sparse_name);
	tar_sparse_done(&p->map);
}

static int bad(const char *key, struct err *e)
{
	return err_set(e, ERR_CORRUPT, "tar: bad PAX record \"%s\"", key);
}

static int take_text(struct str v, struct buf *to, bool *has, const char *key, struct err *e)
{
	if (v.len && memchr(v.p, '\0', v.len))
		return bad(key, e);
	buf_clear(to);
	buf_str(to, v);
	*has = v.len > 0;
	return 0;
}

static int take_number(struct str v, uint64_t max, uint64_t *to, bool *has, const char *key, struct err *e)
{
	*has = v.len > 0;
	if (v.len && !str_u64(v, max, to))
		return bad(key, e);
	return 0;
}

/* [-]digits[.digits]; out of range becomes the nearest time. */
static int take_time(struct tar_pax *p, struct str v, struct err *e)
{
	bool negative = v.len && v.p[0] == '-';
	struct str rest = str_from(v, negative), whole;
	p->has_mtime = v.len > 0;
	if (v.len == 0)
		return 0;
	if (!str_split(&rest, '.', &whole) || whole.len == 0)
		return bad("mtime", e);
	int64_t t = 0;
	for (size_t i = 0; i < whole.len; i++) {
		if (whole.p[i] < '0' || whole.p[i] > '9')
			return bad("mtime", e);
		if (__builtin_mul_overflow(t, (int64_t)10, &t) || __builtin_add_overflow(t, (int64_t)(whole.p[i] - '0'), &t))
			t = INT64_MAX;
	}
	uint32_t nsec = 0, unit = 100000000;
	for (size_t i = 0; i < rest.len; i++, unit /= 10) {
		if (rest.p[i] < '0' || rest.p[i] > '9')
			return bad("mtime", e);
		nsec += (uint32_t)(rest.p[i] - '0') * unit;
	}
	if (t == INT64_MAX)
		nsec = 0;
	p->mtime = !negative ? t : nsec ? -t - 1 : -t;
	p->mtime_nsec = negative && nsec ? 1000000000 - nsec : nsec;
	return 0;
}

static int take_path(struct tar_pax *p, struct str v, struct err *e)
{
	return take_text(v, &p->path, &p->has_path, "path", e);
}
static int take_link(struct tar_pax *p, struct str v, struct err *e)
{
	return take_text(v, &p->link, &p->has_link, "linkpath", e);
}
static int take_size(struct tar_pax *p, struct str v, struct err *e)
{
	return take_number(v, INT64_MAX, &p->size, &p->has_size, "size", e);
}
static int take_uid(struct tar_pax *p, struct str v, struct err *e)
{
	return take_number(v, MAX_ID, &p->uid, &p->has_uid, "uid", e);
}
static int take_gid(struct tar_pax *p, struct str v, struct err *e)
{
	return take_number(v, MAX_ID, &p->gid, &p->has_gid, "gid", e);
}
static int take_major(struct tar_pax *p, struct str v, struct err *e)
{
	return take_number(v, 1, &p->major, &p->sparse, "GNU.sparse.major", e);
}
static int take_minor(struct tar_pax *p, struct str v, struct err *e)
{
	return take_number(v, 1, &p->minor, &p->sparse, "GNU.sparse.minor", e);
}
static int take_realsize(struct tar_pax *p, struct str v, struct err *e)
{
	p->sparse = true;
	return take_number(v, INT64_MAX, &p->realsize, &p->has_realsize, "GNU.sparse.realsize", e);
}
static int take_name(struct tar_pax *p, struct str v, struct err *e)
{
	bool has;
	p->sparse = true;
	return take_text(v, &p->sparse_name, &has, "GNU.sparse.name", e);
}
static int take_map(struct tar_pax *p, struct str v, struct err *e)
{
	p->sparse = true;
	return tar_sparse_parse(&p->map, v, e);
}
static int take_offset(struct tar_pax *p, struct str v, struct err *e)
{
	p->sparse = true;
	if (p->has_offset)
		return bad("GNU.sparse.offset", e);
	return take_number(v, INT64_MAX, &p->offset, &p->has_offset, "GNU.sparse.offset", e);
}
static int take_numbytes(struct tar_pax *p, struct str v, struct err *e)
{
	uint64_t n;
	bool has;
	TRY(take_number(v, INT64_MAX, &n, &has, "GNU.sparse.numbytes", e));
	if (!has || !p->has_offset)
		return bad("GNU.sparse.numbytes", e);
	p->has_offset = false;
	return tar_sparse_add(&p->map, p->offset, n, e);
}
static int take_unknown_size(struct tar_pax *p, struct str v, struct err *e)
{
	(void)p;
	(void)v;
	return err_set(e, ERR_UNSUPPORTED, "tar: sparse file of star");
}

static const struct {
	const char *key;
	int (*take)(struct tar_pax *p, struct str value, struct err *e);
} keys[] = {
	{"path", take_path}, {"linkpath", take_link}, {"size", take_size}, {"uid", take_uid}, {"gid", take_gid}, {"mtime", take_time},
	{"GNU.sparse.major", take_major}, {"GNU.sparse.minor", take_minor}, {"GNU.sparse.realsize", take_realsize},
	{"GNU.sparse.size", take_realsize}, {"GNU.sparse.name", take_name}, {"GNU.sparse.map", take_map},
	{"GNU.sparse.offset", take_offset}, {"GNU.sparse.numbytes", take_numbytes}, {"SCHILY.realsize", take_unknown_size},
};

static int take_xattr(struct tar_pax *p, struct str name, struct str value, struct err *e)
{
	if (name.len == 0 || memchr(name.p, '\0', name.len))
		return bad("SCHILY.xattr", e);
	bool ours = str_starts(name, STR("user.")) || str_eqz(name, "security.capability");
	if (ours && (name.len > 255 || value.len > 65536))
		return err_set(e, ERR_LIMIT, "tar: extended attribute larger than the kernel allows");
	cleanup_buf struct buf scratch = {0};
	if (xattrs_travels(name, &value, &scratch)) {
		xattrs_add(&p->xattrs, name, value);
		p->nxattrs++;
	}
	return 0;
}

static int take_record(struct tar_pax *p, struct str key, struct str value, struct err *e)
{
	if (str_starts(key, STR("SCHILY.xattr.")))
		return take_xattr(p, str_from(key, 13), value, e);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (str_eqz(key, keys[i].key))
			return keys[i].take(p, value, e);
	return 0;
}

/* Cuts the first record off *rest. */
static int next_record(struct str *rest, struct str *key, struct str *value, struct err *e)
{
	size_t len = 0, i = 0;
	for (; i < rest->len && i < 10 && rest->p[i] >= '0' && rest->p[i] <= '9'; i++)
		len = len * 10 + (size_t)(rest->p[i] - '0');
	if (i == 0 || i >= rest->len || rest->p[i] != ' ' || len > rest->len || len < i + 4 || rest->p[len - 1] != '\n')
		return err_set(e, ERR_CORRUPT, "tar: malformed PAX record");
	struct str body = str_sub(*rest, i + 1, len - 1);
	ptrdiff_t equals = str_find(body, '=');
	if (equals <= 0 || memchr(body.p, '\0', (size_t)equals))
		return err_set(e, ERR_CORRUPT, "tar: malformed PAX record");
	*key = str_sub(body, 0, (size_t)equals);
	*value = str_from(body, (size_t)equals + 1);
	*rest = str_from(*rest, len);
	return 0;
}

int tar_pax_parse(struct tar_pax *p, struct str bytes, struct err *e)
{
	struct str key, value;
	p->given = true;
	while (bytes.len) {
		TRY(next_record(&bytes, &key, &value, e));
		TRY(take_record(p, key, value, e));
	}
	return p->has_offset ? bad("GNU.sparse.offset", e) : 0;
}

int tar_pax_parse_global(struct str bytes, struct err *e)
{
	struct str key, value;
	while (bytes.len) {
		TRY(next_record(&bytes, &key, &value, e));
		bool changes = str_starts(key, STR("SCHILY.xattr."));
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			changes |= str_eqz(key, keys[i].key);
		if (changes)
			return err_set(e, ERR_UNSUPPORTED, "tar: global PAX header that changes entries (%.*s)", STR_ARG(key));
	}
	return 0;
}

struct named {
	struct str name, value;
};

static int by_name_then_age(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int c = str_cmp(x->name, y->name);
	return c ? c : (x->name.p < y->name.p ? -1 : 1);
}

void tar_pax_xattrs(const struct tar_pax *p, struct buf *out)
{
	cleanup_free struct named *all = mem_array(p->nxattrs ? p->nxattrs : 1, sizeof(*all));
	size_t n = 0, at = 0;
	while (n < p->nxattrs && xattrs_next(buf_view(&p->xattrs), &at, &all[n].name, &all[n].value))
		n++;
	qsort(all, n, sizeof(*all), by_name_then_age);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || !str_eq(all[i].name, all[i + 1].name))
			xattrs_add(out, all[i].name, all[i].value);
}

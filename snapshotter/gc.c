/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing: the list is cut down to what was asked for, sorted by age, and taken away one by one: rows first, in a
 * transaction, then the bytes; folders by moving them into this process' tmp folder, so that a half-removed one is
 * never seen.
 */
#include "snapshotter/gc.h"
#include "snapshotter/store_private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

enum { AUTO_EVERY = 600, AUTO_GRACE = 86400 };

static bool chosen(const struct gc_opts *o, enum gc_kind kind)
{
	switch (kind) {
	case GC_BLOB:
		return o->images;
	case GC_LAYER:
	case GC_CONTEXT:
		return o->cache;
	case GC_MOUNT:
		return o->mounts;
	default:
		return kind == GC_JUNK;
	}
}

/* Does it go however much is to be kept? */
static bool goes_anyway(const struct gc_opts *o, const struct gc_item *it)
{
	return it->kind == GC_JUNK || (it->loose && it->used <= store_now() - o->grace_sec);
}

/* Does it go when bytes have to be saved, or all is to go? */
static bool may_go(const struct gc_opts *o, const struct gc_item *it)
{
	if (o->until_sec)
		return it->used < o->until_sec;
	return o->all || o->keep_bytes;
}

int gc_oldest_first(const void *a, const void *b)
{
	const struct gc_item *x = a, *y = b;
	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* --- one thing --- */

static int forget_rows(struct store *s, const struct gc_item *it, struct err *e)
{
	if (it->kind == GC_LAYER)
		return store_forget_layer(s, &it->id, e);
	if (it->kind == GC_BLOB) {
		TRY(store_run_digest(s, "DELETE FROM used WHERE digest=?1", &it->id, e));
		return store_run_digest(s, "DELETE FROM blobs WHERE blob=?1", &it->id, e);
	}
	if (it->kind == GC_CONTEXT)
		return store_run_digest(s, "DELETE FROM used WHERE digest=?1", &it->id, e);
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "DELETE FROM mounts WHERE name=?1", &st, e));
	stmt_text(st, 1, str_of(it->name + sizeof("mounts")));
	return stmt_run(st, e);
}

/* *ret_left: it stays in tmp/, for want of rights. */
static int remove_bytes(struct store *s, const struct gc_item *it, bool *ret_left, struct err *e)
{
	int tmp;
	struct err ignored;
	cleanup_free char *name = NULL;
	if (it->kind == GC_BLOB)
		return blobs_remove(s->blobs, &it->id, e);
	if (strncmp(it->name, "tmp/", 4) == 0) {
		*ret_left = fs_remove_tree(s->fd, it->name, &ignored) < 0;
		return 0;
	}
	TRY(store_move_to_tmp(s, it->name, &name, e));
	TRY(store_tmp(s, &tmp, e));
	*ret_left = fs_remove_tree(tmp, name, &ignored) < 0;
	return 0;
}

static int remove_item(struct store *s, const struct gc_item *it, struct gc_result *ret, struct err *e)
{
	bool left = false;
	if (it->kind != GC_JUNK) {
		TRY(store_begin(s, e));
		TRY(store_end(s, forget_rows(s, it, e), e));
	}
	TRY(remove_bytes(s, it, &left, e));
	ret->left += left;
	if (!left) {
		ret->freed += it->bytes;
		ret->count[it->kind]++;
	}
	return 0;
}

/* --- rows without bytes --- */

static int forget_before(struct store *s, int64_t before, struct err *e)
{
	static const char *const sql[] = {
	    "DELETE FROM memos WHERE COALESCE((SELECT at FROM used WHERE digest=key), made) < ?1",
	    "DELETE FROM records WHERE layer IS NULL AND COALESCE((SELECT at FROM used WHERE digest=key), created) < "
	    "?1",
	    "DELETE FROM used WHERE at < ?1",
	};
	for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
		cleanup_stmt struct stmt *st = NULL;
		TRY(db_prepare(s->db, sql[i], &st, e));
		stmt_int(st, 1, before);
		TRY(stmt_run(st, e));
	}
	return 0;
}

/* Blobs that were only sent, or removed by hand, of tars that are not here and that nothing here makes. */
static int forget_lost_blobs(struct store *s, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	cleanup_buf struct buf lost = {0};
	struct digest d, tar;
	int rc;
	TRY(db_prepare(s->db,
	    "SELECT blob,diff_id FROM blobs b WHERE NOT EXISTS(SELECT 1 FROM tars t WHERE t.diff_id=b.diff_id) AND"
	    " NOT EXISTS(SELECT 1 FROM unpacked u WHERE u.diff_id=b.diff_id)",
	    &st, e));
	while ((rc = stmt_next(st, e)) > 0)
		if (stmt_get_digest(st, 0, &d) && stmt_get_digest(st, 1, &tar) && !blobs_has(s->blobs, &d, NULL) &&
		    !blobs_has(s->blobs, &tar, NULL))
			buf_add(&lost, &d, sizeof(d));
	for (size_t i = 0; rc == 0 && i < lost.len; i += sizeof(d)) {
		memcpy(&d, lost.p + i, sizeof(d));
		rc = store_run_digest(s, "DELETE FROM blobs WHERE blob=?1", &d, e);
	}
	return rc;
}

static int forget_small(struct store *s, const struct gc_opts *o, struct err *e)
{
	int64_t before = o->until_sec ? o->until_sec : o->all ? INT64_MAX : store_now() - 90 * (int64_t)86400;
	TRY(store_begin(s, e));
	int rc = forget_before(s, before, e);
	if (rc == 0)
		rc = forget_lost_blobs(s, e);
	return store_end(s, rc, e);
}

/* --- all --- */

static int let_go(
    struct store *s, const struct gc_item *it, const struct gc_opts *o, struct gc_result *ret, struct err *e)
{
	if (cancelled(o->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (o->dry) {
		ret->freed += it->bytes;
		ret->count[it->kind]++;
	} else {
		TRY(remove_item(s, it, ret, e));
	}
	if (o->removed)
		o->removed(o->arg, it);
	return 0;
}

static int remove_chosen(
    struct store *s, struct gc_list *l, const struct gc_opts *o, struct gc_result *ret, struct err *e)
{
	uint64_t total = 0; /* of what has a say in keep_bytes */
	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), gc_oldest_first);
	for (size_t i = 0; i < l->n; i++) {
		const struct gc_item *it = &l->items[i];
		if (!chosen(o, it->kind))
			continue;
		if (goes_anyway(o, it))
			TRY(let_go(s, it, o, ret, e));
		else
			total += it->bytes;
	}
	for (size_t i = 0; i < l->n && !(o->keep_bytes && total <= o->keep_bytes); i++) {
		const struct gc_item *it = &l->items[i];
		if (!chosen(o, it->kind) || goes_anyway(o, it) || !may_go(o, it))
			continue;
		total -= it->bytes;
		TRY(let_go(s, it, o, ret, e));
	}
	return 0;
}

/* Is walking the layers needless? A guess counts files that layers share for each of them, and small files for less than they take. */
static bool clearly_fits(const struct gc_list *l, const struct gc_opts *o)
{
	uint64_t total = 0;
	for (size_t i = 0; i < l->n; i++)
		total += chosen(o, l->items[i].kind) ? l->items[i].bytes : 0;
	return o->keep_bytes && total < o->keep_bytes / 2;
}

static int run_locked(
    struct store *s, const struct gc_roots *roots, const struct gc_opts *o, struct gc_result *ret, struct err *e)
{
	cleanup_gc_list struct gc_list list = {0};
	TRY(store_flush(s, e)); /* what this process used counts */
	TRY(gc_list(s, roots, &list, e));
	gc_measure(s, &list, GC_ALL_KINDS & ~(1u << GC_LAYER));
	if (!clearly_fits(&list, o))
		gc_measure(s, &list, 1u << GC_LAYER);
	TRY(remove_chosen(s, &list, o, ret, e));
	if (o->dry)
		return 0;
	if (o->cache)
		TRY(forget_small(s, o, e));
	return o->all ? db_exec(s->db, "VACUUM", e) : 0;
}

int gc_run(
    struct store *s, const struct gc_roots *roots, const struct gc_opts *opts, struct gc_result *ret, struct err *e)
{
	struct gc_result result = {0};
	struct err unlock;
	TRY(store_lock_exclusive(s, opts->wait_ms, e));
	int rc = run_locked(s, roots, opts, &result, e);
	store_lock_shared(s, &unlock);
	*ret = result;
	return rc;
}

/* When the cap was looked after last is noted like a use of this. */
static struct digest mark_of(uint64_t cap_bytes)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("gc_auto"));
	hasher_u64(&h, cap_bytes);
	return hasher_done(&h);
}

/* Was the last look long enough ago? */
static int due(struct store *s, const struct digest *mark, bool *ret, struct err *e)
{
	int64_t now = store_now();
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "SELECT at FROM used WHERE digest=?1", &st, e));
	stmt_digest(st, 1, mark);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	int64_t at = rc ? stmt_get_int(st, 0) : 0;
	*ret = at < now - AUTO_EVERY || at > now;
	return 0;
}

static int write_mark(struct store *s, const struct digest *mark, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "INSERT OR REPLACE INTO used VALUES(?1,?2)", &st, e));
	stmt_digest(st, 1, mark);
	stmt_int(st, 2, store_now());
	return stmt_run(st, e);
}

int gc_auto(struct store *s, const struct gc_roots *roots, uint64_t cap_bytes, struct gc_result *ret, struct err *e)
{
	struct gc_opts o = {.images = true,
	    .cache = true,
	    .mounts = true,
	    .keep_bytes = cap_bytes,
	    .grace_sec = AUTO_GRACE,
	    .cancel = s->cancel};
	struct digest mark = mark_of(cap_bytes);
	bool now = false;
	*ret = (struct gc_result){0};
	if (cap_bytes == 0)
		return 0;
	TRY(due(s, &mark, &now, e));
	if (!now)
		return 0;
	int rc = gc_run(s, roots, &o, ret, e);
	if (rc == -ERR_DENIED)
		return 0; /* another build runs: the next one looks */
	TRY(rc);
	TRY(store_begin(s, e));
	return store_end(s, write_mark(s, &mark, e), e);
}

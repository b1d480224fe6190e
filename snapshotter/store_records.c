/* SPDX-License-Identifier: Apache-2.0 */
/* Records (what a step gave for a key) and memos, as rows. Nothing here touches a layer's bytes. */
#include "snapshotter/store_private.h"

#define COLUMNS "key,family,layer,cid,created,created_nsec,answers,why,place"

static void read_record(struct stmt *st, struct record *ret)
{
	*ret = (struct record){.created = stmt_get_int(st, 4),
	    .created_nsec = (uint32_t)stmt_get_int(st, 5),
	    .answers = stmt_get_str(st, 6),
	    .why = stmt_get_str(st, 7)};
	stmt_get_digest(st, 0, &ret->key);
	stmt_get_digest(st, 1, &ret->family);
	stmt_get_digest(st, 2, &ret->layer);
	stmt_get_digest(st, 3, &ret->cid);
	stmt_get_digest(st, 8, &ret->place);
}

/* Rows of a statement whose parameters are these digests. */
static int each_record(
    struct store *s, const char *sql, const struct digest *const d[], int n, record_fn *fn, void *arg, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	int rc;
	TRY(db_prepare(s->db, sql, &st, e));
	for (int i = 0; i < n; i++)
		stmt_digest(st, i + 1, d[i]);
	while ((rc = stmt_next(st, e)) > 0) {
		struct record r;
		read_record(st, &r);
		if (fn(arg, &r))
			return 1;
	}
	return rc;
}

int store_find_records(struct store *s, const struct digest *key, record_fn *fn, void *arg, struct err *e)
{
	return each_record(s, "SELECT " COLUMNS " FROM records WHERE key=?1 ORDER BY n DESC", &key, 1, fn, arg, e);
}

int store_find_kin(struct store *s, const struct digest *family, record_fn *fn, void *arg, struct err *e)
{
	return each_record(
	    s, "SELECT " COLUMNS " FROM records WHERE family=?1 ORDER BY n DESC LIMIT 16", &family, 1, fn, arg, e);
}

int store_find_place(struct store *s, const struct digest *place, record_fn *fn, void *arg, struct err *e)
{
	return each_record(
	    s, "SELECT " COLUMNS " FROM records WHERE place=?1 ORDER BY n DESC LIMIT 16", &place, 1, fn, arg, e);
}

int store_find_content(
    struct store *s, const struct digest *family, const struct digest *cid, record_fn *fn, void *arg, struct err *e)
{
	const struct digest *d[] = {cid, family};
	/* Each is answered in the order of one index. Very many steps give nothing, which is one content id: "+" turns to the family. */
	int rc = each_record(s,
	    "SELECT " COLUMNS " FROM records WHERE +cid=?1 AND family=?2 AND layer IS NOT NULL ORDER BY n LIMIT 16", d, 2, fn,
	    arg, e);
	if (rc != 0)
		return rc;
	return each_record(s, "SELECT " COLUMNS " FROM records WHERE cid=?1 AND layer IS NOT NULL ORDER BY n LIMIT 16", d, 1,
	    fn, arg, e);
}

static int remove_equal(struct store *s, const struct record *r, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "DELETE FROM records WHERE key=?1 AND answers=?2", &st, e));
	stmt_digest(st, 1, &r->key);
	stmt_blob(st, 2, r->answers);
	return stmt_run(st, e);
}

static int insert_record(struct store *s, const struct record *r, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "INSERT INTO records(" COLUMNS ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", &st, e));
	stmt_digest(st, 1, &r->key);
	stmt_digest(st, 2, &r->family);
	stmt_digest(st, 3, &r->layer);
	stmt_digest(st, 4, &r->cid);
	stmt_int(st, 5, r->created);
	stmt_int(st, 6, r->created_nsec);
	stmt_blob(st, 7, r->answers);
	stmt_blob(st, 8, r->why);
	stmt_digest(st, 9, &r->place);
	return stmt_run(st, e);
}

static int add_in_transaction(struct store *s, const struct record *r, struct err *e)
{
	TRY(remove_equal(s, r, e));
	TRY(insert_record(s, r, e));
	return store_run_digest(s,
	    "DELETE FROM records WHERE key=?1 AND n NOT IN (SELECT n FROM records WHERE key=?1 ORDER BY n DESC LIMIT "
	    "32)",
	    &r->key, e);
}

int store_add_record(struct store *s, const struct record *r, struct err *e)
{
	TRY(store_begin(s, e));
	TRY(store_end(s, add_in_transaction(s, r, e), e));
	store_touch(s, &r->key);
	return 0;
}

int store_get_memo(struct store *s, const struct digest *key, struct buf *out, bool *ret_found, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "SELECT value FROM memos WHERE key=?1", &st, e));
	stmt_digest(st, 1, key);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	*ret_found = rc > 0;
	if (rc > 0) {
		buf_str(out, stmt_get_str(st, 0));
		store_touch(s, key);
	}
	return 0;
}

static int write_memo(struct store *s, const struct digest *key, struct str value, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "INSERT OR REPLACE INTO memos VALUES(?1,?2,?3)", &st, e));
	stmt_digest(st, 1, key);
	stmt_blob(st, 2, value);
	stmt_int(st, 3, store_now());
	return stmt_run(st, e);
}

int store_set_memo(struct store *s, const struct digest *key, struct str value, struct err *e)
{
	TRY(store_begin(s, e));
	return store_end(s, write_memo(s, key, value, e), e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to SQLite. Prepared statements are kept by the address of their text; a statement in use by one thread is not
 * handed to another: a second one is prepared instead.
 */
#include "base/db.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>

#include "base/mem.h"

struct stmt {
	struct db *db;
	const char *sql;
	sqlite3_stmt *s;
	bool used;
	struct stmt *next;
};

struct db {
	sqlite3 *sql;
	pthread_mutex_t lock; /* guards the list of statements */
	struct stmt *stmts;
};

static int fail(sqlite3 *sql, const char *what, struct err *e)
{
	int code = sqlite3_errcode(sql) & 0xff;
	enum err_code as = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? ERR_CORRUPT : ERR_SYS;
	int rc = err_set(e, as, "%s: %s", what, sqlite3_errmsg(sql));
	if (code == SQLITE_FULL)
		e->sys = ENOSPC;
	else if (code == SQLITE_READONLY)
		e->sys = EROFS;
	return rc;
}

int db_exec(struct db *db, const char *sql, struct err *e)
{
	if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(db->sql, "database", e);
	return 0;
}

int db_begin(struct db *db, struct err *e)
{
	return db_exec(db, "BEGIN IMMEDIATE", e);
}

int db_commit(struct db *db, struct err *e)
{
	int rc = db_exec(db, "COMMIT", e);
	if (rc < 0)
		db_rollback(db);
	return rc;
}

void db_rollback(struct db *db)
{
	struct err ignored;
	if (!sqlite3_get_autocommit(db->sql))
		db_exec(db, "ROLLBACK", &ignored);
}

static int user_version(struct db *db, int *ret, struct err *e)
{
	cleanup_stmt struct stmt *s = NULL;
	TRY(db_prepare(db, "PRAGMA user_version", &s, e));
	int rc = stmt_next(s, e);
	if (rc < 0)
		return rc;
	*ret = (int)stmt_get_int(s, 0);
	return 0;
}

static int migrate(struct db *db, const char *const *scripts, int n, struct err *e)
{
	int version = 0;
	TRY(user_version(db, &version, e));
	if (version == n)
		return 0;
	if (version > n)
		return err_set(e, ERR_UNSUPPORTED, "the store was written by a newer cooper (format %d, this one knows %d)", version, n);
	TRY(db_begin(db, e));
	int rc = user_version(db, &version, e); /* another process may have been first */
	for (int i = version; rc == 0 && i < n; i++) {
		char set[48];
		snprintf(set, sizeof(set), "PRAGMA user_version=%d", i + 1);
		rc = db_exec(db, scripts[i], e);
		if (rc == 0)
			rc = db_exec(db, set, e);
	}
	if (rc < 0) {
		db_rollback(db);
		return rc;
	}
	return db_commit(db, e);
}

int db_open(const char *path, const char *const *scripts, int n, struct db **ret, struct err *e)
{
	struct db *db = mem_new(sizeof(*db));
	pthread_mutex_init(&db->lock, NULL);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
	int rc = 0;
	if (sqlite3_open_v2(path, &db->sql, flags, NULL) != SQLITE_OK)
		rc = fail(db->sql, path, e);
	if (rc == 0) {
		sqlite3_busy_timeout(db->sql, 30000);
		rc = db_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=OFF", e);
	}
	if (rc == 0)
		rc = migrate(db, scripts, n, e);
	if (rc < 0) {
		db_close(db);
		return err_wrap(e, "%s", path);
	}
	*ret = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (struct stmt *s = db->stmts, *next; s; s = next) {
		next = s->next;
		sqlite3_finalize(s->s);
		mem_free(s);
	}
	sqlite3_close(db->sql);
	pthread_mutex_destroy(&db->lock);
	mem_free(db);
}

static struct stmt *take_cached(struct db *db, const char *sql)
{
	struct stmt *s;
	pthread_mutex_lock(&db->lock);
	for (s = db->stmts; s; s = s->next)
		if (!s->used && s->sql == sql)
			break;
	if (s)
		s->used = true;
	pthread_mutex_unlock(&db->lock);
	return s;
}

int db_prepare(struct db *db, const char *sql, struct stmt **ret, struct err *e)
{
	struct stmt *s = take_cached(db, sql);
	if (!s) {
		sqlite3_stmt *prepared = NULL;
		if (sqlite3_prepare_v3(db->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, NULL) != SQLITE_OK)
			return fail(db->sql, "database", e);
		s = mem_new(sizeof(*s));
		*s = (struct stmt){.db = db, .sql = sql, .s = prepared, .used = true};
		pthread_mutex_lock(&db->lock);
		s->next = db->stmts;
		db->stmts = s;
		pthread_mutex_unlock(&db->lock);
	}
	*ret = s;
	return 0;
}

void stmt_int(struct stmt *s, int i, int64_t v)
{
	sqlite3_bind_int64(s->s, i, v);
}

void stmt_text(struct stmt *s, int i, struct str v)
{
	sqlite3_bind_text64(s->s, i, v.p ? v.p : "", v.len, SQLITE_STATIC, SQLITE_UTF8);
}

void stmt_blob(struct stmt *s, int i, struct str v)
{
	sqlite3_bind_blob64(s->s, i, v.p ? v.p : "", v.len, SQLITE_STATIC);
}

void stmt_digest(struct stmt *s, int i, const struct digest *d)
{
	if (!d || digest_none(d))
		sqlite3_bind_null(s->s, i);
	else
		sqlite3_bind_blob(s->s, i, d->b, sizeof(d->b), SQLITE_TRANSIENT);
}

int stmt_next(struct stmt *s, struct err *e)
{
	int rc = sqlite3_step(s->s);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : fail(s->db->sql, "database", e);
}

int stmt_run(struct stmt *s, struct err *e)
{
	int rc;
	do
		rc = stmt_next(s, e);
	while (rc > 0);
	return rc;
}

int64_t stmt_get_int(struct stmt *s, int col)
{
	return sqlite3_column_int64(s->s, col);
}

struct str stmt_get_str(struct stmt *s, int col)
{
	const void *p = sqlite3_column_blob(s->s, col);
	return (struct str){p, (size_t)sqlite3_column_bytes(s->s, col)};
}

bool stmt_get_digest(struct stmt *s, int col, struct digest *ret)
{
	struct str b = stmt_get_str(s, col);
	*ret = (struct digest){0};
	if (b.len != sizeof(ret->b))
		return false;
	memcpy(ret->b, b.p, sizeof(ret->b));
	return true;
}

void stmt_done(struct stmt *s)
{
	sqlite3_reset(s->s);
	sqlite3_clear_bindings(s->s);
	pthread_mutex_lock(&s->db->lock);
	s->used = false;
	pthread_mutex_unlock(&s->db->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_DB_H
#define COOPER_DB_H

/*
 * A small face for SQLite: one file, statements with positional parameters, a transaction. Usable from several threads
 * (calls are serialised by the library) and several processes (WAL, busy timeout).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"

struct db;
struct stmt; /* a prepared statement that is being run */

/* Opens or creates; applies the scripts from PRAGMA user_version on, one transaction each. A newer file than `n` scripts:
 * ERR_UNSUPPORTED. A file that is no database: ERR_CORRUPT. */
int db_open(const char *path, const char *const *scripts, int n, struct db **ret, struct err *e);
void db_close(struct db *db);
static inline void db_cleanup(struct db **db)
{
	db_close(*db);
}
#define cleanup_db __attribute__((cleanup(db_cleanup)))

int db_exec(struct db *db, const char *sql, struct err *e);
/* Immediate transaction; not nested. */
int db_begin(struct db *db, struct err *e);
int db_commit(struct db *db, struct err *e);
void db_rollback(struct db *db);

/* Takes a statement from the db's cache of prepared ones (or prepares it). `sql` must be a string that lives as long as
 * the db, e.g. a literal. Give it back with stmt_done. Parameters count from 1. */
int db_prepare(struct db *db, const char *sql, struct stmt **ret, struct err *e);
void stmt_int(struct stmt *s, int i, int64_t v);
void stmt_text(struct stmt *s, int i, struct str v);   /* borrowed until stmt_done */
void stmt_blob(struct stmt *s, int i, struct str v);   /* borrowed until stmt_done */
void stmt_digest(struct stmt *s, int i, const struct digest *d); /* none is stored as NULL */
/* 1 for a row, 0 at the end, negative for failure. */
int stmt_next(struct stmt *s, struct err *e);
/* Runs to the end. */
int stmt_run(struct stmt *s, struct err *e);
/* Columns count from 0; slices are borrowed until the next stmt_next. */
int64_t stmt_get_int(struct stmt *s, int col);
struct str stmt_get_str(struct stmt *s, int col);
bool stmt_get_digest(struct stmt *s, int col, struct digest *ret); /* false (and none) for NULL */
void stmt_done(struct stmt *s);
static inline void stmt_cleanup(struct stmt **s)
{
	if (*s)
		stmt_done(*s);
}
#define cleanup_stmt __attribute__((cleanup(stmt_cleanup)))

#endif

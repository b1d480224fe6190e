/* SPDX-License-Identifier: Apache-2.0 */
#include "tempdir.h"

#include <pthread.h>

#include "base/db.h"
#include "base/mem.h"

static const char *const one[] = {"CREATE TABLE t(k BLOB PRIMARY KEY, v INTEGER)"};
static const char *const two[] = {"CREATE TABLE t(k BLOB PRIMARY KEY, v INTEGER)", "CREATE TABLE u(x)"};

static int64_t count(struct db *db, const char *sql)
{
	struct err e;
	cleanup_stmt struct stmt *s = NULL;
	cr_assert_eq(db_prepare(db, sql, &s, &e), 0, "%s", e.text);
	cr_assert_eq(stmt_next(s, &e), 1);
	return stmt_get_int(s, 0);
}

Test(db, values_come_back)
{
	struct err e;
	struct digest d = digest_of("x", 1), back;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_free char *path = mem_printf("%s/a.db", t.path);
	cleanup_db struct db *db = NULL;
	cr_assert_eq(db_open(path, one, 1, &db, &e), 0, "%s", e.text);
	{
		cleanup_stmt struct stmt *s = NULL;
		cr_assert_eq(db_prepare(db, "INSERT INTO t VALUES(?1,?2)", &s, &e), 0);
		stmt_digest(s, 1, &d);
		stmt_int(s, 2, INT64_MIN);
		cr_assert_eq(stmt_run(s, &e), 0);
	}
	cleanup_stmt struct stmt *s = NULL;
	cr_assert_eq(db_prepare(db, "SELECT k,v,NULL FROM t", &s, &e), 0);
	cr_assert_eq(stmt_next(s, &e), 1);
	cr_assert(stmt_get_digest(s, 0, &back));
	cr_assert(digest_eq(&d, &back));
	cr_assert_eq(stmt_get_int(s, 1), INT64_MIN);
	cr_assert(!stmt_get_digest(s, 2, &back));
	cr_assert(digest_none(&back));
	cr_assert_eq(stmt_next(s, &e), 0);
}

Test(db, scripts_are_applied_once_and_newer_files_refused)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_free char *path = mem_printf("%s/a.db", t.path);
	struct db *db;
	cr_assert_eq(db_open(path, one, 1, &db, &e), 0);
	cr_assert_eq(db_exec(db, "INSERT INTO t VALUES(x'01',5)", &e), 0);
	db_close(db);
	cr_assert_eq(db_open(path, two, 2, &db, &e), 0, "%s", e.text);
	cr_assert_eq(count(db, "SELECT v FROM t"), 5);
	cr_assert_eq(count(db, "SELECT COUNT(*) FROM u"), 0);
	db_close(db);
	cr_assert_eq(db_open(path, one, 1, &db, &e), -ERR_UNSUPPORTED);
}

Test(db, a_file_that_is_none_is_corrupt)
{
	struct err e;
	struct db *db;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_free char *path = mem_printf("%s/a.db", t.path);
	tempdir_write(
	    &t, "a.db", "this is certainly not a database file, but it is long enough to look at its header .........");
	cr_assert_eq(db_open(path, one, 1, &db, &e), -ERR_CORRUPT);
}

Test(db, rollback_undoes)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_free char *path = mem_printf("%s/a.db", t.path);
	cleanup_db struct db *db = NULL;
	cr_assert_eq(db_open(path, one, 1, &db, &e), 0);
	cr_assert_eq(db_begin(db, &e), 0);
	cr_assert_eq(db_exec(db, "INSERT INTO t VALUES(x'01',5)", &e), 0);
	db_rollback(db);
	cr_assert_eq(count(db, "SELECT COUNT(*) FROM t"), 0);
	cr_assert_eq(db_begin(db, &e), 0);
	cr_assert_eq(db_exec(db, "INSERT INTO t VALUES(x'01',5)", &e), 0);
	cr_assert_eq(db_commit(db, &e), 0);
	cr_assert_eq(count(db, "SELECT COUNT(*) FROM t"), 1);
}

static void *insert_many(void *arg)
{
	struct err e;
	for (int i = 0; i < 200; i++) {
		cleanup_stmt struct stmt *s = NULL;
		if (db_prepare(arg, "INSERT INTO t VALUES(randomblob(16),1)", &s, &e) < 0 || stmt_run(s, &e) < 0)
			return (void *)1;
	}
	return NULL;
}

Test(db, threads_and_connections_write_together)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_free char *path = mem_printf("%s/a.db", t.path);
	cleanup_db struct db *a = NULL, *b = NULL;
	pthread_t ids[4];
	cr_assert_eq(db_open(path, one, 1, &a, &e), 0);
	cr_assert_eq(db_open(path, one, 1, &b, &e), 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&ids[i], NULL, insert_many, i % 2 ? a : b);
	for (int i = 0; i < 4; i++) {
		void *bad;
		pthread_join(ids[i], &bad);
		cr_assert_null(bad);
	}
	cr_assert_eq(count(a, "SELECT COUNT(*) FROM t"), 800);
}

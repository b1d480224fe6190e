/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the store, its lock, this process' tmp folder, and what is noted in passing.
 *
 * A store that is there is opened with a lock, the database and a look whether tmp/ is empty, and nothing is written.
 * Making one goes under a lock on the folder itself, the database last: when it is there, all is there. A tmp folder
 * belongs to the process that holds a flock on it, so whoever gets that lock may remove it.
 */
#include "snapshotter/store_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "base/mem.h"

static const char *const scripts[] = {
    "CREATE TABLE layers(id BLOB PRIMARY KEY, cid BLOB NOT NULL, diff_id BLOB, size INTEGER NOT NULL, created INTEGER "
    "NOT NULL,"
    " created_nsec INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE unsynced(layer BLOB PRIMARY KEY, boot TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE unpacked(diff_id BLOB PRIMARY KEY, id BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX unpacked_id ON unpacked(id);"
    "CREATE TABLE tars(id BLOB NOT NULL, clamp INTEGER NOT NULL, diff_id BLOB NOT NULL, size INTEGER NOT NULL,"
    " PRIMARY KEY(id, clamp)) WITHOUT ROWID;"
    "CREATE INDEX tars_diff_id ON tars(diff_id);"
    "CREATE TABLE blobs(n INTEGER PRIMARY KEY, blob BLOB NOT NULL, diff_id BLOB NOT NULL, compression INTEGER NOT NULL,"
    " size INTEGER NOT NULL, UNIQUE(blob, diff_id, compression));"
    "CREATE INDEX blobs_diff_id ON blobs(diff_id);"
    "CREATE TABLE records(n INTEGER PRIMARY KEY, key BLOB NOT NULL, family BLOB NOT NULL, layer BLOB, cid BLOB,"
    " created INTEGER NOT NULL, created_nsec INTEGER NOT NULL, answers BLOB NOT NULL, why BLOB NOT NULL);"
    "CREATE INDEX records_key ON records(key);"
    "CREATE INDEX records_family ON records(family);"
    "CREATE INDEX records_layer ON records(layer);"
    "CREATE TABLE memos(key BLOB PRIMARY KEY, value BLOB NOT NULL, made INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE mounts(name TEXT PRIMARY KEY, label TEXT NOT NULL, made INTEGER NOT NULL, used INTEGER NOT NULL) "
    "WITHOUT ROWID;"
    "CREATE TABLE used(digest BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;",
    "ALTER TABLE records ADD COLUMN place BLOB;"
    "UPDATE records SET place=family;" /* families were places */
    "CREATE INDEX records_place ON records(place);"
    "CREATE INDEX records_cid ON records(cid);",
};

enum { TOUCH_AGE = 3600 };

int64_t store_now(void)
{
	return (int64_t)time(NULL);
}

int store_pause(struct store *s, int ms, struct err *e)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
	if (cancelled(s->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	nanosleep(&t, NULL);
	return 0;
}

void store_boot_id(char out[40])
{
	size_t n = 0;
	struct err ignored;
	cleanup_close int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || io_read_full(fd, out, 36, &n, &ignored) < 0)
		n = 0;
	out[n] = '\0';
}

char *store_default_path(const char *root)
{
	const char *env = getenv("COOPER_ROOT"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (root && *root)
		return mem_strdup(root);
	if (env && *env)
		return mem_strdup(env);
	if (geteuid() == 0)
		return mem_strdup("/var/lib/cooper");
	if (data && *data == '/')
		return mem_printf("%s/cooper", data);
	return mem_printf("%s/.local/share/cooper", home && *home ? home : "");
}

/* --- the lock --- */

static int lock_within(struct store *s, int how, int wait_ms, struct err *e)
{
	for (int waited = 0;; waited += 10) {
		if (flock(s->lock_fd, how | LOCK_NB) == 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_sys(e, "lock %s/lock", s->path);
		if (waited >= wait_ms)
			return err_set(e, ERR_DENIED,
			    how == LOCK_EX ? "the store %s is in use by another build" : "the store %s is being pruned",
			    s->path);
		TRY(store_pause(s, 10, e));
	}
}

int store_lock_shared(struct store *s, struct err *e)
{
	while (flock(s->lock_fd, LOCK_SH) < 0)
		if (errno != EINTR)
			return err_sys(e, "lock %s/lock", s->path);
	return 0;
}

int store_lock_exclusive(struct store *s, int wait_ms, struct err *e)
{
	int rc = lock_within(s, LOCK_EX, wait_ms, e);
	struct err ignored;
	if (rc < 0)
		store_lock_shared(s, &ignored); /* a failed change lost the one we had: flock(2) */
	return rc;
}

/* --- making and opening --- */

static int make_file(int dirfd, const char *name, struct str text, struct err *e)
{
	return fs_exists(dirfd, name) ? 0 : fs_write_atomic(dirfd, name, text, 0600, true, e);
}

static bool complete(int fd)
{
	struct stat st;
	return fstatat(fd, "cooper.db", &st, 0) == 0 && st.st_size > 0;
}

static int make_content(struct store *s, const char *db_path, struct err *e)
{
	static const char *const folders[] = {"layers", "contexts", "mounts", "tmp", "blobs/sha256"};
	cleanup_close int db = -1;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		TRY(fs_mkdirs(s->fd, folders[i], 0700, e));
	TRY(make_file(s->fd, "oci-layout", STR("{\"imageLayoutVersion\":\"1.0.0\"}"), e));
	TRY(make_file(s->fd, "index.json", STR("{\"schemaVersion\":2,\"manifests\":[]}"), e));
	db = openat(
	    s->fd, "cooper.db", O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* SQLite would make it for others to read */
	if (db < 0)
		return err_sys(e, "create %s/cooper.db", s->path);
	return db_open(db_path, scripts, ARRAY_LEN(scripts), &s->db, e);
}

static int open_database(struct store *s, struct err *e)
{
	cleanup_free char *path = mem_printf("%s/cooper.db", s->path);
	if (complete(s->fd))
		return db_open(path, scripts, ARRAY_LEN(scripts), &s->db, e);
	cleanup_close int dir = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || flock(dir, LOCK_EX) < 0) /* gone with the descriptor */
		return err_sys(e, "lock folder %s", s->path);
	return make_content(s, path, e);
}

static int absolute(const char *path, char **ret, struct err *e)
{
	if (*path == '/') {
		*ret = mem_strdup(path);
		return 0;
	}
	cleanup_free char *cwd = getcwd(NULL, 0);
	if (!cwd)
		return err_sys(e, "current folder");
	*ret = mem_printf("%s/%s", cwd, path);
	return 0;
}

static int open_all(struct store *s, int wait_ms, struct err *e)
{
	s->fd = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0 && errno == ENOENT) {
		TRY(fs_mkdirs(AT_FDCWD, s->path, 0700, e));
		s->fd = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (s->fd < 0)
		return err_sys(e, "open store %s", s->path);
	s->lock_fd = openat(s->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return err_sys(e, "open %s/lock", s->path);
	TRY(lock_within(s, LOCK_SH, wait_ms, e));
	TRY(open_database(s, e));
	TRY(blobs_open(s->fd, true, &s->blobs, e));
	TRY(store_forget_unsynced(s, e));
	store_sweep_tmp(s);
	return 0;
}

int store_open(const char *path, int wait_ms, struct store **ret, struct err *e)
{
	cleanup_store struct store *s = mem_new(sizeof(*s));
	s->fd = s->lock_fd = s->tmp_fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->writing, NULL);
	TRY(absolute(path, &s->path, e));
	TRY(open_all(s, wait_ms, e));
	*ret = steal(&s);
	return 0;
}

void store_close(struct store *s)
{
	struct err ignored;
	if (!s)
		return;
	if (s->db)
		store_flush(s, &ignored);
	if (s->tmp_name)
		fs_remove_tree(s->fd, s->tmp_name, &ignored);
	mem_cleanup_close(&s->tmp_fd);
	db_close(s->db);
	blobs_close(s->blobs);
	mem_cleanup_close(&s->lock_fd);
	mem_cleanup_close(&s->fd);
	map_done(&s->touched);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->writing);
	mem_free(s->tmp_name);
	mem_free(s->path);
	mem_free(s);
}

/* A descriptor belongs to the mount namespace that it was opened in, and the kernel takes overlay layers from the
 * caller's alone. */
static int reopen(int *fd, const char *path, struct err *e)
{
	int flags = fcntl(*fd, F_GETFL);
	cleanup_close int again = open(path, (flags & O_PATH) | O_DIRECTORY | O_CLOEXEC);
	if (again < 0 || dup3(again, *fd, O_CLOEXEC) < 0)
		return err_sys(e, "open the store's folder %s again", path);
	return 0;
}

int store_reopen(struct store *s, struct err *e)
{
	TRY(reopen(&s->fd, s->path, e));
	if (s->tmp_fd < 0)
		return 0;
	cleanup_free char *tmp = mem_printf("%s/%s", s->path, s->tmp_name);
	/* The lock belongs to the old open file: it is kept to the end of the process. */
	if (fcntl(s->tmp_fd, F_DUPFD_CLOEXEC, 3) < 0)
		return err_sys(e, "keep the lock of %s", tmp);
	return reopen(&s->tmp_fd, tmp, e);
}

/* --- scratch --- */

/* 1: made and ours; 0: a sweeper was quicker, try again. */
static int try_make_tmp(struct store *s, struct err *e)
{
	cleanup_free char *name = NULL;
	struct stat a, b;
	TRY(fs_temp_dir(s->fd, "tmp/", &name, e));
	cleanup_close int fd = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(e, "open folder %s/%s", s->path, name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	if (fstat(fd, &a) < 0 || fstatat(s->fd, name, &b, AT_SYMLINK_NOFOLLOW) < 0 || a.st_ino != b.st_ino)
		return 0;
	s->tmp_fd = steal_fd(&fd);
	s->tmp_name = steal(&name);
	return 1;
}

int store_tmp(struct store *s, int *ret_dirfd, struct err *e)
{
	int rc = 0;
	pthread_mutex_lock(&s->lock);
	while (rc == 0 && s->tmp_fd < 0)
		rc = try_make_tmp(s, e);
	pthread_mutex_unlock(&s->lock);
	if (rc < 0)
		return rc;
	*ret_dirfd = s->tmp_fd;
	return 0;
}

static void sweep_one(int tmp, const char *name)
{
	struct err ignored;
	cleanup_close int fd = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return; /* its owner lives */
	if (fd < 0 && errno != ENOTDIR && errno != ELOOP)
		return;
	if (fs_remove_tree(tmp, name, &ignored) <
	    0) { /* files of other ids: gc has the rights, do not try at every open */
		cleanup_free char *left = mem_printf(".left-%s", name);
		renameat(tmp, name, tmp, left);
	}
}

void store_sweep_tmp(struct store *s)
{
	int fd = openat(s->fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	DIR *dir = fdopendir(fd);
	struct dirent *item;
	while ((item = readdir(dir)) != NULL)
		if (item->d_name[0] != '.')
			sweep_one(fd, item->d_name);
	closedir(dir);
}

int store_move_to_tmp(struct store *s, const char *path, char **ret_name, struct err *e)
{
	int tmp;
	cleanup_free char *name = NULL;
	TRY(store_tmp(s, &tmp, e));
	TRY(fs_temp_dir(tmp, "dead-", &name, e));
	cleanup_free char *inside = mem_printf("%s/old", name);
	if (renameat(s->fd, path, tmp, inside) < 0 && errno != ENOENT)
		return err_sys(e, "move %s", path);
	*ret_name = steal(&name);
	return 0;
}

/* --- transactions --- */

int store_begin(struct store *s, struct err *e)
{
	pthread_mutex_lock(&s->writing);
	int rc = db_begin(s->db, e);
	if (rc < 0)
		pthread_mutex_unlock(&s->writing);
	return rc;
}

int store_end(struct store *s, int rc, struct err *e)
{
	if (rc < 0)
		db_rollback(s->db);
	else
		rc = db_commit(s->db, e);
	pthread_mutex_unlock(&s->writing);
	return rc;
}

int store_run_digest(struct store *s, const char *sql, const struct digest *d, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, sql, &st, e));
	stmt_digest(st, 1, d);
	return stmt_run(st, e);
}

/* --- what is noted in passing --- */

void store_touch(struct store *s, const struct digest *d)
{
	if (digest_none(d))
		return;
	pthread_mutex_lock(&s->lock);
	map_set(&s->touched, (struct str){(const char *)d->b, sizeof(d->b)}, s);
	pthread_mutex_unlock(&s->lock);
}

static int touched_long_ago(struct store *s, const struct digest *d, int64_t now, bool *ret, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "SELECT at FROM used WHERE digest=?1", &st, e));
	stmt_digest(st, 1, d);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	int64_t at = rc ? stmt_get_int(st, 0) : INT64_MIN;
	*ret = at < now - TOUCH_AGE || at > now + TOUCH_AGE;
	return 0;
}

static int write_touched(struct store *s, const struct digest *ds, size_t n, int64_t now, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_stmt struct stmt *st = NULL;
		TRY(db_prepare(s->db, "INSERT OR REPLACE INTO used VALUES(?1,?2)", &st, e));
		stmt_digest(st, 1, &ds[i]);
		stmt_int(st, 2, now);
		TRY(stmt_run(st, e));
	}
	return 0;
}

static int flush_touched(struct store *s, struct err *e)
{
	int64_t now = store_now();
	pthread_mutex_lock(&s->lock);
	cleanup_map struct map touched = s->touched;
	s->touched = (struct map){0};
	pthread_mutex_unlock(&s->lock);
	cleanup_free struct digest *old = mem_array(touched.n + 1, sizeof(*old));
	size_t n = 0;
	for (size_t i = 0; i < touched.n; i++) {
		bool stale;
		memcpy(old[n].b, touched.items[i].key.p, DIGEST_SIZE);
		TRY(touched_long_ago(s, &old[n], now, &stale, e));
		n += stale;
	}
	if (!n)
		return 0;
	TRY(store_begin(s, e));
	return store_end(s, write_touched(s, old, n, now, e), e);
}

/* The layers that are recorded but not synced now. Their bytes are in place, so that a sync from here on covers them.
 */
static int unsynced_layers(struct store *s, struct buf *out, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	struct digest d;
	int rc;
	TRY(db_prepare(s->db, "SELECT layer FROM unsynced", &st, e));
	while ((rc = stmt_next(st, e)) > 0)
		if (stmt_get_digest(st, 0, &d))
			buf_add(out, d.b, sizeof(d.b));
	return rc;
}

static int mark_synced(struct store *s, struct str ids, struct err *e)
{
	for (size_t at = 0; at < ids.len; at += DIGEST_SIZE) {
		struct digest d;
		memcpy(d.b, ids.p + at, DIGEST_SIZE);
		TRY(store_run_digest(s, "DELETE FROM unsynced WHERE layer=?1", &d, e));
	}
	return 0;
}

static int sync_layers(struct store *s, struct err *e)
{
	cleanup_buf struct buf ids = {0};
	TRY(unsynced_layers(s, &ids, e));
	if (!ids.len)
		return 0;
	cleanup_close int dir = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || syncfs(dir) < 0)
		return err_sys(e, "sync %s", s->path);
	TRY(store_begin(s, e));
	return store_end(s, mark_synced(s, buf_view(&ids), e), e);
}

int store_flush(struct store *s, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	bool unsynced = s->unsynced;
	s->unsynced = false;
	pthread_mutex_unlock(&s->lock);
	int rc = unsynced ? sync_layers(s, e) : 0;
	if (rc < 0) {
		pthread_mutex_lock(&s->lock);
		s->unsynced = true;
		pthread_mutex_unlock(&s->lock);
		return rc;
	}
	return flush_touched(s, e);
}

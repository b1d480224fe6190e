/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers in the store. A layer is made in a scratch folder and renamed to layers/<id> inside the write transaction that
 * records it, so that of two processes adding the same one the second finds the first's. A folder without a record is
 * what a killed process left between the two: its bytes cannot be relied on after a crash of the machine, so it is
 * replaced.
 */
#include "snapshotter/store_private.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

void store_layer_path(const struct digest *id, const char *tail, char out[STORE_LAYER_PATH])
{
	char hex[DIGEST_HEX + 1];
	digest_hex(id, hex);
	snprintf(out, STORE_LAYER_PATH, "layers/%s%s", hex, tail);
}

/* --- adding --- */

static int has_row(struct store *s, const struct digest *id, bool *ret, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "SELECT 1 FROM layers WHERE id=?1", &st, e));
	stmt_digest(st, 1, id);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	*ret = rc > 0;
	return 0;
}

/* False for a record whose folder somebody took away. */
static bool has_index(struct store *s, const struct digest *id)
{
	char path[STORE_LAYER_PATH];
	store_layer_path(id, "/index", path);
	return fs_exists(s->fd, path);
}

static int insert_row(struct store *s, const struct layer *l, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "INSERT INTO layers VALUES(?1,?2,?3,?4,?5,?6)", &st, e));
	stmt_digest(st, 1, &l->id);
	stmt_digest(st, 2, &l->cid);
	stmt_digest(st, 3, &l->diff_id);
	stmt_int(st, 4, (int64_t)l->size);
	stmt_int(st, 5, l->created);
	stmt_int(st, 6, l->created_nsec);
	return stmt_run(st, e);
}

static int set_diff_id(struct store *s, const struct digest *id, const struct digest *diff_id, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	if (digest_none(diff_id))
		return 0;
	TRY(db_prepare(s->db, "UPDATE layers SET diff_id=?2 WHERE id=?1", &st, e));
	stmt_digest(st, 1, id);
	stmt_digest(st, 2, diff_id);
	return stmt_run(st, e);
}

/* New bytes stand under layers/<id>: they are not on the disk yet. */
static int mark_unsynced(struct store *s, const struct digest *id, struct err *e)
{
	char boot[40];
	cleanup_stmt struct stmt *st = NULL;
	store_boot_id(boot);
	TRY(db_prepare(s->db, "INSERT OR REPLACE INTO unsynced VALUES(?1,?2)", &st, e));
	stmt_digest(st, 1, id);
	stmt_text(st, 2, str_of(boot));
	TRY(stmt_run(st, e));
	pthread_mutex_lock(&s->lock);
	s->unsynced = true;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* Moves the scratch folder to its name; what stands there without a record goes to the scratch place instead. */
static int move_layer(struct store *s, int dirfd, const char *name, const char *to, struct err *e)
{
	if (renameat(dirfd, name, s->fd, to) == 0)
		return 0;
	if (errno != EEXIST && errno != ENOTEMPTY)
		return err_sys(e, "rename %s to %s", name, to);
	if (renameat2(dirfd, name, s->fd, to, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return err_sys(e, "exchange %s and %s", name, to);
	cleanup_free char *old = NULL; /* a file system without exchange */
	TRY(store_move_to_tmp(s, to, &old, e));
	if (renameat(dirfd, name, s->fd, to) < 0)
		return err_sys(e, "rename %s to %s", name, to);
	return 0;
}

/* Gives a recorded layer the folder `from` below dirfd; one that is there already stays. */
static int move_folder(struct store *s, int dirfd, const char *from, const struct digest *id, struct err *e)
{
	char to[STORE_LAYER_PATH];
	store_layer_path(id, "/fs", to);
	if (fs_exists(s->fd, to) || !fs_exists(dirfd, from))
		return 0;
	if (renameat(dirfd, from, s->fd, to) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		return err_sys(e, "rename %s to %s", from, to);
	return mark_unsynced(s, id, e);
}

static int add_in_transaction(struct store *s, int dirfd, const char *name, const struct layer *l, struct err *e)
{
	bool recorded;
	char to[STORE_LAYER_PATH];
	TRY(has_row(s, &l->id, &recorded, e));
	if (recorded && has_index(s, &l->id)) {
		cleanup_free char *fs = mem_printf("%s/fs", name);
		TRY(move_folder(s, dirfd, fs, &l->id, e));
		return set_diff_id(s, &l->id, &l->diff_id, e);
	}
	store_layer_path(&l->id, "", to);
	TRY(move_layer(s, dirfd, name, to, e));
	TRY(mark_unsynced(s, &l->id, e));
	return recorded ? set_diff_id(s, &l->id, &l->diff_id, e) : insert_row(s, l, e);
}

int store_add_layer(struct store *s, int dirfd, const char *name, const struct layer *l, struct err *e)
{
	struct err ignored;
	assert(!digest_none(&l->id) && !digest_none(&l->cid));
	TRY(store_begin(s, e));
	TRY(store_end(s, add_in_transaction(s, dirfd, name, l, e), e));
	fs_remove_tree(dirfd, name, &ignored); /* what was not needed; the sweep gets what stays */
	store_touch(s, &l->id);
	return 0;
}

int store_add_index(struct store *s, const struct index *ix, const struct layer *l, struct err *e)
{
	int tmp;
	cleanup_free char *name = NULL;
	cleanup_close int fd = -1;
	TRY(store_tmp(s, &tmp, e));
	TRY(fs_temp_dir(tmp, "index-", &name, e));
	TRY(fs_open_dir(tmp, name, &fd, e));
	TRY(index_write(ix, fd, "index", e));
	return store_add_layer(s, tmp, name, l, e);
}

static int add_folder_in_transaction(
    struct store *s, int dirfd, const char *name, const struct digest *id, struct err *e)
{
	bool recorded;
	TRY(has_row(s, id, &recorded, e));
	if (!recorded)
		return err_set(e, ERR_NOT_FOUND, "the layer is not in the store");
	return move_folder(s, dirfd, name, id, e);
}

int store_add_folder(struct store *s, int dirfd, const char *name, const struct digest *id, struct err *e)
{
	struct err ignored;
	TRY(store_begin(s, e));
	TRY(store_end(s, add_folder_in_transaction(s, dirfd, name, id, e), e));
	fs_remove_tree(dirfd, name, &ignored);
	return 0;
}

/* --- asking --- */

int store_get_layer(struct store *s, const struct digest *id, struct layer *ret, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	char hex[DIGEST_HEX + 1];
	TRY(db_prepare(s->db, "SELECT cid,diff_id,size,created,created_nsec FROM layers WHERE id=?1", &st, e));
	stmt_digest(st, 1, id);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		digest_hex(id, hex);
		return err_set(e, ERR_NOT_FOUND, "layer %s is not in the store", hex);
	}
	struct layer l = {.id = *id,
	    .size = (uint64_t)stmt_get_int(st, 2),
	    .created = stmt_get_int(st, 3),
	    .created_nsec = (uint32_t)stmt_get_int(st, 4)};
	stmt_get_digest(st, 0, &l.cid);
	stmt_get_digest(st, 1, &l.diff_id);
	*ret = l;
	return 0;
}

int store_layer_index(struct store *s, const struct digest *id, struct index **ret, struct err *e)
{
	char path[STORE_LAYER_PATH];
	store_layer_path(id, "/index", path);
	if (index_read(s->fd, path, ret, e) < 0)
		return err_wrap(e, "layer %.12s", path + 7);
	return 0;
}

bool store_has_layer(struct store *s, const struct digest *id)
{
	struct err ignored;
	bool recorded = false;
	return has_row(s, id, &recorded, &ignored) == 0 && recorded && has_index(s, id);
}

bool store_has_folder(struct store *s, const struct digest *id)
{
	char path[STORE_LAYER_PATH];
	store_layer_path(id, "/fs", path);
	return fs_exists(s->fd, path);
}

int store_layer_folder(struct store *s, const struct digest *id, int *ret_fd, struct err *e)
{
	char path[STORE_LAYER_PATH];
	store_layer_path(id, "/fs", path);
	int fd = openat(s->fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "layer %.12s has no folder", path + 7);
	if (fd < 0)
		return err_sys(e, "open %s/%s", s->path, path);
	*ret_fd = fd;
	return 0;
}

int store_find_unpacked(struct store *s, const struct digest *diff_id, struct digest *ret_id, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "SELECT u.id FROM unpacked u JOIN layers l ON l.id=u.id WHERE u.diff_id=?1", &st, e));
	stmt_digest(st, 1, diff_id);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "the layer was not unpacked yet");
	stmt_get_digest(st, 0, ret_id);
	return 0;
}

static int write_unpacked(struct store *s, const struct digest *diff_id, const struct digest *id, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "INSERT OR REPLACE INTO unpacked VALUES(?1,?2)", &st, e));
	stmt_digest(st, 1, diff_id);
	stmt_digest(st, 2, id);
	return stmt_run(st, e);
}

int store_set_unpacked(struct store *s, const struct digest *diff_id, const struct digest *id, struct err *e)
{
	TRY(store_begin(s, e));
	return store_end(s, write_unpacked(s, diff_id, id, e), e);
}

/* --- tars and blobs --- */

int store_get_tar(struct store *s, const struct digest *id, int64_t clamp, bool *ret_found, struct digest *ret_diff_id,
    uint64_t *ret_size, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "SELECT diff_id,size FROM tars WHERE id=?1 AND clamp=?2", &st, e));
	stmt_digest(st, 1, id);
	stmt_int(st, 2, clamp);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	*ret_found = rc > 0;
	if (rc > 0) {
		stmt_get_digest(st, 0, ret_diff_id);
		store_touch(s, ret_diff_id);
		if (ret_size)
			*ret_size = (uint64_t)stmt_get_int(st, 1);
	}
	return 0;
}

static int write_tar(
    struct store *s, const struct digest *id, int64_t clamp, const struct digest *diff_id, uint64_t size, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "INSERT OR REPLACE INTO tars VALUES(?1,?2,?3,?4)", &st, e));
	stmt_digest(st, 1, id);
	stmt_int(st, 2, clamp);
	stmt_digest(st, 3, diff_id);
	stmt_int(st, 4, (int64_t)size);
	TRY(stmt_run(st, e));
	return clamp == INT64_MAX ? set_diff_id(s, id, diff_id, e) : 0;
}

int store_set_tar(
    struct store *s, const struct digest *id, int64_t clamp, const struct digest *diff_id, uint64_t size, struct err *e)
{
	TRY(store_begin(s, e));
	return store_end(s, write_tar(s, id, clamp, diff_id, size, e), e);
}

int store_size_of_tar(struct store *s, const struct digest *diff_id, bool *ret_found, uint64_t *ret_size, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db,
	    "SELECT l.size FROM unpacked u JOIN layers l ON l.id=u.id WHERE u.diff_id=?1 UNION ALL"
	    " SELECT l.size FROM tars t JOIN layers l ON l.id=t.id WHERE t.diff_id=?1 LIMIT 1",
	    &st, e));
	stmt_digest(st, 1, diff_id);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	*ret_found = rc > 0;
	if (rc > 0)
		*ret_size = (uint64_t)stmt_get_int(st, 0);
	return 0;
}

int store_get_blob(struct store *s, const struct digest *diff_id, enum compression c, bool *ret_found,
    struct digest *ret_blob, uint64_t *ret_size, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(
	    s->db, "SELECT blob,size FROM blobs WHERE diff_id=?1 AND compression=?2 ORDER BY n DESC LIMIT 1", &st, e));
	stmt_digest(st, 1, diff_id);
	stmt_int(st, 2, c);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	*ret_found = rc > 0;
	if (rc > 0) {
		stmt_get_digest(st, 0, ret_blob);
		store_touch(s, ret_blob);
		if (ret_size)
			*ret_size = (uint64_t)stmt_get_int(st, 1);
	}
	return 0;
}

int store_find_tar_of(struct store *s, const struct digest *blob, bool *ret_found, struct digest *ret_diff_id, enum compression *ret,
    struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "SELECT diff_id,compression FROM blobs WHERE blob=?1 ORDER BY n DESC LIMIT 1", &st, e));
	stmt_digest(st, 1, blob);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	*ret_found = rc > 0 && stmt_get_digest(st, 0, ret_diff_id);
	*ret = (enum compression)stmt_get_int(st, 1);
	return 0;
}

static int write_blob(struct store *s, const struct digest *diff_id, enum compression c, const struct digest *blob,
    uint64_t size, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(
	    s->db, "INSERT OR REPLACE INTO blobs(blob,diff_id,compression,size) VALUES(?1,?2,?3,?4)", &st, e));
	stmt_digest(st, 1, blob);
	stmt_digest(st, 2, diff_id);
	stmt_int(st, 3, c);
	stmt_int(st, 4, (int64_t)size);
	return stmt_run(st, e);
}

int store_set_blob(struct store *s, const struct digest *diff_id, enum compression c, const struct digest *blob,
    uint64_t size, struct err *e)
{
	TRY(store_begin(s, e));
	return store_end(s, write_blob(s, diff_id, c, blob, size, e), e);
}

/* --- forgetting --- */

int store_forget_layer(struct store *s, const struct digest *id, struct err *e)
{
	TRY(store_run_digest(s, "DELETE FROM records WHERE layer=?1", id, e));
	TRY(store_run_digest(s, "DELETE FROM unpacked WHERE id=?1", id, e));
	TRY(store_run_digest(s, "DELETE FROM tars WHERE id=?1", id, e));
	TRY(store_run_digest(s, "DELETE FROM unsynced WHERE layer=?1", id, e));
	TRY(store_run_digest(s, "DELETE FROM used WHERE digest=?1", id, e));
	return store_run_digest(s, "DELETE FROM layers WHERE id=?1", id, e);
}

/* The layers marked by another boot than this one. */
static int list_unsynced(struct store *s, struct buf *out, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	char boot[40] = "";
	bool asked = false;
	int rc;
	TRY(db_prepare(s->db, "SELECT layer,boot FROM unsynced", &st, e));
	while ((rc = stmt_next(st, e)) > 0) {
		struct digest d;
		if (!asked)
			store_boot_id(boot);
		asked = true;
		if (!str_eqz(stmt_get_str(st, 1), boot) && stmt_get_digest(st, 0, &d))
			buf_add(out, d.b, sizeof(d.b));
	}
	return rc;
}

static int forget_list(struct store *s, struct str ids, struct err *e)
{
	for (size_t at = 0; at < ids.len; at += DIGEST_SIZE) {
		struct digest d;
		char path[STORE_LAYER_PATH];
		cleanup_free char *name = NULL;
		memcpy(d.b, ids.p + at, DIGEST_SIZE);
		store_layer_path(&d, "", path);
		TRY(store_forget_layer(s, &d, e));
		TRY(store_move_to_tmp(s, path, &name, e));
	}
	return 0;
}

int store_forget_unsynced(struct store *s, struct err *e)
{
	cleanup_buf struct buf ids = {0};
	TRY(list_unsynced(s, &ids, e));
	if (!ids.len)
		return 0;
	TRY(store_begin(s, e));
	buf_clear(&ids);
	int rc = list_unsynced(s, &ids, e); /* again: another process may have been first */
	if (rc == 0)
		rc = forget_list(s, buf_view(&ids), e);
	return store_end(s, rc, e);
}

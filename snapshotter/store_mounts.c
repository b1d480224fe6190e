/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN --mount=type=cache folders: mounts/<hex>[-n]/ holds `data` (what is mounted) and `lock` (a flock, shared or
 * exclusive), which has a byte in it once the first user has filled the folder. The lock is beside the data because a
 * step may make the data folder its own.
 */
#include "snapshotter/store_private.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

enum { PRIVATE_MAX = 1000, WAIT_STEP_MS = 25 };

/* Who waits: the step's own flag is set when another step of the build has failed. */
struct waiting {
	struct store *s;
	const struct cancel *cancel;
};

static int pause_a_little(const struct waiting *w, struct err *e)
{
	if (cancelled(w->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	return store_pause(w->s, WAIT_STEP_MS, e);
}

/* Takes the lock; with `wait` until it is free. 1 taken, 0 in use. */
static int take(const struct waiting *w, int fd, int how, bool wait, struct err *e)
{
	while (flock(fd, how | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_sys(e, "lock cache mount");
		if (!wait)
			return 0;
		TRY(pause_a_little(w, e));
	}
	return 1;
}

static int open_lock(int dir, int *ret, struct err *e)
{
	int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "open lock of cache mount");
	*ret = fd;
	return 0;
}

static bool is_fresh(int lock_fd)
{
	struct stat st;
	return fstat(lock_fd, &st) == 0 && st.st_size == 0;
}

/*
 * Shared, when the folder may be new: exclusive while it is. Nobody waits for an exclusive lock here: who fills the folder keeps a
 * shared one for the whole of its step afterwards. 1 taken.
 */
static int take_shared(const struct waiting *w, int fd, struct err *e)
{
	for (;;) {
		TRY(take(w, fd, LOCK_SH, true, e));
		if (!is_fresh(fd))
			return 1;
		flock(fd, LOCK_UN); /* two that hold it shared could never both get more */
		int rc = take(w, fd, LOCK_EX, false, e);
		if (rc < 0 || (rc > 0 && is_fresh(fd)))
			return rc;
		if (rc == 0)
			TRY(pause_a_little(w, e));
	}
}

/* Opens the lock of a cache folder and takes it as `sharing` says. 1 taken, 0 in use (private only). */
static int lock_mount(const struct waiting *w, int dir, enum mount_sharing sharing, int *ret_lock, struct err *e)
{
	cleanup_close int fd = -1;
	TRY(open_lock(dir, &fd, e));
	int rc = sharing == SHARING_SHARED ? take_shared(w, fd, e) : take(w, fd, LOCK_EX, sharing == SHARING_LOCKED, e);
	if (rc > 0)
		*ret_lock = steal_fd(&fd);
	return rc;
}

static int note_used(struct store *s, const char *name, const char *label, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(
	    s->db, "INSERT INTO mounts VALUES(?1,?2,?3,?3) ON CONFLICT(name) DO UPDATE SET label=?2, used=?3", &st, e));
	stmt_text(st, 1, str_of(name));
	stmt_text(st, 2, str_of(label ? label : ""));
	stmt_int(st, 3, store_now());
	return stmt_run(st, e);
}

static int record_use(struct store *s, const char *name, const char *label, struct err *e)
{
	TRY(store_begin(s, e));
	return store_end(s, note_used(s, name, label, e), e);
}

/* One candidate. 1 opened, 0 in use. */
static int try_mount(const struct waiting *w, const char *name, const char *label, enum mount_sharing sharing,
    int *ret_dirfd, int *ret_lock_fd, bool *ret_fresh, struct err *e)
{
	cleanup_close int dir = -1, lock = -1, data = -1;
	struct store *s = w->s;
	cleanup_free char *path = mem_printf("mounts/%s", name);
	TRY(fs_mkdirs(s->fd, path, 0700, e));
	TRY(fs_open_dir(s->fd, path, &dir, e));
	int rc = lock_mount(w, dir, sharing, &lock, e);
	if (rc <= 0)
		return rc;
	bool fresh = is_fresh(lock);
	TRY(fs_mkdirs(dir, "data", 0755, e));
	TRY(fs_open_dir(dir, "data", &data, e));
	TRY(record_use(s, name, label, e));
	*ret_dirfd = steal_fd(&data);
	*ret_lock_fd = steal_fd(&lock);
	*ret_fresh = fresh;
	return 1;
}

int store_cache_mount(struct store *s, const struct digest *identity, const char *label, enum mount_sharing sharing,
    const struct cancel *cancel, int *ret_dirfd, int *ret_lock_fd, bool *ret_fresh, struct err *e)
{
	const struct waiting w = {.s = s, .cancel = cancel};
	char hex[DIGEST_HEX + 1];
	digest_hex(identity, hex);
	for (int i = 0; i < PRIVATE_MAX; i++) {
		cleanup_free char *name = i ? mem_printf("%s-%d", hex, i) : mem_strdup(hex);
		int rc = try_mount(&w, name, label, sharing, ret_dirfd, ret_lock_fd, ret_fresh, e);
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
	return err_set(e, ERR_LIMIT, "more than %d users of one private cache mount", PRIVATE_MAX);
}

int store_cache_mount_ready(struct store *s, int lock_fd, enum mount_sharing sharing, struct err *e)
{
	if (pwrite(lock_fd, "1", 1, 0) != 1)
		return err_sys(e, "write lock of cache mount");
	if (sharing != SHARING_SHARED)
		return 0;
	const struct waiting w = {.s = s};
	int rc = take(&w, lock_fd, LOCK_SH, true, e);
	return rc < 0 ? rc : 0;
}

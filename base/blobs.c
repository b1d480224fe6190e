/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content-addressed files. A blob is written into a file without a name (O_TMPFILE), hashed on the way, and linked to
 * its name when it is whole: a killed process leaves nothing behind. Where a file system has no nameless files, a dot
 * file beside the algorithm folders is used and renamed. The folder's own mode says how private its blobs are.
 */
#include "base/blobs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

#define BLOB_FOLDER "blobs/sha256"
enum { PATH_LEN = sizeof(BLOB_FOLDER "/") + DIGEST_HEX, WRITER_BUFFER = 256 * 1024, PUSH = 8 * 1024 * 1024 };

struct blobs {
	int dirfd;
	bool sync;
	mode_t file_mode, dir_mode;
	atomic_bool made; /* the folders are known to be there */
};

struct blob_writer {
	struct sink sink, unhashed;
	struct blobs *blobs;
	int fd;
	char *temp; /* name below blobs->dirfd; NULL for a nameless file */
	struct hasher hasher;
	uint64_t bytes;           /* through the sink */
	uint64_t written, pushed; /* to the file; to the disk already, more or less */
	char *buffer;             /* small writes gather here */
	size_t buffered;
};

static void blob_path(const struct digest *d, char out[PATH_LEN])
{
	memcpy(out, BLOB_FOLDER "/", sizeof(BLOB_FOLDER "/") - 1);
	digest_hex(d, out + sizeof(BLOB_FOLDER "/") - 1);
}

int blobs_open(int dirfd, bool sync, struct blobs **ret, struct err *e)
{
	struct stat st;
	cleanup_close int fd = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "open folder of blobs");
	struct blobs *b = mem_new(sizeof(*b));
	b->dirfd = steal_fd(&fd);
	b->sync = sync;
	b->dir_mode = st.st_mode & 077 ? 0755 : 0700;
	b->file_mode = st.st_mode & 077 ? 0644 : 0600;
	*ret = b;
	return 0;
}

void blobs_close(struct blobs *b)
{
	if (!b)
		return;
	close(b->dirfd);
	mem_free(b);
}

bool blobs_has(struct blobs *b, const struct digest *d, uint64_t *ret_size)
{
	char path[PATH_LEN];
	struct stat st;
	blob_path(d, path);
	if (fstatat(b->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return true;
}

int blobs_get(struct blobs *b, const struct digest *d, int *ret_fd, uint64_t *ret_size, struct err *e)
{
	char path[PATH_LEN];
	struct stat st;
	blob_path(d, path);
	cleanup_close int fd = openat(b->dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "blob sha256:%s is not here", path + sizeof(BLOB_FOLDER));
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "open blob sha256:%s", path + sizeof(BLOB_FOLDER));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CORRUPT, "blob sha256:%s is no regular file", path + sizeof(BLOB_FOLDER));
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int blobs_read(struct blobs *b, const struct digest *d, size_t limit, struct buf *out, struct err *e)
{
	cleanup_close int fd = -1;
	char text[DIGEST_TEXT + 1];
	size_t before = out->len;
	digest_text(d, text);
	TRY(blobs_get(b, d, &fd, NULL, e));
	cleanup_buf struct buf bytes = {0};
	if (io_read_fd(fd, limit, &bytes, e) < 0)
		return err_wrap(e, "blob %s", text);
	struct digest is = digest_of(bytes.p, bytes.len);
	if (!digest_eq(&is, d))
		return err_set(e, ERR_CORRUPT, "blob %s: its bytes have another digest", text);
	if (before == 0 && !out->p)
		*out = (struct buf){steal(&bytes.p), bytes.len, bytes.cap};
	else
		buf_add(out, bytes.p, bytes.len);
	return 0;
}

int blobs_remove(struct blobs *b, const struct digest *d, struct err *e)
{
	char path[PATH_LEN];
	blob_path(d, path);
	if (unlinkat(b->dirfd, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove blob sha256:%s", path + sizeof(BLOB_FOLDER));
	return 0;
}

int blobs_each(struct blobs *b,
    int (*fn)(void *arg, const struct digest *d, uint64_t size, int64_t mtime, struct err *e), void *arg, struct err *e)
{
	int fd = openat(b->dirfd, BLOB_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "open folder " BLOB_FOLDER);
	DIR *dir = fdopendir(fd);
	struct dirent *item;
	int rc = 0;
	while (rc == 0 && (item = readdir(dir)) != NULL) {
		struct digest d;
		struct stat st;
		if (digest_from_hex(str_of(item->d_name), &d) &&
		    fstatat(fd, item->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			rc = fn(arg, &d, (uint64_t)st.st_size, (int64_t)st.st_mtime, e);
	}
	closedir(dir);
	return rc < 0 ? rc : 0;
}

/* --- writing --- */

static int make_folders(struct blobs *b, struct err *e)
{
	if (atomic_load(&b->made))
		return 0;
	TRY(fs_mkdirs(b->dirfd, BLOB_FOLDER, b->dir_mode, e));
	atomic_store(&b->made, true);
	return 0;
}

static int open_temp(struct blobs *b, char **ret_name, int *ret_fd, struct err *e)
{
	int fd = openat(b->dirfd, BLOB_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, b->file_mode);
	if (fd < 0) {
		TRY(fs_temp_file(b->dirfd, "blobs/.tmp-", ret_name, &fd, e));
		if (fchmod(fd, b->file_mode) < 0) {
			int rc = err_sys(e, "chmod %s", *ret_name);
			unlinkat(b->dirfd, *ret_name, 0);
			close(fd);
			mem_free(steal(ret_name));
			return rc;
		}
	}
	*ret_fd = fd;
	return 0;
}

static int write_out(struct blob_writer *w, const void *p, size_t len, struct err *e)
{
	if (io_write_all(w->fd, p, len, e) < 0)
		return err_wrap(e, "blob");
	w->written += len;
	if (w->written - w->pushed >= PUSH) { /* write-back begins now, so that the fsync at the end waits less */
		(void)sync_file_range(w->fd, (off_t)w->pushed, (off_t)(w->written - w->pushed), SYNC_FILE_RANGE_WRITE);
		w->pushed = w->written;
	}
	return 0;
}

static int flush_buffer(struct blob_writer *w, struct err *e)
{
	size_t n = w->buffered;
	w->buffered = 0;
	return n ? write_out(w, w->buffer, n, e) : 0;
}

static int gather(struct blob_writer *w, const void *p, size_t len, struct err *e)
{
	w->bytes += len;
	if (len > WRITER_BUFFER - w->buffered)
		TRY(flush_buffer(w, e));
	if (len >= WRITER_BUFFER)
		return write_out(w, p, len, e);
	if (!w->buffer)
		w->buffer = mem_grow(NULL, WRITER_BUFFER, 1);
	memcpy(w->buffer + w->buffered, p, len);
	w->buffered += len;
	return 0;
}

static int writer_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct blob_writer *w = (struct blob_writer *)s;
	hasher_add(&w->hasher, p, len);
	return gather(w, p, len, e);
}

static int unhashed_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	return gather((struct blob_writer *)((char *)s - offsetof(struct blob_writer, unhashed)), p, len, e);
}

int blobs_writer(struct blobs *b, struct blob_writer **ret, struct err *e)
{
	char *temp = NULL;
	int fd = -1;
	TRY(make_folders(b, e));
	TRY(open_temp(b, &temp, &fd, e));
	struct blob_writer *w = mem_new(sizeof(*w));
	*w = (struct blob_writer){.sink.write = writer_write, .unhashed.write = unhashed_write, .blobs = b, .fd = fd, .temp = temp};
	hasher_init(&w->hasher);
	*ret = w;
	return 0;
}

struct sink *blob_writer_sink(struct blob_writer *w)
{
	return &w->sink;
}

struct sink *blob_writer_sink_unhashed(struct blob_writer *w)
{
	return &w->unhashed;
}

int blob_writer_fd(struct blob_writer *w)
{
	return w->fd;
}

/* Gives a nameless file a name; EEXIST is left to the caller in errno. */
static int link_nameless(struct blob_writer *w, const char *name)
{
	char self[32];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", w->fd);
	if (linkat(AT_FDCWD, self, w->blobs->dirfd, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno == EEXIST)
		return -1;
	return linkat(w->fd, "", w->blobs->dirfd, name, AT_EMPTY_PATH); /* no /proc here */
}

/* Puts the file in the place of one that cannot be what its name says. */
static int replace(struct blob_writer *w, const char *path, struct err *e)
{
	struct blobs *b = w->blobs;
	if (!w->temp) {
		cleanup_free char *name = mem_printf("blobs/.tmp-%d-%d", (int)getpid(), w->fd);
		unlinkat(b->dirfd, name, 0);
		if (link_nameless(w, name) < 0)
			return err_sys(e, "link %s", name);
		w->temp = steal(&name);
	}
	if (renameat(b->dirfd, w->temp, b->dirfd, path) < 0)
		return err_sys(e, "rename %s", path);
	mem_free(steal(&w->temp));
	return 0;
}

static int sync_folder(struct blobs *b, struct err *e)
{
	cleanup_close int fd = openat(b->dirfd, BLOB_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, "fsync " BLOB_FOLDER);
	return 0;
}

int blob_writer_commit_hashed(struct blob_writer *w, const struct digest *d, struct err *e)
{
	char path[PATH_LEN];
	struct blobs *b = w->blobs;
	struct stat st;
	uint64_t there;
	blob_path(d, path);
	TRY(flush_buffer(w, e));
	if (fstat(w->fd, &st) < 0)
		return err_sys(e, "stat blob");
	if (blobs_has(b, d, &there) && there == (uint64_t)st.st_size)
		return 0; /* somebody was first */
	if (b->sync && fsync(w->fd) < 0)
		return err_sys(e, "fsync blob");
	if (w->temp || link_nameless(w, path) < 0) {
		if (!w->temp && errno != EEXIST)
			return err_sys(e, "link %s", path);
		TRY(replace(w, path, e));
	}
	return b->sync ? sync_folder(b, e) : 0;
}

int blob_writer_commit(struct blob_writer *w, const struct digest *expected, uint64_t expected_size, struct digest *ret,
    uint64_t *ret_size, struct err *e)
{
	struct hasher copy = w->hasher;
	struct digest d = hasher_done(&copy);
	char is[DIGEST_TEXT + 1], should[DIGEST_TEXT + 1];
	if (expected_size != UINT64_MAX && w->bytes != expected_size)
		return err_set(e, ERR_CORRUPT, "blob has %llu bytes, not %llu", (unsigned long long)w->bytes,
		    (unsigned long long)expected_size);
	if (expected && !digest_eq(&d, expected)) {
		digest_text(&d, is);
		digest_text(expected, should);
		return err_set(e, ERR_CORRUPT, "blob has digest %s, not %s", is, should);
	}
	TRY(blob_writer_commit_hashed(w, &d, e));
	if (ret)
		*ret = d;
	if (ret_size)
		*ret_size = w->bytes;
	return 0;
}

void blob_writer_free(struct blob_writer *w)
{
	if (!w)
		return;
	if (w->temp)
		unlinkat(w->blobs->dirfd, w->temp, 0);
	close(w->fd);
	mem_free(w->temp);
	mem_free(w->buffer);
	mem_free(w);
}

static void writer_cleanup(struct blob_writer **w)
{
	blob_writer_free(*w);
}

int blobs_put(struct blobs *b, struct str bytes, struct digest *ret, struct err *e)
{
	struct digest d = digest_of(bytes.p, bytes.len);
	uint64_t there;
	if (!blobs_has(b, &d, &there) || there != bytes.len) {
		cleanup_with(writer_cleanup) struct blob_writer *w = NULL;
		TRY(blobs_writer(b, &w, e));
		TRY(write_out(w, bytes.p, bytes.len, e));
		TRY(blob_writer_commit_hashed(w, &d, e));
	}
	if (ret)
		*ret = d;
	return 0;
}

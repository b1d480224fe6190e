/* SPDX-License-Identifier: Apache-2.0 */
/* The *at helpers. Nothing here resolves a path inside an image: that is snapshotter/rootpath. */
#include "base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

int fs_mkdirs(int dirfd, const char *path, mode_t mode, struct err *e)
{
	cleanup_free char *p = mem_strdup(path);
	for (char *q = p + (*p == '/');; q++) {
		if (*q && *q != '/')
			continue;
		char c = *q;
		*q = '\0';
		if (*p && mkdirat(dirfd, p, mode) < 0 && errno != EEXIST) {
			struct stat st;
			int saved = errno; /* a read-only parent that exists answers EROFS or EACCES */
			if (fstatat(dirfd, p, &st, 0) < 0 || !S_ISDIR(st.st_mode)) {
				errno = saved;
				return err_sys(e, "create folder %s", path);
			}
		}
		*q = c;
		if (!c)
			return 0;
	}
}

int fs_open_dir(int dirfd, const char *path, int *ret_fd, struct err *e)
{
	int fd = openat(dirfd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open folder %s", path);
	*ret_fd = fd;
	return 0;
}

/*
 * Removing holds a descriptor a level. A tree that is deeper than that is brought up piece by piece: what lies too deep is
 * moved into the top folder, which is read again until nothing is left.
 */
enum { REMOVE_DEPTH = 200 };
struct removal {
	int top;        /* the folder that is removed */
	unsigned depth; /* of the folder at hand; 0: nothing is open yet */
	unsigned moved; /* pieces that were brought up */
};

static int remove_entry(struct removal *r, int dirfd, const char *name, struct err *e);

static int open_to_remove(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

static int remove_content(struct removal *r, int dirfd, const char *name, struct err *e)
{
	int fd = open_to_remove(dirfd, name);
	if (fd < 0)
		return err_sys(e, "remove %s", name);
	if (r->depth++ == 0)
		r->top = fd;
	DIR *dir = fdopendir(fd);
	int rc = 0;
	struct dirent *d;
	while (rc == 0 && (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		rc = remove_entry(r, fd, d->d_name, e);
		if (rc < 0 && e->sys == EACCES && fchmod(fd, 0700) == 0)
			rc = remove_entry(r, fd, d->d_name, e);
	}
	r->depth--;
	closedir(dir);
	return rc;
}

static int bring_up(struct removal *r, int dirfd, const char *name, struct err *e)
{
	for (;;) {
		char to[32];
		snprintf(to, sizeof(to), "deep-%u", r->moved++);
		if (renameat2(dirfd, name, r->top, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return err_sys(e, "remove %s", name);
	}
}

static int remove_entry(struct removal *r, int dirfd, const char *name, struct err *e)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(e, "remove %s", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES)
		return err_sys(e, "remove %s", name);
	if (r->depth >= REMOVE_DEPTH)
		return bring_up(r, dirfd, name, e);
	for (;;) {
		unsigned before = r->moved;
		TRY(remove_content(r, dirfd, name, e));
		if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
			return 0;
		if (r->depth || r->moved == before)
			return err_sys(e, "remove %s", name);
	}
}

int fs_remove_tree(int dirfd, const char *name, struct err *e)
{
	struct removal r = {.top = -1};
	return remove_entry(&r, dirfd, name, e);
}

static void random_suffix(char out[7])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char b[6] = {0};
	if (getrandom(b, sizeof(b), 0) < 0)
		b[0] = (unsigned char)getpid();
	for (int i = 0; i < 6; i++)
		out[i] = letters[b[i] % 36];
	out[6] = '\0';
}

/* "a.tar." is on its way to "a.tar", which is the name that the user knows. */
static int cannot_create(const char *prefix, struct err *e)
{
	struct str name = str_of(prefix);
	bool meant = name.len > 1 && name.p[name.len - 1] == '.';
	return err_sys(e, "create %.*s%s", (int)(meant ? name.len - 1 : name.len), name.p, meant ? "" : "XXXXXX");
}

int fs_temp_file(int dirfd, const char *prefix, char **ret_name, int *ret_fd, struct err *e)
{
	for (int i = 0; i < 100; i++) {
		char suffix[7];
		random_suffix(suffix);
		cleanup_free char *name = mem_printf("%s%s", prefix, suffix);
		int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0) {
			*ret_fd = fd;
			*ret_name = steal(&name);
			return 0;
		}
		if (errno != EEXIST)
			return cannot_create(prefix, e);
	}
	errno = EEXIST;
	return cannot_create(prefix, e);
}

int fs_temp_dir(int dirfd, const char *prefix, char **ret_name, struct err *e)
{
	for (int i = 0; i < 100; i++) {
		char suffix[7];
		random_suffix(suffix);
		cleanup_free char *name = mem_printf("%s%s", prefix, suffix);
		if (mkdirat(dirfd, name, 0700) == 0) {
			*ret_name = steal(&name);
			return 0;
		}
		if (errno != EEXIST)
			return err_sys(e, "create folder %s", name);
	}
	errno = EEXIST;
	return err_sys(e, "create folder %sXXXXXX", prefix);
}

int fs_write_atomic(int dirfd, const char *name, struct str bytes, mode_t mode, bool sync, struct err *e)
{
	cleanup_free char *prefix = mem_printf("%s.", name);
	cleanup_free char *temp = NULL;
	cleanup_close int fd = -1;
	TRY(fs_temp_file(dirfd, prefix, &temp, &fd, e));
	int rc = io_write_all(fd, bytes.p, bytes.len, e);
	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = err_sys(e, "chmod %s", temp);
	if (rc == 0 && sync && fsync(fd) < 0)
		rc = err_sys(e, "fsync %s", temp);
	if (rc == 0 && renameat(dirfd, temp, dirfd, name) < 0)
		rc = err_sys(e, "rename %s", name);
	if (rc < 0) {
		unlinkat(dirfd, temp, 0);
		return err_wrap(e, "write %s", name);
	}
	return 0;
}

bool fs_exists(int dirfd, const char *path)
{
	struct stat st;
	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

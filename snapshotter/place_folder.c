/* SPDX-License-Identifier: Apache-2.0 */
/* A plain recursive copy by descriptors, for folders that belong to one step alone: seeds of cache mounts, failed steps. */
#include "snapshotter/place_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "base/mem.h"

enum { DEPTH_MAX = 1024 };

static int copy_file(int from_dir, int to_dir, const char *name, struct err *e)
{
	cleanup_close int in = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (in < 0)
		return err_sys(e, "open %s", name);
	cleanup_close int out = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return err_sys(e, "create %s", name);
	ssize_t n;
	while ((n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0)) > 0)
		;
	if (n == 0)
		return 0;
	struct sink_fd sink;
	sink_fd_init(&sink, out);
	return io_copy(in, &sink.sink, NULL, e);
}

static int copy_symlink(int from_dir, int to_dir, const char *name, struct err *e)
{
	char target[4097];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);
	if (n < 0)
		return err_sys(e, "read the link %s", name);
	target[n] = '\0';
	return symlinkat(target, to_dir, name) < 0 ? err_sys(e, "create the link %s", name) : 0;
}

static int set_metadata(int to_dir, const char *name, const struct stat *st, bool owners, struct err *e)
{
	if (owners && fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "chown %s", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
		return err_sys(e, "chmod %s", name);
	struct timespec times[2] = {st->st_mtim, st->st_mtim};
	if (utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "set the time of %s", name);
	return 0;
}

static int copy_level(int from_fd, int to_fd, bool owners, int depth, struct err *e);

/* Nothing of what is below shows through it. */
static bool is_opaque(int dirfd, const char *name)
{
	char value = 0;
	cleanup_free char *path = mem_printf("/proc/self/fd/%d/%s", dirfd, name);
	return lgetxattr(path, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static int copy_folder(int from_dir, int to_dir, const char *name, bool owners, int depth, struct err *e)
{
	struct stat there;
	if (fstatat(to_dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && (!S_ISDIR(there.st_mode) || is_opaque(from_dir, name)))
		TRY(fs_remove_tree(to_dir, name, e));
	if (mkdirat(to_dir, name, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "create folder %s", name);
	cleanup_close int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || to < 0)
		return err_sys(e, "open folder %s", name);
	return copy_level(from, to, owners, depth + 1, e);
}

static int copy_entry(int from_dir, int to_dir, const char *name, bool owners, int depth, struct err *e)
{
	struct stat st;
	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "stat %s", name);
	if (S_ISDIR(st.st_mode)) {
		TRY(copy_folder(from_dir, to_dir, name, owners, depth, e));
		return set_metadata(to_dir, name, &st, owners, e);
	}
	TRY(fs_remove_tree(to_dir, name, e));
	if (S_ISSOCK(st.st_mode) || (S_ISCHR(st.st_mode) && st.st_rdev == 0))
		return 0;
	if (S_ISREG(st.st_mode))
		TRY(copy_file(from_dir, to_dir, name, e));
	else if (S_ISLNK(st.st_mode))
		TRY(copy_symlink(from_dir, to_dir, name, e));
	else if (mknodat(to_dir, name, st.st_mode, st.st_rdev) < 0)
		return errno == EPERM ? 0 : err_sys(e, "create %s", name);
	return set_metadata(to_dir, name, &st, owners, e);
}

static int copy_level(int from_fd, int to_fd, bool owners, int depth, struct err *e)
{
	if (depth > DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "folders nested deeper than %d", DEPTH_MAX);
	int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open folder");
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	int rc = 0;
	while (rc == 0 && (d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = copy_entry(fd, to_fd, d->d_name, owners, depth, e);
	closedir(dir);
	return rc;
}

int place_folder(int from_fd, int to_fd, bool owners, struct err *e)
{
	return copy_level(from_fd, to_fd, owners, 0, e);
}

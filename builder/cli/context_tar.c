/* SPDX-License-Identifier: Apache-2.0 */
/* A context that came as a tar (stdin, http) becomes a folder. Every path is opened below the folder without following links. */
#include "builder/cli/context_tar.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/io.h"
#include "snapshotter/archive_reader.h"
#include "snapshotter/rootpath.h"

/* "./a//b" -> "a/b"; false when it climbs or is empty. */
static bool clean(struct str raw, struct buf *out)
{
	struct str rest = raw, part;
	buf_clear(out);
	while (str_split(&rest, '/', &part)) {
		if (!part.len || str_eqz(part, "."))
			continue;
		if (str_eqz(part, "..") || str_find(part, '\0') >= 0)
			return false;
		if (out->len)
			buf_putc(out, '/');
		buf_str(out, part);
	}
	return true;
}

static int write_file(struct archive_reader *r, int dir, const char *name, const struct entry *en, struct err *e)
{
	cleanup_free char *chunk = mem_grow(NULL, IO_CHUNK, 1);
	cleanup_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "create %s", name);
	for (;;) {
		size_t n;
		TRY(archive_reader_data(r, chunk, IO_CHUNK, &n, e));
		if (!n)
			break;
		TRY(io_write_all(fd, chunk, n, e));
	}
	struct timespec times[2] = {{.tv_sec = en->mtime}, {.tv_sec = en->mtime}};
	if (fchmod(fd, en->mode & 07777) < 0 || futimens(fd, times) < 0)
		return err_sys(e, "set the mode of %s", name);
	return 0;
}

static int hard_link(int root, int dir, const char *name, struct str target, struct err *e)
{
	cleanup_buf struct buf path = {0};
	cleanup_close int fd = -1;
	if (!clean(target, &path) || !path.len)
		return err_set(e, ERR_CORRUPT, "%s: a hard link that leaves the context", name);
	TRY(rootpath_open_nolinks(root, path.p, O_PATH | O_NOFOLLOW, 0, &fd, e));
	char proc[64];
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, proc, dir, name, AT_SYMLINK_FOLLOW) < 0)
		return err_sys(e, "link %s", name);
	return 0;
}

/* Folders get their times when all is in them. */
struct folders {
	struct arena arena;
	struct entry *v; /* path and mtime */
	size_t n, cap;
};

static void folders_done(struct folders *f)
{
	arena_done(&f->arena);
}

static void folder_times(const struct folders *f, int root)
{
	for (size_t i = f->n; i-- > 0;) {
		cleanup_close int dir = -1;
		const struct timespec times[2] = {{.tv_sec = f->v[i].mtime}, {.tv_sec = f->v[i].mtime}};
		struct err ignored;
		/* One that was replaced by something else later has no time to set. */
		if (rootpath_open_nolinks(root, f->v[i].path.p, O_RDONLY | O_DIRECTORY, 0, &dir, &ignored) == 0)
			futimens(dir, times);
	}
}

static int place(struct archive_reader *r, int root, const struct entry *en, struct folders *folders, struct err *e)
{
	cleanup_buf struct buf path = {0};
	cleanup_close int dir = -1;
	const char *name;
	if (!clean(en->path, &path))
		return err_set(e, ERR_CORRUPT, "\"%.*s\": a name that leaves the context", STR_ARG(en->path));
	if (!path.len)
		return 0;
	TRY(rootpath_parent(root, path.p, true, &dir, &name, e));
	if (en->type == ENTRY_DIR) {
		struct stat st;
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
			TRY(fs_remove_tree(dir, name, e));
		if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
			return err_sys(e, "create folder %s", path.p);
		ARENA_ROOM(&folders->arena, folders->v, folders->n, folders->cap);
		folders->v[folders->n++] = (struct entry){.path = arena_str(&folders->arena, buf_view(&path)), .mtime = en->mtime};
		return fchmodat(dir, name, (en->mode & 07777) | 0700, 0) < 0 ? err_sys(e, "chmod %s", path.p) : 0;
	}
	TRY(fs_remove_tree(dir, name, e));
	switch (en->type) {
	case ENTRY_FILE:
		return write_file(r, dir, name, en, e);
	case ENTRY_SYMLINK: {
		cleanup_free char *target = mem_strndup(en->target.p, en->target.len);
		return symlinkat(target, dir, name) < 0 ? err_sys(e, "create the link %s", path.p) : 0;
	}
	case ENTRY_LINK:
		return hard_link(root, dir, name, en->target, e);
	case ENTRY_FIFO:
		return mkfifoat(dir, name, en->mode & 07777) < 0 ? err_sys(e, "create the fifo %s", path.p) : 0;
	default:
		return err_set(e, ERR_UNSUPPORTED, "\"%s\": a device cannot be part of a context", path.p);
	}
}

int context_tar_extract(int fd, const char *path, bool *ret_is_tar, struct err *e)
{
	char head[ARCHIVE_SNIFF];
	size_t n;
	cleanup_close int root = -1;
	cleanup_archive_reader struct archive_reader *r = NULL;
	cleanup_with(folders_done) struct folders folders = {0};
	off_t start = lseek(fd, 0, SEEK_CUR);
	TRY(io_read_full(fd, head, sizeof(head), &n, e));
	if (lseek(fd, start, SEEK_SET) < 0)
		return err_sys(e, "seek");
	*ret_is_tar = archive_reader_sniff(head, n);
	if (!*ret_is_tar)
		return 0;
	int rc = archive_reader_open(fd, &tar_limits_default, &r, e);
	if (rc == -ERR_NOT_FOUND) {
		*ret_is_tar = false;
		return 0;
	}
	if (rc < 0)
		return rc;
	TRY(fs_open_dir(AT_FDCWD, path, &root, e));
	for (;;) {
		struct entry en;
		rc = archive_reader_next(r, &en, e);
		if (rc < 0)
			return rc;
		if (rc == 0)
			break;
		TRY(place(r, root, &en, &folders, e));
	}
	folder_times(&folders, root);
	return 0;
}

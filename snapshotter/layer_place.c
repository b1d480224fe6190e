/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole tree, its layers merged by a view, as a plain folder or as one tar. Both walk the view in order. The bytes of an entry
 * are in the folder of the layer it comes from. Several names of one file in the same layer stay one file: which name comes
 * first is found out here again, because an upper layer may hide the one that the layer's index calls the first.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"
#include "base/map.h"
#include "base/mem.h"
#include "snapshotter/fileowner.h"
#include "snapshotter/layer.h"
#include "snapshotter/rootpath.h"
#include "snapshotter/tar.h"
#include "snapshotter/xattrs.h"

/* The layers of a tree, opened. */
struct stack {
	size_t n;
	struct index **indexes;
	int *fds;
	struct view *view;
	struct map inodes;      /* "layer\0first name" of files with several names -> the name given already, or shared_unseen */
	struct arena arena;
	const struct cancel *cancel;
};
static char shared_unseen[1];

static void stack_done(struct stack *st)
{
	view_free(st->view);
	for (size_t i = 0; i < st->n; i++) {
		index_free(st->indexes[i]);
		mem_cleanup_close(&st->fds[i]);
	}
	mem_free(st->indexes);
	mem_free(st->fds);
	map_done(&st->inodes);
	arena_done(&st->arena);
}

static void inode_key(struct buf *key, uint32_t layer, struct str first)
{
	buf_clear(key);
	buf_add(key, &layer, sizeof(layer));
	buf_str(key, first);
}

static int stack_open(struct stack *st, struct store *s, const struct digest *ids, size_t n, const struct cancel *cancel, struct err *e)
{
	cleanup_buf struct buf key = {0};
	st->cancel = cancel;
	st->n = n;
	st->indexes = mem_array(n ? n : 1, sizeof(*st->indexes));
	st->fds = mem_array(n ? n : 1, sizeof(*st->fds));
	for (size_t i = 0; i < n; i++)
		st->fds[i] = -1;
	for (size_t i = 0; i < n; i++) {
		TRY(layer_need_folder(s, &ids[i], cancel, e));
		TRY(store_layer_index(s, &ids[i], &st->indexes[i], e));
		TRY(store_layer_folder(s, &ids[i], &st->fds[i], e));
		for (size_t k = 0; k < st->indexes[i]->n; k++) {
			const struct entry *en = &st->indexes[i]->entries[k];
			if (en->type != ENTRY_LINK)
				continue;
			inode_key(&key, (uint32_t)i, en->target);
			map_set(&st->inodes, buf_view(&key), shared_unseen);
		}
	}
	st->view = view_new((const struct index *const *)st->indexes, n);
	return 0;
}

/* What to make for an entry of the walk: the inode's metadata under the walk's path, or a LINK to the name made before.
 * *ret_source: where the bytes are in the layer's folder. */
static bool settle(struct stack *st, const struct entry *in, struct entry *out, struct str *ret_source)
{
	*out = *in;
	if (in->type == ENTRY_DIR)
		return true;
	if (in->type == ENTRY_LINK && !view_inode(st->view, in->path, out))
		return false; /* the index says that it cannot be */
	*ret_source = out->path;
	cleanup_buf struct buf key = {0};
	inode_key(&key, out->origin, out->path);
	out->path = in->path;
	const char *seen = map_get(&st->inodes, buf_view(&key));
	if (!seen)
		return true;
	if (seen == shared_unseen) {
		map_set(&st->inodes, buf_view(&key), (void *)arena_str(&st->arena, in->path).p);
		return true;
	}
	out->type = ENTRY_LINK;
	out->target = str_of(seen);
	out->size = 0;
	out->xattrs = (struct str){0};
	return true;
}

static int open_source(struct stack *st, const struct entry *en, struct str source, int flags, int *ret_fd, struct err *e)
{
	cleanup_free char *path = mem_strndup(source.p, source.len);
	if (cancelled(st->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	return rootpath_open_nolinks(st->fds[en->origin], path, flags | O_NOFOLLOW | O_NONBLOCK, 0, ret_fd, e);
}

/* --- a tar --- */

struct tar_walk {
	struct stack *st;
	struct tar_writer *w;
	int64_t set_time;
	struct err *e;
};

static int tar_entry(void *arg, const struct entry *in)
{
	struct tar_walk *t = arg;
	struct entry en;
	struct str source = {0};
	if (!settle(t->st, in, &en, &source))
		return err_set(t->e, ERR_CORRUPT, "%.*s: hard link to nothing", STR_ARG(in->path));
	if (t->set_time != INT64_MAX)
		en.mtime = t->set_time;
	TRY(tar_write_entry(t->w, &en, t->e));
	if (en.type != ENTRY_FILE || en.size == 0)
		return 0;
	cleanup_close int fd = -1;
	TRY(open_source(t->st, &en, source, O_RDONLY, &fd, t->e));
	return tar_write_file(t->w, &en, fd, t->e);
}

int layer_tar_tree(struct store *s, const struct digest *ids, size_t n, int64_t set_time, struct sink *out, const struct cancel *cancel,
	struct err *e)
{
	cleanup_with(stack_done) struct stack st = {0};
	cleanup_with(tar_writer_done) struct tar_writer w = {0};
	TRY(stack_open(&st, s, ids, n, cancel, e));
	tar_writer_init(&w, out, INT64_MAX);
	struct tar_walk t = {&st, &w, set_time, e};
	TRY(view_walk(st.view, STR(""), tar_entry, &t));
	return tar_write_end(&w, e);
}

/* --- a folder --- */

struct place {
	struct stack *st;
	const struct layer_place *how;
	struct fileowner ids;
	int target;
	struct str dir;         /* the folder that dirfd is */
	int dirfd;
	struct entry *dirs;     /* made, in order: get their metadata at the end */
	size_t ndirs, cap;
	struct err *e;
};

static void place_done(struct place *p)
{
	mem_cleanup_close(&p->dirfd);
	mem_free(p->dirs);
}

static int enter(struct place *p, struct str dir, struct err *e)
{
	if (p->dirfd >= 0 && str_eq(dir, p->dir))
		return 0;
	cleanup_free char *path = mem_strndup(dir.p, dir.len);
	mem_cleanup_close(&p->dirfd);
	p->dirfd = -1;
	TRY(rootpath_open_nolinks(p->target, path, O_PATH | O_DIRECTORY, 0, &p->dirfd, e));
	p->dir = arena_str(&p->st->arena, dir);
	return 0;
}

static int set_time(int fd, const char *name, const struct place *p, const struct entry *en, struct err *e)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = en->mtime, .tv_nsec = en->mtime_nsec}};
	if (p->how->set_time != INT64_MAX)
		t[1] = (struct timespec){.tv_sec = p->how->set_time};
	int rc = name ? utimensat(fd, name, t, AT_SYMLINK_NOFOLLOW) : futimens(fd, t);
	return rc == 0 ? 0 : err_sys(e, "set times of %.*s", STR_ARG(en->path));
}

static int set_owner(struct place *p, int fd, const char *name, const struct entry *en, struct err *e)
{
	mode_t type = en->type == ENTRY_FILE ? S_IFREG : en->type == ENTRY_DIR ? S_IFDIR : 0;
	if (fileowner_set(&p->ids, fd, name, type, en->uid, en->gid, e) < 0)
		return err_wrap(e, "%.*s", STR_ARG(en->path));
	return 0;
}

static int set_open(struct place *p, int fd, const struct entry *en, struct err *e)
{
	unsigned refused;
	if (p->how->owners)
		TRY(set_owner(p, fd, NULL, en, e));
	if (fchmod(fd, en->mode) < 0)
		return err_sys(e, "change mode of %.*s", STR_ARG(en->path));
	TRY(xattrs_write(fd, NULL, en->xattrs, &refused, e));
	return set_time(fd, NULL, p, en, e);
}

/* The bytes from `at` up to the next hole. */
static int copy_part(int from, int to, off_t at, off_t end, struct err *e)
{
	off_t in = at, out = at;
	while (in < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);
		if (n == 0)
			return 0;
		if (n < 0 && in > at)
			return err_sys(e, "copy");
		if (n < 0)
			break; /* not between these file systems */
	}
	if (in == end)
		return 0;
	struct sink_fd sink;
	sink_fd_init(&sink, to);
	if (lseek(from, at, SEEK_SET) < 0 || lseek(to, at, SEEK_SET) < 0)
		return err_sys(e, "seek");
	return io_copy(from, &sink.sink, NULL, e); /* to the end: later holes are filled with zeroes */
}

static int copy_bytes(int from, int to, uint64_t size, struct err *e)
{
	if (size == 0 || ioctl(to, FICLONE, from) == 0)
		return 0;
	for (off_t at = 0, end; (at = lseek(from, at, SEEK_DATA)) >= 0; at = end) {
		end = lseek(from, at, SEEK_HOLE);
		if (end < 0)
			return err_sys(e, "seek");
		TRY(copy_part(from, to, at, end, e));
	}
	if (errno != ENXIO)
		return err_sys(e, "seek");
	return ftruncate(to, (off_t)size) == 0 ? 0 : err_sys(e, "truncate");
}

/* The store's own file under another name; false when that is not possible. */
static bool link_from_store(struct place *p, int from, const char *name)
{
	char self[64];
	if (p->how->reflink_or_copy || !p->how->owners || p->how->set_time != INT64_MAX)
		return false;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", from);
	return linkat(AT_FDCWD, self, p->dirfd, name, AT_SYMLINK_FOLLOW) == 0;
}

static int place_file(struct place *p, const char *name, const struct entry *en, struct str source, struct err *e)
{
	cleanup_close int from = -1, to = -1;
	TRY(open_source(p->st, en, source, O_RDONLY, &from, e));
	if (link_from_store(p, from, name))
		return 0;
	to = openat(p->dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_sys(e, "create %.*s", STR_ARG(en->path));
	TRY(copy_bytes(from, to, en->size, e));
	return set_open(p, to, en, e);
}

static int place_dir(struct place *p, const char *name, const struct entry *en, struct err *e)
{
	struct stat st;
	if (mkdirat(p->dirfd, name, 0700) < 0) {
		if (errno != EEXIST || fstatat(p->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
			return err_sys(e, "create folder %.*s", STR_ARG(en->path));
	}
	MEM_ROOM(p->dirs, p->ndirs, p->cap);
	p->dirs[p->ndirs] = *en;
	p->dirs[p->ndirs++].path = arena_str(&p->st->arena, en->path);
	return 0;
}

static int place_link(struct place *p, const char *name, const struct entry *en, struct err *e)
{
	cleanup_close int dir = -1;
	const char *base;
	cleanup_free char *target = mem_strndup(en->target.p, en->target.len);
	TRY(rootpath_parent(p->target, target, false, &dir, &base, e));
	if (linkat(dir, base, p->dirfd, name, 0) < 0 && errno != ENOENT) /* a device that could not be made */
		return err_sys(e, "link %.*s", STR_ARG(en->path));
	return 0;
}

static int place_special(struct place *p, const char *name, const struct entry *en, struct err *e)
{
	cleanup_free char *target = mem_strndup(en->target.p, en->target.len);
	mode_t kind = en->type == ENTRY_FIFO ? S_IFIFO : en->type == ENTRY_CHAR ? S_IFCHR : S_IFBLK;
	int rc = en->type == ENTRY_SYMLINK ? symlinkat(target, p->dirfd, name) :
		mknodat(p->dirfd, name, kind | 0600, makedev(en->major, en->minor));
	if (rc < 0 && errno == EPERM && (en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK))
		return 0; /* devices only where allowed */
	if (rc < 0)
		return err_sys(e, "create %.*s", STR_ARG(en->path));
	if (p->how->owners)
		TRY(set_owner(p, p->dirfd, name, en, e));
	if (en->type != ENTRY_SYMLINK && fchmodat(p->dirfd, name, en->mode, 0) < 0)
		return err_sys(e, "change mode of %.*s", STR_ARG(en->path));
	return set_time(p->dirfd, name, p, en, e);
}

/* What is in the way goes, unless a folder meets a folder. */
static int clear_name(struct place *p, const char *name, const struct entry *en, struct err *e)
{
	struct stat st;
	if (fstatat(p->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "look at %.*s", STR_ARG(en->path));
	if (S_ISDIR(st.st_mode) && en->type == ENTRY_DIR)
		return 0;
	if (unlinkat(p->dirfd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
		return err_sys(e, "replace %.*s", STR_ARG(en->path));
	return 0;
}

static int place_entry(void *arg, const struct entry *in)
{
	struct place *p = arg;
	struct entry en;
	struct str source = {0};
	if (!settle(p->st, in, &en, &source))
		return err_set(p->e, ERR_CORRUPT, "%.*s: hard link to nothing", STR_ARG(in->path));
	struct str base = path_base(en.path);
	cleanup_free char *name = mem_strndup(base.p, base.len);
	TRY(enter(p, path_parent(en.path), p->e));
	TRY(clear_name(p, name, &en, p->e));
	switch (en.type) {
	case ENTRY_FILE:
		return place_file(p, name, &en, source, p->e);
	case ENTRY_DIR:
		return place_dir(p, name, &en, p->e);
	case ENTRY_LINK:
		return place_link(p, name, &en, p->e);
	default:
		return place_special(p, name, &en, p->e);
	}
}

static int finish_dirs(struct place *p, struct err *e)
{
	for (size_t i = p->ndirs; i-- > 0;) {
		cleanup_free char *path = mem_strndup(p->dirs[i].path.p, p->dirs[i].path.len);
		cleanup_close int fd = -1;
		TRY(rootpath_open_nolinks(p->target, path, O_RDONLY | O_DIRECTORY, 0, &fd, e));
		TRY(set_open(p, fd, &p->dirs[i], e));
	}
	return 0;
}

int layer_place_tree(struct store *s, const struct digest *ids, size_t n, int target_fd, const struct layer_place *how,
	const struct cancel *cancel, struct err *e)
{
	cleanup_with(stack_done) struct stack st = {0};
	cleanup_with(place_done) struct place p = {.st = &st, .how = how, .target = target_fd, .dirfd = -1, .e = e};
	fileowner_init(&p.ids);
	TRY(stack_open(&st, s, ids, n, cancel, e));
	TRY(view_walk(st.view, STR(""), place_entry, &p));
	return finish_dirs(&p, e);
}

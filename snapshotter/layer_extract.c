/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extractor. Order for each entry: data, owner, mode, xattrs, times; a file is made 0600 and gets its set-id bits when it
 * has its owner. Folders are 0700 until the end and get their metadata from the deepest up, so what an archive says about a
 * folder can neither lock us out of it nor be undone by what comes into it later.
 *
 * Without a folder nothing is made but the index: the same tree of names decides, and files' bytes are hashed only.
 *
 * The last entry of a path wins. Whiteouts are about the layers below only: they are collected, and placed when it is known
 * what the layer itself has, so their place in the archive does not matter.
 */
#include "snapshotter/layer_extract.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/extract_meta.h"
#include "snapshotter/extract_tree.h"
#include "snapshotter/xattrs.h"

struct whiteout {
	struct str path;
	bool opaque;
};

struct extract {
	struct xtree tree;
	const struct index *known;
	const struct cancel *cancel;
	struct whiteout *whiteouts;
	size_t nwhiteouts, cap;
	char *chunk;
	struct fileowner ids;
	bool has_root;
	struct entry root;    /* what the archive says about the root */
	struct buf resolved;
	int whiteout_fd;      /* an open folder with a whiteout that others are linked to, -1 = none yet */
	const char *whiteout;
};

static bool on_disk(const struct extract *x)
{
	return x->tree.rootfd >= 0;
}

int extract_new(int rootfd, const struct index *known, const struct cancel *cancel, struct extract **ret, struct err *e)
{
	(void)e;
	struct extract *x = mem_new(sizeof(*x));
	xtree_init(&x->tree, rootfd);
	x->known = known;
	x->cancel = cancel;
	x->chunk = mem_grow(NULL, IO_CHUNK, 1);
	x->whiteout_fd = -1;
	fileowner_init(&x->ids);
	*ret = x;
	return 0;
}

void extract_free(struct extract *x)
{
	if (!x)
		return;
	mem_cleanup_close(&x->whiteout_fd);
	xtree_done(&x->tree);
	mem_free(x->whiteouts);
	mem_free(x->chunk);
	buf_done(&x->resolved);
	mem_free(x);
}

/* --- metadata --- */

static void known_times(const struct extract *x, struct str path, struct entry *en)
{
	const struct entry *k = x->known ? index_find(x->known, path) : NULL;
	if (!k || k->type == ENTRY_WHITEOUT)
		return;
	en->mtime = k->mtime;
	en->mtime_nsec = k->mtime_nsec;
	en->clock = k->clock;
}

/* --- making --- */

static struct xinode *new_inode(struct extract *x, const struct entry *en)
{
	struct xinode *i = arena_new(&x->tree.arena, sizeof(*i));
	i->en = *en;
	i->en.path = (struct str){0};
	i->en.target = en->target.len ? arena_str(&x->tree.arena, en->target) : (struct str){0};
	i->en.xattrs = en->xattrs.len ? arena_str(&x->tree.arena, en->xattrs) : (struct str){0};
	return i;
}

static int put_piece(int fd, const char *p, size_t n, bool hole, struct err *e)
{
	if (hole)
		return lseek(fd, (off_t)n, SEEK_CUR) < 0 ? err_sys(e, "seek") : 0;
	return io_write_all(fd, p, n, e);
}

/* fd -1: the digest is all that is wanted. */
static int copy_data(struct extract *x, int fd, struct xinode *i, struct tar_reader *r, struct err *e)
{
	struct hasher h;
	uint64_t done = 0;
	bool hole_at_end = false;
	hasher_init(&h);
	while (done < i->en.size) {
		size_t n, len = IO_CHUNK;
		uint64_t hole = tar_reader_hole(r);
		if (hole && hole < len)
			len = (size_t)hole;
		TRY(tar_reader_data(r, x->chunk, len, &n, e));
		if (n == 0)
			break;
		hasher_add(&h, x->chunk, n);
		done += n;
		hole_at_end = hole > 0;
		if (fd >= 0)
			TRY(put_piece(fd, x->chunk, n, hole > 0, e));
		if (cancelled(x->cancel))
			return err_set(e, ERR_CANCELLED, "cancelled");
	}
	if (fd >= 0 && hole_at_end && ftruncate(fd, (off_t)done) < 0)
		return err_sys(e, "truncate");
	i->en.digest = hasher_done(&h);
	return 0;
}

static int make_file(struct extract *x, int dirfd, const char *name, struct xinode *i, struct tar_reader *r, struct err *e)
{
	cleanup_close int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "create %s", name);
	TRY(copy_data(x, fd, i, r, e));
	return extract_set_open(&x->ids, fd, &i->en, 0600, e);
}

static int make_device(struct extract *x, int dirfd, const char *name, struct xinode *i, struct err *e)
{
	mode_t kind = i->en.type == ENTRY_FIFO ? S_IFIFO : i->en.type == ENTRY_CHAR ? S_IFCHR : S_IFBLK;
	if (mknodat(dirfd, name, kind | 0600, makedev(i->en.major, i->en.minor)) == 0)
		return extract_set_special(&x->ids, dirfd, name, &i->en, e);
	if (errno != EPERM || i->en.type == ENTRY_FIFO)
		return err_sys(e, "create %s", name);
	i->missing = true; /* devices are not for everyone to make: the index has it */
	return 0;
}

/* One inode serves for many whiteouts, as overlayfs itself does it: a link costs much less than an inode. */
static int make_whiteout(struct extract *x, int dirfd, const char *name, struct err *e)
{
	if (x->whiteout_fd >= 0 && linkat(x->whiteout_fd, x->whiteout, dirfd, name, 0) == 0)
		return 0;
	if (mknodat(dirfd, name, S_IFCHR, makedev(0, 0)) < 0)
		return err_sys(e, "create whiteout %s", name);
	mem_cleanup_close(&x->whiteout_fd);
	x->whiteout_fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	x->whiteout = name;
	return 0;
}

static int make_inode(struct extract *x, struct xnode *n, struct tar_reader *r, struct err *e)
{
	int dirfd;
	const char *name = xnode_base(n);
	struct xinode *i = n->inode;
	if (!on_disk(x))
		return i->en.type == ENTRY_FILE ? copy_data(x, -1, i, r, e) : 0;
	TRY(xtree_fd(&x->tree, n->parent, &dirfd, e));
	switch (i->en.type) {
	case ENTRY_FILE:
		return make_file(x, dirfd, name, i, r, e);
	case ENTRY_DIR:
		return mkdirat(dirfd, name, 0700) == 0 ? 0 : err_sys(e, "create folder %s", name);
	case ENTRY_SYMLINK:
		if (symlinkat(i->en.target.p, dirfd, name) < 0)
			return err_sys(e, "create symlink %s", name);
		return extract_set_special(&x->ids, dirfd, name, &i->en, e);
	case ENTRY_WHITEOUT:
		return make_whiteout(x, dirfd, name, e);
	default:
		return make_device(x, dirfd, name, i, e);
	}
}

/* --- hard links --- */

static int odd_link(const struct entry *en, const char *why, struct err *e)
{
	cleanup_buf struct buf q = {0};
	buf_quote(&q, en->target.len > 200 ? str_sub(en->target, 0, 200) : en->target);
	return err_set(e, ERR_CORRUPT, "layer: hard link to %s: %s", q.p, why);
}

static int find_target(struct extract *x, const struct entry *en, struct xnode **ret, struct err *e)
{
	cleanup_buf struct buf path = {0};
	TRY(xtree_resolve(&x->tree, path_parent(en->target), &path, e));
	if (path.len)
		buf_putc(&path, '/');
	buf_str(&path, path_base(en->target));
	struct xnode *n = xtree_find(&x->tree, buf_view(&path));
	if (!n)
		return odd_link(en, "no such entry before it", e);
	if (xnode_is_dir(n))
		return odd_link(en, "a folder", e);
	*ret = n;
	return 0;
}

/* A link's header speaks of the inode, too: the last one counts. */
static int update_inode(struct extract *x, struct xnode *n, const struct entry *en, struct err *e)
{
	struct entry *was = &n->inode->en;
	bool same = was->mode == en->mode && was->uid == en->uid && was->gid == en->gid && was->mtime == en->mtime &&
		was->mtime_nsec == en->mtime_nsec && was->clock == en->clock && (en->xattrs.len == 0 || str_eq(en->xattrs, was->xattrs));
	if (same || was->type != ENTRY_FILE)
		return 0;
	was->mode = en->mode;
	was->uid = en->uid;
	was->gid = en->gid;
	was->mtime = en->mtime;
	was->mtime_nsec = en->mtime_nsec;
	was->clock = en->clock;
	if (en->xattrs.len)
		was->xattrs = arena_str(&x->tree.arena, en->xattrs);
	if (!on_disk(x))
		return 0;
	int dirfd;
	unsigned refused;
	const char *name = xnode_base(n);
	TRY(xtree_fd(&x->tree, n->parent, &dirfd, e));
	TRY(extract_set_owner(&x->ids, dirfd, name, was, e));
	if (fchmodat(dirfd, name, was->mode, 0) < 0)
		return err_sys(e, "change mode of %s", name);
	TRY(xattrs_write(dirfd, name, was->xattrs, &refused, e));
	return extract_set_times(dirfd, name, was, e);
}

static int link_on_disk(struct extract *x, struct xnode *target, struct xnode *n, struct err *e)
{
	int from, to;
	TRY(xtree_fd(&x->tree, target->parent, &from, e));
	cleanup_close int held = fcntl(from, F_DUPFD_CLOEXEC, 0); /* the next call may close it */
	if (held < 0)
		return err_sys(e, "duplicate a descriptor");
	TRY(xtree_fd(&x->tree, n->parent, &to, e));
	return linkat(held, xnode_base(target), to, xnode_base(n), 0) == 0 ? 0 : err_sys(e, "link %s", n->path.p);
}

static int make_link(struct extract *x, struct xnode *parent, struct xnode *target, const struct entry *en, struct err *e)
{
	struct xnode *n = xtree_add(&x->tree, parent, path_base(en->path));
	n->inode = target->inode;
	if (on_disk(x) && !n->inode->missing)
		TRY(link_on_disk(x, target, n, e));
	struct entry meta = *en;
	known_times(x, target->path, &meta);
	return update_inode(x, n, &meta, e);
}

/* --- entries --- */

static int note_whiteout(struct extract *x, const struct entry *en, bool opaque, struct err *e)
{
	if (en->path.len == 0)
		return err_set(e, ERR_UNSUPPORTED, "layer: opaque marker in the root folder");
	MEM_ROOM(x->whiteouts, x->nwhiteouts, x->cap);
	x->whiteouts[x->nwhiteouts++] = (struct whiteout){arena_str(&x->tree.arena, en->path), opaque};
	return 0;
}

/* Does nothing for a folder that meets a folder; otherwise what has the name goes away. */
static int clear_name(struct extract *x, struct xnode *parent, const struct entry *en, struct xnode **ret_dir, struct err *e)
{
	size_t len = x->resolved.len;
	if (parent->path.len)
		buf_putc(&x->resolved, '/');
	buf_str(&x->resolved, path_base(en->path));
	struct xnode *there = xtree_find(&x->tree, buf_view(&x->resolved));
	x->resolved.len = len;
	*ret_dir = NULL;
	if (there && en->type == ENTRY_DIR && xnode_is_dir(there)) {
		*ret_dir = there;
		return 0;
	}
	return there ? xtree_remove(&x->tree, there, e) : 0;
}

static bool is_above(const struct xnode *a, const struct xnode *n)
{
	while (n && n != a)
		n = n->parent;
	return n != NULL;
}

static int place_link(struct extract *x, struct xnode *parent, const struct entry *en, struct err *e)
{
	struct xnode *target = NULL, *ignored;
	TRY(find_target(x, en, &target, e));
	cleanup_buf struct buf own = {0};
	buf_str(&own, parent->path);
	if (own.len)
		buf_putc(&own, '/');
	buf_str(&own, path_base(en->path));
	struct xnode *there = xtree_find(&x->tree, buf_view(&own));
	if (there && is_above(there, target))
		return odd_link(en, "itself", e);
	TRY(clear_name(x, parent, en, &ignored, e));
	return make_link(x, parent, target, en, e);
}

int extract_entry(struct extract *x, const struct entry *from, bool marker_only, struct tar_reader *r, struct err *e)
{
	struct entry en = *from;
	struct xnode *parent, *dir;
	if (en.type == ENTRY_WHITEOUT || marker_only)
		return note_whiteout(x, &en, marker_only, e);
	if (en.path.len == 0) {
		x->has_root = true;
		x->root = new_inode(x, &en)->en;
		return 0;
	}
	if (cancelled(x->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	TRY(xtree_resolve(&x->tree, path_parent(en.path), &x->resolved, e));
	TRY(xtree_folder(&x->tree, buf_view(&x->resolved), &parent, e));
	if (en.type == ENTRY_LINK)
		return place_link(x, parent, &en, e);
	TRY(clear_name(x, parent, &en, &dir, e));
	struct xnode *n = dir ? dir : xtree_add(&x->tree, parent, path_base(en.path));
	known_times(x, n->path, &en);
	n->inode = new_inode(x, &en);
	if (dir)
		return 0;
	if (make_inode(x, n, r, e) < 0)
		return e->code == ERR_CANCELLED ? -ERR_CANCELLED : err_wrap(e, "%s", n->path.p);
	return 0;
}

/* --- the end --- */

static int by_path(const void *a, const void *b)
{
	const struct whiteout *x = a, *y = b;
	return path_cmp(x->path, y->path);
}

static void make_opaque(struct extract *x, struct xnode *n)
{
	static const struct entry plain = {.type = ENTRY_DIR, .mode = 0755};
	if (!n->inode)
		n->inode = new_inode(x, &plain);
	n->inode->en.opaque = true;
}

static int place_whiteout(struct extract *x, const struct whiteout *w, struct err *e)
{
	struct xnode *parent;
	struct str dir = w->opaque ? w->path : path_parent(w->path);
	struct err why = {0};
	int rc = xtree_resolve(&x->tree, dir, &x->resolved, &why);
	if (rc < 0 || (dir.len && xnode_is(xtree_find(&x->tree, buf_view(&x->resolved)), ENTRY_WHITEOUT))) {
		for (struct str up = dir; up.len; up = path_parent(up))
			if (xnode_is(xtree_find(&x->tree, up), ENTRY_WHITEOUT))
				return 0; /* the whole folder is gone anyway */
		*e = why;
		return rc;
	}
	TRY(xtree_folder(&x->tree, buf_view(&x->resolved), &parent, e));
	if (w->opaque) {
		if (parent != &x->tree.root)
			make_opaque(x, parent);
		return parent != &x->tree.root ? 0 : err_set(e, ERR_UNSUPPORTED, "layer: opaque marker in the root folder");
	}
	if (parent->path.len)
		buf_putc(&x->resolved, '/');
	buf_str(&x->resolved, path_base(w->path));
	struct xnode *there = xtree_find(&x->tree, buf_view(&x->resolved));
	if (there) { /* gone below, new here */
		if (xnode_is_dir(there))
			make_opaque(x, there);
		return 0;
	}
	static const struct entry gone = {.type = ENTRY_WHITEOUT};
	struct xnode *n = xtree_add(&x->tree, parent, path_base(w->path));
	n->inode = new_inode(x, &gone);
	return make_inode(x, n, NULL, e);
}

static int finish_folder(struct extract *x, struct xnode *n, struct err *e)
{
	struct entry implied = {.type = ENTRY_DIR, .mode = 0755};
	const struct entry *en = n->inode ? &n->inode->en : &implied;
	int dirfd;
	TRY(xtree_fd(&x->tree, n->parent, &dirfd, e));
	cleanup_close int fd = openat(dirfd, xnode_base(n), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open folder %s", n->path.p);
	if (en->opaque && fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) < 0)
		return err_sys(e, "mark %s as opaque (the store's file system must keep user.* attributes)", n->path.p);
	return extract_set_open(&x->ids, fd, en, 0700, e);
}

/* Folders from the deepest up; and all nodes are gathered on the way. */
static int finish_folders(struct extract *x, struct xnode ***ret, size_t *ret_n, struct err *e)
{
	cleanup_free struct xnode **all = NULL;
	size_t n = 0, cap = 0;
	struct xnode *at = &x->tree.root;
	for (;;) {
		while (at->child)
			at = at->child;
		if (at == &x->tree.root)
			break;
		if (on_disk(x) && xnode_is_dir(at))
			TRY(finish_folder(x, at, e));
		MEM_ROOM(all, n, cap);
		all[n++] = at;
		struct xnode *up = at->parent;
		up->child = at->next; /* the tree is taken down */
		at = up;
	}
	*ret = steal(&all);
	*ret_n = n;
	return 0;
}

static int by_node_path(const void *a, const void *b)
{
	return path_cmp((*(struct xnode *const *)a)->path, (*(struct xnode *const *)b)->path);
}

static void add_to_index(struct index *ix, struct xnode *n, uint64_t *bytes)
{
	struct xinode *i = n->inode;
	if (!i)
		return;
	struct entry en = i->en;
	en.path = n->path;
	if (i->first) {
		en = (struct entry){.path = n->path, .type = ENTRY_LINK, .mode = i->en.mode, .uid = i->en.uid, .gid = i->en.gid,
			.mtime = i->en.mtime, .mtime_nsec = i->en.mtime_nsec, .clock = i->en.clock, .target = i->first->path};
	} else {
		i->first = n;
		*bytes += en.type == ENTRY_FILE ? en.size : 0;
	}
	index_add(ix, &en);
}

static int finish_root(struct extract *x, struct err *e)
{
	if (!on_disk(x))
		return 0;
	if (!x->has_root)
		return fchmodat(x->tree.rootfd, ".", 0755, 0) == 0 ? 0 : err_sys(e, "change mode of the root folder");
	cleanup_close int fd = openat(x->tree.rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open the root folder");
	return extract_set_open(&x->ids, fd, &x->root, (mode_t)-1, e);
}

int extract_finish(struct extract *x, struct index **ret, uint64_t *ret_bytes, struct err *e)
{
	cleanup_free struct xnode **all = NULL;
	size_t n;
	if (x->nwhiteouts)
		qsort(x->whiteouts, x->nwhiteouts, sizeof(*x->whiteouts), by_path);
	for (size_t i = 0; i < x->nwhiteouts; i++)
		TRY(place_whiteout(x, &x->whiteouts[i], e));
	TRY(finish_folders(x, &all, &n, e));
	TRY(finish_root(x, e));
	if (n)
		qsort(all, n, sizeof(*all), by_node_path);
	cleanup_index struct index *ix = index_new();
	uint64_t bytes = 0;
	for (size_t i = 0; i < n; i++)
		add_to_index(ix, all[i], &bytes);
	*ret = steal(&ix);
	*ret_bytes = bytes;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and inodes of an extraction. A node exists only below real folders, so a parent that is found by its name needs no
 * resolving, and a folder's path can be opened with openat2 refusing symlinks: were one there, the call would fail.
 */
#include "snapshotter/extract_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "snapshotter/rootpath.h"

enum { MAX_LINKS = 40, PATH_LIMIT = 256 * 1024 };

void xtree_init(struct xtree *t, int rootfd)
{
	*t = (struct xtree){.rootfd = rootfd};
	t->root.slot = -1;
	t->root.path = STR("");
	for (int i = 0; i < XTREE_FDS; i++)
		t->slots[i].fd = -1;
}

void xtree_done(struct xtree *t)
{
	for (int i = 0; i < XTREE_FDS; i++)
		mem_cleanup_close(&t->slots[i].fd);
	map_done(&t->nodes);
	arena_done(&t->arena);
}

struct xnode *xtree_find(struct xtree *t, struct str path)
{
	return path.len ? map_get(&t->nodes, path) : &t->root;
}

bool xnode_is(const struct xnode *n, enum entry_type type)
{
	return n && n->inode && n->inode->en.type == type;
}

bool xnode_is_dir(const struct xnode *n)
{
	return n && (!n->inode || n->inode->en.type == ENTRY_DIR);
}

const char *xnode_base(const struct xnode *n)
{
	return path_base(n->path).p;
}

/* Text in front of what is left of the path. */
static void expand(struct buf *rest, size_t *at, struct str text)
{
	struct buf next = {0};
	buf_str(&next, text);
	buf_putc(&next, '/');
	buf_str(&next, str_from(buf_view(rest), *at));
	buf_done(rest);
	*rest = next;
	*at = 0;
}

static int not_folder(struct str path, struct err *e)
{
	cleanup_buf struct buf q = {0};
	buf_quote(&q, path.len > 200 ? str_sub(path, 0, 200) : path);
	return err_set(e, ERR_CORRUPT, "layer: %s is not a folder but has entries below it", q.p);
}

static int resolve_slowly(struct xtree *t, struct str dir, struct buf *ret, struct err *e)
{
	cleanup_buf struct buf rest = {0};
	size_t at = 0;
	int nlinks = 0;
	buf_str(&rest, dir);
	while (at < rest.len) {
		struct str left = str_from(buf_view(&rest), at);
		ptrdiff_t slash = str_find(left, '/');
		struct str name = str_sub(left, 0, slash < 0 ? left.len : (size_t)slash);
		size_t before = ret->len;
		at += name.len + (slash >= 0);
		if (name.len == 0 || str_eqz(name, "."))
			continue;
		if (str_eqz(name, "..")) {
			ret->len = path_parent(buf_view(ret)).len;
			continue;
		}
		if (ret->len)
			buf_putc(ret, '/');
		buf_str(ret, name);
		if (name.len > 255 || ret->len > PATH_LIMIT)
			return err_set(e, ERR_LIMIT, "layer: a symlink leads to a path that is too long");
		struct xnode *n = xtree_find(t, buf_view(ret));
		if (xnode_is(n, ENTRY_SYMLINK)) {
			if (++nlinks > MAX_LINKS)
				return err_set(e, ERR_CORRUPT, "layer: too many levels of symbolic links at %.*s", STR_ARG(dir));
			struct str target = n->inode->en.target;
			ret->len = target.p[0] == '/' ? 0 : before;
			expand(&rest, &at, target);
		} else if (n && !xnode_is_dir(n)) {
			return not_folder(buf_view(ret), e);
		}
	}
	return 0;
}

int xtree_resolve(struct xtree *t, struct str dir, struct buf *ret, struct err *e)
{
	buf_clear(ret);
	buf_need(ret, 1);
	if (!xnode_is_dir(xtree_find(t, dir)))
		return resolve_slowly(t, dir, ret, e);
	buf_str(ret, dir);
	return 0;
}

struct xnode *xtree_add(struct xtree *t, struct xnode *parent, struct str base)
{
	struct xnode *n = arena_new(&t->arena, sizeof(*n));
	size_t len = parent->path.len ? parent->path.len + 1 : 0;
	char *p = arena_new(&t->arena, len + base.len + 1);
	if (len) {
		memcpy(p, parent->path.p, len - 1);
		p[len - 1] = '/';
	}
	memcpy(p + len, base.p, base.len);
	n->path = (struct str){p, len + base.len};
	n->slot = -1;
	n->parent = parent;
	n->next = parent->child;
	if (n->next)
		n->next->prev = n;
	parent->child = n;
	map_set(&t->nodes, n->path, n);
	return n;
}

static int make_folder(struct xtree *t, struct xnode *n, struct err *e)
{
	int fd;
	if (t->rootfd < 0)
		return 0;
	TRY(xtree_fd(t, n->parent, &fd, e));
	return mkdirat(fd, xnode_base(n), 0700) == 0 ? 0 : err_sys(e, "create folder %s", n->path.p);
}

int xtree_folder(struct xtree *t, struct str path, struct xnode **ret, struct err *e)
{
	struct xnode *n = &t->root;
	for (size_t at = 0; at < path.len;) {
		const char *slash = memchr(path.p + at, '/', path.len - at);
		size_t end = slash ? (size_t)(slash - path.p) : path.len;
		struct xnode *child = xtree_find(t, str_sub(path, 0, end));
		if (child && !xnode_is_dir(child))
			return not_folder(child->path, e);
		if (!child) {
			child = xtree_add(t, n, str_sub(path, at, end));
			TRY(make_folder(t, child, e));
		}
		n = child;
		at = end + 1;
	}
	*ret = n;
	return 0;
}

static void drop_fd(struct xtree *t, struct xnode *n)
{
	if (n->slot < 0)
		return;
	close(t->slots[n->slot].fd);
	t->slots[n->slot].fd = -1;
	t->slots[n->slot].node = NULL;
	n->slot = -1;
}

static void forget(struct xtree *t, struct xnode *n)
{
	drop_fd(t, n);
	map_set(&t->nodes, n->path, NULL);
}

int xtree_remove(struct xtree *t, struct xnode *n, struct err *e)
{
	if (n->prev)
		n->prev->next = n->next;
	else
		n->parent->child = n->next;
	if (n->next)
		n->next->prev = n->prev;
	/* Down to a leaf, forget it, go on with its sibling or parent. */
	for (struct xnode *at = n;;) {
		if (at->child) {
			struct xnode *child = at->child;
			at->child = child->next;
			child->parent = at;
			at = child;
			continue;
		}
		forget(t, at);
		if (at == n)
			break;
		at = at->parent;
	}
	int fd;
	if (t->rootfd < 0 || (n->inode && n->inode->missing))
		return 0;
	TRY(xtree_fd(t, n->parent, &fd, e));
	return fs_remove_tree(fd, xnode_base(n), e);
}

int xtree_fd(struct xtree *t, struct xnode *dir, int *ret, struct err *e)
{
	if (dir == &t->root) {
		*ret = t->rootfd;
		return 0;
	}
	if (dir->slot >= 0) {
		*ret = t->slots[dir->slot].fd;
		return 0;
	}
	struct xnode *up = dir->parent;
	while (up != &t->root && up->slot < 0)
		up = up->parent;
	int from = up == &t->root ? t->rootfd : t->slots[up->slot].fd, fd;
	const char *rest = dir->path.p + (up->path.len ? up->path.len + 1 : 0);
	TRY(rootpath_open_nolinks(from, rest, O_PATH | O_DIRECTORY, 0, &fd, e));
	int slot = t->next_slot++ % XTREE_FDS;
	if (t->slots[slot].node)
		drop_fd(t, t->slots[slot].node);
	t->slots[slot].node = dir;
	t->slots[slot].fd = fd;
	dir->slot = slot;
	*ret = fd;
	return 0;
}

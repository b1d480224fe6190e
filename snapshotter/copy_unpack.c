/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD of an archive, in two steps. First the archive is read once: its entries are kept in memory, the bytes of all its files go
 * into one scratch file and are hashed on the way. Then the entries are placed below the destination, in the order they have
 * in the archive, later ones replacing earlier ones: symlinks on an entry's way are followed with the destination as root, so
 * whatever the archive says, nothing is placed outside of it, and no path of the archive is ever opened.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "snapshotter/copy_impl.h"

struct item {
	struct entry en;       /* path clean; target of a LINK clean */
	uint64_t offset;       /* FILE: of its bytes in the scratch file */
};
struct copy_unpacked {
	int fd;
	struct item *items;
	size_t n, cap;
	struct arena arena;
	uint64_t bytes;
	size_t dropped;        /* names that mean deletions in a layer */
};

void copy_unpacked_free(struct copy_unpacked *u)
{
	if (!u)
		return;
	if (u->fd >= 0)
		close(u->fd);
	mem_free(u->items);
	arena_done(&u->arena);
	mem_free(u);
}
MEM_CLEANUP(unpacked_cleanup, struct copy_unpacked, copy_unpacked_free)

/* --- reading --- */

static int scratch_file(struct store *s, int *ret_fd, struct err *e)
{
	int tmp;
	cleanup_free char *name = NULL;
	TRY(store_tmp(s, &tmp, e));
	TRY(fs_temp_file(tmp, "add-", &name, ret_fd, e));
	unlinkat(tmp, name, 0);
	return 0;
}

bool copy_is_marker(struct str path)
{
	struct str part;
	while (copy_component(&path, &part))
		if (str_starts(part, STR(".wh.")))
			return true;
	return false;
}

static int read_data(struct copy_unpacked *u, struct archive_reader *r, struct entry *en, const struct cancel *cancel, struct err *e)
{
	cleanup_free char *chunk = mem_array(IO_CHUNK, 1);
	struct hasher h;
	size_t n;
	uint64_t got = 0;
	hasher_init(&h);
	do {
		if (cancelled(cancel))
			return err_set(e, ERR_CANCELLED, "cancelled");
		TRY(archive_reader_data(r, chunk, IO_CHUNK, &n, e));
		hasher_add(&h, chunk, n);
		TRY(io_write_all(u->fd, chunk, n, e));
		got += n;
	} while (n > 0);
	en->digest = hasher_done(&h);
	u->bytes += got;
	return 0;
}

static int read_item(struct copy_unpacked *u, struct archive_reader *r, const struct entry *raw, const struct cancel *cancel, struct err *e)
{
	struct item it = {.en = *raw, .offset = u->bytes};
	it.en.path = copy_clean(&u->arena, raw->path);
	if (!it.en.path.len)
		return 0; /* the root: the destination has its own metadata */
	if (copy_is_marker(it.en.path)) {
		u->dropped++;
		return 0;
	}
	it.en.target = raw->type == ENTRY_LINK ? copy_clean(&u->arena, raw->target) : arena_str(&u->arena, raw->target);
	it.en.xattrs = raw->xattrs.len ? arena_str(&u->arena, raw->xattrs) : (struct str){0};
	if (raw->type == ENTRY_FILE && read_data(u, r, &it.en, cancel, e) < 0)
		return err_wrap(e, "%.*s", STR_ARG(raw->path));
	MEM_ROOM(u->items, u->n, u->cap);
	u->items[u->n++] = it;
	return 0;
}

static int read_all(struct copy_unpacked *u, struct archive_reader *r, const struct cancel *cancel, struct err *e)
{
	struct entry raw;
	int rc;
	while ((rc = archive_reader_next(r, &raw, e)) > 0) {
		if (cancelled(cancel))
			return err_set(e, ERR_CANCELLED, "cancelled");
		TRY(read_item(u, r, &raw, cancel, e));
	}
	return rc;
}

static void warn_dropped(const struct copy_args *a, const struct pick *p, size_t n)
{
	cleanup_buf struct buf b = {0};
	if (!n || !a->warn)
		return;
	buf_printf(&b, "\"%.*s\": %zu entr%s whose name begins with \".wh.\" left out: in an image such a name means a deletion", STR_ARG(p->path), n,
		n == 1 ? "y" : "ies");
	a->warn(a->warn_arg, b.p);
}

static int open_source(const struct pick *p, int *ret_fd, struct err *e)
{
	struct entry en = p->en;
	TRY(p->item->source->open(p->item->source->arg, &en, ret_fd, e));
	return lseek(*ret_fd, 0, SEEK_SET) < 0 ? err_sys(e, "seek") : 0;
}

int copy_unpack(const struct copy_args *a, const struct pick *p, bool required, struct copy_unpacked **ret, struct err *e)
{
	cleanup_close int fd = -1;
	char head[ARCHIVE_SNIFF];
	size_t n;
	TRY(open_source(p, &fd, e));
	TRY(io_read_full(fd, head, sizeof(head), &n, e));
	if (!archive_reader_sniff(head, n))
		return required ? err_set(e, ERR_STEP, "is no archive that can be unpacked (tar, plain or with gzip, bzip2, xz, zstd)") : 0;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "seek");
	cleanup_archive_reader struct archive_reader *r = NULL;
	int rc = archive_reader_open(fd, &tar_limits_default, &r, e);
	if (rc == -ERR_NOT_FOUND && !required)
		return 0;
	if (rc < 0)
		return rc == -ERR_UNSUPPORTED ? rc : err_wrap(e, "cannot be unpacked");
	cleanup_with(unpacked_cleanup) struct copy_unpacked *u = mem_new(sizeof(*u));
	u->fd = -1;
	TRY(scratch_file(a->store, &u->fd, e));
	if (read_all(u, r, a->cancel, e) < 0)
		return err_wrap(e, "cannot be unpacked");
	warn_dropped(a, p, u->dropped);
	*ret = steal(&u);
	return 1;
}

int copy_unpacked_open(struct copy_unpacked *u, struct str from, int *ret_fd, uint64_t *ret_offset, struct err *e)
{
	if (!str_u64(from, UINT64_MAX, ret_offset))
		return err_set(e, ERR_CORRUPT, "no offset of an unpacked file");
	*ret_fd = fcntl(u->fd, F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? err_sys(e, "duplicate a descriptor") : 0;
}

/* --- placing --- */

struct placing {
	struct ground *g;
	struct str dest;
	uint32_t origin;
	struct str parent, where; /* the folder of the entry before, and where it really is */
	bool known;
};

/* The folder of a path of the archive, as a path of the tree. */
static int find_parent(struct placing *p, struct str path, struct str *ret, struct err *e)
{
	struct str parent = path_parent(path);
	if (!p->known || !str_eq(parent, p->parent)) {
		p->known = false;
		TRY(copy_ground_resolve(p->g, p->dest, parent, true, true, &p->where, e));
		p->parent = parent;
		p->known = true;
	}
	*ret = p->where;
	return 0;
}

static void put(struct placing *p, const struct entry *en, struct str from, uint32_t inode)
{
	struct entry was;
	bool there = copy_ground_find(p->g, en->path, &was, NULL);
	if (en->type == ENTRY_SYMLINK || (there && was.type != ENTRY_FILE && was.type != en->type))
		p->known = false; /* the ways lead elsewhere now */
	copy_ground_put(p->g, en, from)->inode = inode;
}

/* A further name of something that was placed before. */
static int place_link(struct placing *p, struct entry *en, struct err *e)
{
	struct ground *g = p->g;
	struct str dir;
	struct node *first;
	struct entry was;
	TRY(copy_ground_resolve(g, p->dest, path_parent(en->target), true, true, &dir, e));
	struct str target = copy_join(&g->arena, dir, path_base(en->target));
	if (!copy_ground_find(g, target, &was, &first))
		return err_set(e, ERR_CORRUPT, "/%.*s: a hard link to /%.*s, which is not there", STR_ARG(en->path), STR_ARG(target));
	if (!first)
		return err_set(e, ERR_UNSUPPORTED, "/%.*s: a hard link to /%.*s, which is not in the archive", STR_ARG(en->path), STR_ARG(target));
	if (was.type == ENTRY_DIR)
		return err_set(e, ERR_CORRUPT, "/%.*s: a hard link to a folder", STR_ARG(en->path));
	if (str_eq(target, en->path))
		return 0;
	if (was.type != ENTRY_SYMLINK && !first->inode)
		first->inode = ++g->inodes;
	uint32_t inode = was.type == ENTRY_SYMLINK ? 0 : first->inode;
	struct str from = first->from;
	was.path = en->path;
	put(p, &was, from, inode);
	return 0;
}

static int place_item(struct placing *p, const struct item *it, struct err *e)
{
	struct ground *g = p->g;
	struct entry en = it->en;
	struct str dir, from = {0};
	TRY(find_parent(p, en.path, &dir, e));
	TRY(copy_ground_folder(g, dir, true, NULL, NULL, e));
	en.path = arena_str(&g->arena, copy_join(&g->arena, dir, path_base(en.path)));
	if (en.type == ENTRY_LINK)
		return place_link(p, &en, e);
	en.origin = p->origin;
	if (g->args->set_owner) {
		en.uid = g->args->uid;
		en.gid = g->args->gid;
	}
	if (en.type == ENTRY_FILE)
		from = str_of(arena_printf(&g->arena, "%llu", (unsigned long long)it->offset));
	put(p, &en, from, 0);
	return 0;
}

int copy_unpacked_place(struct copy_unpacked *u, struct ground *g, struct str dest, uint32_t origin, struct err *e)
{
	struct placing p = {.g = g, .dest = dest, .origin = origin};
	for (size_t i = 0; i < u->n; i++)
		if (place_item(&p, &u->items[i], e) < 0)
			return err_wrap(e, "cannot be unpacked");
	return 0;
}

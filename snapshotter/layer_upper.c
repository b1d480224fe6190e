/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an overlayfs upper folder to the index of a layer, in three passes:
 *
 *	1. walk the folder and note every name as a node, with what comparing metadata says: new or changed, the same, or "the
 *	   same unless the bytes differ" (times without nanoseconds, which tools set by hand);
 *	2. hash the files that are in the layer or may be, on all cores;
 *	3. settle the doubtful ones, add the ancestors of what changed, find the hard links among what is left.
 *
 * Names that vanished are nodes too: the kernel's whiteouts (char 0:0), and below opaque folders whatever the view has and the
 * folder does not. Folders are opened by path from the top, one at a time, so depth costs neither stack nor descriptors.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "snapshotter/fileowner.h"
#include "snapshotter/layer.h"
#include "snapshotter/rootpath.h"
#include "snapshotter/stat_entry.h"
#include "snapshotter/tar_name.h"
#include "snapshotter/xattrs.h"

enum change { SAME, DOUBTFUL, CHANGED };

struct unode {
	struct entry en;
	struct digest below;    /* DOUBTFUL: of the bytes below */
	size_t parent;          /* number of the folder's node; NO_PARENT: the root */
	enum change change;
	bool all_new;           /* DIR: nothing of the layers below shows through it */
	uint64_t dev, ino;      /* of something with several names; ino 0: one name */
	unsigned depth;         /* folders above it */
};
#define NO_PARENT SIZE_MAX

struct upper {
	int fd;
	const struct view *below;
	const struct layer_skip *skip;
	const struct cancel *cancel;
	struct arena arena;
	struct unode *nodes;
	size_t n, cap;
	struct buf xattrs;      /* scratch */
	struct map owners;      /* skip->owners by inode */
	struct timespec now;    /* before the folder was looked at */
	struct map times;       /* that are the clock's in the layers below; made when first needed */
	bool has_times;
	size_t *to_hash;
};

static void upper_done(struct upper *u)
{
	arena_done(&u->arena);
	mem_free(u->nodes);
	mem_free(u->to_hash);
	buf_done(&u->xattrs);
	map_done(&u->owners);
	map_done(&u->times);
}

static struct unode *add_node(struct upper *u, const struct entry *en, size_t parent)
{
	MEM_ROOM(u->nodes, u->n, u->cap);
	struct unode *nd = &u->nodes[u->n++];
	*nd = (struct unode){.en = *en, .parent = parent, .depth = parent == NO_PARENT ? 0 : u->nodes[parent].depth + 1};
	return nd;
}

static bool skipped(const struct upper *u, struct str path)
{
	for (size_t i = 0; u->skip && i < u->skip->n; i++)
		if (str_eq(u->skip->paths[i], path))
			return true;
	return false;
}

/* --- pass 1: names and metadata --- */

static void add_whiteout(struct upper *u, struct str path, size_t parent)
{
	struct entry en, was;
	if (!view_find(u->below, path, &was))
		return;
	en = (struct entry){.path = path, .type = ENTRY_WHITEOUT};
	add_node(u, &en, parent)->change = CHANGED;
}

static int fill_entry(struct upper *u, int dirfd, const char *name, const struct stat *st, struct entry *en, struct err *e)
{
	en->type = stat_entry_type(st->st_mode);
	en->mode = en->type == ENTRY_SYMLINK ? 0777 : st->st_mode & 07777;
	en->uid = st->st_uid;
	en->gid = st->st_gid;
	en->mtime = st->st_mtim.tv_sec;
	en->mtime_nsec = (uint32_t)st->st_mtim.tv_nsec;
	if (en->type == ENTRY_FILE)
		en->size = (uint64_t)st->st_size;
	if (en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK) {
		en->major = major(st->st_rdev);
		en->minor = minor(st->st_rdev);
	}
	if (en->type == ENTRY_SYMLINK)
		return stat_entry_target(&u->arena, dirfd, name, st, &en->target, e);
	if (en->type != ENTRY_FILE && en->type != ENTRY_DIR)
		return 0;
	buf_clear(&u->xattrs);
	TRY(xattrs_read(dirfd, name, &u->xattrs, e));
	if (u->xattrs.len)
		en->xattrs = arena_str(&u->arena, buf_view(&u->xattrs));
	return 0;
}

/* Overlayfs marks what it copied up; symlinks and special files cannot have a mark, they are known by being as they were. */
static bool copied_up(int dirfd, const char *name, const struct entry *en, const struct entry *was)
{
	char mark[256];
	if (en->type != was->type)
		return false;
	if (en->type == ENTRY_FILE || en->type == ENTRY_DIR) {
		cleanup_free char *path = mem_printf("/proc/self/fd/%d/%s", dirfd, name);
		return lgetxattr(path, "user.overlay.origin", mark, sizeof(mark)) >= 0 || errno == ERANGE;
	}
	return en->mode == was->mode && en->mtime == was->mtime && en->mtime_nsec == was->mtime_nsec && en->major == was->major &&
		en->minor == was->minor && str_eq(en->target, was->target);
}

static void know_owners(struct upper *u)
{
	for (size_t i = 0; u->skip && i < u->skip->nowners; i++) {
		const struct layer_owner *o = &u->skip->owners[i];
		map_set(&u->owners, (struct str){(const char *)&o->ino, sizeof(o->ino)}, (void *)(uintptr_t)o);
	}
}

/* What the step was told about a link or special file; an inode that was used again has another time of birth. */
static const struct layer_owner *known_owner(const struct upper *u, int dirfd, const char *name)
{
	struct statx st;
	if (!u->owners.n || statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &st) < 0)
		return NULL;
	uint64_t ino = st.stx_ino;
	const struct layer_owner *o = map_get(&u->owners, (struct str){(const char *)&ino, sizeof(ino)});
	bool same = o && (!(st.stx_mask & STATX_BTIME) || (o->born == st.stx_btime.tv_sec && o->born_nsec == st.stx_btime.tv_nsec));
	return same ? o : NULL;
}

/* With one id stat cannot tell the owner. What is found without a note gets one, as this folder will be a layer below others. */
static int find_owner(const struct upper *u, int dirfd, const char *name, size_t parent, const struct entry *was, struct entry *en,
	struct err *e)
{
	static const struct fileowner ids = {.single = true};
	const struct entry *dir = parent == NO_PARENT ? NULL : &u->nodes[parent].en;
	bool notes = en->type == ENTRY_FILE || en->type == ENTRY_DIR;
	if (notes && fileowner_read(dirfd, name, &en->uid, &en->gid))
		return 0;
	const struct layer_owner *known = notes ? NULL : known_owner(u, dirfd, name);
	if (known) {
		en->uid = known->uid;
		en->gid = known->gid;
		return 0;
	}
	en->uid = u->skip->uid;
	en->gid = dir && dir->mode & S_ISGID ? dir->gid : u->skip->gid;
	if (was && copied_up(dirfd, name, en, was)) {
		en->uid = was->uid;
		en->gid = was->gid;
	}
	bool noted = notes && (en->uid != 0 || en->gid != 0);
	return noted ? fileowner_set(&ids, dirfd, name, en->type == ENTRY_DIR ? S_IFDIR : S_IFREG, en->uid, en->gid, e) : 0;
}

static enum change compare(const struct entry *en, const struct entry *was, struct digest *ret_below)
{
	if (en->type != was->type || en->mode != was->mode || en->uid != was->uid || en->gid != was->gid ||
		en->major != was->major || en->minor != was->minor || !str_eq(en->xattrs, was->xattrs) || !str_eq(en->target, was->target))
		return CHANGED;
	if (en->type == ENTRY_DIR)
		return SAME;
	if (en->mtime != was->mtime || en->mtime_nsec != was->mtime_nsec || (en->type == ENTRY_FILE && en->size != was->size))
		return CHANGED;
	if (en->type != ENTRY_FILE || en->mtime_nsec != 0)
		return SAME;
	*ret_below = was->digest;
	return digest_none(&was->digest) ? CHANGED : DOUBTFUL;
}

/* --- whose times --- */

static struct str time_key(int64_t sec, uint32_t nsec, uint64_t key[2])
{
	key[0] = (uint64_t)sec;
	key[1] = nsec;
	return (struct str){(const char *)key, 2 * sizeof(*key)};
}

/* Tools copy no more than milliseconds or the seconds, some of them. In nanoseconds, the coarsest first. */
static const uint32_t grains[] = {1000000000, 1000000, 1000, 1};

static void note_time(struct upper *u, int64_t sec, uint32_t nsec)
{
	uint64_t key[2];
	for (size_t i = 0; i < ARRAY_LEN(grains); i++)
		map_set(&u->times, arena_str(&u->arena, time_key(sec, nsec - nsec % grains[i], key)), u);
}

static void note_times(void *arg, const struct index *ix)
{
	for (size_t i = 0; i < ix->n; i++)
		if (ix->entries[i].clock)
			note_time(arg, ix->entries[i].mtime, ix->entries[i].mtime_nsec);
}

/* Of the root nothing is in an index: its time is that of the folder, made when the layer came here. */
static void note_root(struct upper *u, int fd)
{
	struct stat st;
	if (fstat(fd, &st) == 0)
		note_time(u, st.st_mtim.tv_sec, (uint32_t)st.st_mtim.tv_nsec);
}

static void note_beside(struct upper *u, const struct layer_beside *b)
{
	view_indexes(b->view, note_times, u);
	for (size_t i = 0; i < b->nfolders; i++)
		note_root(u, b->folders[i]);
}

/* Not before a, but for what a copy of its time lost. */
static bool between(struct timespec a, const struct entry *en, struct timespec b)
{
	uint32_t from = (uint32_t)a.tv_nsec;
	size_t i = 0;
	while (en->mtime_nsec % grains[i])
		i++;
	from -= from % grains[i];
	return (en->mtime > a.tv_sec || (en->mtime == a.tv_sec && en->mtime_nsec >= from)) &&
		(en->mtime < b.tv_sec || (en->mtime == b.tv_sec && en->mtime_nsec <= b.tv_nsec));
}

/* Is it the time at which the step wrote it, or at which an earlier step wrote what this one has changed, moved or copied (mv, cp -p)? */
static bool by_clock(struct upper *u, const struct entry *en, const struct entry *was)
{
	uint64_t key[2];
	if (!u->skip || !u->skip->began.tv_sec)
		return false;
	if (was && was->mtime == en->mtime && was->mtime_nsec == en->mtime_nsec)
		return was->clock;
	if (between(u->skip->began, en, u->now))
		return true;
	if (!u->has_times) {
		view_indexes(u->below, note_times, u);
		for (size_t i = 0; i < u->skip->nbeside; i++)
			note_beside(u, &u->skip->beside[i]);
		u->has_times = true;
	}
	return map_has(&u->times, time_key(en->mtime, en->mtime_nsec, key));
}

static bool is_opaque(int dirfd, const char *name)
{
	char value = 0;
	cleanup_free char *path = mem_printf("/proc/self/fd/%d/%s", dirfd, name);
	return (lgetxattr(path, "user.overlay.opaque", &value, 1) == 1 && value == 'y') ||
		(lgetxattr(path, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y');
}

/* One name of an upper folder. */
static int add_name(struct upper *u, int dirfd, const char *name, size_t parent, struct err *e)
{
	struct stat st;
	bool all_new = parent != NO_PARENT && u->nodes[parent].all_new;
	struct str dir = parent == NO_PARENT ? STR("") : u->nodes[parent].en.path;
	struct entry en = {0}, was;
	en.path = str_of(dir.len ? arena_printf(&u->arena, "%.*s/%s", STR_ARG(dir), name) : arena_strdup(&u->arena, name));
	if (skipped(u, en.path))
		return 0;
	if (parent != NO_PARENT && u->nodes[parent].depth + 1 >= TAR_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "%.200s...: deeper than %d folders", en.path.p, TAR_DEPTH_MAX);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "stat %s", en.path.p);
	bool whiteout = S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
	if (whiteout || stat_entry_type(st.st_mode) == 0) { /* sockets are not kept */
		add_whiteout(u, en.path, parent);
		return 0;
	}
	TRY(fill_entry(u, dirfd, name, &st, &en, e));
	bool there = view_inode(u->below, en.path, &was);
	if (u->skip && u->skip->owners_in_xattr)
		TRY(find_owner(u, dirfd, name, parent, there ? &was : NULL, &en, e));
	en.clock = by_clock(u, &en, there ? &was : NULL);
	struct unode *nd = add_node(u, &en, parent);
	nd->change = there ? compare(&en, &was, &nd->below) : CHANGED;
	if (en.type == ENTRY_DIR) {
		nd->all_new = all_new || is_opaque(dirfd, name);
	} else if (st.st_nlink > 1) {
		nd->dev = st.st_dev;
		nd->ino = st.st_ino;
	}
	return 0;
}

struct vanish {
	struct upper *u;
	const struct map *names; /* that the folder has now */
	size_t parent;
};

static int add_vanished(void *arg, const struct entry *was)
{
	struct vanish *v = arg;
	if (map_has(v->names, path_base(was->path)))
		return 0;
	struct str path = arena_str(&v->u->arena, was->path);
	if (!skipped(v->u, path))
		add_whiteout(v->u, path, v->parent);
	return 0;
}

static int read_folder(struct upper *u, size_t parent, struct err *e)
{
	const char *path = parent == NO_PARENT ? "." : u->nodes[parent].en.path.p;
	bool all_new = parent != NO_PARENT && u->nodes[parent].all_new;
	int fd;
	TRY(rootpath_open_nolinks(u->fd, path, O_RDONLY | O_DIRECTORY, 0, &fd, e));
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(e, "read folder %s", path);
	}
	cleanup_map struct map names = {0};
	int rc = 0;
	struct dirent *d;
	while (rc == 0 && (errno = 0, d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (all_new)
			map_set(&names, str_of(d->d_name), u);
		rc = add_name(u, fd, d->d_name, parent, e);
	}
	if (rc == 0 && errno)
		rc = err_sys(e, "read folder %s", path);
	closedir(dir);
	if (rc == 0 && all_new) {
		struct vanish v = {u, &names, parent};
		view_children(u->below, u->nodes[parent].en.path, add_vanished, &v);
	}
	return rc;
}

static int walk(struct upper *u, struct err *e)
{
	TRY(read_folder(u, NO_PARENT, e));
	for (size_t i = 0; i < u->n; i++) { /* the array is the queue */
		if (u->nodes[i].en.type != ENTRY_DIR)
			continue;
		if (cancelled(u->cancel))
			return err_set(e, ERR_CANCELLED, "cancelled");
		TRY(read_folder(u, i, e));
	}
	return 0;
}

/* --- pass 2: bytes --- */

static int hash_file(size_t i, void *arg, struct err *e)
{
	struct upper *u = arg;
	struct entry *en = &u->nodes[u->to_hash[i]].en;
	cleanup_close int fd = -1;
	struct hasher h;
	char chunk[64 * 1024];
	uint64_t bytes = 0;
	size_t n = sizeof(chunk);
	if (cancelled(u->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	TRY(rootpath_open_nolinks(u->fd, en->path.p, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd, e));
	hasher_init(&h);
	for (; n == sizeof(chunk); bytes += n) { /* a short read is the end of a regular file */
		TRY(io_read_full(fd, chunk, sizeof(chunk), &n, e));
		hasher_add(&h, chunk, n);
	}
	if (bytes != en->size)
		return err_set(e, ERR_STEP, "%s changes while it is read", en->path.p);
	en->digest = hasher_done(&h);
	return 0;
}

static int hash_files(struct upper *u, struct err *e)
{
	size_t n = 0;
	u->to_hash = mem_array(u->n ? u->n : 1, sizeof(*u->to_hash));
	for (size_t i = 0; i < u->n; i++)
		if (u->nodes[i].en.type == ENTRY_FILE && u->nodes[i].change != SAME)
			u->to_hash[n++] = i;
	return pool_each(n, 0, hash_file, u, e);
}

/* --- pass 3: what is in the layer --- */

static void settle(struct upper *u)
{
	for (size_t i = u->n; i-- > 0;) { /* children have higher numbers than their folder */
		struct unode *nd = &u->nodes[i];
		if (nd->change == DOUBTFUL)
			nd->change = digest_eq(&nd->en.digest, &nd->below) ? SAME : CHANGED;
		if (nd->change == CHANGED && nd->parent != NO_PARENT)
			u->nodes[nd->parent].change = CHANGED;
	}
}

static int by_path(const void *a, const void *b)
{
	return path_cmp((*(struct unode *const *)a)->en.path, (*(struct unode *const *)b)->en.path);
}

/* Of several names of one inode the first is the file and the others are links to it. */
static void link_names(struct unode *nd, struct map *inodes)
{
	uint64_t key[2] = {nd->dev, nd->ino};
	struct str k = {(const char *)key, sizeof(key)};
	struct unode *first = nd->ino ? map_get(inodes, k) : NULL;
	if (nd->ino && !first)
		map_set(inodes, k, nd);
	if (!first)
		return;
	nd->en = (struct entry){.path = nd->en.path, .type = ENTRY_LINK, .mode = nd->en.mode, .uid = nd->en.uid, .gid = nd->en.gid,
		.mtime = nd->en.mtime, .mtime_nsec = nd->en.mtime_nsec, .clock = nd->en.clock, .target = first->en.path};
}

static struct index *make_index(struct upper *u)
{
	struct index *ix = index_new();
	cleanup_map struct map inodes = {0};
	cleanup_free struct unode **kept = mem_array(u->n ? u->n : 1, sizeof(*kept));
	size_t n = 0;
	for (size_t i = 0; i < u->n; i++)
		if (u->nodes[i].change == CHANGED)
			kept[n++] = &u->nodes[i];
	qsort(kept, n, sizeof(*kept), by_path);
	for (size_t i = 0; i < n; i++) {
		link_names(kept[i], &inodes);
		index_add(ix, &kept[i]->en);
	}
	return ix;
}

int layer_from_upper(int upper_fd, const struct view *below, const struct layer_skip *skip, const struct cancel *cancel,
	struct index **ret, struct err *e)
{
	cleanup_with(upper_done) struct upper u = {.fd = upper_fd, .below = below, .skip = skip, .cancel = cancel};
	know_owners(&u);
	clock_gettime(CLOCK_REALTIME, &u.now);
	TRY(walk(&u, e));
	TRY(hash_files(&u, e));
	settle(&u);
	*ret = make_index(&u);
	return 0;
}

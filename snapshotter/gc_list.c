/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of what is in the store: folders and files as they lie there, with what the database says about their use.
 * Whatever has a name but no row is junk.
 */
#include "snapshotter/gc.h"
#include "snapshotter/store_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

/* A file takes a block at least, and its entry about a hundred bytes of the index: a guess for layers of many small files. */
enum { BLOCK_PER_ENTRY = 4096 / 100 };

struct scan {
	struct store *s;
	struct gc_list *list;
	const struct digest *roots; /* sorted */
	size_t nroots;
};

void gc_list_done(struct gc_list *l)
{
	arena_done(&l->arena);
	mem_free(l->items);
	*l = (struct gc_list){0};
}

static struct gc_item *add(struct scan *sc, enum gc_kind kind, const char *folder, const char *name)
{
	struct gc_list *l = sc->list;
	MEM_ROOM(l->items, l->n, l->cap);
	struct gc_item *it = &l->items[l->n++];
	*it = (struct gc_item){.kind = kind,
	    .name = arena_printf(&l->arena, "%s/%s", folder, name),
	    .label = "",
	    .loose = kind == GC_JUNK};
	return it;
}

/* Calls fn for each name in the folder but "." and "..". A missing folder is empty. */
static int each_name(struct scan *sc, const char *folder,
    int (*fn)(struct scan *sc, int dirfd, const char *name, struct err *e), struct err *e)
{
	int fd = openat(sc->s->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "open folder %s/%s", sc->s->path, folder);
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	int rc = 0;
	while (rc == 0 && (d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = fn(sc, fd, d->d_name, e);
	closedir(dir);
	return rc;
}

/* The later one of what is noted and `it->used`. */
static int ask_used(struct scan *sc, struct gc_item *it, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(sc->s->db, "SELECT at FROM used WHERE digest=?1", &st, e));
	stmt_digest(st, 1, &it->id);
	int rc = stmt_next(st, e);
	if (rc > 0 && stmt_get_int(st, 0) > it->used)
		it->used = stmt_get_int(st, 0);
	return rc < 0 ? rc : 0;
}

/* --- layers --- */

/* 1: *it has what the row says; 0: no row. */
static int ask_layer(struct scan *sc, struct gc_item *it, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(sc->s->db,
	    "SELECT l.size, COALESCE(u.at, l.created), EXISTS(SELECT 1 FROM records WHERE layer=l.id) OR"
	    " EXISTS(SELECT 1 FROM unpacked WHERE id=l.id) FROM layers l LEFT JOIN used u ON u.digest=l.id WHERE "
	    "l.id=?1",
	    &st, e));
	stmt_digest(st, 1, &it->id);
	int rc = stmt_next(st, e);
	if (rc <= 0)
		return rc;
	it->bytes = (uint64_t)stmt_get_int(st, 0);
	it->used = stmt_get_int(st, 1);
	it->loose = !stmt_get_int(st, 2);
	return 1;
}

static int see_layer(struct scan *sc, int dirfd, const char *name, struct err *e)
{
	struct gc_item *it = add(sc, GC_LAYER, "layers", name);
	struct stat st;
	int rc = 0;
	if (digest_from_hex(str_of(name), &it->id))
		rc = ask_layer(sc, it, e);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		it->kind = GC_JUNK;
		it->loose = true;
		return 0;
	}
	bool folder = store_has_folder(sc->s, &it->id);
	if (!folder)
		it->bytes = 0;
	cleanup_free char *index = mem_printf("%s/index", name);
	if (fstatat(dirfd, index, &st, AT_SYMLINK_NOFOLLOW) == 0)
		it->bytes += (uint64_t)st.st_size * (folder ? BLOCK_PER_ENTRY : 1);
	return 0;
}

/* Rows whose folder is gone (somebody removed it by hand). */
static int see_lost_rows(struct scan *sc, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	int rc;
	TRY(db_prepare(sc->s->db, "SELECT id FROM layers", &st, e));
	while ((rc = stmt_next(st, e)) > 0) {
		struct digest d;
		char path[STORE_LAYER_PATH];
		if (!stmt_get_digest(st, 0, &d))
			continue;
		store_layer_path(&d, "", path);
		if (fs_exists(sc->s->fd, path))
			continue;
		struct gc_item *it = add(sc, GC_LAYER, "layers", path + sizeof("layers"));
		it->id = d;
		it->loose = true;
	}
	return rc;
}

/* --- blobs --- */

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_SIZE);
}

static int ask_blob(struct scan *sc, struct gc_item *it, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(sc->s->db,
	    "SELECT EXISTS(SELECT 1 FROM tars WHERE diff_id=?1) OR EXISTS(SELECT 1 FROM unpacked WHERE diff_id=?1) OR"
	    " EXISTS(SELECT 1 FROM blobs b JOIN tars t ON t.diff_id=b.diff_id WHERE b.blob=?1) OR"
	    " EXISTS(SELECT 1 FROM blobs b JOIN unpacked u ON u.diff_id=b.diff_id WHERE b.blob=?1)",
	    &st, e));
	stmt_digest(st, 1, &it->id);
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	it->loose = !stmt_get_int(st, 0);
	return ask_used(sc, it, e);
}

static int see_blob(void *arg, const struct digest *d, uint64_t size, int64_t mtime, struct err *e)
{
	struct scan *sc = arg;
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	bool root = sc->nroots && bsearch(d, sc->roots, sc->nroots, sizeof(*d), by_digest) != NULL;
	struct gc_item *it = add(sc, root ? GC_IMAGE : GC_BLOB, "blobs/sha256", hex);
	it->id = *d;
	it->bytes = size;
	it->used = mtime;
	return root ? 0 : ask_blob(sc, it, e);
}

static int see_junk(struct scan *sc, const char *folder, int dirfd, const char *name)
{
	struct stat st;
	struct gc_item *it = add(sc, GC_JUNK, folder, name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		it->used = st.st_mtime;
		it->bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	}
	return 0;
}

static int see_in_blobs(struct scan *sc, int dirfd, const char *name, struct err *e)
{
	(void)e;
	return strncmp(name, ".tmp-", 5) == 0 ? see_junk(sc, "blobs", dirfd, name) : 0;
}

/* --- mounts, contexts, tmp --- */

static int see_mount(struct scan *sc, int dirfd, const char *name, struct err *e)
{
	struct stat st;
	cleanup_stmt struct stmt *q = NULL;
	struct gc_item *it = add(sc, GC_MOUNT, "mounts", name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		it->used = st.st_mtime;
	TRY(db_prepare(sc->s->db, "SELECT label, used FROM mounts WHERE name=?1", &q, e));
	stmt_text(q, 1, str_of(name));
	int rc = stmt_next(q, e);
	if (rc <= 0)
		return rc;
	it->label = arena_str(&sc->list->arena, stmt_get_str(q, 0)).p;
	it->used = stmt_get_int(q, 1);
	return 0;
}

static int see_context(struct scan *sc, int dirfd, const char *name, struct err *e)
{
	struct stat st;
	if (strchr(name, '.'))
		return see_junk(sc, "contexts", dirfd, name); /* of an interrupted write */
	struct gc_item *it = add(sc, GC_CONTEXT, "contexts", name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		it->bytes = (uint64_t)st.st_size;
		it->used = st.st_mtime;
	}
	return digest_from_hex(str_of(name), &it->id) ? ask_used(sc, it, e) : 0;
}

static int see_tmp(struct scan *sc, int dirfd, const char *name, struct err *e)
{
	(void)dirfd;
	(void)e;
	cleanup_free char *path = mem_printf("tmp/%s", name);
	if (sc->s->tmp_name && strcmp(path, sc->s->tmp_name) == 0)
		return 0;
	add(sc, GC_JUNK, "tmp", name);
	return 0;
}

int gc_list(struct store *s, const struct gc_roots *roots, struct gc_list *ret, struct err *e)
{
	cleanup_buf struct buf digests = {0};
	if (roots && roots->fn)
		TRY(roots->fn(roots->arg, &digests, e));
	size_t n = digests.len / DIGEST_SIZE;
	if (n)
		qsort(digests.p, n, DIGEST_SIZE, by_digest);
	cleanup_gc_list struct gc_list list = {0};
	struct scan sc = {.s = s,
	    .list = &list,
	    .roots = (const struct digest *)(const void *)digests.p,
	    .nroots = n};
	TRY(each_name(&sc, "layers", see_layer, e));
	TRY(see_lost_rows(&sc, e));
	TRY(blobs_each(s->blobs, see_blob, &sc, e));
	TRY(each_name(&sc, "blobs", see_in_blobs, e));
	TRY(each_name(&sc, "mounts", see_mount, e));
	TRY(each_name(&sc, "contexts", see_context, e));
	TRY(each_name(&sc, "tmp", see_tmp, e));
	*ret = list;
	list = (struct gc_list){0};
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing what is to be remembered: the walk's entries, the names it dropped and what was remembered before go by together, in
 * path_cmp order. In that order a folder's names come right behind it, so records nest by themselves: a folder ends where
 * a path comes that is not below it.
 */
#include "snapshotter/context_cache.h"

#include <dirent.h>

#include "base/fs.h"
#include "base/mem.h"

/* What was remembered before, as a stream of paths. */
struct level {
	struct known_folder rest;
	size_t len; /* of the folder's path */
};
struct old {
	struct level *stack;
	size_t depth, cap;
	struct buf path;
	struct known_name now;
	bool more;
};

static void old_down(struct old *o, struct known_folder f)
{
	MEM_ROOM(o->stack, o->depth, o->cap);
	o->stack[o->depth++] = (struct level){f, o->path.len};
}

static void old_next(struct old *o)
{
	if (o->more && o->now.folder.at)
		old_down(o, o->now.folder);
	o->more = false;
	while (o->depth && !o->more) {
		struct level *l = &o->stack[o->depth - 1];
		o->more = known_next(&l->rest, &o->now);
		o->path.len = l->len;
		if (!o->more)
			o->depth--;
	}
	if (!o->more)
		return;
	if (o->path.len)
		buf_putc(&o->path, '/');
	buf_str(&o->path, o->now.name);
}

static void old_done(struct old *o)
{
	mem_free(o->stack);
	buf_done(&o->path);
}

/* --- records --- */

struct open_folder {
	struct str path;
	size_t at; /* of its struct cache_folder in the output */
	size_t names;
	bool taken; /* that its names are all there was known before, and is not from this walk */
};
struct writer {
	struct buf out;
	struct open_folder *stack; /* the folders around what is written now */
	size_t depth, cap;
	struct arena arena; /* their paths */
};

static void close_folder(struct writer *w)
{
	const struct open_folder *f = &w->stack[--w->depth];
	struct cache_folder folder;
	memcpy(&folder, w->out.p + f->at, sizeof(folder));
	folder.below = w->out.len - f->names;
	memcpy(w->out.p + f->at, &folder, sizeof(folder));
}

/* A name that was remembered is not written: the folder around it has to be listed again, unless this walk has done so. */
static void left_out(struct writer *w)
{
	const struct open_folder *f = &w->stack[w->depth - 1];
	static const uint64_t no = 0;
	if (f->taken)
		memcpy(w->out.p + f->at + offsetof(struct cache_folder, whole), &no, sizeof(no));
}

static void put(struct writer *w, struct str name, uint8_t type, uint8_t kind, const void *more, size_t size)
{
	static const char zeros[CACHE_ALIGN];
	struct cache_record rec = {.len = (uint16_t)name.len, .type = type, .kind = kind};
	buf_add(&w->out, &rec, sizeof(rec));
	buf_add(&w->out, more, size);
	buf_str(&w->out, name);
	buf_add(&w->out, zeros, cache_name_room(name.len) - name.len);
}

static void put_folder(struct writer *w, struct str path, const struct stamp *stamp, bool whole, bool taken)
{
	struct cache_folder folder = {.stamp = *stamp, .whole = whole};
	size_t at = w->out.len + sizeof(struct cache_record);
	put(w, path_base(path), DT_DIR, CACHE_FOLDER, &folder, sizeof(folder));
	MEM_ROOM(w->stack, w->depth, w->cap);
	w->stack[w->depth++] = (struct open_folder){arena_str(&w->arena, path), at, w->out.len, taken};
}

/* Closes the folders that path is not in. False: the folder that it is in was not written. */
static bool go_to(struct writer *w, struct str path)
{
	struct str parent = path_parent(path);
	while (w->depth > 1 && !path_within(path, w->stack[w->depth - 1].path))
		close_folder(w);
	return str_eq(parent, w->stack[w->depth - 1].path);
}

static uint8_t dirent_type(uint8_t type)
{
	static const uint8_t types[] = {[ENTRY_FILE] = DT_REG, [ENTRY_DIR] = DT_DIR, [ENTRY_SYMLINK] = DT_LNK, [ENTRY_FIFO] = DT_FIFO,
	    [ENTRY_CHAR] = DT_CHR, [ENTRY_BLOCK] = DT_BLK};
	return type < ARRAY_LEN(types) ? types[type] : DT_UNKNOWN;
}

/* `old` is what was remembered of the same path, or NULL: a folder of which this walk saw a part still has the names of then,
 * while its stamp is the same. */
static void put_entry(struct writer *w, struct str path, const struct meta *m, const struct known_name *old)
{
	if (m->type == ENTRY_DIR) {
		bool same = old && old->folder.at && old->folder.whole && stamp_eq(old->folder.stamp, &m->stamp);
		put_folder(w, path, &m->stamp, (m->whole && !m->racy) || same, !m->whole);
	} else if (m->type == ENTRY_FILE && m->stamp.size && !m->racy && !digest_none(&m->digest)) {
		struct cache_file file = {m->stamp, m->digest};
		put(w, path_base(path), DT_REG, CACHE_FILE, &file, sizeof(file));
	} else {
		put(w, path_base(path), dirent_type(m->type), CACHE_NAME, NULL, 0);
	}
}

static void put_old(struct writer *w, struct str path, const struct known_name *k)
{
	if (k->folder.at) {
		put_folder(w, path, k->folder.stamp, k->folder.whole, true);
	} else if (k->stamp) {
		struct cache_file file = {*k->stamp, *k->digest};
		put(w, k->name, k->type, CACHE_FILE, &file, sizeof(file));
	} else {
		put(w, k->name, k->type, CACHE_NAME, NULL, 0);
	}
}

/* --- the whole --- */

struct merge {
	const struct walked *now;
	struct old old;
	size_t entry, dropped; /* next ones */
	bool (*covered)(void *arg, struct str path);
	void *arg;
};

/* The smallest path that is next. False: all is done. */
static bool next_path(const struct merge *m, struct str *ret)
{
	bool any = false;
	struct str all[3];
	size_t n = 0;
	if (m->entry < m->now->n)
		all[n++] = m->now->entries[m->entry].path;
	if (m->dropped < m->now->ndropped)
		all[n++] = m->now->dropped[m->dropped].path;
	if (m->old.more)
		all[n++] = buf_view(&m->old.path);
	for (size_t i = 0; i < n; i++) {
		if (!any || path_cmp(all[i], *ret) < 0)
			*ret = all[i];
		any = true;
	}
	return any;
}

static void put_next(struct writer *w, struct merge *m, struct str path)
{
	const struct walked *now = m->now;
	const struct known_name *old = m->old.more && str_eq(buf_view(&m->old.path), path) ? &m->old.now : NULL;
	bool entry = m->entry < now->n && str_eq(now->entries[m->entry].path, path);
	bool dropped = m->dropped < now->ndropped && str_eq(now->dropped[m->dropped].path, path);
	if (go_to(w, path)) {
		if (entry)
			put_entry(w, path, &now->metas[m->entry], old);
		else if (dropped)
			put(w, path_base(path), now->dropped[m->dropped].type, CACHE_NAME, NULL, 0);
		else if (!m->covered(m->arg, path))
			put_old(w, path, old);
		else
			left_out(w);
	}
	m->entry += entry;
	m->dropped += dropped;
	if (old) /* last: path may be in its buffer */
		old_next(&m->old);
}

int remembered_write(const struct remembered *old, bool (*covered)(void *arg, struct str path), void *arg, const struct walked *now,
    int dirfd, const char *name, struct err *e)
{
	struct cache_header h = {.version = CACHE_VERSION};
	struct merge m = {.now = now, .covered = covered, .arg = arg};
	struct writer w = {0};
	struct known_name top = {.folder = remembered_root(old)};
	struct str path;
	memcpy(h.magic, CACHE_MAGIC, sizeof(h.magic));
	buf_add(&w.out, &h, sizeof(h));
	put_entry(&w, STR(""), &now->root, &top);
	if (top.folder.at)
		old_down(&m.old, top.folder);
	old_next(&m.old);
	while (next_path(&m, &path))
		put_next(&w, &m, path);
	while (w.depth)
		close_folder(&w);
	h.size = w.out.len - sizeof(h);
	h.crc = compress_crc32(0, w.out.p + sizeof(h), h.size);
	memcpy(w.out.p, &h, sizeof(h));
	int rc = fs_write_atomic(dirfd, name, buf_view(&w.out), 0600, false, e);
	old_done(&m.old);
	buf_done(&w.out);
	mem_free(w.stack);
	arena_done(&w.arena);
	return rc;
}

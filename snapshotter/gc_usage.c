/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of the disk the store takes. Layers share files by hard links, so every folder is walked and a file with several names
 * counts the first time only. The walk begins with what would be thrown away last: then an item's bytes are what comes free when
 * all that goes before it is gone, and a sum over the oldest ones is what removing them brings.
 */
#include "snapshotter/gc.h"
#include "snapshotter/store_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"

struct measure {
	struct map seen; /* dev and inode of files with several names: `once` or `again` */
	uint64_t bytes, shared;
};

static void count(struct measure *m, const struct stat *st)
{
	static char once, again;
	uint64_t bytes = (uint64_t)st->st_blocks * 512;
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
		uint64_t id[2] = {st->st_dev, st->st_ino};
		struct str key = {(const char *)id, sizeof(id)};
		const void *then = map_get(&m->seen, key);
		if (then == &once)
			m->shared += bytes;
		if (then != &again)
			map_set(&m->seen, key, then ? &again : &once);
		if (then)
			return;
	}
	m->bytes += bytes;
}

static void measure(struct measure *m, int dirfd, const char *name)
{
	struct stat st;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	count(m, &st);
	if (!S_ISDIR(st.st_mode))
		return;
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	while ((d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			measure(m, fd, d->d_name);
	closedir(dir);
}

static int last_to_go_first(const void *a, const void *b)
{
	const struct gc_item *x = a, *y = b;
	if (x->loose != y->loose)
		return x->loose ? 1 : -1;
	return -gc_oldest_first(a, b);
}

void gc_measure(struct store *s, struct gc_list *l, unsigned kinds)
{
	struct measure m = {0};
	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), last_to_go_first);
	for (size_t i = 0; i < l->n; i++) {
		uint64_t before = m.bytes;
		if (!(kinds & 1u << l->items[i].kind))
			continue;
		measure(&m, s->fd, l->items[i].name);
		l->items[i].bytes = m.bytes - before;
	}
	l->shared = m.shared;
	map_done(&m.seen);
}

static uint64_t database_size(struct store *s)
{
	static const char *const names[] = {"cooper.db", "cooper.db-wal", "cooper.db-shm"};
	struct measure m = {0};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		measure(&m, s->fd, names[i]);
	map_done(&m.seen);
	return m.bytes;
}

static int count_records(struct store *s, uint64_t *ret, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "SELECT COUNT(*) FROM records", &st, e));
	int rc = stmt_next(st, e);
	if (rc < 0)
		return rc;
	*ret = (uint64_t)stmt_get_int(st, 0);
	return 0;
}

int gc_usage(struct store *s, const struct gc_list *list, struct gc_usage *ret, struct err *e)
{
	struct gc_usage u = {.database = database_size(s)};
	TRY(count_records(s, &u.records, e));
	for (size_t i = 0; i < list->n; i++) {
		const struct gc_item *it = &list->items[i];
		u.bytes[it->kind] += it->bytes;
		u.loose[it->kind] += it->loose ? it->bytes : 0;
		u.count[it->kind]++;
	}
	*ret = u;
	return 0;
}

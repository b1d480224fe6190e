/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of the disk the store takes. Layers share files by hard links, so every folder is walked and a file with
 * several names counts the first time only. What this process may not look into counts nothing.
 */
#include "snapshotter/gc.h"
#include "snapshotter/store_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"

struct measure {
	struct map seen; /* dev and inode of files with several names */
	uint64_t bytes, shared;
};

static void count(struct measure *m, const struct stat *st)
{
	uint64_t bytes = (uint64_t)st->st_blocks * 512;
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
		uint64_t id[2] = {st->st_dev, st->st_ino};
		struct str key = {(const char *)id, sizeof(id)};
		if (map_has(&m->seen, key)) {
			m->shared += bytes;
			return;
		}
		map_set(&m->seen, key, m);
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

int gc_usage(struct store *s, const struct gc_roots *roots, struct gc_usage *ret, struct err *e)
{
	cleanup_gc_list struct gc_list list = {0};
	struct gc_usage u = {0};
	struct measure m = {0};
	TRY(gc_list(s, roots, false, &list, e));
	TRY(count_records(s, &u.records, e));
	for (size_t i = 0; i < list.n; i++) {
		const struct gc_item *it = &list.items[i];
		uint64_t before = m.bytes;
		measure(&m, s->fd, it->name);
		u.bytes[it->kind] += m.bytes - before;
		u.count[it->kind]++;
		if (it->loose)
			u.loose += m.bytes - before;
	}
	u.shared = m.shared;
	u.database = database_size(s);
	map_done(&m.seen);
	*ret = u;
	return 0;
}

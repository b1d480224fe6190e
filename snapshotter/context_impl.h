/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CONTEXT_IMPL_H
#define COOPER_CONTEXT_IMPL_H

/* What the files of the context share. For context*.c only. */
#include <pthread.h>
#include <sys/stat.h>

#include "snapshotter/compress.h"
#include "snapshotter/context.h"

/* What of a file's metadata says that its bytes are what they were. */
struct stamp {
	uint64_t dev, ino, size;
	int64_t mtime, ctime; /* nanoseconds */
};
struct stamp stamp_of(const struct stat *st);
static inline bool stamp_eq(const struct stamp *a, const struct stamp *b)
{
	return a->ino == b->ino && a->ctime == b->ctime && a->mtime == b->mtime && a->size == b->size &&
	       a->dev == b->dev;
}

/* What is known of an entry beside its struct entry: metas[i] belongs to entries[i]. */
struct meta {
	struct stamp stamp;
	struct digest digest; /* none: not known */
	uint8_t type;         /* before hard links were found: FILE for what is LINK in the entry */
	bool linked;          /* has more than one name */
	bool racy;            /* changed so shortly before the walk that a later change could look the same */
};

/* --- context_walk.c --- */

/* Entries in path_cmp order with their metas; strings are in the arenas of the walk. */
struct walked {
	struct entry *entries;
	struct meta *metas;
	size_t n;
	struct arena *arenas; /* of `narenas` threads; taken over by the context */
	unsigned narenas;
};
/* Walks path with its parent folders. On failure `ret` is empty. */
int context_walk(int rootfd, struct str path, const struct context_filter *filter, unsigned threads,
    const struct cancel *cancel, struct walked *ret, struct err *e);
void walked_done(struct walked *w);

/* --- context_cache.c --- */

/* The remembered digests: a file of records in path_cmp order, read by merging with a walk. */
struct remembered {
	const uint8_t *map; /* NULL: none */
	size_t size;
};
/* A missing, damaged or foreign file gives an empty one. */
void remembered_open(int dirfd, const char *name, struct remembered *ret);
void remembered_done(struct remembered *r);
/* Fills in the digests of files whose stamp is the remembered one. */
void remembered_apply(const struct remembered *r, const struct entry *entries, struct meta *metas, size_t n);
/* Writes what is known of the walk now, and of what is remembered all that the walk did not cover. */
int remembered_write(const struct remembered *old, bool (*covered)(void *arg, struct str path), void *arg,
    const struct entry *entries, const struct meta *metas, size_t n, int dirfd, const char *name, struct err *e);

/* --- context.c and context_digest.c --- */

struct context {
	char *path;
	int fd;
	struct context_filter filter; /* excluded may be NULL */
	int cache_dirfd;              /* -1: nothing is remembered */
	char *cache_name;
	struct remembered remembered;
	bool loaded, changed; /* remembered was read; it should be written */

	pthread_mutex_t lock; /* guards all that follows, and the two above */
	struct str *roots;    /* what was walked */
	size_t nroots, roots_cap;
	struct index *index; /* the newest state; entries are never changed once they are in it */
	struct meta *metas;
	struct view *view;
	struct index **old_indexes; /* states that somebody may still look at */
	struct view **old_views;
	size_t nold, old_cap, old_views_cap;
	struct arena *arenas;
	size_t narenas, arenas_cap;
};
/* The entry's number, of a hard link the first name's; -1 when the path is no walked file. *hint (starts at 0):
 * makes asking in order cheap. The lock is held. */
ptrdiff_t context_file_number(struct context *c, struct str path, size_t *hint);
/* Takes in a digest. The lock is held. */
void context_remember(struct context *c, size_t i, const struct digest *d);

#endif

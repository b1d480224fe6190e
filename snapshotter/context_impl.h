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
	bool whole;           /* DIR: all its names are known, those that the filter takes away too */
};

/* --- context_cache.c --- */

/* What is remembered of a context: a file of nested records, folder by folder. */
struct remembered {
	const uint8_t *map; /* NULL: none */
	size_t size;
};
/* What is remembered of one folder. */
struct known_folder {
	const uint8_t *at, *end; /* its names; at is NULL when nothing is known of it */
	const struct stamp *stamp;
	bool whole;              /* as long as its stamp is this one, these are all its names */
};
struct known_name {
	struct str name;             /* NUL-terminated */
	uint8_t type;                /* DT_* */
	const struct stamp *stamp;   /* of a file whose digest is known; else NULL */
	const struct digest *digest;
	struct known_folder folder;
};
/* A missing, damaged or foreign file gives an empty one. */
void remembered_open(int dirfd, const char *name, struct remembered *ret);
void remembered_done(struct remembered *r);
struct known_folder remembered_root(const struct remembered *r);
/* Takes the next name off, in the order of their bytes. False: there are no more. */
bool known_next(struct known_folder *f, struct known_name *ret);

/* --- context_walk.c --- */

/* A name that the filter took away, or a folder of which nothing was left. */
struct dropped {
	struct str path;
	uint8_t type; /* DT_* */
};
/* Entries in path_cmp order with their metas; strings are in the arenas of the walk. */
struct walked {
	struct entry *entries;
	struct meta *metas;
	size_t n;
	struct dropped *dropped; /* in path_cmp order too */
	size_t ndropped;
	struct meta root;        /* of the context's folder itself */
	bool news;               /* a folder's names had to be read because what was remembered of it is old */
	struct arena *arenas; /* of `narenas` threads; taken over by the context */
	unsigned narenas;
};
struct walk {
	int rootfd;
	const struct context_filter *filter;
	const struct remembered *remembered;
	const struct cancel *cancel;
	unsigned threads; /* 0: one a core */
};
/* Walks path with its parent folders; the digests of files that are what is remembered are filled in. On failure `ret` is empty. */
int context_walk(const struct walk *what, struct str path, struct walked *ret, struct err *e);
void walked_done(struct walked *w);

/* --- context_flat.c --- */

struct walk_folder;
/* One name; there may be very many, so it has only what an entry and its meta are made of. */
struct walk_item {
	struct str path, target;
	struct walk_folder *sub;     /* of a folder that is walked */
	const struct digest *digest; /* in the file of what is remembered; may be NULL */
	struct stamp stamp;
	int64_t mtime;
	uint32_t mtime_nsec, mode, major, minor;
	uint8_t type;
	bool linked; /* has more than one name */
	bool racy;
	bool excluded; /* kept only when something below it is */
};
struct walk_folder {
	struct str path; /* NUL-terminated; empty: the root */
	struct known_folder known;
	struct stamp stamp;      /* from before its names were read */
	struct walk_item *items;
	struct dropped *dropped; /* in the order of their names */
	size_t n, ndropped, nsubs;
	size_t total; /* entries that come of it and what is below it; set by walk_flatten */
	bool excluded, racy, whole;
	struct walk_folder *next; /* in the stack of those to be read */
};
/* Makes entries, metas and the list of dropped names. */
void walk_flatten(struct walk_folder *root, unsigned threads, struct walked *out);

/* --- context_names.c --- */

struct name {
	uint64_t head; /* the first 8 bytes, big end first: most comparisons end here */
	struct str path;
	uint32_t base; /* where the name begins in path */
	uint8_t type;  /* DT_* */
	const struct stamp *stamp;   /* of what is remembered of it; may be NULL */
	const struct digest *digest;
	struct known_folder folder;
};
/* The names in one folder, in the order of their bytes; the arrays are used again for the next one. */
struct names {
	struct name *all;
	size_t n, cap;
	uint8_t *dents;
};
/* Those that are remembered; paths go to the arena. */
void names_remembered(struct names *ns, struct arena *a, const struct walk_folder *f);
/* Those that the system lists, with what is remembered of them. */
int names_listed(struct names *ns, struct arena *a, const struct walk_folder *f, int fd, struct err *e);
/* Fills in what is remembered of one name. */
void name_recall(const struct walk_folder *f, struct name *n);
void names_done(struct names *ns);

/* --- context_save.c --- */

/* Writes what is known of the walk now, and of what is remembered all that the walk did not cover. */
int remembered_write(const struct remembered *old, bool (*covered)(void *arg, struct str path), void *arg, const struct walked *now,
    int dirfd, const char *name, struct err *e);

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
	struct dropped *dropped;
	size_t ndropped;
	struct meta root; /* of the folder itself */
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

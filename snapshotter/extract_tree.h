/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_EXTRACT_TREE_H
#define COOPER_EXTRACT_TREE_H

/*
 * What an extraction has made so far, in memory: names, the inodes behind them, and open descriptors of folders that were used
 * lately. Symlinks in parents are resolved here, on names, so the file system is only ever asked for paths that hold none.
 */
#include "base/arena.h"
#include "base/map.h"
#include "snapshotter/index.h"

struct xinode {
	struct entry en;      /* its path is not used */
	bool missing;         /* could not be made here (devices): in the index only */
	struct xnode *first;  /* for extract_finish: the name that is not a hard link */
};

struct xnode {
	struct str path;      /* NUL-terminated */
	struct xinode *inode; /* NULL: a folder that no entry named */
	struct xnode *parent, *child, *next, *prev; /* child: the newest; next, prev: siblings */
	int slot;             /* of its open descriptor, -1 = none */
};

enum { XTREE_FDS = 64 };

struct xtree {
	struct arena arena;
	struct xnode root;
	int rootfd;           /* borrowed; -1: names only, nothing is on disk */
	struct map nodes;     /* by path; NULL: was there */
	struct {
		struct xnode *node;
		int fd;
	} slots[XTREE_FDS];
	int next_slot;
};

void xtree_init(struct xtree *t, int rootfd);
void xtree_done(struct xtree *t);
struct xnode *xtree_find(struct xtree *t, struct str path); /* NULL; "" gives the root */
bool xnode_is_dir(const struct xnode *n);
bool xnode_is(const struct xnode *n, enum entry_type type);
const char *xnode_base(const struct xnode *n);
/* Where `dir` (clean, relative) leads when symlinks made so far are followed inside the root. What does not exist is taken by
 * name. ERR_CORRUPT: a loop, or something on the way is not a folder. */
int xtree_resolve(struct xtree *t, struct str dir, struct buf *ret, struct err *e);
/* The folder at a resolved path, made (0700) when it is not there. */
int xtree_folder(struct xtree *t, struct str path, struct xnode **ret, struct err *e);
/* Adds a name to a folder; nothing is made on disk. */
struct xnode *xtree_add(struct xtree *t, struct xnode *parent, struct str base);
/* Removes the node with all below it, on disk too. */
int xtree_remove(struct xtree *t, struct xnode *n, struct err *e);
/* O_PATH descriptor of a folder; borrowed until the next call. */
int xtree_fd(struct xtree *t, struct xnode *dir, int *ret, struct err *e);

#endif

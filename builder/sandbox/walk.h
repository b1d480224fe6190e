/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_WALK_H
#define COOPER_SANDBOX_WALK_H

/*
 * Finds, and makes, a path inside a root without the kernel ever following a link: every component is opened with
 * O_NOFOLLOW, links are read and expanded here, ".." never leaves the root. Calls nothing that is unsafe after a clone,
 * and allocates nothing.
 */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum walk_make {
	WALK_FIND,   /* nothing is made */
	WALK_FOLDER, /* missing components become folders, 0755 */
	WALK_FILE    /* the same, but a missing last one becomes an empty file, 0644 */
};

struct walk {
	int root; /* O_PATH folder, borrowed */
	/* Called before `name` is made in the folder `parent` whose real path is `real` ("" = root), and after. May be
	 * NULL. */
	void (*before)(struct walk *w, int parent, const char *name, bool folder);
	void (*after)(struct walk *w, int parent, const char *name, bool folder);
	void *arg;
	char real[PATH_MAX]; /* out: path without links, relative to root */
	size_t len;
	/* scratch */
	char rest[2 * PATH_MAX], link[PATH_MAX];
};

/* Returns an O_PATH descriptor, or -1 with errno: ELOOP after 40 links, ENAMETOOLONG, ENOTDIR, ENOENT ... */
int walk_path(struct walk *w, const char *path, enum walk_make make);

#endif

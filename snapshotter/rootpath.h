/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ROOTPATH_H
#define COOPER_ROOTPATH_H

/*
 * Paths inside a root, by descriptor: openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), with an O_PATH|O_NOFOLLOW walk
 * where the kernel or a filter does not have it. No result ever lies outside of the root, whatever is renamed meanwhile.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Opens path inside rootfd; flags as open(2), O_CLOEXEC is added. ERR_NOT_FOUND, ERR_SYS. */
int rootpath_open(int rootfd, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e);
/* The same, but no component may be a symlink (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS): for layer folders and contexts. */
int rootpath_open_nolinks(int rootfd, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e);
/* Opens the folder that holds path's last component (no symlinks on the way); the component goes to *ret_base, which
 * points into path. Missing parents are made 0755 when `make` is true. */
int rootpath_parent(int rootfd, const char *path, bool make, int *ret_dirfd, const char **ret_base, struct err *e);
/* The walk on foot that the others fall back on (links: symlinks and ".." are followed inside the root); for tests. */
int rootpath_walk(int rootfd, const char *path, int flags, mode_t mode, bool links, int *ret_fd, struct err *e);

#endif

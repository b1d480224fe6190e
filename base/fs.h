/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_FS_H
#define COOPER_FS_H

/* Files by descriptor: make, remove a tree, write then rename. Every descriptor is close-on-exec. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* mkdir -p below dirfd (AT_FDCWD works); existing folders are fine. */
int fs_mkdirs(int dirfd, const char *path, mode_t mode, struct err *e);
/* O_PATH|O_DIRECTORY descriptor. */
int fs_open_dir(int dirfd, const char *path, int *ret_fd, struct err *e);
/* Removes name below dirfd with all its content; never follows symlinks; folders without permissions are opened up first;
 * a missing one is fine. */
int fs_remove_tree(int dirfd, const char *name, struct err *e);
/* Writes a file so that name holds the old or the new bytes, whatever happens: temporary, fsync when `sync`, rename. */
int fs_write_atomic(int dirfd, const char *name, struct str bytes, mode_t mode, bool sync, struct err *e);
/* Makes a fresh folder `<prefix>XXXXXX` below dirfd, mode 0700; the name goes to ret_name (mem_free). */
int fs_temp_dir(int dirfd, const char *prefix, char **ret_name, struct err *e);
/* A fresh file `<prefix>XXXXXX` below dirfd, opened O_RDWR, mode 0600. */
int fs_temp_file(int dirfd, const char *prefix, char **ret_name, int *ret_fd, struct err *e);
bool fs_exists(int dirfd, const char *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_FILEOWNER_H
#define COOPER_FILEOWNER_H

/*
 * Whom a file in the store's folders belongs to. In a user namespace with one id files cannot be given away; there the owner
 * of a regular file or folder is written into an extended attribute as "UID:GID". Its name is reserved: it never travels into
 * an index, and nobody believes it anywhere but in such a namespace.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define FILEOWNER_XATTR "user.cooper.owner"

struct fileowner {
	uint32_t uid, gid; /* what new files get by themselves */
	bool single;       /* a user namespace with one id */
};
void fileowner_init(struct fileowner *f);

/* Gives what stands at `name` below dirfd ("" or NULL: the descriptor itself, which is not O_PATH) to uid:gid; symlinks are not
 * followed. `type`: its S_IFMT bits; only regular files and folders can carry the note. With one id nothing else is left without
 * an error: the index knows. ERR_SYS: errno says why. */
int fileowner_set(const struct fileowner *f, int dirfd, const char *name, mode_t type, uint32_t uid, uint32_t gid, struct err *e);

/* What the attribute says; false: there is none that can be read. */
bool fileowner_read(int dirfd, const char *name, uint32_t *ret_uid, uint32_t *ret_gid);

#endif

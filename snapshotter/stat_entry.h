/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_STAT_ENTRY_H
#define COOPER_STAT_ENTRY_H

/* What the kernel says of a name, in the words of an index. */
#include <sys/stat.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* ENTRY_* of a file's mode; 0 for what an index has no type for: a socket. */
uint8_t stat_entry_type(mode_t mode);
/* The text of the symlink `name`, in `a`. ERR_LIMIT when it is longer than `st` says: it is being changed. */
int stat_entry_target(
    struct arena *a, int dirfd, const char *name, const struct stat *st, struct str *ret, struct err *e);

#endif

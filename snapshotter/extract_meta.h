/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_EXTRACT_META_H
#define COOPER_EXTRACT_META_H

/* Owner, mode, attributes and times of what an extraction made. Only for layer_extract.c. */
#include <sys/types.h>

#include "base/err.h"
#include "snapshotter/fileowner.h"
#include "snapshotter/index.h"

/* Of an open file or folder: owner, mode (when it is not `has`), xattrs, times. */
int extract_set_open(const struct fileowner *f, int fd, const struct entry *en, mode_t has, struct err *e);
/* Of anything else: owner, mode, times. */
int extract_set_special(const struct fileowner *f, int dirfd, const char *name, const struct entry *en, struct err *e);
/* name "": of the descriptor. */
int extract_set_times(int dirfd, const char *name, const struct entry *en, struct err *e);
/* The owner (name "": of the descriptor). ERR_DENIED names an id that is not mapped here. */
int extract_set_owner(const struct fileowner *f, int dirfd, const char *name, const struct entry *en, struct err *e);

#endif

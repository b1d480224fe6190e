/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_EXTRACT_META_H
#define COOPER_EXTRACT_META_H

/* Owner, mode, attributes and times of what an extraction made. Only for layer_extract.c. */
#include <sys/types.h>

#include "base/err.h"
#include "snapshotter/index.h"

struct extract_ids {
	uint32_t uid, gid; /* what new files get by themselves */
	bool single;       /* a user namespace with one id only: owners cannot be set here, the index has them */
};

/* Of an open file or folder: owner, mode (when it is not `has`), xattrs, times. */
int extract_set_open(struct extract_ids *x, int fd, const struct entry *en, mode_t has, struct err *e);
/* Of anything else: owner, mode, times. */
int extract_set_special(struct extract_ids *x, int dirfd, const char *name, const struct entry *en, struct err *e);
/* name "": of the descriptor. */
int extract_set_times(int dirfd, const char *name, const struct entry *en, struct err *e);
/* What a failed chown (errno) means: nothing in a namespace of a single id, else ERR_DENIED or ERR_SYS. */
int extract_no_owner(struct extract_ids *x, const struct entry *en, const char *name, struct err *e);

#endif

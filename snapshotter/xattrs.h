/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_XATTRS_H
#define COOPER_XATTRS_H

/* Packed extended attributes: repeated { name, NUL, length as 4 bytes little-endian, value }, sorted by name. */
#include "base/buf.h"
#include "base/err.h"

/* Iterates: *at starts at 0; true for each attribute. */
bool xattrs_next(struct str packed, size_t *at, struct str *ret_name, struct str *ret_value);
void xattrs_add(struct buf *packed, struct str name, struct str value); /* keeps the order: caller adds sorted */

/* May a layer carry it? security.capability of version 2 (3 with root id 0 becomes 2, in `scratch`, which *value then points to)
 * and user.* (but not the note of fileowner.h), within the kernel's limits of size. */
bool xattrs_travels(struct str name, struct str *value, struct buf *scratch);

/* Reads what a layer may carry from an open file (O_PATH allowed) or, for symlinks and the like, from name below dirfd:
 * security.capability (a v3 one with our root id becomes v2) and user.* but not *.overlay.*; system.* and the rest of
 * security.* and trusted.* never travel. An escaped user.overlay.overlay.x becomes user.overlay.x. name NULL or "": the
 * descriptor itself. */
int xattrs_read(int dirfd, const char *name, struct buf *packed, struct err *e);
/* Sets them on name below dirfd (not following; NULL or "": the descriptor itself), user.overlay.x escaped; one that the file system refuses is left out and counted. */
int xattrs_write(int dirfd, const char *name, struct str packed, unsigned *ret_refused, struct err *e);

#endif

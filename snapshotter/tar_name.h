/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TAR_NAME_H
#define COOPER_TAR_NAME_H

/* Names in a foreign layer tar: made clean or refused, and what they say beyond a path. */
#include "base/buf.h"
#include "base/err.h"

enum { TAR_DEPTH_MAX = 512 }; /* folders in one path; what we write we can read */

enum tar_mark { TAR_MARK_NONE, TAR_MARK_WHITEOUT, TAR_MARK_OPAQUE, TAR_MARK_IGNORED };

/* ERR_CORRUPT with the name, quoted and cut. */
int tar_odd_name(struct str name, const char *why, struct err *e);
/* "/./a//b/" -> "a/b"; the root gives "". ERR_CORRUPT for "..", an empty name and components over 255 bytes, ERR_LIMIT
 * for what is too long or too deep. */
int tar_clean_name(struct str raw, struct buf *out, struct err *e);
/* Is the clean path a whiteout, an opaque marker, aufs' own? The path becomes what the mark is about. ERR_CORRUPT. */
int tar_find_mark(struct buf *path, enum tar_mark *ret, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TAR_PAX_H
#define COOPER_TAR_PAX_H

/* What PAX records say about the next entry (POSIX pax; GNU sparse records; SCHILY.xattr). Strict: a record that can be read in
 * two ways is ERR_CORRUPT. Keys that have no meaning for a layer are passed over. */
#include "base/buf.h"
#include "base/err.h"
#include "snapshotter/tar_sparse.h"

struct tar_pax {
	bool given;           /* a PAX header was read for the next entry */
	bool has_path, has_link, has_size, has_uid, has_gid, has_mtime;
	struct buf path, link;
	uint64_t size, uid, gid;
	int64_t mtime;
	uint32_t mtime_nsec;
	struct buf xattrs;    /* packed as they came; tar_pax_xattrs sorts */
	unsigned nxattrs;
	/* GNU.sparse.* */
	bool sparse, has_realsize;
	uint64_t major, minor, realsize;
	bool has_offset;      /* a 0.0 offset that waits for its numbytes */
	uint64_t offset;
	struct buf sparse_name;
	struct tar_sparse map; /* of 0.0 and 0.1 */
};

void tar_pax_clear(struct tar_pax *p); /* forgets what was said, keeps memory */
void tar_pax_done(struct tar_pax *p);
int tar_pax_parse(struct tar_pax *p, struct str bytes, struct err *e);
/* A global header: only what changes no entry is taken (comments). ERR_UNSUPPORTED. */
int tar_pax_parse_global(struct str bytes, struct err *e);
/* The attributes a layer may carry, packed and sorted by name, of equal names the last. */
void tar_pax_xattrs(const struct tar_pax *p, struct buf *out);

#endif

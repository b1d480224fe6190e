/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TAR_CHECK_H
#define COOPER_TAR_CHECK_H

/*
 * A quick check of plain tars that were made here. While one is written its CRC is taken, and kept as a memo under the tar's
 * digest; whoever reads the tar again, to compress it, sees by it that the disk gave back what was written, in a tenth of the
 * time that SHA-256 takes. It guards against a failing disk, not against people: those who can write to the store can write
 * its records too.
 */
#include "base/io.h"
#include "snapshotter/store.h"

struct tar_check {
	struct sink sink;
	struct sink *next;
	uint32_t crc;
	uint64_t bytes;
};
void tar_check_init(struct tar_check *c, struct sink *next);
void tar_check_add(struct tar_check *c, const void *p, size_t len); /* without a sink behind it */
int tar_check_note(const struct tar_check *c, struct store *s, const struct digest *diff_id, struct err *e);
/* What was noted of the tar. False: nothing. */
struct tar_mark {
	char text[32]; /* size and CRC */
};
bool tar_check_find(struct store *s, const struct digest *diff_id, struct tar_mark *ret);
/* Were these its bytes? */
bool tar_check_holds(const struct tar_check *c, const struct tar_mark *noted);

#endif

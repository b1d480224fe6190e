/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_INDEX_H
#define COOPER_INDEX_H

/*
 * The index of a layer: what it holds, entry by entry, without its bytes. It is the heart of the snapshotter: a layer's
 * identity is a digest of its index, COPY is worked out on indexes, cache misses are explained by comparing two of them,
 * and only the files that are really wanted are ever opened.
 *
 * Paths are relative ("etc/passwd"), bytes of any encoding, no "." or "..", no leading or trailing slash. The root itself
 * is not an entry. Entries are sorted by path_cmp: parents before children, siblings by bytes, the order of the layer tar.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

enum entry_type {
	ENTRY_FILE = 1,
	ENTRY_DIR,
	ENTRY_SYMLINK,
	ENTRY_LINK,     /* hard link; target is the path of the first name, a FILE (or FIFO, CHAR...) entry of the same index */
	ENTRY_FIFO,
	ENTRY_CHAR,
	ENTRY_BLOCK,
	ENTRY_WHITEOUT, /* hides the path in the layers below */
};

/*
 * What an entry says by type: strings made by index_add and index_read have a NUL behind their end. LINK carries mode, owner
 * and mtime of its first name, no size and no xattrs. A folder that is missing although something below it is there (foreign
 * layers) means: as in the layers below, else DIR 0755 0:0.
 */
struct entry {
	struct str path;
	uint8_t type;
	bool opaque;         /* DIR: hides all children of the layers below (OCI ".wh..wh..opq") */
	uint32_t mode;       /* permission bits, 07777; 0777 for symlinks; 0 for whiteouts */
	uint32_t uid, gid;   /* as inside the image */
	uint64_t size;       /* FILE: bytes */
	int64_t mtime;       /* seconds */
	uint32_t mtime_nsec;
	bool clock;          /* mtime is when a step of a build ran: the clock's, neither the step's nor its input's choice */
	uint32_t major, minor;
	struct digest digest; /* FILE: of its bytes; none while it is not known */
	struct str target;   /* SYMLINK: its text; LINK: path of the first name */
	struct str xattrs;   /* packed by xattrs.h, sorted by name; empty = none */
	uint32_t origin;     /* free for the holder: which source the bytes come from. Not stored, not hashed. */
};

struct index {
	struct arena arena;
	struct entry *entries;
	size_t n, cap;
};

/* '/' sorts before every other byte. */
int path_cmp(struct str a, struct str b);
/* Is `path` equal to dir or below it? The empty dir is the root: everything is. */
bool path_within(struct str path, struct str dir);
struct str path_parent(struct str path); /* "a/b" -> "a", "a" -> "" */
struct str path_base(struct str path);   /* "a/b" -> "b" */
/* Is it a path that an index may hold: components of 1-255 bytes, none "." or "..", no NUL. */
bool path_valid(struct str path);

struct index *index_new(void);
void index_free(struct index *ix);
static inline void index_cleanup(struct index **ix)
{
	index_free(*ix);
}
#define cleanup_index __attribute__((cleanup(index_cleanup)))
/* Appends a copy (strings too). The pointer is good until the next index_add. */
struct entry *index_add(struct index *ix, const struct entry *en);
/* Sorts by path; of equal paths the one added last stays. */
void index_sort(struct index *ix);
/* Of a sorted index; NULL if absent. */
struct entry *index_find(const struct index *ix, struct str path);
/* Narrows [*first, *last) to what is strictly below dir, which must lie in it; the entry of dir itself (or NULL) goes to
 * *ret_self. */
void index_range(const struct index *ix, struct str dir, size_t *first, size_t *last, struct entry **ret_self);

/*
 * The time of an entry in a layer tar for SOURCE_DATE_EPOCH `epoch` (INT64_MAX: there is none). Times after the epoch become it;
 * so do the clock's own, even earlier ones: on another machine the same step would have run later.
 */
static inline int64_t entry_time(const struct entry *en, int64_t epoch)
{
	bool epochs = en->mtime > epoch || (en->clock && epoch != INT64_MAX);
	return epochs ? epoch : en->mtime;
}
/* Is the tar for this epoch another one than without? */
bool index_clamps(const struct index *ix, int64_t epoch);

/*
 * Identities, of a sorted index whose digests are all known. The content id leaves times out: two layers with the same
 * content id are the same to every later step. The layer id has them (whole seconds, as the layer tar has, and which are the
 * clock's): for each epoch it names one tar, byte for byte, and so has one diff id.
 */
struct digest index_content_id(const struct index *ix);
struct digest index_layer_id(const struct index *ix);

/* Stored form: versioned, checksummed. Reading: ERR_NOT_FOUND, ERR_CORRUPT. */
int index_write(const struct index *ix, int dirfd, const char *name, struct err *e);
int index_read(int dirfd, const char *name, struct index **ret, struct err *e);
/* The same form in memory. */
void index_print(const struct index *ix, struct buf *out);
int index_parse(struct str bytes, struct index **ret, struct err *e);
/* The checksum that stands in the last 8 bytes of the form, over all that is before it. */
uint64_t index_checksum(struct str bytes);

#endif

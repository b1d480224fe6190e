/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_COPY_CARRY_H
#define COOPER_COPY_CARRY_H

/* Carrying out a plan: what copy_carry.c, copy_file.c and copy_queue.c share. */
#include <stdatomic.h>

#include "snapshotter/copy_impl.h"
#include "snapshotter/fileowner.h"

enum {
	CARRY_SMALL = 1024 * 1024,        /* files up to this are read whole, by any thread */
	CARRY_CHUNK = 1024 * 1024,        /* larger ones go through a buffer of this size */
	CARRY_AHEAD = 64 * 1024 * 1024,   /* bytes read before the tar wants them */
	CARRY_AHEAD_FILES = 256,
};

struct carry {
	struct store *store;
	const struct copy_args *args;
	struct copy_plan *plan;
	const struct copy_out *out;
	int folder;                       /* the layer's folder that is being made, or -1 */
	struct fileowner ids;
	bool inherits;                    /* what is made there does not belong to us by itself (a set-group-id folder above) */
	int former;                       /* folder of the former layer, or -1 */
	struct index *former_index;
	int former_tar;                   /* its tar, clamped as ours, or -1 */
	uint64_t *former_at;              /* by number in former_index: where the entry begins in that tar */
	uint32_t *former_of;              /* by entry: 1 + number of the same entry in former_index; 0: none. A FILE that has one is
	                                     linked already, and its tar bytes can be had. NULL: none has */
	char *former_chunk;
	struct tar_writer *tar;           /* or NULL */
	atomic_bool no_reflink;           /* tried, and the file system cannot */
	atomic_uint_fast64_t files_read, bytes_read, files_linked;
};

/* --- copy_file.c --- */
/* Where a FILE entry's bytes are: memory, or a range of a descriptor. */
struct bytes {
	const char *p;         /* memory, or NULL */
	int fd;                /* owned; -1 for memory */
	uint64_t at;           /* where in fd they begin */
	bool trusted;          /* they are what the entry's digest says */
	bool alone;            /* the file holds these bytes and nothing else: its length can be checked */
	const struct copy_source *source;
	struct entry en;       /* as the source knows it */
};

/* A small file: its bytes come into *data (mem_free; NULL when they are not wanted and were not needed), its digest into the
 * index, and it goes into the folder when there is one. */
int carry_small(struct carry *c, size_t i, bool want_data, char **data, struct err *e);
/* A large file, through a buffer, into the folder and the tar. */
int carry_large(struct carry *c, size_t i, struct err *e);
/* Owner, attributes, mode and times of what stands at the path in the folder. */
int carry_metadata(const struct carry *c, const struct entry *en, struct err *e);

/* --- copy_former.c --- */
/* Finds what is the same in the former layer and links its files; folders exist already. */
int carry_former(struct carry *c, struct err *e);
/* Writes entries `first` (which is in former_of) and those behind it that also follow each other in the former tar. */
int carry_former_span(struct carry *c, size_t first, size_t *ret_next, struct err *e);
bool carry_same(const struct entry *a, const struct entry *b); /* all but the path */
void carry_former_done(struct carry *c);

/* --- copy_queue.c --- */
/* All FILE entries on all cores; when there is a tar, everything goes into it in order. */
int carry_files(struct carry *c, struct err *e);

#endif

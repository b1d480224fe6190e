/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TAR_H
#define COOPER_TAR_H

/*
 * The layer tar (OCI image-spec, layer.md; POSIX pax), written by our own small writer so that the same index always gives
 * the same bytes: entries in index order, numeric owners, whole-second times, PAX records only where the ustar header cannot
 * say it, whiteouts as ".wh." files, two zero blocks at the end. And a strict reader for layers that come from outside.
 */
#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/index.h"

/* Opens the bytes of a FILE entry for reading (O_RDONLY); the writer closes it. */
typedef int tar_open_fn(void *arg, const struct entry *en, int *ret_fd, struct err *e);

struct tar_writer {
	struct sink *out;
	int64_t clamp;      /* the epoch that times are cut at (entry_time); INT64_MAX = leave them */
	uint64_t bytes;
	char *chunk;        /* what was written and not yet given to out; made when first needed */
	size_t fill;        /* bytes in it */
};
void tar_writer_init(struct tar_writer *w, struct sink *out, int64_t clamp);
/* Frees what a writer holds that did not get as far as tar_write_end (which frees it, too). */
void tar_writer_done(struct tar_writer *w);
/* One header (with its PAX records). FILE: exactly en->size bytes must follow by tar_write_data. */
int tar_write_entry(struct tar_writer *w, const struct entry *en, struct err *e);
int tar_write_data(struct tar_writer *w, const void *p, size_t len, struct err *e);
/* Pads the entry's data to a block. */
int tar_write_pad(struct tar_writer *w, uint64_t size, struct err *e);
/* A FILE's bytes from a descriptor and the padding. ERR_CORRUPT when there are not exactly en->size of them. */
int tar_write_file(struct tar_writer *w, const struct entry *en, int fd, struct err *e);
/* The end marker; everything is given to `out` when it returns. */
int tar_write_end(struct tar_writer *w, struct err *e);
/* A whole index; ERR_CORRUPT when a file's size is not what the index says. */
int tar_write_index(struct tar_writer *w, const struct index *ix, tar_open_fn *open, void *arg, struct err *e);

/* Limits for what comes from outside. */
struct tar_limits {
	uint64_t bytes;      /* of one layer, unpacked */
	uint64_t entries;
	size_t pax;          /* of one PAX or GNU long-name header */
};
extern const struct tar_limits tar_limits_default;

/* Gives up to len bytes of a plain tar; 0 at its end. */
typedef int tar_read_fn(void *arg, void *p, size_t len, size_t *ret, struct err *e);
/* A pull reader of what such a function gives: ustar, PAX, GNU long names, base-256 numbers, old V7, GNU sparse. Whatever has two
 * meanings is ERR_CORRUPT. */
struct tar_reader;
struct tar_reader *tar_reader_new(tar_read_fn *read, void *arg, const struct tar_limits *limits);
void tar_reader_free(struct tar_reader *r);
MEM_CLEANUP(tar_reader_cleanup, struct tar_reader, tar_reader_free)
/* 1 an entry, 0 the end, negative failure. The entry's path is cleaned ("./a//b" -> "a/b"; absolute: relative to the root; ""
 * for the root itself); ".." anywhere: ERR_CORRUPT. Strings are good until the next call. Whiteouts come as WHITEOUT
 * entries, opaque markers as DIR entries with `opaque` set and marker_only true. */
int tar_reader_next(struct tar_reader *r, struct entry *ret, bool *ret_marker_only, struct err *e);
/* Data of the current FILE entry; 0 bytes at its end. Sparse holes come as zeroes. */
int tar_reader_data(struct tar_reader *r, void *p, size_t len, size_t *ret, struct err *e);
/* How many of the next bytes are a hole of a sparse file (0: none). */
uint64_t tar_reader_hole(const struct tar_reader *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ARCHIVE_READER_H
#define COOPER_ARCHIVE_READER_H

/*
 * Archives that ADD unpacks: tar, plain or compressed with gzip, bzip2, xz or zstd, told by their bytes and not by their
 * names. Reading is done by libarchive in a module that is loaded when the first archive is met; entries come out as they
 * are written, and it is for the caller to place them safely.
 */
#include "base/mem.h"
#include "snapshotter/tar.h"

struct archive_reader;

enum { ARCHIVE_SNIFF = 512 };
/* Could this be the beginning of one? A quick no for nearly every file that is none, without loading anything. */
bool archive_reader_sniff(const void *p, size_t len);
/* The module, loaded when it was not. ERR_UNSUPPORTED. */
struct archive_api;
int archive_module(const struct archive_api **ret, struct err *e);
/* Reads from fd (borrowed) at its offset. ERR_NOT_FOUND: it is no archive, the text says why; ERR_UNSUPPORTED: no module. */
int archive_reader_open(int fd, const struct tar_limits *limits, struct archive_reader **ret, struct err *e);
void archive_reader_close(struct archive_reader *r);
MEM_CLEANUP(archive_reader_cleanup, struct archive_reader, archive_reader_close)
#define cleanup_archive_reader cleanup_with(archive_reader_cleanup)

/* 1 an entry, 0 the end, negative failure (ERR_CORRUPT, ERR_LIMIT). The path and the target of a LINK are raw: not clean, maybe
 * absolute, maybe climbing. Strings are good until the next call. */
int archive_reader_next(struct archive_reader *r, struct entry *ret, struct err *e);
/* Data of the current FILE entry; 0 bytes at its end. */
int archive_reader_data(struct archive_reader *r, void *p, size_t len, size_t *ret, struct err *e);

#endif

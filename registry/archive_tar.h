/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ARCHIVE_TAR_H
#define COOPER_ARCHIVE_TAR_H

/*
 * Just enough tar (POSIX.1-2001 ustar, pax names and sizes, GNU long names) for image archives, which hold plain files with
 * short names; layers are read and written elsewhere. For archive*.c alone.
 */
#include "base/io.h"

/* Where an archive's bytes come from: a descriptor, decompressed when it begins as gzip or zstd. */
struct archive_source;
int archive_source_open(int fd, struct archive_source **ret, struct err *e);
/* Fills as much of len as there is; *ret is smaller only at the end. */
int archive_source_read(struct archive_source *s, void *p, size_t len, size_t *ret, struct err *e);
void archive_source_close(struct archive_source *s);
MEM_CLEANUP(archive_source_cleanup, struct archive_source, archive_source_close)
#define cleanup_archive_source __attribute__((cleanup(archive_source_cleanup)))

enum tar_kind { TAR_FILE, TAR_FOLDER, TAR_SYMLINK, TAR_HARDLINK, TAR_OTHER };
struct tar_reader {
	struct archive_source *source; /* borrowed */
	uint64_t left, padding;        /* of the entry that is being read */
	/* the entry: strings live until the next tar_next */
	enum tar_kind kind;
	uint64_t size;
	struct buf name, link;
};
/* 1 for an entry, 0 at the end. ERR_CORRUPT. */
int tar_next(struct tar_reader *t, struct err *e);
/* The entry's bytes. */
int tar_read(struct tar_reader *t, struct sink *to, struct err *e);
void tar_reader_done(struct tar_reader *t);

/* Writing: owner 0, time 0, modes 0755 and 0644. Names of at most 100 bytes. */
int tar_put_folder(struct sink *to, const char *name, struct err *e);
int tar_put_file_head(struct sink *to, const char *name, uint64_t size, struct err *e);
int tar_put_padding(struct sink *to, uint64_t size, struct err *e);
int tar_put_end(struct sink *to, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ARCHIVE_FILES_H
#define COOPER_ARCHIVE_FILES_H

/*
 * The files of an archive that was read once from front to back: documents in memory, everything larger as blobs of the
 * store, links as what they point to. For archive_load.c and archive_docker.c alone.
 */
#include "base/blobs.h"
#include "base/map.h"
#include "registry/archive.h"
#include "registry/layout_index.h"

struct archive_file {
	struct str text;   /* a document; p NULL: a blob */
	struct digest digest;
	uint64_t size;
	enum media_compression compression; /* by its first bytes */
	struct str link;   /* path of what it points to; empty: none */
};
struct archive_files {
	struct arena arena;
	struct map map;    /* path -> struct archive_file */
	struct blobs *blobs; /* borrowed */
	uint64_t in_memory;
};
/* Reads the whole archive. ERR_CORRUPT, also for blobs that are not what their name says; ERR_LIMIT. */
int archive_files_read(struct archive_files *f, int fd, struct err *e);
/* Follows links. NULL when there is none. */
const struct archive_file *archive_files_find(const struct archive_files *f, struct str path);
/* A document's bytes, from memory or from the store; they live as long as f. ERR_CORRUPT when there is none. */
int archive_files_text(struct archive_files *f, struct str path, struct str *ret, struct err *e);
void archive_files_done(struct archive_files *f);

/* An image that was found in an archive: its manifest is a blob of the store. */
struct archive_found {
	struct descriptor d;
	struct str name; /* familiar reference, or empty */
};
struct archive_list {
	struct arena *a;
	struct archive_found *items;
	size_t n, cap;
};
void archive_list_add(struct archive_list *l, const struct descriptor *d, struct str name);

/* docker's manifest.json, and the `repositories` of docker before 1.10: manifests are made for their images. */
int archive_docker_images(struct archive_files *f, struct archive_list *ret, struct err *e);
int archive_legacy_images(struct archive_files *f, struct archive_list *ret, struct err *e);

#endif

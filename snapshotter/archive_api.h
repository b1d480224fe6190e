/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ARCHIVE_API_H
#define COOPER_ARCHIVE_API_H

/*
 * What the module cooper-arch.so exports: one table of functions over libarchive. Plain C types only: the module is linked
 * with nothing of ours, and the program with nothing of libarchive.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARCHIVE_API_VERSION = 2, ARCHIVE_TEXT = 256 };
#define ARCHIVE_API_SYMBOL "cooper_archive_api"

/* Strings are borrowed until the next call. */
struct archive_item {
	const char *path;    /* as written in the archive; may be NULL when it has none */
	const char *target;  /* of symlinks and hard links, else NULL */
	bool hardlink;
	bool sparse;         /* its data may end in a hole, which read does not give */
	uint32_t type;       /* S_IFMT bits */
	uint32_t mode;       /* 07777 */
	int64_t uid, gid, size, mtime;
	uint32_t mtime_nsec, major, minor;
};

struct archive_api {
	unsigned version;
	/* Reads from fd, borrowed, at its offset. NULL: no tar, plain or compressed once; text says why, and *ret_broken whether the
	 * compressed stream is to blame. */
	void *(*open)(int fd, char text[ARCHIVE_TEXT], bool *ret_broken);
	/* The bytes inside of xz or bzip2 data, whatever they are, for read and close. NULL: text says why. */
	void *(*open_plain)(int fd, char text[ARCHIVE_TEXT]);
	/* 1 an entry, 0 the end, -1 failure. */
	int (*next)(void *h, struct archive_item *ret, char text[ARCHIVE_TEXT]);
	/* Data of the entry, holes between pieces as zeroes; 0 behind the last piece, -1 failure. */
	long (*read)(void *h, void *p, size_t len, char text[ARCHIVE_TEXT]);
	/* The entry's extended attributes, one a call; false at the end. */
	bool (*xattr)(void *h, const char **name, const void **value, size_t *len);
	void (*close)(void *h);
};

#endif

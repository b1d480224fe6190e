/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CONTEXT_CACHE_H
#define COOPER_CONTEXT_CACHE_H

/*
 * The bytes of the file of what is remembered of a context. For context_cache.c, which reads it, and context_save.c only.
 * A record is a struct cache_record, what its kind says, its name with a NUL filled up to 8 bytes, and of a folder the
 * records of what is in it.
 */
#include "snapshotter/context_impl.h"

#define CACHE_MAGIC "cooperC"
enum { CACHE_VERSION = 0x01000002, CACHE_ALIGN = 8 };

struct cache_header {
	char magic[8];
	uint32_t version; /* and byte order: the file never leaves the machine */
	uint32_t crc;     /* of all that follows */
	uint64_t size;    /* of all that follows */
};
enum { CACHE_NAME, CACHE_FILE, CACHE_FOLDER };
struct cache_record {
	uint16_t len; /* of the name, without the NUL */
	uint8_t type; /* DT_* */
	uint8_t kind; /* CACHE_* */
	uint32_t zero;
};
struct cache_file {
	struct stamp stamp;
	struct digest digest;
};
struct cache_folder {
	struct stamp stamp;
	uint64_t below; /* bytes of its names' records */
	uint64_t whole; /* 1: these are all its names */
};

static inline size_t cache_name_room(size_t len)
{
	return (len + CACHE_ALIGN) & ~(size_t)(CACHE_ALIGN - 1);
}

#endif

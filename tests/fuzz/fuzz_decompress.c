/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says which compression and how large the pieces are, the rest is the stream. Read in other pieces it
 * must give the same bytes or fail with the same code, and a good end means that every byte of the stream was seen.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "snapshotter/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN_MAX = 16 * 1024 * 1024 };

static void demand(bool fine)
{
	if (!fine)
		abort();
}

/* The result of reading it all; ERR_LIMIT when it is too much. */
static int read_all(enum compression c, int fd, size_t piece, size_t size, struct digest *ret, struct err *e)
{
	static uint8_t bytes[65536];
	struct decompressor *d = NULL;
	struct sink_hash in, out;
	size_t n = 0;
	sink_hash_init(&in, NULL);
	sink_hash_init(&out, NULL);
	lseek(fd, 0, SEEK_SET);
	int rc = decompressor_new(c, fd, &in.sink, &d, e);
	do {
		if (rc == 0)
			rc = decompressor_read(d, bytes, piece, &n, e);
		if (rc == 0)
			rc = sink_write(&out.sink, bytes, n, e);
		if (rc == 0 && out.bytes > PLAIN_MAX)
			rc = err_set(e, ERR_LIMIT, "enough");
	} while (rc == 0 && n);
	demand(rc < 0 || in.bytes == size);
	*ret = hasher_done(&out.hasher);
	decompressor_free(d);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct digest one, two;
	if (size == 0)
		return 0;
	enum compression c = (enum compression)(data[0] % COMPRESS_COUNT);
	size_t piece = (size_t)1 << data[0] / COMPRESS_COUNT % 12;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	demand(fd >= 0 && io_write_all(fd, data + 1, size - 1, &e) == 0);
	int rc = read_all(c, fd, 65536, size - 1, &one, &e);
	demand(rc == 0 || rc == -ERR_CORRUPT || rc == -ERR_LIMIT);
	int again = read_all(c, fd, piece, size - 1, &two, &e);
	demand(again == rc || again == -ERR_LIMIT || rc == -ERR_LIMIT);
	demand(rc < 0 || digest_eq(&one, &two));
	close(fd);
	return 0;
}

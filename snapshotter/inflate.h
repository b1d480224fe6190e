/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_INFLATE_H
#define COOPER_INFLATE_H

/*
 * Raw deflate data (RFC 1951), inflated as it comes: a family of two, isa-l in the module cooper-igzip and zlib in the program, for
 * machines where isa-l is not. Plain C types only, for the module is linked with nothing of ours. What stands around the data, with
 * its checks, is the reader's (gunzip.c): so it is the same with both.
 */
#include <stddef.h>
#include <stdint.h>

enum { INFLATE_API_VERSION = 1, INFLATE_OVER = 8 };
#define INFLATE_API_SYMBOL "cooper_inflate_api"

enum inflate_end { INFLATE_MORE, INFLATE_DONE, INFLATE_BAD };

struct inflate_io {
	const uint8_t *in; /* moved behind what was taken; nothing behind in + nin is looked at */
	size_t nin;
	uint8_t *out;      /* moved behind what was made */
	size_t nout;
	/* Set when it is done: the bytes behind the data that were taken all the same, in this call or an earlier one. */
	uint8_t over[INFLATE_OVER];
	size_t nover;
	const char *why;   /* set when it is bad */
};

struct inflate_api {
	unsigned version;
	void *(*open)(void); /* never NULL */
	/* Takes and makes as much as it can. MORE with nothing taken and nothing made: it needs input, or room. After BAD the places in
	 * io mean nothing; after it and DONE only restart and close may follow. */
	enum inflate_end (*run)(void *h, struct inflate_io *io);
	void (*restart)(void *h);
	void (*close)(void *h);
};

extern const struct inflate_api inflate_zlib;
/* The fastest that can be had here; the module is sought once, on the first call. */
const struct inflate_api *inflate_fastest(void);

#endif

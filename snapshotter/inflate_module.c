/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to isa-l: inflating in half the time of zlib. It reads up to eight bytes ahead into a word of bits and leaves them there
 * when the data ends, so these are handed back. A code that leaves bit patterns unused is an error for zlib; here it is one when
 * such a pattern comes. The bytes that come out of what both take are the same.
 */
#include "snapshotter/inflate.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>

static void *module_open(void)
{
	struct inflate_state *z = malloc(sizeof(*z));
	if (!z)
		abort();
	isal_inflate_init(z); /* raw deflate, a window of 32 KiB */
	return z;
}

static void module_close(void *h)
{
	free(h);
}

static void module_restart(void *h)
{
	isal_inflate_reset(h);
}

static uint32_t at_most(size_t n)
{
	return n < 1u << 30 ? (uint32_t)n : 1u << 30;
}

/* The whole bytes of the word; what is left of the last byte of the data is below them. */
static void give_back(const struct inflate_state *z, struct inflate_io *io)
{
	uint64_t bits = z->read_in >> z->read_in_length % 8;
	io->nover = (size_t)z->read_in_length / 8;
	for (size_t i = 0; i < io->nover; i++)
		io->over[i] = (uint8_t)(bits >> 8 * i);
}

static const char *words(int rc)
{
	switch (rc) {
	case ISAL_INVALID_BLOCK:
		return "invalid block";
	case ISAL_INVALID_SYMBOL:
		return "invalid code";
	case ISAL_INVALID_LOOKBACK:
		return "invalid distance too far back";
	default:
		return "damaged data";
	}
}

static enum inflate_end module_run(void *h, struct inflate_io *io)
{
	struct inflate_state *z = h;
	uint32_t nin = at_most(io->nin), nout = at_most(io->nout);
	z->next_in = (uint8_t *)io->in;
	z->avail_in = nin;
	z->next_out = io->out;
	z->avail_out = nout;
	int rc = isal_inflate(z);
	if (rc != ISAL_DECOMP_OK) { /* what it says of input and output is wrong then */
		io->why = words(rc);
		return INFLATE_BAD;
	}
	io->in += nin - z->avail_in;
	io->nin -= nin - z->avail_in;
	io->out += nout - z->avail_out;
	io->nout -= nout - z->avail_out;
	if (z->block_state != ISAL_BLOCK_FINISH)
		return INFLATE_MORE;
	give_back(z, io);
	return INFLATE_DONE;
}

__attribute__((visibility("default"))) extern const struct inflate_api cooper_inflate_api;
const struct inflate_api cooper_inflate_api = {INFLATE_API_VERSION, module_open, module_run, module_restart, module_close};

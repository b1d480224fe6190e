/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inflating with zlib, which is everywhere, and the choice between it and the module. That there is no module, or that it cannot be
 * loaded (a machine without isa-l's library), costs time alone, so nobody is told.
 */
#include "snapshotter/inflate.h"

#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/module.h"

static void *zlib_open(void)
{
	z_stream *z = mem_new(sizeof(*z));
	if (inflateInit2(z, -MAX_WBITS) != Z_OK) /* less than zero: no header, no trailer */
		abort();
	return z;
}

static void zlib_close(void *h)
{
	inflateEnd(h);
	mem_free(h);
}

static void zlib_restart(void *h)
{
	inflateReset(h);
}

static unsigned at_most(size_t n)
{
	return n < 1u << 30 ? (unsigned)n : 1u << 30;
}

static enum inflate_end zlib_run(void *h, struct inflate_io *io)
{
	z_stream *z = h;
	unsigned nin = at_most(io->nin), nout = at_most(io->nout);
	z->next_in = (uint8_t *)io->in;
	z->avail_in = nin;
	z->next_out = io->out;
	z->avail_out = nout;
	int rc = inflate(z, Z_NO_FLUSH);
	io->in += nin - z->avail_in;
	io->nin -= nin - z->avail_in;
	io->out += nout - z->avail_out;
	io->nout -= nout - z->avail_out;
	io->nover = 0;
	if (rc == Z_MEM_ERROR)
		abort();
	if (rc == Z_OK || rc == Z_BUF_ERROR)
		return INFLATE_MORE;
	io->why = z->msg ? z->msg : "damaged data";
	return rc == Z_STREAM_END ? INFLATE_DONE : INFLATE_BAD;
}

const struct inflate_api inflate_zlib = {INFLATE_API_VERSION, zlib_open, zlib_run, zlib_restart, zlib_close};

static const struct inflate_api *fastest;

static void choose(void)
{
	const void *api;
	struct err none;
	int rc = module_load("snapshotter", "cooper-igzip", INFLATE_API_SYMBOL, INFLATE_API_VERSION, &api, &none);
	fastest = rc < 0 ? &inflate_zlib : api;
}

const struct inflate_api *inflate_fastest(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, choose);
	return fastest;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first two bytes say how large the pieces are, the rest is raw deflate data and what stands behind it. What zlib takes, the
 * fastest inflater takes too, in any pieces, to the same bytes and the same end; it may take a little more (inflate_module.c). The
 * input stands before memory that nobody may read.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/io.h"
#include "snapshotter/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN_MAX = 4 * 1024 * 1024, INPUT_MAX = 1024 * 1024, PAGE = 4096 };

static void demand(bool fine)
{
	if (!fine)
		abort();
}

struct outcome {
	enum inflate_end end; /* MORE: the input ended, or it is enough */
	bool enough;
	size_t at; /* of the end */
	struct digest plain;
};

static struct outcome inflate_all(const struct inflate_api *api, const uint8_t *in, size_t size, size_t piece, size_t room)
{
	static uint8_t space[65536];
	struct outcome o = {0};
	struct sink_hash out;
	struct err e;
	void *h = api->open();
	sink_hash_init(&out, NULL);
	for (;;) {
		size_t n = size - o.at < piece ? size - o.at : piece;
		struct inflate_io io = {.in = in + o.at, .nin = n, .out = space, .nout = room};
		o.end = api->run(h, &io);
		if (o.end == INFLATE_BAD)
			break;
		demand(io.nin <= n && io.nout <= room && io.in + io.nin == in + o.at + n && io.out + io.nout == space + room);
		o.at += n - io.nin;
		demand(sink_write(&out.sink, space, room - io.nout, &e) == 0);
		o.enough = out.bytes > PLAIN_MAX;
		if (o.end == INFLATE_DONE) {
			demand(io.nover <= INFLATE_OVER && io.nover <= o.at && memcmp(io.over, in + o.at - io.nover, io.nover) == 0);
			o.at -= io.nover;
		}
		if (o.end == INFLATE_DONE || o.enough || (io.nin == n && io.nout == room))
			break;
	}
	o.plain = hasher_done(&out.hasher);
	api->close(h);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *map;
	if (!map) {
		map = mmap(NULL, INPUT_MAX + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		demand(map != MAP_FAILED && mprotect(map + INPUT_MAX, PAGE, PROT_NONE) == 0);
	}
	if (size < 2 || size - 2 > INPUT_MAX)
		return 0;
	size_t piece = (size_t)1 << data[0] % 16, room = (size_t)1 << data[1] % 17;
	const uint8_t *in = memcpy(map + INPUT_MAX - (size - 2), data + 2, size - 2);
	struct outcome want = inflate_all(&inflate_zlib, in, size - 2, INPUT_MAX, 65536);
	struct outcome one = inflate_all(inflate_fastest(), in, size - 2, INPUT_MAX, 65536);
	struct outcome two = inflate_all(inflate_fastest(), in, size - 2, piece, room);
	if (want.enough || one.enough || two.enough)
		return 0;
	demand(one.end == two.end);
	if (one.end == INFLATE_DONE)
		demand(one.at == two.at && digest_eq(&one.plain, &two.plain));
	if (want.end == INFLATE_DONE)
		demand(one.end == INFLATE_DONE && one.at == want.at && digest_eq(&one.plain, &want.plain));
	return 0;
}

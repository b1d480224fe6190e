/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a layer tar: no crash, no more memory than the limits allow, every path clean, no more data than the entry's
 * size. What was read is written by our writer and must read back the same.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "snapshotter/tar.h"
#include "snapshotter/xattrs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

struct bytes {
	const uint8_t *p;
	size_t len;
};

static int read_bytes(void *arg, void *p, size_t len, size_t *ret, struct err *e)
{
	struct bytes *b = arg;
	(void)e;
	size_t n = len < b->len ? len : b->len;
	if (n)
		memcpy(p, b->p, n);
	b->p += n;
	b->len -= n;
	*ret = n;
	return 0;
}

static void check_entry(const struct entry *en, bool marker)
{
	struct str name, value;
	size_t at = 0;
	demand(en->type >= ENTRY_FILE && en->type <= ENTRY_WHITEOUT);
	demand(path_valid(en->path) || (en->path.len == 0 && en->type == ENTRY_DIR));
	demand(en->mode <= 07777 && en->uid != UINT32_MAX && en->gid != UINT32_MAX && en->mtime_nsec < 1000000000);
	demand(en->type != ENTRY_LINK || path_valid(en->target));
	demand(en->type != ENTRY_SYMLINK || (en->target.len > 0 && en->target.len < 4096 && !memchr(en->target.p, '\0', en->target.len)));
	demand(!marker || (en->type == ENTRY_DIR && en->opaque));
	while (xattrs_next(en->xattrs, &at, &name, &value))
		demand(str_starts(name, STR("user.")) || str_eqz(name, "security.capability"));
	demand(at == en->xattrs.len);
}

/* Up to 1 MiB of each file; more is skipped by the next tar_reader_next. */
static int read_data(struct tar_reader *r, struct entry *en, struct err *e)
{
	static char chunk[65536];
	uint64_t got = 0;
	size_t n = 1;
	while (n && got < 1 << 20) {
		uint64_t hole = tar_reader_hole(r);
		TRY(tar_reader_data(r, chunk, sizeof(chunk), &n, e));
		demand(hole == 0 || n <= hole);
		for (size_t i = 0; hole && i < n; i++)
			demand(chunk[i] == 0);
		got += n;
	}
	demand(got <= en->size && (n || got == en->size));
	return 0;
}

static void read_back(struct str tar, const struct index *ix)
{
	struct err e = {0};
	struct bytes b = {(const uint8_t *)tar.p, tar.len};
	struct tar_reader *r = tar_reader_new(read_bytes, &b, NULL);
	bool marker;
	for (size_t i = 0; i < ix->n; i++) {
		struct entry en, *was = &ix->entries[i];
		demand(tar_reader_next(r, &en, &marker, &e) == 1);
		demand(en.type == was->type && str_eq(en.path, was->path) && str_eq(en.target, was->target) && str_eq(en.xattrs, was->xattrs));
		demand(en.mode == was->mode && en.uid == was->uid && en.gid == was->gid && en.mtime == was->mtime);
		if (was->opaque)
			demand(tar_reader_next(r, &en, &marker, &e) == 1 && marker && str_eq(en.path, was->path));
	}
	struct entry en;
	demand(tar_reader_next(r, &en, &marker, &e) == 0);
	tar_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tar_limits limits = {.bytes = 1 << 24, .entries = 10000, .pax = 1 << 16};
	struct err e = {0};
	struct bytes b = {data, size};
	struct tar_reader *r = tar_reader_new(read_bytes, &b, &limits);
	cleanup_index struct index *ix = index_new();
	struct entry en;
	bool marker;
	int rc;
	while ((rc = tar_reader_next(r, &en, &marker, &e)) > 0) {
		check_entry(&en, marker);
		if (en.type == ENTRY_FILE && read_data(r, &en, &e) < 0)
			break;
		en.size = 0; /* it is written without its data */
		if (en.path.len && en.type != ENTRY_LINK)
			index_add(ix, &en);
	}
	demand(rc <= 0 || e.code != ERR_NONE);
	tar_reader_free(r);
	index_sort(ix);
	cleanup_buf struct buf tar = {0};
	struct sink_buf sink;
	struct tar_writer w;
	sink_buf_init(&sink, &tar, 1 << 28);
	tar_writer_init(&w, &sink.sink, INT64_MAX);
	demand(tar_write_index(&w, ix, NULL, NULL, &e) == 0);
	read_back(buf_view(&tar), ix);
	return 0;
}

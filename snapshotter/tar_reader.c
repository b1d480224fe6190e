/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict reader. It pulls blocks, gathers what extension headers (PAX, GNU long names) say about the next entry,
 * and gives one entry at a time with its path cleaned. There is one reader for layers and one meaning for each archive:
 * wherever known readers differ, the archive is refused. Memory is bounded by the limits, never by what a header
 * claims.
 *
 * Bytes behind the end marker are not looked at; whoever feeds the reader hashes them.
 */
#include "base/mem.h"
#include "snapshotter/tar_name.h"
#include "snapshotter/tar_reader_impl.h"

const struct tar_limits tar_limits_default = {.bytes = (uint64_t)64 << 30, .entries = 10 * 1000 * 1000, .pax = 1 << 20};

struct tar_reader *tar_reader_new(tar_read_fn *read, void *arg, const struct tar_limits *limits)
{
	struct tar_reader *r = mem_new(sizeof(*r));
	tar_bytes_init(&r->bytes, read, arg);
	r->limits = limits ? *limits : tar_limits_default;
	return r;
}

void tar_reader_free(struct tar_reader *r)
{
	if (!r)
		return;
	tar_pax_done(&r->pax);
	tar_sparse_done(&r->map);
	buf_done(&r->long_name);
	buf_done(&r->long_link);
	buf_done(&r->path);
	buf_done(&r->target);
	buf_done(&r->xattrs);
	tar_bytes_done(&r->bytes);
	mem_free(r);
}

int tar_reader_data(struct tar_reader *r, void *p, size_t len, size_t *ret, struct err *e)
{
	if (r->sparse)
		return tar_reader_sparse_data(r, p, len, ret, e);
	*ret = 0;
	if (len > r->left)
		len = (size_t)r->left;
	if (len == 0)
		return 0;
	TRY(tar_bytes_some(&r->bytes, p, len, ret, e));
	if (*ret == 0)
		return tar_bytes_cut(e);
	r->left -= *ret;
	return 0;
}

/* --- headers --- */

static bool is_zero(const struct tar_header *h)
{
	static const char zeroes[TAR_BLOCK];
	return memcmp(h, zeroes, TAR_BLOCK) == 0;
}

/* An archive without entries is one only if nothing else is there: other formats begin with zeroes, too. */
static int demand_nothing_more(struct tar_reader *r, struct err *e)
{
	struct tar_header h;
	for (;;) {
		size_t n;
		memset(&h, 0, sizeof(h));
		TRY(tar_bytes_some(&r->bytes, &h, sizeof(h), &n, e));
		if (n == 0)
			return 0;
		if (!is_zero(&h))
			return err_set(e, ERR_CORRUPT, "tar: not an archive");
	}
}

/* The content of an extension header. */
static int meta(struct tar_reader *r, uint64_t size, struct buf *to, struct err *e)
{
	if (size > r->limits.pax)
		return err_set(e, ERR_LIMIT, "tar: extension header of %llu bytes", (unsigned long long)size);
	buf_clear(to);
	buf_need(to, (size_t)size);
	TRY(tar_bytes_all(&r->bytes, to->p, (size_t)size, NULL, e));
	to->len = (size_t)size;
	to->p[to->len] = '\0';
	return tar_bytes_skip(&r->bytes, tar_padding(size), e);
}

static int take_long(struct tar_reader *r, uint64_t size, struct buf *to, bool *has, struct err *e)
{
	if (*has)
		return err_set(e, ERR_CORRUPT, "tar: two GNU long names for one entry");
	TRY(meta(r, size, to, e));
	to->len = strnlen(to->p, to->len);
	*has = true;
	return 0;
}

/* Is something known about an entry whose own header has not come yet? */
static bool pending(const struct tar_reader *r)
{
	return r->pax.given || r->has_long_name || r->has_long_link;
}

/* The next header of any kind. *ret_end: the archive is over. */
static int read_header(struct tar_reader *r, struct tar_header *h, uint64_t *ret_size, bool *ret_end, struct err *e)
{
	TRY(tar_bytes_all(&r->bytes, h, sizeof(*h), ret_end, e));
	if (!*ret_end && is_zero(h)) {
		TRY(tar_bytes_all(&r->bytes, h, sizeof(*h), ret_end, e));
		if (!*ret_end && !is_zero(h))
			return err_set(e, ERR_CORRUPT, "tar: entries behind a zero block");
		*ret_end = true;
	}
	if (*ret_end && pending(r))
		return tar_bytes_cut(e);
	if (*ret_end)
		return r->entries ? 0 : demand_nothing_more(r, e);
	if (!tar_header_sum_ok(h))
		return err_set(e, ERR_CORRUPT, "tar: not a header (wrong checksum)");
	return tar_header_number(h->size, sizeof(h->size), INT64_MAX, "size", ret_size, e);
}

static int take_pax(struct tar_reader *r, uint64_t size, struct err *e)
{
	cleanup_buf struct buf bytes = {0};
	if (r->pax.given)
		return err_set(e, ERR_CORRUPT, "tar: two PAX headers for one entry");
	TRY(meta(r, size, &bytes, e));
	return tar_pax_parse(&r->pax, buf_view(&bytes), e);
}

static int take_global(struct tar_reader *r, uint64_t size, struct err *e)
{
	cleanup_buf struct buf bytes = {0};
	if (pending(r))
		return err_set(e, ERR_CORRUPT, "tar: global header between an entry and its own");
	if (++r->entries > r->limits.entries)
		return err_set(e, ERR_LIMIT, "tar: too many entries");
	TRY(meta(r, size, &bytes, e));
	return tar_pax_parse_global(buf_view(&bytes), e);
}

/* Reads extension headers until one of an entry is there. *ret_end: the archive is over. */
static int next_header(struct tar_reader *r, struct tar_header *h, uint64_t *ret_size, bool *ret_end, struct err *e)
{
	for (;;) {
		TRY(read_header(r, h, ret_size, ret_end, e));
		if (*ret_end)
			return 0;
		switch (h->type) {
		case 'x':
			TRY(take_pax(r, *ret_size, e));
			break;
		case 'g':
			TRY(take_global(r, *ret_size, e));
			break;
		case 'L':
			TRY(take_long(r, *ret_size, &r->long_name, &r->has_long_name, e));
			break;
		case 'K':
			TRY(take_long(r, *ret_size, &r->long_link, &r->has_long_link, e));
			break;
		default:
			return 0;
		}
	}
}

static int apply_mark(struct tar_reader *r, struct entry *en, enum tar_mark mark, bool *ret_marker, struct err *e)
{
	*ret_marker = mark == TAR_MARK_OPAQUE;
	if (mark != TAR_MARK_NONE) {
		if (en->type != ENTRY_FILE && en->type != ENTRY_LINK)
			return tar_odd_name(buf_view(&r->path), "whiteout that is no file", e);
		*en = (struct entry){
		    .type = mark == TAR_MARK_OPAQUE ? ENTRY_DIR : ENTRY_WHITEOUT, .opaque = mark == TAR_MARK_OPAQUE};
		en->mode = mark == TAR_MARK_OPAQUE ? 0755 : 0;
	}
	en->path = buf_view(&r->path);
	r->path.p[r->path.len] = '\0';
	return 1;
}

static void forget(struct tar_reader *r)
{
	tar_pax_clear(&r->pax);
	r->has_long_name = r->has_long_link = false;
	r->sparse = false;
}

static int finish_entry(struct tar_reader *r, struct err *e)
{
	uint64_t left = r->left, pad = r->pad;
	r->left = r->pad = 0;
	TRY(tar_bytes_skip(&r->bytes, left, e));
	return tar_bytes_skip(&r->bytes, pad, e);
}

int tar_reader_next(struct tar_reader *r, struct entry *ret, bool *ret_marker_only, struct err *e)
{
	while (!r->finished) {
		struct tar_header h;
		TRY(finish_entry(r, e));
		forget(r);
		TRY(next_header(r, &h, &r->left, &r->finished, e));
		if (r->finished)
			break;
		if (r->pax.has_size)
			r->left = r->pax.size;
		if (++r->entries > r->limits.entries)
			return err_set(
			    e, ERR_LIMIT, "tar: more than %llu entries", (unsigned long long)r->limits.entries);
		r->pad = tar_padding(r->left);
		struct entry en = {0};
		enum tar_mark mark;
		TRY(tar_reader_entry(r, &h, &en, e));
		if (en.size > r->limits.bytes || (r->unpacked += en.size) > r->limits.bytes)
			return err_set(e, ERR_LIMIT, "tar: more than %llu bytes", (unsigned long long)r->limits.bytes);
		TRY(tar_find_mark(&r->path, &mark, e));
		if (mark == TAR_MARK_IGNORED)
			continue;
		*ret = en;
		return apply_mark(r, ret, mark, ret_marker_only, e);
	}
	return 0;
}

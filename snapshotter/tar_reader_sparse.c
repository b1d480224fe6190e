/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse files: GNU's old form and PAX 0.0, 0.1 and 1.0 give the same map of extents; between them the reader gives
 * zeroes. */
#include <string.h>

#include "snapshotter/tar_reader_impl.h"

/* One decimal line of the map that stands before the data in the 1.0 form. */
static int map_number(struct tar_reader *r, uint64_t *ret, struct err *e)
{
	char line[21];
	size_t n = 0;
	for (;;) {
		char c;
		if (r->left == 0)
			return tar_bytes_cut(e);
		TRY(tar_bytes_all(&r->bytes, &c, 1, NULL, e));
		r->left--;
		if (c == '\n')
			break;
		if (n == sizeof(line))
			return err_set(e, ERR_CORRUPT, "tar: bad map of a sparse file");
		line[n++] = c;
	}
	if (!str_u64((struct str){line, n}, INT64_MAX, ret))
		return err_set(e, ERR_CORRUPT, "tar: bad map of a sparse file");
	return 0;
}

static int read_map(struct tar_reader *r, struct err *e)
{
	uint64_t n, offset, len, before = r->left;
	tar_sparse_clear(&r->map);
	TRY(map_number(r, &n, e));
	if (n > before / 4)
		return err_set(e, ERR_CORRUPT, "tar: map of a sparse file larger than its data");
	for (uint64_t i = 0; i < n; i++) {
		TRY(map_number(r, &offset, e));
		TRY(map_number(r, &len, e));
		TRY(tar_sparse_add(&r->map, offset, len, e));
	}
	uint64_t rest = tar_padding(before - r->left);
	if (rest > r->left)
		return tar_bytes_cut(e);
	r->left -= rest;
	return tar_bytes_skip(&r->bytes, rest, e);
}

static int read_old_map(struct tar_reader *r, const struct tar_header *h, struct err *e)
{
	const char *p = (const char *)h;
	char block[TAR_BLOCK];
	tar_sparse_clear(&r->map);
	TRY(tar_sparse_old(&r->map, p + 386, 4, e));
	TRY(tar_header_number(p + 483, 12, INT64_MAX, "size", &r->realsize, e));
	bool more = p[482] != 0;
	while (more) {
		size_t before = r->map.n;
		TRY(tar_bytes_all(&r->bytes, block, sizeof(block), NULL, e));
		TRY(tar_sparse_old(&r->map, block, 21, e));
		more = block[504] != 0;
		if (more && r->map.n != before + 21)
			return err_set(e, ERR_CORRUPT, "tar: bad map of a sparse file");
	}
	return 0;
}

int tar_reader_sparse(struct tar_reader *r, const struct tar_header *h, struct err *e)
{
	r->sparse = true;
	r->pos = 0;
	r->extent = 0;
	if (h->type == 'S') {
		if (r->pax.sparse)
			return err_set(e, ERR_CORRUPT, "tar: sparse file in two ways");
		TRY(read_old_map(r, h, e));
	} else {
		if (!r->pax.has_realsize)
			return err_set(e, ERR_CORRUPT, "tar: sparse file without a size");
		r->realsize = r->pax.realsize;
		struct tar_sparse mine = r->map;
		r->map = r->pax.map;
		r->pax.map = mine;
		if (r->pax.major == 1 && r->pax.minor == 0)
			TRY(read_map(r, e));
		else if (r->pax.major != 0)
			return err_set(e, ERR_UNSUPPORTED, "tar: sparse file of an unknown form");
	}
	TRY(tar_sparse_check(&r->map, r->realsize, e));
	if (r->map.stored != r->left)
		return err_set(e, ERR_CORRUPT, "tar: a sparse file's map and data do not agree");
	return 0;
}

uint64_t tar_reader_hole(const struct tar_reader *r)
{
	if (!r->sparse || r->pos >= r->realsize)
		return 0;
	for (size_t i = r->extent; i < r->map.n; i++) {
		const struct tar_extent *x = &r->map.extents[i];
		if (r->pos >= x->offset + x->len)
			continue;
		return r->pos < x->offset ? x->offset - r->pos : 0;
	}
	return r->realsize - r->pos;
}

int tar_reader_sparse_data(struct tar_reader *r, void *p, size_t len, size_t *ret, struct err *e)
{
	uint64_t hole = tar_reader_hole(r);
	if (len > r->realsize - r->pos)
		len = (size_t)(r->realsize - r->pos);
	if (hole || len == 0) {
		len = len < hole ? len : (size_t)hole;
		memset(p, 0, len);
		*ret = len;
		r->pos += len;
		return 0;
	}
	const struct tar_extent *x = &r->map.extents[r->extent];
	while (r->pos >= x->offset + x->len) {
		r->extent++;
		x++;
	}
	uint64_t rest = x->offset + x->len - r->pos;
	TRY(tar_bytes_some(&r->bytes, p, len < rest ? len : (size_t)rest, ret, e));
	if (*ret == 0)
		return tar_bytes_cut(e);
	r->pos += *ret;
	r->left -= *ret;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The maps of GNU sparse files, whichever of the four forms they come in. Nothing is allocated by what a map claims. */
#include "snapshotter/tar_sparse.h"

#include "base/mem.h"
#include "snapshotter/tar_header.h"

enum { MAX_EXTENTS = 1000 * 1000 };

void tar_sparse_clear(struct tar_sparse *s)
{
	s->n = 0;
	s->stored = 0;
}

void tar_sparse_done(struct tar_sparse *s)
{
	mem_free(s->extents);
	*s = (struct tar_sparse){0};
}

int tar_sparse_add(struct tar_sparse *s, uint64_t offset, uint64_t len, struct err *e)
{
	uint64_t end = s->n ? s->extents[s->n - 1].offset + s->extents[s->n - 1].len : 0;
	if (offset < end || len > INT64_MAX || offset > INT64_MAX - len)
		return err_set(e, ERR_CORRUPT, "tar: bad map of a sparse file");
	if (len == 0) /* writers mark the end of the file so */
		return 0;
	if (s->n >= MAX_EXTENTS)
		return err_set(e, ERR_LIMIT, "tar: sparse file of more than %d parts", MAX_EXTENTS);
	MEM_ROOM(s->extents, s->n, s->cap);
	s->extents[s->n++] = (struct tar_extent){offset, len};
	s->stored += len;
	return 0;
}

int tar_sparse_parse(struct tar_sparse *s, struct str text, struct err *e)
{
	struct str rest = text, a, b;
	tar_sparse_clear(s);
	while (rest.len && str_split(&rest, ',', &a)) {
		uint64_t offset, len;
		if (!rest.p || !str_split(&rest, ',', &b) || !str_u64(a, INT64_MAX, &offset) || !str_u64(b, INT64_MAX, &len))
			return err_set(e, ERR_CORRUPT, "tar: bad map of a sparse file");
		TRY(tar_sparse_add(s, offset, len, e));
	}
	return 0;
}

int tar_sparse_old(struct tar_sparse *s, const char *p, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++, p += 24) {
		uint64_t offset, len;
		if (p[0] == '\0' && p[12] == '\0')
			return 0;
		TRY(tar_header_number(p, 12, INT64_MAX, "sparse map", &offset, e));
		TRY(tar_header_number(p + 12, 12, INT64_MAX, "sparse map", &len, e));
		TRY(tar_sparse_add(s, offset, len, e));
	}
	return 0;
}

int tar_sparse_check(const struct tar_sparse *s, uint64_t realsize, struct err *e)
{
	const struct tar_extent *last = s->n ? &s->extents[s->n - 1] : NULL;
	if (last && last->offset + last->len > realsize)
		return err_set(e, ERR_CORRUPT, "tar: sparse file larger than its size");
	return 0;
}

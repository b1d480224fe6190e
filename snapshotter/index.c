/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths, entries and identities. An index is an array in an arena: made by appending, sorted once, then only read. Sorting
 * moves numbers, not entries, and costs one pass when the maker added in order already, as nearly all do.
 *
 * Identities hash exactly what the layer tar can say about an entry, type by type, so fields that have no meaning for a type
 * never make two equal layers differ.
 */
#include "snapshotter/index.h"

#include <stdlib.h>

#include "base/mem.h"

int path_cmp(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len, i = 0;
	while (i + 8 <= n && memcmp(a.p + i, b.p + i, 8) == 0)
		i += 8;
	while (i < n && a.p[i] == b.p[i])
		i++;
	if (i == n)
		return a.len < b.len ? -1 : a.len > b.len;
	if (a.p[i] == '/' || b.p[i] == '/')
		return a.p[i] == '/' ? -1 : 1;
	return (unsigned char)a.p[i] < (unsigned char)b.p[i] ? -1 : 1;
}

bool path_within(struct str path, struct str dir)
{
	if (dir.len == 0)
		return true;
	return path.len >= dir.len && (path.len == dir.len || path.p[dir.len] == '/') && memcmp(path.p, dir.p, dir.len) == 0;
}

struct str path_parent(struct str path)
{
	ptrdiff_t slash = str_rfind(path, '/');
	return str_sub(path, 0, slash < 0 ? 0 : (size_t)slash);
}

struct str path_base(struct str path)
{
	return str_from(path, (size_t)(str_rfind(path, '/') + 1));
}

bool path_valid(struct str path)
{
	struct str rest = path, part;
	if (path.len == 0 || memchr(path.p, '\0', path.len))
		return false;
	while (str_split(&rest, '/', &part))
		if (part.len == 0 || part.len > 255 || str_eqz(part, ".") || str_eqz(part, ".."))
			return false;
	return true;
}

struct index *index_new(void)
{
	return mem_new(sizeof(struct index));
}

void index_free(struct index *ix)
{
	if (!ix)
		return;
	arena_done(&ix->arena);
	mem_free(ix->entries);
	mem_free(ix);
}

struct entry *index_add(struct index *ix, const struct entry *en)
{
	MEM_ROOM(ix->entries, ix->n, ix->cap);
	struct entry *to = &ix->entries[ix->n++];
	*to = *en;
	to->path = arena_str(&ix->arena, en->path);
	to->target = en->target.len ? arena_str(&ix->arena, en->target) : (struct str){0};
	to->xattrs = en->xattrs.len ? arena_str(&ix->arena, en->xattrs) : (struct str){0};
	return to;
}

static int by_path_then_age(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
	int c = path_cmp(x->path, y->path);
	return c ? c : (x < y ? -1 : x > y);
}

void index_sort(struct index *ix)
{
	size_t i = 1;
	while (i < ix->n && path_cmp(ix->entries[i - 1].path, ix->entries[i].path) < 0)
		i++;
	if (i >= ix->n)
		return;
	cleanup_free const struct entry **order = mem_array(ix->n, sizeof(*order));
	for (i = 0; i < ix->n; i++)
		order[i] = &ix->entries[i];
	qsort(order, ix->n, sizeof(*order), by_path_then_age);
	struct entry *sorted = mem_array(ix->n, sizeof(*sorted));
	size_t n = 0;
	for (i = 0; i < ix->n; i++)
		if (i + 1 == ix->n || !str_eq(order[i]->path, order[i + 1]->path))
			sorted[n++] = *order[i];
	mem_free(ix->entries);
	ix->entries = sorted;
	ix->cap = ix->n;
	ix->n = n;
}

/* The first entry from `from` on that is not before path. */
static size_t lower_bound(const struct index *ix, struct str path, size_t from, size_t to)
{
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (path_cmp(ix->entries[mid].path, path) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

struct entry *index_find(const struct index *ix, struct str path)
{
	size_t i = lower_bound(ix, path, 0, ix->n);
	return i < ix->n && str_eq(ix->entries[i].path, path) ? &ix->entries[i] : NULL;
}

void index_range(const struct index *ix, struct str dir, size_t *first, size_t *last, struct entry **ret_self)
{
	size_t lo = lower_bound(ix, dir, *first, *last), hi = *last;
	struct entry *self = lo < hi && str_eq(ix->entries[lo].path, dir) ? &ix->entries[lo] : NULL;
	lo += self != NULL;
	*first = lo;
	/* Subtrees are mostly small: double the step, then halve. Everything before `in` is within. */
	size_t in = lo, step = 1;
	while (step <= hi - in && path_within(ix->entries[in + step - 1].path, dir)) {
		in += step;
		step *= 2;
	}
	if (step < hi - in)
		hi = in + step;
	while (in < hi) {
		size_t mid = in + (hi - in) / 2;
		if (path_within(ix->entries[mid].path, dir))
			in = mid + 1;
		else
			hi = mid;
	}
	*last = in;
	*ret_self = self;
}

bool index_clamps(const struct index *ix, int64_t epoch)
{
	for (size_t i = 0; i < ix->n; i++)
		if (ix->entries[i].type != ENTRY_WHITEOUT && entry_time(&ix->entries[i], epoch) != ix->entries[i].mtime)
			return true;
	return false;
}

static void put(uint8_t **p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++, v >>= 8)
		*(*p)++ = (uint8_t)v;
}

static void hash_entry(struct hasher *h, const struct entry *en, bool times)
{
	bool file = en->type == ENTRY_FILE, white = en->type == ENTRY_WHITEOUT;
	bool device = en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK;
	struct str target = en->type == ENTRY_SYMLINK || en->type == ENTRY_LINK ? en->target : (struct str){0};
	struct str xattrs = white || en->type == ENTRY_LINK ? (struct str){0} : en->xattrs;
	uint8_t head[128], *p = head;
	put(&p, en->type, 1);
	put(&p, (en->type == ENTRY_DIR && en->opaque) | (uint64_t)(times && en->clock) << 1, 1);
	put(&p, white ? 0 : en->type == ENTRY_SYMLINK ? 0777 : en->mode & 07777, 2);
	put(&p, white ? 0 : en->uid, 4);
	put(&p, white ? 0 : en->gid, 4);
	put(&p, file ? en->size : 0, 8);
	put(&p, device ? en->major : 0, 4);
	put(&p, device ? en->minor : 0, 4);
	put(&p, times && !white ? (uint64_t)en->mtime : 0, 8);
	put(&p, en->path.len, 4);
	put(&p, target.len, 4);
	put(&p, xattrs.len, 4);
	if (file) {
		memcpy(p, en->digest.b, DIGEST_SIZE);
		p += DIGEST_SIZE;
	}
	hasher_add(h, head, (size_t)(p - head));
	hasher_add(h, en->path.p, en->path.len);
	if (target.len)
		hasher_add(h, target.p, target.len);
	if (xattrs.len)
		hasher_add(h, xattrs.p, xattrs.len);
}

static struct digest identity(const struct index *ix, struct str kind, bool times)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, kind);
	for (size_t i = 0; i < ix->n; i++)
		hash_entry(&h, &ix->entries[i], times);
	return hasher_done(&h);
}

struct digest index_content_id(const struct index *ix)
{
	return identity(ix, STR("cooper layer content 1"), false);
}

struct digest index_layer_id(const struct index *ix)
{
	return identity(ix, STR("cooper layer 1"), true);
}

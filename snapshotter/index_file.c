/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form of an index: "cooper index 2\n", the number of entries, the entries, an 8-byte checksum. Numbers are LEB128;
 * strings stand whole, with a NUL behind them, so that reading makes entries that point into the one block that was read. The
 * checksum finds bytes that rotted; that they were not made up is the business of the folder's mode.
 */
#include "snapshotter/index.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "base/mem.h"

static const char magic[] = "cooper index 2\n", former[] = "cooper index 1\n"; /* which says of no time that it is the clock's */
enum { MAGIC_LEN = sizeof(magic) - 1, SUM_LEN = 8, ENTRY_LEAST = 9 };

uint64_t index_checksum(struct str bytes)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ bytes.len, w;
	size_t i = 0;
	for (; i + 8 <= bytes.len; i += 8) {
		memcpy(&w, bytes.p + i, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	w = 0;
	if (i < bytes.len)
		memcpy(&w, bytes.p + i, bytes.len - i);
	h = (h ^ w) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 29;
}

static void put_num(struct buf *b, uint64_t v)
{
	char bytes[10];
	size_t n = 0;
	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (char)(0x80 | (v & 0x7f));
	bytes[n++] = (char)v;
	buf_add(b, bytes, n);
}

static void put_str(struct buf *b, struct str s)
{
	put_num(b, s.len);
	if (s.len)
		buf_add(b, s.p, s.len);
	buf_putc(b, '\0');
}

enum { HAS_OPAQUE = 1, HAS_TARGET = 2, HAS_XATTRS = 4, HAS_DIGEST = 8, HAS_DEVICE = 16, HAS_CLOCK = 32, HAS_ALL = 63 };

void index_print(const struct index *ix, struct buf *out)
{
	size_t start = out->len;
	buf_add(out, magic, MAGIC_LEN);
	put_num(out, ix->n);
	for (size_t i = 0; i < ix->n; i++) {
		const struct entry *en = &ix->entries[i];
		bool device = en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK;
		buf_putc(out, (char)en->type);
		buf_putc(out, (char)((en->opaque ? HAS_OPAQUE : 0) | (en->target.len ? HAS_TARGET : 0) | (en->xattrs.len ? HAS_XATTRS : 0) |
			(digest_none(&en->digest) ? 0 : HAS_DIGEST) | (device ? HAS_DEVICE : 0) | (en->clock ? HAS_CLOCK : 0)));
		put_num(out, en->mode);
		put_num(out, en->uid);
		put_num(out, en->gid);
		put_num(out, en->size);
		put_num(out, (uint64_t)en->mtime << 1 ^ (uint64_t)(en->mtime >> 63));
		put_num(out, en->mtime_nsec);
		put_str(out, en->path);
		if (en->target.len)
			put_str(out, en->target);
		if (en->xattrs.len)
			put_str(out, en->xattrs);
		if (!digest_none(&en->digest))
			buf_add(out, en->digest.b, DIGEST_SIZE);
		if (device) {
			put_num(out, en->major);
			put_num(out, en->minor);
		}
	}
	uint64_t sum = index_checksum(str_from(buf_view(out), start));
	buf_add(out, &sum, SUM_LEN);
}

/* A place in the bytes; `bad` is set instead of reading over the end. */
struct cursor {
	const char *p, *end;
	bool bad;
};

static uint64_t get_num(struct cursor *c, uint64_t max)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64 && c->p < c->end; shift += 7) {
		uint8_t b = (uint8_t)*c->p++;
		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b & 0x80)
			continue;
		c->bad |= v > max;
		return v;
	}
	c->bad = true;
	return 0;
}

static struct str get_str(struct cursor *c)
{
	uint64_t len = get_num(c, UINT32_MAX);
	if (c->bad || len >= (size_t)(c->end - c->p) || c->p[len] != '\0') {
		c->bad = true;
		return (struct str){0};
	}
	struct str s = {c->p, len};
	c->p += len + 1;
	return s;
}

static void get_entry(struct cursor *c, struct entry *en)
{
	en->type = (uint8_t)get_num(c, ENTRY_WHITEOUT);
	uint64_t has = get_num(c, HAS_ALL);
	en->opaque = has & HAS_OPAQUE;
	en->clock = has & HAS_CLOCK;
	en->mode = (uint32_t)get_num(c, 07777);
	en->uid = (uint32_t)get_num(c, UINT32_MAX);
	en->gid = (uint32_t)get_num(c, UINT32_MAX);
	en->size = get_num(c, UINT64_MAX);
	uint64_t t = get_num(c, UINT64_MAX);
	en->mtime = (int64_t)(t >> 1 ^ (~(t & 1) + 1));
	en->mtime_nsec = (uint32_t)get_num(c, 999999999);
	en->path = get_str(c);
	if (has & HAS_TARGET)
		en->target = get_str(c);
	if (has & HAS_XATTRS)
		en->xattrs = get_str(c);
	if (has & HAS_DIGEST) {
		if (c->end - c->p < DIGEST_SIZE) {
			c->bad = true;
			return;
		}
		memcpy(en->digest.b, c->p, DIGEST_SIZE);
		c->p += DIGEST_SIZE;
	}
	if (has & HAS_DEVICE) {
		en->major = (uint32_t)get_num(c, UINT32_MAX);
		en->minor = (uint32_t)get_num(c, UINT32_MAX);
	}
	c->bad |= en->type == 0 || !path_valid(en->path);
}

/* `bytes` live in the index' arena. */
static int parse_in(struct index *ix, struct str bytes, struct err *e)
{
	if (bytes.len < MAGIC_LEN + 1 + SUM_LEN || memcmp(bytes.p, "cooper index ", 13) != 0)
		return err_set(e, ERR_CORRUPT, "not an index");
	if (memcmp(bytes.p, magic, MAGIC_LEN) != 0 && memcmp(bytes.p, former, MAGIC_LEN) != 0)
		return err_set(e, ERR_UNSUPPORTED, "index of a newer form");
	uint64_t sum;
	memcpy(&sum, bytes.p + bytes.len - SUM_LEN, SUM_LEN);
	if (sum != index_checksum(str_sub(bytes, 0, bytes.len - SUM_LEN)))
		return err_set(e, ERR_CORRUPT, "index: checksum mismatch");
	struct cursor c = {bytes.p + MAGIC_LEN, bytes.p + bytes.len - SUM_LEN, false};
	uint64_t n = get_num(&c, bytes.len / ENTRY_LEAST);
	if (c.bad)
		return err_set(e, ERR_CORRUPT, "index: bad number of entries");
	ix->entries = mem_array(n ? n : 1, sizeof(*ix->entries));
	ix->cap = n ? n : 1;
	for (size_t i = 0; i < n; i++) {
		get_entry(&c, &ix->entries[i]);
		if (c.bad || (i && path_cmp(ix->entries[i - 1].path, ix->entries[i].path) >= 0))
			return err_set(e, ERR_CORRUPT, "index: bad entry %zu", i);
		ix->n++;
	}
	if (c.p != c.end)
		return err_set(e, ERR_CORRUPT, "index: bytes after the last entry");
	return 0;
}

int index_parse(struct str bytes, struct index **ret, struct err *e)
{
	cleanup_index struct index *ix = index_new();
	TRY(parse_in(ix, arena_str(&ix->arena, bytes), e));
	*ret = steal(&ix);
	return 0;
}

int index_read(int dirfd, const char *name, struct index **ret, struct err *e)
{
	cleanup_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "no index %s", name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "open index %s", name);
	if (st.st_size < 0 || st.st_size > (off_t)8 << 30)
		return err_set(e, ERR_CORRUPT, "index %s: impossible size", name);
	cleanup_index struct index *ix = index_new();
	size_t len = 0;
	char *p = arena_new(&ix->arena, (size_t)st.st_size + 1);
	TRY(io_read_full(fd, p, (size_t)st.st_size, &len, e));
	TRY(parse_in(ix, (struct str){p, len}, e));
	*ret = steal(&ix);
	return 0;
}

int index_write(const struct index *ix, int dirfd, const char *name, struct err *e)
{
	cleanup_buf struct buf b = {0};
	index_print(ix, &b);
	return fs_write_atomic(dirfd, name, buf_view(&b), 0600, false, e);
}

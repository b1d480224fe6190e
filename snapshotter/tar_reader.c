/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict reader. It pulls blocks, gathers what extension headers (PAX, GNU long names) say about the next entry, and gives
 * one entry at a time with its path cleaned. There is one reader for layers and one meaning for each archive: wherever known
 * readers differ, the archive is refused. Memory is bounded by the limits, never by what a header claims.
 *
 * Bytes behind the end marker are not looked at; whoever feeds the reader hashes them.
 */
#include "base/mem.h"
#include "snapshotter/tar.h"
#include "snapshotter/tar_header.h"
#include "snapshotter/tar_name.h"
#include "snapshotter/tar_pax.h"

enum { BUFFER = 128 * 1024, TARGET_LIMIT = 4095, MAX_ID = UINT32_MAX - 1 };
enum { MAX_MAJOR = 0xfff, MAX_MINOR = 0xfffff };

const struct tar_limits tar_limits_default = {.bytes = (uint64_t)64 << 30, .entries = 10 * 1000 * 1000, .pax = 1 << 20};

struct tar_reader {
	int (*read)(void *arg, void *p, size_t len, size_t *ret, struct err *e);
	void *arg;
	struct tar_limits limits;
	uint64_t entries, bytes;
	char *buffer;            /* what was read and not yet used: [at, end) */
	size_t at, end;
	uint64_t left;           /* stored bytes of the current entry that were not read yet */
	uint64_t pad;            /* and the zeroes behind them */
	struct tar_pax pax;      /* about the next entry */
	struct buf long_name, long_link; /* GNU 'L' and 'K' about the next entry */
	bool has_long_name, has_long_link;
	bool finished;
	/* the current entry */
	struct buf path, target, xattrs;
	bool sparse;
	struct tar_sparse map;
	size_t extent;           /* the one that pos is in or before */
	uint64_t pos, realsize;  /* of a sparse file */
};

struct tar_reader *tar_reader_new(int (*read)(void *arg, void *p, size_t len, size_t *ret, struct err *e), void *arg,
	const struct tar_limits *limits)
{
	struct tar_reader *r = mem_new(sizeof(*r));
	r->read = read;
	r->arg = arg;
	r->limits = limits ? *limits : tar_limits_default;
	r->buffer = mem_grow(NULL, BUFFER, 1);
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
	mem_free(r->buffer);
	mem_free(r);
}

/* --- bytes --- */

static int cut(struct err *e)
{
	return err_set(e, ERR_CORRUPT, "tar: unexpected end");
}

/* Some bytes straight from the buffer or the source; 0 at the end of the file. */
static int some(struct tar_reader *r, void *p, size_t len, size_t *ret, struct err *e)
{
	if (r->at == r->end && len >= BUFFER / 2)
		return r->read(r->arg, p, len, ret, e);
	if (r->at == r->end) {
		r->at = r->end = 0;
		TRY(r->read(r->arg, r->buffer, BUFFER, &r->end, e));
	}
	size_t n = r->end - r->at < len ? r->end - r->at : len;
	if (n)
		memcpy(p, r->buffer + r->at, n);
	r->at += n;
	*ret = n;
	return 0;
}

/* Exactly len bytes. *ret_end (may be NULL: then it is an error) tells that there were none at all. */
static int all(struct tar_reader *r, void *p, size_t len, bool *ret_end, struct err *e)
{
	for (size_t got = 0, n; got < len; got += n) {
		TRY(some(r, (char *)p + got, len - got, &n, e));
		if (n == 0 && got == 0 && ret_end) {
			*ret_end = true;
			return 0;
		}
		if (n == 0)
			return cut(e);
	}
	if (ret_end)
		*ret_end = false;
	return 0;
}

static int skip(struct tar_reader *r, uint64_t len, struct err *e)
{
	char waste[4096];
	while (len) {
		size_t n = r->end - r->at;
		if (n == 0) {
			TRY(some(r, waste, len < sizeof(waste) ? (size_t)len : sizeof(waste), &n, e));
			if (n == 0)
				return cut(e);
		} else {
			n = n < len ? n : (size_t)len;
			r->at += n;
		}
		len -= n;
	}
	return 0;
}

static uint64_t padding(uint64_t size)
{
	return -size % TAR_BLOCK;
}

/* The content of an extension header. */
static int meta(struct tar_reader *r, uint64_t size, struct buf *to, struct err *e)
{
	if (size > r->limits.pax)
		return err_set(e, ERR_LIMIT, "tar: extension header of %llu bytes", (unsigned long long)size);
	buf_clear(to);
	buf_need(to, (size_t)size);
	TRY(all(r, to->p, (size_t)size, NULL, e));
	to->len = (size_t)size;
	to->p[to->len] = '\0';
	return skip(r, padding(size), e);
}

/* --- entries --- */

static bool is_gnu(const struct tar_header *h)
{
	return memcmp(h->magic, "ustar  ", 8) == 0;
}

static bool is_ustar(const struct tar_header *h)
{
	return memcmp(h->magic, "ustar", 6) == 0;
}

/* The header's own name, prefix included. */
static void header_name(const struct tar_header *h, struct buf *out)
{
	struct str prefix = is_ustar(h) ? tar_header_text(h->prefix, sizeof(h->prefix)) : (struct str){0};
	buf_clear(out);
	if (is_ustar(h) && memcmp(h->pad + 8, "tar\0", 4) == 0)
		prefix = tar_header_text(h->prefix, 131); /* star keeps times behind a shorter prefix */
	if (prefix.len) {
		buf_str(out, prefix);
		buf_putc(out, '/');
	}
	buf_str(out, tar_header_text(h->name, sizeof(h->name)));
}

static int entry_name(struct tar_reader *r, const struct tar_header *h, bool *ret_slash, struct err *e)
{
	cleanup_buf struct buf raw = {0};
	struct str name;
	if (r->pax.sparse_name.len)
		name = buf_view(&r->pax.sparse_name);
	else if (r->pax.has_path)
		name = buf_view(&r->pax.path);
	else if (r->has_long_name)
		name = buf_view(&r->long_name);
	else {
		header_name(h, &raw);
		name = buf_view(&raw);
	}
	if (r->has_long_name && (r->pax.has_path || r->pax.sparse_name.len))
		return tar_odd_name(name, "two long names", e);
	*ret_slash = name.len && name.p[name.len - 1] == '/';
	return tar_clean_name(name, &r->path, e);
}

static int entry_target(struct tar_reader *r, const struct tar_header *h, struct entry *en, struct err *e)
{
	struct str text = tar_header_text(h->link, sizeof(h->link));
	if (r->pax.has_link && r->has_long_link)
		return tar_odd_name(buf_view(&r->path), "two long link targets", e);
	if (r->pax.has_link)
		text = buf_view(&r->pax.link);
	else if (r->has_long_link)
		text = buf_view(&r->long_link);
	if (text.len == 0)
		return tar_odd_name(buf_view(&r->path), "link without a target", e);
	if (en->type == ENTRY_LINK) {
		TRY(tar_clean_name(text, &r->target, e));
		if (r->target.len == 0)
			return tar_odd_name(buf_view(&r->path), "hard link to the root", e);
	} else if (text.len > TARGET_LIMIT) {
		return err_set(e, ERR_LIMIT, "tar: link target of %zu bytes", text.len);
	} else {
		buf_clear(&r->target);
		buf_str(&r->target, text);
	}
	en->target = buf_view(&r->target);
	return 0;
}

static int entry_device(struct tar_reader *r, const struct tar_header *h, struct entry *en, struct err *e)
{
	uint64_t major, minor;
	TRY(tar_header_number(h->major, sizeof(h->major), MAX_MAJOR, "device number", &major, e));
	TRY(tar_header_number(h->minor, sizeof(h->minor), MAX_MINOR, "device number", &minor, e));
	if (en->type == ENTRY_CHAR && major == 0 && minor == 0)
		return tar_odd_name(buf_view(&r->path), "device 0:0, overlayfs' whiteout", e);
	en->major = (uint32_t)major;
	en->minor = (uint32_t)minor;
	return 0;
}

static int entry_owner(struct tar_reader *r, const struct tar_header *h, struct entry *en, struct err *e)
{
	uint64_t uid = r->pax.uid, gid = r->pax.gid, mode;
	if (!r->pax.has_uid)
		TRY(tar_header_number(h->uid, sizeof(h->uid), MAX_ID, "user id", &uid, e));
	if (!r->pax.has_gid)
		TRY(tar_header_number(h->gid, sizeof(h->gid), MAX_ID, "group id", &gid, e));
	TRY(tar_header_number(h->mode, sizeof(h->mode), UINT64_MAX, "mode", &mode, e));
	en->uid = (uint32_t)uid;
	en->gid = (uint32_t)gid;
	en->mode = en->type == ENTRY_SYMLINK ? 0777 : (uint32_t)(mode & 07777);
	if (r->pax.has_mtime) {
		en->mtime = r->pax.mtime;
		en->mtime_nsec = r->pax.mtime_nsec;
		return 0;
	}
	return tar_header_time(h->mtime, sizeof(h->mtime), &en->mtime, e);
}

/* --- sparse files --- */

/* One decimal line of the map that stands before the data in the 1.0 form. */
static int map_number(struct tar_reader *r, uint64_t *ret, struct err *e)
{
	char line[21];
	size_t n = 0;
	for (;;) {
		char c;
		if (r->left == 0)
			return cut(e);
		TRY(all(r, &c, 1, NULL, e));
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
	uint64_t rest = padding(before - r->left);
	if (rest > r->left)
		return cut(e);
	r->left -= rest;
	return skip(r, rest, e);
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
		TRY(all(r, block, sizeof(block), NULL, e));
		TRY(tar_sparse_old(&r->map, block, 21, e));
		more = block[504] != 0;
		if (more && r->map.n != before + 21)
			return err_set(e, ERR_CORRUPT, "tar: bad map of a sparse file");
	}
	return 0;
}

static int start_sparse(struct tar_reader *r, const struct tar_header *h, struct err *e)
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

static int sparse_data(struct tar_reader *r, void *p, size_t len, size_t *ret, struct err *e)
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
	TRY(some(r, p, len < rest ? len : (size_t)rest, ret, e));
	if (*ret == 0)
		return cut(e);
	r->pos += *ret;
	r->left -= *ret;
	return 0;
}

int tar_reader_data(struct tar_reader *r, void *p, size_t len, size_t *ret, struct err *e)
{
	if (r->sparse)
		return sparse_data(r, p, len, ret, e);
	*ret = 0;
	if (len > r->left)
		len = (size_t)r->left;
	if (len == 0)
		return 0;
	TRY(some(r, p, len, ret, e));
	if (*ret == 0)
		return cut(e);
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
		TRY(some(r, &h, sizeof(h), &n, e));
		if (n == 0)
			return 0;
		if (!is_zero(&h))
			return err_set(e, ERR_CORRUPT, "tar: not an archive");
	}
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

/* Reads extension headers until one of an entry is there. *ret_end: the archive is over. */
static int next_header(struct tar_reader *r, struct tar_header *h, uint64_t *ret_size, bool *ret_end, struct err *e)
{
	cleanup_buf struct buf bytes = {0};
	for (;;) {
		TRY(all(r, h, sizeof(*h), ret_end, e));
		bool pending = r->pax.given || r->has_long_name || r->has_long_link;
		if (!*ret_end && is_zero(h)) {
			TRY(all(r, h, sizeof(*h), ret_end, e));
			if (!*ret_end && !is_zero(h))
				return err_set(e, ERR_CORRUPT, "tar: entries behind a zero block");
			*ret_end = true;
		}
		if (*ret_end && pending)
			return cut(e);
		if (*ret_end)
			return r->entries ? 0 : demand_nothing_more(r, e);
		if (!tar_header_sum_ok(h))
			return err_set(e, ERR_CORRUPT, "tar: not a header (wrong checksum)");
		TRY(tar_header_number(h->size, sizeof(h->size), INT64_MAX, "size", ret_size, e));
		switch (h->type) {
		case 'x':
			if (r->pax.given)
				return err_set(e, ERR_CORRUPT, "tar: two PAX headers for one entry");
			TRY(meta(r, *ret_size, &bytes, e));
			TRY(tar_pax_parse(&r->pax, buf_view(&bytes), e));
			break;
		case 'g':
			if (pending)
				return err_set(e, ERR_CORRUPT, "tar: global header between an entry and its own");
			if (++r->entries > r->limits.entries)
				return err_set(e, ERR_LIMIT, "tar: too many entries");
			TRY(meta(r, *ret_size, &bytes, e));
			TRY(tar_pax_parse_global(buf_view(&bytes), e));
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

static int entry_type(const struct tar_header *h, struct entry *en, struct err *e)
{
	static const struct {
		char flag;
		uint8_t type;
	} types[] = {{'0', ENTRY_FILE}, {'\0', ENTRY_FILE}, {'7', ENTRY_FILE}, {'S', ENTRY_FILE}, {'1', ENTRY_LINK}, {'2', ENTRY_SYMLINK},
		{'3', ENTRY_CHAR}, {'4', ENTRY_BLOCK}, {'5', ENTRY_DIR}, {'6', ENTRY_FIFO}};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].flag != h->type)
			continue;
		if (h->type == 'S' && !is_gnu(h))
			break;
		en->type = types[i].type;
		return 0;
	}
	unsigned char flag = (unsigned char)h->type;
	return err_set(e, ERR_UNSUPPORTED, flag > ' ' && flag < 127 ? "tar: entry of type '%c'" : "tar: entry of type 0x%02x", flag);
}

/* Everything but the name's marks. */
static int fill_entry(struct tar_reader *r, const struct tar_header *h, struct entry *en, struct err *e)
{
	bool slash = false;
	TRY(entry_type(h, en, e));
	TRY(entry_name(r, h, &slash, e));
	if (en->type == ENTRY_FILE && slash && r->left == 0 && h->type != 'S')
		en->type = ENTRY_DIR; /* V7 has no type for folders */
	if (en->type != ENTRY_FILE && (r->left || r->pax.sparse))
		return tar_odd_name(buf_view(&r->path), "data where none can be", e);
	if (en->type == ENTRY_FILE && slash)
		return tar_odd_name(buf_view(&r->path), "a file's name with a slash at its end", e);
	if (r->path.len == 0 && en->type != ENTRY_DIR)
		return tar_odd_name(STR("/"), "the root is not a folder", e);
	if (en->type == ENTRY_SYMLINK || en->type == ENTRY_LINK)
		TRY(entry_target(r, h, en, e));
	if (en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK)
		TRY(entry_device(r, h, en, e));
	TRY(entry_owner(r, h, en, e));
	if (en->type == ENTRY_FILE && (h->type == 'S' || r->pax.sparse))
		TRY(start_sparse(r, h, e));
	en->size = r->sparse ? r->realsize : r->left;
	buf_clear(&r->xattrs);
	tar_pax_xattrs(&r->pax, &r->xattrs);
	en->xattrs = buf_view(&r->xattrs);
	return 0;
}

static int apply_mark(struct tar_reader *r, struct entry *en, enum tar_mark mark, bool *ret_marker, struct err *e)
{
	*ret_marker = mark == TAR_MARK_OPAQUE;
	if (mark != TAR_MARK_NONE) {
		if (en->type != ENTRY_FILE && en->type != ENTRY_LINK)
			return tar_odd_name(buf_view(&r->path), "whiteout that is no file", e);
		*en = (struct entry){.type = mark == TAR_MARK_OPAQUE ? ENTRY_DIR : ENTRY_WHITEOUT, .opaque = mark == TAR_MARK_OPAQUE};
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
	TRY(skip(r, left, e));
	return skip(r, pad, e);
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
			return err_set(e, ERR_LIMIT, "tar: more than %llu entries", (unsigned long long)r->limits.entries);
		r->pad = padding(r->left);
		struct entry en = {0};
		enum tar_mark mark;
		TRY(fill_entry(r, &h, &en, e));
		if (en.size > r->limits.bytes || (r->bytes += en.size) > r->limits.bytes)
			return err_set(e, ERR_LIMIT, "tar: more than %llu bytes", (unsigned long long)r->limits.bytes);
		TRY(tar_find_mark(&r->path, &mark, e));
		if (mark == TAR_MARK_IGNORED)
			continue;
		*ret = en;
		return apply_mark(r, ret, mark, ret_marker_only, e);
	}
	return 0;
}

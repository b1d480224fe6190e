/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of layer tars. A header is POSIX ustar; what does not fit into it goes to a PAX record before it: names over 100
 * bytes that the prefix field cannot take either, link targets over 100, ids over 2097151, sizes from 8 GiB on, times outside
 * of 0..8^11-1, extended attributes. Bytes are gathered in one chunk and files are read straight into it, so that small files
 * cost one read and the sink sees large pieces.
 */
#include "snapshotter/tar.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "snapshotter/tar_header.h"
#include "snapshotter/xattrs.h"

enum { CHUNK = 2 * IO_CHUNK };

void tar_writer_init(struct tar_writer *w, struct sink *out, int64_t clamp)
{
	*w = (struct tar_writer){.out = out, .clamp = clamp};
}

void tar_writer_done(struct tar_writer *w)
{
	mem_free(w->chunk);
	w->chunk = NULL;
	w->fill = 0;
}

static int flush(struct tar_writer *w, struct err *e)
{
	size_t n = w->fill;
	w->fill = 0;
	return n ? sink_write(w->out, w->chunk, n, e) : 0;
}

/* At least n bytes of room in the chunk. */
static int room(struct tar_writer *w, size_t n, struct err *e)
{
	if (!w->chunk)
		w->chunk = mem_grow(NULL, CHUNK, 1);
	return CHUNK - w->fill < n ? flush(w, e) : 0;
}

int tar_write_data(struct tar_writer *w, const void *p, size_t len, struct err *e)
{
	w->bytes += len;
	if (len >= CHUNK / 2) {
		TRY(flush(w, e));
		return sink_write(w->out, p, len, e);
	}
	TRY(room(w, len, e));
	if (len)
		memcpy(w->chunk + w->fill, p, len);
	w->fill += len;
	return 0;
}

int tar_write_pad(struct tar_writer *w, uint64_t size, struct err *e)
{
	static const char zeroes[TAR_BLOCK];
	return tar_write_data(w, zeroes, (size_t)(-size % TAR_BLOCK), e);
}

/* "LEN key=value\n", where LEN counts itself. */
static void add_record(struct buf *pax, const char *key, struct str name, struct str value)
{
	size_t rest = strlen(key) + name.len + value.len + 3, len = rest + 1;
	for (;;) {
		char digits[24];
		size_t n = (size_t)snprintf(digits, sizeof(digits), "%zu", len);
		if (n + rest == len)
			break;
		len = n + rest;
	}
	buf_printf(pax, "%zu %s", len, key);
	buf_str(pax, name);
	buf_putc(pax, '=');
	buf_str(pax, value);
	buf_putc(pax, '\n');
}

static void add_number(struct buf *pax, const char *key, int64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)v);
	add_record(pax, key, (struct str){0}, (struct str){text, (size_t)n});
}

static bool put_octal(char *p, size_t width, uint64_t v)
{
	if (v >> 3 * (width - 1)) {
		memset(p, '0', width - 1);
		return false;
	}
	for (size_t i = width - 1; i-- > 0; v >>= 3)
		p[i] = (char)('0' + (v & 7));
	return true;
}

static void put_text(char *p, size_t width, struct str s)
{
	if (s.len)
		memcpy(p, s.p, s.len < width ? s.len : width);
}

/* The name, or prefix and name; false when it fits neither way (it is then cut). */
static bool put_name(struct tar_header *h, struct str name)
{
	if (name.len <= sizeof(h->name)) {
		put_text(h->name, sizeof(h->name), name);
		return true;
	}
	size_t first = name.len - sizeof(h->name) - 1; /* the slash may stand here or later */
	for (size_t i = first; i <= sizeof(h->prefix) && i + 1 < name.len; i++) {
		if (name.p[i] != '/' || i == 0)
			continue;
		put_text(h->prefix, sizeof(h->prefix), str_sub(name, 0, i));
		put_text(h->name, sizeof(h->name), str_from(name, i + 1));
		return true;
	}
	put_text(h->name, sizeof(h->name), name);
	return false;
}

static void seal(struct tar_header *h)
{
	memcpy(h->magic, "ustar\0" "00", 8);
	memset(h->checksum, ' ', sizeof(h->checksum));
	put_octal(h->checksum, 7, tar_header_sum(h));
	h->checksum[6] = '\0';
}

static int write_pax(struct tar_writer *w, struct str pax, struct str path, struct err *e)
{
	struct tar_header h = {.type = 'x'};
	struct str base = path_base(path);
	put_text(h.name, sizeof(h.name), STR("PaxHeaders/"));
	put_text(h.name + 11, sizeof(h.name) - 11, base);
	put_octal(h.mode, sizeof(h.mode), 0644);
	put_octal(h.uid, sizeof(h.uid), 0);
	put_octal(h.gid, sizeof(h.gid), 0);
	put_octal(h.size, sizeof(h.size), pax.len);
	put_octal(h.mtime, sizeof(h.mtime), 0);
	put_octal(h.major, sizeof(h.major), 0);
	put_octal(h.minor, sizeof(h.minor), 0);
	seal(&h);
	TRY(tar_write_data(w, &h, sizeof(h), e));
	TRY(tar_write_data(w, pax.p, pax.len, e));
	return tar_write_pad(w, pax.len, e);
}

/* `en` as it stands, without looking at its type's rules. */
static int write_header(struct tar_writer *w, const struct entry *en, struct str name, char type, struct err *e)
{
	struct tar_header h = {.type = type};
	cleanup_buf struct buf pax = {0};
	if (!put_name(&h, name))
		add_record(&pax, "path", (struct str){0}, name);
	struct str target = type == '1' || type == '2' ? en->target : (struct str){0};
	put_text(h.link, sizeof(h.link), target);
	if (target.len > sizeof(h.link))
		add_record(&pax, "linkpath", (struct str){0}, target);
	put_octal(h.mode, sizeof(h.mode), en->mode & 07777);
	if (!put_octal(h.uid, sizeof(h.uid), en->uid))
		add_number(&pax, "uid", en->uid);
	if (!put_octal(h.gid, sizeof(h.gid), en->gid))
		add_number(&pax, "gid", en->gid);
	uint64_t size = type == '0' ? en->size : 0;
	if (!put_octal(h.size, sizeof(h.size), size))
		add_number(&pax, "size", (int64_t)size);
	int64_t mtime = entry_time(en, w->clamp);
	if (mtime < 0 || !put_octal(h.mtime, sizeof(h.mtime), (uint64_t)mtime)) {
		put_octal(h.mtime, sizeof(h.mtime), 0);
		add_number(&pax, "mtime", mtime);
	}
	put_octal(h.major, sizeof(h.major), type == '3' || type == '4' ? en->major : 0);
	put_octal(h.minor, sizeof(h.minor), type == '3' || type == '4' ? en->minor : 0);
	struct str key, value;
	for (size_t at = 0; type != '1' && xattrs_next(en->xattrs, &at, &key, &value);)
		add_record(&pax, "SCHILY.xattr.", key, value);
	seal(&h);
	if (pax.len)
		TRY(write_pax(w, buf_view(&pax), name, e));
	return tar_write_data(w, &h, sizeof(h), e);
}

/* OCI image-spec, layer.md: an empty file named ".wh." and the name that is gone (".wh..wh..opq": everything in the folder). */
static int write_marker(struct tar_writer *w, struct str dir, const char *prefix, struct str base, struct err *e)
{
	struct entry mark = {.mode = 0};
	cleanup_buf struct buf name = {0};
	if (dir.len) {
		buf_str(&name, dir);
		buf_putc(&name, '/');
	}
	buf_puts(&name, prefix);
	buf_str(&name, base);
	return write_header(w, &mark, buf_view(&name), '0', e);
}

int tar_write_entry(struct tar_writer *w, const struct entry *en, struct err *e)
{
	static const char types[] = {[ENTRY_FILE] = '0', [ENTRY_DIR] = '5', [ENTRY_SYMLINK] = '2', [ENTRY_LINK] = '1', [ENTRY_FIFO] = '6',
		[ENTRY_CHAR] = '3', [ENTRY_BLOCK] = '4'};
	if (en->type == ENTRY_WHITEOUT)
		return write_marker(w, path_parent(en->path), ".wh.", path_base(en->path), e);
	if (en->type == ENTRY_SYMLINK) {
		struct entry link = *en;
		link.mode = 0777;
		return write_header(w, &link, en->path, '2', e);
	}
	if (en->type != ENTRY_DIR)
		return write_header(w, en, en->path, types[en->type], e);
	cleanup_buf struct buf name = {0};
	buf_str(&name, en->path);
	buf_putc(&name, '/');
	TRY(write_header(w, en, buf_view(&name), '5', e));
	return en->opaque ? write_marker(w, en->path, ".wh..wh..opq", (struct str){0}, e) : 0;
}

static int changed(const struct entry *en, struct err *e)
{
	return err_set(e, ERR_CORRUPT, "%.*s: its size is not %llu as it was", STR_ARG(en->path), (unsigned long long)en->size);
}

int tar_write_file(struct tar_writer *w, const struct entry *en, int fd, struct err *e)
{
	for (uint64_t left = en->size;;) {
		/* One byte more than expected is asked for, so that the end is seen in the same call. */
		size_t want = left + 1 < CHUNK / 2 ? (size_t)left + 1 : CHUNK / 2;
		TRY(room(w, want, e));
		ssize_t n = read(fd, w->chunk + w->fill, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read %.*s", STR_ARG(en->path));
		if ((uint64_t)n > left || (n == 0 && left > 0))
			return changed(en, e);
		w->fill += (size_t)n;
		w->bytes += (uint64_t)n;
		left -= (uint64_t)n;
		if (left == 0 && (size_t)n < want)
			return tar_write_pad(w, en->size, e);
	}
}

int tar_write_end(struct tar_writer *w, struct err *e)
{
	static const char zeroes[2 * TAR_BLOCK];
	int rc = tar_write_data(w, zeroes, sizeof(zeroes), e);
	if (rc == 0)
		rc = flush(w, e);
	tar_writer_done(w);
	return rc;
}

int tar_write_index(struct tar_writer *w, const struct index *ix, tar_open_fn *open, void *arg, struct err *e)
{
	for (size_t i = 0; i < ix->n; i++) {
		const struct entry *en = &ix->entries[i];
		TRY(tar_write_entry(w, en, e));
		if (en->type != ENTRY_FILE || en->size == 0)
			continue;
		cleanup_close int fd = -1;
		TRY(open(arg, en, &fd, e));
		TRY(tar_write_file(w, en, fd, e));
	}
	return tar_write_end(w, e);
}

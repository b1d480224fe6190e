/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar around an image. The reader takes what docker, podman, buildah, skopeo and GNU tar write; it never touches the
 * file system, names are only names.
 */
#include "registry/archive_tar.h"

#include <stdio.h>

enum { BLOCK = 512, EXTENSION_MAX = 1024 * 1024 };

struct header { /* POSIX.1-2001, pax "ustar interchange format" */
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[8], uname[32], gname[32], major[8],
		minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

static unsigned checksum(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;
	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= offsetof(struct header, sum) && i < offsetof(struct header, type) ? ' ' : p[i];
	return sum;
}

/* Octal digits with blanks or NULs around, or base-256 (GNU) when the top bit is set. */
static bool number(const char *p, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	if ((unsigned char)p[0] & 0x80) {
		for (size_t i = 0; i < len; i++) {
			unsigned char c = (unsigned char)(i ? p[i] : p[i] & 0x7f);
			if (v >> 55)
				return false;
			v = v << 8 | c;
		}
		*ret = v;
		return true;
	}
	size_t i = 0;
	while (i < len && p[i] == ' ')
		i++;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++) {
		if (v >> 60)
			return false;
		v = v << 3 | (uint64_t)(p[i] - '0');
	}
	for (; i < len; i++)
		if (p[i] != ' ' && p[i] != '\0')
			return false;
	*ret = v;
	return true;
}

static struct str field(const char *p, size_t len)
{
	const char *end = memchr(p, '\0', len);
	return (struct str){p, end ? (size_t)(end - p) : len};
}

static int corrupt(struct err *e, const char *what)
{
	return err_set(e, ERR_CORRUPT, "the archive is damaged: %s", what);
}

static int read_block(struct tar_reader *t, void *p, bool *ret_end, struct err *e)
{
	size_t n;
	TRY(archive_source_read(t->source, p, BLOCK, &n, e));
	if (n != 0 && n != BLOCK)
		return corrupt(e, "it ends inside a block");
	*ret_end = n == 0;
	return 0;
}

static int skip(struct tar_reader *t, uint64_t bytes, struct err *e)
{
	char chunk[16 * 1024];
	while (bytes) {
		size_t want = bytes < sizeof(chunk) ? (size_t)bytes : sizeof(chunk), n;
		TRY(archive_source_read(t->source, chunk, want, &n, e));
		if (n != want)
			return corrupt(e, "it ends inside an entry");
		bytes -= n;
	}
	return 0;
}

int tar_read(struct tar_reader *t, struct sink *to, struct err *e)
{
	cleanup_free char *chunk = mem_grow(NULL, IO_CHUNK, 1);
	while (t->left) {
		size_t want = t->left < IO_CHUNK ? (size_t)t->left : IO_CHUNK, n;
		TRY(archive_source_read(t->source, chunk, want, &n, e));
		if (n != want)
			return corrupt(e, "it ends inside an entry");
		TRY(sink_write(to, chunk, n, e));
		t->left -= n;
	}
	return 0;
}

static void start_body(struct tar_reader *t, uint64_t size)
{
	t->left = size;
	t->padding = (BLOCK - size % BLOCK) % BLOCK;
}

/* The body of an extension header. */
static int read_extension(struct tar_reader *t, uint64_t size, struct buf *out, struct err *e)
{
	struct sink_buf sink;
	if (size > EXTENSION_MAX)
		return err_set(e, ERR_LIMIT, "the archive has an extension header of %llu bytes", (unsigned long long)size);
	start_body(t, size);
	buf_clear(out);
	sink_buf_init(&sink, out, EXTENSION_MAX);
	TRY(tar_read(t, &sink.sink, e));
	TRY(skip(t, t->padding, e));
	t->padding = 0;
	return 0;
}

struct pax {
	struct str path, linkpath;
	bool has_size;
	uint64_t size;
};

/* Records "LENGTH KEY=VALUE\n" (POSIX.1-2001, pax "pax extended header"). */
static int read_pax(struct str text, struct pax *p, struct err *e)
{
	while (text.len) {
		uint64_t len;
		ptrdiff_t blank = str_find(text, ' ');
		if (blank < 1 || !str_u64(str_sub(text, 0, (size_t)blank), text.len, &len) || len < (uint64_t)blank + 3 ||
		    text.p[len - 1] != '\n')
			return corrupt(e, "invalid extended header");
		struct str record = str_sub(text, (size_t)blank + 1, (size_t)len - 1);
		ptrdiff_t eq = str_find(record, '=');
		if (eq < 1)
			return corrupt(e, "invalid extended header");
		struct str key = str_sub(record, 0, (size_t)eq), value = str_from(record, (size_t)eq + 1);
		if (str_eqz(key, "path"))
			p->path = value;
		else if (str_eqz(key, "linkpath"))
			p->linkpath = value;
		else if (str_eqz(key, "size")) {
			p->has_size = true;
			if (!str_u64(value, INT64_MAX, &p->size))
				return corrupt(e, "invalid size in an extended header");
		}
		text = str_from(text, (size_t)len);
	}
	return 0;
}

static enum tar_kind kind_of(char type)
{
	switch (type) {
	case '0': case '\0': case '7':
		return TAR_FILE;
	case '1':
		return TAR_HARDLINK;
	case '2':
		return TAR_SYMLINK;
	case '5':
		return TAR_FOLDER;
	default:
		return TAR_OTHER;
	}
}

static void set_text(struct buf *b, struct str s)
{
	buf_clear(b);
	buf_str(b, s);
	buf_puts(b, "");
}

static void set_names(struct tar_reader *t, const struct header *h, const struct pax *pax, const struct buf *longname, const struct buf *longlink)
{
	struct str prefix = memcmp(h->magic, "ustar\0", 6) == 0 ? field(h->prefix, sizeof(h->prefix)) : (struct str){NULL, 0};
	set_text(&t->link, pax->linkpath.p ? pax->linkpath : longlink->len ? field(longlink->p, longlink->len) : field(h->link, sizeof(h->link)));
	if (pax->path.p) {
		set_text(&t->name, pax->path);
		return;
	}
	if (longname->len) {
		set_text(&t->name, field(longname->p, longname->len));
		return;
	}
	set_text(&t->name, prefix);
	if (prefix.len)
		buf_putc(&t->name, '/');
	buf_str(&t->name, field(h->name, sizeof(h->name)));
}

/* One header that is checked: 0 at the end of the archive. */
static int next_header(struct tar_reader *t, struct header *h, uint64_t *ret_size, struct err *e)
{
	static const struct header zero;
	bool end = false;
	uint64_t sum;
	TRY(read_block(t, h, &end, e));
	if (end || memcmp(h, &zero, BLOCK) == 0)
		return 0;
	if (!number(h->sum, sizeof(h->sum), &sum) || sum != checksum(h))
		return corrupt(e, "wrong checksum of a header (is it a tar archive?)");
	if (!number(h->size, sizeof(h->size), ret_size) || *ret_size > INT64_MAX)
		return corrupt(e, "invalid size");
	return 1;
}

static int next_entry(struct tar_reader *t, struct buf ext[3], struct err *e)
{
	struct header h;
	uint64_t size;
	for (unsigned extensions = 0;; extensions++) {
		int rc = next_header(t, &h, &size, e);
		if (rc <= 0)
			return rc;
		int which = h.type == 'x' ? 0 : h.type == 'L' ? 1 : h.type == 'K' ? 2 : h.type == 'g' ? 3 : -1;
		if (which < 0)
			break;
		if (extensions > 8)
			return corrupt(e, "too many extended headers for one entry");
		struct buf global = {0};
		rc = read_extension(t, size, which == 3 ? &global : &ext[which], e);
		buf_done(&global);
		TRY(rc);
	}
	struct pax pax = {0};
	TRY(read_pax(buf_view(&ext[0]), &pax, e));
	t->kind = kind_of(h.type);
	set_names(t, &h, &pax, &ext[1], &ext[2]);
	t->size = pax.has_size ? pax.size : size;
	if (t->kind == TAR_SYMLINK || t->kind == TAR_HARDLINK || t->kind == TAR_FOLDER)
		t->size = 0;
	start_body(t, t->size);
	if (memchr(t->name.p, '\0', t->name.len) || memchr(t->link.p, '\0', t->link.len))
		return corrupt(e, "a name holds a NUL byte");
	return 1;
}

int tar_next(struct tar_reader *t, struct err *e)
{
	struct buf ext[3] = {{0}};
	TRY(skip(t, t->left, e));
	TRY(skip(t, t->padding, e));
	t->left = t->padding = 0;
	int rc = next_entry(t, ext, e);
	for (size_t i = 0; i < ARRAY_LEN(ext); i++)
		buf_done(&ext[i]);
	return rc;
}

void tar_reader_done(struct tar_reader *t)
{
	buf_done(&t->name);
	buf_done(&t->link);
}

/* --- writing --- */

static int put_header(struct sink *to, const char *name, char type, unsigned mode, uint64_t size, struct err *e)
{
	struct header h = {0};
	size_t len = strlen(name);
	if (len > sizeof(h.name))
		return err_set(e, ERR_LIMIT, "the name \"%s\" is too long for an archive", name);
	memcpy(h.name, name, len);
	snprintf(h.mode, sizeof(h.mode), "%07o", mode);
	memcpy(h.uid, "0000000", 7);
	memcpy(h.gid, "0000000", 7);
	if (size <= 077777777777) {
		snprintf(h.size, sizeof(h.size), "%011llo", (unsigned long long)size);
	} else {
		h.size[0] = (char)0x80;
		for (size_t i = 0; i < 8; i++)
			h.size[11 - i] = (char)(size >> (8 * i) & 0xff);
	}
	memcpy(h.mtime, "00000000000", 11);
	h.type = type;
	memcpy(h.magic, "ustar\0" "00", 8);
	snprintf(h.sum, sizeof(h.sum), "%06o", checksum(&h));
	h.sum[7] = ' ';
	return sink_write(to, &h, sizeof(h), e);
}

int tar_put_folder(struct sink *to, const char *name, struct err *e)
{
	return put_header(to, name, '5', 0755, 0, e);
}

int tar_put_file_head(struct sink *to, const char *name, uint64_t size, struct err *e)
{
	return put_header(to, name, '0', 0644, size, e);
}

int tar_put_padding(struct sink *to, uint64_t size, struct err *e)
{
	static const char zero[BLOCK];
	return sink_write(to, zero, (BLOCK - size % BLOCK) % BLOCK, e);
}

int tar_put_end(struct sink *to, struct err *e)
{
	static const char zero[2 * BLOCK];
	return sink_write(to, zero, sizeof(zero), e);
}

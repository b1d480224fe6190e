/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds and loads the module, and checks what comes out of it: types, numbers and sizes are brought into the ranges that an
 * index has, and the limits for bytes from outside are kept here.
 */
#include "snapshotter/archive_reader.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/module.h"
#include "snapshotter/archive_api.h"
#include "snapshotter/compress.h"
#include "snapshotter/stat_entry.h"
#include "snapshotter/xattrs.h"

enum { XATTRS_MAX = 1024 * 1024, TAR_HEADER = 512 };

struct archive_reader {
	const struct archive_api *api;
	void *h;
	struct tar_limits limits;
	uint64_t entries, bytes, left; /* left: of the current entry's declared size */
	bool file, sparse;             /* the current entry has data; and holes */
	bool hole;                     /* only the hole at its end is left */
	struct buf xattrs;
};

/* POSIX ustar: the sum of the header with its own field as blanks; old writers summed signed characters. */
static bool is_header(const unsigned char *b, size_t len)
{
	long sum = 0, signed_sum = 0, want = 0;
	if (len < TAR_HEADER)
		return false;
	for (size_t i = 0; i < TAR_HEADER; i++) {
		unsigned char c = i >= 148 && i < 156 ? ' ' : b[i];
		sum += c;
		signed_sum += (signed char)c;
	}
	size_t i = 148;
	while (i < 155 && b[i] == ' ')
		i++;
	for (; i < 156 && b[i] >= '0' && b[i] <= '7'; i++)
		want = want * 8 + (b[i] - '0');
	return sum > 8 * ' ' && (want == sum || want == signed_sum); /* a block of zeroes is the end of one */
}

bool archive_reader_sniff(const void *p, size_t len)
{
	static const struct {
		const char *magic;
		size_t n;
	} magics[] = {{"\x1f\x8b\x08", 3}, {"BZh", 3}, {"\xfd" "7zXZ\0", 6}, {"\x28\xb5\x2f\xfd", 4}};
	const unsigned char *b = p;
	for (size_t i = 0; i < ARRAY_LEN(magics); i++)
		if (len >= magics[i].n && memcmp(b, magics[i].magic, magics[i].n) == 0)
			return true;
	/* zstd: a skippable frame may come first */
	if (len >= 4 && (b[0] & 0xf0) == 0x50 && memcmp(b + 1, "\x2a\x4d\x18", 3) == 0)
		return true;
	return is_header(b, len);
}

/* libarchive could not read the first entry. Is it a tar all the same, one that is cut short or damaged? Of gzip the beginning can
 * be seen in any case; the others give nothing before a block is whole, so a broken stream counts as a broken tar. */
static bool is_broken_tar(int fd, off_t from, bool broken_stream)
{
	char head[TAR_HEADER];
	size_t n = 0, got = 0;
	struct err ignored;
	if (lseek(fd, from, SEEK_SET) < 0 || io_read_full(fd, head, sizeof(head), &n, &ignored) < 0 || lseek(fd, from, SEEK_SET) < 0)
		return false;
	if (is_header((const unsigned char *)head, n))
		return true;
	struct decompressor *d = NULL;
	if (compress_detect(head, n) != COMPRESS_GZIP || decompressor_new(COMPRESS_GZIP, fd, NULL, &d, &ignored) < 0)
		return broken_stream;
	for (n = 0; n < sizeof(head); n += got)
		if (decompressor_read(d, head + n, sizeof(head) - n, &got, &ignored) < 0 || got == 0)
			break;
	decompressor_free(d);
	return is_header((const unsigned char *)head, n);
}

/* --- the module --- */

int archive_module(const struct archive_api **ret, struct err *e)
{
	const void *api = NULL;
	int rc = module_load("snapshotter", "cooper-arch", ARCHIVE_API_SYMBOL, ARCHIVE_API_VERSION, &api, e);
	if (rc < 0)
		err_wrap(e, "archives cannot be unpacked here");
	*ret = api;
	return rc;
}

int archive_reader_open(int fd, const struct tar_limits *limits, struct archive_reader **ret, struct err *e)
{
	char text[ARCHIVE_TEXT] = "";
	const struct archive_api *api;
	TRY(archive_module(&api, e));
	off_t from = lseek(fd, 0, SEEK_CUR);
	bool broken;
	void *h = api->open(fd, text, &broken);
	if (!h) {
		if (is_broken_tar(fd, from, broken))
			return err_set(e, ERR_CORRUPT, "%s", text);
		return err_set(e, ERR_NOT_FOUND, "no archive: %s", text);
	}
	struct archive_reader *r = mem_new(sizeof(*r));
	*r = (struct archive_reader){.api = api, .h = h, .limits = *limits};
	*ret = r;
	return 0;
}

void archive_reader_close(struct archive_reader *r)
{
	if (!r)
		return;
	r->api->close(r->h);
	buf_done(&r->xattrs);
	mem_free(r);
}

/* --- entries --- */

struct attr {
	struct str name, value;
};

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const struct attr *)a)->name, ((const struct attr *)b)->name);
}

static void read_xattrs(struct archive_reader *r)
{
	cleanup_free struct attr *all = NULL;
	size_t n = 0, cap = 0, total = 0, len;
	const char *name;
	const void *bytes;
	buf_clear(&r->xattrs);
	while (r->api->xattr(r->h, &name, &bytes, &len)) {
		if (!name || total + len > XATTRS_MAX)
			continue;
		total += len;
		MEM_ROOM(all, n, cap);
		all[n++] = (struct attr){str_of(name), {bytes, len}};
	}
	if (!n)
		return;
	qsort(all, n, sizeof(*all), by_name);
	for (size_t i = 0; i < n; i++) {
		cleanup_buf struct buf scratch = {0};
		if ((i + 1 == n || !str_eq(all[i].name, all[i + 1].name)) && xattrs_travels(all[i].name, &all[i].value, &scratch))
			xattrs_add(&r->xattrs, all[i].name, all[i].value);
	}
}

static int type_of(const struct archive_item *it, uint8_t *ret, struct err *e)
{
	uint8_t type = it->hardlink ? ENTRY_LINK : stat_entry_type(it->type);
	if (!type)
		return err_set(e, ERR_UNSUPPORTED, "\"%s\": an entry of an unknown type", it->path);
	*ret = type;
	return 0;
}

static int check_item(struct archive_reader *r, const struct archive_item *it, struct err *e)
{
	if (strlen(it->path) >= PATH_MAX || (it->target && strlen(it->target) >= PATH_MAX))
		return err_set(e, ERR_LIMIT, "\"%.80s...\": a name of more than %d bytes", it->path, PATH_MAX - 1);
	if (++r->entries > r->limits.entries)
		return err_set(e, ERR_LIMIT, "more than %llu entries", (unsigned long long)r->limits.entries);
	if (it->uid < 0 || it->uid >= UINT32_MAX || it->gid < 0 || it->gid >= UINT32_MAX)
		return err_set(e, ERR_CORRUPT, "\"%s\": an owner out of range", it->path);
	if ((it->type == S_IFLNK || it->hardlink) && (!it->target || !*it->target))
		return err_set(e, ERR_CORRUPT, "\"%s\": a link to nothing", it->path);
	if (it->size < 0)
		return err_set(e, ERR_CORRUPT, "\"%s\": a negative size", it->path);
	return 0;
}

int archive_reader_next(struct archive_reader *r, struct entry *ret, struct err *e)
{
	char text[ARCHIVE_TEXT] = "";
	struct archive_item it;
	int rc = r->api->next(r->h, &it, text);
	if (rc < 0)
		return err_set(e, ERR_CORRUPT, "%s", text);
	if (rc == 0)
		return 0;
	if (!it.path)
		it.path = ""; /* old writers name the root like this */
	TRY(check_item(r, &it, e));
	struct entry en = {.path = str_of(it.path), .mode = it.mode, .uid = (uint32_t)it.uid, .gid = (uint32_t)it.gid, .mtime = it.mtime,
		.mtime_nsec = it.mtime_nsec < 1000000000 ? it.mtime_nsec : 0, .target = str_of(it.target)};
	TRY(type_of(&it, &en.type, e));
	r->file = en.type == ENTRY_FILE;
	if (r->file) {
		en.size = (uint64_t)it.size;
		if (en.size > r->limits.bytes || r->bytes > r->limits.bytes - en.size)
			return err_set(e, ERR_LIMIT, "more than %llu bytes", (unsigned long long)r->limits.bytes);
		r->bytes += en.size;
	}
	r->left = en.size;
	r->sparse = it.sparse;
	r->hole = false;
	if (en.type == ENTRY_SYMLINK)
		en.mode = 0777;
	if (en.type == ENTRY_CHAR || en.type == ENTRY_BLOCK) {
		en.major = it.major;
		en.minor = it.minor;
	}
	if (en.type != ENTRY_SYMLINK && en.type != ENTRY_LINK) {
		read_xattrs(r);
		en.xattrs = buf_view(&r->xattrs);
		en.target = (struct str){0};
	}
	*ret = en;
	return 1;
}

int archive_reader_data(struct archive_reader *r, void *p, size_t len, size_t *ret, struct err *e)
{
	char text[ARCHIVE_TEXT] = "";
	if (!r->file) {
		*ret = 0;
		return 0;
	}
	long n = r->hole ? 0 : r->api->read(r->h, p, len, text);
	if (n < 0)
		return err_set(e, ERR_CORRUPT, "%s", text);
	if (n == 0 && r->left && r->sparse) {
		r->hole = true;
		n = r->left < len ? (long)r->left : (long)len;
		memset(p, 0, (size_t)n);
	}
	if ((uint64_t)n > r->left || (n == 0 && r->left))
		return err_set(e, ERR_CORRUPT, n ? "more data than its size says" : "cut short");
	r->left -= (uint64_t)n;
	*ret = (size_t)n;
	return 0;
}

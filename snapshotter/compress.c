/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of compressions and what all of them share: names, magic bytes, what bytes that are
 * compressed already look like, the buffered input of readers, and the refusal of a second compression inside the first.
 */
#include "snapshotter/compress_impl.h"
#include "snapshotter/compress_ring.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/pool.h"

static const struct compress_family *const families[COMPRESS_COUNT] = {
    [COMPRESS_NONE] = &compress_none,
    [COMPRESS_GZIP] = &compress_gzip,
    [COMPRESS_ZSTD] = &compress_zstd,
};

const char *compress_name(enum compression c)
{
	return families[c]->name;
}

bool compress_from_name(struct str name, enum compression *ret)
{
	if (name.len == 0 || str_eqz(name, "none")) {
		*ret = COMPRESS_NONE;
		return true;
	}
	for (int c = 0; c < COMPRESS_COUNT; c++) {
		if (str_eqz(name, families[c]->name)) {
			*ret = (enum compression)c;
			return true;
		}
	}
	return false;
}

/* RFC 1952 2.3.1; RFC 8878 3.1.1 and 3.1.2 (a file may begin with a skippable frame). */
enum compression compress_detect(const void *p, size_t len)
{
	const uint8_t *b = p;
	if (len >= 3 && b[0] == 0x1f && b[1] == 0x8b && b[2] == 8)
		return COMPRESS_GZIP;
	if (len >= 4 && b[0] == 0x28 && b[1] == 0xb5 && b[2] == 0x2f && b[3] == 0xfd)
		return COMPRESS_ZSTD;
	if (len >= 4 && (b[0] & 0xf0) == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18)
		return COMPRESS_ZSTD;
	return COMPRESS_NONE;
}

bool compress_level_ok(enum compression c, int level)
{
	return level == -1 || (level >= families[c]->level_min && level <= families[c]->level_max);
}

/* --- writing --- */

enum {
	SLICES = 64, SLICE = 512, /* that are looked at of a block: few enough to cost nothing */
	EVEN = 2000,              /* chi squared of their bytes: below it, entropy coding gains less than half a percent */
	EVEN_FROM = 256 * 1024
};

static int copy_all(const struct compress_from *from, struct sink *out, struct err *e)
{
	cleanup_free uint8_t *piece = mem_grow(NULL, IO_CHUNK, 1);
	for (size_t n;;) {
		TRY(from->read(from->arg, piece, IO_CHUNK, &n, e));
		if (n == 0)
			return 0;
		TRY(sink_write(out, piece, n, e));
	}
}

int compress_all(enum compression c, int level, unsigned threads, const struct compress_from *from, struct sink *out, struct err *e)
{
	const struct compress_family *f = families[c];
	if (!compress_level_ok(c, level))
		return err_set(e, ERR_USAGE, "compression level %d of %s is not between %d and %d", level, f->name,
		    f->level_min, f->level_max);
	if (!f->packer)
		return copy_all(from, out, e);
	return ring_run(f->packer, level == -1 ? f->level_default : level, threads ? threads : pool_cores(), from, out, e);
}

/* Are all byte values about as frequent as the others? */
bool compress_is_even(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint32_t count[256] = {0};
	uint64_t squares = 0, n = (uint64_t)SLICES * SLICE;
	if (len < EVEN_FROM)
		return false;
	for (size_t i = 0; i < SLICES; i++)
		for (size_t k = 0, at = len / SLICES * i; k < SLICE; k++)
			count[p[at + k]]++;
	for (size_t i = 0; i < 256; i++)
		squares += (uint64_t)count[i] * count[i];
	return squares * 256 / n - n < EVEN;
}

/* --- reading --- */

enum { HEAD = 4 };

struct decompressor {
	const struct compress_family *family;
	void *state;
	struct raw raw;
	uint8_t head[HEAD]; /* the first plain bytes */
	size_t nhead;
	bool ended;
};

static int read_fd(void *arg, void *p, size_t len, size_t *ret, struct err *e)
{
	ssize_t n;
	do
		n = read(((struct raw *)arg)->fd, p, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "read");
	*ret = (size_t)n;
	return 0;
}

int raw_read(struct raw *r, void *p, size_t len, size_t *ret, struct err *e)
{
	size_t n = 0;
	if (!r->ended)
		TRY(r->read(r->arg, p, len, &n, e));
	r->ended = n == 0;
	*ret = n;
	return n && r->tee ? sink_write(r->tee, p, n, e) : 0;
}

int raw_need(struct raw *r, size_t want, struct err *e)
{
	if (r->at && (r->at == r->len || r->cap - r->at < want)) {
		memmove(r->bytes, r->bytes + r->at, raw_left(r));
		r->len -= r->at;
		r->at = 0;
	}
	while (!r->ended && raw_left(r) < want && r->len < r->cap) {
		size_t n;
		TRY(raw_read(r, r->bytes + r->len, r->cap - r->len, &n, e));
		r->len += n;
	}
	return 0;
}

int decompressor_new_from(enum compression c, int (*read)(void *arg, void *p, size_t len, size_t *ret, struct err *e), void *arg,
    struct sink *in, struct decompressor **ret, struct err *e)
{
	(void)e;
	struct decompressor *d = mem_new(sizeof(*d));
	d->family = families[c];
	d->raw = (struct raw){
	    .read = read, .arg = arg, .tee = in, .cap = d->family->buffer, .bytes = mem_grow(NULL, d->family->buffer, 1)};
	d->state = d->family->reader_new ? d->family->reader_new() : NULL;
	*ret = d;
	return 0;
}

int decompressor_new(enum compression c, int fd, struct sink *in, struct decompressor **ret, struct err *e)
{
	struct decompressor *d;
	TRY(decompressor_new_from(c, read_fd, NULL, in, &d, e));
	d->raw.arg = &d->raw;
	d->raw.fd = fd;
	*ret = d;
	return 0;
}

/* A layer has one compression: what comes out of it must not be compressed again. */
static int look_at_head(struct decompressor *d, const uint8_t *p, size_t len, struct err *e)
{
	if (d->nhead == HEAD || d->family == &compress_none)
		return 0;
	while (d->nhead < HEAD && len--)
		d->head[d->nhead++] = *p++;
	enum compression inner = compress_detect(d->head, d->nhead);
	if (inner != COMPRESS_NONE)
		return err_set(e, ERR_CORRUPT, "%s data inside of %s data", compress_name(inner), d->family->name);
	return 0;
}

int decompressor_read(struct decompressor *d, void *p, size_t len, size_t *ret, struct err *e)
{
	size_t n = 0;
	if (!d->ended && len) {
		TRY(d->family->read(d->state, &d->raw, p, len, &n, e));
		d->ended = n == 0;
		TRY(look_at_head(d, p, n, e));
	}
	*ret = n;
	return 0;
}

int decompressor_drain(struct decompressor *d, struct err *e)
{
	cleanup_free uint8_t *rest = mem_grow(NULL, IO_CHUNK, 1);
	size_t n;
	do
		TRY(decompressor_read(d, rest, IO_CHUNK, &n, e));
	while (n);
	return 0;
}

void decompressor_free(struct decompressor *d)
{
	if (!d)
		return;
	if (d->family->reader_free)
		d->family->reader_free(d->state);
	mem_free(d->raw.bytes);
	mem_free(d);
}

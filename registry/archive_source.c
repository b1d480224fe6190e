/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of an archive that may be compressed as a whole (`docker save | gzip`). The first bytes decide; one compression is
 * peeled off, never a second one. What comes out is bounded by what the caller reads.
 */
#include <zlib.h>
#include <zstd.h>

#include "registry/archive_tar.h"

enum { IN_SIZE = 128 * 1024, WINDOW_LOG_MAX = 27 };

struct archive_source {
	int fd;
	enum { PLAIN, GZIP, ZSTD } kind;
	char in[IN_SIZE];
	size_t at, n;   /* bytes of `in` that are not used yet: at..n */
	bool at_end;    /* of the descriptor */
	bool between;   /* gzip: behind a whole member; zstd: behind a whole frame */
	z_stream gz;
	ZSTD_DCtx *zst;
};

static int fill(struct archive_source *s, struct err *e)
{
	if (s->at < s->n || s->at_end)
		return 0;
	s->at = 0;
	TRY(io_read_full(s->fd, s->in, IN_SIZE, &s->n, e));
	s->at_end = s->n < IN_SIZE;
	return 0;
}

int archive_source_open(int fd, struct archive_source **ret, struct err *e)
{
	cleanup_archive_source struct archive_source *s = mem_new(sizeof(*s));
	s->fd = fd;
	s->between = true;
	TRY(fill(s, e));
	struct str head = {s->in, s->n};
	if (str_starts(head, STR("\x1f\x8b"))) {
		if (inflateInit2(&s->gz, 15 + 16) != Z_OK)
			return err_set(e, ERR_CORRUPT, "gzip cannot be started");
		s->kind = GZIP;
	} else if (str_starts(head, STR("\x28\xb5\x2f\xfd"))) {
		s->zst = ZSTD_createDCtx();
		if (!s->zst)
			return err_set(e, ERR_CORRUPT, "zstd cannot be started");
		ZSTD_DCtx_setParameter(s->zst, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
		s->kind = ZSTD;
	} else if (str_starts(head, STR("BZh")) || str_starts(head, STR("\xfd" "7zXZ"))) {
		return err_set(e, ERR_UNSUPPORTED, "the archive is compressed with bzip2 or xz");
	}
	*ret = steal(&s);
	return 0;
}

static int read_plain(struct archive_source *s, char *p, size_t len, size_t *ret, struct err *e)
{
	TRY(fill(s, e));
	*ret = len < s->n - s->at ? len : s->n - s->at;
	memcpy(p, s->in + s->at, *ret);
	s->at += *ret;
	return 0;
}

static int read_gzip(struct archive_source *s, char *p, size_t len, size_t *ret, struct err *e)
{
	s->gz.next_out = (Bytef *)p;
	s->gz.avail_out = (uInt)len;
	while (s->gz.avail_out == len) {
		TRY(fill(s, e));
		if (s->at == s->n) {
			if (!s->between)
				return err_set(e, ERR_CORRUPT, "the archive ends inside its gzip data");
			break;
		}
		if (s->between && s->gz.total_in)
			inflateReset(&s->gz); /* the next member */
		s->between = false;
		s->gz.next_in = (Bytef *)s->in + s->at;
		s->gz.avail_in = (uInt)(s->n - s->at);
		int rc = inflate(&s->gz, Z_NO_FLUSH);
		s->at = s->n - s->gz.avail_in;
		if (rc == Z_STREAM_END)
			s->between = true;
		else if (rc != Z_OK && rc != Z_BUF_ERROR)
			return err_set(e, ERR_CORRUPT, "the archive's gzip data is damaged");
	}
	*ret = len - s->gz.avail_out;
	return 0;
}

static int read_zstd(struct archive_source *s, char *p, size_t len, size_t *ret, struct err *e)
{
	ZSTD_outBuffer out = {p, len, 0};
	while (out.pos == 0) {
		TRY(fill(s, e));
		/* with no input left, what was held back may still come out */
		if (s->at == s->n && s->between)
			break;
		ZSTD_inBuffer in = {s->in, s->n, s->at};
		size_t rc = ZSTD_decompressStream(s->zst, &out, &in);
		if (ZSTD_isError(rc))
			return err_set(e, ERR_CORRUPT, "the archive's zstd data is damaged: %s", ZSTD_getErrorName(rc));
		bool stuck = in.pos == s->at && out.pos == 0;
		s->at = in.pos;
		s->between = rc == 0;
		if (stuck && s->at == s->n && s->at_end)
			return err_set(e, ERR_CORRUPT, "the archive ends inside its zstd data");
	}
	*ret = out.pos;
	return 0;
}

int archive_source_read(struct archive_source *s, void *p, size_t len, size_t *ret, struct err *e)
{
	size_t done = 0;
	while (done < len) {
		size_t n = 0;
		char *to = (char *)p + done;
		int rc = s->kind == GZIP ? read_gzip(s, to, len - done, &n, e) : s->kind == ZSTD ? read_zstd(s, to, len - done, &n, e)
			: read_plain(s, to, len - done, &n, e);
		TRY(rc);
		if (n == 0)
			break;
		done += n;
	}
	*ret = done;
	return 0;
}

void archive_source_close(struct archive_source *s)
{
	if (!s)
		return;
	if (s->kind == GZIP)
		inflateEnd(&s->gz);
	ZSTD_freeDCtx(s->zst);
	mem_free(s);
}

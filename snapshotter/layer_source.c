/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading half of unpacking. The thread decompresses into a relay and makes both digests, of the blob and of its tar, in the
 * same pass; a plain blob has only one, or the check of tar_check.h. Of a blob that comes from outside at this moment only the tar is
 * hashed here. Bytes behind the tar's end marker go through as well, so the digests are those of everything. A blob that swells more
 * than a thousandfold beyond the first gigabyte is refused as a bomb. Whoever pulls does all of that in its own threads, without a relay.
 */
#include "snapshotter/layer_source.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "snapshotter/blob_feed.h"
#include "snapshotter/relay.h"
#include "snapshotter/tar_check.h"

enum { BUFFERS = 6, BUFFER = IO_CHUNK, RATIO = 1000, MAGIC = 16 };
static const uint64_t ratio_from = (uint64_t)1 << 30;

/* How the blob's own bytes are checked. */
enum check {
	CHECK_DIGEST,
	CHECK_QUICK,     /* a tar made here: tar_check.h */
	CHECK_ELSEWHERE, /* whoever brings them does */
};

/* Counts what is read of the blob, on its way to the check. */
struct counter {
	struct sink sink;
	struct hasher hasher;
	struct tar_check quick;
	struct tar_mark noted;
	enum check check;
	atomic_uint_fast64_t bytes;
};

struct layer_source {
	int fd;
	enum compression compression;
	struct decompressor *z;
	struct counter in;
	struct hasher plain;
	uint64_t plain_bytes;
	struct relay *relay;
	pthread_t thread;
	bool started;
	const struct cancel *cancel;
	const char *piece;    /* of the relay, what is left of it */
	size_t piece_len;
	bool ended;
};

static int count_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct counter *c = (struct counter *)s;
	(void)e;
	atomic_fetch_add_explicit(&c->bytes, len, memory_order_relaxed);
	if (c->check == CHECK_DIGEST)
		hasher_add(&c->hasher, p, len);
	else if (c->check == CHECK_QUICK)
		tar_check_add(&c->quick, p, len);
	return 0;
}

static int fill(struct layer_source *src, char *p, size_t len, size_t *ret, struct err *e)
{
	if (cancelled(src->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	TRY(decompressor_read(src->z, p, len, ret, e));
	if (*ret == 0)
		return decompressor_drain(src->z, e);
	if (src->compression != COMPRESS_NONE)
		hasher_add(&src->plain, p, *ret);
	src->plain_bytes += *ret;
	uint64_t in = atomic_load_explicit(&src->in.bytes, memory_order_relaxed);
	if (src->plain_bytes > ratio_from && src->plain_bytes / RATIO > in)
		return err_set(e, ERR_LIMIT, "the blob grows more than %d times when it is decompressed", RATIO);
	return 0;
}

static void *produce(void *arg)
{
	struct layer_source *src = arg;
	struct err e = {0};
	int rc = 0;
	for (size_t n = 1; n && rc == 0;) {
		char *p = relay_space(src->relay);
		if (!p)
			break;
		rc = fill(src, p, BUFFER, &n, &e);
		if (rc == 0 && n)
			relay_push(src->relay, n);
	}
	relay_end(src->relay, rc, &e);
	return NULL;
}

static struct layer_source *new_source(const struct cancel *cancel)
{
	struct layer_source *src = mem_new(sizeof(*src));
	src->fd = -1;
	src->cancel = cancel;
	src->in.sink.write = count_write;
	hasher_init(&src->in.hasher);
	hasher_init(&src->plain);
	return src;
}

static int start(struct layer_source *src, struct err *e)
{
	src->relay = relay_new(BUFFERS, BUFFER);
	int rc = pthread_create(&src->thread, NULL, produce, src);
	if (rc) {
		errno = rc;
		return err_sys(e, "create a thread");
	}
	src->started = true;
	return 0;
}

int layer_source_open(struct store *s, const struct digest *blob, const struct cancel *cancel, struct layer_source **ret, struct err *e)
{
	cleanup_with(layer_source_cleanup) struct layer_source *src = new_source(cancel);
	char magic[MAGIC];
	uint64_t size;
	TRY(blobs_get(s->blobs, blob, &src->fd, &size, e));
	ssize_t n = pread(src->fd, magic, sizeof(magic), 0);
	if (n < 0)
		return err_sys(e, "read blob");
	src->compression = compress_detect(magic, (size_t)n);
	src->in.check = src->compression == COMPRESS_NONE && tar_check_find(s, blob, &src->in.noted) ? CHECK_QUICK : CHECK_DIGEST;
	TRY(decompressor_new(src->compression, src->fd, &src->in.sink, &src->z, e));
	*ret = steal(&src);
	return 0;
}

int layer_source_from(struct blob_feed *feed, const struct cancel *cancel, struct layer_source **ret, struct err *e)
{
	cleanup_with(layer_source_cleanup) struct layer_source *src = new_source(cancel);
	char magic[MAGIC];
	size_t n;
	src->in.check = CHECK_ELSEWHERE;
	TRY(blob_feed_head(feed, magic, sizeof(magic), &n, e));
	src->compression = compress_detect(magic, n);
	TRY(decompressor_new_from(src->compression, blob_feed_read, feed, &src->in.sink, &src->z, e));
	*ret = steal(&src);
	return 0;
}

void layer_source_close(struct layer_source *src)
{
	if (!src)
		return;
	if (src->started) {
		relay_stop(src->relay);
		pthread_join(src->thread, NULL);
	}
	relay_free(src->relay);
	if (src->z)
		decompressor_free(src->z);
	mem_cleanup_close(&src->fd);
	mem_free(src);
}

int layer_source_next(struct layer_source *src, const char **ret, size_t *ret_len, struct err *e)
{
	if (src->ended)
		return 0;
	if (!src->started)
		TRY(start(src, e));
	int rc = relay_next(src->relay, ret, ret_len, e);
	src->ended = rc == 0;
	return rc;
}

int layer_source_read(void *arg, void *p, size_t len, size_t *ret, struct err *e)
{
	struct layer_source *src = arg;
	*ret = 0;
	while (src->piece_len == 0) {
		int rc = layer_source_next(src, &src->piece, &src->piece_len, e);
		if (rc <= 0)
			return rc;
	}
	size_t n = src->piece_len < len ? src->piece_len : len;
	memcpy(p, src->piece, n);
	src->piece += n;
	src->piece_len -= n;
	*ret = n;
	return 0;
}

static int pull(void *arg, void *p, size_t len, size_t *ret, struct err *e)
{
	struct layer_source *src = arg;
	*ret = 0;
	if (src->ended)
		return 0;
	TRY(fill(src, p, len < BUFFER ? len : BUFFER, ret, e));
	src->ended = *ret == 0;
	return 0;
}

static int pull_again(void *arg, uint64_t offset, void *p, size_t len, struct err *e)
{
	struct layer_source *src = arg;
	while (len) {
		ssize_t n = pread(src->fd, p, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read blob");
		if (n == 0)
			return err_set(e, ERR_CORRUPT, "the blob has become shorter");
		p = (char *)p + n;
		offset += (size_t)n;
		len -= (size_t)n;
	}
	return 0;
}

struct compress_from layer_source_pull(struct layer_source *src)
{
	return (struct compress_from){pull, src->compression == COMPRESS_NONE && src->fd >= 0 ? pull_again : NULL, src};
}

static int mismatch(const char *what, const struct digest *is, const struct digest *want, struct err *e)
{
	char a[DIGEST_TEXT + 1], b[DIGEST_TEXT + 1];
	digest_text(is, a);
	digest_text(want, b);
	return err_set(e, ERR_CORRUPT, "%s is %s, not %s", what, a, b);
}

static int damaged(const struct digest *blob, struct err *e)
{
	char text[DIGEST_TEXT + 1];
	digest_text(blob, text);
	return err_set(e, ERR_CORRUPT, "the tar %s is damaged: its bytes are not those that were written", text);
}

int layer_source_verify(struct layer_source *src, const struct digest *blob, const struct digest *diff_id, struct err *e)
{
	const char *p;
	size_t len;
	int rc;
	while ((rc = layer_source_next(src, &p, &len, e)) > 0)
		;
	TRY(rc);
	if (src->in.check == CHECK_QUICK && !tar_check_holds(&src->in.quick, &src->in.noted))
		return damaged(blob, e);
	struct digest is = src->in.check == CHECK_DIGEST ? hasher_done(&src->in.hasher) : *blob;
	if (!digest_eq(&is, blob))
		return mismatch("blob", &is, blob, e);
	if (src->compression != COMPRESS_NONE)
		is = hasher_done(&src->plain);
	if (!digest_eq(&is, diff_id))
		return mismatch("the blob's tar (diff id)", &is, diff_id, e);
	return 0;
}

enum compression layer_source_compression(const struct layer_source *src)
{
	return src->compression;
}

uint64_t layer_source_blob_bytes(const struct layer_source *src)
{
	return atomic_load(&src->in.bytes);
}

int layer_find_blob(struct store *s, const struct digest *diff_id, struct digest *ret_blob, struct err *e)
{
	static const enum compression order[] = {COMPRESS_NONE, COMPRESS_ZSTD, COMPRESS_GZIP};
	if (blobs_has(s->blobs, diff_id, NULL)) {
		store_touch(s, diff_id);
		*ret_blob = *diff_id;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		bool found;
		struct digest blob;
		uint64_t size;
		TRY(store_get_blob(s, diff_id, order[i], &found, &blob, &size, e));
		if (!found || !blobs_has(s->blobs, &blob, NULL))
			continue;
		*ret_blob = blob;
		return 0;
	}
	char hex[DIGEST_HEX + 1];
	digest_hex(diff_id, hex);
	return err_set(e, ERR_NOT_FOUND, "no blob with the layer tar %s is in the store", hex);
}

int layer_find_tar(struct store *s, const struct digest *id, struct digest *ret_diff_id, struct err *e)
{
	cleanup_stmt struct stmt *st = NULL;
	struct digest diff_id, blob, *all = NULL;
	cleanup_free struct digest *owned = NULL;
	struct err ignored;
	size_t n = 0, cap = 0;
	TRY(db_prepare(s->db, "SELECT diff_id,1 AS o FROM layers WHERE id=?1 UNION SELECT diff_id,2 FROM tars WHERE id=?1 "
		"UNION SELECT diff_id,3 FROM unpacked WHERE id=?1 ORDER BY o", &st, e));
	stmt_digest(st, 1, id);
	for (int rc; (rc = stmt_next(st, e)) != 0;) {
		TRY(rc);
		if (!stmt_get_digest(st, 0, &diff_id))
			continue;
		MEM_ROOM(all, n, cap);
		owned = all;
		all[n++] = diff_id;
	}
	for (size_t i = 0; i < n; i++) {
		if (layer_find_blob(s, &all[i], &blob, &ignored) < 0)
			continue;
		*ret_diff_id = all[i];
		return 0;
	}
	char hex[DIGEST_HEX + 1];
	digest_hex(id, hex);
	return err_set(e, ERR_NOT_FOUND, "neither a folder nor a tar of layer %s is in the store", hex);
}

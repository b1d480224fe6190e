/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The feed's thread calls `from`, which has the bytes and knows that they are right; they are hashed there and nowhere else. Who reads
 * may stop early: the blob is stored all the same, since what is wrong may be another thing than the blob, and is then asked for
 * again. The file gets its name (and is synced) when the reader has its end already.
 */
#include "snapshotter/blob_feed.h"

#include <pthread.h>

#include "base/mem.h"
#include "snapshotter/relay.h"

enum { BUFFERS = 4, BUFFER = IO_CHUNK };

struct blob_feed {
	struct sink sink;      /* what `from` writes to */
	struct layer_feed from;
	struct digest digest;
	struct blob_writer *blob;
	struct relay *relay;
	char *space;           /* the relay's buffer that is being filled */
	size_t fill;
	bool alone;            /* the reader has stopped */
	pthread_t thread;
	bool started;
	int rc;
	struct err e;
	const char *piece;     /* the reader's: what is left of a buffer */
	size_t piece_len;
};

static void hand_over(struct blob_feed *f, const char *p, size_t len)
{
	while (len && !f->alone) {
		if (!f->space) {
			f->space = relay_space(f->relay);
			f->alone = f->space == NULL;
			continue;
		}
		size_t n = BUFFER - f->fill < len ? BUFFER - f->fill : len;
		memcpy(f->space + f->fill, p, n);
		f->fill += n;
		p += n;
		len -= n;
		if (f->fill == BUFFER) {
			relay_push(f->relay, BUFFER);
			f->space = NULL;
			f->fill = 0;
		}
	}
}

static int take(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct blob_feed *f = (struct blob_feed *)s;
	TRY(sink_write(blob_writer_sink_unhashed(f->blob), p, len, e));
	hand_over(f, p, len);
	return 0;
}

static void *feed(void *arg)
{
	struct blob_feed *f = arg;
	f->rc = f->from.write(f->from.arg, &f->sink, &f->e);
	if (f->rc == 0 && f->fill)
		relay_push(f->relay, f->fill);
	relay_end(f->relay, f->rc, &f->e);
	if (f->rc == 0)
		f->rc = blob_writer_commit_hashed(f->blob, &f->digest, &f->e);
	return NULL;
}

int blob_feed_start(struct store *s, const struct layer_feed *from, const struct digest *blob, struct blob_feed **ret, struct err *e)
{
	struct blob_feed *f = mem_new(sizeof(*f));
	cleanup_with(blob_feed_cleanup) struct blob_feed *owned = f;
	*f = (struct blob_feed){.sink.write = take, .from = *from, .digest = *blob, .relay = relay_new(BUFFERS, BUFFER)};
	TRY(blobs_writer(s->blobs, &f->blob, e));
	int rc = pthread_create(&f->thread, NULL, feed, f);
	if (rc) {
		errno = rc;
		return err_sys(e, "create a thread");
	}
	f->started = true;
	*ret = steal(&owned);
	return 0;
}

int blob_feed_finish(struct blob_feed *f, struct err *e)
{
	if (f->started) {
		relay_stop(f->relay);
		pthread_join(f->thread, NULL);
		f->started = false;
	}
	if (f->rc < 0)
		*e = f->e;
	return f->rc;
}

void blob_feed_free(struct blob_feed *f)
{
	struct err ignored;
	if (!f)
		return;
	blob_feed_finish(f, &ignored);
	relay_free(f->relay);
	if (f->blob)
		blob_writer_free(f->blob);
	mem_free(f);
}

/* --- reading --- */

/* 1: bytes are there; 0: the end. */
static int need_piece(struct blob_feed *f, struct err *e)
{
	return f->piece_len ? 1 : relay_next(f->relay, &f->piece, &f->piece_len, e);
}

int blob_feed_head(struct blob_feed *f, void *p, size_t len, size_t *ret, struct err *e)
{
	*ret = 0;
	int rc = need_piece(f, e);
	if (rc <= 0)
		return rc;
	*ret = f->piece_len < len ? f->piece_len : len; /* buffers are full but for the last one */
	memcpy(p, f->piece, *ret);
	return 0;
}

int blob_feed_read(void *feed, void *p, size_t len, size_t *ret, struct err *e)
{
	struct blob_feed *f = feed;
	TRY(blob_feed_head(f, p, len, ret, e));
	f->piece += *ret;
	f->piece_len -= *ret;
	return 0;
}

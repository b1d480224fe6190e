/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tars and blobs of layers, made when something asks for them. A tar is written from the layer's folder by its index: reading
 * and writing on this thread, hashing on another. Its bytes depend on the index alone, so neither the number of threads nor
 * who made the folder can be seen in them.
 */
#include "snapshotter/layer.h"

#include <fcntl.h>

#include "base/mem.h"
#include "snapshotter/layer_source.h"
#include "snapshotter/relay.h"
#include "snapshotter/rootpath.h"
#include "snapshotter/tar.h"
#include "snapshotter/tar_check.h"

static void writer_cleanup(struct blob_writer **w)
{
	if (*w)
		blob_writer_free(*w);
}

void layer_describe(const struct index *ix, struct layer *ret)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct layer){.cid = index_content_id(ix), .id = index_layer_id(ix), .created = now.tv_sec, .created_nsec = (uint32_t)now.tv_nsec};
	for (size_t i = 0; i < ix->n; i++)
		ret->size += ix->entries[i].type == ENTRY_FILE ? ix->entries[i].size : 0;
}

/* --- tars --- */

struct folder_files {
	int fd;
	const struct cancel *cancel;
};

static int open_file(void *arg, const struct entry *en, int *ret_fd, struct err *e)
{
	const struct folder_files *f = arg;
	if (cancelled(f->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	return rootpath_open_nolinks(f->fd, en->path.p, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, ret_fd, e);
}

static int write_tar(struct store *s, const struct digest *id, const struct index *ix, int64_t clamp, const struct cancel *cancel,
	struct digest *ret_diff_id, uint64_t *ret_size, struct err *e)
{
	cleanup_close int fd = -1;
	cleanup_with(writer_cleanup) struct blob_writer *blob = NULL;
	cleanup_with(hash_pipe_done) struct hash_pipe pipe = {0};
	cleanup_with(tar_writer_done) struct tar_writer w = {0};
	struct sink_fd out;
	struct tar_check check;
	TRY(layer_need_folder(s, id, cancel, e));
	TRY(store_layer_folder(s, id, &fd, e));
	TRY(blobs_writer(s->blobs, &blob, e));
	sink_fd_init(&out, blob_writer_fd(blob));
	tar_check_init(&check, &out.sink);
	hash_pipe_init(&pipe, &check.sink);
	tar_writer_init(&w, &pipe.sink, clamp);
	struct folder_files files = {fd, cancel};
	TRY(tar_write_index(&w, ix, open_file, &files, e));
	struct digest d;
	TRY(hash_pipe_finish(&pipe, &d, e));
	TRY(blob_writer_commit_hashed(blob, &d, e));
	*ret_diff_id = d;
	*ret_size = w.bytes;
	return tar_check_note(&check, s, &d, e);
}

static int known_tar(struct store *s, const struct digest *id, int64_t clamp, bool *ret_found, struct digest *ret_diff_id,
	uint64_t *ret_size, struct err *e)
{
	struct digest d = {0}, blob;
	uint64_t size = 0;
	struct err ignored;
	TRY(store_get_tar(s, id, clamp, ret_found, &d, &size, e));
	if (*ret_found && layer_find_blob(s, &d, &blob, &ignored) < 0)
		*ret_found = false; /* recorded, but its bytes were pruned */
	if (!*ret_found)
		return 0;
	*ret_diff_id = d;
	if (ret_size)
		*ret_size = size;
	return 0;
}

bool layer_is_here(struct store *s, const struct digest *id)
{
	struct digest tar;
	struct err ignored;
	return store_has_layer(s, id) && (store_has_folder(s, id) || layer_find_tar(s, id, &tar, &ignored) == 0);
}

int layer_need_tar(struct store *s, const struct digest *id, int64_t clamp, const struct cancel *cancel, struct digest *ret_diff_id,
	uint64_t *ret_size, struct err *e)
{
	bool found;
	TRY(known_tar(s, id, clamp, &found, ret_diff_id, ret_size, e));
	if (found)
		return 0;
	cleanup_index struct index *ix = NULL;
	TRY(store_layer_index(s, id, &ix, e));
	int64_t effective = index_clamps(ix, clamp) ? clamp : INT64_MAX; /* the same bytes as without */
	struct digest d = {0};
	uint64_t size = 0;
	if (effective != clamp)
		TRY(known_tar(s, id, effective, &found, &d, &size, e));
	if (!found) {
		TRY(write_tar(s, id, ix, effective, cancel, &d, &size, e));
		TRY(store_set_tar(s, id, effective, &d, size, e));
	}
	if (effective != clamp)
		TRY(store_set_tar(s, id, clamp, &d, size, e));
	*ret_diff_id = d;
	if (ret_size)
		*ret_size = size;
	return 0;
}

/* --- blobs --- */

struct recode {
	enum compression c;
	int level;
	unsigned threads;
	const struct cancel *cancel;
};

/* *ret_from: what `from` was compressed with. */
static int recode_to(struct store *s, const struct digest *from, const struct digest *diff_id, const struct recode *how, struct sink *to,
	enum compression *ret_from, struct err *e)
{
	cleanup_with(layer_source_cleanup) struct layer_source *src = NULL;
	TRY(layer_source_open(s, from, how->cancel, &src, e));
	struct compress_from plain = layer_source_pull(src);
	if (how->c == COMPRESS_NONE) /* that brings no threads of its own */
		plain = (struct compress_from){layer_source_read, NULL, src};
	TRY(compress_all(how->c, how->level, how->threads, &plain, to, e));
	*ret_from = layer_source_compression(src);
	return layer_source_verify(src, from, diff_id, e);
}

static int recode(struct store *s, const struct digest *from, const struct digest *diff_id, const struct recode *how,
	enum compression *ret_from, struct digest *ret_blob, uint64_t *ret_size, struct err *e)
{
	cleanup_with(writer_cleanup) struct blob_writer *blob = NULL;
	TRY(blobs_writer(s->blobs, &blob, e));
	TRY(recode_to(s, from, diff_id, how, blob_writer_sink(blob), ret_from, e));
	return blob_writer_commit(blob, NULL, UINT64_MAX, ret_blob, ret_size, e);
}

bool layer_has_blob(struct store *s, const struct digest *diff_id, enum compression c, struct digest *ret_blob, uint64_t *ret_size)
{
	bool found = false;
	struct digest blob;
	uint64_t size = 0;
	struct err ignored;
	if (c == COMPRESS_NONE && blobs_has(s->blobs, diff_id, &size)) {
		*ret_blob = *diff_id;
		*ret_size = size;
		return true;
	}
	if (store_get_blob(s, diff_id, c, &found, &blob, &size, &ignored) < 0 || !found || !blobs_has(s->blobs, &blob, NULL))
		return false;
	*ret_blob = blob;
	*ret_size = size;
	return true;
}

int layer_send_blob(struct store *s, const struct digest *diff_id, enum compression c, int level, unsigned threads,
	const struct cancel *cancel, struct sink *to, struct digest *ret_blob, uint64_t *ret_size, struct err *e)
{
	struct digest from;
	struct recode how = {c, level, threads, cancel};
	struct sink_hash out;
	enum compression ignored;
	sink_hash_init(&out, to);
	TRY(layer_find_blob(s, diff_id, &from, e));
	TRY(recode_to(s, &from, diff_id, &how, &out.sink, &ignored, e));
	struct digest blob = hasher_done(&out.hasher);
	TRY(store_set_blob(s, diff_id, c, &blob, out.bytes, e));
	*ret_blob = blob;
	*ret_size = out.bytes;
	return 0;
}

int layer_plain_from(struct store *s, const struct digest *blob, const struct digest *diff_id, const struct cancel *cancel, struct err *e)
{
	struct recode how = {COMPRESS_NONE, -1, 1, cancel};
	cleanup_with(writer_cleanup) struct blob_writer *plain = NULL;
	struct tar_check check;
	enum compression c;
	uint64_t blob_size = 0;
	if (blobs_has(s->blobs, diff_id, NULL))
		return 0;
	TRY(blobs_writer(s->blobs, &plain, e));
	tar_check_init(&check, blob_writer_sink(plain));
	TRY(recode_to(s, blob, diff_id, &how, &check.sink, &c, e));
	TRY(blob_writer_commit(plain, diff_id, UINT64_MAX, NULL, NULL, e));
	TRY(tar_check_note(&check, s, diff_id, e));
	blobs_has(s->blobs, blob, &blob_size);
	return store_set_blob(s, diff_id, c, blob, blob_size, e);
}

int layer_need_blob(struct store *s, const struct digest *diff_id, enum compression c, int level, unsigned threads,
	const struct cancel *cancel, struct digest *ret_blob, uint64_t *ret_size, struct err *e)
{
	struct digest blob, from;
	uint64_t size;
	struct recode how = {c, level, threads, cancel};
	enum compression ignored;
	if (layer_has_blob(s, diff_id, c, ret_blob, ret_size))
		return 0;
	TRY(layer_find_blob(s, diff_id, &from, e));
	TRY(recode(s, &from, diff_id, &how, &ignored, &blob, &size, e));
	TRY(store_set_blob(s, diff_id, c, &blob, size, e));
	*ret_blob = blob;
	*ret_size = size;
	return 0;
}

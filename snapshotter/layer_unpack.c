/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob becomes a layer: its tar is read by a second thread, placed into a scratch folder by this one, and when everything was
 * read and both digests are right, the folder and its index move into the store. Until then nothing of it can be seen.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "snapshotter/layer.h"
#include "snapshotter/layer_extract.h"
#include "snapshotter/layer_source.h"
#include "snapshotter/tar.h"

/* Removes the scratch folder unless it was given away. */
struct scratch {
	int dirfd;
	char *name;
};

static void scratch_done(struct scratch *sc)
{
	struct err ignored;
	if (sc->name)
		fs_remove_tree(sc->dirfd, sc->name, &ignored);
	mem_free(sc->name);
}

static int extract_all(struct layer_source *src, struct extract *x, struct err *e)
{
	cleanup_with(tar_reader_cleanup) struct tar_reader *r = tar_reader_new(layer_source_read, src, &tar_limits_default);
	struct entry en;
	bool marker_only;
	int rc;
	while ((rc = tar_reader_next(r, &en, &marker_only, e)) > 0)
		TRY(extract_entry(x, &en, marker_only, r, e));
	return rc;
}

struct unpacked {
	struct index *index;
	uint64_t bytes;       /* of files */
	uint64_t tar_bytes, blob_bytes;
	enum compression compression;
};

static int unpack_into(struct store *s, int rootfd, const struct digest *blob, const struct digest *diff_id, const struct index *known,
	const struct cancel *cancel, void (*progress)(void *arg, uint64_t bytes), void *arg, struct unpacked *ret, struct err *e)
{
	cleanup_with(layer_source_cleanup) struct layer_source *src = NULL;
	cleanup_with(extract_cleanup) struct extract *x = NULL;
	TRY(layer_source_open(s, blob, cancel, &src, e));
	layer_source_progress(src, progress, arg);
	TRY(extract_new(rootfd, known, cancel, &x, e));
	TRY(extract_all(src, x, e));
	TRY(layer_source_verify(src, blob, diff_id, e));
	TRY(extract_finish(x, &ret->index, &ret->bytes, e));
	ret->tar_bytes = layer_source_plain_bytes(src);
	ret->blob_bytes = layer_source_blob_bytes(src);
	ret->compression = layer_source_compression(src);
	return 0;
}

/* A scratch folder in the store with an empty "fs" in it. */
static int make_scratch(struct store *s, struct scratch *ret, int *ret_fd, int *ret_root, struct err *e)
{
	TRY(store_tmp(s, &ret->dirfd, e));
	TRY(fs_temp_dir(ret->dirfd, "unpack-", &ret->name, e));
	TRY(fs_open_dir(ret->dirfd, ret->name, ret_fd, e));
	if (mkdirat(*ret_fd, "fs", 0700) < 0)
		return err_sys(e, "create folder");
	return fs_open_dir(*ret_fd, "fs", ret_root, e);
}

int layer_unpack(struct store *s, const struct digest *blob, const struct digest *diff_id, const struct cancel *cancel,
	void (*progress)(void *arg, uint64_t bytes), void *arg, struct digest *ret_id, struct err *e)
{
	struct digest id;
	struct err unknown = {0};
	if (store_find_unpacked(s, diff_id, &id, &unknown) == 0 && store_has_folder(s, &id)) {
		*ret_id = id;
		return 0;
	}
	cleanup_with(scratch_done) struct scratch sc = {.dirfd = -1};
	cleanup_close int fd = -1, rootfd = -1;
	struct unpacked u = {0};
	cleanup_index struct index *ix = NULL;
	TRY(make_scratch(s, &sc, &fd, &rootfd, e));
	int rc = unpack_into(s, rootfd, blob, diff_id, NULL, cancel, progress, arg, &u, e);
	ix = u.index;
	TRY(rc);
	TRY(index_write(ix, fd, "index", e));
	struct layer l = {.cid = *diff_id, .id = index_layer_id(ix), .diff_id = *diff_id, .size = u.bytes};
	TRY(store_add_layer(s, sc.dirfd, sc.name, &l, e));
	TRY(store_set_unpacked(s, diff_id, &l.id, e));
	TRY(store_set_blob(s, diff_id, u.compression, blob, u.blob_bytes, e));
	*ret_id = l.id;
	return 0;
}

/* The tar of a layer whose index is known, into a folder with the times of the index. */
static int remake_folder(struct store *s, const struct digest *id, const struct digest *blob, const struct digest *diff_id,
	const struct cancel *cancel, struct err *e)
{
	cleanup_with(scratch_done) struct scratch sc = {.dirfd = -1};
	cleanup_close int fd = -1, rootfd = -1;
	cleanup_index struct index *known = NULL, *ix = NULL;
	struct unpacked u = {0};
	TRY(store_layer_index(s, id, &known, e));
	TRY(make_scratch(s, &sc, &fd, &rootfd, e));
	int rc = unpack_into(s, rootfd, blob, diff_id, known, cancel, NULL, NULL, &u, e);
	ix = u.index;
	TRY(rc);
	struct digest want = index_layer_id(known), is = index_layer_id(ix);
	if (!digest_eq(&want, &is))
		return err_set(e, ERR_CORRUPT, "the layer's tar does not hold what its index says");
	cleanup_free char *fs = mem_printf("%s/fs", sc.name);
	return store_add_folder(s, sc.dirfd, fs, id, e);
}

int layer_need_folder(struct store *s, const struct digest *id, const struct cancel *cancel, struct err *e)
{
	struct digest diff_id, blob;
	if (store_has_folder(s, id))
		return 0;
	TRY(layer_find_tar(s, id, &diff_id, e));
	TRY(layer_find_blob(s, &diff_id, &blob, e));
	return remake_folder(s, id, &blob, &diff_id, cancel, e);
}

int layer_unpack_as(struct store *s, const struct digest *id, const struct digest *blob, const struct digest *diff_id,
	const struct cancel *cancel, struct err *e)
{
	return store_has_folder(s, id) ? 0 : remake_folder(s, id, blob, diff_id, cancel, e);
}

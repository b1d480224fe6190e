/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob becomes a layer: its tar is read by a second thread, placed into a scratch folder by this one, and when everything was
 * read and both digests are right, the folder and its index move into the store. Until then nothing of it can be seen. A blob that
 * is fetched goes the same way while a third thread receives it; what the reader makes of bytes that turn out wrong is thrown away.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "snapshotter/blob_feed.h"
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
	uint64_t blob_bytes;
	enum compression compression;
};

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

/* Is the tar unpacked already, in the form that is wanted? */
static bool is_unpacked(struct store *s, const struct digest *diff_id, bool folder, struct digest *ret_id)
{
	struct digest id;
	struct err unknown = {0};
	if (store_find_unpacked(s, diff_id, &id, &unknown) < 0 || !(folder ? store_has_folder(s, &id) : store_has_layer(s, &id)))
		return false;
	*ret_id = id;
	return true;
}

static bool is_known(struct store *s, const struct digest *blob, const struct digest *diff_id)
{
	struct digest is;
	enum compression c;
	struct err ignored;
	bool found = false;
	return store_find_tar_of(s, blob, &found, &is, &c, &ignored) == 0 && found && digest_eq(&is, diff_id);
}

/* What is being unpacked, until it is a layer. */
struct unpacking {
	const struct digest *blob, *diff_id;
	struct layer_form form;
	const struct cancel *cancel;
	struct scratch scratch;
	int fd, rootfd;
	struct unpacked u;
};

static void unpacking_done(struct unpacking *p)
{
	index_free(p->u.index);
	mem_cleanup_close(&p->rootfd);
	mem_cleanup_close(&p->fd);
	scratch_done(&p->scratch);
}

static int unpack_into(struct unpacking *p, struct layer_source *src, struct err *e)
{
	cleanup_with(extract_cleanup) struct extract *x = NULL;
	TRY(extract_new(p->rootfd, p->form.times, p->cancel, &x, e));
	TRY(extract_all(src, x, e));
	TRY(layer_source_verify(src, p->blob, p->diff_id, e));
	TRY(extract_finish(x, &p->u.index, &p->u.bytes, e));
	p->u.blob_bytes = layer_source_blob_bytes(src);
	p->u.compression = layer_source_compression(src);
	return 0;
}

static int unpack_from(struct store *s, struct unpacking *p, struct layer_source *src, struct err *e)
{
	if (p->form.folder)
		TRY(make_scratch(s, &p->scratch, &p->fd, &p->rootfd, e));
	TRY(unpack_into(p, src, e));
	if (!p->form.times)
		return 0;
	struct digest want = index_layer_id(p->form.times), is = index_layer_id(p->u.index);
	return digest_eq(&want, &is) ? 0 : err_set(e, ERR_CORRUPT, "the layer's tar does not hold what its index says");
}

/* All is verified: shows it. With other times than the tar's it is known by its content, and is not what the tar alone becomes. */
static int add_layer(struct store *s, struct unpacking *p, struct digest *ret_id, struct err *e)
{
	const struct index *ix = p->u.index;
	struct layer l = {.cid = *p->diff_id, .id = index_layer_id(ix), .diff_id = *p->diff_id, .size = p->u.bytes};
	if (p->form.times) {
		l.cid = index_content_id(ix);
		l.diff_id = (struct digest){0};
	}
	if (p->form.folder) {
		TRY(index_write(ix, p->fd, "index", e));
		TRY(store_add_layer(s, p->scratch.dirfd, p->scratch.name, &l, e));
	} else {
		TRY(store_add_index(s, ix, &l, e));
	}
	if (!p->form.times)
		TRY(store_set_unpacked(s, p->diff_id, &l.id, e));
	TRY(store_set_blob(s, p->diff_id, p->u.compression, p->blob, p->u.blob_bytes, e));
	*ret_id = l.id;
	return 0;
}

int layer_unpack_as(struct store *s, const struct digest *blob, const struct digest *diff_id, const struct layer_form *form,
	const struct cancel *cancel, struct digest *ret_id, struct err *e)
{
	cleanup_with(unpacking_done) struct unpacking p = {blob, diff_id, *form, cancel, {.dirfd = -1}, -1, -1, {0}};
	cleanup_with(layer_source_cleanup) struct layer_source *src = NULL;
	if (!form->times && is_unpacked(s, diff_id, form->folder, ret_id) && is_known(s, blob, diff_id))
		return 0;
	TRY(layer_source_open(s, blob, cancel, &src, e));
	TRY(unpack_from(s, &p, src, e));
	return add_layer(s, &p, ret_id, e);
}

int layer_unpack(struct store *s, const struct digest *blob, const struct digest *diff_id, bool folder, const struct cancel *cancel,
	struct digest *ret_id, struct err *e)
{
	const struct layer_form form = {.folder = folder};
	return layer_unpack_as(s, blob, diff_id, &form, cancel, ret_id, e);
}

static int unpack_feed(struct store *s, struct unpacking *p, struct blob_feed *feed, struct err *e)
{
	cleanup_with(layer_source_cleanup) struct layer_source *src = NULL;
	TRY(layer_source_from(feed, p->cancel, &src, e));
	return unpack_from(s, p, src, e);
}

int layer_receive(struct store *s, const struct layer_feed *from, const struct digest *blob, const struct digest *diff_id,
	const struct layer_form *form, const struct cancel *cancel, struct digest *ret_id, struct err *e)
{
	cleanup_with(unpacking_done) struct unpacking p = {blob, diff_id, *form, cancel, {.dirfd = -1}, -1, -1, {0}};
	cleanup_with(blob_feed_cleanup) struct blob_feed *feed = NULL;
	struct err why = {0};
	TRY(blob_feed_start(s, from, blob, &feed, e));
	int rc = unpack_feed(s, &p, feed, &why);
	TRY(blob_feed_finish(feed, e)); /* bytes that are wrong explain whatever else is */
	if (rc < 0) {
		*e = why;
		return rc;
	}
	return add_layer(s, &p, ret_id, e);
}

int layer_remake_folder(struct store *s, const struct digest *id, const struct digest *blob, const struct digest *diff_id,
	const struct cancel *cancel, struct err *e)
{
	cleanup_index struct index *times = NULL;
	struct digest same;
	TRY(store_layer_index(s, id, &times, e));
	const struct layer_form form = {.folder = true, .times = times};
	return layer_unpack_as(s, blob, diff_id, &form, cancel, &same, e);
}

int layer_need_folder(struct store *s, const struct digest *id, const struct cancel *cancel, struct err *e)
{
	struct digest diff_id, blob;
	if (store_has_folder(s, id))
		return 0;
	TRY(layer_find_tar(s, id, &diff_id, e));
	TRY(layer_find_blob(s, &diff_id, &blob, e));
	return layer_remake_folder(s, id, &blob, &diff_id, cancel, e);
}

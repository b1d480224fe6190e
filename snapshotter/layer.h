/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LAYER_H
#define COOPER_LAYER_H

/* Layers between their forms: upper folder, folder, index, tar, blob. */
#include <time.h>

#include "base/pool.h"
#include "snapshotter/store.h"
#include "snapshotter/view.h"

/*
 * What a step changed: reads an overlayfs upper folder and compares it with `below` (what the step saw), giving the layer's
 * index: whiteouts for what is gone (no opaque markers: explicit whiteouts for the children that vanished), every new or
 * changed entry, and each ancestor folder of those with its present metadata. Copied-up entries that did not change (type,
 * mode, owner, xattrs, size, content, and for non-folders mtime) are left out; a folder whose only change is its mtime too.
 * Files are hashed on all cores. `skip` lists paths that never belong to the layer (mount stubs); sockets are left out.
 *
 * owners_in_xattr: the folder was written with one id (fileowner.h); owners are then what the attribute says. What has none was
 * copied up and belongs to whom it belonged below, or is new and belongs to uid:gid, the step's user (below a set-group-id folder
 * to its group), and gets the attribute now. `owners`: of those links and special files, which cannot have it, that are known better.
 */
struct layer_owner {
	uint64_t ino;
	int64_t born;           /* time of birth, 0 where the file system has none */
	uint32_t born_nsec, uid, gid;
};
struct layer_beside { /* what else the step saw, and may have copied with its times */
	const struct view *view;
	const int *folders;     /* of its layers */
	size_t nfolders;
};
struct layer_skip {
	const struct str *paths;
	size_t n;
	bool owners_in_xattr;
	uint32_t uid, gid;
	const struct layer_owner *owners;
	size_t nowners;
	struct timespec began;  /* before the step: times from here to now are the clock's. 0: no time is */
	const struct layer_beside *beside;
	size_t nbeside;
};
int layer_from_upper(int upper_fd, const struct view *below, const struct layer_skip *skip, const struct cancel *cancel,
	struct index **ret, struct err *e);

/* The layer with this index, which was made now: its ids and its size. */
void layer_describe(const struct index *ix, struct layer *ret);

/* Unpacks a blob of the store (any compression) into layers/<id>, verifying blob digest and diff id before anything becomes
 * visible; records the diff id's layer, and which tar the blob holds. Whiteouts get overlayfs' form. Device nodes that may not be
 * made here are recorded in the index all the same. Without `folder` only the index is made, from the same pass over the tar. */
int layer_unpack(struct store *s, const struct digest *blob, const struct digest *diff_id, bool folder, const struct cancel *cancel,
	struct digest *ret_id, struct err *e);

/* What a blob is to become. With `times`, an index that somebody says is the layer's, it is the layer of that index's id instead of
 * the diff id's: the tar's times were clamped, or do not tell which are the clock's. Tar and index must fit in all else: ERR_CORRUPT. */
struct layer_form {
	bool folder;
	const struct index *times; /* NULL: the tar's own */
};
int layer_unpack_as(struct store *s, const struct digest *blob, const struct digest *diff_id, const struct layer_form *form,
	const struct cancel *cancel, struct digest *ret_id, struct err *e);

/* The bytes of a blob that is not here yet. `write` is called once, on a thread of its own; it returns 0 only when it has written
 * all of them and has seen that they are the blob's. */
struct layer_feed {
	int (*write)(void *arg, struct sink *to, struct err *e);
	void *arg;
};
/* Stores the blob and unpacks it, both while it comes. The blob stays when it was right and its tar was not. */
int layer_receive(struct store *s, const struct layer_feed *from, const struct digest *blob, const struct digest *diff_id,
	const struct layer_form *form, const struct cancel *cancel, struct digest *ret_id, struct err *e);

/* The folder of a layer whose index is here, from a blob of the store with its tar, of whatever times. ERR_CORRUPT: they do not fit. */
int layer_remake_folder(struct store *s, const struct digest *id, const struct digest *blob, const struct digest *diff_id,
	const struct cancel *cancel, struct err *e);

/* Is the layer recorded, and its content here in some form: a folder or a tar? */
bool layer_is_here(struct store *s, const struct digest *id);

/* Does the tar diff_id, unpacked as layer `id`, have this content id? Found out from the index that was made of its bytes, and
 * remembered. */
int layer_check_content(struct store *s, const struct digest *id, const struct digest *diff_id, const struct digest *cid, bool *ret,
	struct err *e);
/* The content id of a tar that was unpacked here, found out the same way. ERR_NOT_FOUND: nobody has looked into it. */
int layer_content(struct store *s, const struct digest *diff_id, struct digest *ret, struct err *e);
/* Was that found out, now or earlier? */
bool layer_content_known(struct store *s, const struct digest *diff_id, const struct digest *cid);
/* The layer that the tar became with the times of an index, which is named by the digest of its blob (layer_unpack_as): set when it
 * did, found while it is here. */
bool layer_find_timed(struct store *s, const struct digest *diff_id, const struct digest *times, struct digest *ret_id);
int layer_set_timed(struct store *s, const struct digest *diff_id, const struct digest *times, const struct digest *id, struct err *e);

/* Bytes of the layer's files: the same whether it was made here, was unpacked, or is known by its blob only, which is read once
 * then (verified, and the answer is kept). ERR_NOT_FOUND when nothing of it is here, ERR_LIMIT when that would take long. */
int layer_size(struct store *s, const struct digest *diff_id, const struct digest *blob, const struct cancel *cancel, uint64_t *ret,
	struct err *e);

/* Makes sure that layers/<id>/fs is there: it is made from the tar blob when only that exists. */
int layer_need_folder(struct store *s, const struct digest *id, const struct cancel *cancel, struct err *e);

/* Makes the layer's tar with times clamped, from its folder (or from another tar of it), into blobs/, uncompressed; gives the
 * recorded one when it was made before. ret_size may be NULL. */
int layer_need_tar(struct store *s, const struct digest *id, int64_t clamp, const struct cancel *cancel, struct digest *ret_diff_id,
	uint64_t *ret_size, struct err *e);

/* A blob that holds the tar diff_id under compression c, level -1 = default; made from another one when needed (plain tar or
 * any compression). */
int layer_need_blob(struct store *s, const struct digest *diff_id, enum compression c, int level, unsigned threads,
	const struct cancel *cancel, struct digest *ret_blob, uint64_t *ret_size, struct err *e);

/* Is it made already? */
bool layer_has_blob(struct store *s, const struct digest *diff_id, enum compression c, struct digest *ret_blob, uint64_t *ret_size);
/* Makes it into `to` alone. That the blob holds the tar is recorded; its bytes are not kept. */
int layer_send_blob(struct store *s, const struct digest *diff_id, enum compression c, int level, unsigned threads,
	const struct cancel *cancel, struct sink *to, struct digest *ret_blob, uint64_t *ret_size, struct err *e);

/* Makes the plain tar from a blob that somebody says holds it; verified, and recorded when it does. ERR_CORRUPT. */
int layer_plain_from(struct store *s, const struct digest *blob, const struct digest *diff_id, const struct cancel *cancel, struct err *e);

/* Places a whole tree (its layers' folders merged, bottom first) into a plain folder, as `-o type=local` and single-folder
 * mounts want it: modes, times, hard links, devices where allowed; owners only when `owners`. set_time: every time becomes
 * this one when it is not INT64_MAX (exactly, also earlier ones). */
struct layer_place {
	bool owners;
	int64_t set_time;
	bool reflink_or_copy; /* never hard links: the target may be written to */
};
int layer_place_tree(struct store *s, const struct digest *ids, size_t n, int target_fd, const struct layer_place *how,
	const struct cancel *cancel, struct err *e);
/* The same tree as one tar (no whiteouts). */
int layer_tar_tree(struct store *s, const struct digest *ids, size_t n, int64_t set_time, struct sink *out, const struct cancel *cancel,
	struct err *e);

#endif

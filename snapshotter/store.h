/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_STORE_H
#define COOPER_STORE_H

/*
 * The store: one folder that is an OCI image layout (oci-layout, index.json, blobs/) and beside it what a layout cannot say:
 *
 *	layers/<layer id>/fs      the layer as a folder, in overlayfs' form (char 0:0 whiteouts, user.overlay.opaque)
 *	layers/<layer id>/index   its index (index.h)
 *	contexts/<hex>            digests of context files by metadata (context.h)
 *	mounts/<hex>/             RUN --mount=type=cache folders
 *	tmp/<name>/               work in progress of one process, locked by it; swept when its lock is free
 *	cooper.db                 records (SQLite)
 *	lock                      shared by builds, exclusive for prune
 *
 * Bytes first, record second: whatever is visible is whole. Everything else is garbage that the next open or prune removes.
 * Blobs are synced one by one; layers once a batch by store_flush. Until then they are marked with the machine's boot, and an
 * open after an unclean boot forgets the marked ones.
 *
 * One struct store may be used by several threads.
 */
#include <pthread.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/blobs.h"
#include "base/db.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/map.h"
#include "base/pool.h"
#include "snapshotter/compress.h"
#include "snapshotter/index.h"

struct store {
	char *path;          /* absolute */
	int fd;              /* of the folder, O_PATH */
	struct db *db;
	struct blobs *blobs;
	int lock_fd;
	char *tmp_name;      /* "tmp/xxxxxx" below fd, made on first use */
	int tmp_fd;          /* -1 until store_tmp; holds the folder's lock */
	const struct cancel *cancel; /* may be set by the owner: waits for locks end with ERR_CANCELLED */
	pthread_mutex_t lock;     /* guards tmp_name, tmp_fd, touched, unsynced */
	pthread_mutex_t writing;  /* one write transaction at a time on this connection */
	struct map touched;       /* digests used since the last flush */
	bool unsynced;            /* this process added layers since the last flush */
};

/* Default path: `root` argument, else $COOPER_ROOT, else /var/lib/cooper (uid 0) or $XDG_DATA_HOME/cooper. mem_free. */
char *store_default_path(const char *root);
/* Opens, making it when it is not there (mode 0700), with a shared lock. ERR_SYS with the path, ERR_UNSUPPORTED for a newer
 * format, ERR_CORRUPT. When another process holds it exclusively, waits up to `wait_ms` and then fails with ERR_DENIED. */
int store_open(const char *path, int wait_ms, struct store **ret, struct err *e);
/* Opens the folders again, by path and under the same descriptor numbers: after the process has entered another mount namespace. */
int store_reopen(struct store *s, struct err *e);
void store_close(struct store *s); /* flushes, removes this process' tmp folder */
static inline void store_cleanup(struct store **s)
{
	if (*s)
		store_close(*s);
}
#define cleanup_store __attribute__((cleanup(store_cleanup)))
/* This process' scratch folder (same file system as layers/). The descriptor is borrowed. */
int store_tmp(struct store *s, int *ret_dirfd, struct err *e);
/* Brings added layers to the disk and writes down what was touched. Nothing to do: nothing written. Call it before index.json
 * names what this build made. */
int store_flush(struct store *s, struct err *e);
/* Changes the shared lock into the exclusive one, waiting up to wait_ms (ERR_DENIED: in use by another build; the shared lock is
 * kept), and back. */
int store_lock_exclusive(struct store *s, int wait_ms, struct err *e);
int store_lock_shared(struct store *s, struct err *e);

/* --- layers --- */
struct layer {
	struct digest cid;     /* content id: what later steps key on. Of a pulled layer that was never unpacked: its diff id */
	struct digest id;      /* layer id; none = known by its blob only, not yet unpacked */
	struct digest diff_id; /* of the uncompressed tar without clamped times; none = no tar made yet */
	uint64_t size;         /* bytes of its files */
	int64_t created;       /* seconds: when its step ran; history's "created" */
	uint32_t created_nsec;
};
/* Records a layer whose folder and index are complete in a scratch folder: moves `<name>` (holding fs/ and index) below
 * dirfd to layers/<id>. When the layer is there already, the scratch copy is dropped (its fs/ is taken when the layer had no
 * folder). l->cid and l->id must be set. */
int store_add_layer(struct store *s, int dirfd, const char *name, const struct layer *l, struct err *e);
/* As above for a layer that has an index but no folder yet (it will be made when something needs it). */
int store_add_index(struct store *s, const struct index *ix, const struct layer *l, struct err *e);
/* Adds the folder later: moves `<name>` below dirfd to layers/<id>/fs. */
int store_add_folder(struct store *s, int dirfd, const char *name, const struct digest *id, struct err *e);
/* ERR_NOT_FOUND. */
int store_get_layer(struct store *s, const struct digest *id, struct layer *ret, struct err *e);
int store_layer_index(struct store *s, const struct digest *id, struct index **ret, struct err *e);
/* Is it recorded, and its index there? */
bool store_has_layer(struct store *s, const struct digest *id);
bool store_has_folder(struct store *s, const struct digest *id);
/* O_PATH descriptor of layers/<id>/fs. */
int store_layer_folder(struct store *s, const struct digest *id, int *ret_fd, struct err *e);
/* The layer made from the tar with this diff id, when it was unpacked before. ERR_NOT_FOUND. */
int store_find_unpacked(struct store *s, const struct digest *diff_id, struct digest *ret_id, struct err *e);
int store_set_unpacked(struct store *s, const struct digest *diff_id, const struct digest *id, struct err *e);

/* --- layer tars and blobs --- */
/* The diff id of the layer's tar with times clamped at `clamp` (INT64_MAX: not at all). false: not made yet. */
int store_get_tar(struct store *s, const struct digest *id, int64_t clamp, bool *ret_found, struct digest *ret_diff_id,
	uint64_t *ret_size, struct err *e);
int store_set_tar(struct store *s, const struct digest *id, int64_t clamp, const struct digest *diff_id, uint64_t size,
	struct err *e);
/* Blobs that hold the tar diff_id under some compression: the one recorded last. A fact about digests: whether its bytes are
 * here is for blobs_has to say. */
int store_get_blob(struct store *s, const struct digest *diff_id, enum compression c, bool *ret_found, struct digest *ret_blob,
	uint64_t *ret_size, struct err *e);
/* The other way round. */
int store_find_tar_of(struct store *s, const struct digest *blob, bool *ret_found, struct digest *ret_diff_id, enum compression *ret,
	struct err *e);
/* Bytes of the files of a layer that this tar was unpacked to, or made of. false: no such layer is recorded. */
int store_size_of_tar(struct store *s, const struct digest *diff_id, bool *ret_found, uint64_t *ret_size, struct err *e);
int store_set_blob(struct store *s, const struct digest *diff_id, enum compression c, const struct digest *blob, uint64_t size,
	struct err *e);

/* --- records: what a step gave for a key --- */
struct record {
	struct digest key;
	struct digest family;  /* H(op, stage, the step's own text): "the same step" wherever it stands */
	struct digest place;   /* H(op, stage, which one of its kind it is): "the same step" whatever its text */
	struct digest layer;   /* id of the layer it made; none: it made no layer */
	struct digest cid;     /* content id of that layer */
	int64_t created;
	uint32_t created_nsec;
	struct str answers;    /* packed list of answers that must hold for this record (none yet: empty) */
	struct str why;        /* what the key was made of, JSON: for --explain */
};
/* Called for each record until it returns true. Strings are borrowed for the call. */
typedef bool record_fn(void *arg, const struct record *r);
/* All records of a key, newest first. 1: fn has stopped it, 0: it came to the end, or negative. */
int store_find_records(struct store *s, const struct digest *key, record_fn *fn, void *arg, struct err *e);
/* The newest records of a family, and of a place, newest first, 16 at most: what the step was before. */
int store_find_kin(struct store *s, const struct digest *family, record_fn *fn, void *arg, struct err *e);
int store_find_place(struct store *s, const struct digest *place, record_fn *fn, void *arg, struct err *e);
/* Records of layers with this content id: first those of the family, then those of any step, the oldest ones first, so that digests do
 * not move; 16 of each at most. */
int store_find_content(struct store *s, const struct digest *family, const struct digest *cid, record_fn *fn, void *arg, struct err *e);
/* Replaces a record with the same key and answers; of one key, the newest 32 stay. */
int store_add_record(struct store *s, const struct record *r, struct err *e);
/* Notes that this layer, blob, record (by key) or memo was used now: kept in memory, written by store_close or store_flush in
 * one transaction, and only when the time that is written down is older than an hour. */
void store_touch(struct store *s, const struct digest *layer_or_blob);

/* --- memos: small derived facts by key, e.g. the digest of a selection --- */
int store_get_memo(struct store *s, const struct digest *key, struct buf *out, bool *ret_found, struct err *e);
int store_set_memo(struct store *s, const struct digest *key, struct str value, struct err *e);

/* --- RUN cache mounts --- */
/* Opens (making it) the folder for an identity. Locked waits until nobody uses it; private gives another folder (-1, -2, ...) when
 * it is in use; shared goes beside other shared ones. A wait ends with ERR_CANCELLED when `cancel` (NULL: only the store's) is set.
 * The lock lives as long as *ret_lock_fd. *ret_fresh: the folder is new; the lock is exclusive then whatever the sharing, so that the caller can fill it and say store_cache_mount_ready. A fresh folder
 * that nobody said ready for is fresh again next time. */
enum mount_sharing { SHARING_SHARED, SHARING_PRIVATE, SHARING_LOCKED };
int store_cache_mount(struct store *s, const struct digest *identity, const char *label, enum mount_sharing sharing,
	const struct cancel *cancel, int *ret_dirfd, int *ret_lock_fd, bool *ret_fresh, struct err *e);
/* The fresh folder is filled (owner, mode, content of from=). The lock becomes what `sharing` asks for. */
int store_cache_mount_ready(struct store *s, int lock_fd, enum mount_sharing sharing, struct err *e);

#endif

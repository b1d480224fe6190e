/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the layer that a plan describes, in a scratch folder of the store: folders first, then the files (copy_queue.c), then
 * what needs no bytes, at last the folders' own metadata. When all digests are known the layer has its name, and folder,
 * index and tar become visible in that order.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "snapshotter/copy_carry.h"
#include "snapshotter/layer.h"
#include "snapshotter/relay.h"
#include "snapshotter/tar_check.h"

enum { EARLY_BYTES = 32 * 1024 * 1024 };

/* Writes, and asks the kernel now and then to begin with what was written, so that the sync at the end does not have it all. */
struct sink_early {
	struct sink sink;
	int fd;
	uint64_t written, begun;
};

static int early_write(struct sink *sink, const void *p, size_t len, struct err *e)
{
	struct sink_early *s = (struct sink_early *)sink;
	TRY(io_write_all(s->fd, p, len, e));
	s->written += len;
	if (s->written - s->begun >= EARLY_BYTES) {
		(void)sync_file_range(s->fd, (off_t)s->begun, (off_t)(s->written - s->begun), SYNC_FILE_RANGE_WRITE);
		s->begun = s->written;
	}
	return 0;
}

/* The tar on its way into a blob: bytes are hashed on one thread and written on another. */
struct tar_out {
	struct blob_writer *blob;
	struct sink_early file;
	struct tar_check check;
	struct hash_pipe pipe;
	struct tar_writer tar;
	struct digest digest;
};

static void tar_out_done(struct tar_out *t)
{
	tar_writer_done(&t->tar);
	hash_pipe_done(&t->pipe);
	blob_writer_free(t->blob);
}

static int tar_out_open(struct carry *c, struct tar_out *t, struct err *e)
{
	if (!c->out->want_tar)
		return 0;
	TRY(blobs_writer(c->store->blobs, &t->blob, e));
	t->file = (struct sink_early){.sink.write = early_write, .fd = blob_writer_fd(t->blob)};
	tar_check_init(&t->check, &t->file.sink);
	hash_pipe_init(&t->pipe, &t->check.sink);
	tar_writer_init(&t->tar, &t->pipe.sink, c->out->clamp);
	c->tar = &t->tar;
	return 0;
}

/* --- the folder --- */

struct scratch {
	int tmp;
	char *name;
	int fd;      /* of the scratch folder */
};

static void scratch_done(struct scratch *s)
{
	struct err ignored;
	mem_cleanup_close(&s->fd);
	if (s->name)
		fs_remove_tree(s->tmp, s->name, &ignored);
	mem_free(s->name);
}

static int scratch_open(struct store *s, struct scratch *ret, struct err *e)
{
	TRY(store_tmp(s, &ret->tmp, e));
	TRY(fs_temp_dir(ret->tmp, "copy-", &ret->name, e));
	return fs_open_dir(ret->tmp, ret->name, &ret->fd, e);
}

static int open_folder(struct carry *c, const struct scratch *s, struct err *e)
{
	struct stat st;
	if (mkdirat(s->fd, "fs", 0755) < 0)
		return err_sys(e, "create folder %s/fs", s->name);
	if (fchmodat(s->fd, "fs", 0755, 0) < 0)
		return err_sys(e, "chmod %s/fs", s->name);
	TRY(fs_open_dir(s->fd, "fs", &c->folder, e));
	if (fstat(c->folder, &st) < 0)
		return err_sys(e, "stat %s/fs", s->name);
	fileowner_init(&c->ids);
	c->inherits = st.st_uid != geteuid() || st.st_gid != getegid();
	if (c->inherits && fchownat(s->fd, "fs", geteuid(), getegid(), AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "chown %s/fs", s->name);
	const struct index *ix = c->plan->index;
	for (size_t i = 0; i < ix->n; i++)
		if (ix->entries[i].type == ENTRY_DIR && mkdirat(c->folder, ix->entries[i].path.p, 0700) < 0)
			return err_sys(e, "create folder %s", ix->entries[i].path.p);
	return 0;
}

static int make_special(struct carry *c, const struct entry *en, struct err *e)
{
	static const mode_t types[] = {[ENTRY_FIFO] = S_IFIFO, [ENTRY_CHAR] = S_IFCHR, [ENTRY_BLOCK] = S_IFBLK, [ENTRY_WHITEOUT] = S_IFCHR};
	const char *path = en->path.p;
	bool device = en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK;
	if (en->type == ENTRY_SYMLINK) {
		if (symlinkat(en->target.p, c->folder, path) < 0)
			return err_sys(e, "create link %s", path);
		return carry_metadata(c, en, e);
	}
	if (en->type == ENTRY_LINK) {
		/* ENOENT: a second name of a device that could not be made */
		return linkat(c->folder, en->target.p, c->folder, path, 0) < 0 && errno != ENOENT ? err_sys(e, "create hard link %s", path) : 0;
	}
	dev_t dev = device ? makedev(en->major, en->minor) : 0;
	if (mknodat(c->folder, path, types[en->type] | 0600, dev) < 0)
		return device && errno == EPERM ? 0 : err_sys(e, "create %s", path);
	return en->type == ENTRY_WHITEOUT ? 0 : carry_metadata(c, en, e);
}

/* What has no bytes, then the folders' metadata, deepest first. */
static int finish_folder(struct carry *c, struct err *e)
{
	const struct index *ix = c->plan->index;
	if (c->folder < 0)
		return 0;
	for (size_t i = 0; i < ix->n; i++)
		if (ix->entries[i].type != ENTRY_FILE && ix->entries[i].type != ENTRY_DIR)
			TRY(make_special(c, &ix->entries[i], e));
	for (size_t i = ix->n; i-- > 0;)
		if (ix->entries[i].type == ENTRY_DIR)
			TRY(carry_metadata(c, &ix->entries[i], e));
	return 0;
}

/* --- registering --- */

static int finish_tar(struct carry *c, struct tar_out *t, struct layer *l, struct err *e)
{
	if (!c->tar)
		return 0;
	TRY(hash_pipe_finish(&t->pipe, &t->digest, e));
	TRY(blob_writer_commit_hashed(t->blob, &t->digest, e));
	if (!index_clamps(c->plan->index, c->out->clamp)) /* it is also the tar without clamping */
		l->diff_id = t->digest;
	return 0;
}

static int record_tar(struct carry *c, const struct tar_out *t, const struct layer *l, struct err *e)
{
	if (!c->tar)
		return 0;
	TRY(store_set_tar(c->store, &l->id, c->out->clamp, &t->digest, t->pipe.bytes, e));
	if (!digest_none(&l->diff_id) && c->out->clamp != INT64_MAX)
		TRY(store_set_tar(c->store, &l->id, INT64_MAX, &t->digest, t->pipe.bytes, e));
	return tar_check_note(&t->check, c->store, &t->digest, e);
}

static int record(struct carry *c, struct scratch *s, const struct layer *l, struct err *e)
{
	if (c->folder < 0)
		return store_add_index(c->store, c->plan->index, l, e);
	TRY(index_write(c->plan->index, s->fd, "index", e));
	return store_add_layer(c->store, s->tmp, s->name, l, e);
}

static void carry_done(struct carry *c)
{
	mem_cleanup_close(&c->folder);
	carry_former_done(c);
}

static int carry_out(struct carry *c, struct scratch *s, struct layer *ret, struct err *e)
{
	cleanup_with(tar_out_done) struct tar_out t = {0};
	struct layer l;
	if (c->out->want_folder) {
		TRY(scratch_open(c->store, s, e));
		TRY(open_folder(c, s, e));
	}
	TRY(carry_former(c, e));
	TRY(tar_out_open(c, &t, e));
	TRY(carry_files(c, e));
	TRY(finish_folder(c, e));
	layer_describe(c->plan->index, &l);
	TRY(finish_tar(c, &t, &l, e));
	TRY(record(c, s, &l, e));
	TRY(record_tar(c, &t, &l, e));
	*ret = l;
	return 0;
}

int copy_carry_out(struct store *s, const struct copy_args *a, struct copy_plan *p, const struct copy_out *out, struct layer *ret,
	struct copy_stats *stats, struct err *e)
{
	cleanup_with(carry_done) struct carry c = {.store = s, .args = a, .plan = p, .out = out, .folder = -1, .former = -1, .former_tar = -1};
	cleanup_with(scratch_done) struct scratch scratch = {.fd = -1};
	TRY(carry_out(&c, &scratch, ret, e));
	if (stats)
		*stats = (struct copy_stats){.files_read = c.files_read, .bytes_read = c.bytes_read, .files_linked = c.files_linked};
	return 0;
}

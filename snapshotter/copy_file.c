/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file's bytes on their way from a source into the layer's folder and its tar, read once. A file that the former layer has
 * just so is linked from there. Where the file system can share blocks, the copy is made first and read from: what is hashed
 * is then exactly what was copied.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "snapshotter/copy_carry.h"
#include "snapshotter/relay.h"
#include "snapshotter/rootpath.h"
#include "snapshotter/xattrs.h"

enum { REFLINK_MIN = 128 * 1024 };

static void bytes_done(struct bytes *b)
{
	mem_cleanup_close(&b->fd);
}
#define cleanup_bytes cleanup_with(bytes_done)

static int changed(struct str path, struct err *e)
{
	return err_set(e, ERR_STEP, "\"/%.*s\" changed while it was copied (a file that others write to belongs into .dockerignore)", STR_ARG(path));
}

static int open_bytes(struct carry *c, size_t i, struct bytes *ret, struct err *e)
{
	const struct copy_args *a = c->args;
	const struct entry *en = &c->plan->index->entries[i];
	*ret = (struct bytes){.fd = -1};
	if (en->origin >= a->nitems + a->ninlines) {
		ret->trusted = true;
		ret->en = *en;
		return copy_unpacked_open(c->plan->unpacked[en->origin - a->nitems - a->ninlines], c->plan->from[i], &ret->fd, &ret->at, e);
	}
	if (en->origin >= a->nitems) {
		ret->p = a->inlines[en->origin - a->nitems].content.p;
		ret->trusted = true;
		ret->en = *en;
		return 0;
	}
	ret->source = a->items[en->origin].source;
	ret->trusted = ret->source->trusted && !digest_none(&en->digest);
	ret->alone = true;
	if (!copy_source_entry(ret->source, c->plan->from[i], &ret->en))
		return changed(c->plan->from[i], e);
	return ret->source->open(ret->source->arg, &ret->en, &ret->fd, e);
}

/* What the user calls the file: its path in the source. */
static struct str name_of(const struct carry *c, size_t i)
{
	const struct entry *en = &c->plan->index->entries[i];
	return en->origin < c->args->nitems ? c->plan->from[i] : en->path;
}

/* --- the former layer --- */

static bool in_former(const struct carry *c, const struct entry *en)
{
	if (c->folder < 0 || c->former < 0 || digest_none(&en->digest))
		return false;
	const struct entry *was = index_find(c->former_index, en->path);
	return was && carry_same(was, en);
}

/* A hard link to the same file of the former layer: for what carry_former has not linked already. */
static bool link_former(struct carry *c, const struct entry *en)
{
	if (!in_former(c, en) || linkat(c->former, en->path.p, c->folder, en->path.p, 0) < 0)
		return false;
	atomic_fetch_add(&c->files_linked, 1);
	return true;
}

/* The same for a file that turns out to be there when it has been copied: the link takes the copy's place. */
static bool relink_former(struct carry *c, const struct entry *en, size_t i)
{
	char spare[32]; /* beside the folder, where nothing else has a number for a name */
	snprintf(spare, sizeof(spare), "../%zu", i);
	if (!in_former(c, en) || linkat(c->former, en->path.p, c->folder, spare, 0) < 0)
		return false;
	if (renameat(c->folder, spare, c->folder, en->path.p) < 0) {
		unlinkat(c->folder, spare, 0);
		return false;
	}
	atomic_fetch_add(&c->files_linked, 1);
	return true;
}

/* --- into the folder --- */

static int create(struct carry *c, const struct entry *en, int *ret_fd, struct err *e)
{
	*ret_fd = openat(c->folder, en->path.p, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return *ret_fd < 0 ? err_sys(e, "create %s", en->path.p) : 0;
}

/* A process without rights over other ids cannot give files away: the index has the owner, and so has the tar. */
static int set_owner(const struct carry *c, int fd, const char *name, const struct entry *en, struct err *e)
{
	mode_t type = en->type == ENTRY_FILE ? S_IFREG : en->type == ENTRY_DIR ? S_IFDIR : 0;
	if (en->uid == c->ids.uid && en->gid == c->ids.gid && !c->inherits)
		return 0;
	if (fileowner_set(&c->ids, fd, name, type, en->uid, en->gid, e) == 0 || e->sys == EPERM || e->sys == EINVAL)
		return 0;
	return err_wrap(e, "%s", en->path.p);
}

static int finish_file(const struct carry *c, int fd, const struct entry *en, struct err *e)
{
	unsigned refused;
	struct timespec times[2] = {{en->mtime, en->mtime_nsec}, {en->mtime, en->mtime_nsec}};
	TRY(set_owner(c, fd, "", en, e));
	if (en->xattrs.len)
		TRY(xattrs_write(fd, "", en->xattrs, &refused, e));
	if (fchmod(fd, en->mode & 07777) < 0)
		return err_sys(e, "chmod %s", en->path.p);
	if (futimens(fd, times) < 0)
		return err_sys(e, "set the time of %s", en->path.p);
	return 0;
}

int carry_metadata(const struct carry *c, const struct entry *en, struct err *e)
{
	int folder = c->folder;
	unsigned refused;
	const char *path = en->path.p;
	struct timespec times[2] = {{en->mtime, en->mtime_nsec}, {en->mtime, en->mtime_nsec}};
	TRY(set_owner(c, folder, path, en, e));
	if (en->xattrs.len)
		TRY(xattrs_write(folder, path, en->xattrs, &refused, e));
	if (en->type != ENTRY_SYMLINK && fchmodat(folder, path, en->mode & 07777, 0) < 0)
		return err_sys(e, "chmod %s", path);
	if (utimensat(folder, path, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "set the time of %s", path);
	return 0;
}

/* Shares the blocks of a whole file; from then on the copy is what is read. */
static bool reflink(struct carry *c, struct bytes *b, int to)
{
	if (b->fd < 0 || b->at || !b->alone || b->en.size < REFLINK_MIN || atomic_load(&c->no_reflink))
		return false;
	if (ioctl(to, FICLONE, b->fd) == 0)
		return true;
	if (errno == EOPNOTSUPP || errno == EXDEV || errno == ENOTTY || errno == EINVAL)
		atomic_store(&c->no_reflink, true);
	return false;
}

/* --- bytes --- */

/* `probe`: the last byte is only asked for to see that the file ends before it, which a read that stops there has shown. */
static int read_at(int fd, char *p, size_t len, uint64_t at, bool probe, size_t *ret, struct err *e)
{
	size_t got = 0;
	while (got < len) {
		ssize_t n = pread(fd, p + got, len - got, (off_t)(at + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read");
		got += (size_t)n;
		if (n == 0 || (probe && got + 1 == len))
			break;
	}
	*ret = got;
	return 0;
}

/* Exactly `size` bytes, and nothing behind them where that can be seen. */
static int read_whole(struct carry *c, const struct bytes *b, int fd, uint64_t size, struct str path, char **ret, struct err *e)
{
	size_t got, want = (size_t)size + (b->alone ? 1 : 0);
	cleanup_free char *p = mem_grow(NULL, want + 1, 1);
	if (b->p)
		memcpy(p, b->p, got = (size_t)size);
	else
		TRY(read_at(fd, p, want, fd == b->fd ? b->at : 0, b->alone, &got, e));
	if (got != size)
		return changed(path, e);
	if (!b->p) {
		atomic_fetch_add(&c->files_read, 1);
		atomic_fetch_add(&c->bytes_read, size);
	}
	*ret = steal(&p);
	return 0;
}

/* The digest is new, or must be what the plan says. */
static int settle(struct carry *c, size_t i, const struct bytes *b, const struct digest *d, struct err *e)
{
	struct entry *en = &c->plan->index->entries[i];
	if (digest_none(&en->digest)) {
		en->digest = *d;
		if (b->source && b->source->learn)
			b->source->learn(b->source->arg, &b->en, b->fd, d);
		return 0;
	}
	return digest_eq(&en->digest, d) ? 0 : changed(name_of(c, i), e);
}

static int write_small(struct carry *c, const struct entry *en, const char *data, struct err *e)
{
	cleanup_close int fd = -1;
	TRY(create(c, en, &fd, e));
	TRY(io_write_all(fd, data, (size_t)en->size, e));
	return finish_file(c, fd, en, e);
}

/* Bytes that nobody has to look at: the kernel copies them. */
static int copy_unseen(struct carry *c, const struct entry *en, const struct bytes *b, bool *ret_done, struct err *e)
{
	cleanup_close int fd = -1;
	off_t at = (off_t)b->at;
	uint64_t left = en->size;
	*ret_done = false;
	TRY(create(c, en, &fd, e));
	while (left > 0) {
		ssize_t n = copy_file_range(b->fd, &at, fd, NULL, left < (1u << 30) ? (size_t)left : 1u << 30, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			unlinkat(c->folder, en->path.p, 0);
			return n == 0 ? changed(en->path, e) : 0; /* cannot: it is read and written then */
		}
		left -= (uint64_t)n;
	}
	*ret_done = true;
	return finish_file(c, fd, en, e);
}

int carry_small(struct carry *c, size_t i, bool want_data, char **data, struct err *e)
{
	struct entry *en = &c->plan->index->entries[i];
	cleanup_bytes struct bytes b = {.fd = -1};
	cleanup_free char *p = NULL;
	bool linked = link_former(c, en);
	if (linked && !want_data)
		return 0;
	if (linked && en->size) {
		TRY(rootpath_open_nolinks(c->former, en->path.p, O_RDONLY, 0, &b.fd, e));
		b.trusted = b.alone = true;
	} else if (en->size) { /* an empty file is not opened: it may be a socket */
		TRY(open_bytes(c, i, &b, e));
	}
	if (!want_data && b.trusted && b.fd >= 0) {
		bool done = c->folder < 0;
		if (!done)
			TRY(copy_unseen(c, en, &b, &done, e));
		if (done)
			return 0;
	}
	if (en->size)
		TRY(read_whole(c, &b, b.fd, en->size, name_of(c, i), &p, e));
	if (!b.trusted) {
		struct digest d = digest_of(p, (size_t)en->size);
		TRY(settle(c, i, &b, &d, e));
	}
	if (c->folder >= 0 && !linked && !link_former(c, en))
		TRY(write_small(c, en, p, e));
	if (want_data)
		*data = steal(&p);
	return 0;
}

/* --- large files --- */

struct large {
	struct carry *c;
	size_t i;
	struct entry *en;
	struct bytes b;
	int to;              /* the file in the folder, or -1 */
	bool write;          /* bytes are written into it */
	bool hash;
	struct hash_pipe pipe;
	char *chunk;
};

static void large_done(struct large *l)
{
	bytes_done(&l->b);
	mem_cleanup_close(&l->to);
	hash_pipe_done(&l->pipe);
	mem_free(l->chunk);
}

static int large_pass(struct large *l, int fd, uint64_t at, struct err *e)
{
	struct carry *c = l->c;
	for (uint64_t left = l->en->size; left > 0 || l->b.alone;) {
		size_t want = left < CARRY_CHUNK ? (size_t)left + l->b.alone : CARRY_CHUNK, got;
		if (cancelled(c->args->cancel))
			return err_set(e, ERR_CANCELLED, "cancelled");
		TRY(read_at(fd, l->chunk, want, at, want > left, &got, e));
		if (got > left || (got == 0 && left))
			return changed(name_of(c, l->i), e);
		if (got == 0)
			break;
		at += got;
		left -= got;
		atomic_fetch_add(&c->bytes_read, got);
		if (l->hash)
			TRY(sink_write(&l->pipe.sink, l->chunk, got, e));
		if (l->write)
			TRY(io_write_all(l->to, l->chunk, got, e));
		if (c->tar)
			TRY(tar_write_data(c->tar, l->chunk, got, e));
	}
	atomic_fetch_add(&c->files_read, 1);
	return 0;
}

/* Where the bytes are read from, and whether the folder still needs them. *ret_done: the folder has the file and nobody else
 * wants its bytes. */
static int large_open(struct large *l, bool linked, bool *ret_done, struct err *e)
{
	struct carry *c = l->c;
	*ret_done = linked && !c->tar;
	if (*ret_done)
		return 0;
	if (linked) {
		l->b.trusted = l->b.alone = true;
		return rootpath_open_nolinks(c->former, l->en->path.p, O_RDONLY, 0, &l->b.fd, e);
	}
	TRY(open_bytes(c, l->i, &l->b, e));
	l->hash = !l->b.trusted;
	if (!l->hash && !c->tar && l->b.fd >= 0) {
		TRY(copy_unseen(c, l->en, &l->b, ret_done, e));
		if (*ret_done)
			return 0;
	}
	if (c->folder < 0)
		return 0;
	TRY(create(c, l->en, &l->to, e));
	l->write = !reflink(c, &l->b, l->to);
	return 0;
}

int carry_large(struct carry *c, size_t i, struct err *e)
{
	struct entry *en = &c->plan->index->entries[i];
	cleanup_with(large_done) struct large l = {.c = c, .i = i, .en = en, .b.fd = -1, .to = -1};
	bool done, from_copy;
	TRY(large_open(&l, link_former(c, en), &done, e));
	if (done)
		return 0;
	if (l.hash)
		hash_pipe_init(&l.pipe, NULL);
	l.chunk = mem_grow(NULL, CARRY_CHUNK + 1, 1);
	from_copy = l.to >= 0 && !l.write;
	TRY(large_pass(&l, from_copy ? l.to : l.b.fd, from_copy ? 0 : l.b.at, e));
	if (l.hash) {
		struct digest d;
		TRY(hash_pipe_finish(&l.pipe, &d, e));
		TRY(settle(c, i, &l.b, &d, e));
	}
	if (c->tar)
		TRY(tar_write_pad(c->tar, en->size, e));
	return l.to < 0 || (l.hash && relink_former(c, en, i)) ? 0 : finish_file(c, l.to, en, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what is not remembered, on all cores, the largest files first. A file is read once, then its metadata must
 * still be those of the walk; else it is looked at and read a second time, and after that the build says which file
 * does not hold still. Meanwhile others may walk on, so that entries have other numbers afterwards.
 */
#include "snapshotter/context_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/rootpath.h"

/* Never waits at a fifo, never follows a symlink. *ret_st is of the opened file. */
static int open_regular(int rootfd, struct str path, int *ret_fd, struct stat *ret_st, struct err *e)
{
	cleanup_free char *name = mem_strndup(path.p, path.len);
	cleanup_close int fd = -1;
	if (rootpath_open_nolinks(rootfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &fd, e) < 0) {
		if (e->code != ERR_SYS || e->sys != ENXIO)
			return -(int)e->code;
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* a socket: an empty file */
	}
	if (fd < 0 || fstat(fd, ret_st) < 0)
		return err_sys(e, "open %s", name);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int context_file(struct context *c, struct str path, int *ret_fd, struct err *e)
{
	struct stat st;
	cleanup_close int fd = -1;
	TRY(open_regular(c->fd, path, &fd, &st, e));
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_set(e, ERR_STEP, "%.*s is no file any more", STR_ARG(path));
	*ret_fd = steal_fd(&fd);
	return 0;
}

struct todo {
	size_t i; /* entry number */
	struct str path;
	struct stamp stamp;
	struct digest digest;
	bool held; /* it was what the walk saw: the digest may be remembered */
};

struct reading {
	int rootfd;
	struct todo *todos;
	const struct cancel *cancel;
	_Atomic uint64_t files, bytes;
};

static int hash_fd(
    struct reading *r, int fd, struct str path, uint64_t size, struct digest *ret, uint64_t *ret_bytes, struct err *e)
{
	size_t room = size < IO_CHUNK ? (size_t)size + 1 : IO_CHUNK, n;
	cleanup_free char *chunk = mem_grow(NULL, room, 1);
	struct hasher h;
	uint64_t total = 0;
	hasher_init(&h);
	do {
		if (cancelled(r->cancel))
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (io_read_full(fd, chunk, room, &n, e) < 0)
			return err_wrap(e, "%.*s", STR_ARG(path));
		hasher_add(&h, chunk, n);
		total += n;
	} while (n == room && total <= size);
	*ret = hasher_done(&h);
	*ret_bytes = total;
	return 0;
}

/* Reads the file once. *ret_held: it was the same before and after, and is what `want` says. *ret_now: what it is now.
 */
static int read_once(
    struct reading *r, struct todo *t, const struct stamp *want, bool *ret_held, struct stamp *ret_now, struct err *e)
{
	cleanup_close int fd = -1;
	struct stat st;
	uint64_t bytes = 0;
	TRY(open_regular(r->rootfd, t->path, &fd, &st, e));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_STEP, "%.*s is no file any more", STR_ARG(t->path));
	*ret_now = stamp_of(&st);
	*ret_held = false;
	if (!stamp_eq(ret_now, want))
		return 0;
	TRY(hash_fd(r, fd, t->path, want->size, &t->digest, &bytes, e));
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat %.*s", STR_ARG(t->path));
	*ret_now = stamp_of(&st);
	*ret_held = bytes == want->size && stamp_eq(ret_now, want);
	r->files++;
	r->bytes += bytes;
	return 0;
}

/* The entry's size, mode and times are those of the walk: a file with another size cannot be read any more. */
static int read_one(size_t n, void *arg, struct err *e)
{
	struct reading *r = arg;
	struct todo *t = &r->todos[n];
	struct stamp now, again;
	bool held;
	TRY(read_once(r, t, &t->stamp, &held, &now, e));
	t->held = held;
	if (held)
		return 0;
	TRY(read_once(r, t, &now, &held, &again, e));
	if (!held || now.size != t->stamp.size)
		return err_set(e, ERR_STEP, "%.*s changed while it was read", STR_ARG(t->path));
	return 0;
}

static int largest_first(const void *a, const void *b)
{
	const struct todo *x = a, *y = b;
	if (x->stamp.size != y->stamp.size)
		return x->stamp.size > y->stamp.size ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

/* Lists what has to be read, each file once. The lock is held. */
static int list_unknown(
    struct context *c, const struct str *paths, size_t n, struct todo **ret, size_t *ret_n, struct err *e)
{
	struct todo *todos = NULL;
	size_t ntodos = 0, cap = 0, kept = 0, hint = 0;
	for (size_t k = 0; k < n; k++) {
		ptrdiff_t i = context_file_number(c, paths[k], &hint);
		if (i < 0) {
			mem_free(todos);
			return err_set(e, ERR_NOT_FOUND, "%.*s is no file of the context", STR_ARG(paths[k]));
		}
		if (!digest_none(&c->metas[i].digest))
			continue;
		MEM_ROOM(todos, ntodos, cap);
		todos[ntodos++] =
		    (struct todo){.i = (size_t)i, .path = c->index->entries[i].path, .stamp = c->metas[i].stamp};
	}
	if (ntodos > 1)
		qsort(todos, ntodos, sizeof(*todos), largest_first);
	for (size_t k = 0; k < ntodos; k++)
		if (kept == 0 || todos[kept - 1].i != todos[k].i)
			todos[kept++] = todos[k];
	*ret = todos;
	*ret_n = kept;
	return 0;
}

/* The lock is held, but while files are read. */
static int read_unknown(struct context *c, const struct str *paths, size_t n, struct context_reads *reads,
    const struct cancel *cancel, struct err *e)
{
	cleanup_free struct todo *todos = NULL;
	size_t ntodos = 0, hint = 0;
	TRY(list_unknown(c, paths, n, &todos, &ntodos, e));
	struct reading r = {.rootfd = c->fd, .todos = todos, .cancel = cancel};
	pthread_mutex_unlock(&c->lock);
	int rc = ntodos ? pool_each(ntodos, ntodos < 8 ? 1 : 0, read_one, &r, e) : 0;
	pthread_mutex_lock(&c->lock);
	if (reads) {
		reads->files += r.files;
		reads->bytes += r.bytes;
	}
	for (size_t k = 0; rc == 0 && k < ntodos; k++) {
		ptrdiff_t i = context_file_number(c, todos[k].path, &hint);
		if (i < 0 || !stamp_eq(&c->metas[i].stamp, &todos[k].stamp))
			continue;
		c->metas[i].racy |= !todos[k].held;
		context_remember(c, (size_t)i, &todos[k].digest);
	}
	return rc;
}

int context_digests(struct context *c, const struct str *paths, size_t n, struct digest *ret,
    struct context_reads *reads, const struct cancel *cancel, struct err *e)
{
	size_t hint = 0;
	pthread_mutex_lock(&c->lock);
	int rc = read_unknown(c, paths, n, reads, cancel, e);
	for (size_t k = 0; rc == 0 && k < n; k++) {
		ptrdiff_t i = context_file_number(c, paths[k], &hint);
		if (i < 0 || digest_none(&c->metas[i].digest))
			rc = err_set(e, ERR_STEP, "%.*s changed while it was read", STR_ARG(paths[k]));
		else
			ret[k] = c->metas[i].digest;
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

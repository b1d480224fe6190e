/* SPDX-License-Identifier: Apache-2.0 */
/* Sinks and the read and write loops that everything else stands on. */
#include "base/io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int io_write_all(int fd, const void *p, size_t len, struct err *e)
{
	const char *q = p;
	while (len) {
		ssize_t n = write(fd, q, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "write");
		q += n;
		len -= (size_t)n;
	}
	return 0;
}

/* One read; 0 bytes at the end of the file. */
static int read_some(int fd, void *p, size_t len, size_t *ret, struct err *e)
{
	ssize_t n;
	while ((n = read(fd, p, len)) < 0)
		if (errno != EINTR)
			return err_sys(e, "read");
	*ret = (size_t)n;
	return 0;
}

int io_read_full(int fd, void *p, size_t len, size_t *ret, struct err *e)
{
	size_t done = 0, n = len;
	for (; done < len && n; done += n)
		TRY(read_some(fd, (char *)p + done, len - done, &n, e));
	*ret = done;
	return 0;
}

int io_read_fd(int fd, size_t limit, struct buf *out, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		if ((uint64_t)st.st_size > limit)
			return err_set(e, ERR_LIMIT, "larger than %zu bytes", limit);
		buf_need(out, (size_t)st.st_size + 1);
	}
	for (;;) {
		buf_need(out, 4096);
		size_t n;
		TRY(read_some(fd, out->p + out->len, out->cap - out->len - 1, &n, e));
		if (n == 0)
			break;
		out->len += n;
		if (out->len > limit)
			return err_set(e, ERR_LIMIT, "larger than %zu bytes", limit);
	}
	out->p[out->len] = '\0';
	return 0;
}

int io_read_file(int dirfd, const char *path, size_t limit, struct buf *out, struct err *e)
{
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return err_set(e, ERR_NOT_FOUND, "open %s: No such file or directory", path);
		return err_sys(e, "open %s", path);
	}
	if (io_read_fd(fd, limit, out, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

int io_copy(int fd, struct sink *to, uint64_t *ret_bytes, struct err *e)
{
	cleanup_free char *chunk = mem_grow(NULL, IO_CHUNK, 1);
	uint64_t total = 0;
	for (;;) {
		size_t n;
		TRY(io_read_full(fd, chunk, IO_CHUNK, &n, e));
		if (n == 0)
			break;
		TRY(sink_write(to, chunk, n, e));
		total += n;
	}
	if (ret_bytes)
		*ret_bytes = total;
	return 0;
}

static int fd_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	return io_write_all(((struct sink_fd *)s)->fd, p, len, e);
}

void sink_fd_init(struct sink_fd *s, int fd)
{
	*s = (struct sink_fd){.sink.write = fd_write, .fd = fd};
}

static int hash_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct sink_hash *h = (struct sink_hash *)s;
	hasher_add(&h->hasher, p, len);
	h->bytes += len;
	return h->next ? sink_write(h->next, p, len, e) : 0;
}

void sink_hash_init(struct sink_hash *s, struct sink *next)
{
	*s = (struct sink_hash){.sink.write = hash_write, .next = next};
	hasher_init(&s->hasher);
}

static int buf_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct sink_buf *b = (struct sink_buf *)s;
	if (len > b->limit - b->buf->len)
		return err_set(e, ERR_LIMIT, "larger than %zu bytes", b->limit);
	buf_add(b->buf, p, len);
	return 0;
}

void sink_buf_init(struct sink_buf *s, struct buf *b, size_t limit)
{
	*s = (struct sink_buf){.sink.write = buf_write, .buf = b, .limit = limit};
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshotter/archive_plain.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/archive_api.h"
#include "snapshotter/archive_reader.h"

enum { MAGIC = 6 };

struct archive_plain {
	const struct archive_api *api;
	int in, out, pipe;
	pthread_t thread;
	int rc;
	struct err e;
};

size_t archive_plain_peek(int fd, void *p, size_t len)
{
	ssize_t n = pread(fd, p, len, lseek(fd, 0, SEEK_CUR));
	int copy[2];
	if (n >= 0)
		return (size_t)n;
	if (pipe2(copy, O_CLOEXEC) < 0)
		return 0;
	n = tee(fd, copy[1], len, 0) > 0 ? read(copy[0], p, len) : 0;
	close(copy[0]);
	close(copy[1]);
	return n > 0 ? (size_t)n : 0;
}

static int unpack(struct archive_plain *p, struct err *e)
{
	char text[ARCHIVE_TEXT] = "";
	cleanup_free char *chunk = mem_grow(NULL, IO_CHUNK, 1);
	void *h = p->api->open_plain(p->in, text);
	int rc = h ? 0 : err_set(e, ERR_CORRUPT, "%s", text);
	while (rc == 0) {
		long n = p->api->read(h, chunk, IO_CHUNK, text);
		if (n == 0)
			break;
		if (n < 0)
			rc = err_set(e, ERR_CORRUPT, "%s", text);
		else if (io_write_all(p->out, chunk, (size_t)n, e) < 0)
			rc = -(int)e->code;
	}
	if (h)
		p->api->close(h);
	return rc;
}

static void *work(void *arg)
{
	struct archive_plain *p = arg;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE); /* the reader may stop early: EPIPE says so */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	p->rc = unpack(p, &p->e);
	mem_cleanup_close(&p->out);
	return NULL;
}

int archive_plain_open(int fd, struct archive_plain **ret, struct err *e)
{
	unsigned char magic[MAGIC];
	int ends[2];
	size_t n = archive_plain_peek(fd, magic, MAGIC);
	*ret = NULL;
	if (n < MAGIC || (memcmp(magic, "BZh", 3) != 0 && memcmp(magic, "\xfd" "7zXZ", MAGIC) != 0))
		return 0;
	const struct archive_api *api;
	TRY(archive_module(&api, e));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "make a pipe");
	struct archive_plain *p = mem_new(sizeof(*p));
	*p = (struct archive_plain){.api = api, .in = fd, .pipe = ends[0], .out = ends[1]};
	int rc = pthread_create(&p->thread, NULL, work, p);
	if (rc == 0) {
		*ret = p;
		return 0;
	}
	close(ends[0]);
	close(ends[1]);
	mem_free(p);
	errno = rc;
	return err_sys(e, "create a thread");
}

int archive_plain_fd(const struct archive_plain *p)
{
	return p->pipe;
}

int archive_plain_close(struct archive_plain *p, int rc, struct err *e)
{
	if (!p)
		return rc;
	close(p->pipe);
	pthread_join(p->thread, NULL);
	if (p->rc == -ERR_CORRUPT) {
		*e = p->e;
		rc = p->rc;
	}
	mem_free(p);
	return rc;
}

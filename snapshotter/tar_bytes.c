/* SPDX-License-Identifier: Apache-2.0 */
/* See tar_bytes.h. Large reads go past the buffer. */
#include "snapshotter/tar_bytes.h"

#include <string.h>

#include "base/mem.h"

enum { BUFFER = 128 * 1024 };

void tar_bytes_init(struct tar_bytes *b, tar_read_fn *read, void *arg)
{
	*b = (struct tar_bytes){.read = read, .arg = arg, .buffer = mem_grow(NULL, BUFFER, 1)};
}

void tar_bytes_done(struct tar_bytes *b)
{
	mem_free(b->buffer);
}

int tar_bytes_cut(struct err *e)
{
	return err_set(e, ERR_CORRUPT, "tar: unexpected end");
}

int tar_bytes_some(struct tar_bytes *b, void *p, size_t len, size_t *ret, struct err *e)
{
	if (b->at == b->end && len >= BUFFER / 2)
		return b->read(b->arg, p, len, ret, e);
	if (b->at == b->end) {
		b->at = b->end = 0;
		TRY(b->read(b->arg, b->buffer, BUFFER, &b->end, e));
	}
	size_t n = b->end - b->at < len ? b->end - b->at : len;
	if (n)
		memcpy(p, b->buffer + b->at, n);
	b->at += n;
	*ret = n;
	return 0;
}

int tar_bytes_all(struct tar_bytes *b, void *p, size_t len, bool *ret_end, struct err *e)
{
	for (size_t got = 0, n; got < len; got += n) {
		TRY(tar_bytes_some(b, (char *)p + got, len - got, &n, e));
		if (n == 0 && got == 0 && ret_end) {
			*ret_end = true;
			return 0;
		}
		if (n == 0)
			return tar_bytes_cut(e);
	}
	if (ret_end)
		*ret_end = false;
	return 0;
}

int tar_bytes_skip(struct tar_bytes *b, uint64_t len, struct err *e)
{
	char waste[4096];
	while (len) {
		size_t n = b->end - b->at;
		if (n == 0) {
			TRY(tar_bytes_some(b, waste, len < sizeof(waste) ? (size_t)len : sizeof(waste), &n, e));
			if (n == 0)
				return tar_bytes_cut(e);
		} else {
			n = n < len ? n : (size_t)len;
			b->at += n;
		}
		len -= n;
	}
	return 0;
}

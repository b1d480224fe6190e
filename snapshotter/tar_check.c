/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshotter/tar_check.h"

#include <stdio.h>

#include "snapshotter/compress.h"

static int check_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct tar_check *c = (struct tar_check *)s;
	tar_check_add(c, p, len);
	return sink_write(c->next, p, len, e);
}

void tar_check_init(struct tar_check *c, struct sink *next)
{
	*c = (struct tar_check){.sink.write = check_write, .next = next};
}

void tar_check_add(struct tar_check *c, const void *p, size_t len)
{
	c->crc = compress_crc32(c->crc, p, len);
	c->bytes += len;
}

static struct digest memo_key(const struct digest *diff_id)
{
	return digest_about(STR("tar check 1"), diff_id);
}

static void mark(const struct tar_check *c, struct tar_mark *ret)
{
	snprintf(ret->text, sizeof(ret->text), "%llu %08x", (unsigned long long)c->bytes, c->crc);
}

int tar_check_note(const struct tar_check *c, struct store *s, const struct digest *diff_id, struct err *e)
{
	struct digest key = memo_key(diff_id);
	struct tar_mark is;
	mark(c, &is);
	return store_set_memo(s, &key, str_of(is.text), e);
}

bool tar_check_find(struct store *s, const struct digest *diff_id, struct tar_mark *ret)
{
	struct digest key = memo_key(diff_id);
	cleanup_buf struct buf text = {0};
	struct err ignored;
	bool found = false;
	if (store_get_memo(s, &key, &text, &found, &ignored) < 0 || !found || text.len >= sizeof(ret->text))
		return false;
	snprintf(ret->text, sizeof(ret->text), "%.*s", STR_ARG(buf_view(&text)));
	return true;
}

bool tar_check_holds(const struct tar_check *c, const struct tar_mark *noted)
{
	struct tar_mark is;
	mark(c, &is);
	return strcmp(is.text, noted->text) == 0;
}

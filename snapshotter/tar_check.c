/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshotter/tar_check.h"

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
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("tar check 1"));
	hasher_digest(&h, diff_id);
	return hasher_done(&h);
}

/* What is noted: the size and the CRC, as text. */
static void text_of(const struct tar_check *c, struct buf *out)
{
	buf_printf(out, "%llu %08x", (unsigned long long)c->bytes, c->crc);
}

int tar_check_note(const struct tar_check *c, struct store *s, const struct digest *diff_id, struct err *e)
{
	struct digest key = memo_key(diff_id);
	cleanup_buf struct buf text = {0};
	text_of(c, &text);
	return store_set_memo(s, &key, buf_view(&text), e);
}

static bool noted(struct store *s, const struct digest *diff_id, struct buf *out)
{
	struct digest key = memo_key(diff_id);
	struct err ignored;
	bool found = false;
	return store_get_memo(s, &key, out, &found, &ignored) == 0 && found;
}

bool tar_check_holds(const struct tar_check *c, struct store *s, const struct digest *diff_id)
{
	cleanup_buf struct buf want = {0}, is = {0};
	text_of(c, &is);
	return noted(s, diff_id, &want) && str_eq(buf_view(&want), buf_view(&is));
}

bool tar_check_known(struct store *s, const struct digest *diff_id)
{
	cleanup_buf struct buf ignored = {0};
	return noted(s, diff_id, &ignored);
}

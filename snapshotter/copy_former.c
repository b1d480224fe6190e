/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the former layer of a step has just so is taken from there: its files by hard link, and its stretch of the layer tar as it
 * stands in the former tar. A tar's bytes depend on its index alone, so where an entry begins in the former one is computed, and
 * neither the source's files nor the layer's are opened. Everything here is a way round: when the former layer is gone or is not
 * what it should be, files are read as usual.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "snapshotter/copy_carry.h"

enum { LINKS_AT_ONCE = 64 };

void carry_former_done(struct carry *c)
{
	mem_cleanup_close(&c->former);
	mem_cleanup_close(&c->former_tar);
	index_free(c->former_index);
	mem_free(c->former_at);
	mem_free(c->former_of);
	mem_free(c->former_chunk);
}

bool carry_same(const struct entry *a, const struct entry *b)
{
	return a->type == b->type && a->opaque == b->opaque && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
		a->size == b->size && a->mtime == b->mtime && a->mtime_nsec == b->mtime_nsec && a->clock == b->clock && a->major == b->major &&
		a->minor == b->minor && digest_eq(&a->digest, &b->digest) && str_eq(a->target, b->target) && str_eq(a->xattrs, b->xattrs);
}

static int count_only(struct sink *s, const void *p, size_t len, struct err *e)
{
	(void)s, (void)p, (void)len, (void)e;
	return 0;
}

/* Where each entry of the former layer begins in its tar, and the end of the last one. */
static bool measure(struct carry *c, uint64_t tar_size)
{
	const struct index *ix = c->former_index;
	cleanup_with(tar_writer_done) struct tar_writer w = {0};
	struct sink nowhere = {count_only};
	struct err ignored;
	c->former_at = mem_array(ix->n + 1, sizeof(*c->former_at));
	tar_writer_init(&w, &nowhere, c->out->clamp);
	for (size_t i = 0; i < ix->n; i++) {
		c->former_at[i] = w.bytes;
		if (tar_write_entry(&w, &ix->entries[i], &ignored) < 0)
			return false;
		if (ix->entries[i].type != ENTRY_FILE)
			continue;
		w.bytes += ix->entries[i].size;
		if (tar_write_pad(&w, ix->entries[i].size, &ignored) < 0)
			return false;
	}
	c->former_at[ix->n] = w.bytes;
	return tar_write_end(&w, &ignored) == 0 && w.bytes == tar_size;
}

static void open_tar(struct carry *c)
{
	struct err ignored;
	struct digest diff_id;
	uint64_t size = 0, stored = 0;
	bool found = false;
	if (!c->out->want_tar)
		return;
	if (store_get_tar(c->store, c->out->former, c->out->clamp, &found, &diff_id, &size, &ignored) < 0 || !found)
		return;
	if (blobs_get(c->store->blobs, &diff_id, &c->former_tar, &stored, &ignored) < 0)
		c->former_tar = -1;
	else if (stored != size || !measure(c, size))
		mem_cleanup_close(&c->former_tar), c->former_tar = -1;
}

/* Entries that are the same in both: of[i] is 1 + the number in the former index. Both are sorted. */
static void match(struct carry *c)
{
	const struct index *ix = c->plan->index, *was = c->former_index;
	c->former_of = mem_array(ix->n + 1, sizeof(*c->former_of));
	for (size_t i = 0, k = 0; i < ix->n && k < was->n;) {
		int cmp = path_cmp(ix->entries[i].path, was->entries[k].path);
		bool known = ix->entries[i].type != ENTRY_FILE || !digest_none(&ix->entries[i].digest);
		if (cmp == 0 && known && carry_same(&ix->entries[i], &was->entries[k]))
			c->former_of[i] = (uint32_t)(k + 1);
		i += cmp <= 0;
		k += cmp >= 0;
	}
}

static int link_some(size_t part, void *arg, struct err *e)
{
	struct carry *c = arg;
	const struct index *ix = c->plan->index;
	size_t first = part * LINKS_AT_ONCE, last = first + LINKS_AT_ONCE < ix->n ? first + LINKS_AT_ONCE : ix->n, linked = 0;
	if (cancelled(c->args->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	for (size_t i = first; i < last; i++) {
		const struct entry *en = &ix->entries[i];
		if (en->type != ENTRY_FILE || !c->former_of[i])
			continue;
		if (linkat(c->former, en->path.p, c->folder, en->path.p, 0) < 0)
			c->former_of[i] = 0;
		else
			linked++;
	}
	atomic_fetch_add(&c->files_linked, linked);
	return 0;
}

int carry_former(struct carry *c, struct err *e)
{
	struct err ignored;
	const struct digest *id = c->out->former;
	if (!id || digest_none(id) || (c->folder >= 0 && !store_has_folder(c->store, id)))
		return 0;
	if (store_layer_index(c->store, id, &c->former_index, &ignored) < 0)
		return 0;
	if (c->folder >= 0 && store_layer_folder(c->store, id, &c->former, &ignored) < 0) {
		c->former = -1;
		return 0;
	}
	open_tar(c);
	if (c->out->want_tar && c->former_tar < 0)
		return 0; /* files are read for the tar, and linked one by one */
	match(c);
	size_t parts = (c->plan->index->n + LINKS_AT_ONCE - 1) / LINKS_AT_ONCE;
	return c->folder >= 0 ? pool_each(parts, c->out->threads, link_some, c, e) : 0;
}

int carry_former_span(struct carry *c, size_t first, size_t *ret_next, struct err *e)
{
	size_t next = first + 1, n = c->plan->index->n;
	while (next < n && c->former_of[next] && c->former_of[next] == c->former_of[next - 1] + 1)
		next++;
	uint64_t at = c->former_at[c->former_of[first] - 1], end = c->former_at[c->former_of[next - 1]];
	if (!c->former_chunk)
		c->former_chunk = mem_grow(NULL, CARRY_CHUNK, 1);
	while (at < end) {
		size_t want = end - at < CARRY_CHUNK ? (size_t)(end - at) : CARRY_CHUNK;
		ssize_t got = pread(c->former_tar, c->former_chunk, want, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? err_sys(e, "read the former tar") : err_set(e, ERR_CORRUPT, "the former tar has been cut short");
		if (cancelled(c->args->cancel))
			return err_set(e, ERR_CANCELLED, "cancelled");
		TRY(tar_write_data(c->tar, c->former_chunk, (size_t)got, e));
		at += (uint64_t)got;
	}
	*ret_next = next;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of remembered digests: a header, then a record a file in path_cmp order; of its path a record has only what
 * differs from the one before. It is mapped and read front to back beside the sorted walk: no hashing, no tree. Its CRC
 * tells a file that a crash has cut or zeroed; whatever is wrong with it, it is as good as not there.
 */
#include "snapshotter/context_impl.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

struct header {
	char magic[8];
	uint32_t version; /* and byte order: the file never leaves the machine */
	uint32_t crc;     /* of all that follows */
	uint64_t size;    /* of all that follows */
};
static const char magic[8] = "cooperC";
enum { VERSION = 0x01000001, PATH_LIMIT = 65535 };

struct record {
	struct digest digest;
	struct stamp stamp;
	uint16_t shared, own; /* lengths: taken from the path before, own bytes that follow the record */
	uint32_t zero;
};

/* Walks the records; the path is put together in `path`. */
struct reader {
	const uint8_t *at, *end;
	struct record rec;
	struct buf path;
};

void remembered_open(int dirfd, const char *name, struct remembered *ret)
{
	struct header h;
	struct stat st;
	*ret = (struct remembered){0};
	cleanup_close int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(h))
		return;
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return;
	*ret = (struct remembered){map, (size_t)st.st_size};
	memcpy(&h, map, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.version != VERSION || h.size != ret->size - sizeof(h) ||
	    h.crc != compress_crc32(ret->map + sizeof(h), ret->size - sizeof(h)))
		remembered_done(ret);
}

void remembered_done(struct remembered *r)
{
	if (r->map)
		munmap((void *)r->map, r->size);
	*r = (struct remembered){0};
}

static struct reader reader_of(const struct remembered *r)
{
	struct reader rd = {0};
	if (r->map) {
		rd.at = r->map + sizeof(struct header);
		rd.end = r->map + r->size;
	}
	return rd;
}

static bool next_record(struct reader *r)
{
	if ((size_t)(r->end - r->at) < sizeof(r->rec))
		return false;
	memcpy(&r->rec, r->at, sizeof(r->rec));
	r->at += sizeof(r->rec);
	if ((size_t)(r->end - r->at) < r->rec.own || r->path.len < r->rec.shared)
		return false;
	r->path.len = r->rec.shared;
	buf_add(&r->path, r->at, r->rec.own);
	r->at += r->rec.own;
	return true;
}

void remembered_apply(const struct remembered *r, const struct entry *entries, struct meta *metas, size_t n)
{
	struct reader rd = reader_of(r);
	size_t i = 0;
	while (i < n && next_record(&rd)) {
		struct str path = buf_view(&rd.path);
		int c = -1;
		while (i < n && (c = path_cmp(entries[i].path, path)) < 0)
			i++;
		if (i < n && c == 0 && metas[i].type == ENTRY_FILE && stamp_eq(&metas[i].stamp, &rd.rec.stamp))
			metas[i].digest = rd.rec.digest;
	}
	buf_done(&rd.path);
	if (r->map) /* read through; whoever wants it again has it from the page cache */
		(void)madvise((void *)r->map, r->size, MADV_DONTNEED);
}

/* --- writing --- */

struct writer {
	struct buf out;
	struct buf last; /* the path before */
};

static void put(struct writer *w, struct str path, const struct stamp *stamp, const struct digest *d)
{
	size_t shared = 0, max = path.len < w->last.len ? path.len : w->last.len;
	if (path.len > PATH_LIMIT)
		return;
	while (shared < max && path.p[shared] == w->last.p[shared])
		shared++;
	struct record rec = {
	    .digest = *d, .stamp = *stamp, .shared = (uint16_t)shared, .own = (uint16_t)(path.len - shared)};
	buf_add(&w->out, &rec, sizeof(rec));
	buf_add(&w->out, path.p + shared, path.len - shared);
	buf_clear(&w->last);
	buf_str(&w->last, path);
}

static bool worth_it(const struct meta *m)
{
	return m->type == ENTRY_FILE && m->stamp.size && !m->racy && !digest_none(&m->digest);
}

int remembered_write(const struct remembered *old, bool (*covered)(void *arg, struct str path), void *arg,
    const struct entry *entries, const struct meta *metas, size_t n, int dirfd, const char *name, struct err *e)
{
	struct header h = {.version = VERSION};
	struct writer w = {0};
	struct reader rd = reader_of(old);
	memcpy(h.magic, magic, sizeof(magic));
	buf_add(&w.out, &h, sizeof(h));
	bool more = next_record(&rd);
	for (size_t i = 0; i < n || more;) {
		int c = !more ? -1 : i == n ? 1 : path_cmp(entries[i].path, buf_view(&rd.path));
		if (c <= 0) {
			if (worth_it(&metas[i]))
				put(&w, entries[i].path, &metas[i].stamp, &metas[i].digest);
			i++;
		}
		if (c > 0 && !covered(arg, buf_view(&rd.path)))
			put(&w, buf_view(&rd.path), &rd.rec.stamp, &rd.rec.digest);
		if (c >= 0)
			more = next_record(&rd);
	}
	h.size = w.out.len - sizeof(h);
	h.crc = compress_crc32(w.out.p + sizeof(h), h.size);
	memcpy(w.out.p, &h, sizeof(h));
	int rc = fs_write_atomic(dirfd, name, buf_view(&w.out), 0600, false, e);
	buf_done(&w.out);
	buf_done(&w.last);
	buf_done(&rd.path);
	return rc;
}

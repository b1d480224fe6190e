/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of what is remembered of a context: a header, then a record for the folder itself, in which are the records of its
 * names in the order of their bytes, those of subfolders with their own inside. A walk that goes down from folder to folder
 * finds its way without any search. The file is mapped; its CRC tells one that a crash has cut or zeroed, and whatever is
 * wrong with it, it is as good as not there.
 */
#include "snapshotter/context_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

void remembered_open(int dirfd, const char *name, struct remembered *ret)
{
	struct cache_header h;
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
	if (memcmp(h.magic, CACHE_MAGIC, sizeof(h.magic)) != 0 || h.version != CACHE_VERSION || h.size != ret->size - sizeof(h) ||
	    h.crc != compress_crc32(0, ret->map + sizeof(h), ret->size - sizeof(h)))
		remembered_done(ret);
}

void remembered_done(struct remembered *r)
{
	if (r->map)
		munmap((void *)r->map, r->size);
	*r = (struct remembered){0};
}

struct known_folder remembered_root(const struct remembered *r)
{
	struct known_folder all = {0};
	struct known_name root;
	if (!r->map)
		return all;
	all.at = r->map + sizeof(struct cache_header);
	all.end = r->map + r->size;
	return known_next(&all, &root) ? root.folder : (struct known_folder){0};
}

/* The next `size` bytes, or NULL when there are not as many. */
static const void *take(struct known_folder *f, size_t size)
{
	if ((size_t)(f->end - f->at) < size)
		return NULL;
	const void *p = f->at;
	f->at += size;
	return p;
}

bool known_next(struct known_folder *f, struct known_name *ret)
{
	const struct cache_record *rec = f->at ? take(f, sizeof(*rec)) : NULL;
	const struct cache_file *file = NULL;
	const struct cache_folder *folder = NULL;
	const char *name = NULL;
	if (!rec || (rec->kind == CACHE_FILE && !(file = take(f, sizeof(*file)))) ||
	    (rec->kind == CACHE_FOLDER && !(folder = take(f, sizeof(*folder)))) || !(name = take(f, cache_name_room(rec->len))) ||
	    name[rec->len])
		return false;
	*ret = (struct known_name){.name = {name, rec->len}, .type = rec->type};
	if (file) {
		ret->stamp = &file->stamp;
		ret->digest = &file->digest;
	}
	if (folder) {
		if (folder->below % CACHE_ALIGN || !(ret->folder.at = take(f, folder->below)))
			return false;
		ret->folder.end = f->at;
		ret->folder.stamp = &folder->stamp;
		ret->folder.whole = folder->whole;
	}
	return true;
}

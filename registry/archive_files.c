/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over an archive, so that a pipe can be read. Which files matter is said by documents that may stand at the end;
 * so every file is kept: JSON in memory up to a limit, the rest as blobs of the store, where what nobody names is collected
 * as garbage later. Paths are only keys of a map.
 */
#include "registry/archive_files.h"

#include "registry/archive_tar.h"

enum { ENTRIES_MAX = 200000, MEMORY_MAX = 128 * 1024 * 1024, LINKS_MAX = 8, REST_MAX = 64 * 1024 * 1024 };

/* "./a//b/" becomes "a/b"; ".." is only taken in links and must not lead out. Relative to `base` (may be empty). */
static bool clean_path(struct str base, struct str path, bool dotdot, struct arena *a, struct str *ret)
{
	cleanup_buf struct buf out = {0};
	struct str part;
	if (path.len && path.p[0] != '/')
		buf_str(&out, base);
	while (str_split(&path, '/', &part)) {
		if (part.len == 0 || str_eqz(part, "."))
			continue;
		if (str_eqz(part, "..")) {
			if (!dotdot || out.len == 0)
				return false;
			ptrdiff_t slash = str_rfind(buf_view(&out), '/');
			out.len = slash < 0 ? 0 : (size_t)slash;
			continue;
		}
		if (out.len)
			buf_putc(&out, '/');
		buf_str(&out, part);
	}
	*ret = arena_str(a, buf_view(&out));
	return true;
}

/* --- what kind of file --- */

static bool is_document(struct str path, uint64_t size)
{
	struct str name = str_from(path, (size_t)(str_rfind(path, '/') + 1));
	if (size > CONFIG_SIZE_MAX)
		return false;
	return str_ends(name, STR(".json")) || str_eqz(name, "json") || str_eqz(name, "VERSION") || str_eqz(path, "repositories") ||
		str_eqz(path, "oci-layout");
}

/* Looks at the first bytes that go by. */
struct sniffer {
	struct sink sink;
	struct sink *to;
	unsigned char head[4];
	size_t n;
};

static int sniff_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	struct sniffer *sn = (struct sniffer *)s;
	for (size_t i = 0; sn->n < sizeof(sn->head) && i < len; i++)
		sn->head[sn->n++] = ((const unsigned char *)p)[i];
	return sink_write(sn->to, p, len, e);
}

static enum media_compression sniffed(const struct sniffer *s)
{
	if (s->n >= 2 && s->head[0] == 0x1f && s->head[1] == 0x8b)
		return MEDIA_GZIP;
	if (s->n == 4 && memcmp(s->head, "\x28\xb5\x2f\xfd", 4) == 0)
		return MEDIA_ZSTD;
	return MEDIA_PLAIN;
}

MEM_CLEANUP(writer_cleanup, struct blob_writer, blob_writer_free)

static int keep_blob(struct archive_files *f, struct tar_reader *t, struct str path, struct archive_file *ret, struct err *e)
{
	cleanup_with(writer_cleanup) struct blob_writer *w = NULL;
	struct digest named;
	bool has_name = str_starts(path, STR("blobs/sha256/")) && digest_from_hex(str_from(path, 13), &named);
	TRY(blobs_writer(f->blobs, &w, e));
	struct sniffer s = {.sink.write = sniff_write, .to = blob_writer_sink(w)};
	TRY(tar_read(t, &s.sink, e));
	if (blob_writer_commit(w, has_name ? &named : NULL, t->size, &ret->digest, &ret->size, e) < 0)
		return err_wrap(e, "%.*s", STR_ARG(path));
	ret->compression = sniffed(&s);
	return 0;
}

static int keep_text(struct archive_files *f, struct tar_reader *t, struct archive_file *ret, struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct sink_buf sink;
	f->in_memory += t->size;
	if (f->in_memory > MEMORY_MAX)
		return err_set(e, ERR_LIMIT, "the archive's documents are larger than %d bytes", MEMORY_MAX);
	sink_buf_init(&sink, &text, CONFIG_SIZE_MAX);
	TRY(tar_read(t, &sink.sink, e));
	ret->text = arena_str(&f->arena, buf_view(&text));
	ret->digest = digest_of(text.p, text.len);
	ret->size = text.len;
	return 0;
}

static int keep_entry(struct archive_files *f, struct tar_reader *t, struct err *e)
{
	struct str path;
	if (t->kind == TAR_FOLDER || t->kind == TAR_OTHER)
		return 0;
	if (!clean_path(STR(""), buf_view(&t->name), false, &f->arena, &path) || path.len == 0)
		return err_set(e, ERR_CORRUPT, "the archive holds a file with the name \"%.*s\"", STR_ARG(buf_view(&t->name)));
	if (map_has(&f->map, path))
		return err_set(e, ERR_CORRUPT, "the archive holds %.*s twice", STR_ARG(path));
	struct archive_file *file = arena_new(&f->arena, sizeof(*file));
	if (t->kind == TAR_FILE) {
		TRY(is_document(path, t->size) ? keep_text(f, t, file, e) : keep_blob(f, t, path, file, e));
	} else {
		ptrdiff_t slash = t->kind == TAR_SYMLINK ? str_rfind(path, '/') : -1;
		struct str base = slash < 0 ? STR("") : str_sub(path, 0, (size_t)slash);
		if (!clean_path(base, buf_view(&t->link), true, &f->arena, &file->link) || file->link.len == 0)
			return err_set(e, ERR_CORRUPT, "%.*s is a link that leads out of the archive", STR_ARG(path));
	}
	map_set(&f->map, path, file);
	return 0;
}

/* Behind the tar there is padding; its compressed form ends with a checksum that wants to be looked at. */
static int read_rest(struct archive_source *source, struct err *e)
{
	cleanup_free char *chunk = mem_grow(NULL, IO_CHUNK, 1);
	for (size_t total = 0, n = 1; n; total += n) {
		TRY(archive_source_read(source, chunk, IO_CHUNK, &n, e));
		if (total > REST_MAX)
			return err_set(e, ERR_LIMIT, "the archive goes on after its end");
	}
	return 0;
}

MEM_CLEANUP(reader_cleanup, struct tar_reader, tar_reader_done)

int archive_files_read(struct archive_files *f, int fd, struct err *e)
{
	cleanup_archive_source struct archive_source *source = NULL;
	TRY(archive_source_open(fd, &source, e));
	struct tar_reader reader = {.source = source};
	cleanup_with(reader_cleanup) struct tar_reader *t = &reader;
	int rc;
	for (size_t n = 0; (rc = tar_next(t, e)) > 0; n++) {
		if (n == ENTRIES_MAX)
			return err_set(e, ERR_LIMIT, "the archive holds more than %d files", ENTRIES_MAX);
		TRY(keep_entry(f, t, e));
	}
	return rc < 0 ? rc : read_rest(source, e);
}

const struct archive_file *archive_files_find(const struct archive_files *f, struct str path)
{
	while (str_starts(path, STR("./")))
		path = str_from(path, 2);
	const struct archive_file *file = map_get(&f->map, path);
	for (int i = 0; file && file->link.len; i++) {
		if (i == LINKS_MAX)
			return NULL;
		file = map_get(&f->map, file->link);
	}
	return file;
}

int archive_files_text(struct archive_files *f, struct str path, struct str *ret, struct err *e)
{
	cleanup_buf struct buf text = {0};
	const struct archive_file *file = archive_files_find(f, path);
	if (!file)
		return err_set(e, ERR_CORRUPT, "the archive lacks %.*s", STR_ARG(path));
	if (file->text.p) {
		*ret = file->text;
		return 0;
	}
	TRY(blobs_read(f->blobs, &file->digest, CONFIG_SIZE_MAX, &text, e));
	*ret = arena_str(&f->arena, buf_view(&text));
	return 0;
}

void archive_files_done(struct archive_files *f)
{
	map_done(&f->map);
	arena_done(&f->arena);
}

void archive_list_add(struct archive_list *l, const struct descriptor *d, struct str name)
{
	ARENA_ROOM(l->a, l->items, l->n, l->cap);
	struct archive_found *found = &l->items[l->n++];
	descriptor_copy(d, l->a, &found->d);
	found->name = arena_str(l->a, name);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the archive that every loader takes: an OCI layout whose blobs are also named by docker's manifest.json. The blobs
 * stand sorted by digest and there is nothing in the archive that depends on when or by whom it was written.
 */
#include <stdlib.h>

#include "base/fs.h"
#include "base/map.h"
#include "registry/archive.h"
#include "registry/archive_tar.h"
#include "registry/layout_index.h"
#include "registry/platform.h"
#include "registry/ref.h"

enum { INDEX_DEPTH_MAX = 4 };

struct writing {
	struct place *from;
	struct arena arena;
	struct map seen;
	struct descriptor *blobs; /* manifests too */
	size_t n, cap;
	struct jval *index;       /* "manifests" of index.json */
	struct jval *docker;      /* manifest.json, or NULL */
};

static bool is_document(const struct descriptor *d)
{
	const struct media *m = media_find(d->media_type);
	return m && (m->kind == MEDIA_MANIFEST || m->kind == MEDIA_INDEX);
}

static bool add_blob(struct writing *w, const struct descriptor *d)
{
	struct str key = {(const char *)d->digest.b, DIGEST_SIZE};
	if (map_set(&w->seen, key, w))
		return false;
	ARENA_ROOM(&w->arena, w->blobs, w->n, w->cap);
	descriptor_copy(d, &w->arena, &w->blobs[w->n++]);
	return true;
}

/* --- what belongs to an image --- */

static int collect(struct writing *w, const struct descriptor *d, unsigned depth, struct err *e);

static int collect_manifest(struct writing *w, struct str bytes, struct err *e)
{
	struct manifest m;
	TRY(manifest_parse(bytes, &m, e));
	add_blob(w, &m.config);
	for (size_t i = 0; i < m.nlayers; i++)
		add_blob(w, &m.layers[i]);
	manifest_done(&m);
	return 0;
}

static int collect_index(struct writing *w, struct str bytes, unsigned depth, struct err *e)
{
	struct image_index ix;
	TRY(image_index_parse(bytes, &ix, e));
	int rc = depth < INDEX_DEPTH_MAX ? 0 : err_set(e, ERR_LIMIT, "indexes nested deeper than %d", INDEX_DEPTH_MAX);
	for (size_t i = 0; rc == 0 && i < ix.n; i++)
		rc = collect(w, &ix.manifests[i], depth + 1, e);
	image_index_done(&ix);
	return rc;
}

static int collect(struct writing *w, const struct descriptor *d, unsigned depth, struct err *e)
{
	cleanup_buf struct buf bytes = {0};
	if (!is_document(d))
		return err_set(e, ERR_UNSUPPORTED, "media type \"%.*s\" is neither an image manifest nor an index", STR_ARG(d->media_type));
	if (!add_blob(w, d))
		return 0;
	TRY(w->from->ops->manifest(w->from, d, &bytes, e));
	if (media_find(d->media_type)->kind == MEDIA_INDEX)
		return collect_index(w, buf_view(&bytes), depth, e);
	return collect_manifest(w, buf_view(&bytes), e);
}

/* --- the two lists of images --- */

static int add_index_entry(struct writing *w, const struct descriptor *d, struct str name, struct err *e)
{
	struct descriptor entry = *d;
	struct ref r;
	entry.annotations = layout_unnamed(&d->annotations, &w->arena);
	if (name.len) {
		cleanup_buf struct buf full = {0};
		TRY(ref_parse(name, &w->arena, &r, e));
		ref_print(&r, &full);
		annotations_set(&w->arena, &entry.annotations, STR(LAYOUT_FULL_NAME), buf_view(&full));
		if (r.tag.len)
			annotations_set(&w->arena, &entry.annotations, STR(LAYOUT_REF_NAME), r.tag);
	}
	jval_append(w->index, oci_descriptor_json(&entry));
	return 0;
}

static char *blob_name(const struct digest *d, struct arena *a)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	return arena_printf(a, "blobs/sha256/%s", hex);
}

/* Docker's list knows no indexes: this machine's image stands for one, or else its first. */
static int docker_manifest(struct writing *w, const struct descriptor *d, unsigned depth, struct buf *out, struct err *e)
{
	TRY(w->from->ops->manifest(w->from, d, out, e));
	if (media_find(d->media_type)->kind != MEDIA_INDEX)
		return 0;
	struct image_index ix;
	struct platform host = platform_host();
	struct descriptor chosen;
	TRY(image_index_parse(buf_view(out), &ix, e));
	ptrdiff_t i = platform_choose(&ix, &host);
	if (i < 0 && ix.n)
		i = 0;
	if (i >= 0)
		descriptor_copy(&ix.manifests[i], &w->arena, &chosen);
	image_index_done(&ix);
	if (i < 0 || depth == INDEX_DEPTH_MAX)
		return err_set(e, ERR_UNSUPPORTED, "the index holds no image for docker");
	buf_clear(out);
	return docker_manifest(w, &chosen, depth + 1, out, e);
}

static int add_docker_entry(struct writing *w, const struct archive_image *im, struct err *e)
{
	cleanup_buf struct buf bytes = {0};
	struct manifest m;
	TRY(docker_manifest(w, &im->descriptor, 0, &bytes, e));
	TRY(manifest_parse(buf_view(&bytes), &m, e));
	struct jval *entry = jval_object(), *tags = jval_array(), *layers = jval_array();
	jval_set_text(entry, "Config", blob_name(&m.config.digest, &w->arena));
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < im->nnames; i++) {
		cleanup_buf struct buf familiar = {0};
		struct ref r;
		rc = ref_parse(im->names[i], &w->arena, &r, e);
		if (rc == 0 && r.tag.len) {
			r.digest = (struct digest){0};
			ref_print_familiar(&r, &familiar);
			jval_append(tags, jval_string(buf_view(&familiar)));
		}
	}
	for (size_t i = 0; i < m.nlayers; i++)
		jval_append(layers, jval_string(str_of(blob_name(&m.layers[i].digest, &w->arena))));
	jval_set(entry, "RepoTags", tags);
	jval_set(entry, "Layers", layers);
	jval_append(w->docker, entry);
	manifest_done(&m);
	return rc;
}

static int add_image(struct writing *w, const struct archive_image *im, struct err *e)
{
	TRY(collect(w, &im->descriptor, 0, e));
	if (w->docker)
		TRY(add_docker_entry(w, im, e));
	if (im->nnames == 0)
		return add_index_entry(w, &im->descriptor, STR(""), e);
	for (size_t i = 0; i < im->nnames; i++)
		TRY(add_index_entry(w, &im->descriptor, im->names[i], e));
	return 0;
}

/* --- bytes --- */

static void index_text(const struct writing *w, struct buf *out)
{
	struct jval *j = jval_object();
	jval_set(j, "schemaVersion", jval_integer(2));
	jval_set_text(j, "mediaType", media_type(MEDIA_INDEX, MEDIA_OCI, MEDIA_PLAIN));
	jval_set(j, "manifests", jval_copy(w->index));
	oci_finish(j, out);
}

static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

static int read_blob(struct writing *w, const struct descriptor *d, struct sink *to, struct err *e)
{
	if (!is_document(d))
		return w->from->ops->read(w->from, d, to, e);
	cleanup_buf struct buf bytes = {0};
	TRY(w->from->ops->manifest(w->from, d, &bytes, e));
	return sink_write(to, bytes.p, bytes.len, e);
}

static int put_text(struct sink *out, const char *name, struct str text, struct err *e)
{
	TRY(tar_put_file_head(out, name, text.len, e));
	TRY(sink_write(out, text.p, text.len, e));
	return tar_put_padding(out, text.len, e);
}

static int write_tar(struct writing *w, struct sink *out, struct err *e)
{
	cleanup_buf struct buf index = {0}, docker = {0};
	TRY(tar_put_folder(out, "blobs/", e));
	TRY(tar_put_folder(out, "blobs/sha256/", e));
	for (size_t i = 0; i < w->n; i++) {
		const struct descriptor *d = &w->blobs[i];
		TRY(tar_put_file_head(out, blob_name(&d->digest, &w->arena), d->size, e));
		TRY(read_blob(w, d, out, e));
		TRY(tar_put_padding(out, d->size, e));
	}
	index_text(w, &index);
	TRY(put_text(out, "index.json", buf_view(&index), e));
	if (w->docker) {
		jval_print(w->docker, 0, &docker);
		TRY(put_text(out, "manifest.json", buf_view(&docker), e));
	}
	TRY(put_text(out, "oci-layout", STR(layout_text), e));
	return tar_put_end(out, e);
}

MEM_CLEANUP(blobs_cleanup, struct blobs, blobs_close)
MEM_CLEANUP(writer_cleanup, struct blob_writer, blob_writer_free)

static int write_folder(struct writing *w, int dirfd, struct err *e)
{
	cleanup_with(blobs_cleanup) struct blobs *blobs = NULL;
	cleanup_buf struct buf index = {0}, docker = {0};
	TRY(blobs_open(dirfd, false, &blobs, e));
	for (size_t i = 0; i < w->n; i++) {
		const struct descriptor *d = &w->blobs[i];
		cleanup_with(writer_cleanup) struct blob_writer *bw = NULL;
		uint64_t size;
		if (blobs_has(blobs, &d->digest, &size) && size == d->size)
			continue;
		TRY(blobs_writer(blobs, &bw, e));
		TRY(read_blob(w, d, blob_writer_sink(bw), e));
		TRY(blob_writer_commit(bw, &d->digest, d->size, NULL, NULL, e));
	}
	if (w->docker) {
		jval_print(w->docker, 0, &docker);
		TRY(fs_write_atomic(dirfd, "manifest.json", buf_view(&docker), 0644, false, e));
	}
	index_text(w, &index);
	TRY(fs_write_atomic(dirfd, "oci-layout", STR(layout_text), 0644, false, e));
	return fs_write_atomic(dirfd, "index.json", buf_view(&index), 0644, false, e);
}

static int by_digest(const void *a, const void *b)
{
	const struct descriptor *x = a, *y = b;
	return memcmp(x->digest.b, y->digest.b, DIGEST_SIZE);
}

static int write_all(struct writing *w, const struct archive_image *images, size_t n, const struct archive_opts *o, struct sink *out,
	int dirfd, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		TRY(add_image(w, &images[i], e));
	if (w->n)
		qsort(w->blobs, w->n, sizeof(*w->blobs), by_digest);
	return o->folder ? write_folder(w, dirfd, e) : write_tar(w, out, e);
}

int archive_write(struct place *from, const struct archive_image *images, size_t n, const struct archive_opts *o, struct sink *out,
	int dirfd, struct err *e)
{
	struct writing w = {.from = from, .index = jval_array(), .docker = o->docker ? jval_array() : NULL};
	int rc = write_all(&w, images, n, o, out, dirfd, e);
	jval_free(w.index);
	jval_free(w.docker);
	map_done(&w.seen);
	arena_done(&w.arena);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading: the archive's files become blobs of the store, its lists say which images there are, each image is checked down to
 * its layers, and only when all are good do they get their names. Where both lists are there the OCI one counts, because it
 * keeps manifests and with them digests.
 */
#include "registry/archive.h"
#include "registry/layout.h"

#include "registry/archive_files.h"
#include "registry/transfer.h"

enum { INDEX_DEPTH_MAX = 4 };

/* --- checking what is in the store now --- */

static int check_present(struct blobs *b, const struct descriptor *d, struct err *e)
{
	char text[DIGEST_TEXT + 1];
	uint64_t size;
	digest_text(&d->digest, text);
	if (!blobs_has(b, &d->digest, &size))
		return err_set(e, ERR_CORRUPT, "blob %s is missing", text);
	if (size != d->size)
		return err_set(e, ERR_CORRUPT, "blob %s has %llu bytes, not %llu", text, (unsigned long long)size, (unsigned long long)d->size);
	return 0;
}

/* A layer that is a plain tar has its diff id for a digest. */
static int check_diff_ids(const struct manifest *m, const struct image_config *c, struct err *e)
{
	TRY(image_check(m, c, e));
	for (size_t i = 0; i < m->nlayers; i++)
		if (media_find(m->layers[i].media_type)->compression == MEDIA_PLAIN && !digest_eq(&m->layers[i].digest, &c->diff_ids[i]))
			return err_set(e, ERR_CORRUPT, "layer %zu is not the one that the image config names", i + 1);
	return 0;
}

static int check_config(struct blobs *b, const struct manifest *m, struct err *e)
{
	const struct media *media = media_find(m->config.media_type);
	cleanup_buf struct buf text = {0};
	struct image_config c;
	if (!media || media->kind != MEDIA_CONFIG)
		return 0; /* an artifact is kept as it is */
	TRY(blobs_read(b, &m->config.digest, CONFIG_SIZE_MAX, &text, e));
	TRY(image_config_parse(buf_view(&text), &c, e));
	int rc = check_diff_ids(m, &c, e);
	image_config_done(&c);
	return rc;
}

static int check_manifest(struct blobs *b, const struct manifest *m, struct err *e)
{
	TRY(check_present(b, &m->config, e));
	for (size_t i = 0; i < m->nlayers; i++)
		TRY(check_present(b, &m->layers[i], e));
	return check_config(b, m, e);
}

static int check_document(struct blobs *b, const struct descriptor *d, unsigned depth, struct err *e);

/* Docker saves an index with the manifests of one platform alone: the others may be missing. */
static int check_children(struct blobs *b, const struct image_index *ix, unsigned depth, struct err *e)
{
	size_t there = 0;
	for (size_t i = 0; i < ix->n; i++) {
		if (!blobs_has(b, &ix->manifests[i].digest, NULL))
			continue;
		TRY(check_document(b, &ix->manifests[i], depth + 1, e));
		there++;
	}
	return there ? 0 : err_set(e, ERR_CORRUPT, "an index without manifests");
}

static int check_type(const struct descriptor *d, struct str own, struct err *e)
{
	if (own.len == 0 || str_eq(own, d->media_type))
		return 0;
	return err_set(e, ERR_CORRUPT, "announced as \"%.*s\", but the document says \"%.*s\"", STR_ARG(d->media_type), STR_ARG(own));
}

static int check_document(struct blobs *b, const struct descriptor *d, unsigned depth, struct err *e)
{
	const struct media *media = media_find(d->media_type);
	cleanup_buf struct buf text = {0};
	int rc;
	if (!media || (media->kind != MEDIA_MANIFEST && media->kind != MEDIA_INDEX))
		return err_set(e, ERR_UNSUPPORTED, "media type \"%.*s\" is neither an image manifest nor an index", STR_ARG(d->media_type));
	if (depth > INDEX_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "indexes nested deeper than %d", INDEX_DEPTH_MAX);
	TRY(check_present(b, d, e));
	TRY(blobs_read(b, &d->digest, MANIFEST_SIZE_MAX, &text, e));
	if (media->kind == MEDIA_INDEX) {
		struct image_index ix;
		TRY(image_index_parse(buf_view(&text), &ix, e));
		rc = check_type(d, ix.media_type, e);
		rc = rc < 0 ? rc : check_children(b, &ix, depth, e);
		image_index_done(&ix);
		return rc;
	}
	struct manifest m;
	TRY(manifest_parse(buf_view(&text), &m, e));
	rc = check_type(d, m.media_type, e);
	rc = rc < 0 ? rc : check_manifest(b, &m, e);
	manifest_done(&m);
	return rc;
}

/* --- names --- */

/* containerd's name is a whole reference; ref.name may be one (podman, skopeo) or a tag without a repository, which names
 * nothing here. */
static struct str name_of(const struct descriptor *d, struct arena *a)
{
	struct layout_name name;
	struct str text;
	struct err ignored = {0};
	if (annotations_get(&d->annotations, STR(LAYOUT_FULL_NAME), &text) &&
	    layout_name_make(text, true, a, &name, &ignored) == 0)
		return name.ref_name;
	if (annotations_get(&d->annotations, STR(LAYOUT_REF_NAME), &text) &&
	    (str_find(text, ':') >= 0 || str_find(text, '/') >= 0) && layout_name_make(text, true, a, &name, &ignored) == 0)
		return name.ref_name;
	return STR("");
}

/* Without whole names, two images with one ref.name could be meant. */
static int check_names(const struct layout_image *list, size_t n, struct err *e)
{
	cleanup_map struct map seen = {0};
	struct str ignored;
	for (size_t i = 0; i < n; i++) {
		if (list[i].name.len == 0 || annotations_get(&list[i].descriptor.annotations, STR(LAYOUT_FULL_NAME), &ignored))
			continue;
		if (map_set(&seen, list[i].name, &seen))
			return err_set(e, ERR_CORRUPT, "two images are named \"%.*s\"", STR_ARG(list[i].name));
	}
	return 0;
}

static void add_listed(const struct layout_image *im, struct archive_list *list)
{
	struct descriptor d = im->descriptor;
	d.annotations = (struct annotations){0};
	archive_list_add(list, &d, name_of(&im->descriptor, list->a));
}

/* --- the two forms --- */

static int oci_images(struct archive_files *f, struct archive_list *list, struct err *e)
{
	cleanup_jval struct jval *index = NULL;
	struct layout_image *images;
	struct str text;
	size_t n;
	TRY(archive_files_text(f, STR("index.json"), &text, e));
	TRY(layout_index_parse(text, &index, e));
	TRY(layout_index_images(index, false, list->a, &images, &n, e));
	TRY(check_names(images, n, e));
	for (size_t i = 0; i < n; i++)
		add_listed(&images[i], list);
	return 0;
}

static int load_tar(int fd, struct archive_files *f, struct archive_list *list, struct err *e)
{
	TRY(archive_files_read(f, fd, e));
	if (archive_files_find(f, STR("oci-layout")) && archive_files_find(f, STR("index.json")))
		return oci_images(f, list, e);
	if (archive_files_find(f, STR("manifest.json")))
		return archive_docker_images(f, list, e);
	if (archive_files_find(f, STR("repositories")))
		return archive_legacy_images(f, list, e);
	return err_set(e, ERR_CORRUPT, "this is no image archive: it holds neither index.json nor manifest.json");
}

MEM_CLEANUP(blobs_cleanup, struct blobs, blobs_close)

static int load_folder(int dirfd, struct place *store, struct archive_list *list, struct err *e)
{
	cleanup_with(blobs_cleanup) struct blobs *blobs = NULL;
	cleanup_place struct place *from = NULL;
	struct layout_image *images;
	size_t n;
	TRY(blobs_open(dirfd, false, &blobs, e));
	TRY(layout_open(dirfd, blobs, false, false, &from, e));
	TRY(layout_list(from, list->a, &images, &n, e));
	TRY(check_names(images, n, e));
	for (size_t i = 0; i < n; i++) {
		char digest[DIGEST_TEXT + 1];
		struct descriptor ignored;
		digest_text(&images[i].descriptor.digest, digest);
		TRY(transfer(from, str_of(digest), store, STR(""), NULL, list->a, &ignored, e));
		add_listed(&images[i], list);
	}
	return 0;
}

static int finish(struct place *store, struct blobs *blobs, const struct archive_list *list,
	void (*loaded)(void *arg, struct str name, const struct descriptor *d), void *arg, struct err *e)
{
	if (list->n == 0)
		return err_set(e, ERR_CORRUPT, "the archive holds no images");
	for (size_t i = 0; i < list->n; i++)
		TRY(check_document(blobs, &list->items[i].d, 0, e));
	for (size_t i = 0; i < list->n; i++) {
		const struct archive_found *found = &list->items[i];
		TRY(layout_tag_all(store, &found->d, &found->name, found->name.len ? 1 : 0, e));
		if (loaded)
			loaded(arg, found->name, &found->d);
	}
	return 0;
}

int archive_load(int fd, bool is_folder, struct place *store_layout, struct blobs *blobs,
	void (*loaded)(void *arg, struct str name, const struct descriptor *d), void *arg, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct archive_list list = {.a = &a};
	struct archive_files files = {.blobs = blobs};
	int rc = is_folder ? load_folder(fd, store_layout, &list, e) : load_tar(fd, &files, &list, e);
	if (rc == 0)
		rc = finish(store_layout, blobs, &list, loaded, arg, e);
	archive_files_done(&files);
	return rc;
}

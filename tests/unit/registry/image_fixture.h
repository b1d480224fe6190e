/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_IMAGE_FIXTURE_H
#define COOPER_IMAGE_FIXTURE_H

/* A scratch folder with a store in it, and small images. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <stdio.h>

#include "base/fs.h"
#include "registry/layout.h"
#include "registry/platform.h"

#define GOOD(call)                                                        \
	do {                                                              \
		struct err e_ = {0}, *e = &e_;                            \
		int rc_ = (call);                                         \
		cr_assert(rc_ >= 0, #call ": %s", e->text);               \
	} while (0)
#define FAILS(code_, call)                                                \
	do {                                                              \
		struct err e_ = {0}, *e = &e_;                            \
		int rc_ = (call);                                         \
		cr_assert(rc_ == -(code_), #call " gives %d: %s", rc_, e->text); \
	} while (0)

struct box {
	char path[64];
	int dirfd;
	struct blobs *blobs;
	struct place *place;
	bool store;
};

static inline void box_open_again(struct box *b)
{
	GOOD(fs_open_dir(AT_FDCWD, b->path, &b->dirfd, e));
	GOOD(blobs_open(b->dirfd, false, &b->blobs, e));
	GOOD(layout_open(b->dirfd, b->blobs, b->store, true, &b->place, e));
}

static inline void box_open(struct box *b, bool store)
{
	*b = (struct box){.path = "/tmp/cooper-unit-XXXXXX", .store = store};
	cr_assert(mkdtemp(b->path));
	box_open_again(b);
}

static inline void box_shut(struct box *b)
{
	place_close(b->place);
	blobs_close(b->blobs);
	close(b->dirfd);
}

static inline void box_close(struct box *b)
{
	box_shut(b);
	GOOD(fs_remove_tree(AT_FDCWD, b->path, e));
}

static inline struct descriptor put_blob(struct box *b, struct str bytes, const char *type)
{
	struct descriptor d = {.media_type = str_of(type), .size = bytes.len};
	GOOD(blobs_put(b->blobs, bytes, &d.digest, e));
	return d;
}

/* An image of two layers for a platform; `salt` makes it another one. */
static inline struct descriptor put_image(struct box *b, const char *salt, const char *arch)
{
	struct descriptor layers[2];
	struct image_config c = {.architecture = str_of(arch), .os = STR("linux")};
	struct manifest m = {.media_type = STR("application/vnd.oci.image.manifest.v1+json"), .layers = layers, .nlayers = 2};
	cleanup_buf struct buf config = {0}, manifest = {0};
	layers[0] = put_blob(b, STR("the lower layer"), "application/vnd.oci.image.layer.v1.tar");
	layers[1] = put_blob(b, str_of(salt), "application/vnd.oci.image.layer.v1.tar");
	image_config_add_diff_id(&c, &layers[0].digest);
	image_config_add_diff_id(&c, &layers[1].digest);
	image_config_print(&c, &config);
	image_config_done(&c);
	m.config = put_blob(b, buf_view(&config), "application/vnd.oci.image.config.v1+json");
	manifest_print(&m, &manifest);
	return put_blob(b, buf_view(&manifest), "application/vnd.oci.image.manifest.v1+json");
}

/* An index of two platforms. */
static inline struct descriptor put_index(struct box *b, const char *salt)
{
	struct descriptor children[2] = {put_image(b, salt, "amd64"), put_image(b, salt, "arm64")};
	struct image_index ix = {.media_type = STR("application/vnd.oci.image.index.v1+json"), .manifests = children, .n = 2};
	cleanup_buf struct buf text = {0};
	children[0].platform = (struct platform){.os = STR("linux"), .arch = STR("amd64")};
	children[1].platform = (struct platform){.os = STR("linux"), .arch = STR("arm64")};
	image_index_print(&ix, &text);
	return put_blob(b, buf_view(&text), "application/vnd.oci.image.index.v1+json");
}

/* "name name -" of all entries, "-" for those without. */
static inline char *names_of(struct box *b, struct arena *a)
{
	struct layout_image *list;
	size_t n;
	cleanup_buf struct buf out = {0};
	GOOD(layout_list(b->place, a, &list, &n, e));
	for (size_t i = 0; i < n; i++)
		buf_printf(&out, "%s%.*s", i ? " " : "", list[i].name.len ? (int)list[i].name.len : 1, list[i].name.len ? list[i].name.p : "-");
	return arena_strdup(a, out.p ? out.p : "");
}

#endif

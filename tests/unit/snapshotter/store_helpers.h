/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TEST_STORE_HELPERS_H
#define COOPER_TEST_STORE_HELPERS_H

/* A store in a scratch folder, and layers of one small file in it. */
#include "tests/unit/base/tempdir.h"

#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/store_private.h"

static inline struct store *open_store(const struct tempdir *t)
{
	struct err e;
	struct store *s = NULL;
	cleanup_free char *path = mem_printf("%s/store", t->path);
	int rc = store_open(path, 0, &s, &e);
	if (rc < 0)
		fprintf(stderr, "store_open: %s\n", e.text);
	cr_assert_eq(rc, 0);
	return s;
}

static inline struct digest d_of(const char *text)
{
	return digest_of(text, strlen(text));
}

static inline struct layer layer_of(const char *name)
{
	return (struct layer){
	    .id = d_of(name), .cid = d_of("cid"), .size = 1000, .created = 1700000000, .created_nsec = 5};
}

/* A scratch layer: fs/ with `file` in it, and an index with `file`. Fails only where a killed process cannot care. */
static inline int make_scratch(struct store *s, const char *file, bool folder, char **ret_name)
{
	struct err e;
	int tmp;
	TRY(store_tmp(s, &tmp, &e));
	TRY(fs_temp_dir(tmp, "layer-", ret_name, &e));
	cleanup_free char *fs = mem_printf("%s/fs", *ret_name);
	cleanup_close int dir = -1;
	TRY(fs_open_dir(tmp, *ret_name, &dir, &e));
	cleanup_index struct index *ix = index_new();
	index_add(ix,
	    &(struct entry){.path = str_of(file), .type = ENTRY_FILE, .size = 4, .mode = 0644, .digest = d_of("data")});
	TRY(index_write(ix, dir, "index", &e));
	if (folder) {
		TRY(fs_mkdirs(tmp, fs, 0755, &e));
		cleanup_free char *path = mem_printf("%s/%s", fs, file);
		TRY(fs_write_atomic(tmp, path, STR("data"), 0644, false, &e));
	}
	return 0;
}

static inline int add_layer(struct store *s, const char *name, bool folder, struct err *e)
{
	int tmp;
	struct layer l = layer_of(name);
	cleanup_free char *scratch = NULL;
	TRY(make_scratch(s, "file", folder, &scratch));
	TRY(store_tmp(s, &tmp, e));
	return store_add_layer(s, tmp, scratch, &l, e);
}

static inline void check_layer(struct store *s, const struct digest *id)
{
	struct err e;
	struct layer l;
	cleanup_index struct index *ix = NULL;
	cleanup_buf struct buf b = {0};
	cleanup_close int fd = -1;
	cr_assert_eq(store_get_layer(s, id, &l, &e), 0, "%s", e.text);
	cr_assert_eq(store_layer_index(s, id, &ix, &e), 0, "%s", e.text);
	cr_assert_eq(ix->n, 1);
	cr_assert_eq(store_layer_folder(s, id, &fd, &e), 0, "%s", e.text);
	cr_assert_eq(io_read_file(fd, "file", 100, &b, &e), 0, "%s", e.text);
	cr_assert_str_eq(b.p, "data");
}

#endif

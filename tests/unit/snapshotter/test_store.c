/* SPDX-License-Identifier: Apache-2.0 */
/* A store that one process uses: its files, and the layers in it. */
#include "store_helpers.h"

#include <sys/stat.h>

Test(store, a_new_one_is_private_and_an_oci_layout)
{
	struct err e;
	struct stat st;
	cleanup_buf struct buf b = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	cr_assert_eq(fstatat(t.fd, "store", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0700);
	cr_assert_eq(fstatat(t.fd, "store/cooper.db", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert_eq(fstatat(t.fd, "store/cooper.db-wal", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert_eq(io_read_file(t.fd, "store/oci-layout", 100, &b, &e), 0);
	cr_assert_str_eq(b.p, "{\"imageLayoutVersion\":\"1.0.0\"}");
	cr_assert(fs_exists(t.fd, "store/index.json"));
	cr_assert_eq(s->path[0], '/');
}

Test(store, layers_come_back_after_reopening)
{
	struct err e;
	struct layer l;
	cleanup_tempdir struct tempdir t = tempdir_new();
	struct digest id = d_of("one");
	struct store *s = open_store(&t);
	cr_assert_eq(store_get_layer(s, &id, &l, &e), -ERR_NOT_FOUND);
	cr_assert(!store_has_folder(s, &id));
	cr_assert_eq(add_layer(s, "one", true, &e), 0, "%s", e.text);
	cr_assert_eq(add_layer(s, "one", true, &e), 0, "again: %s", e.text);
	check_layer(s, &id);
	store_close(s);
	s = open_store(&t);
	check_layer(s, &id);
	cr_assert_eq(store_get_layer(s, &id, &l, &e), 0);
	cr_assert_eq(l.created, 1700000000);
	cr_assert_eq(l.created_nsec, 5);
	cr_assert_eq(l.size, 1000);
	cr_assert(digest_none(&l.diff_id));
	store_close(s);
}

Test(store, a_layer_may_get_its_folder_later)
{
	struct err e;
	int tmp;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	cleanup_index struct index *ix = index_new(), *back = NULL;
	struct layer l = layer_of("late");
	cleanup_close int fd = -1;
	index_add(ix, &(struct entry){.path = STR("file"), .type = ENTRY_FILE, .size = 4, .digest = d_of("data")});
	cr_assert_eq(store_add_index(s, ix, &l, &e), 0, "%s", e.text);
	cr_assert(!store_has_folder(s, &l.id));
	cr_assert_eq(store_layer_folder(s, &l.id, &fd, &e), -ERR_NOT_FOUND);
	cr_assert_eq(store_layer_index(s, &l.id, &back, &e), 0);
	store_tmp(s, &tmp, &e);
	fs_mkdirs(tmp, "made", 0755, &e);
	fs_write_atomic(tmp, "made/file", STR("data"), 0644, false, &e);
	cr_assert_eq(store_add_folder(s, tmp, "made", &l.id, &e), 0, "%s", e.text);
	check_layer(s, &l.id);
	struct digest other = d_of("unknown");
	fs_mkdirs(tmp, "made", 0755, &e);
	cr_assert_eq(store_add_folder(s, tmp, "made", &other, &e), -ERR_NOT_FOUND);
}

Test(store, adding_a_known_layer_with_a_folder_gives_it_the_folder)
{
	struct err e;
	struct digest id = d_of("x");
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	cr_assert_eq(add_layer(s, "x", false, &e), 0);
	cr_assert(!store_has_folder(s, &id));
	cr_assert_eq(add_layer(s, "x", true, &e), 0);
	check_layer(s, &id);
}

Test(store, a_folder_without_a_record_is_replaced)
{
	struct err e;
	struct digest id = d_of("x");
	char path[STORE_LAYER_PATH];
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	store_layer_path(&id, "/fs", path);
	fs_mkdirs(s->fd, path, 0755, &e);
	cr_assert_eq(add_layer(s, "x", true, &e), 0, "%s", e.text);
	check_layer(s, &id);
}

Test(store, tars_blobs_and_unpacked_layers)
{
	struct err e;
	bool found;
	struct digest id = d_of("one"), diff = d_of("diff"), zip = d_of("zip"), out;
	struct layer l;
	uint64_t size;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	cr_assert_eq(store_set_unpacked(s, &diff, &id, &e), 0);
	cr_assert_eq(store_find_unpacked(s, &diff, &out, &e), -ERR_NOT_FOUND, "the layer is not recorded");
	cr_assert_eq(add_layer(s, "one", true, &e), 0);
	cr_assert_eq(store_find_unpacked(s, &diff, &out, &e), 0);
	cr_assert(digest_eq(&out, &id));
	cr_assert_eq(store_get_tar(s, &id, 0, &found, &out, &size, &e), 0);
	cr_assert(!found);
	cr_assert_eq(store_set_tar(s, &id, 0, &zip, 10, &e), 0);
	cr_assert_eq(store_set_tar(s, &id, INT64_MAX, &diff, 20, &e), 0);
	cr_assert_eq(store_get_tar(s, &id, INT64_MAX, &found, &out, &size, &e), 0);
	cr_assert(found && digest_eq(&out, &diff) && size == 20);
	cr_assert_eq(store_get_layer(s, &id, &l, &e), 0);
	cr_assert(digest_eq(&l.diff_id, &diff), "the tar without clamp is the layer's diff id");
	cr_assert_eq(store_get_blob(s, &diff, COMPRESS_GZIP, &found, &out, &size, &e), 0);
	cr_assert(!found);
	cr_assert_eq(store_set_blob(s, &diff, COMPRESS_GZIP, &id, 5, &e), 0);
	cr_assert_eq(store_set_blob(s, &diff, COMPRESS_GZIP, &zip, 7, &e), 0);
	cr_assert_eq(store_get_blob(s, &diff, COMPRESS_GZIP, &found, &out, &size, &e), 0);
	cr_assert(found && digest_eq(&out, &zip) && size == 7);
	cr_assert_eq(store_get_blob(s, &diff, COMPRESS_ZSTD, &found, &out, &size, &e), 0);
	cr_assert(!found);
}

Test(store, default_paths)
{
	cleanup_free char *given = store_default_path("/given");
	cr_assert_str_eq(given, "/given");
	setenv("COOPER_ROOT", "/env", 1);
	cleanup_free char *env = store_default_path(NULL);
	cr_assert_str_eq(env, "/env");
	unsetenv("COOPER_ROOT");
	cleanup_free char *usual = store_default_path("");
	cr_assert(geteuid() != 0 || strcmp(usual, "/var/lib/cooper") == 0);
}

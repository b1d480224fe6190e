/* SPDX-License-Identifier: Apache-2.0 */
#include "store_helpers.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "snapshotter/gc.h"
#include "snapshotter/layer_source.h"

/* A layer of about `size` bytes that was used `age` seconds ago. Fails only where a killed process cannot care. */
static int add_used_layer(struct store *s, const char *name, size_t size, int64_t age, struct err *e)
{
	int tmp;
	struct layer l = {.id = d_of(name), .cid = d_of("cid"), .size = size};
	cleanup_free char *bytes = mem_new(size + 1), *scratch = NULL;
	cleanup_index struct index *ix = index_new();
	cleanup_close int dir = -1;
	TRY(store_tmp(s, &tmp, e));
	TRY(fs_temp_dir(tmp, "layer-", &scratch, e));
	TRY(fs_open_dir(tmp, scratch, &dir, e));
	TRY(fs_mkdirs(dir, "fs", 0755, e));
	TRY(fs_write_atomic(dir, "fs/file", (struct str){bytes, size}, 0644, false, e));
	TRY(index_write(ix, dir, "index", e));
	TRY(store_add_layer(s, tmp, scratch, &l, e));
	struct record r = {.key = d_of(name), .family = d_of("f"), .layer = l.id, .cid = l.cid};
	TRY(store_add_record(s, &r, e));
	TRY(store_flush(s, e));
	cleanup_stmt struct stmt *st = NULL;
	TRY(db_prepare(s->db, "UPDATE used SET at=?2 WHERE digest=?1", &st, e));
	stmt_digest(st, 1, &l.id);
	stmt_int(st, 2, store_now() - age);
	return stmt_run(st, e);
}

static bool has_layer(struct store *s, const char *name)
{
	struct err e;
	struct layer l;
	struct digest id = d_of(name);
	bool recorded = store_get_layer(s, &id, &l, &e) == 0;
	cr_assert_eq(recorded, store_has_folder(s, &id), "record and folder of %s differ", name);
	return recorded;
}

/* Roots of one digest. */
static int one_root(void *arg, struct buf *digests, struct err *e)
{
	(void)e;
	buf_add(digests, ((struct digest *)arg)->b, DIGEST_SIZE);
	return 0;
}

static struct gc_result run(struct store *s, const struct gc_roots *roots, const struct gc_opts *o)
{
	struct err e;
	struct gc_result r;
	int rc = gc_run(s, roots, o, &r, &e);
	cr_assert_eq(rc, 0, "%s", rc < 0 ? e.text : "");
	return r;
}

static struct gc_usage usage(struct store *s, const struct gc_roots *roots, uint64_t *ret_shared)
{
	struct err e;
	struct gc_usage u;
	cleanup_gc_list struct gc_list list = {0};
	cr_assert_eq(gc_list(s, roots, &list, &e), 0);
	gc_measure(s, &list, GC_ALL_KINDS);
	cr_assert_eq(gc_usage(s, &list, &u, &e), 0);
	if (ret_shared)
		*ret_shared = list.shared;
	return u;
}

Test(gc, what_is_known_of_a_blob_without_bytes_goes_with_its_tar)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct digest id = d_of("layer"), made = d_of("made here"), foreign = d_of("foreign"), loaded, is;
	struct digest blobs[4] = {d_of("b0"), d_of("b1"), {{0}}, d_of("b3")};
	bool found;
	cr_assert_eq(blobs_put(s->blobs, STR("bytes"), &blobs[2], &e), 0);
	cr_assert_eq(blobs_put(s->blobs, STR("a tar that nobody unpacked"), &loaded, &e), 0);
	cr_assert_eq(store_set_blob(s, &loaded, COMPRESS_GZIP, &blobs[3], 9, &e), 0);
	cr_assert_eq(store_set_tar(s, &id, INT64_MAX, &made, 9, &e), 0);
	cr_assert_eq(store_set_blob(s, &made, COMPRESS_GZIP, &blobs[0], 9, &e), 0);
	cr_assert_eq(store_set_blob(s, &foreign, COMPRESS_GZIP, &blobs[1], 9, &e), 0);
	cr_assert_eq(store_set_blob(s, &foreign, COMPRESS_ZSTD, &blobs[2], 5, &e), 0);
	run(s, NULL, &(struct gc_opts){.cache = true});
	cr_assert_eq(store_get_blob(s, &made, COMPRESS_GZIP, &found, &is, NULL, &e), 0);
	cr_expect(found);
	cr_assert_eq(store_get_blob(s, &loaded, COMPRESS_GZIP, &found, &is, NULL, &e), 0);
	cr_expect(found);
	cr_assert_eq(store_get_blob(s, &foreign, COMPRESS_GZIP, &found, &is, NULL, &e), 0);
	cr_expect_not(found);
	cr_assert_eq(store_get_blob(s, &foreign, COMPRESS_ZSTD, &found, &is, NULL, &e), 0);
	cr_expect(found);
}

Test(gc, without_a_wish_only_loose_things_go)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct digest image, leftover;
	cr_assert_eq(add_used_layer(s, "kept", 1000, 1000000, &e), 0, "%s", e.text);
	cr_assert_eq(add_used_layer(s, "loose", 1000, 0, &e), 0);
	db_exec(s->db, "DELETE FROM records WHERE n=2", &e);
	cr_assert_eq(blobs_put(s->blobs, STR("image"), &image, &e), 0);
	cr_assert_eq(blobs_put(s->blobs, STR("leftover of an untagged image"), &leftover, &e), 0);
	cr_assert_eq(fs_mkdirs(s->fd, "layers/rubbish/fs", 0755, &e), 0);
	cr_assert_eq(fs_mkdirs(s->fd, "tmp/.left-dead/x", 0755, &e), 0);
	struct gc_result r = run(
	    s, &(struct gc_roots){one_root, &image}, &(struct gc_opts){.images = true, .cache = true, .mounts = true});
	cr_assert(has_layer(s, "kept"));
	cr_assert(!has_layer(s, "loose"));
	cr_assert(blobs_has(s->blobs, &image, NULL));
	cr_assert(!blobs_has(s->blobs, &leftover, NULL));
	cr_assert(!fs_exists(s->fd, "layers/rubbish"));
	cr_assert(!fs_exists(s->fd, "tmp/.left-dead"));
	cr_assert_eq(r.count[GC_LAYER], 1);
	cr_assert_eq(r.count[GC_BLOB], 1);
	cr_assert_eq(r.count[GC_JUNK], 2);
	cr_assert_geq(r.freed, 1000 + 29);
}

Test(gc, all_leaves_what_images_need)
{
	struct err e;
	bool found;
	cleanup_buf struct buf out = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct digest image, other, key = d_of("memo"), cache = d_of("cache");
	int dir, lock;
	bool fresh;
	add_used_layer(s, "one", 1000, 0, &e);
	blobs_put(s->blobs, STR("image"), &image, &e);
	blobs_put(s->blobs, STR("other"), &other, &e);
	store_set_memo(s, &key, STR("x"), &e);
	cr_assert_eq(store_cache_mount(s, &cache, "/c", SHARING_SHARED, NULL, &dir, &lock, &fresh, &e), 0);
	close(dir);
	close(lock);
	fs_write_atomic(s->fd, "contexts/0000000000000000000000000000000000000000000000000000000000000000", STR("x"),
	    0600, false, &e);
	run(s, &(struct gc_roots){one_root, &image},
	    &(struct gc_opts){.all = true, .images = true, .cache = true, .mounts = true});
	cr_assert(!has_layer(s, "one"));
	cr_assert(blobs_has(s->blobs, &image, NULL));
	cr_assert(!blobs_has(s->blobs, &other, NULL));
	cr_assert_eq(store_get_memo(s, &key, &out, &found, &e), 0);
	cr_assert(!found);
	struct gc_usage u = usage(s, &(struct gc_roots){one_root, &image}, NULL);
	cr_assert_eq(u.count[GC_MOUNT] + u.count[GC_CONTEXT] + u.count[GC_LAYER] + u.count[GC_BLOB] + u.records, 0);
	cr_assert_eq(u.count[GC_IMAGE], 1);
}

Test(gc, only_the_chosen_kinds_go)
{
	struct err e;
	int dir, lock;
	bool fresh;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct digest cache = d_of("cache"), blob;
	add_used_layer(s, "one", 1000, 0, &e);
	blobs_put(s->blobs, STR("blob"), &blob, &e);
	store_cache_mount(s, &cache, "/c", SHARING_SHARED, NULL, &dir, &lock, &fresh, &e);
	close(dir);
	close(lock);
	struct gc_result r = run(s, NULL, &(struct gc_opts){.all = true, .mounts = true});
	cr_assert_eq(r.count[GC_MOUNT], 1);
	cr_assert(has_layer(s, "one"));
	cr_assert(blobs_has(s->blobs, &blob, NULL));
	r = run(s, NULL, &(struct gc_opts){.all = true, .images = true});
	cr_assert_eq(r.count[GC_BLOB], 1);
	cr_assert(has_layer(s, "one"));
}

Test(gc, until_goes_by_last_use)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	add_used_layer(s, "old", 10, 1000, &e);
	add_used_layer(s, "new", 10, 100, &e);
	run(s, NULL, &(struct gc_opts){.until_sec = store_now() - 500, .cache = true});
	cr_assert(!has_layer(s, "old"));
	cr_assert(has_layer(s, "new"));
}

Test(gc, keep_takes_the_oldest_first_until_it_fits)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	static const int64_t ages[] = {300, 100, 500, 200, 400};
	for (int i = 0; i < 5; i++) {
		char name[8];
		snprintf(name, sizeof(name), "l%d", i);
		cr_assert_eq(add_used_layer(s, name, 100000, ages[i], &e), 0);
	}
	run(s, NULL, &(struct gc_opts){.keep_bytes = 400000, .cache = true});
	cr_assert(has_layer(s, "l0") && has_layer(s, "l1") && has_layer(s, "l3"));
	cr_assert(!has_layer(s, "l2") && !has_layer(s, "l4"));
}

Test(gc, a_dry_run_touches_nothing)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	add_used_layer(s, "one", 10000, 0, &e);
	struct gc_result r = run(s, NULL, &(struct gc_opts){.all = true, .cache = true, .dry = true});
	cr_assert_eq(r.count[GC_LAYER], 1);
	cr_assert_geq(r.freed, 10000);
	cr_assert(has_layer(s, "one"));
}

Test(gc, keeps_off_while_another_build_runs)
{
	struct err e;
	struct gc_result r;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct store *other = open_store(&t);
	add_used_layer(s, "one", 10, 0, &e);
	cr_assert_eq(
	    gc_run(s, NULL, &(struct gc_opts){.all = true, .cache = true, .wait_ms = 20}, &r, &e), -ERR_DENIED);
	cr_assert(has_layer(s, "one"));
	store_close(other);
	cr_assert_eq(gc_run(s, NULL, &(struct gc_opts){.all = true, .cache = true, .wait_ms = 20}, &r, &e), 0);
	cr_assert(!has_layer(s, "one"));
	other = open_store(&t); /* the exclusive lock was given back */
	store_close(other);
}

Test(gc, the_blob_of_a_known_layer_is_not_loose)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct digest id = d_of("one"), tar, zip;
	add_used_layer(s, "one", 10, 0, &e);
	blobs_put(s->blobs, STR("tar"), &tar, &e);
	blobs_put(s->blobs, STR("zip"), &zip, &e);
	store_set_tar(s, &id, INT64_MAX, &tar, 3, &e);
	store_set_blob(s, &tar, COMPRESS_GZIP, &zip, 3, &e);
	struct gc_result r = run(s, NULL, &(struct gc_opts){.images = true, .cache = true});
	cr_assert_eq(r.count[GC_BLOB], 0);
	cr_assert(blobs_has(s->blobs, &tar, NULL) && blobs_has(s->blobs, &zip, NULL));
	r = run(s, NULL, &(struct gc_opts){.all = true, .images = true, .cache = true});
	cr_assert_eq(r.count[GC_BLOB], 2);
	bool found;
	struct digest out;
	uint64_t size;
	cr_assert_eq(store_get_blob(s, &tar, COMPRESS_GZIP, &found, &out, &size, &e), 0);
	cr_assert(!found);
}

enum { CAP = 40000 }; /* of two layers with a file of 10000 bytes in folders */

Test(gc, the_cap_looks_now_and_then_and_keeps_fresh_loose_things)
{
	struct err e;
	struct gc_result r;
	struct digest blob;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	add_used_layer(s, "old", 10000, 500, &e);
	add_used_layer(s, "new", 10000, 5, &e);
	blobs_put(s->blobs, STR("fresh"), &blob, &e);
	cr_assert_eq(gc_auto(s, NULL, 0, &r, &e), 0);
	cr_assert_eq(gc_auto(s, NULL, CAP, &r, &e), 0);
	cr_assert(!has_layer(s, "old"));
	cr_assert(has_layer(s, "new"));
	cr_assert(blobs_has(s->blobs, &blob, NULL));
	add_used_layer(s, "newest", 10000, 1, &e);
	cr_assert_eq(gc_auto(s, NULL, CAP, &r, &e), 0);
	cr_assert(has_layer(s, "new"), "ten minutes are not over");
	cr_assert_eq(gc_auto(s, NULL, CAP - 1, &r, &e), 0);
	cr_assert(!has_layer(s, "new"), "another cap holds at once");
	cr_assert(has_layer(s, "newest"));
}

Test(gc, a_cap_that_another_build_kept_off_is_looked_after_by_the_next)
{
	struct err e;
	struct gc_result r;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct store *other = open_store(&t);
	add_used_layer(s, "old", 10000, 500, &e);
	cr_assert_eq(gc_auto(s, NULL, 100, &r, &e), 0);
	cr_assert(has_layer(s, "old"));
	store_close(other);
	cr_assert_eq(gc_auto(s, NULL, 100, &r, &e), 0);
	cr_assert(!has_layer(s, "old"));
}

/* A file of one layer is in another one too. */
static void link_file(struct store *s, const char *from, const char *to)
{
	struct digest a = d_of(from), b = d_of(to);
	char old[STORE_LAYER_PATH + 16], new[STORE_LAYER_PATH + 16];
	store_layer_path(&a, "/fs", old);
	store_layer_path(&b, "/fs", new);
	strcat(old, "/file");
	strcat(new, "/again");
	cr_assert_eq(linkat(s->fd, old, s->fd, new, 0), 0);
}

Test(gc, usage_counts_shared_files_once)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	uint64_t shared;
	add_used_layer(s, "a", 50000, 0, &e);
	add_used_layer(s, "b", 10, 0, &e);
	add_used_layer(s, "c", 10, 0, &e);
	link_file(s, "a", "b");
	link_file(s, "a", "c");
	struct gc_usage u = usage(s, NULL, &shared);
	cr_assert_eq(u.count[GC_LAYER], 3);
	cr_assert_geq(u.bytes[GC_LAYER], 50000);
	cr_assert_lt(u.bytes[GC_LAYER], 100000);
	cr_assert_geq(shared, 50000);
	cr_assert_lt(shared, 60000);
	cr_assert_gt(u.database, 0);
	cr_assert_eq(u.records, 3);
}

Test(gc, what_layers_share_counts_once_for_what_is_kept)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	add_used_layer(s, "old", 1000000, 300, &e);
	add_used_layer(s, "middle", 10, 200, &e);
	add_used_layer(s, "new", 10, 100, &e);
	link_file(s, "old", "middle");
	link_file(s, "old", "new");
	/* As copying says it: each has a million bytes. */
	db_exec(s->db, "UPDATE layers SET size=1000000", &e);
	struct gc_result r = run(s, NULL, &(struct gc_opts){.keep_bytes = 1200000, .cache = true});
	cr_assert(has_layer(s, "old") && has_layer(s, "middle") && has_layer(s, "new"));
	r = run(s, NULL, &(struct gc_opts){.keep_bytes = 1040000, .cache = true});
	cr_assert(!has_layer(s, "old") && has_layer(s, "middle") && has_layer(s, "new"));
	cr_assert_lt(r.freed, 100000, "the bytes are still in the others");
}

Test(gc, a_context_that_did_not_change_was_used_all_the_same)
{
	struct err e;
	static const struct timespec year_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	const struct digest names[] = {d_of("used"), d_of("unused")};
	char paths[2][sizeof("contexts/") + DIGEST_HEX];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		strcpy(paths[i], "contexts/");
		digest_hex(&names[i], paths[i] + strlen("contexts/"));
		cr_assert_eq(fs_write_atomic(s->fd, paths[i], STR("x"), 0600, false, &e), 0);
		cr_assert_eq(utimensat(s->fd, paths[i], year_ago, 0), 0);
	}
	store_touch(s, &names[0]);
	run(s, NULL, &(struct gc_opts){.until_sec = store_now() - 500, .cache = true});
	cr_expect(fs_exists(s->fd, paths[0]));
	cr_expect_not(fs_exists(s->fd, paths[1]));
}

/* A blob that was made long ago. */
static struct digest add_old_blob(struct store *s, const char *text)
{
	struct err e;
	struct digest d;
	char hex[DIGEST_HEX + 1], path[sizeof("blobs/sha256/") + DIGEST_HEX];
	static const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	cr_assert_eq(blobs_put(s->blobs, str_of(text), &d, &e), 0);
	digest_hex(&d, hex);
	snprintf(path, sizeof(path), "blobs/sha256/%s", hex);
	cr_assert_eq(utimensat(s->fd, path, long_ago, 0), 0);
	return d;
}

Test(gc, blobs_that_were_asked_for_were_used)
{
	struct err e;
	bool found;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	struct digest id = d_of("one"), other = d_of("two"), is;
	struct digest tar = add_old_blob(s, "tar"), unused = add_old_blob(s, "unused tar"), gz = add_old_blob(s, "gzip"),
	              zst = add_old_blob(s, "zstd");
	store_set_tar(s, &id, INT64_MAX, &tar, 3, &e);
	store_set_tar(s, &other, INT64_MAX, &unused, 3, &e);
	store_set_blob(s, &tar, COMPRESS_GZIP, &gz, 4, &e);
	store_set_blob(s, &tar, COMPRESS_ZSTD, &zst, 4, &e);
	cr_assert_eq(store_get_blob(s, &tar, COMPRESS_GZIP, &found, &is, NULL, &e), 0);
	cr_assert_eq(layer_find_blob(s, &tar, &is, &e), 0);
	run(s, NULL, &(struct gc_opts){.until_sec = store_now() - 500, .images = true});
	cr_expect(blobs_has(s->blobs, &gz, NULL));
	cr_expect(blobs_has(s->blobs, &tar, NULL));
	cr_expect_not(blobs_has(s->blobs, &zst, NULL));
	cr_expect_not(blobs_has(s->blobs, &unused, NULL));
}

Test(gc, a_killed_run_leaves_a_good_store, .timeout = 60)
{
	unsigned seed = (unsigned)getpid();
	cleanup_tempdir struct tempdir t = tempdir_new();
	for (int round = 0; round < 8; round++) {
		struct err e;
		struct store *s = open_store(&t);
		for (int i = 0; i < 20; i++) {
			char name[8];
			snprintf(name, sizeof(name), "l%d", i);
			cr_assert_eq(add_used_layer(s, name, 1000, 0, &e), 0, "%s", e.text);
		}
		store_close(s);
		pid_t pid = fork();
		if (pid == 0) {
			struct gc_result r;
			s = open_store(&t);
			gc_run(s, NULL, &(struct gc_opts){.all = true, .cache = true}, &r, &e);
			_exit(0);
		}
		usleep((useconds_t)rand_r(&seed) % 5000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		s = open_store(&t);
		for (int i = 0; i < 20; i++) {
			char name[8];
			struct layer l;
			snprintf(name, sizeof(name), "l%d", i);
			struct digest id = d_of(name);
			cr_assert(store_get_layer(s, &id, &l, &e) < 0 || store_has_folder(s, &id),
			    "%s is recorded without bytes", name);
		}
		store_close(s);
	}
}

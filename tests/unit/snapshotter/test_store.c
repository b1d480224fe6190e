/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/base/tempdir.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/store_private.h"

static struct store *open_store(const struct tempdir *t)
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

static struct digest d_of(const char *text)
{
	return digest_of(text, strlen(text));
}

static struct layer layer_of(const char *name)
{
	return (struct layer){
	    .id = d_of(name), .cid = d_of("cid"), .size = 1000, .created = 1700000000, .created_nsec = 5};
}

/* A scratch layer: fs/ with `file` in it, and an index with `file`. Fails only where a killed process cannot care. */
static int make_scratch(struct store *s, const char *file, bool folder, char **ret_name)
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

static int add_layer(struct store *s, const char *name, bool folder, struct err *e)
{
	int tmp;
	struct layer l = layer_of(name);
	cleanup_free char *scratch = NULL;
	TRY(make_scratch(s, "file", folder, &scratch));
	TRY(store_tmp(s, &tmp, e));
	return store_add_layer(s, tmp, scratch, &l, e);
}

static void check_layer(struct store *s, const struct digest *id)
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
	cr_assert_eq(store_blob_diff_id(s, &zip, &found, &out, &e), 0);
	cr_assert(found && digest_eq(&out, &diff));
}

/* --- records --- */

struct seen {
	int n, stop_after;
	char answers[8][8];
};

static bool see(void *arg, const struct record *r)
{
	struct seen *s = arg;
	snprintf(s->answers[s->n], sizeof(s->answers[0]), "%.*s", STR_ARG(r->answers));
	return ++s->n == s->stop_after;
}

static void add_record(struct store *s, const char *key, const char *layer, const char *answers)
{
	struct err e;
	struct record r = {.key = d_of(key),
	    .family = d_of("family"),
	    .created = 9,
	    .created_nsec = 8,
	    .answers = str_of(answers),
	    .why = STR("{\"a\":1}")};
	if (layer) {
		r.layer = d_of(layer);
		r.cid = d_of("cid");
	}
	cr_assert_eq(store_add_record(s, &r, &e), 0, "%s", e.text);
}

Test(store, records_of_a_key_come_newest_first)
{
	struct err e;
	struct digest key = d_of("k"), none = d_of("none");
	struct seen seen = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	add_record(s, "k", "l1", "a");
	add_record(s, "k", "l2", "b");
	add_record(s, "k", "l3", "a"); /* replaces the first */
	add_record(s, "other", NULL, "z");
	cr_assert_eq(store_find_records(s, &key, see, &seen, &e), 0);
	cr_assert_eq(seen.n, 2);
	cr_assert_str_eq(seen.answers[0], "a");
	cr_assert_str_eq(seen.answers[1], "b");
	seen = (struct seen){.stop_after = 1};
	cr_assert_eq(store_find_records(s, &key, see, &seen, &e), 1);
	cr_assert_eq(seen.n, 1);
	cr_assert_eq(store_find_records(s, &none, see, &seen, &e), 0);
}

Test(store, a_key_keeps_its_newest_records_only)
{
	struct err e;
	struct digest key = d_of("k");
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	for (int i = 0; i < 50; i++) {
		char text[8];
		snprintf(text, sizeof(text), "%d", i);
		add_record(s, "k", "l", text);
	}
	cleanup_stmt struct stmt *st = NULL;
	cr_assert_eq(db_prepare(s->db, "SELECT COUNT(*), MIN(n), MAX(n) FROM records WHERE key=?1", &st, &e), 0);
	stmt_digest(st, 1, &key);
	cr_assert_eq(stmt_next(st, &e), 1);
	cr_assert_eq(stmt_get_int(st, 0), 32);
	cr_assert_eq(stmt_get_int(st, 2) - stmt_get_int(st, 1), 31);
}

Test(store, families_and_equal_content_are_found)
{
	struct err e;
	bool found;
	struct record r;
	struct digest family = d_of("family"), cid = d_of("cid"), other = d_of("other"), first = d_of("l1");
	cleanup_arena struct arena a = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	cr_assert_eq(store_find_family(s, &family, &a, &found, &r, &e), 0);
	cr_assert(!found);
	add_record(s, "k1", "l1", "");
	add_record(s, "k2", "l2", "");
	add_record(s, "k3", NULL, "x");
	cr_assert_eq(store_find_family(s, &family, &a, &found, &r, &e), 0);
	cr_assert(found && str_eqz(r.answers, "x") && str_eqz(r.why, "{\"a\":1}") && digest_none(&r.layer));
	cr_assert_eq(r.created, 9);
	cr_assert_eq(store_find_same(s, &family, &cid, &found, &r, &e), 0);
	cr_assert(found && digest_eq(&r.layer, &first), "the oldest, so that digests do not move");
	cr_assert_eq(store_find_same(s, &family, &other, &found, &r, &e), 0);
	cr_assert(!found);
}

Test(store, memos)
{
	struct err e;
	bool found;
	struct digest key = d_of("memo");
	cleanup_buf struct buf out = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	cr_assert_eq(store_get_memo(s, &key, &out, &found, &e), 0);
	cr_assert(!found);
	cr_assert_eq(store_set_memo(s, &key, STR("a\0b"), &e), 0);
	cr_assert_eq(store_set_memo(s, &key, STR("c\0d"), &e), 0);
	cr_assert_eq(store_get_memo(s, &key, &out, &found, &e), 0);
	cr_assert(found && str_eq(buf_view(&out), STR("c\0d")));
}

/* --- what is written when --- */

static int64_t number(struct store *s, const char *sql)
{
	struct err e;
	cleanup_stmt struct stmt *st = NULL;
	cr_assert_eq(db_prepare(s->db, sql, &st, &e), 0, "%s", e.text);
	cr_assert_eq(stmt_next(st, &e), 1);
	return stmt_get_int(st, 0);
}

Test(store, a_touch_is_written_once_an_hour)
{
	struct err e;
	struct digest d = d_of("x");
	cleanup_tempdir struct tempdir t = tempdir_new();
	struct store *s = open_store(&t);
	store_touch(s, &d);
	cr_assert_eq(number(s, "SELECT COUNT(*) FROM used"), 0);
	cr_assert_eq(store_flush(s, &e), 0);
	cr_assert_eq(number(s, "SELECT COUNT(*) FROM used"), 1);
	db_exec(s->db, "UPDATE used SET at=at-100", &e);
	int64_t before = number(s, "SELECT at FROM used");
	store_touch(s, &d);
	cr_assert_eq(store_flush(s, &e), 0);
	cr_assert_eq(number(s, "SELECT at FROM used"), before);
	db_exec(s->db, "UPDATE used SET at=at-4000", &e);
	store_touch(s, &d);
	store_close(s);
	s = open_store(&t);
	cr_assert_gt(number(s, "SELECT at FROM used"), before);
	store_close(s);
}

Test(store, looking_changes_no_file)
{
	struct err e;
	struct stat before, after;
	struct layer l;
	struct digest id = d_of("one");
	cleanup_tempdir struct tempdir t = tempdir_new();
	struct store *s = open_store(&t);
	cr_assert_eq(add_layer(s, "one", true, &e), 0);
	store_close(s);
	cr_assert_eq(fstatat(t.fd, "store/cooper.db", &before, 0), 0);
	s = open_store(&t);
	cr_assert_eq(store_get_layer(s, &id, &l, &e), 0);
	store_touch(s, &id);
	store_close(s);
	cr_assert_eq(fstatat(t.fd, "store/cooper.db", &after, 0), 0);
	cr_assert_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	cr_assert_eq(before.st_size, after.st_size);
}

Test(store, layers_of_an_unclean_boot_are_forgotten_and_synced_ones_stay)
{
	struct err e;
	struct layer l;
	struct digest good = d_of("good"), bad = d_of("bad"), key = d_of("k");
	struct seen seen = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	struct store *s = open_store(&t);
	cr_assert_eq(add_layer(s, "good", true, &e), 0);
	cr_assert_eq(store_flush(s, &e), 0);
	cr_assert_eq(number(s, "SELECT COUNT(*) FROM unsynced"), 0);
	cr_assert_eq(add_layer(s, "bad", true, &e), 0);
	add_record(s, "k", "bad", "");
	cr_assert_eq(number(s, "SELECT COUNT(*) FROM unsynced"), 1);
	db_exec(s->db, "UPDATE unsynced SET boot='another boot'", &e);
	s->unsynced = false; /* as if it had crashed here */
	store_close(s);
	s = open_store(&t);
	cr_assert_eq(store_get_layer(s, &bad, &l, &e), -ERR_NOT_FOUND);
	cr_assert(!store_has_folder(s, &bad));
	cr_assert_eq(store_find_records(s, &key, see, &seen, &e), 0);
	cr_assert_eq(seen.n, 0);
	check_layer(s, &good);
	store_close(s);
}

/* --- several processes --- */

static size_t count_names(const struct tempdir *t, const char *folder)
{
	cleanup_free char *path = mem_printf("%s/%s", t->path, folder);
	DIR *dir = opendir(path);
	size_t n = 0;
	for (struct dirent *d; (d = readdir(dir)) != NULL;)
		n += d->d_name[0] != '.';
	closedir(dir);
	return n;
}

Test(store, the_scratch_folder_goes_with_its_process)
{
	struct err e;
	int tmp;
	cleanup_tempdir struct tempdir t = tempdir_new();
	struct store *a = open_store(&t);
	cr_assert_eq(store_tmp(a, &tmp, &e), 0);
	fs_mkdirs(tmp, "work/in/progress", 0700, &e);
	struct store *b = open_store(&t);
	cr_assert_eq(count_names(&t, "store/tmp"), 1, "another process' folder stays while it lives");
	store_close(b);
	close(a->tmp_fd); /* as if it had died */
	a->tmp_fd = -1;
	b = open_store(&t);
	cr_assert_eq(count_names(&t, "store/tmp"), 0);
	store_close(b);
	store_close(a);
}

static void run_children(int n, void (*fn)(const struct tempdir *t, int i), const struct tempdir *t)
{
	pid_t pids[16];
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			fn(t, i);
			_exit(0);
		}
	}
	for (int i = 0; i < n; i++) {
		int status;
		waitpid(pids[i], &status, 0);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d: status %x", i, status);
	}
}

/* An ordinary user's tmp folder may hold what only its user namespace can remove. */
static void child_open_as_nobody(const struct tempdir *t, int i)
{
	(void)i;
	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		_exit(1);
	store_close(open_store(t));
}

Test(store, what_cannot_be_swept_is_put_aside_once)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	if (geteuid() != 0)
		cr_skip_test("needs files of two users");
	cr_assert_eq(fchown(t.fd, 65534, 65534), 0);
	run_children(1, child_open_as_nobody, &t);
	cr_assert_eq(fs_mkdirs(t.fd, "store/tmp/dead/sub/x", 0700, &e), 0);
	cr_assert_eq(fchownat(t.fd, "store/tmp/dead", 65534, 65534, 0), 0);
	run_children(1, child_open_as_nobody, &t);
	cr_assert_eq(count_names(&t, "store/tmp"), 0);
	cr_assert(fs_exists(t.fd, "store/tmp/.left-dead/sub/x"));
	cleanup_store struct store *s = open_store(&t);
	cr_assert(fs_exists(t.fd, "store/tmp/.left-dead"), "opening leaves it alone");
}

Test(store, the_exclusive_lock_keeps_others_out)
{
	struct err e;
	struct store *b = NULL;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_free char *path = mem_printf("%s/store", t.path);
	cleanup_store struct store *a = open_store(&t);
	cleanup_store struct store *c = open_store(&t);
	cr_assert_eq(store_lock_exclusive(a, 0, &e), -ERR_DENIED);
	store_close(steal(&c));
	cr_assert_eq(store_lock_exclusive(a, 0, &e), 0);
	cr_assert_eq(store_open(path, 30, &b, &e), -ERR_DENIED);
	cr_assert_eq(store_lock_shared(a, &e), 0);
	cr_assert_eq(store_open(path, 30, &b, &e), 0);
	store_close(b);
}

static void child_add_same(const struct tempdir *t, int i)
{
	(void)i;
	struct err e;
	struct store *s = NULL;
	char path[100];
	snprintf(path, sizeof(path), "%s/store", t->path);
	if (store_open(path, 1000, &s, &e) < 0)
		_exit(2);
	for (int k = 0; k < 20; k++) {
		char name[16];
		snprintf(name, sizeof(name), "layer-%d", k);
		if (add_layer(s, name, true, &e) < 0) {
			fprintf(stderr, "child %d: %s\n", i, e.text);
			_exit(3);
		}
	}
	store_close(s);
}

Test(store, processes_that_make_the_store_and_add_the_same_layers_all_succeed)
{
	cleanup_tempdir struct tempdir t = tempdir_new();
	run_children(6, child_add_same, &t);
	cleanup_store struct store *s = open_store(&t);
	cr_assert_eq(count_names(&t, "store/layers"), 20);
	cr_assert_eq(count_names(&t, "store/tmp"), 0);
	for (int k = 0; k < 20; k++) {
		char name[16];
		snprintf(name, sizeof(name), "layer-%d", k);
		struct digest id = d_of(name);
		check_layer(s, &id);
	}
}

static void write_for_ever(const struct tempdir *t, unsigned round)
{
	struct err e;
	struct store *s = NULL;
	char path[100];
	snprintf(path, sizeof(path), "%s/store", t->path);
	if (store_open(path, 1000, &s, &e) < 0)
		_exit(2);
	for (unsigned k = 0;; k++) {
		char name[32];
		snprintf(name, sizeof(name), "layer-%u-%u", round % 3, k);
		struct record r = {.key = d_of(name), .family = d_of("f"), .layer = d_of(name), .cid = d_of("cid")};
		if (add_layer(s, name, true, &e) < 0 || store_add_record(s, &r, &e) < 0)
			_exit(3);
		if (k % 16 == 15 && store_flush(s, &e) < 0)
			_exit(4);
	}
}

/* Every record's layer is there and whole. */
static size_t check_all(struct store *s)
{
	struct err e;
	cleanup_stmt struct stmt *st = NULL;
	size_t n = 0;
	cr_assert_eq(db_prepare(s->db, "SELECT id FROM layers UNION SELECT layer FROM records", &st, &e), 0);
	while (stmt_next(st, &e) > 0) {
		struct digest id;
		cr_assert(stmt_get_digest(st, 0, &id));
		check_layer(s, &id);
		n++;
	}
	return n;
}

Test(store, a_killed_writer_leaves_a_good_store, .timeout = 120)
{
	cleanup_tempdir struct tempdir t = tempdir_new();
	unsigned seed = (unsigned)getpid();
	size_t n = 0;
	for (unsigned round = 0; round < 25; round++) {
		pid_t pid = fork();
		if (pid == 0)
			write_for_ever(&t, round);
		usleep((useconds_t)rand_r(&seed) % 30000);
		kill(pid, SIGKILL);
		int status;
		waitpid(pid, &status, 0);
		cr_assert(WIFSIGNALED(status), "the writer failed by itself: %x", status);
		struct store *s = open_store(&t);
		n = check_all(s);
		cr_assert_eq(count_names(&t, "store/tmp"), 0);
		store_close(s);
	}
	cr_assert_gt(n, 0);
}

/* --- threads --- */

static void *add_from_thread(void *arg)
{
	struct err e;
	for (int k = 0; k < 20; k++) {
		char name[16];
		snprintf(name, sizeof(name), "layer-%d", k);
		struct digest d = d_of(name);
		if (add_layer(arg, name, true, &e) < 0 || store_set_memo(arg, &d, STR("x"), &e) < 0)
			return (void *)1;
	}
	return NULL;
}

Test(store, threads_share_one_store)
{
	pthread_t ids[4];
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	for (int i = 0; i < 4; i++)
		pthread_create(&ids[i], NULL, add_from_thread, s);
	for (int i = 0; i < 4; i++) {
		void *bad;
		pthread_join(ids[i], &bad);
		cr_assert_null(bad);
	}
	cr_assert_eq(check_all(s), 20);
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

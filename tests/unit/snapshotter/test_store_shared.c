/* SPDX-License-Identifier: Apache-2.0 */
/* Several processes and threads on one store; some are killed. */
#include "store_helpers.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

Test(store_shared, the_scratch_folder_goes_with_its_process)
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

Test(store_shared, what_cannot_be_swept_is_put_aside_once)
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

Test(store_shared, the_exclusive_lock_keeps_others_out)
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

static struct store *open_in_child(const struct tempdir *t)
{
	struct err e;
	struct store *s = NULL;
	char path[100];
	snprintf(path, sizeof(path), "%s/store", t->path);
	if (store_open(path, 1000, &s, &e) < 0)
		_exit(2);
	return s;
}

static void child_add_same(const struct tempdir *t, int i)
{
	(void)i;
	struct err e;
	struct store *s = open_in_child(t);
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

Test(store_shared, processes_that_make_the_store_and_add_the_same_layers_all_succeed)
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
	struct store *s = open_in_child(t);
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

Test(store_shared, a_killed_writer_leaves_a_good_store, .timeout = 120)
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

Test(store_shared, threads_share_one_store)
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

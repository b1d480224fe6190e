/* SPDX-License-Identifier: Apache-2.0 */
#include "tempdir.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/blobs.h"
#include "base/io.h"
#include "base/mem.h"

MEM_CLEANUP(blobs_cleanup, struct blobs, blobs_close)
MEM_CLEANUP(writer_cleanup, struct blob_writer, blob_writer_free)

static struct blobs *open_blobs(const struct tempdir *t)
{
	struct err e;
	struct blobs *b;
	cr_assert_eq(blobs_open(t->fd, true, &b, &e), 0, "%s", e.text);
	return b;
}

Test(blobs, what_was_put_can_be_got)
{
	struct err e;
	struct digest d, want = digest_of("hello", 5);
	uint64_t size;
	cleanup_buf struct buf out = {0};
	cleanup_close int fd = -1;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_with(blobs_cleanup) struct blobs *b = open_blobs(&t);
	cr_assert(!blobs_has(b, &want, NULL));
	cr_assert_eq(blobs_get(b, &want, &fd, NULL, &e), -ERR_NOT_FOUND);
	cr_assert_eq(blobs_put(b, STR("hello"), &d, &e), 0, "%s", e.text);
	cr_assert_eq(blobs_put(b, STR("hello"), &d, &e), 0);
	cr_assert(digest_eq(&d, &want));
	cr_assert(blobs_has(b, &d, &size));
	cr_assert_eq(size, 5);
	cr_assert_eq(blobs_read(b, &d, 100, &out, &e), 0);
	cr_assert_str_eq(out.p, "hello");
	cr_assert_eq(blobs_read(b, &d, 4, &out, &e), -ERR_LIMIT);
	cr_assert_eq(blobs_get(b, &d, &fd, &size, &e), 0);
	cr_assert_eq(blobs_remove(b, &d, &e), 0);
	cr_assert(!blobs_has(b, &d, NULL));
	cr_assert_eq(blobs_remove(b, &d, &e), 0);
}

Test(blobs, the_place_is_an_oci_layout)
{
	struct err e;
	struct stat st;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_with(blobs_cleanup) struct blobs *b = open_blobs(&t);
	blobs_put(b, STR("abc"), NULL, &e);
	cr_assert_eq(
	    fstatat(t.fd, "blobs/sha256/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0600, "a folder that is closed to others makes private blobs");
}

Test(blobs, a_writer_takes_pieces_of_any_size)
{
	struct err e;
	struct digest d;
	uint64_t size;
	cleanup_free char *big = mem_new(700000);
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_with(blobs_cleanup) struct blobs *b = open_blobs(&t);
	cleanup_with(writer_cleanup) struct blob_writer *w = NULL;
	struct hasher h;
	hasher_init(&h);
	cr_assert_eq(blobs_writer(b, &w, &e), 0);
	static const size_t sizes[] = {1, 700000, 3, 262144, 262143, 2, 511, 0, 100000, 100000, 100000};
	uint64_t total = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(big, (int)i + 1, sizes[i]);
		cr_assert_eq(sink_write(blob_writer_sink(w), big, sizes[i], &e), 0);
		hasher_add(&h, big, sizes[i]);
		total += sizes[i];
	}
	cr_assert_eq(blob_writer_commit(w, NULL, UINT64_MAX, &d, &size, &e), 0, "%s", e.text);
	struct digest want = hasher_done(&h);
	cr_assert(digest_eq(&d, &want));
	cr_assert_eq(size, total);
	cleanup_buf struct buf out = {0};
	cr_assert_eq(blobs_read(b, &d, total, &out, &e), 0, "%s", e.text);
	cr_assert_eq(out.len, total);
}

Test(blobs, a_wrong_digest_or_size_shows_nothing)
{
	struct err e;
	struct digest wrong = digest_of("x", 1), right = digest_of("abc", 3);
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_with(blobs_cleanup) struct blobs *b = open_blobs(&t);
	cleanup_with(writer_cleanup) struct blob_writer *w = NULL;
	cr_assert_eq(blobs_writer(b, &w, &e), 0);
	cr_assert_eq(sink_write(blob_writer_sink(w), "abc", 3, &e), 0);
	cr_assert_eq(blob_writer_commit(w, &wrong, UINT64_MAX, NULL, NULL, &e), -ERR_CORRUPT);
	cr_assert_eq(blob_writer_commit(w, &right, 4, NULL, NULL, &e), -ERR_CORRUPT);
	cr_assert(!blobs_has(b, &right, NULL));
	cr_assert_eq(blob_writer_commit(w, &right, 3, NULL, NULL, &e), 0);
	cr_assert(blobs_has(b, &right, NULL));
}

Test(blobs, bytes_that_went_bad_are_noticed_and_replaced)
{
	struct err e;
	struct digest d;
	cleanup_buf struct buf out = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_with(blobs_cleanup) struct blobs *b = open_blobs(&t);
	blobs_put(b, STR("abc"), &d, &e);
	tempdir_write(&t, "blobs/sha256/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "");
	cr_assert_eq(blobs_read(b, &d, 10, &out, &e), -ERR_CORRUPT);
	cr_assert_eq(blobs_put(b, STR("abc"), &d, &e), 0, "%s", e.text);
	cr_assert_eq(blobs_read(b, &d, 10, &out, &e), 0);
}

Test(blobs, bytes_may_be_written_and_hashed_by_the_caller)
{
	struct err e;
	struct digest d = digest_of("direct", 6);
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_with(blobs_cleanup) struct blobs *b = open_blobs(&t);
	cleanup_with(writer_cleanup) struct blob_writer *w = NULL;
	cr_assert_eq(blobs_writer(b, &w, &e), 0);
	cr_assert_eq(io_write_all(blob_writer_fd(w), "direct", 6, &e), 0);
	cr_assert_eq(blob_writer_commit_hashed(w, &d, &e), 0);
	cleanup_buf struct buf out = {0};
	cr_assert_eq(blobs_read(b, &d, 10, &out, &e), 0);
}

static int note(void *arg, const struct digest *d, uint64_t size, int64_t mtime, struct err *e)
{
	(void)d, (void)e;
	cr_assert_gt(mtime, 0);
	*(uint64_t *)arg += size;
	return 0;
}

Test(blobs, each_sees_blobs_and_nothing_else)
{
	struct err e;
	uint64_t total = 0;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_with(blobs_cleanup) struct blobs *b = open_blobs(&t);
	cr_assert_eq(blobs_each(b, note, &total, &e), 0, "no folder yet");
	blobs_put(b, STR("abc"), NULL, &e);
	blobs_put(b, STR("12345"), NULL, &e);
	tempdir_write(&t, "blobs/sha256/README", "not a blob");
	cr_assert_eq(blobs_each(b, note, &total, &e), 0);
	cr_assert_eq(total, 8);
}

/* Writes blobs until it is killed. */
static void write_for_ever(struct blobs *b)
{
	struct err e;
	for (unsigned i = 0;; i++) {
		struct blob_writer *w;
		if (blobs_writer(b, &w, &e) < 0)
			_exit(1);
		for (int k = 0; k < 20; k++)
			sink_write(blob_writer_sink(w), &i, sizeof(i), &e);
		if (blob_writer_commit(w, NULL, UINT64_MAX, NULL, NULL, &e) < 0)
			_exit(1);
		blob_writer_free(w);
	}
}

static int verify(void *arg, const struct digest *d, uint64_t size, int64_t mtime, struct err *e)
{
	cleanup_buf struct buf out = {0};
	(void)size, (void)mtime;
	return blobs_read(arg, d, 1000, &out, e);
}

Test(blobs, a_killed_writer_leaves_only_whole_blobs)
{
	struct err e;
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_with(blobs_cleanup) struct blobs *b = open_blobs(&t);
	for (int round = 0; round < 8; round++) {
		pid_t pid = fork();
		if (pid == 0)
			write_for_ever(b);
		usleep(1000 + (useconds_t)round * 2500);
		kill(pid, SIGKILL);
		int status;
		waitpid(pid, &status, 0);
		cr_assert(WIFSIGNALED(status));
		cr_assert_eq(blobs_each(b, verify, b, &e), 0, "%s", e.text);
	}
}

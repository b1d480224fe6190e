/* SPDX-License-Identifier: Apache-2.0 */
#include "copy_helpers.h"

#include <sys/time.h>

#include "snapshotter/tar.h"

struct bench {
	struct area area;
	struct store *s;
	struct fake_source f;
	struct copy_item item;
	struct copy_args a;
};

static struct index *index_of_folder(int dirfd, const char *const *files, size_t n, bool digests)
{
	struct index *ix = index_new();
	for (size_t i = 0; i < n; i++) {
		struct stat st;
		cr_assert_eq(fstatat(dirfd, files[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		struct entry en = {.path = str_of(files[i]), .type = S_ISDIR(st.st_mode) ? ENTRY_DIR : ENTRY_FILE, .mode = st.st_mode & 07777,
			.mtime = st.st_mtim.tv_sec, .mtime_nsec = (uint32_t)st.st_mtim.tv_nsec};
		if (en.type == ENTRY_FILE) {
			cleanup_buf struct buf b = {0};
			struct err e = {0};
			OK(io_read_file(dirfd, files[i], 1 << 24, &b, &e));
			en.size = b.len;
			if (digests)
				en.digest = digest_of(b.p, b.len);
		}
		index_add(ix, &en);
	}
	index_sort(ix);
	return ix;
}

static const char *const files[] = {"d", "d/big", "d/empty", "d/small", "top"};
static char big[3 * 1024 * 1024 + 17];

static void bench_open(struct bench *b, bool digests)
{
	struct err e = {0};
	*b = (struct bench){.area = area_new()};
	OK(fs_mkdirs(b->area.fd, "src/d", 0750, &e));
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 31 + i / 977);
	OK(fs_write_atomic(b->area.fd, "src/d/big", (struct str){big, sizeof(big)}, 0644, false, &e));
	area_write(&b->area, "src/d/empty", "");
	area_write(&b->area, "src/d/small", "small\n");
	area_write(&b->area, "src/top", "top\n");
	int src = openat(b->area.fd, "src", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *path = mem_printf("%s/store", b->area.path);
	OK(store_open(path, 1000, &b->s, &e));
	fake_init(&b->f, index_of_folder(src, files, ARRAY_LEN(files), digests), src);
	b->item = (struct copy_item){.source = &b->f.source, .path = STR(".")};
	b->a = COPY_ARGS(.items = &b->item, .nitems = 1, .dest = STR("/o/"));
}
static void bench_done(struct bench *b)
{
	close(b->f.dirfd);
	fake_done(&b->f);
	store_close(b->s);
	area_done(&b->area);
}
#define cleanup_bench __attribute__((cleanup(bench_done)))

static struct layer carry(struct bench *b, const struct copy_out *out, struct copy_stats *stats)
{
	struct err e = {0};
	struct layer l;
	cleanup_copy_plan struct copy_plan p = {0};
	OK(copy_make_plan(&b->a, NULL, &p, &e));
	OK(copy_carry_out(b->s, &b->a, &p, out, &l, stats, &e));
	for (size_t i = 0; i < p.index->n; i++)
		cr_expect(p.index->entries[i].type != ENTRY_FILE || !digest_none(&p.index->entries[i].digest));
	return l;
}

static void expect_file(int dirfd, const char *path, struct str want)
{
	struct err e = {0};
	cleanup_buf struct buf b = {0};
	OK(io_read_file(dirfd, path, 1 << 24, &b, &e));
	cr_expect(str_eq(buf_view(&b), want), "%s", path);
}

struct opened {
	int fs;
};

/* The tar that tar_write_index would make of the folder and index that were registered. */
static int open_in(void *arg, const struct entry *en, int *ret_fd, struct err *e)
{
	*ret_fd = openat(((struct opened *)arg)->fs, en->path.p, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, "open") : 0;
}
static struct digest tar_of(struct bench *b, const struct digest *id, int64_t clamp)
{
	struct err e = {0};
	struct sink_hash hash;
	struct tar_writer w;
	struct opened o;
	cleanup_index struct index *ix = NULL;
	OK(store_layer_index(b->s, id, &ix, &e));
	OK(store_layer_folder(b->s, id, &o.fs, &e));
	sink_hash_init(&hash, NULL);
	tar_writer_init(&w, &hash.sink, clamp);
	OK(tar_write_index(&w, ix, open_in, &o, &e));
	close(o.fs);
	return hasher_done(&hash.hasher);
}

Test(copy_carry, one_read_gives_folder_tar_and_digests)
{
	for (int known = 0; known < 2; known++) {
		cleanup_bench struct bench b;
		struct err e = {0};
		struct copy_stats stats;
		struct stat st;
		bench_open(&b, known);
		struct layer l = carry(&b, &(struct copy_out){.want_folder = true, .want_tar = true, .clamp = INT64_MAX, .threads = 3}, &stats);
		int fs;
		OK(store_layer_folder(b.s, &l.id, &fs, &e));
		expect_file(fs, "o/d/big", (struct str){big, sizeof(big)});
		expect_file(fs, "o/d/small", STR("small\n"));
		expect_file(fs, "o/d/empty", STR(""));
		cr_assert_eq(fstatat(fs, "o/d", &st, 0), 0);
		cr_expect_eq(st.st_mode & 07777, 0750);
		cr_expect_eq(stats.files_read, 3);
		cr_expect_eq(stats.bytes_read, sizeof(big) + 10);
		cr_expect_eq(b.f.opened, 3, "each file once");
		cr_expect_eq(b.f.learned, known ? 0 : 3);
		struct digest want = tar_of(&b, &l.id, INT64_MAX), found;
		cr_expect(digest_eq(&want, &l.diff_id));
		cr_expect(blobs_has(b.s->blobs, &l.diff_id, NULL));
		bool there;
		uint64_t size, blob_size;
		OK(store_get_tar(b.s, &l.id, INT64_MAX, &there, &found, &size, &e));
		cr_expect(there && digest_eq(&found, &want));
		cr_assert(blobs_has(b.s->blobs, &found, &blob_size));
		cr_expect_eq(size, blob_size);
		close(fs);
	}
}

Test(copy_carry, folder_or_tar_alone_are_the_same_layer)
{
	cleanup_bench struct bench b;
	struct copy_stats stats;
	bench_open(&b, false);
	struct layer tar = carry(&b, &(struct copy_out){.want_tar = true, .clamp = INT64_MAX}, &stats);
	cr_expect_not(store_has_folder(b.s, &tar.id));
	struct layer folder = carry(&b, &(struct copy_out){.want_folder = true, .clamp = INT64_MAX, .threads = 1}, &stats);
	cr_expect(digest_eq(&tar.id, &folder.id) && digest_eq(&tar.cid, &folder.cid));
	cr_expect(store_has_folder(b.s, &tar.id));
	struct digest want = tar_of(&b, &tar.id, INT64_MAX);
	cr_expect(digest_eq(&want, &tar.diff_id));
}

Test(copy_carry, clamped_times_make_another_tar_of_the_same_layer)
{
	cleanup_bench struct bench b;
	struct err e = {0};
	struct copy_stats stats;
	struct digest clamped, want;
	bool there;
	uint64_t size;
	bench_open(&b, false);
	struct layer l = carry(&b, &(struct copy_out){.want_folder = true, .want_tar = true, .clamp = 4000}, &stats);
	cr_expect(digest_none(&l.diff_id));
	OK(store_get_tar(b.s, &l.id, 4000, &there, &clamped, &size, &e));
	want = tar_of(&b, &l.id, 4000);
	cr_expect(there && digest_eq(&clamped, &want));
}

static void set_mode(int dirfd, const char *name, mode_t mode)
{
	cr_assert_eq(fchmodat(dirfd, name, mode, 0), 0);
}

Test(copy_carry, files_that_did_not_change_are_linked_from_the_former_layer)
{
	cleanup_bench struct bench b;
	struct err e = {0};
	struct copy_stats stats;
	struct stat st;
	int fs;
	bench_open(&b, true);
	struct copy_out out = {.want_folder = true, .clamp = INT64_MAX};
	struct layer first = carry(&b, &out, &stats);
	cr_expect_eq(stats.files_linked, 0);
	area_write(&b.area, "src/d/small", "changed\n");
	set_mode(b.f.dirfd, "top", 0600);
	int src = dup(b.f.dirfd);
	close(b.f.dirfd);
	fake_done(&b.f);
	fake_init(&b.f, index_of_folder(src, files, ARRAY_LEN(files), true), src);
	out.former = &first.id;
	struct layer second = carry(&b, &out, &stats);
	cr_expect_eq(stats.files_linked, 2, "big and empty");
	cr_expect_eq(stats.files_read, 2);
	OK(store_layer_folder(b.s, &second.id, &fs, &e));
	expect_file(fs, "o/d/small", STR("changed\n"));
	expect_file(fs, "o/d/big", (struct str){big, sizeof(big)});
	cr_assert_eq(fstatat(fs, "o/d/big", &st, 0), 0);
	cr_expect_eq(st.st_nlink, 2);
	cr_assert_eq(fstatat(fs, "o/top", &st, 0), 0);
	cr_expect_eq(st.st_mode & 07777, 0600);
	close(fs);
	/* with a tar, too; and the former one may be gone */
	out.want_tar = true;
	struct layer third = carry(&b, &out, &stats);
	cr_expect_eq(stats.files_linked, 2);
	struct digest want = tar_of(&b, &third.id, INT64_MAX), gone = digest_of("gone", 4);
	cr_expect(digest_eq(&want, &third.diff_id));
	out.former = &gone;
	carry(&b, &out, &stats);
	cr_expect_eq(stats.files_linked, 0);
}

Test(copy_carry, what_is_the_same_comes_from_the_former_tar)
{
	static const struct copy_out wishes[] = {{.want_folder = true, .want_tar = true, .clamp = INT64_MAX}, {.want_tar = true, .clamp = 4000}};
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
		cleanup_bench struct bench b;
		struct err e = {0};
		struct copy_stats stats;
		struct copy_out out = wishes[i];
		struct digest want, made;
		bool there;
		uint64_t size;
		bench_open(&b, true);
		struct layer first = carry(&b, &out, &stats);
		cr_expect_eq(stats.files_read, 3, "all that are not empty");
		area_write(&b.area, "src/d/small", "changed\n");
		int src = dup(b.f.dirfd);
		close(b.f.dirfd);
		fake_done(&b.f);
		fake_init(&b.f, index_of_folder(src, files, ARRAY_LEN(files), true), src);
		out.former = &first.id;
		struct layer second = carry(&b, &out, &stats);
		cr_expect_eq(stats.files_read, 1);
		OK(store_get_tar(b.s, &second.id, out.clamp, &there, &made, &size, &e));
		/* the same tar, written from a folder that was made from the source alone */
		carry(&b, &(struct copy_out){.want_folder = true, .clamp = INT64_MAX}, &stats);
		want = tar_of(&b, &second.id, out.clamp);
		cr_expect(there && digest_eq(&made, &want));
	}
}

Test(copy_carry, a_file_that_changes_meanwhile_fails_the_step)
{
	static const char *const victims[] = {"src/d/small", "src/d/big", "src/top"};
	for (size_t i = 0; i < ARRAY_LEN(victims) * 4; i++) {
		cleanup_bench struct bench b;
		struct err e = {0};
		struct layer l;
		struct copy_stats stats;
		bool tar = i & 1, shorter = i & 2;
		cleanup_copy_plan struct copy_plan p = {0};
		bench_open(&b, true);
		OK(copy_make_plan(&b.a, NULL, &p, &e));
		const char *victim = victims[i / 4];
		cleanup_buf struct buf bytes = {0};
		OK(io_read_file(b.area.fd, victim, 1 << 24, &bytes, &e));
		bytes.p[0] ^= 1;
		if (shorter)
			bytes.len--;
		OK(fs_write_atomic(b.area.fd, victim, buf_view(&bytes), 0644, false, &e));
		struct copy_out out = {.want_folder = !tar, .want_tar = tar, .clamp = INT64_MAX};
		cr_expect_eq(copy_carry_out(b.s, &b.a, &p, &out, &l, &stats, &e), -ERR_STEP);
		cr_expect(strstr(e.text, strrchr(victim, '/')) && strstr(e.text, "changed while it was copied"), "%s", e.text);
	}
}

Test(copy_carry, trusted_sources_are_copied_without_looking)
{
	cleanup_bench struct bench b;
	struct err e = {0};
	struct copy_stats stats;
	int fs;
	bench_open(&b, true);
	b.f.source.trusted = true;
	struct layer l = carry(&b, &(struct copy_out){.want_folder = true, .clamp = INT64_MAX}, &stats);
	OK(store_layer_folder(b.s, &l.id, &fs, &e));
	expect_file(fs, "o/d/big", (struct str){big, sizeof(big)});
	expect_file(fs, "o/top", STR("top\n"));
	cr_expect_eq(stats.bytes_read, 0);
	close(fs);
}

Test(copy_carry, the_key_is_made_of_digests_that_are_known_or_asked_for)
{
	cleanup_bench struct bench known, unknown;
	struct err e = {0};
	struct digest want, got = {0};
	bool over = true;
	bench_open(&known, true);
	bench_open(&unknown, false);
	OK(copy_select_digest(&known.a, 0, &want, &over, &e));
	cr_expect_not(over);
	OK(copy_select_digest(&unknown.a, 0, &got, &over, &e));
	cr_expect(over && digest_none(&got), "nothing is read beyond the limit");
	OK(copy_select_digest(&unknown.a, UINT64_MAX, &got, &over, &e));
	cr_expect(!over && digest_eq(&got, &want));
}

Test(copy_carry, a_cancelled_copy_leaves_nothing)
{
	cleanup_bench struct bench b;
	struct err e = {0};
	struct layer l;
	struct copy_stats stats;
	struct cancel cancel = {false};
	cleanup_copy_plan struct copy_plan p = {0};
	bench_open(&b, false);
	b.a.cancel = &cancel;
	OK(copy_make_plan(&b.a, NULL, &p, &e));
	atomic_store(&cancel.set, true);
	for (int tar = 0; tar < 2; tar++) {
		struct copy_out out = {.want_folder = true, .want_tar = tar, .clamp = INT64_MAX};
		cr_expect_eq(copy_carry_out(b.s, &b.a, &p, &out, &l, &stats, &e), -ERR_CANCELLED);
	}
	cr_expect_eq(unlinkat(b.s->fd, "layers", AT_REMOVEDIR), 0, "layers/ is not empty");
}

Test(copy_carry, links_fifos_and_hard_links_are_made)
{
	cleanup_bench struct bench b;
	struct err e = {0};
	struct copy_stats stats;
	struct stat one, two;
	int fs;
	bench_open(&b, true);
	index_put(b.f.ix, "l d/link /nowhere");
	index_put(b.f.ix, "p d/pipe");
	index_put(b.f.ix, "h zz d/small");
	index_sort(b.f.ix);
	view_free(b.f.view);
	b.f.view = view_new((const struct index *const *)&b.f.ix, 1);
	struct layer l = carry(&b, &(struct copy_out){.want_folder = true, .want_tar = true, .clamp = INT64_MAX}, &stats);
	OK(store_layer_folder(b.s, &l.id, &fs, &e));
	char target[32];
	cr_expect_eq(readlinkat(fs, "o/d/link", target, sizeof(target)), 8);
	cr_assert_eq(fstatat(fs, "o/d/pipe", &one, AT_SYMLINK_NOFOLLOW), 0);
	cr_expect(S_ISFIFO(one.st_mode) && one.st_mtim.tv_sec == 1000);
	cr_assert_eq(fstatat(fs, "o/d/small", &one, AT_SYMLINK_NOFOLLOW), 0);
	cr_assert_eq(fstatat(fs, "o/zz", &two, AT_SYMLINK_NOFOLLOW), 0);
	cr_expect_eq(one.st_ino, two.st_ino);
	struct digest want = tar_of(&b, &l.id, INT64_MAX);
	cr_expect(digest_eq(&want, &l.diff_id));
	close(fs);
}

Test(copy_carry, a_group_that_is_inherited_does_not_get_into_the_layer)
{
	cleanup_bench struct bench b;
	struct err e = {0};
	struct copy_stats stats;
	struct stat st;
	int tmp, fs;
	bench_open(&b, true);
	OK(store_tmp(b.s, &tmp, &e));
	if (fchown(tmp, geteuid(), 4711) < 0)
		cr_skip_test("needs root");
	cr_assert_eq(fchmod(tmp, 02700), 0);
	struct layer l = carry(&b, &(struct copy_out){.want_folder = true, .clamp = INT64_MAX}, &stats);
	OK(store_layer_folder(b.s, &l.id, &fs, &e));
	static const char *const paths[] = {"o", "o/d", "o/d/big", "o/top"};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		cr_assert_eq(fstatat(fs, paths[i], &st, 0), 0);
		cr_expect(st.st_gid == 0 && !(st.st_mode & 02000), "%s: %o %u", paths[i], st.st_mode, st.st_gid);
	}
	close(fs);
}

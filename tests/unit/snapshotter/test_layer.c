/* SPDX-License-Identifier: Apache-2.0 */
/* Layers between their forms, in a store of the test's own. What needs root's rights says so and is skipped without. */
#include "helpers.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "snapshotter/layer.h"
#include "snapshotter/tar.h"
#include "snapshotter/tar_check.h"

struct fixture {
	struct area area;
	struct store *store;
};

static struct fixture fixture_new(void)
{
	struct err e = {0};
	struct fixture f = {.area = area_new()};
	cleanup_free char *path = mem_printf("%s/store", f.area.path);
	OK(store_open(path, 1000, &f.store, &e));
	return f;
}

static void fixture_done(struct fixture *f)
{
	store_close(f->store);
	area_done(&f->area);
}
#define FIXTURE(name) struct fixture name __attribute__((cleanup(fixture_done))) = fixture_new()

/* Runs a shell script in a fresh folder "in" of the area; its result is the tar "t.tar" beside it. */
static void run(const struct fixture *f, const char *script)
{
	cleanup_free char *full = mem_printf("cd %s && rm -rf in && mkdir in && cd in && { %s; }", f->area.path, script);
	cr_assert_eq(system(full), 0, "%s", script);
}

static struct digest put_file(const struct fixture *f, const char *name)
{
	struct err e = {0};
	struct digest d;
	cleanup_buf struct buf b = {0};
	OK(io_read_file(f->area.fd, name, 256 << 20, &b, &e));
	OK(blobs_put(f->store->blobs, buf_view(&b), &d, &e));
	return d;
}

static struct digest unpack_script(const struct fixture *f, const char *script)
{
	struct err e = {0};
	struct digest id;
	run(f, script);
	struct digest blob = put_file(f, "t.tar");
	OK(layer_unpack(f->store, &blob, &blob, true, NULL, &id, &e));
	return id;
}

static void expect_in(const struct fixture *f, const struct digest *id, const char *path, mode_t mode, const char *content)
{
	struct err e = {0};
	struct stat st;
	cleanup_close int fd = -1;
	cleanup_buf struct buf b = {0};
	OK(store_layer_folder(f->store, id, &fd, &e));
	cr_assert_eq(fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW), 0, "%s", path);
	cr_expect_eq(st.st_mode, mode, "%s: %o", path, st.st_mode);
	if (!content)
		return;
	OK(io_read_file(fd, path, 1 << 20, &b, &e));
	cr_expect_str_eq(b.p ? b.p : "", content);
}

#define NEED_ROOT()                                      \
	if (geteuid() != 0)                              \
	cr_skip_test("owners can be changed by root only")

Test(layer, a_tar_becomes_a_folder_and_an_index)
{
	FIXTURE(f);
	struct err e = {0};
	cleanup_index struct index *ix = NULL;
	struct layer l;
	NEED_ROOT();
	struct digest id = unpack_script(&f, "mkdir d; echo -n hello >d/f; ln d/f d/g; ln -s f d/s; mkfifo p; chmod 4751 d/f; touch -d @77 d/f d; "
		"tar --owner=5 --group=6 -cf ../t.tar d p");
	expect_in(&f, &id, "d/f", S_IFREG | 04751, "hello");
	expect_in(&f, &id, "d/g", S_IFREG | 04751, "hello");
	expect_in(&f, &id, "d/s", S_IFLNK | 0777, NULL);
	expect_in(&f, &id, "p", S_IFIFO | 0644, NULL);
	OK(store_layer_index(f.store, &id, &ix, &e));
	cr_assert_eq(ix->n, 5);
	cr_expect_eq(index_find(ix, STR("d/f"))->type, ENTRY_FILE);
	cr_expect_eq(index_find(ix, STR("d/f"))->uid, 5);
	cr_expect_eq(index_find(ix, STR("d"))->mtime, 77);
	struct digest d = digest_of("hello", 5);
	cr_expect(digest_eq(&index_find(ix, STR("d/f"))->digest, &d));
	cr_expect_eq(index_find(ix, STR("d/g"))->type, ENTRY_LINK);
	cr_expect(str_eqz(index_find(ix, STR("d/g"))->target, "d/f"));
	OK(store_get_layer(f.store, &id, &l, &e));
	cr_expect_eq(l.size, 5);
	struct digest blob = put_file(&f, "t.tar");
	cr_expect(digest_eq(&l.cid, &blob), "the content id of a pulled layer stays its diff id");
	struct digest again;
	OK(store_find_unpacked(f.store, &blob, &again, &e));
	cr_expect(digest_eq(&again, &id));
}

Test(layer, its_size_is_that_of_its_files_in_every_form)
{
	FIXTURE(f);
	struct err e = {0};
	struct digest id, other = digest_of("x", 1);
	uint64_t size = 0;
	NEED_ROOT();
	run(&f, "mkdir d; echo -n hello >d/f; ln d/f d/g; ln -s f d/s; truncate -s 100000 d/hole; : >d/.wh.gone; tar -Scf ../t.tar d; gzip -c ../t.tar >../t.gz");
	struct digest tar = put_file(&f, "t.tar"), gz = put_file(&f, "t.gz");
	cr_expect_eq(layer_size(f.store, &other, &gz, NULL, &size, &e), -ERR_CORRUPT, "the blob is of another layer");
	OK(layer_size(f.store, &tar, &gz, NULL, &size, &e));
	cr_expect_eq(size, 100005);
	run(&f, "rm ../store/blobs/sha256/$(sha256sum <../t.gz | cut -d' ' -f1)");
	OK(layer_size(f.store, &tar, &gz, NULL, &size, &e));
	cr_expect_eq(size, 100005, "it was counted once");
	cr_expect_eq(layer_size(f.store, &other, &gz, NULL, &size, &e), -ERR_NOT_FOUND);
	OK(layer_unpack(f.store, &tar, &tar, true, NULL, &id, &e));
	OK(layer_size(f.store, &tar, &gz, NULL, &size, &e));
	cr_expect_eq(size, 100005);
}

Test(layer, its_index_alone_is_that_of_its_folder_which_comes_when_it_is_needed)
{
	FIXTURE(f);
	struct err e = {0};
	struct digest id, again;
	NEED_ROOT();
	run(&f, "mkdir -p d/e; echo -n hello >d/f; ln d/f d/g; ln -s e d/s; echo x >d/e/x; truncate -s 100000 d/hole; : >d/.wh.gone; mkdir o; "
		": >o/.wh..wh..opq; tar -Scf ../t.tar d o; tar -rf ../t.tar --transform 's,d/f,d/s/f,' d/f; gzip -c ../t.tar >../t.gz");
	struct digest tar = put_file(&f, "t.tar"), gz = put_file(&f, "t.gz");
	OK(layer_unpack(f.store, &gz, &tar, false, NULL, &id, &e));
	cr_expect(store_has_layer(f.store, &id) && !store_has_folder(f.store, &id));
	run(&f, "test -z \"$(find ../store/layers ../store/tmp -name fs)\"");
	OK(layer_unpack(f.store, &gz, &tar, false, NULL, &again, &e));
	cr_expect(digest_eq(&again, &id));
	OK(layer_need_folder(f.store, &id, NULL, &e));
	expect_in(&f, &id, "d/e/f", S_IFREG | 0644, "hello");
	FIXTURE(g);
	struct digest there;
	cleanup_free char *copy = mem_printf("cp %s/t.tar ..", f.area.path);
	run(&g, copy);
	struct digest blob = put_file(&g, "t.tar");
	OK(layer_unpack(g.store, &blob, &blob, true, NULL, &there, &e));
	cr_expect(digest_eq(&there, &id), "one layer, on whatever way it was read");
}

/* A tar whose times were cut, and an index that somebody sent along with it. */
Test(layer, a_tar_becomes_the_layer_that_the_times_of_an_index_give_when_they_fit)
{
	static const struct {
		const char *script;
		int rc;
	} others[] = {
	    {"mkdir d; echo -n hello >d/f; touch -d @2000 d/f; touch -d @3000 d", 0},
	    {"mkdir d; echo -n hallo >d/f", -ERR_CORRUPT},
	    {"mkdir d; echo -n hello >d/f; chmod 600 d/f", -ERR_CORRUPT},
	    {"mkdir d; echo -n hello >d/f; : >d/g", -ERR_CORRUPT},
	};
	NEED_ROOT();
	for (size_t i = 0; i < 2 * ARRAY_LEN(others); i++) {
		FIXTURE(f);
		struct err e = {0};
		struct digest id, none;
		cleanup_index struct index *times = NULL, *ix = NULL;
		const struct digest sent = digest_of("index", 5);
		FIXTURE(g);
		cleanup_free char *other = mem_printf("%s; tar -cf ../t.tar d", others[i / 2].script);
		id = unpack_script(&g, other);
		OK(store_layer_index(g.store, &id, &times, &e));
		times->entries[1].clock = true;
		const struct digest want = index_layer_id(times);
		run(&f, "mkdir d; echo -n hello >d/f; tar --mtime=@1000 -cf ../t.tar d");
		struct digest blob = put_file(&f, "t.tar");
		const struct layer_form form = {.folder = i % 2, .times = times};
		cr_expect_eq(layer_unpack_as(f.store, &blob, &blob, &form, NULL, &id, &e), others[i / 2].rc, "row %zu", i / 2);
		cr_expect_eq(store_has_layer(f.store, &want), others[i / 2].rc == 0, "row %zu", i / 2);
		cr_expect_eq(store_find_unpacked(f.store, &blob, &none, &e), -ERR_NOT_FOUND, "row %zu: the tar alone is something else", i / 2);
		if (others[i / 2].rc < 0)
			continue;
		cr_expect(digest_eq(&id, &want));
		cr_expect_eq(store_has_folder(f.store, &id), form.folder);
		OK(layer_remake_folder(f.store, &id, &blob, &blob, NULL, &e));
		run(&f, "test \"$(stat -c %Y ../store/layers/*/fs/d/f)\" = 2000");
		OK(store_layer_index(f.store, &id, &ix, &e));
		cr_expect(ix->entries[1].clock && ix->entries[1].mtime == 2000);
		cr_expect(!layer_find_timed(f.store, &blob, &sent, &none));
		OK(layer_set_timed(f.store, &blob, &sent, &id, &e));
		cr_expect(layer_find_timed(f.store, &blob, &sent, &none) && digest_eq(&none, &id));
		cr_expect(!layer_find_timed(f.store, &blob, &blob, &none), "of another index nothing is said");
	}
}

/* What a registry is to layer_receive: gives some bytes, piece by piece, and says what came of it. */
struct giver {
	struct str bytes;
	size_t piece;
	int rc;
};

static int give(void *arg, struct sink *to, struct err *e)
{
	const struct giver *g = arg;
	for (size_t at = 0; at < g->bytes.len; at += g->piece) {
		struct str p = str_from(g->bytes, at);
		TRY(sink_write(to, p.p, p.len < g->piece ? p.len : g->piece, e));
	}
	return g->rc == 0 ? 0 : err_set(e, (enum err_code)-g->rc, "the giver's reason");
}

static int receive(const struct fixture *f, struct giver *g, const struct digest *blob, const struct digest *diff_id, struct digest *ret_id,
	struct err *e)
{
	const struct layer_feed feed = {give, g};
	return layer_receive(f->store, &feed, blob, diff_id, &(struct layer_form){.folder = true}, NULL, ret_id, e);
}

/* 3 MiB that gzip can do nothing about, more than all buffers hold, and a little. */
static void noise(const struct fixture *f, struct buf *gz, struct digest *ret_blob, struct digest *ret_tar)
{
	struct err e = {0};
	cleanup_buf struct buf tar = {0};
	run(f, "head -c 3145728 /dev/urandom >big; echo small >small; tar -cf ../t.tar big small; gzip -1c ../t.tar >../t.gz");
	OK(io_read_file(f->area.fd, "t.tar", 64 << 20, &tar, &e));
	OK(io_read_file(f->area.fd, "t.gz", 64 << 20, gz, &e));
	*ret_tar = digest_of(tar.p, tar.len);
	*ret_blob = digest_of(gz->p, gz->len);
}

Test(layer, a_blob_is_unpacked_while_it_comes)
{
	static const size_t pieces[] = {1000, 1 << 18, 1 << 24};
	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		FIXTURE(f);
		struct err e = {0};
		cleanup_buf struct buf gz = {0};
		struct digest blob, tar, id, again;
		uint64_t size;
		noise(&f, &gz, &blob, &tar);
		struct giver g = {buf_view(&gz), pieces[i], 0};
		OK(receive(&f, &g, &blob, &tar, &id, &e));
		expect_in(&f, &id, "small", S_IFREG | 0644, "small\n");
		cr_expect(blobs_has(f.store->blobs, &blob, &size) && size == gz.len);
		run(&f, "cd ../store/blobs/sha256 && sha256sum * | awk '$1 != $2 {exit 1}'");
		OK(layer_unpack(f.store, &blob, &tar, true, NULL, &again, &e));
		cr_expect(digest_eq(&again, &id));
	}
}

Test(layer, a_blob_that_turns_out_wrong_while_it_comes_leaves_nothing)
{
	FIXTURE(f);
	struct err e = {0};
	cleanup_buf struct buf gz = {0};
	struct digest blob, tar, id, wrong = digest_of("x", 1);
	NEED_ROOT();
	noise(&f, &gz, &blob, &tar);
	struct giver broken = {str_sub(buf_view(&gz), 0, gz.len / 2), 5000, -ERR_REMOTE}, liar = {buf_view(&gz), 5000, -ERR_CORRUPT},
		garbage = {STR("this is no tar, and no layer"), 5000, -ERR_CORRUPT}, honest = {buf_view(&gz), 5000, 0};
	struct giver *bad[] = {&broken, &liar, &garbage};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cr_expect_eq(receive(&f, bad[i], &blob, &tar, &id, &e), bad[i]->rc);
		cr_expect_str_eq(e.text, "the giver's reason", "whatever the tar looked like");
		run(&f, "test -z \"$(find ../store/layers ../store/tmp ../store/blobs -type f)\"");
	}
	cr_expect_eq(receive(&f, &honest, &blob, &wrong, &id, &e), -ERR_CORRUPT, "the blob is right, its tar is another");
	run(&f, "test -z \"$(ls ../store/layers)\" && test -z \"$(find ../store/tmp -name small)\"");
	cr_expect(blobs_has(f.store->blobs, &blob, NULL), "it need not come again");
}

Test(layer, a_wrong_digest_leaves_nothing_visible)
{
	FIXTURE(f);
	struct err e = {0};
	struct digest id, wrong = digest_of("x", 1);
	NEED_ROOT();
	run(&f, "echo hello >f; tar -cf ../t.tar f; gzip -c ../t.tar >../t.gz");
	struct digest tar = put_file(&f, "t.tar"), gz = put_file(&f, "t.gz");
	cr_expect_eq(layer_unpack(f.store, &tar, &wrong, true, NULL, &id, &e), -ERR_CORRUPT);
	cr_expect_eq(layer_unpack(f.store, &gz, &gz, true, NULL, &id, &e), -ERR_CORRUPT, "a diff id is of the plain tar");
	run(&f, "test -z \"$(ls ../store/layers)\" && test -z \"$(find ../store/tmp -name f)\"");
	OK(layer_unpack(f.store, &gz, &tar, true, NULL, &id, &e));
	FIXTURE(g);
	run(&g, "echo hello >f; tar -cf ../t.tar --mtime=@1 f");
	struct digest mine = put_file(&g, "t.tar");
	char hex[DIGEST_HEX + 1];
	digest_hex(&mine, hex);
	cleanup_free char *spoil = mem_printf("chmod u+w ../store/blobs/sha256/%s && printf x >>../store/blobs/sha256/%s", hex, hex);
	run(&g, spoil);
	cr_expect_eq(layer_unpack(g.store, &mine, &mine, true, NULL, &id, &e), -ERR_CORRUPT, "bytes behind the end marker count too");
}

Test(layer, the_last_of_equal_paths_wins_and_links_survive_their_first_name)
{
	FIXTURE(f);
	struct err e = {0};
	cleanup_index struct index *ix = NULL;
	NEED_ROOT();
	struct digest id = unpack_script(&f, "echo one >a; ln a b; ln a c; tar -cf ../t.tar a b c; rm a; mkdir a; echo in >a/x; tar -rf ../t.tar a; "
		"mkdir d; echo 1 >d/f; tar -rf ../t.tar d; rm -r d; echo file >d; tar -rf ../t.tar d");
	expect_in(&f, &id, "b", S_IFREG | 0644, "one\n");
	expect_in(&f, &id, "a/x", S_IFREG | 0644, "in\n");
	expect_in(&f, &id, "d", S_IFREG | 0644, "file\n");
	OK(store_layer_index(f.store, &id, &ix, &e));
	cr_expect_eq(index_find(ix, STR("b"))->type, ENTRY_FILE);
	cr_expect_eq(index_find(ix, STR("c"))->type, ENTRY_LINK);
	cr_expect(str_eqz(index_find(ix, STR("c"))->target, "b"));
	cr_expect_null(index_find(ix, STR("d/f")));
}

Test(layer, whiteouts_take_overlayfs_form_whatever_their_order)
{
	static const char *const orders[] = {"d d/new d/.wh..wh..opq .wh.gone .wh.dir dir/.wh.in e e/f .wh.e g/.wh.h",
		"g/.wh.h .wh.e e e/f dir/.wh.in .wh.dir .wh.gone d/.wh..wh..opq d d/new"};
	struct digest ids[2];
	FIXTURE(f);
	NEED_ROOT();
	for (size_t i = 0; i < 2; i++) {
		struct err e = {0};
		cleanup_free char *script = mem_printf("mkdir d dir e g; touch -d @5 d/new d/.wh..wh..opq .wh.gone .wh.dir dir/.wh.in e/f .wh.e g/.wh.h; "
			"touch -d @6 d dir e g; tar --no-recursion -cf ../t.tar %s", orders[i]);
		cleanup_index struct index *ix = NULL;
		ids[i] = unpack_script(&f, script);
		expect_in(&f, &ids[i], "gone", S_IFCHR, NULL);
		expect_in(&f, &ids[i], "dir", S_IFCHR, NULL);
		expect_in(&f, &ids[i], "g/h", S_IFCHR, NULL);
		expect_in(&f, &ids[i], "e/f", S_IFREG | 0644, "");
		OK(store_layer_index(f.store, &ids[i], &ix, &e));
		cr_expect(index_find(ix, STR("d"))->opaque);
		cr_expect(index_find(ix, STR("e"))->opaque, "gone and made again");
		cr_expect_eq(index_find(ix, STR("dir"))->type, ENTRY_WHITEOUT);
		cr_expect_null(index_find(ix, STR("dir/in")));
		cr_expect_null(index_find(ix, STR("g")), "a folder that no entry names is not in the index");
	}
	cr_expect(digest_eq(&ids[0], &ids[1]));
}

Test(layer, five_thousand_opaque_folders_are_quick)
{
	FIXTURE(f);
	NEED_ROOT();
	run(&f, "python3 -c 'import tarfile\n"
		"t = tarfile.open(\"../t.tar\", \"w\", format=tarfile.PAX_FORMAT)\n"
		"for i in range(5000): t.addfile(tarfile.TarInfo(\"e%d/\" % (i % 50) + \"f/\" * (i % 60) + \".wh..wh..opq\"))'");
	struct digest blob = put_file(&f, "t.tar"), id;
	struct err e = {0};
	OK(layer_unpack(f.store, &blob, &blob, true, NULL, &id, &e));
	expect_in(&f, &id, "e49/f/f", S_IFDIR | 0755, NULL);
}

Test(layer, capabilities_survive_the_owner)
{
	static const char cap[20] = {1, 0, 0, 2, 0, 4};
	char value[64];
	FIXTURE(f);
	struct err e = {0};
	cleanup_close int fd = -1;
	NEED_ROOT();
	struct digest id = unpack_script(&f, "python3 -c 'import tarfile, io\n"
		"t = tarfile.open(\"../t.tar\", \"w\", format=tarfile.PAX_FORMAT)\n"
		"i = tarfile.TarInfo(\"ping\"); i.mode = 0o755; i.uid = i.gid = 33; i.size = 1\n"
		"i.pax_headers[\"SCHILY.xattr.security.capability\"] = \"\\x01\\0\\0\\x02\\0\\x04\" + \"\\0\" * 14\n"
		"t.addfile(i, io.BytesIO(b\"x\"))'");
	OK(store_layer_folder(f.store, &id, &fd, &e));
	cleanup_free char *path = mem_printf("/proc/self/fd/%d/ping", fd);
	cr_expect_eq(getxattr(path, "security.capability", value, sizeof(value)), 20);
	cr_expect_arr_eq(value, cap, sizeof(cap));
}

Test(layer, names_of_any_bytes_and_of_any_length)
{
	FIXTURE(f);
	struct err e = {0};
	cleanup_index struct index *ix = NULL;
	NEED_ROOT();
	struct digest id = unpack_script(&f, "python3 -c 'import tarfile\n"
		"t = tarfile.open(\"../t.tar\", \"w\", format=tarfile.GNU_FORMAT, errors=\"surrogateescape\")\n"
		"t.addfile(tarfile.TarInfo(\"caf\\udce9\"))\n"
		"t.addfile(tarfile.TarInfo(\"a\\nb\"))\n"
		"t.addfile(tarfile.TarInfo(\"/\".join([\"p\" * 250] * 20)))'");
	OK(store_layer_index(f.store, &id, &ix, &e));
	cr_assert_eq(ix->n, 3);
	cr_expect_not_null(index_find(ix, STR("caf\xe9")));
	cr_expect_eq(index_find(ix, STR("a\nb"))->type, ENTRY_FILE);
	cr_expect_eq(ix->entries[2].path.len, 5019);
	struct digest diff_id;
	uint64_t size;
	OK(layer_need_tar(f.store, &id, INT64_MAX, NULL, &diff_id, &size, &e));
}

Test(layer, a_sparse_file_larger_than_8_gib_goes_through)
{
	FIXTURE(f);
	struct err e = {0};
	struct stat st;
	cleanup_close int fd = -1;
	NEED_ROOT();
	struct digest id = unpack_script(&f, "truncate -s 8590000000 big && printf end | dd of=big bs=1 seek=8589999990 conv=notrunc status=none && "
		"tar --format=posix -S -cf ../t.tar big");
	OK(store_layer_folder(f.store, &id, &fd, &e));
	cr_assert_eq(fstatat(fd, "big", &st, 0), 0);
	cr_expect_eq(st.st_size, 8590000000);
	cr_expect_lt(st.st_blocks, 1000, "it is sparse in the folder, too");
}

/* --- tars and blobs --- */

Test(layer, our_tar_of_a_pulled_layer_gives_the_same_layer_again)
{
	FIXTURE(f);
	struct err e = {0};
	struct digest diff_id, blob, again, id;
	uint64_t size;
	NEED_ROOT();
	id = unpack_script(&f, "mkdir d; echo hello >d/f; ln d/f z; touch .wh.x d/.wh..wh..opq; tar --owner=1000 -cf ../t.tar d z .wh.x");
	OK(layer_need_tar(f.store, &id, INT64_MAX, NULL, &diff_id, &size, &e));
	OK(layer_unpack(f.store, &diff_id, &diff_id, true, NULL, &again, &e));
	cr_expect(digest_eq(&id, &again));
	for (int c = COMPRESS_NONE; c < COMPRESS_COUNT; c++) {
		struct digest same;
		OK(layer_need_blob(f.store, &diff_id, (enum compression)c, -1, 0, NULL, &blob, &size, &e));
		cr_expect(blobs_has(f.store->blobs, &blob, NULL));
		OK(layer_need_blob(f.store, &diff_id, (enum compression)c, -1, 0, NULL, &same, &size, &e));
		cr_expect(digest_eq(&blob, &same));
		FIXTURE(g);
		cleanup_buf struct buf b = {0};
		OK(blobs_read(f.store->blobs, &blob, 1 << 20, &b, &e));
		OK(blobs_put(g.store->blobs, buf_view(&b), &blob, &e));
		OK(layer_unpack(g.store, &blob, &diff_id, true, NULL, &again, &e));
		cr_expect(digest_eq(&id, &again), "through %s", compress_name((enum compression)c));
	}
}

Test(layer, a_blob_that_is_sent_is_known_and_not_kept)
{
	FIXTURE(f);
	struct err e = {0};
	struct digest diff_id, blob, same, id, tar;
	struct sink_hash seen;
	uint64_t size, again;
	NEED_ROOT();
	id = unpack_script(&f, "mkdir d; echo hello >d/f; tar -cf ../t.tar d");
	OK(layer_need_tar(f.store, &id, INT64_MAX, NULL, &diff_id, &size, &e));
	for (int c = COMPRESS_GZIP; c < COMPRESS_COUNT; c++) {
		bool found = false;
		enum compression kind;
		sink_hash_init(&seen, NULL);
		OK(layer_send_blob(f.store, &diff_id, (enum compression)c, -1, 0, NULL, &seen.sink, &blob, &size, &e));
		struct digest was = hasher_done(&seen.hasher);
		cr_expect(digest_eq(&was, &blob) && seen.bytes == size);
		cr_expect_not(layer_has_blob(f.store, &diff_id, (enum compression)c, &same, &again));
		OK(store_get_blob(f.store, &diff_id, (enum compression)c, &found, &same, &again, &e));
		cr_expect(found && digest_eq(&same, &blob) && again == size);
		OK(store_find_tar_of(f.store, &blob, &found, &tar, &kind, &e));
		cr_expect(found && digest_eq(&tar, &diff_id) && (int)kind == c);
		OK(layer_need_blob(f.store, &diff_id, (enum compression)c, -1, 0, NULL, &same, &again, &e));
		cr_expect(digest_eq(&same, &blob) && again == size);
	}
}

Test(layer, a_tar_that_the_disk_has_changed_is_not_sent)
{
	FIXTURE(f);
	struct err e = {0};
	struct digest diff_id, blob, id;
	struct sink_hash seen;
	uint64_t size;
	NEED_ROOT();
	id = unpack_script(&f, "echo hello >f; tar -cf ../t.tar f");
	OK(layer_need_tar(f.store, &id, 1000, NULL, &diff_id, &size, &e));
	cr_assert(tar_check_find(f.store, &diff_id, &(struct tar_mark){0}), "it was made here");
	char hex[DIGEST_HEX + 1], byte;
	digest_hex(&diff_id, hex);
	cleanup_free char *path = mem_printf("%s/store/blobs/sha256/%s", f.area.path, hex);
	cleanup_close int fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(pread(fd, &byte, 1, 512), 1);
	byte ^= 1;
	cr_assert_eq(pwrite(fd, &byte, 1, 512), 1);
	sink_hash_init(&seen, NULL);
	cr_expect_eq(layer_send_blob(f.store, &diff_id, COMPRESS_GZIP, -1, 0, NULL, &seen.sink, &blob, &size, &e), -ERR_CORRUPT);
	cr_expect(strstr(e.text, "damaged"), "%s", e.text);
	cr_expect_eq(layer_need_blob(f.store, &diff_id, COMPRESS_ZSTD, -1, 0, NULL, &blob, &size, &e), -ERR_CORRUPT);
}

Test(layer, a_clamped_tar_differs_only_when_something_is_cut)
{
	FIXTURE(f);
	struct err e = {0};
	struct digest plain, at, before;
	uint64_t size;
	NEED_ROOT();
	struct digest id = unpack_script(&f, "touch -d @1000 a; touch -d @2000 b; tar -cf ../t.tar a b");
	OK(layer_need_tar(f.store, &id, INT64_MAX, NULL, &plain, &size, &e));
	OK(layer_need_tar(f.store, &id, 2000, NULL, &at, &size, &e));
	cr_expect(digest_eq(&plain, &at));
	OK(layer_need_tar(f.store, &id, 1999, NULL, &before, &size, &e));
	cr_expect_not(digest_eq(&plain, &before));
	cr_expect_eq(size, 2 * 512 + 1024);
}

/* A layer that only has its index and its tar, as a COPY leaves it. */
Test(layer, a_folder_is_made_from_the_tar_with_the_times_of_the_index)
{
	FIXTURE(f);
	struct err e = {0};
	struct stat st;
	cleanup_close int fd = -1;
	NEED_ROOT();
	struct digest id = unpack_script(&f, "mkdir d; echo hello >d/f; touch -d @1000.25 d/f d; tar --format=posix -cf ../t.tar d");
	struct digest diff_id;
	struct layer l;
	uint64_t size;
	OK(layer_need_tar(f.store, &id, 500, NULL, &diff_id, &size, &e));
	OK(store_get_layer(f.store, &id, &l, &e));
	FIXTURE(g);
	cleanup_index struct index *ix = NULL;
	cleanup_buf struct buf b = {0};
	OK(store_layer_index(f.store, &id, &ix, &e));
	OK(blobs_read(f.store->blobs, &diff_id, 1 << 20, &b, &e));
	OK(blobs_put(g.store->blobs, buf_view(&b), &diff_id, &e));
	l.diff_id = (struct digest){0};
	OK(store_add_index(g.store, ix, &l, &e));
	cr_expect_eq(layer_need_folder(g.store, &id, NULL, &e), -ERR_NOT_FOUND);
	OK(store_set_tar(g.store, &id, 500, &diff_id, size, &e));
	OK(layer_need_folder(g.store, &id, NULL, &e));
	expect_in(&g, &id, "d/f", S_IFREG | 0644, "hello\n");
	OK(store_layer_folder(g.store, &id, &fd, &e));
	cr_assert_eq(fstatat(fd, "d/f", &st, 0), 0);
	cr_expect_eq(st.st_mtim.tv_sec, 1000);
	cr_expect_eq(st.st_mtim.tv_nsec, 250000000);
}

/* --- trees --- */

Test(layer, a_tree_is_placed_and_written_as_one_tar)
{
	FIXTURE(f);
	struct err e = {0};
	struct stat a, b;
	NEED_ROOT();
	struct digest ids[2];
	ids[0] = unpack_script(&f, "mkdir d; echo 1 >d/a; ln d/a d/b; ln d/a d/c; echo gone >x; chmod 700 d; tar --owner=9 -cf ../t.tar d x");
	ids[1] = unpack_script(&f, "mkdir d; touch d/.wh.a .wh.x; echo new >n; tar -cf ../t.tar d/.wh.a .wh.x n");
	run(&f, "mkdir -p ../out/stale; echo old >../out/n");
	cleanup_close int out = openat(f.area.fd, "out", O_PATH | O_DIRECTORY), tar = openat(f.area.fd, "t.tar", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	struct layer_place how = {.owners = true, .set_time = 4242, .reflink_or_copy = true};
	OK(layer_place_tree(f.store, ids, 2, out, &how, NULL, &e));
	cr_expect_not(fs_exists(out, "d/a"));
	cr_expect_not(fs_exists(out, "x"));
	cr_assert_eq(fstatat(out, "d/b", &a, 0), 0);
	cr_assert_eq(fstatat(out, "d/c", &b, 0), 0);
	cr_expect_eq(a.st_ino, b.st_ino, "two names are left of the file whose first name is gone");
	cr_expect_eq(a.st_nlink, 2);
	cr_expect_eq(a.st_uid, 9);
	cr_expect_eq(a.st_mtime, 4242);
	cr_assert_eq(fstatat(out, "d", &a, 0), 0);
	cr_expect_eq(a.st_mode & 07777, 0700, "a folder that the upper layer only implies keeps its mode");
	cr_expect_eq(a.st_mtime, 4242);
	struct sink_fd sink;
	sink_fd_init(&sink, tar);
	OK(layer_tar_tree(f.store, ids, 2, 99, &sink.sink, NULL, &e));
	run(&f, "test \"$(tar --numeric-owner --utc -tvf ../t.tar | awk '{print $1, $2, $4, $5, $6, $7, $8, $9}' | tr -s ' ' | tr '\\n' ';')\" = "
		"'drwx------ 9/0 1970-01-01 00:01 d/ ;-rw-r--r-- 9/0 1970-01-01 00:01 d/b ;hrw-r--r-- 9/0 1970-01-01 00:01 d/c link to d/b;"
		"-rw-r--r-- 0/0 1970-01-01 00:01 n ;' || { tar --numeric-owner --utc -tvf ../t.tar; exit 1; }");
}

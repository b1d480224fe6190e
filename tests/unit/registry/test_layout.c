/* SPDX-License-Identifier: Apache-2.0 */
#include "image_fixture.h"

#include <sys/stat.h>

static struct box box;

static void setup(void)
{
	box_open(&box, true);
}

static void teardown(void)
{
	box_close(&box);
}

TestSuite(layout, .init = setup, .fini = teardown);

static void expect_names(const char *want)
{
	cleanup_arena struct arena a = {0};
	cr_assert_str_eq(names_of(&box, &a), want);
}

Test(layout, names_are_kept_in_their_familiar_form)
{
	struct descriptor d = put_image(&box, "x", "amd64");
	GOOD(layout_tag(box.place, &d, STR("docker.io/library/app"), e));
	GOOD(layout_tag(box.place, &d, STR("localhost:5000/app:1"), e));
	expect_names("app:latest localhost:5000/app:1");
}

Test(layout, a_name_that_moves_leaves_the_old_image_without_a_name)
{
	struct descriptor one = put_image(&box, "1", "amd64"), two = put_image(&box, "2", "amd64");
	GOOD(layout_tag(box.place, &one, STR("app"), e));
	GOOD(layout_tag(box.place, &two, STR("app:latest"), e));
	expect_names("- app:latest");
	GOOD(layout_tag(box.place, &one, STR("app:old"), e));
	expect_names("app:latest app:old");
}

Test(layout, an_image_with_another_name_is_not_kept_twice)
{
	struct descriptor one = put_image(&box, "1", "amd64"), two = put_image(&box, "2", "amd64");
	GOOD(layout_tag_all(box.place, &one, (struct str[]){STR("a"), STR("b")}, 2, e));
	GOOD(layout_tag(box.place, &two, STR("a"), e));
	expect_names("b:latest a:latest");
}

Test(layout, tagging_again_writes_nothing)
{
	struct stat before, after;
	struct descriptor d = put_image(&box, "x", "amd64");
	struct str names[] = {STR("a"), STR("b:2")};
	GOOD(layout_tag_all(box.place, &d, names, 2, e));
	fstatat(box.dirfd, "index.json", &before, 0);
	GOOD(layout_tag_all(box.place, &d, names, 2, e));
	GOOD(layout_tag_all(box.place, &d, NULL, 0, e));
	fstatat(box.dirfd, "index.json", &after, 0);
	cr_assert(before.st_ino == after.st_ino);
}

Test(layout, the_same_name_twice_in_one_call_makes_one_entry)
{
	struct descriptor d = put_image(&box, "x", "amd64");
	GOOD(layout_tag_all(box.place, &d, (struct str[]){STR("a"), STR("a:latest")}, 2, e));
	expect_names("a:latest");
}

Test(layout, names_that_are_no_references_and_blobs_that_are_not_there_are_refused)
{
	struct descriptor d = put_image(&box, "x", "amd64"), gone = d;
	gone.digest = digest_of("?", 1);
	FAILS(ERR_SYNTAX, layout_tag(box.place, &d, STR("App"), e));
	FAILS(ERR_NOT_FOUND, layout_tag(box.place, &gone, STR("app"), e));
	expect_names("");
}

Test(layout, removing_a_name_tells_whether_it_was_the_last)
{
	bool last = true;
	struct descriptor d = put_image(&box, "x", "amd64");
	GOOD(layout_tag_all(box.place, &d, (struct str[]){STR("a"), STR("b")}, 2, e));
	GOOD(layout_untag(box.place, STR("a:latest"), &last, e));
	cr_assert(!last);
	GOOD(layout_untag(box.place, STR("b"), &last, e));
	cr_assert(last);
	FAILS(ERR_NOT_FOUND, layout_untag(box.place, STR("b"), &last, e));
}

Test(layout, removing_a_digest_removes_all_its_entries)
{
	struct descriptor one = put_image(&box, "1", "amd64"), two = put_image(&box, "2", "amd64");
	GOOD(layout_tag_all(box.place, &one, (struct str[]){STR("a"), STR("b")}, 2, e));
	GOOD(layout_tag(box.place, &two, STR("c"), e));
	GOOD(layout_remove(box.place, &one.digest, e));
	expect_names("c:latest");
}

static void expect_found(const char *what, const struct digest *want)
{
	cleanup_arena struct arena a = {0};
	struct layout_image im;
	GOOD(layout_find(box.place, str_of(what), &a, &im, e));
	cr_assert(digest_eq(&im.descriptor.digest, want), "%s", what);
}

Test(layout, images_are_found_by_name_and_by_the_beginning_of_a_digest)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf bytes = {0};
	struct descriptor d = put_image(&box, "x", "amd64"), other = put_image(&box, "y", "amd64");
	struct manifest m;
	struct layout_image im;
	char hex[DIGEST_HEX + 1], text[DIGEST_TEXT + 1];
	GOOD(layout_tag(box.place, &d, STR("team/app:1"), e));
	GOOD(layout_tag(box.place, &other, STR("other"), e));
	GOOD(box.place->ops->manifest(box.place, &d, &bytes, e));
	GOOD(manifest_parse(buf_view(&bytes), &m, e));
	expect_found("team/app:1", &d.digest);
	expect_found("docker.io/team/app:1", &d.digest);
	digest_text(&d.digest, text);
	expect_found(text, &d.digest);
	digest_hex(&m.config.digest, hex);
	hex[12] = '\0';
	expect_found(hex, &d.digest);
	manifest_done(&m);
	digest_hex(&d.digest, hex);
	hex[3] = '\0';
	FAILS(ERR_NOT_FOUND, layout_find(box.place, str_of(hex), &a, &im, e));
	FAILS(ERR_NOT_FOUND, layout_find(box.place, STR("nothing"), &a, &im, e));
}

Test(layout, a_manifest_inside_an_index_is_found_by_its_digest)
{
	char text[DIGEST_TEXT + 1];
	struct descriptor ix = put_index(&box, "x"), child = put_image(&box, "x", "arm64");
	GOOD(layout_tag(box.place, &ix, STR("app"), e));
	digest_text(&child.digest, text);
	expect_found(text, &child.digest);
}

Test(layout, what_others_wrote_into_index_json_stays)
{
	static const char others[] = "{\"schemaVersion\":2,\"x-tool\":{\"a\":[1]},\"manifests\":[{\"what\":\"is this\"},{\"mediaType\":\"a/b\","
		"\"digest\":\"sha512:00\",\"size\":1}]}";
	cleanup_buf struct buf text = {0};
	struct descriptor d = put_image(&box, "x", "amd64");
	GOOD(fs_write_atomic(box.dirfd, "index.json", STR(others), 0644, false, e));
	GOOD(layout_tag(box.place, &d, STR("app"), e));
	GOOD(io_read_file(box.dirfd, "index.json", 65536, &text, e));
	cr_assert(strstr(text.p, "\"x-tool\":{\"a\":[1]}") && strstr(text.p, "{\"what\":\"is this\"}") && strstr(text.p, "sha512:00"));
	expect_names("app:latest");
}

Test(layout, entries_of_other_tools_are_named_by_their_whole_name_first)
{
	cleanup_buf struct buf text = {0};
	char digest[DIGEST_TEXT + 1];
	struct descriptor d = put_image(&box, "x", "amd64");
	digest_text(&d.digest, digest);
	buf_printf(&text, "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\","
		"\"size\":%llu,\"annotations\":{\"org.opencontainers.image.ref.name\":\"3\",\"io.containerd.image.name\":"
		"\"docker.io/library/tool:3\"}}]}", digest, (unsigned long long)d.size);
	GOOD(fs_write_atomic(box.dirfd, "index.json", buf_view(&text), 0644, false, e));
	expect_names("tool:3");
}

Test(layout, in_other_folders_names_are_texts_and_must_be_unique)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf text = {0};
	struct box plain;
	char digest[DIGEST_TEXT + 1];
	struct layout_image im;
	box_open(&plain, false);
	struct descriptor d = put_image(&plain, "x", "amd64");
	digest_text(&d.digest, digest);
	GOOD(layout_tag(plain.place, &d, STR("any Text"), e));
	GOOD(layout_find(plain.place, STR("any Text"), &a, &im, e));
	GOOD(layout_find(plain.place, STR(""), &a, &im, e));
	buf_puts(&text, "{\"schemaVersion\":2,\"manifests\":[");
	for (int i = 0; i < 2; i++)
		buf_printf(&text, "%s{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%llu,\"annotations\":"
			"{\"org.opencontainers.image.ref.name\":\"v1\"}}", i ? "," : "", digest, (unsigned long long)d.size);
	buf_puts(&text, "]}");
	GOOD(fs_write_atomic(plain.dirfd, "index.json", buf_view(&text), 0644, false, e));
	FAILS(ERR_CORRUPT, layout_find(plain.place, STR("v1"), &a, &im, e));
	FAILS(ERR_NOT_FOUND, layout_find(plain.place, STR(""), &a, &im, e));
	box_close(&plain);
}

static int open_it(struct err *e)
{
	struct place *p = NULL;
	int rc = layout_open(box.dirfd, box.blobs, false, false, &p, e);
	place_close(p);
	return rc;
}

Test(layout, folders_that_are_no_layout_are_corrupt)
{
	GOOD(open_it(e));
	GOOD(fs_write_atomic(box.dirfd, "oci-layout", STR("{\"imageLayoutVersion\":\"2.0.0\"}"), 0644, false, e));
	FAILS(ERR_CORRUPT, open_it(e));
	unlinkat(box.dirfd, "oci-layout", 0);
	FAILS(ERR_CORRUPT, open_it(e));
}

static int list_it(struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct layout_image *list;
	size_t n;
	return layout_list(box.place, &a, &list, &n, e);
}

Test(layout, index_json_must_be_a_file_of_the_folder)
{
	unlinkat(box.dirfd, "index.json", 0);
	FAILS(ERR_CORRUPT, list_it(e));
	cr_assert(symlinkat("/etc/hostname", box.dirfd, "index.json") == 0);
	FAILS(ERR_CORRUPT, list_it(e));
	unlinkat(box.dirfd, "index.json", 0);
	cr_assert(mkfifoat(box.dirfd, "index.json", 0644) == 0);
	FAILS(ERR_CORRUPT, list_it(e));
}

Test(layout, blobs_are_checked_when_they_are_read)
{
	cleanup_buf struct buf out = {0};
	struct sink_buf to;
	char path[128], hex[DIGEST_HEX + 1];
	struct descriptor d = put_blob(&box, STR("right bytes"), "a/b");
	sink_buf_init(&to, &out, 1000);
	GOOD(box.place->ops->read(box.place, &d, &to.sink, e));
	cr_assert_str_eq(out.p, "right bytes");
	digest_hex(&d.digest, hex);
	snprintf(path, sizeof(path), "blobs/sha256/%s", hex);
	GOOD(fs_write_atomic(box.dirfd, path, STR("wrong bytes"), 0644, false, e));
	FAILS(ERR_CORRUPT, box.place->ops->read(box.place, &d, &to.sink, e));
	d.size++;
	FAILS(ERR_CORRUPT, box.place->ops->read(box.place, &d, &to.sink, e));
	d.digest = digest_of("", 0);
	FAILS(ERR_NOT_FOUND, box.place->ops->read(box.place, &d, &to.sink, e));
}

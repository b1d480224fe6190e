/* SPDX-License-Identifier: Apache-2.0 */
#include "image_fixture.h"

#include <zlib.h>
#include <zstd.h>

#include "registry/archive.h"
#include "registry/archive_tar.h"

static struct box from, to;
static char loaded_names[512];

static void setup(void)
{
	box_open(&from, true);
	box_open(&to, true);
	loaded_names[0] = '\0';
}

static void teardown(void)
{
	box_close(&from);
	box_close(&to);
}

TestSuite(archive_load, .init = setup, .fini = teardown);

static void note(void *arg, struct str name, const struct descriptor *d)
{
	size_t at = strlen(loaded_names);
	(void)arg, (void)d;
	snprintf(loaded_names + at, sizeof(loaded_names) - at, "%s%.*s", at ? " " : "", name.len ? (int)name.len : 1, name.len ? name.p : "-");
}

static int save(const struct descriptor *d, const struct str *names, size_t n, struct buf *out, struct err *e)
{
	struct archive_image im = {*d, names, n};
	struct archive_opts o = {.docker = true};
	struct sink_buf sink;
	sink_buf_init(&sink, out, 10 * 1024 * 1024);
	return archive_write(from.place, &im, 1, &o, &sink.sink, -1, e);
}

/* Loads bytes as if they came through a pipe or file. */
static int load(struct str bytes, struct err *e)
{
	FILE *f = tmpfile();
	fwrite(bytes.p, 1, bytes.len, f);
	fflush(f);
	lseek(fileno(f), 0, SEEK_SET);
	int rc = archive_load(fileno(f), false, to.place, to.blobs, note, NULL, e);
	fclose(f);
	return rc;
}

static const struct str two_names[] = {{"docker.io/library/app:latest", 28}, {"localhost:5000/app:1", 20}};

Test(archive_load, what_was_written_is_loaded_with_its_names)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf tar = {0};
	struct descriptor d = put_image(&from, "x", "amd64");
	GOOD(save(&d, two_names, 2, &tar, e));
	GOOD(load(buf_view(&tar), e));
	cr_assert_str_eq(loaded_names, "app:latest localhost:5000/app:1");
	cr_assert_str_eq(names_of(&to, &a), "app:latest localhost:5000/app:1");
	cr_assert(blobs_has(to.blobs, &d.digest, NULL));
}

Test(archive_load, equal_images_give_equal_archives)
{
	cleanup_buf struct buf one = {0}, two = {0};
	struct descriptor d = put_image(&from, "x", "amd64");
	GOOD(save(&d, two_names, 2, &one, e));
	GOOD(save(&d, two_names, 2, &two, e));
	cr_assert(str_eq(buf_view(&one), buf_view(&two)));
}

Test(archive_load, images_without_names_are_loaded_without_names)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf tar = {0};
	struct descriptor d = put_image(&from, "x", "amd64");
	GOOD(save(&d, NULL, 0, &tar, e));
	GOOD(load(buf_view(&tar), e));
	cr_assert_str_eq(loaded_names, "-");
	cr_assert_str_eq(names_of(&to, &a), "-");
}

Test(archive_load, an_index_is_kept)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf tar = {0};
	struct layout_image im;
	struct descriptor d = put_index(&from, "x");
	GOOD(save(&d, two_names, 1, &tar, e));
	GOOD(load(buf_view(&tar), e));
	GOOD(layout_find(to.place, STR("app"), &a, &im, e));
	cr_assert(digest_eq(&im.descriptor.digest, &d.digest));
}

Test(archive_load, archives_that_are_compressed_as_a_whole_are_loaded)
{
	cleanup_buf struct buf tar = {0}, gz = {0}, zst = {0};
	struct descriptor d = put_image(&from, "x", "amd64");
	GOOD(save(&d, two_names, 1, &tar, e));
	z_stream z = {0};
	buf_need(&gz, tar.len + 1024);
	deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	z.next_in = (Bytef *)tar.p, z.avail_in = (uInt)tar.len, z.next_out = (Bytef *)gz.p, z.avail_out = (uInt)tar.len + 1024;
	cr_assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
	deflateEnd(&z);
	gz.len = z.total_out;
	GOOD(load(buf_view(&gz), e));
	gz.len -= 9; /* the end is missing */
	FAILS(ERR_CORRUPT, load(buf_view(&gz), e));
	buf_need(&zst, ZSTD_compressBound(tar.len));
	zst.len = ZSTD_compress(zst.p, ZSTD_compressBound(tar.len), tar.p, tar.len, 3);
	GOOD(load(buf_view(&zst), e));
	zst.len -= 9;
	FAILS(ERR_CORRUPT, load(buf_view(&zst), e));
}

/* --- archives made by hand --- */

struct file {
	const char *name, *text;
};

static void add_file(struct buf *tar, const char *name, struct str text)
{
	struct sink_buf sink;
	sink_buf_init(&sink, tar, 10 * 1024 * 1024);
	GOOD(tar_put_file_head(&sink.sink, name, text.len, e));
	GOOD(sink_write(&sink.sink, text.p, text.len, e));
	GOOD(tar_put_padding(&sink.sink, text.len, e));
}

static void end_tar(struct buf *tar)
{
	struct sink_buf sink;
	sink_buf_init(&sink, tar, 10 * 1024 * 1024);
	GOOD(tar_put_end(&sink.sink, e));
}

static void config_for(const char *const *layers, size_t n, struct buf *out)
{
	struct image_config c = {.architecture = STR("amd64"), .os = STR("linux")};
	for (size_t i = 0; i < n; i++) {
		struct digest d = digest_of(layers[i], strlen(layers[i]));
		image_config_add_diff_id(&c, &d);
	}
	image_config_print(&c, out);
	image_config_done(&c);
}

Test(archive_load, docker_s_archives_get_a_manifest_and_keep_their_image_id)
{
	static const char list[] = "[{\"Config\":\"abc.json\",\"RepoTags\":[\"one:1\",\"two\"],\"Layers\":[\"x/layer.tar\",\"y.tar\"]}]";
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf tar = {0}, config = {0};
	struct layout_image im;
	char id[DIGEST_HEX + 1];
	config_for((const char *const[]){"first", "second"}, 2, &config);
	add_file(&tar, "x/layer.tar", STR("first"));
	add_file(&tar, "./y.tar", STR("second"));
	add_file(&tar, "abc.json", buf_view(&config));
	add_file(&tar, "manifest.json", STR(list));
	end_tar(&tar);
	GOOD(load(buf_view(&tar), e));
	cr_assert_str_eq(loaded_names, "one:1 two:latest");
	struct digest d = digest_of(config.p, config.len);
	digest_hex(&d, id);
	GOOD(layout_find(to.place, str_of(id), &a, &im, e));
}

Test(archive_load, archives_of_docker_before_1_10_get_a_config_too)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf tar = {0}, bytes = {0};
	struct layout_image im;
	struct manifest m;
	struct image_config c;
	add_file(&tar, "top/json", STR("{\"id\":\"top\",\"parent\":\"base\",\"created\":\"2015-01-02T00:00:00Z\",\"os\":\"linux\","
		"\"architecture\":\"amd64\",\"config\":{\"Cmd\":[\"run\"]},\"container_config\":{\"Cmd\":[\"/bin/sh\",\"-c\",\"make\"]}}"));
	add_file(&tar, "top/layer.tar", STR("upper"));
	add_file(&tar, "base/json", STR("{\"id\":\"base\"}"));
	add_file(&tar, "base/layer.tar", STR("lower"));
	add_file(&tar, "repositories", STR("{\"old/app\":{\"1\":\"top\"}}"));
	end_tar(&tar);
	GOOD(load(buf_view(&tar), e));
	GOOD(layout_find(to.place, STR("old/app:1"), &a, &im, e));
	GOOD(to.place->ops->manifest(to.place, &im.descriptor, &bytes, e));
	GOOD(manifest_parse(buf_view(&bytes), &m, e));
	cr_assert(m.nlayers == 2 && m.layers[0].size == 5 && digest_eq(&m.layers[1].digest, &(struct digest[]){digest_of("upper", 5)}[0]));
	buf_clear(&bytes);
	GOOD(blobs_read(to.blobs, &m.config.digest, 65536, &bytes, e));
	GOOD(image_config_parse(buf_view(&bytes), &c, e));
	cr_assert(c.ndiff_ids == 2 && c.nhistory == 2 && str_eqz(c.history[1].created_by, "/bin/sh -c make") && str_eqz(c.cmd.v[0], "run"));
	image_config_done(&c);
	manifest_done(&m);
}

static int load_files(const struct file *files, size_t n, struct err *e)
{
	cleanup_buf struct buf tar = {0};
	for (size_t i = 0; i < n && files[i].name; i++)
		add_file(&tar, files[i].name, str_of(files[i].text));
	end_tar(&tar);
	return load(buf_view(&tar), e);
}

#define ONE_DIFF_ID "sha256:a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e" /* of "first" */
#define HEX0 "0000000000000000000000000000000000000000000000000000000000000000"
#define LIST(layers) "[{\"Config\":\"c.json\",\"RepoTags\":[\"a:1\"],\"Layers\":[" layers "]}]"
#define CONFIG "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" ONE_DIFF_ID "\"]}}"
static const struct {
	const char *why;
	struct file files[4];
} bad[] = {
	{"nothing", {{NULL, NULL}}},
	{"no list", {{"c.json", CONFIG}}},
	{"list is no list", {{"manifest.json", "{}"}}},
	{"no images", {{"manifest.json", "[]"}}},
	{"config is missing", {{"manifest.json", LIST("")}}},
	{"layer is missing", {{"c.json", CONFIG}, {"manifest.json", LIST("\"l.tar\"")}}},
	{"another layer than the config says", {{"l.tar", "other"}, {"c.json", CONFIG}, {"manifest.json", LIST("\"l.tar\"")}}},
	{"more layers than diff ids", {{"l.tar", "first"}, {"c.json", CONFIG}, {"manifest.json", LIST("\"l.tar\",\"l.tar\"")}}},
	{"a file twice", {{"l.tar", "first"}, {"l.tar", "first"}, {"c.json", CONFIG}, {"manifest.json", LIST("\"l.tar\"")}}},
	{"a name that leads out", {{"../l.tar", "first"}, {"c.json", CONFIG}, {"manifest.json", LIST("\"../l.tar\"")}}},
	{"a blob that is not its name", {{"blobs/sha256/" HEX0, "x"}, {"c.json", CONFIG}, {"manifest.json", LIST("")}}},
	{"layout without images", {{"oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"}, {"index.json", "{\"schemaVersion\":2,\"manifests\":[]}"}}},
	{"layout without its blob", {{"oci-layout", "{}"}, {"index.json", "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
		"\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:" HEX0 "\",\"size\":1}]}"}}},
};

Test(archive_load, archives_that_do_not_hold_what_they_say_are_corrupt_and_name_nothing)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_arena struct arena a = {0};
		struct err e = {0};
		int rc = load_files(bad[i].files, ARRAY_LEN(bad[i].files), &e);
		cr_assert(rc == -ERR_CORRUPT, "%s gives %d: %s", bad[i].why, rc, e.text);
		cr_assert_str_eq(names_of(&to, &a), "", "%s", bad[i].why);
	}
}

Test(archive_load, the_archive_that_the_bad_ones_are_made_from_is_good)
{
	static const struct file files[] = {{"l.tar", "first"}, {"c.json", CONFIG}, {"manifest.json", LIST("\"l.tar\"")}};
	GOOD(load_files(files, ARRAY_LEN(files), e));
}

Test(archive_load, cut_and_changed_archives_are_corrupt)
{
	cleanup_buf struct buf tar = {0};
	struct descriptor d = put_image(&from, "x", "amd64");
	GOOD(save(&d, two_names, 1, &tar, e));
	FAILS(ERR_CORRUPT, load(str_sub(buf_view(&tar), 0, tar.len / 2 + 7), e));
	tar.p[2 * 512 + 512 + 3] ^= 1; /* in the first blob */
	FAILS(ERR_CORRUPT, load(buf_view(&tar), e));
	tar.p[100] ^= 1; /* in a header */
	FAILS(ERR_CORRUPT, load(buf_view(&tar), e));
}

Test(archive_load, folders_are_written_and_loaded)
{
	cleanup_arena struct arena a = {0};
	struct descriptor d = put_image(&from, "x", "amd64");
	struct archive_image im = {d, two_names, 1};
	struct archive_opts o = {.docker = true, .folder = true};
	char folder[] = "/tmp/cooper-unit-XXXXXX";
	cr_assert(mkdtemp(folder));
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	GOOD(archive_write(from.place, &im, 1, &o, NULL, fd, e));
	GOOD(archive_load(fd, true, to.place, to.blobs, note, NULL, e));
	cr_assert_str_eq(names_of(&to, &a), "app:latest");
	close(fd);
	GOOD(fs_remove_tree(AT_FDCWD, folder, e));
}

/* Other tools must agree with us; without skopeo there is nothing to compare. */
Test(archive_load, skopeo_reads_what_we_write_in_each_form)
{
	cleanup_buf struct buf tar = {0};
	char command[512], source[256];
	if (system("command -v skopeo >/dev/null") != 0)
		cr_skip("no skopeo");
	struct descriptor d = put_image(&from, "x", "amd64");
	GOOD(layout_tag(from.place, &d, STR("app"), e));
	GOOD(save(&d, two_names, 1, &tar, e));
	GOOD(fs_write_atomic(from.dirfd, "a.tar", buf_view(&tar), 0644, false, e));
	for (size_t i = 0; i < 3; i++) {
		snprintf(source, sizeof(source), i == 2 ? "oci:%s:app:latest" : i == 1 ? "oci-archive:%s/a.tar:latest"
			: "docker-archive:%s/a.tar:docker.io/library/app:latest", from.path);
		snprintf(command, sizeof(command), "skopeo inspect --raw %s >/dev/null", source);
		cr_assert(system(command) == 0, "%s", source);
	}
}

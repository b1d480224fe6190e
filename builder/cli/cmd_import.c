/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cooper import`: a tar of a root file system becomes an image of one layer. The tar is read once: its plain bytes go into the
 * store as a blob and are hashed on the way, which is the layer's diff id. Then the layer is unpacked, which checks every entry of
 * it before the image gets a name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "builder/cli/import_config.h"
#include "builder/cli/local.h"
#include "snapshotter/archive_plain.h"
#include "snapshotter/layer.h"

struct import_opts {
	struct opt_list changes;
	const char *message, *platform;
};

#define T struct import_opts
static const struct opt import_table[] = {
    OPT_LIST('c', "change", T, changes, "INSTRUCTION",
        "Apply a Containerfile instruction such as 'CMD [\"sh\"]' or 'ENV A=b'"),
    OPT_STR('m', "message", T, message, "TEXT", "Comment of the image's history"),
    OPT_STR(0, "platform", T, platform, "OS/ARCH", "Platform of the files", .env = "DOCKER_DEFAULT_PLATFORM"),
    OPT_IGNORED_BOOL('q', "quiet"),
    OPT_END,
};
#undef T

enum { MAGIC = 8 };

MEM_CLEANUP(writer_cleanup, struct blob_writer, blob_writer_free)
MEM_CLEANUP(decompressor_cleanup, struct decompressor, decompressor_free)

/* The plain tar into blobs/; its digest is the diff id. */
static int store_tar(struct cli *cli, struct store *s, int fd, struct digest *ret, uint64_t *ret_size, struct err *e)
{
	struct blob_writer *w cleanup_with(writer_cleanup) = NULL;
	struct decompressor *d cleanup_with(decompressor_cleanup) = NULL;
	cleanup_free char *chunk = mem_new(IO_CHUNK);
	unsigned char magic[MAGIC] = {0};
	size_t n = archive_plain_peek(fd, magic, MAGIC);

	TRY(decompressor_new(compress_detect(magic, n), fd, NULL, &d, e));
	TRY(blobs_writer(s->blobs, &w, e));
	do {
		TRY(decompressor_read(d, chunk, IO_CHUNK, &n, e));
		TRY(sink_write(blob_writer_sink(w), chunk, n, e));
		if (cancelled(cli->cancel))
			return err_set(e, ERR_CANCELLED, "interrupted");
	} while (n);
	TRY(decompressor_drain(d, e));
	TRY(blob_writer_commit(w, NULL, UINT64_MAX, ret, ret_size, e));
	return *ret_size ? 0 : err_set(e, ERR_CORRUPT, "the tar is empty");
}

static void now(int64_t *ret_sec, uint32_t *ret_nsec)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	struct timespec ts;
	uint64_t sec;

	clock_gettime(CLOCK_REALTIME, &ts);
	*ret_sec = ts.tv_sec;
	*ret_nsec = (uint32_t)ts.tv_nsec;
	if (epoch && str_u64(str_of(epoch), INT64_MAX, &sec)) {
		*ret_sec = (int64_t)sec;
		*ret_nsec = 0;
	}
}

static int put_config(struct store *s, const struct import_opts *o, const char *from, const struct platform *platform,
    const struct digest *diff_id, struct descriptor *ret, struct err *e)
{
	struct image_config config cleanup_with(image_config_done) = {0};
	struct buf created cleanup_buf = {0}, comment cleanup_buf = {0}, json cleanup_buf = {0};
	uint32_t nsec;
	int64_t sec;

	TRY(import_config(&o->changes, platform, &config, e));
	now(&sec, &nsec);
	oci_time_print(sec, nsec, &created);
	if (o->message)
		buf_puts(&comment, o->message);
	else
		buf_printf(&comment, "Imported from %s", from);
	config.os = platform->os;
	config.architecture = platform->arch;
	config.variant = platform->variant;
	config.created = buf_view(&created);
	image_config_add_diff_id(&config, diff_id);
	image_config_add_history(
	    &config, &(struct history_entry){.created = buf_view(&created), .comment = buf_view(&comment)});
	image_config_print(&config, &json);
	TRY(blobs_put(s->blobs, buf_view(&json), &ret->digest, e));
	ret->size = json.len;
	ret->media_type = str_of(media_type(MEDIA_CONFIG, MEDIA_OCI, MEDIA_PLAIN));
	return 0;
}

static int put_image(struct local *l, const struct descriptor *config, const struct digest *diff_id, uint64_t size,
    struct str name, struct err *e)
{
	struct descriptor layer = {.digest = *diff_id, .size = size};
	struct manifest m cleanup_with(manifest_done) = {.config = *config, .layers = &layer, .nlayers = 1};
	struct descriptor d = {0};
	struct buf json cleanup_buf = {0};

	layer.media_type = str_of(media_type(MEDIA_LAYER, MEDIA_OCI, MEDIA_PLAIN));
	m.media_type = d.media_type = str_of(media_type(MEDIA_MANIFEST, MEDIA_OCI, MEDIA_PLAIN));
	manifest_print(&m, &json);
	d.digest = digest_of(json.p, json.len);
	d.size = json.len;
	TRY(l->layout->ops->put_manifest(l->layout, &d, buf_view(&json), name, e));
	if (!name.len)
		TRY(layout_tag_all(l->layout, &d, NULL, 0, e));
	return 0;
}

static int import_fd(struct cli *cli, struct local *l, const struct import_opts *o, int fd, const char *from,
    struct str name, struct err *e)
{
	struct platform platform = platform_host();
	struct descriptor config = {0};
	struct digest diff_id, id;
	char text[DIGEST_TEXT + 1];
	uint64_t size;
	struct archive_plain *plain;

	if (o->platform)
		TRY(local_platform(o->platform, cli->arena, &platform, e));
	TRY(archive_plain_open(fd, &plain, e));
	TRY(archive_plain_close(plain, store_tar(cli, l->store, plain ? archive_plain_fd(plain) : fd, &diff_id, &size, e), e));
	TRY(store_set_blob(l->store, &diff_id, COMPRESS_NONE, &diff_id, size, e));
	TRY(layer_unpack(l->store, &diff_id, &diff_id, false, cli->cancel, &id, e));
	TRY(put_config(l->store, o, from, &platform, &diff_id, &config, e));
	TRY(put_image(l, &config, &diff_id, size, name, e));
	digest_text(&config.digest, text);
	printf("%s\n", text);
	return EXIT_OK;
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	const char *file = args->v[0];
	struct local l cleanup_local = {0};
	struct str name = {0};
	int fd cleanup_close = -1;
	struct ref ref;
	int rc;

	if (args->n > 1)
		TRY(local_name(args->v[1], cli->arena, &ref, &name, e));
	if (strcmp(file, "-") != 0) {
		fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, "open %s", file);
	} else if (isatty(STDIN_FILENO)) {
		return err_set(e, ERR_USAGE, "standard input is a terminal, not a tar");
	}
	TRY(local_open(cli, &l, e));
	rc = import_fd(cli, &l, opts, fd < 0 ? STDIN_FILENO : fd, file, name, e);
	return rc < 0 ? err_wrap(e, "import %s", file) : rc;
}

const struct command cmd_import = {
    .name = "import",
    .usage = "[OPTIONS] TAR|- [NAME[:TAG]]",
    .summary = "Make an image of one layer from a tar of a root file system",
    .details = "The tar may be plain or compressed with gzip, zstd, xz or bzip2. Prints the image's id.",
    .examples = "cooper import rootfs.tar base:1\nmmdebstrap --variant=minbase bookworm - | cooper import --change "
                "'CMD [\"bash\"]' - "
                "debian:bookworm-slim",
    .opts = import_table,
    .opts_size = sizeof(struct import_opts),
    .min_args = 1,
    .max_args = 2,
    .run = run,
};

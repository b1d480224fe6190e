/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper save`: images into one archive that every loader takes, or into a layout folder. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "builder/cli/outbound_flags.h"
#include "builder/cli/local.h"
#include "builder/cli/whole_file.h"
#include "registry/archive.h"

struct save_opts {
	struct outbound_flags out;
	const char *output, *format, *platform;
	bool quiet, multi;
};

static const char *const formats[] = {"docker-archive", "oci-archive", "oci-dir", "docker-dir", NULL};

#define T struct save_opts
static const struct opt save_table[] = {
    OUTBOUND_ROWS(T, out, "uncompressed"),
    OPT_STR(0, "format", T, format, "FORMAT", "docker-archive is read by docker and by OCI tools", .words = formats,
        .otherwise = "docker-archive"),
    OPT_BOOL(
        'm', "multi-image-archive", T, multi, "Accepted for compatibility: an archive may always hold several images"),
    OPT_STR('o', "output", T, output, "FILE", "Write here instead of standard output", .files = true),
    OPT_STR(0, "platform", T, platform, "OS/ARCH", "Save this platform's image of several"),
    OPT_BOOL('q', "quiet", T, quiet, "Show no progress"),
    OPT_END,
};
#undef T

struct saving {
	struct archive_image *images;
	size_t n;
};

/* Two names of one image are one entry with two names. */
static void add(struct arena *a, struct saving *s, const struct descriptor *d, struct str name)
{
	struct archive_image *image = NULL;
	struct str *names;

	for (size_t i = 0; i < s->n && !image; i++)
		if (digest_eq(&s->images[i].descriptor.digest, &d->digest))
			image = &s->images[i];
	if (!image) {
		image = &s->images[s->n++];
		image->descriptor = *d;
	}
	if (!name.len)
		return;
	names = arena_new(a, (image->nnames + 1) * sizeof(*names));
	for (size_t i = 0; i < image->nnames; i++) {
		if (str_eq(image->names[i], name))
			return;
		names[i] = image->names[i];
	}
	names[image->nnames++] = name;
	image->names = names;
}

/* The full name under which the user asked for it; none when it was an id. */
static struct str full_name(struct arena *a, const char *written, const struct layout_image *image)
{
	struct buf full cleanup_buf = {0};
	struct err none = {0};
	struct str familiar;
	struct ref ref;

	if (local_name(written, a, &ref, &familiar, &none) < 0 || !str_eq(familiar, image->name))
		return (struct str){0};
	ref_print(&ref, &full);
	return arena_str(a, buf_view(&full));
}

static int collect(struct cli *cli, struct local *l, const struct save_opts *o, bool plain, const struct opt_args *args,
    struct saving *s, struct err *e)
{
	struct platform platform = {0};
	struct outbound_opts out;

	TRY(outbound_flags_get(&o->out, cli, &out, e));
	if (o->platform)
		TRY(local_platform(o->platform, cli->arena, &platform, e));
	for (int i = 0; i < args->n; i++) {
		struct layout_image image;
		struct descriptor d;

		TRY(local_find(l, args->v[i], cli->arena, &image, e));
		d = image.descriptor;
		if (plain || o->platform) {
			struct image_docs docs cleanup_docs = {0};

			TRY(image_docs_read(l, &d, o->platform ? &platform : NULL, cli->arena, &docs, e));
			d = docs.manifest;
		}
		TRY(outbound_manifest(l->store, &d, &out, cli->arena, &d, e));
		add(cli->arena, s, &d, full_name(cli->arena, args->v[i], &image));
	}
	return 0;
}

static int write_folder(
    struct local *l, const struct saving *s, const struct archive_opts *how, const char *path, struct err *e)
{
	int fd cleanup_close = -1;

	TRY(fs_mkdirs(AT_FDCWD, path, 0755, e));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open %s", path);
	return archive_write(l->layout, s->images, s->n, how, NULL, fd, e);
}

static int write_file(
    struct local *l, const struct saving *s, const struct archive_opts *how, const char *path, struct err *e)
{
	struct whole_file file;
	struct sink_fd sink;

	TRY(whole_file_open(path, &file, e));
	sink_fd_init(&sink, file.fd);
	return whole_file_close(&file, archive_write(l->layout, s->images, s->n, how, &sink.sink, -1, e), e);
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	const struct save_opts *o = opts;
	bool folder = strstr(o->format, "-dir") != NULL, docker = strncmp(o->format, "docker", 6) == 0;
	struct archive_opts how = {.docker = docker, .folder = folder};
	struct local l cleanup_local = {0};
	struct saving s = {.images = arena_new(cli->arena, (size_t)args->n * sizeof(struct archive_image))};

	if (folder && !o->output)
		return err_set(e, ERR_USAGE, "--format %s needs --output FOLDER", o->format);
	if (!o->output && isatty(STDOUT_FILENO))
		return err_set(e, ERR_USAGE, "cowardly refusing to save to a terminal: use the -o flag or redirect");
	TRY(local_open(cli, &l, e));
	TRY(collect(cli, &l, o, docker, args, &s, e));
	if (folder)
		return write_folder(&l, &s, &how, o->output, e);
	return write_file(&l, &s, &how, o->output && strcmp(o->output, "-") != 0 ? o->output : NULL, e);
}

const struct command cmd_save = {
    .name = "save",
    .usage = "[OPTIONS] IMAGE...",
    .summary = "Write images into an archive",
    .details = "The archive is an OCI layout and docker's format at once: 'docker load', 'podman load', skopeo, ctr "
               "and umoci read it.",
    .examples =
        "cooper save app:latest -o app.tar\ncooper save app | docker load\ncooper save --format oci-dir -o app.oci app",
    .opts = save_table,
    .opts_size = sizeof(struct save_opts),
    .min_args = 1,
    .max_args = -1,
    .images = true,
    .run = run,
};

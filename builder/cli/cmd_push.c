/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper push`: makes the manifest that the image has outside, then copies it to the registry. */
#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "builder/cli/outbound_flags.h"
#include "builder/cli/pushed.h"
#include "builder/cli/remote_flags.h"
#include "builder/export/offer.h"

struct push_opts {
	struct remote_flags remote;
	struct outbound_flags out;
	bool quiet, all_tags;
	const char *platform, *digest_file, *format;
};

static const char *const formats[] = {"oci", "docker", NULL};

#define T struct push_opts
static const struct opt push_table[] = {
    OPT_BOOL('a', "all-tags", T, all_tags, "Push all tags of the repository"),
    OUTBOUND_ROWS(T, out, "gzip"),
    OPT_STR(0, "digestfile", T, digest_file, "FILE", "Write the digest of the pushed image into a file", .files = true),
    OPT_STR('f', "format", T, format, "FORMAT", "Media types", .words = formats),
    OPT_STR(0, "platform", T, platform, "OS/ARCH", "Push this platform's image of several"),
    OPT_BOOL('q', "quiet", T, quiet, "Print the image's name only"),
    REMOTE_ROWS(T, remote),
    OPT_END,
};
#undef T

static int show(const struct push_opts *o, const struct ref *to, const struct descriptor *d, struct err *e)
{
	struct buf full cleanup_buf = {0};
	char text[DIGEST_TEXT + 1];

	digest_text(&d->digest, text);
	ref_print(to, &full);
	if (o->quiet)
		printf("%s\n", full.p);
	else
		printf("%.*s: digest: %s size: %llu\n", STR_ARG(to->tag), text, (unsigned long long)d->size);
	if (o->digest_file)
		TRY(fs_write_atomic(AT_FDCWD, o->digest_file, str_of(text), 0644, false, e));
	return 0;
}

static int push_one(struct cli *cli, struct local *l, const struct push_opts *o, const struct layout_image *image,
    const struct ref *to, struct err *e)
{
	struct place *remote cleanup_place = NULL;
	struct buf repo cleanup_buf = {0};
	struct shown_transfer how = {.quiet = o->quiet};
	struct outbound_opts out;
	struct platform platform;
	struct descriptor d, stored;
	struct offer offer;

	TRY(outbound_flags_get(&o->out, cli, &out, e));
	if (o->format)
		out.family = strcmp(o->format, "docker") == 0 ? OUTBOUND_DOCKER : OUTBOUND_OCI;
	if (o->platform) {
		TRY(local_platform(o->platform, cli->arena, &platform, e));
		how.platform = &platform;
	}
	ref_print_repo(to, &repo);
	if (!o->quiet)
		fprintf(stderr, "The push refers to repository [%s]\n", repo.p);
	TRY(remote_flags_open(cli, &o->remote, to, true, &remote, e));
	out.to = remote;
	TRY(outbound_manifest(l->store, &image->descriptor, &out, cli->arena, &d, e));
	how.title = arena_printf(cli->arena, "[push] %s:%.*s", repo.p, STR_ARG(to->tag));
	if (remote_transfer(
	        cli, &how, offer_init(&offer, l->store, l->layout, &d, &out), (struct str){0}, remote, to->tag, &stored, e) < 0)
		return err_wrap(e, "push %s:%.*s", repo.p, STR_ARG(to->tag));
	if (!o->platform) /* else it is one of several */
		TRY(pushed_remember(l->store, to, &image->descriptor.digest, &stored.digest, e));
	return show(o, to, &stored, e);
}

/* Every name whose repository is that of `of`. */
static int push_all_tags(
    struct cli *cli, struct local *l, const struct push_opts *o, const struct ref *of, struct err *e)
{
	struct buf repo cleanup_buf = {0};
	struct layout_image *images;
	size_t n, pushed = 0;

	if (of->tagged || !digest_none(&of->digest))
		return err_set(e, ERR_USAGE, "tag can't be used with --all-tags/-a");
	ref_print_repo(of, &repo);
	TRY(layout_list(l->layout, cli->arena, &images, &n, e));
	for (size_t i = 0; i < n; i++) {
		struct buf other cleanup_buf = {0};
		struct err none = {0};
		struct ref ref;

		if (!images[i].name.len || ref_parse(images[i].name, cli->arena, &ref, &none) < 0)
			continue;
		ref_print_repo(&ref, &other);
		if (!str_eq(buf_view(&repo), buf_view(&other)))
			continue;
		TRY(push_one(cli, l, o, &images[i], &ref, e));
		pushed++;
	}
	return pushed ? 0 : err_set(e, ERR_NOT_FOUND, "No such image: %s", repo.p);
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	const struct push_opts *o = opts;
	struct local l cleanup_local = {0};
	struct layout_image image;
	struct str familiar;
	struct ref to;

	TRY(local_open(cli, &l, e));
	TRY(local_name(remote_name(args->v[args->n - 1]), cli->arena, &to, &familiar, e));
	if (o->all_tags)
		return push_all_tags(cli, &l, o, &to, e);
	if (!to.tag.len)
		return err_set(e, ERR_USAGE, "cannot push a digest reference: %s", args->v[args->n - 1]);
	TRY(local_find(&l, args->v[0], cli->arena, &image, e));
	return push_one(cli, &l, o, &image, &to, e);
}

const struct command cmd_push = {
    .name = "push",
    .usage = "[OPTIONS] IMAGE [NAME[:TAG]]",
    .summary = "Send an image to a registry",
    .details = "Layers are kept uncompressed in the local store and compressed on the way. The store remembers "
               "what came out: what the "
               "registry has already is neither compressed again nor sent.",
    .examples = "cooper push registry.example/team/app:1\ncooper push app:latest localhost:5000/app:1\ncooper push "
                "--compression zstd app",
    .opts = push_table,
    .opts_size = sizeof(struct push_opts),
    .min_args = 1,
    .max_args = 2,
    .images = true,
    .run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cooper rmi`: takes a name away; an image that has no name left is removed. An image named by its id loses all of its names, which
 * needs --force when there are several. Layers stay for the build cache until prune takes them.
 */
#include <stdio.h>

#include "builder/cli/local.h"
#include "builder/cli/report.h"

struct rmi_opts {
	bool all, force, ignore;
};

#define T struct rmi_opts
static const struct opt rmi_table[] = {
    OPT_BOOL('a', "all", T, all, "Remove all images"),
    OPT_BOOL('f', "force", T, force, "Remove an image with several names; a missing one is no error"),
    OPT_BOOL('i', "ignore", T, ignore, "A missing image is no error"),
    OPT_IGNORED_BOOL(0, "no-prune"),
    OPT_END,
};
#undef T

static void say_deleted(struct local *l, const struct descriptor *d, struct arena *a)
{
	struct image_docs docs cleanup_docs = {0};
	char text[DIGEST_TEXT + 1];
	struct err ignored = {0};

	digest_text(image_docs_read(l, d, NULL, a, &docs, &ignored) == 0 ? &docs.m.config.digest : &d->digest, text);
	printf("Deleted: %s\n", text);
}

static int remove_name(struct cli *cli, struct local *l, const struct layout_image *image, struct err *e)
{
	bool last = false;

	TRY(layout_untag(l->layout, image->name, &last, e));
	printf("Untagged: %.*s\n", STR_ARG(image->name));
	if (!last)
		return 0;
	say_deleted(l, &image->descriptor, cli->arena);
	return layout_remove(l->layout, &image->descriptor.digest, e);
}

/* All names of the digest. */
static int remove_image(
    struct cli *cli, struct local *l, const struct layout_image *image, const char *written, bool force, struct err *e)
{
	struct layout_image *all;
	size_t n, names = 0;

	TRY(layout_list(l->layout, cli->arena, &all, &n, e));
	for (size_t i = 0; i < n; i++)
		names += all[i].name.len && digest_eq(&all[i].descriptor.digest, &image->descriptor.digest);
	if (names > 1 && !force)
		return err_set(
		    e, ERR_EXISTS, "unable to delete %s (must be forced) - the image has %zu names", written, names);
	for (size_t i = 0; i < n; i++)
		if (all[i].name.len && digest_eq(&all[i].descriptor.digest, &image->descriptor.digest))
			printf("Untagged: %.*s\n", STR_ARG(all[i].name));
	say_deleted(l, &image->descriptor, cli->arena);
	return layout_remove(l->layout, &image->descriptor.digest, e);
}

/* Did the user write the image's name, or something that its digests begin with? */
static bool by_name(struct cli *cli, const struct layout_image *image, const char *written)
{
	struct err ignored = {0};
	struct str familiar;
	struct ref ref;

	return image->name.len && local_name(written, cli->arena, &ref, &familiar, &ignored) == 0 &&
	       str_eq(familiar, image->name);
}

static int remove_one(struct cli *cli, struct local *l, const char *written, const struct rmi_opts *o, struct err *e)
{
	struct layout_image image;
	int rc = local_find(l, written, cli->arena, &image, e);

	if (rc == -ERR_NOT_FOUND && (o->force || o->ignore))
		return 0;
	if (rc < 0)
		return rc;
	if (by_name(cli, &image, written))
		return remove_name(cli, l, &image, e);
	return remove_image(cli, l, &image, written, o->force, e);
}

static int remove_all(struct cli *cli, struct local *l, struct err *e)
{
	struct layout_image *all;
	size_t n;

	TRY(layout_list(l->layout, cli->arena, &all, &n, e));
	for (size_t i = 0; i < n; i++) {
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen = seen || digest_eq(&all[i].descriptor.digest, &all[k].descriptor.digest);
		if (!seen)
			TRY(remove_image(cli, l, &all[i], "", true, e));
	}
	return 0;
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	struct local l cleanup_local = {0};
	const struct rmi_opts *o = opts;
	int failed = 0;

	if (o->all == (args->n > 0))
		return err_set(e, ERR_USAGE,
		    o->all ? "--all takes no names" : "rmi takes at least 1 argument: cooper rmi IMAGE...");
	TRY(local_open(cli, &l, e));
	if (o->all)
		return remove_all(cli, &l, e);
	for (int i = 0; i < args->n; i++) {
		struct err one = {0};

		if (remove_one(cli, &l, args->v[i], o, &one) == 0)
			continue;
		if (failed++)
			report_error(cli, e);
		*e = one;
	}
	return failed ? -(int)e->code : EXIT_OK;
}

const struct command cmd_rmi = {
    .name = "rmi",
    .usage = "[OPTIONS] IMAGE...",
    .summary = "Remove images",
    .details = "Takes the name away; an image without any name left is deleted. Its layers stay as build cache until "
               "'cooper prune'.",
    .examples = "cooper rmi app:old\ncooper rmi -f 3f8a1c",
    .opts = rmi_table,
    .opts_size = sizeof(struct rmi_opts),
    .max_args = -1,
    .images = true,
    .run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper pull` */
#include <stdio.h>

#include "builder/cli/remote_flags.h"

struct pull_opts {
	struct remote_flags remote;
	bool quiet, all_platforms;
	const char *platform, *policy;
};

static const char *const policies[] = {"always", "missing", "never", "newer", NULL};

#define T struct pull_opts
static const struct opt pull_table[] = {
    OPT_BOOL(0, "all-platforms", T, all_platforms, "Pull the image of every platform"),
    OPT_STR(0, "platform", T, platform, "OS/ARCH", "Pull this platform's image", .env = "DOCKER_DEFAULT_PLATFORM"),
    OPT_STR(0, "policy", T, policy, "WHEN", "When to pull", .words = policies, .otherwise = "always"),
    OPT_BOOL('q', "quiet", T, quiet, "Print the image's name only"),
    REMOTE_ROWS(T, remote),
    OPT_END,
};
#undef T

/* What the registry is asked for: the digest when there is one, else the tag. */
static struct str wanted(const struct ref *ref, struct arena *a)
{
	char text[DIGEST_TEXT + 1];

	if (digest_none(&ref->digest))
		return ref->tag;
	digest_text(&ref->digest, text);
	return str_of(arena_strdup(a, text));
}

static int show(const struct descriptor *remote, struct str familiar, const struct ref *ref, bool fresh, bool quiet)
{
	struct buf full cleanup_buf = {0};
	char text[DIGEST_TEXT + 1];

	ref_print(ref, &full);
	if (!quiet) {
		digest_text(&remote->digest, text);
		printf("Digest: %s\nStatus: %s for %.*s\n", text,
		    fresh ? "Downloaded newer image" : "Image is up to date", STR_ARG(familiar));
	}
	printf("%s\n", full.p);
	return EXIT_OK;
}

static int pull_one(struct cli *cli, struct local *l, const struct pull_opts *o, const char *written, struct err *e)
{
	struct shown_transfer how = {.quiet = o->quiet};
	struct platform platform = platform_host();
	struct place *remote cleanup_place = NULL;
	struct descriptor named, got;
	struct layout_image before;
	struct err none = {0};
	struct str familiar;
	struct ref ref;
	bool here;

	TRY(local_name(remote_name(written), cli->arena, &ref, &familiar, e));
	if (o->platform)
		TRY(local_platform(o->platform, cli->arena, &platform, e));
	here = layout_find(l->layout, familiar, cli->arena, &before, &none) == 0;
	if (here && (strcmp(o->policy, "missing") == 0 || strcmp(o->policy, "never") == 0))
		return show(&before.descriptor, familiar, &ref, false, o->quiet);
	if (strcmp(o->policy, "never") == 0)
		return err_set(e, ERR_NOT_FOUND, "No such image: %s", written);
	TRY(remote_flags_open(cli, &o->remote, &ref, false, &remote, e));
	if (remote->ops->resolve(remote, wanted(&ref, cli->arena), cli->arena, &named, e) < 0)
		return err_wrap(e, "pull %.*s", STR_ARG(familiar));
	how.title = arena_printf(cli->arena, "[pull] %.*s", STR_ARG(familiar));
	how.resolved = &named;
	how.platform = o->all_platforms ? NULL : &platform;
	if (remote_transfer(cli, &how, remote, wanted(&ref, cli->arena), l->layout, familiar, &got, e) < 0)
		return err_wrap(e, "pull %.*s", STR_ARG(familiar));
	return show(&named, familiar, &ref, !here || !digest_eq(&before.descriptor.digest, &got.digest), o->quiet);
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	struct local l cleanup_local = {0};

	TRY(local_open(cli, &l, e));
	for (int i = 0; i < args->n; i++)
		TRY(pull_one(cli, &l, opts, args->v[i], e));
	return EXIT_OK;
}

const struct command cmd_pull = {
    .name = "pull",
    .usage = "[OPTIONS] NAME[:TAG|@DIGEST]...",
    .summary = "Fetch images from a registry",
    .details = "Fetches the image of this machine's platform, unless told otherwise. Names without a host are Docker "
               "Hub's. Registries on "
               "this machine may speak plain HTTP.",
    .examples = "cooper pull debian:bookworm-slim\ncooper pull --platform linux/arm64 alpine",
    .opts = pull_table,
    .opts_size = sizeof(struct pull_opts),
    .min_args = 1,
    .max_args = -1,
    .run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper tag` */
#include "builder/cli/local.h"

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	struct local l cleanup_local = {0};
	struct layout_image image;
	struct str name;
	struct ref ref;

	(void)opts;
	TRY(local_open(cli, &l, e));
	for (int i = 1; i < args->n; i++) {
		TRY(local_name(args->v[i], cli->arena, &ref, &name, e));
		if (!digest_none(&ref.digest))
			return err_set(
			    e, ERR_USAGE, "refusing to create a tag with a digest reference: %s", args->v[i]);
	}
	TRY(local_find(&l, args->v[0], cli->arena, &image, e));
	for (int i = 1; i < args->n; i++) {
		TRY(local_name(args->v[i], cli->arena, &ref, &name, e));
		TRY(layout_tag(l.layout, &image.descriptor, name, e));
	}
	return EXIT_OK;
}

const struct command cmd_tag = {
    .name = "tag",
    .usage = "IMAGE NAME[:TAG] [NAME[:TAG]...]",
    .summary = "Give an image one more name",
    .examples = "cooper tag app registry.example/team/app:1",
    .min_args = 2,
    .max_args = -1,
    .images = true,
    .run = run,
};

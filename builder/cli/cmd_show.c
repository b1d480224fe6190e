/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cooper show`: what is made of a Containerfile before anything runs, for those who work on cooper. Base images are those of the store;
 * one that is not there is taken as empty, so that nothing is fetched.
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/io.h"
#include "builder/cli/build_images.h"
#include "builder/cli/local.h"
#include "parser/dump.h"
#include "parser/parse.h"

struct show_opts {
	const char *file, *target;
	bool ast, plan;
};

static const struct opt show_table[] = {
    OPT_STR('f', "file", struct show_opts, file, "FILE", "The Containerfile", .files = true),
    OPT_STR(0, "target", struct show_opts, target, "STAGE", "The stage to plan for"),
    OPT_BOOL(0, "plan", struct show_opts, plan, "The steps and what each stands on"),
    OPT_BOOL(0, "ast", struct show_opts, ast, "The instructions as they were parsed"),
    OPT_END,
};

static int read_file(struct cli *cli, const struct show_opts *o, const char *folder, struct err *e)
{
	static const char *const names[] = {"Containerfile", "Dockerfile"};
	cleanup_buf struct buf text = {0};
	const char *path = o->file;
	for (size_t i = 0; i < ARRAY_LEN(names) && !path; i++) {
		const char *there = arena_printf(cli->arena, "%s/%s", folder, names[i]);
		if (fs_exists(AT_FDCWD, there))
			path = there;
	}
	if (!path)
		return err_set(e, ERR_NOT_FOUND, "there is no Containerfile or Dockerfile in %s", folder);
	TRY(io_read_file(AT_FDCWD, path, CF_SIZE_MAX, &text, e));
	cli->file = path;
	cli->text = arena_str(cli->arena, buf_view(&text));
	return 0;
}

/* resolver.image */
static int base_image(void *arg, struct str name, const struct platform *want, struct arena *a, struct lower_image *ret, struct err *e)
{
	if (image_find(arg, name, want, a, ret, e) == 0)
		return 0;
	*ret = (struct lower_image){.config = {.os = want->os, .architecture = want->arch, .variant = want->variant},
		.tree = tree_new(a, NULL, 0), .platform = *want};
	tree_seal(ret->tree);
	return 0;
}

static int print_plan(struct cli *cli, struct cf *cf, const char *target, struct buf *out, struct err *e)
{
	cleanup_local struct local local = {0};
	struct plan plan;
	struct lowered l = {0};
	TRY(local_open(cli, &local, e));
	struct ops_env env = {.store = local.store, .layout = local.layout, .pull = PULL_NEVER, .cancel = cli->cancel};
	struct image_finder finder = {.env = &env, .a = cli->arena};
	const struct resolver resolver = {.image = base_image, .arg = &finder};
	const struct lower_opts o = {.cf = cf, .target = str_of(target), .platform = platform_host(), .build_platform = platform_host(),
		.resolver = &resolver};
	plan_init(&plan);
	int rc = lower(&o, &plan, &l, e);
	if (rc == 0)
		plan_print(&plan, out);
	lowered_done(&l);
	plan_done(&plan);
	return rc;
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	const struct show_opts *o = opts;
	cleanup_cf struct cf *cf = NULL;
	cleanup_buf struct buf out = {0};
	if (o->ast == o->plan)
		return err_set(e, ERR_USAGE, "either --plan or --ast is wanted");
	TRY(read_file(cli, o, args->n ? args->v[0] : ".", e));
	TRY(cf_parse(cli->text, cli->file, &cf, e));
	if (o->ast)
		cf_dump(cf, DUMP_FULL, &out);
	else
		TRY(print_plan(cli, cf, o->target, &out, e));
	fputs(out.p ? out.p : "", stdout);
	return EXIT_OK;
}

const struct command cmd_show = {
    .name = "show",
    .usage = "--plan|--ast [-f FILE] [DIR]",
    .summary = "Show what is made of a Containerfile",
    .opts = show_table,
    .opts_size = sizeof(struct show_opts),
    .max_args = 1,
    .hidden = true,
    .run = run,
};

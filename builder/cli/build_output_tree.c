/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the result: in a folder (each platform in one of its own when there are several), as a tar, as a site.
 */
#include "builder/cli/build_output_impl.h"

#include <fcntl.h>

#include "base/fs.h"
#include "builder/cli/pages.h"
#include "snapshotter/layer.h"
#include "snapshotter/rootpath.h"
#include "snapshotter/tar.h"

static int tree_ids(struct writing *w, const struct tree *t, struct digest **ret, struct err *e)
{
	*ret = arena_new(w->cli->arena, (t->n + 1) * sizeof(**ret));
	return ops_need_tree(w->b->env, t, TREE_FOLDERS, w->cli->cancel, *ret, e);
}

static int place_one(struct writing *w, size_t i, const char *dest, struct err *e)
{
	struct digest *ids;
	cleanup_close int dir = -1;
	struct layer_place how = {.set_time = w->r->epoch, .reflink_or_copy = true};
	TRY(tree_ids(w, w->b->trees[i], &ids, e));
	if (w->out->mode_delete)
		TRY(fs_remove_tree(AT_FDCWD, dest, e));
	TRY(fs_mkdirs(AT_FDCWD, dest, 0755, e));
	TRY(fs_open_dir(AT_FDCWD, dest, &dir, e));
	return layer_place_tree(w->b->env->store, ids, w->b->trees[i]->n, dir, &how, w->cli->cancel, e);
}

static char *platform_folder(const struct platform *p)
{
	return mem_printf(
	    "%.*s_%.*s%s%.*s", STR_ARG(p->os), STR_ARG(p->arch), p->variant.len ? "_" : "", STR_ARG(p->variant));
}

int output_local(struct writing *w, struct err *e)
{
	output_say(w, "copying files to %s", w->out->dest);
	if (w->b->n == 1)
		return place_one(w, 0, w->out->dest, e);
	for (size_t i = 0; i < w->b->n; i++) {
		cleanup_free char *name = platform_folder(&w->b->platforms[i]);
		cleanup_free char *dest = mem_printf("%s/%s", w->out->dest, name);
		TRY(place_one(w, i, dest, e));
	}
	return 0;
}

static int open_placed(void *arg, const struct entry *en, int *ret_fd, struct err *e)
{
	cleanup_free char *path = mem_strndup(en->path.p, en->path.len);
	return rootpath_open_nolinks(*(int *)arg, path, O_RDONLY, 0, ret_fd, e);
}

/* Several platforms, each in a folder of its own: placed in scratch space first. */
static int write_tar_platforms(struct writing *w, struct err *e)
{
	int tmp;
	struct whole_file file;
	struct sink_fd sink;
	struct tar_writer tar;
	struct layer_skip skip = {0};
	struct layer_place how = {.owners = true, .set_time = w->r->epoch};
	cleanup_free char *scratch = NULL;
	cleanup_close int dir = -1;
	cleanup_index struct index *ix = NULL;
	cleanup_view struct view *empty = view_new(NULL, 0);
	TRY(store_tmp(w->b->env->store, &tmp, e));
	TRY(fs_temp_dir(tmp, "tar-", &scratch, e));
	TRY(fs_open_dir(tmp, scratch, &dir, e));
	for (size_t i = 0; i < w->b->n; i++) {
		struct digest *ids;
		cleanup_close int sub = -1;
		cleanup_free char *name = platform_folder(&w->b->platforms[i]);
		TRY(fs_mkdirs(dir, name, 0755, e));
		TRY(fs_open_dir(dir, name, &sub, e));
		TRY(tree_ids(w, w->b->trees[i], &ids, e));
		TRY(layer_place_tree(w->b->env->store, ids, w->b->trees[i]->n, sub, &how, w->cli->cancel, e));
	}
	TRY(layer_from_upper(dir, empty, &skip, w->cli->cancel, &ix, e));
	TRY(output_open(w, &file, e));
	sink_fd_init(&sink, file.fd);
	tar_writer_init(&tar, &sink.sink, INT64_MAX);
	int rc = whole_file_close(&file, tar_write_index(&tar, ix, open_placed, &dir, e), e);
	tar_writer_done(&tar);
	return rc;
}

int output_tar(struct writing *w, struct err *e)
{
	struct whole_file file;
	struct sink_fd sink;
	struct digest *ids;
	if (w->b->n > 1)
		return write_tar_platforms(w, e);
	TRY(tree_ids(w, w->b->trees[0], &ids, e));
	TRY(output_open(w, &file, e));
	sink_fd_init(&sink, file.fd);
	int rc =
	    w->out->kind == OUTPUT_PAGES
	        ? pages_write(w->b->env->store, ids, w->b->trees[0]->n, w->r->epoch, &sink.sink, w->cli->cancel, e)
	        : layer_tar_tree(w->b->env->store, ids, w->b->trees[0]->n, w->r->epoch, &sink.sink, w->cli->cancel, e);
	return whole_file_close(&file, rc, e);
}

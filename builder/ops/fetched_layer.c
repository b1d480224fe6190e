/* SPDX-License-Identifier: Apache-2.0 */
/* What op_http and op_git fetched becomes a layer like any other: an index over a folder. */
#include "builder/ops/fetched_layer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "snapshotter/layer.h"

int fetched_scratch(struct ops_env *env, const char *prefix, int *ret_tmp, char **ret_scratch, struct err *e)
{
	cleanup_free char *name = NULL;
	TRY(store_tmp(env->store, ret_tmp, e));
	TRY(fs_temp_dir(*ret_tmp, prefix, &name, e));
	cleanup_free char *fs = mem_printf("%s/fs", name);
	if (mkdirat(*ret_tmp, fs, 0755) < 0)
		return err_sys(e, "create folder %s", fs);
	*ret_scratch = steal(&name);
	return 0;
}

int fetched_layer(struct ops_env *env, int tmp_fd, const char *scratch, struct timespec began, const struct cancel *cancel,
	struct outcome *ret, struct err *e)
{
	cleanup_close int dir = -1;
	cleanup_close int fs = -1;
	cleanup_index struct index *ix = NULL;
	cleanup_view struct view *empty = view_new(NULL, 0);
	struct layer_skip skip = {.began = began};
	struct layer l;
	TRY(fs_open_dir(tmp_fd, scratch, &dir, e));
	TRY(fs_open_dir(dir, "fs", &fs, e));
	TRY(layer_from_upper(fs, empty, &skip, cancel, &ix, e));
	layer_describe(ix, &l);
	TRY(index_write(ix, dir, "index", e));
	TRY(store_add_layer(env->store, tmp_fd, scratch, &l, e));
	ret->has_layer = true;
	ret->layer = (struct tree_layer){.cid = l.cid, .id = l.id, .created = l.created, .created_nsec = l.created_nsec};
	return 0;
}

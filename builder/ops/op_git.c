/* SPDX-License-Identifier: Apache-2.0 */
/* ADD of a git repository. The key is the commit, so an unmoved branch costs one `ls-remote` and a commit costs nothing. */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "builder/ops/env.h"
#include "builder/ops/fetched_layer.h"
#include "builder/ops/git.h"
#include "builder/ops/ops.h"

static void hash_git(const void *args, struct hasher *h)
{
	const struct op_git_args *a = args;
	hasher_str(h, a->remote);
	hasher_str(h, a->ref);
	hasher_str(h, a->subdir);
	hasher_str(h, a->checksum);
	hasher_u64(h, (uint64_t)a->keep_git_dir << 1 | a->submodules);
}

static struct git_source source(const struct task *t)
{
	const struct op_git_args *a = t->step->args;
	const struct ops_env *env = t->env;
	return (struct git_source){.remote = a->remote, .ref = a->ref, .subdir = a->subdir, .checksum = a->checksum,
		.keep_git_dir = a->keep_git_dir, .submodules = a->submodules, .ssh_socket = env->nssh ? env->ssh[0].socket : NULL,
		.secrets = env->secrets, .nsecrets = env->nsecrets};
}

/* What is not the usual, as it is written. */
static void why_options(struct task *t, const struct op_git_args *a)
{
	cleanup_buf struct buf text = {0};
	if (a->subdir.len)
		buf_printf(&text, " subdir=%.*s", STR_ARG(a->subdir));
	if (a->keep_git_dir)
		buf_puts(&text, " --keep-git-dir");
	if (!a->submodules)
		buf_puts(&text, " submodules=false");
	if (text.len)
		ops_why_text(&t->why, PART_FLAG, str_from(buf_view(&text), 1));
}

static int key_git(struct task *t, struct hasher *h, struct err *e)
{
	struct git_source g = source(t);
	struct str commit;
	cleanup_arena struct arena a = {0};
	const struct op_git_args *args = t->step->args;
	TRY(git_resolve(&g, t->cancel, &a, &commit, e));
	hasher_str(h, commit);
	hasher_str(h, args->subdir);
	hasher_u64(h, (uint64_t)args->keep_git_dir << 1 | args->submodules);
	buf_str(&t->found, commit);
	ops_why_text(&t->why, PART_COMMIT, commit);
	why_options(t, args);
	return 0;
}

static int run_git(struct task *t, struct outcome *ret, struct err *e)
{
	struct ops_env *env = t->env;
	struct git_source g = source(t);
	int tmp = -1;
	int64_t when = 0;
	struct timespec began;
	cleanup_free char *scratch = NULL;
	clock_gettime(CLOCK_REALTIME_COARSE, &began);
	TRY(fetched_scratch(env, "git-", &tmp, &scratch, e));
	cleanup_free char *path = mem_printf("%s/%s/%s/fs", env->store->path, env->store->tmp_name, scratch);
	/* The commit that the key was made of, wherever the branch is by now. */
	TRY(git_checkout(&g, buf_view(&t->found), path, t->cancel, &when, e));
	return fetched_layer(env, tmp, scratch, began, t->cancel, ret, e);
}

const struct op op_git = {.name = "git", .far = true, .hash = hash_git, .key = key_git, .run = run_git};

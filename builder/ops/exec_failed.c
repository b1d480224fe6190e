/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a failed step, kept or shown. The folder gets the whole root file system as the step left it: the tree, and the
 * step's own changes over it. The shell is a second run in the same place: same upper, mounts, user and environment.
 */
#include "builder/ops/exec_failed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "builder/ops/ops.h"
#include "snapshotter/layer.h"
#include "snapshotter/place_folder.h"

static void warn(struct task *t, const char *what, const struct err *why)
{
	cleanup_free char *text = mem_printf("%s: %s", what, why->text);
	t->warn(t->arg, t->step, text);
}

static int keep_files(const struct ops_env *env, const struct ops_tree *root, int upper_fd, struct err *e)
{
	cleanup_close int fd = -1;
	/* An ordinary user's copy is the user's: what belongs to subordinate ids could not be removed any more. */
	struct layer_place how = {.owners = sandbox_mode(NULL) == SANDBOX_ROOT, .set_time = INT64_MAX, .reflink_or_copy = true};
	TRY(fs_mkdirs(AT_FDCWD, env->keep_failed, 0755, e));
	TRY(fs_open_dir(AT_FDCWD, env->keep_failed, &fd, e));
	TRY(layer_place_tree(env->store, root->ids, root->n, fd, &how, env->cancel, e));
	return place_folder(upper_fd, fd, how.owners, e);
}

static void keep(struct task *t, const struct ops_tree *root, int upper_fd)
{
	const struct ops_env *env = t->env;
	struct err e = {0};
	if (keep_files(env, root, upper_fd, &e) < 0) {
		warn(t, "--output-on-failure", &e);
		return;
	}
	cleanup_free char *text = mem_printf("the files of the failed step are in %s", env->keep_failed);
	t->warn(t->arg, t->step, text);
}

/* The step's environment, and what a terminal needs to be told. */
static char **with_terminal(struct arena *a, char *const *env)
{
	size_t n = 0;
	bool has_term = false;
	for (; env[n]; n++)
		has_term = has_term || strncmp(env[n], "TERM=", 5) == 0;
	char **v = arena_new(a, (n + 2) * sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = env[i];
	if (!has_term && getenv("TERM"))
		v[n] = arena_printf(a, "TERM=%s", getenv("TERM"));
	return v;
}

static void shell(struct task *t, const struct sandbox_run *run)
{
	static const char no_terminal[] = "--on-error=shell needs a terminal on standard input and output";
	const struct ops_env *env = t->env;
	cleanup_arena struct arena a = {0};
	struct sandbox_result result = {0};
	struct err e = {0};
	char program[] = "/bin/sh";
	char *argv[] = {program, NULL};
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		t->warn(t->arg, t->step, no_terminal);
		return;
	}
	struct sandbox_run again = *run;
	again.argv = argv;
	again.env = with_terminal(&a, run->env);
	again.interactive = true;
	env->shell(env->progress_arg, t->step, true);
	int rc = sandbox_run(&again, &result, &e);
	env->shell(env->progress_arg, t->step, false);
	sandbox_result_done(&result);
	if (rc < 0)
		warn(t, "--on-error=shell", &e);
}

void exec_failed(struct task *t, const struct ops_tree *root, const struct sandbox_run *run)
{
	const struct ops_env *env = t->env;
	if (env->keep_failed)
		keep(t, root, run->upper_fd);
	if (env->shell_on_error && !cancelled(t->cancel))
		shell(t, run);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN: the tree's folders as lowers of an overlay, a fresh upper, the mounts that were asked for, one command in the sandbox; then
 * the upper folder becomes the new layer as it stands, and its index says what changed.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "builder/ops/env.h"
#include "builder/ops/exec_failed.h"
#include "builder/ops/exec_mounts.h"
#include "builder/ops/exec_sources.h"
#include "builder/ops/ops_source.h"
#include "snapshotter/layer.h"
#include "snapshotter/passwd.h"

_Static_assert((int)EXEC_NET_DEFAULT == SANDBOX_NET_DEFAULT && (int)EXEC_NET_NONE == SANDBOX_NET_NONE && (int)EXEC_NET_HOST == SANDBOX_NET_HOST,
	"the two enums say the same");

static void hash_strs(const struct strs *l, struct hasher *h)
{
	hasher_u64(h, l->n);
	for (size_t i = 0; i < l->n; i++)
		hasher_str(h, l->v[i]);
}

/* Values of secrets, proxies and the content of cache mounts do not count; that they are mounted does. */
static void hash_options(const struct op_exec_args *a, struct hasher *h)
{
	hasher_str(h, a->hostname);
	hasher_u64(h, (uint64_t)a->network);
	hasher_u64(h, a->insecure);
	hasher_str(h, a->script.name);
	hasher_str(h, a->script.content);
	hasher_u64(h, a->nmounts);
	for (size_t i = 0; i < a->nmounts; i++) {
		const struct exec_mount *m = &a->mounts[i];
		hasher_u64(h, (uint64_t)m->kind);
		hasher_str(h, str_of(m->target));
		hasher_u64(h, m->rw);
		hasher_u64(h, (uint64_t)(m->input + 1) << 1 | m->placed);
		hasher_str(h, m->input >= 0 ? m->source : STR(""));
		hasher_u64(h, m->kind == EXEC_TMPFS ? m->size : 0);
		hasher_str(h, m->kind == EXEC_SECRET || m->kind == EXEC_SSH ? m->id : STR(""));
		hasher_str(h, m->env);
		hasher_u64(h, (uint64_t)m->mode << 32 | m->uid);
		hasher_u64(h, m->gid);
	}
}

static void hash_command(const struct op_exec_args *a, struct hasher *h)
{
	hash_strs(&a->argv, h);
	hash_strs(&a->env, h);
	hasher_str(h, a->cwd);
	hasher_str(h, a->user);
}

/* Steps that fill other caches, or fail without a secret, are not one, although they give the same. */
static void hash_exec(const void *args, struct hasher *h)
{
	const struct op_exec_args *a = args;
	hash_command(a, h);
	hash_options(a, h);
	for (size_t i = 0; i < a->nmounts; i++) {
		hasher_str(h, a->mounts[i].id);
		hasher_u64(h, (uint64_t)a->mounts[i].sharing << 2 | (uint64_t)a->mounts[i].own << 1 | a->mounts[i].required);
	}
}

/* What is neither the command nor what it stands on. */
static struct digest options(const struct task *t)
{
	const struct ops_env *env = t->env;
	struct hasher h;
	hasher_init(&h);
	hash_options(t->step->args, &h);
	hasher_u64(&h, env->nhosts);
	for (size_t i = 0; i < env->nhosts; i++)
		hasher_str(&h, str_of(env->hosts[i].name));
	hasher_u64(&h, env->nlimits);
	for (size_t i = 0; i < env->nlimits; i++) {
		hasher_u64(&h, (uint64_t)env->limits[i].resource);
		hasher_u64(&h, env->limits[i].soft);
		hasher_u64(&h, env->limits[i].hard);
	}
	return hasher_done(&h);
}

static int key_exec(struct task *t, struct hasher *h, struct err *e)
{
	const struct op_exec_args *a = t->step->args;
	struct digest rest = options(t);
	cleanup_free struct digest *sources = mem_array(a->nmounts + 1, sizeof(*sources));
	TRY(exec_sources_digests(t, sources, e));
	if (t->waits)
		return 0;
	hash_command(a, h);
	hasher_digest(h, &rest);
	for (size_t i = 0; i < a->nmounts; i++)
		if (exec_source_counts(&a->mounts[i]))
			hasher_digest(h, &sources[i]);
	exec_why(t, sources);
	return 0;
}

/* All that lives as long as one run. */
struct exec {
	struct task *task;
	struct ops_env *env;
	const struct op_exec_args *args;
	struct arena arena;
	struct ops_tree root;
	struct passwd_user user;
	uint32_t *groups;
	size_t ngroups;
	struct exec_mounts mounts;
	char *scratch;             /* folder below the store's tmp: fs (the upper), work */
	int tmp_fd, scratch_fd, upper_fd, work_fd;
	int log_fd;                /* the whole output; -1 when it may hold a secret */
	struct timespec began;     /* by the clock that files get their times from */
	struct sandbox_result result;
};

static char **strings(struct arena *a, const struct strs *l, size_t room, size_t *ret_n)
{
	char **v = arena_new(a, (l->n + room + 1) * sizeof(*v));
	for (size_t i = 0; i < l->n; i++)
		v[i] = (char *)arena_str(a, l->v[i]).p;
	*ret_n = l->n;
	return v;
}

/* Where the variable stands; n when it does not. */
static size_t env_find(char *const *env, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_starts(str_of(env[i]), name) && env[i][name.len] == '=')
			return i;
	return n;
}

static struct str env_name(const char *var)
{
	return (struct str){var, strcspn(var, "=")};
}

static char **environment(struct exec *x)
{
	size_t n, room = 2 + x->env->nproxy + x->mounts.nvars;
	char **env = strings(&x->arena, &x->args->env, room, &n);
	for (size_t i = 0; i < x->env->nproxy; i++) {
		struct str p = x->env->proxy[i];
		if (env_find(env, n, str_sub(p, 0, (size_t)str_find(p, '='))) == n)
			env[n++] = (char *)arena_str(&x->arena, p).p;
	}
	for (size_t i = 0; i < x->mounts.nvars; i++) { /* a secret replaces what ENV says */
		size_t at = env_find(env, n, env_name(x->mounts.vars[i]));
		env[at] = x->mounts.vars[i];
		n += at == n;
	}
	if (env_find(env, n, STR("HOME")) == n)
		env[n++] = arena_printf(&x->arena, "HOME=%s", x->user.home && *x->user.home ? x->user.home : "/");
	return env;
}

static int find_user(struct exec *x, struct err *e)
{
	struct passwd *p = NULL;
	struct str user = x->args->user;
	if (user.len && user.p[user.len - 1] == ':')
		return err_set(e, ERR_SYNTAX, "invalid user \"%.*s\": there is no group after ':'", STR_ARG(user));
	TRY(passwd_read(x->env->store, x->root.ids, x->root.n, &p, e));
	int rc = passwd_run_user(p, x->args->user, &x->user, e);
	passwd_free(p);
	if (rc < 0)
		return rc;
	/* The primary group is among the supplementary ones too: dropping it must not widen what "others" may do (CVE-2022-36109). */
	x->groups = arena_new(&x->arena, (x->user.ngroups + 1) * sizeof(*x->groups));
	x->groups[x->ngroups++] = x->user.gid;
	for (size_t i = 0; i < x->user.ngroups; i++)
		if (x->user.groups[i] != x->user.gid)
			x->groups[x->ngroups++] = x->user.groups[i];
	return 0;
}

static bool uses_secrets(const struct op_exec_args *a)
{
	for (size_t i = 0; i < a->nmounts; i++)
		if (a->mounts[i].kind == EXEC_SECRET || a->mounts[i].kind == EXEC_SSH)
			return true;
	return false;
}

static int make_scratch(struct exec *x, struct err *e)
{
	TRY(store_tmp(x->env->store, &x->tmp_fd, e));
	TRY(fs_temp_dir(x->tmp_fd, "run-", &x->scratch, e));
	TRY(fs_open_dir(x->tmp_fd, x->scratch, &x->scratch_fd, e));
	if (mkdirat(x->scratch_fd, "fs", 0755) < 0 || mkdirat(x->scratch_fd, "work", 0700) < 0)
		return err_sys(e, "create the folders of a step");
	if (!uses_secrets(x->args)) {
		x->log_fd = openat(x->scratch_fd, "log", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (x->log_fd < 0)
			return err_sys(e, "create the log of a step");
	}
	TRY(fs_open_dir(x->scratch_fd, "fs", &x->upper_fd, e));
	return fs_open_dir(x->scratch_fd, "work", &x->work_fd, e);
}

/* What a failed step printed stays readable: logs/<step>.log in the store, one for each step. */
static void keep_log(struct exec *x)
{
	char hex[DIGEST_HEX + 1];
	struct stat st;
	if (x->log_fd < 0 || fstat(x->log_fd, &st) < 0 || st.st_size == 0)
		return;
	digest_hex(&x->task->step->id, hex);
	cleanup_free char *name = mem_printf("logs/%.16s.log", hex);
	cleanup_free char *from = mem_printf("%s/log", x->scratch);
	if ((mkdirat(x->env->store->fd, "logs", 0700) < 0 && errno != EEXIST) || renameat(x->tmp_fd, from, x->env->store->fd, name) < 0)
		return;
	cleanup_free char *text = mem_printf("(the whole output of the step is in %s/%s)\n", x->env->store->path, name);
	x->task->log(x->task->arg, x->task->step, 2, text, strlen(text));
}

static void output(void *arg, int stream, const void *p, size_t len)
{
	struct exec *x = arg;
	struct err ignored;
	if (x->log_fd >= 0)
		(void)io_write_all(x->log_fd, p, len, &ignored);
	x->task->log(x->task->arg, x->task->step, stream, p, len);
}

/* With one id: what the index knows and the layer's folder cannot. */
static bool owner_below(void *arg, const char *path, uint32_t *ret_uid, uint32_t *ret_gid)
{
	const struct exec *x = arg;
	struct entry en;
	if (!view_inode(x->root.view, str_of(path), &en))
		return false;
	*ret_uid = en.uid;
	*ret_gid = en.gid;
	return true;
}

static void describe_run(struct exec *x, struct sandbox_run *run)
{
	const struct op_exec_args *a = x->args;
	size_t argc, nlowers;
	const int *fds = ops_tree_lowers(&x->root, &x->arena, &nlowers);
	*run = (struct sandbox_run){.lowers = fds, .nlowers = nlowers, .upper_fd = x->upper_fd, .work_fd = x->work_fd,
		.argv = strings(&x->arena, &a->argv, 0, &argc), .env = environment(x), .cwd = arena_str(&x->arena, a->cwd).p,
		.uid = x->user.uid, .gid = x->user.gid, .groups = x->groups, .ngroups = x->ngroups,
		.hostname = arena_str(&x->arena, a->hostname).p, .network = (enum sandbox_network)a->network, .insecure = a->insecure,
		.mounts = x->mounts.v, .nmounts = x->mounts.n, .hosts = x->env->hosts, .nhosts = x->env->nhosts, .limits = x->env->limits,
		.nlimits = x->env->nlimits, .shm_size = x->env->shm_size, .resources = &x->env->resources, .cancel = x->task->cancel, .output = output, .owner = owner_below,
		.arg = x};
}

/* A command that cannot be started is a step that failed: it says so like one. */
static int not_started(struct exec *x, struct err *e)
{
	bool command = str_starts(str_of(e->text), STR("exec"));
	if (!command || (e->code != ERR_NOT_FOUND && e->code != ERR_DENIED && e->code != ERR_UNSUPPORTED))
		return -(int)e->code;
	err_wrap(e, "process \"%.*s\" could not be started", STR_ARG(x->args->text));
	e->code = ERR_STEP;
	return -ERR_STEP;
}

/* The limit of memory as it is usually written: 64m. */
static char *memory_limit(const struct exec *x)
{
	static const char units[] = "\0kmg";
	uint64_t n = x->env->resources.memory;
	size_t unit = 0;
	for (; unit < 3 && n && n % 1024 == 0; unit++)
		n /= 1024;
	return mem_printf("out of memory (limit %llu%.1s)", (unsigned long long)n, &units[unit]);
}

/* Says of a failure that a limit of --memory or --pids-limit was met. */
static int limit_met(const struct exec *x, struct err *e)
{
	cleanup_free char *text = memory_limit(x);
	if (x->result.out_of_memory)
		err_append(e, ": %skilled: %s", x->result.exit_code == 128 + SIGKILL ? "" : "a process was ", text);
	else if (x->result.out_of_pids)
		err_append(e, ": no more processes could be made (limit %llu)", (unsigned long long)x->env->resources.pids);
	return -(int)e->code;
}

/* A shell goes on when one of its commands was killed; the layer may not be what was meant. */
static void warn_limit_met(const struct exec *x)
{
	cleanup_free char *limit = memory_limit(x), *text = mem_printf("a process of this step was killed: %s", limit);
	if (x->result.out_of_memory)
		x->task->warn(x->task->arg, x->task->step, text);
}

static int run_command(struct exec *x, struct err *e)
{
	struct sandbox_run run;
	describe_run(x, &run);
	int rc = sandbox_run(&run, &x->result, e);
	for (const char *notice; (notice = sandbox_notice()) != NULL;)
		x->task->warn(x->task->arg, x->task->step, notice);
	if (rc == 0 && x->result.exit_code == 0) {
		warn_limit_met(x);
		return 0;
	}
	if (rc < 0 && not_started(x, e) != -ERR_STEP)
		return rc;
	keep_log(x);
	exec_failed(x->task, &x->root, &run);
	if (rc < 0)
		return -ERR_STEP;
	err_set(e, ERR_STEP, "process \"%.*s\" did not complete successfully: exit code: %d", STR_ARG(x->args->text),
		x->result.exit_code);
	return limit_met(x, e);
}

static int take_layer(struct exec *x, struct outcome *ret, struct err *e)
{
	cleanup_index struct index *ix = NULL;
	struct str *paths = arena_new(&x->arena, (x->result.nstubs + 1) * sizeof(*paths));
	for (size_t i = 0; i < x->result.nstubs; i++)
		paths[i] = str_of(x->result.stubs[i]);
	struct layer_owner *owners = arena_new(&x->arena, (x->result.nowners + 1) * sizeof(*owners));
	for (size_t i = 0; i < x->result.nowners; i++) {
		const struct sandbox_owner *o = &x->result.owners[i];
		owners[i] = (struct layer_owner){.ino = o->ino, .born = o->born, .born_nsec = o->born_nsec, .uid = o->uid, .gid = o->gid};
	}
	struct layer_beside *beside = arena_new(&x->arena, (x->mounts.ntrees + 1) * sizeof(*beside));
	for (size_t i = 0; i < x->mounts.ntrees; i++) {
		const struct ops_tree *tree = &x->mounts.trees[i];
		beside[i] = (struct layer_beside){.view = tree->view, .folders = tree->folders, .nfolders = tree->n};
	}
	struct layer_skip skip = {.paths = paths, .n = x->result.nstubs, .owners_in_xattr = sandbox_mode(NULL) == SANDBOX_SINGLE_ID,
		.uid = x->user.uid, .gid = x->user.gid, .owners = owners, .nowners = x->result.nowners, .began = x->began,
		.beside = beside, .nbeside = x->mounts.ntrees};
	TRY(layer_from_upper(x->upper_fd, x->root.view, &skip, x->task->cancel, &ix, e));
	struct layer l;
	layer_describe(ix, &l);
	TRY(index_write(ix, x->scratch_fd, "index", e));
	TRY(fs_remove_tree(x->scratch_fd, "work", e));
	TRY(fs_remove_tree(x->scratch_fd, "log", e));
	TRY(store_add_layer(x->env->store, x->tmp_fd, x->scratch, &l, e));
	ret->has_layer = true;
	ret->layer = (struct tree_layer){.cid = l.cid, .id = l.id, .created = l.created, .created_nsec = l.created_nsec};
	return 0;
}

static void exec_done(struct exec *x)
{
	struct err ignored;
	int *fds[] = {&x->upper_fd, &x->work_fd, &x->scratch_fd, &x->log_fd};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		mem_cleanup_close(fds[i]);
	if (x->scratch)
		fs_remove_tree(x->tmp_fd, x->scratch, &ignored);
	mem_free(x->scratch);
	exec_mounts_done(&x->mounts);
	passwd_user_done(&x->user);
	ops_tree_close(&x->root);
	sandbox_result_done(&x->result);
	arena_done(&x->arena);
}

static int run_exec(struct task *t, struct outcome *ret, struct err *e)
{
	struct exec x = {.task = t, .env = t->env, .args = t->step->args, .scratch_fd = -1, .upper_fd = -1, .work_fd = -1, .log_fd = -1};
	clock_gettime(CLOCK_REALTIME_COARSE, &x.began);
	int rc = ops_tree_open(x.env, t->inputs[0], TREE_FOLDERS, t->cancel, &x.root, e);
	if (rc == 0)
		rc = find_user(&x, e);
	if (rc == 0)
		rc = exec_mounts_init(&x.mounts, t, e);
	if (rc == 0)
		rc = make_scratch(&x, e);
	if (rc == 0)
		rc = run_command(&x, e);
	if (rc == 0)
		rc = take_layer(&x, ret, e);
	exec_done(&x);
	return rc;
}

static int ground_exec(struct task *t, struct err *e)
{
	return ops_fetch_tree(t, 0, TREE_FOLDERS, e);
}

static void expect_exec(const void *args)
{
	const struct op_exec_args *a = args;
	if ((enum sandbox_network)a->network == SANDBOX_NET_DEFAULT)
		sandbox_expect_network();
}

const struct op op_exec = {.name = "exec", .on_tree = true, .inherits = true, .hash = hash_exec, .key = key_exec, .gather = exec_sources_gather,
	.ground = ground_exec, .run = run_exec, .expect = expect_exec};

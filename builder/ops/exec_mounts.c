/* SPDX-License-Identifier: Apache-2.0 */
/* One function per kind of mount (libmount's hook idea): each adds to the list that the sandbox gets. */
#include "builder/ops/exec_mounts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "builder/ops/exec_sources.h"
#include "snapshotter/fileowner.h"
#include "snapshotter/layer.h"
#include "snapshotter/place_folder.h"
#include "snapshotter/rootpath.h"

static void keep_fd(struct exec_mounts *m, int fd)
{
	MEM_ROOM(m->fds, m->nfds, m->fds_cap);
	m->fds[m->nfds++] = fd;
}

static struct sandbox_mount *add(struct exec_mounts *m, enum sandbox_mount_kind kind, const char *target)
{
	struct sandbox_mount *s = &m->v[m->n++];
	*s = (struct sandbox_mount){.kind = kind, .target = target, .source_fd = -1};
	return s;
}

static bool has_whiteouts(const struct index *ix)
{
	for (size_t i = 0; i < ix->n; i++)
		if (ix->entries[i].type == ENTRY_WHITEOUT)
			return true;
	return false;
}

/* Does one folder show the tree as it is? */
static bool is_one_folder(const struct ops_tree *tree)
{
	return tree->n == 1 && !has_whiteouts(tree->indexes[0]);
}

/* One folder that shows a tree: its only layer's folder, or all layers placed into a scratch folder. */
static int tree_folder(struct exec_mounts *m, struct task *t, const struct ops_tree *tree, int *ret_fd, struct err *e)
{
	struct ops_env *env = t->env;
	if (is_one_folder(tree)) {
		*ret_fd = tree->folders[0];
		return 0;
	}
	MEM_ROOM(m->scratch, m->nscratch, m->scratch_cap);
	TRY(fs_temp_dir(m->tmp_fd, "mount-", &m->scratch[m->nscratch], e));
	const char *name = m->scratch[m->nscratch++];
	if (fchmodat(m->tmp_fd, name, 0755, 0) < 0)
		return err_sys(e, "chmod %s", name);
	TRY(fs_open_dir(m->tmp_fd, name, ret_fd, e));
	keep_fd(m, *ret_fd);
	struct layer_place how = {.owners = true, .set_time = INT64_MAX};
	return layer_place_tree(env->store, tree->ids, tree->n, *ret_fd, &how, t->cancel, e);
}

/* Opens the tree of a mount's source and finds the path in it; "" is its root. */
static int find_source(struct exec_mounts *m, struct task *t, const struct exec_mount *x, struct ops_tree **ret, const char **ret_path,
	struct err *e)
{
	struct ops_tree *tree = &m->trees[m->ntrees];
	TRY(ops_tree_open(t->env, t->inputs[x->input], TREE_FOLDERS, t->cancel, tree, e));
	m->ntrees++;
	cleanup_buf struct buf path = {0};
	TRY(exec_source_path(tree, x, &path, e));
	*ret = tree;
	*ret_path = arena_str(&m->arena, buf_view(&path)).p;
	return 0;
}

static int open_source(struct exec_mounts *m, struct task *t, struct ops_tree *tree, const char *path, int *ret_fd, struct err *e)
{
	int root = -1;
	TRY(tree_folder(m, t, tree, &root, e));
	TRY(rootpath_open(root, *path ? path : ".", O_PATH, 0, ret_fd, e));
	keep_fd(m, *ret_fd);
	return 0;
}

static int bind_mount(struct exec_mounts *m, struct task *t, const struct exec_mount *x, struct err *e)
{
	struct sandbox_mount *s = add(m, x->rw ? SANDBOX_OVERLAY : SANDBOX_BIND, x->target);
	struct ops_tree *tree;
	const char *path;
	TRY(find_source(m, t, x, &tree, &path, e));
	if (tree->n == 0 || is_one_folder(tree))
		return open_source(m, t, tree, path, &s->source_fd, e);
	s->lowers = ops_tree_lowers(tree, &m->arena, &s->nlowers);
	s->source_path = *path ? path : NULL;
	return 0;
}

static struct digest cache_identity(struct task *t, const struct exec_mount *x)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("cache mount"));
	hasher_str(&h, x->id);
	hasher_u64(&h, x->own ? (uint64_t)x->mode << 32 | x->uid : 0);
	hasher_u64(&h, x->own ? x->gid + 1ull : 0);
	if (x->input >= 0) {
		hasher_digest(&h, &t->inputs[x->input]->cid);
		hasher_str(&h, x->source);
	}
	return hasher_done(&h);
}

static int seed_cache(struct exec_mounts *m, struct task *t, const struct exec_mount *x, int dirfd, struct err *e)
{
	int from = -1;
	struct ops_tree *tree;
	const char *path;
	TRY(find_source(m, t, x, &tree, &path, e));
	TRY(open_source(m, t, tree, path, &from, e));
	return place_folder(from, dirfd, true, e);
}

static int own_cache(const struct exec_mount *x, int dirfd, struct err *e)
{
	struct fileowner ids;
	fileowner_init(&ids);
	cleanup_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* O_PATH takes neither fchown nor fchmod */
	if (fd < 0)
		return err_sys(e, "open the cache mount %s", x->target);
	if (x->own && fileowner_set(&ids, fd, "", S_IFDIR, x->uid, x->gid, e) < 0)
		return err_wrap(e, "cache mount %s", x->target);
	return fchmod(fd, x->mode) < 0 ? err_sys(e, "set the mode of the cache mount %s", x->target) : 0;
}

/* The cache folder, filled when it is new; it stays locked until the step is over. */
static int take_cache(struct exec_mounts *m, struct task *t, const struct exec_mount *x, const struct digest *identity, int *ret_fd,
	struct err *e)
{
	struct ops_env *env = t->env;
	int dirfd = -1, lock = -1;
	bool fresh = false;
	char *label = arena_printf(&m->arena, "%.*s", STR_ARG(x->id));
	TRY(store_cache_mount(env->store, identity, label, (enum mount_sharing)x->sharing, t->cancel, &dirfd, &lock, &fresh, e));
	keep_fd(m, dirfd);
	if (lock >= 0)
		keep_fd(m, lock);
	*ret_fd = dirfd;
	if (!fresh)
		return 0;
	if (x->input >= 0) {
		TRY(seed_cache(m, t, x, dirfd, e));
		return store_cache_mount_ready(env->store, lock, (enum mount_sharing)x->sharing, e);
	}
	TRY(own_cache(x, dirfd, e));
	return store_cache_mount_ready(env->store, lock, (enum mount_sharing)x->sharing, e);
}

/*
 * Caches are taken in one order in all steps, and each once however often a step mounts it: two steps that wait for each other's locks,
 * or one for its own, would wait for ever. The strictest sharing of a step's mounts of one cache decides.
 */
static int take_caches(struct exec_mounts *m, struct task *t, const struct op_exec_args *a, struct err *e)
{
	m->caches = arena_new(&m->arena, (a->nmounts + 1) * sizeof(*m->caches));
	for (size_t i = 0; i < a->nmounts; i++) {
		struct exec_cache c = {.mount = a->mounts[i], .fd = -1};
		if (c.mount.kind != EXEC_CACHE)
			continue;
		c.identity = cache_identity(t, &c.mount);
		size_t at = 0;
		int order = -1;
		while (at < m->ncaches && (order = memcmp(&m->caches[at].identity, &c.identity, sizeof(c.identity))) < 0)
			at++;
		if (at < m->ncaches && order == 0) {
			if (c.mount.sharing > m->caches[at].mount.sharing)
				m->caches[at].mount.sharing = c.mount.sharing;
			continue;
		}
		memmove(&m->caches[at + 1], &m->caches[at], (m->ncaches - at) * sizeof(c));
		m->caches[at] = c;
		m->ncaches++;
	}
	for (size_t i = 0; i < m->ncaches; i++)
		TRY(take_cache(m, t, &m->caches[i].mount, &m->caches[i].identity, &m->caches[i].fd, e));
	return 0;
}

static int cache_mount(struct exec_mounts *m, struct task *t, const struct exec_mount *x, struct err *e)
{
	(void)e;
	struct sandbox_mount *s = add(m, SANDBOX_BIND, x->target);
	struct digest identity = cache_identity(t, x);
	for (size_t i = 0; i < m->ncaches; i++)
		if (digest_eq(&m->caches[i].identity, &identity))
			s->source_fd = m->caches[i].fd;
	s->rw = x->rw;
	return 0;
}

static int tmpfs_mount(struct exec_mounts *m, struct task *t, const struct exec_mount *x, struct err *e)
{
	(void)t, (void)e;
	struct sandbox_mount *s = add(m, SANDBOX_TMPFS, x->target);
	s->size = x->size;
	s->rw = true;
	return 0;
}

static const struct ops_secret *find_secret(const struct ops_env *env, struct str id)
{
	for (size_t i = 0; i < env->nsecrets; i++)
		if (str_eqz(id, env->secrets[i].id))
			return &env->secrets[i];
	return NULL;
}

static int secret_mount(struct exec_mounts *m, struct task *t, const struct exec_mount *x, struct err *e)
{
	const struct ops_secret *secret = find_secret(t->env, x->id);
	if (!secret && x->required)
		return err_set(e, ERR_STEP, "secret %.*s: not found (give it with --secret id=%.*s,src=FILE)", STR_ARG(x->id), STR_ARG(x->id));
	if (x->env.len)
		m->vars[m->nvars++] = arena_printf(&m->arena, "%.*s=%.*s", STR_ARG(x->env), STR_ARG(secret ? secret->value : STR("")));
	if (!secret || !x->target)
		return 0;
	struct sandbox_mount *s = add(m, SANDBOX_FILE, x->target);
	s->content = secret->value;
	s->mode = x->mode;
	s->uid = x->uid;
	s->gid = x->gid;
	return 0;
}

static int ssh_mount(struct exec_mounts *m, struct task *t, const struct exec_mount *x, struct err *e)
{
	const struct ops_env *env = t->env;
	const char *socket = NULL;
	for (size_t i = 0; i < env->nssh; i++)
		if (str_eqz(x->id, env->ssh[i].id))
			socket = env->ssh[i].socket;
	if (!socket && x->required)
		return err_set(e, ERR_STEP, "no SSH key \"%.*s\" forwarded from the client (use --ssh %.*s)", STR_ARG(x->id), STR_ARG(x->id));
	bool first = true;
	for (size_t i = 0; i < m->nvars; i++)
		first = first && strncmp(m->vars[i], "SSH_AUTH_SOCK=", 14) != 0;
	if (first)
		m->vars[m->nvars++] = arena_printf(&m->arena, "SSH_AUTH_SOCK=%s", x->target);
	if (!socket)
		return 0;
	struct sandbox_mount *s = add(m, SANDBOX_SOCKET, x->target);
	s->source_path = socket;
	s->mode = x->mode;
	s->uid = x->uid;
	s->gid = x->gid;
	return 0;
}

static int script_mount(struct exec_mounts *m, const struct op_exec_args *a)
{
	if (!a->script.name.len)
		return 0;
	struct sandbox_mount *s = add(m, SANDBOX_FILE, arena_str(&m->arena, a->script.name).p);
	s->content = a->script.content;
	s->mode = 0755;
	return 0;
}

typedef int mount_fn(struct exec_mounts *m, struct task *t, const struct exec_mount *x, struct err *e);

int exec_mounts_init(struct exec_mounts *m, struct task *t, struct err *e)
{
	static mount_fn *const kinds[] = {[EXEC_BIND] = bind_mount, [EXEC_CACHE] = cache_mount, [EXEC_TMPFS] = tmpfs_mount,
	    [EXEC_SECRET] = secret_mount, [EXEC_SSH] = ssh_mount};
	const struct op_exec_args *a = t->step->args;
	struct ops_env *env = t->env;
	*m = (struct exec_mounts){.tmp_fd = -1};
	TRY(store_tmp(env->store, &m->tmp_fd, e));
	m->v = arena_new(&m->arena, (a->nmounts + 1) * sizeof(*m->v));
	m->vars = arena_new(&m->arena, (a->nmounts + 1) * sizeof(*m->vars));
	m->trees = arena_new(&m->arena, (a->nmounts + 1) * sizeof(*m->trees));
	TRY(take_caches(m, t, a, e));
	for (size_t i = 0; i < a->nmounts; i++)
		TRY(kinds[a->mounts[i].kind](m, t, &a->mounts[i], e));
	return script_mount(m, a);
}

void exec_mounts_done(struct exec_mounts *m)
{
	struct err ignored;
	for (size_t i = 0; i < m->ntrees; i++)
		ops_tree_close(&m->trees[i]);
	for (size_t i = 0; i < m->nfds; i++)
		close(m->fds[i]);
	for (size_t i = 0; i < m->nscratch; i++) {
		fs_remove_tree(m->tmp_fd, m->scratch[i], &ignored);
		mem_free(m->scratch[i]);
	}
	mem_free(m->scratch);
	mem_free(m->fds);
	arena_done(&m->arena);
}

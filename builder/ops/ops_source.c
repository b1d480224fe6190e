/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy engine's sources (snapshotter/copy.h): contexts, and the trees of other steps. What a key would have to read of a context is
 * put off when there is much of it: the paths are noted, to be read by a thread that nobody waits for.
 */
#include "builder/ops/ops_source.h"

#include <fcntl.h>

#include "snapshotter/rootpath.h"

/* What task.waits is. */
struct ops_awaited {
	struct ops_context *context;
	struct str *paths;
	size_t n;
};

struct ops_awaited *ops_awaited_new(struct task *t)
{
	return arena_new(t->arena, sizeof(struct ops_awaited));
}

static int put_off(const struct ops_source *s, const struct str *paths, size_t n, struct err *e)
{
	struct ops_awaited *w = ops_awaited_new(s->task);
	*w = (struct ops_awaited){.context = s->context, .paths = arena_new(s->task->arena, n * sizeof(*paths)), .n = n};
	for (size_t i = 0; i < n; i++)
		w->paths[i] = arena_str(s->task->arena, paths[i]);
	s->task->waits = w;
	return err_set(e, ERR_CANCELLED, "put off");
}

int ops_awaited_read(struct task *t, struct err *e)
{
	struct ops_env *env = t->env;
	const struct ops_awaited *w = t->waits;
	struct context_reads reads = {0};
	if (!w->n)
		return 0;
	cleanup_free struct digest *digests = mem_array(w->n, sizeof(*digests));
	int rc = context_digests(w->context->context, w->paths, w->n, digests, &reads, t->cancel, e);
	pthread_mutex_lock(&env->context_lock);
	env->reads.files += reads.files;
	env->reads.bytes += reads.bytes;
	pthread_mutex_unlock(&env->context_lock);
	return rc;
}

int ops_fetch_tree(struct task *t, size_t input, enum tree_need need, struct err *e)
{
	const struct tree *tree = t->inputs[input];
	cleanup_free struct digest *ids = mem_array(tree->n + 1, sizeof(*ids));
	return ops_need_tree(t->env, tree, need, t->cancel, ids, e);
}

static const struct view *source_view(void *arg)
{
	struct ops_source *s = arg;
	return s->context ? context_view(s->context->context) : s->tree.view;
}

static int source_need(void *arg, struct str path, struct err *e)
{
	struct ops_source *s = arg;
	return s->context ? context_need(s->context->context, path, s->env->threads, s->task->cancel, e) : 0;
}

static int source_open(void *arg, const struct entry *en, int *ret_fd, struct err *e)
{
	struct ops_source *s = arg;
	if (s->context)
		return context_file(s->context->context, en->path, ret_fd, e);
	cleanup_free char *path = mem_strndup(en->path.p, en->path.len);
	return rootpath_open_nolinks(s->tree.folders[en->origin], path, O_RDONLY, 0, ret_fd, e);
}

static int source_digests(void *arg, const struct str *paths, size_t n, struct digest *ret, struct err *e)
{
	struct ops_source *s = arg;
	if (s->context && s->puts_off)
		return put_off(s, paths, n, e);
	if (s->context)
		return context_digests(s->context->context, paths, n, ret, &s->env->reads, s->task->cancel, e);
	for (size_t i = 0; i < n; i++) {
		struct entry en;
		if (!view_inode(s->tree.view, paths[i], &en))
			return err_set(e, ERR_NOT_FOUND, "\"/%.*s\": not found", STR_ARG(paths[i]));
		ret[i] = en.digest;
	}
	return 0;
}

static void source_learn(void *arg, const struct entry *en, int fd, const struct digest *d)
{
	struct ops_source *s = arg;
	if (s->context)
		context_learn(s->context->context, en->path, fd, d);
}

struct near {
	struct str wanted;
	struct buf best;
	unsigned distance;
};

static int near_name(void *arg, const struct entry *en)
{
	struct near *n = arg;
	unsigned d = str_distance(n->wanted, path_base(en->path));
	if (d && d < n->distance) {
		n->distance = d;
		buf_clear(&n->best);
		buf_str(&n->best, en->path);
	}
	return 0;
}

/* Sources stay in the context whatever they are called: "../x" and "/etc/x" are "x" and "etc/x" of it. */
static bool meant_outside(struct ops_source *s, struct str path)
{
	struct entry folder;
	const char *label = s->task->step->label;
	return (label && strstr(label, "../")) || (path_parent(path).len && !view_find(source_view(s), path_parent(path), &folder));
}

/* Why is it not there? An ignore rule, a name that is nearly right, or it was meant to be outside. */
static void source_hint(void *arg, struct str path, struct err *e)
{
	struct ops_source *s = arg;
	int pattern = -1, line = 0;
	if (s->context && s->context->ignore && context_hides(s->context->context, path) &&
	    ignore_match(s->context->ignore, path, &pattern)) {
		struct str text = ignore_pattern_text(s->context->ignore, pattern, &line);
		err_append(e, ": it is excluded by %s:%d \"%.*s\"", s->context->ignore_file, line, STR_ARG(text));
		return;
	}
	struct near n = {.wanted = path_base(path), .distance = 3};
	struct err ignored;
	source_need(arg, path_parent(path), &ignored);
	view_children(source_view(arg), path_parent(path), near_name, &n);
	if (n.best.len)
		err_append(e, " (did you mean %s?)", n.best.p);
	else if (s->context && meant_outside(s, path))
		err_append(e, " in the build context: sources start at its top, and nothing outside of it can be copied");
	buf_done(&n.best);
}

static struct ops_context *context_of(const struct task *t, enum copy_from from, unsigned n)
{
	struct ops_env *env = t->env;
	return from == COPY_FROM_CONTEXT ? &env->contexts[n] : NULL;
}

bool ops_source_is(const struct ops_source *s, enum copy_from from, unsigned n)
{
	const struct ops_context *context = context_of(s->task, from, n);
	return s->context == context && (context || s->input == n);
}

int ops_source_open(struct ops_source *s, struct task *t, enum copy_from from, unsigned n, enum tree_need need, struct err *e)
{
	struct ops_context *context = context_of(t, from, n);
	*s = (struct ops_source){.env = t->env, .task = t, .context = context, .input = n};
	s->face = (struct copy_source){.view = source_view, .need = source_need, .open = source_open, .digests = source_digests,
		.hint = source_hint, .learn = source_learn, .trusted = !context, .arg = s, .owners = !context};
	return context ? ops_context_open(s->env, n, e) : ops_tree_open(s->env, t->inputs[n], need, t->cancel, &s->tree, e);
}

void ops_source_close(struct ops_source *s)
{
	if (!s->context)
		ops_tree_close(&s->tree);
}

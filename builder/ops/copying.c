/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/ops/copying.h"

#include <time.h>

#include "parser/values.h"

/* What decides about the result whatever the sources are called. */
void copying_hash_how(const struct op_copy_args *a, struct hasher *h)
{
	hasher_str(h, a->dest);
	hasher_str(h, a->workdir);
	hasher_str(h, a->chown);
	hasher_u64(h, a->chown_as_user);
	hasher_str(h, a->chmod);
	hasher_u64(h, (uint64_t)a->link << 1 | a->parents);
	hasher_u64(h, a->ninlines);
	for (size_t i = 0; i < a->ninlines; i++) {
		hasher_str(h, a->inlines[i].name);
		hasher_str(h, a->inlines[i].content);
	}
	hasher_u64(h, a->nexcludes);
	for (size_t i = 0; i < a->nexcludes; i++)
		hasher_str(h, a->excludes[i]);
	hasher_u64(h, a->nitems);
	for (size_t i = 0; i < a->nitems; i++) {
		hasher_u64(h, (uint64_t)a->items[i].archive << 1 | a->items[i].unpack_required);
		hasher_str(h, a->items[i].rename);
	}
}

void copying_hash(const void *args, struct hasher *h)
{
	const struct op_copy_args *a = args;
	copying_hash_how(a, h);
	for (size_t i = 0; i < a->nitems; i++) {
		hasher_u64(h, (uint64_t)a->items[i].from << 32 | a->items[i].n);
		hasher_u64(h, a->items[i].literal);
		hasher_str(h, a->items[i].path);
	}
}

bool copying_only_trees(const struct op_copy_args *a)
{
	for (size_t i = 0; i < a->nitems; i++)
		if (a->items[i].from == COPY_FROM_CONTEXT)
			return false;
	return a->nitems > 0;
}

bool copying_trees_here(const struct task *t)
{
	const struct op_copy_args *a = t->step->args;
	for (size_t i = 0; i < a->nitems; i++)
		if (a->items[i].from == COPY_FROM_INPUT && !ops_tree_here(t->env, t->inputs[a->items[i].n]))
			return false;
	return true;
}

/* --- what the engine is told --- */

static int copy_glob(struct str pattern, struct str name, bool *ret, struct err *e)
{
	return glob_match(pattern, name, ret, e);
}

static int copy_excluder(const struct str *patterns, size_t n, void **ret, struct err *e)
{
	struct ignore *ig = NULL;
	TRY(ignore_new(patterns, n, &ig, e));
	*ret = ig;
	return 0;
}

static bool copy_excluded(void *excluder, struct str path)
{
	return ignore_match(excluder, path, NULL);
}

static void copy_excluder_free(void *excluder)
{
	ignore_free(excluder);
}

static void copy_warn(void *arg, const char *text)
{
	struct task *t = arg;
	t->warn(t->arg, t->step, text);
}

static int find_source(struct copying *c, const struct op_copy_item *item, enum tree_need need, struct ops_source **ret, struct err *e)
{
	for (size_t i = 0; i < c->nsources; i++)
		if (ops_source_is(c->sources[i], item->from, item->n)) {
			*ret = c->sources[i];
			return 0;
		}
	struct ops_source *s = arena_new(&c->arena, sizeof(*s));
	TRY(ops_source_open(s, c->task, item->from, item->n, need, e));
	ARENA_ROOM(&c->arena, c->sources, c->nsources, c->sources_cap);
	c->sources[c->nsources++] = s;
	*ret = s;
	return 0;
}

int copying_describe(struct copying *c, enum tree_need sources, struct err *e)
{
	const struct op_copy_args *a = c->args;
	struct copy_item *items = arena_new(&c->arena, (a->nitems + 1) * sizeof(*items));
	struct copy_inline *inlines = arena_new(&c->arena, (a->ninlines + 1) * sizeof(*inlines));
	for (size_t i = 0; i < a->nitems; i++) {
		struct ops_source *s = NULL;
		TRY(find_source(c, &a->items[i], sources, &s, e));
		items[i] = (struct copy_item){.source = &s->face, .path = a->items[i].path, .archive = a->items[i].archive && !c->dry,
			.unpack_required = a->items[i].unpack_required, .literal = a->items[i].literal, .rename = a->items[i].rename};
	}
	for (size_t i = 0; i < a->ninlines; i++)
		inlines[i] = (struct copy_inline){.name = a->inlines[i].name, .content = a->inlines[i].content};
	c->engine = (struct copy_args){.items = items, .nitems = a->nitems, .inlines = inlines, .ninlines = a->ninlines, .dest = a->dest,
		.workdir = a->workdir, .chmod = a->chmod, .link = a->link, .parents = a->parents, .excludes = a->excludes,
		.nexcludes = a->nexcludes, .now = (int64_t)time(NULL), .glob = copy_glob,
		.excluder = copy_excluder, .excluded = copy_excluded, .excluder_free = copy_excluder_free, .chmod_apply = chmod_apply,
		.warn = c->dry ? NULL : copy_warn, .warn_arg = c->task, .cancel = c->task->cancel, .store = c->env->store};
	return 0;
}

void copying_begin(struct copying *c, struct task *t)
{
	*c = (struct copying){.task = t, .env = t->env, .args = t->step->args};
	for (size_t i = 0; i < c->args->nitems; i++)
		c->locked = c->locked || c->args->items[i].from == COPY_FROM_CONTEXT;
	if (c->locked)
		pthread_mutex_lock(&c->env->context_lock);
}

void copying_unlock(struct copying *c)
{
	if (c->locked)
		pthread_mutex_unlock(&c->env->context_lock);
	c->locked = false;
}

void copying_end(struct copying *c)
{
	copying_unlock(c);
	for (size_t i = 0; i < c->nsources; i++)
		ops_source_close(c->sources[i]);
	arena_done(&c->arena);
}

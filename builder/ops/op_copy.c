/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COPY, ADD, WORKDIR and the sources of bind mounts: the steps that are worked out on indexes (snapshotter/copy.h).
 */
#include <time.h>

#include "builder/ops/ops_memo.h"
#include "builder/ops/ops_source.h"
#include "parser/values.h"
#include "snapshotter/passwd.h"

enum { MUCH_BYTES = 8 * 1024 * 1024 };

/* What decides about the result whatever the sources are called. */
static void hash_how(const struct op_copy_args *a, struct hasher *h)
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

static void hash_copy(const void *args, struct hasher *h)
{
	const struct op_copy_args *a = args;
	hash_how(a, h);
	for (size_t i = 0; i < a->nitems; i++) {
		hasher_u64(h, (uint64_t)a->items[i].from << 32 | a->items[i].n);
		hasher_u64(h, a->items[i].literal);
		hasher_str(h, a->items[i].path);
	}
}

/* --- what the engine is told --- */

struct copying {
	struct task *task;
	struct ops_env *env;
	const struct op_copy_args *args;
	struct arena arena;
	struct ops_source **sources; /* one for each context and input that is used */
	size_t nsources, sources_cap;
	struct copy_args engine;
	bool locked;
	bool dry;                    /* nothing is going to be copied: no archive is opened, no warning given */
};

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

static int describe(struct copying *c, enum tree_need sources, struct err *e)
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

static void begin(struct copying *c, struct task *t)
{
	*c = (struct copying){.task = t, .env = t->env, .args = t->step->args};
	for (size_t i = 0; i < c->args->nitems; i++)
		c->locked = c->locked || c->args->items[i].from == COPY_FROM_CONTEXT;
	if (c->locked)
		pthread_mutex_lock(&c->env->context_lock);
}

static void unlock(struct copying *c)
{
	if (c->locked)
		pthread_mutex_unlock(&c->env->context_lock);
	c->locked = false;
}

static void end(struct copying *c)
{
	unlock(c);
	for (size_t i = 0; i < c->nsources; i++)
		ops_source_close(c->sources[i]);
	arena_done(&c->arena);
}

/* --- the key --- */

/* Of trees alone the selection's digest never changes: it is remembered, so that a hit opens no index. */
static bool only_trees(const struct op_copy_args *a)
{
	for (size_t i = 0; i < a->nitems; i++)
		if (a->items[i].from == COPY_FROM_CONTEXT)
			return false;
	return a->nitems > 0;
}

static struct digest memo_key(const struct task *t)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("copy selection 1"));
	hash_copy(t->step->args, &h);
	for (size_t i = 1; i < t->step->ninputs; i++)
		hasher_digest(&h, &t->inputs[i]->cid);
	return hasher_done(&h);
}

/* Names all keys that differ in what is selected only. That there is such a record is remembered: without one a step need not be
 * looked up. */
static struct digest shape_key(const struct task *t)
{
	const struct op_copy_args *a = t->step->args;
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("copy shape 1"));
	hash_how(a, &h);
	if (!a->link)
		hasher_digest(&h, &t->inputs[0]->cid);
	return hasher_done(&h);
}

static int is_noted(const struct task *t, const struct digest *shape, bool *ret, struct err *e)
{
	struct ops_env *env = t->env;
	cleanup_buf struct buf memo = {0};
	return store_get_memo(env->store, shape, &memo, ret, e);
}

static int find_nothing(const struct task *t, bool *ret, struct err *e)
{
	struct digest shape = shape_key(t);
	bool noted = false;
	if (!t->step->no_cache)
		TRY(is_noted(t, &shape, &noted, e));
	*ret = !noted;
	return 0;
}

/* Archives are not carried but unpacked, so the run does not learn their digests; trees' digests are known. */
static bool can_be_late(const struct op_copy_args *a)
{
	for (size_t i = 0; i < a->nitems; i++)
		if (a->items[i].archive)
			return false;
	return a->nitems > 0 && !only_trees(a);
}

static int note_shape(const struct task *t, struct err *e)
{
	struct ops_env *env = t->env;
	struct digest shape = shape_key(t);
	bool noted = false;
	if (!can_be_late(t->step->args))
		return 0;
	TRY(is_noted(t, &shape, &noted, e));
	return noted ? 0 : store_set_memo(env->store, &shape, STR("1"), e);
}

/* A context of which much was never read, and whose digest could find nothing, is read once: by the run. */
static int select_digest(struct copying *c, struct digest *ret, struct err *e)
{
	struct task *t = c->task;
	uint64_t read = c->env->reads.files;
	bool over = false, may = t->may_be_late && can_be_late(c->args);
	TRY(copy_select_digest(&c->engine, may || t->hasty ? MUCH_BYTES : UINT64_MAX, ret, &over, e));
	if (over && may)
		TRY(find_nothing(t, &t->late, e));
	if (over && !t->late) {
		for (size_t i = 0; i < c->nsources && t->hasty; i++)
			c->sources[i]->puts_off = true;
		if (copy_select_digest(&c->engine, UINT64_MAX, ret, &over, e) < 0 && !t->waits)
			return -(int)e->code;
	}
	t->unsure = t->late && c->env->reads.files != read;
	return 0;
}

static bool trees_here(const struct task *t)
{
	const struct op_copy_args *a = t->step->args;
	for (size_t i = 0; i < a->nitems; i++)
		if (a->items[i].from == COPY_FROM_INPUT && !ops_tree_here(t->env, t->inputs[a->items[i].n]))
			return false;
	return true;
}

static int selection(struct task *t, struct digest *ret, struct err *e)
{
	bool remember = only_trees(t->step->args), found = false;
	struct digest key = memo_key(t);
	if (remember)
		TRY(ops_memo_get(t, &key, ret, &found, e));
	if (found)
		return 0;
	if (t->hasty && !trees_here(t)) {
		t->waits = ops_awaited_new(t);
		return 0;
	}
	struct copying c;
	begin(&c, t);
	int rc = describe(&c, TREE_UNPACKED, e);
	if (rc == 0)
		rc = select_digest(&c, ret, e);
	end(&c);
	return rc == 0 && remember ? ops_memo_set(t, &key, ret, e) : rc;
}

static int gather_copy(struct task *t, struct err *e)
{
	const struct op_copy_args *a = t->step->args;
	for (size_t i = 0; i < a->nitems; i++)
		if (a->items[i].from == COPY_FROM_INPUT)
			TRY(ops_fetch_tree(t, a->items[i].n, TREE_UNPACKED, e));
	return ops_awaited_read(t, e);
}

/* Owners that are not all numbers are looked up in the tree's files. */
static bool owner_has_name(const struct op_copy_args *a)
{
	struct owner_spec spec;
	if (!a->chown.len)
		return false;
	owner_parse(a->chown, &spec);
	return !(spec.user_number || !spec.user.len) || (spec.has_group && !spec.group_number && spec.group.len);
}

/* Of the tree that is copied onto. */
static enum tree_need ground_need(const struct task *t)
{
	return owner_has_name(t->step->args) ? TREE_FOLDERS : t->want_folder ? TREE_UNPACKED : TREE_INDEXES;
}

/* The run looks at what is there already. */
static int ground_copy(struct task *t, struct err *e)
{
	return ops_fetch_tree(t, 0, ground_need(t), e);
}

/* What the label does not say. */
static void why_rest(struct task *t, const struct op_copy_args *a)
{
	struct hasher h;
	struct digest d;
	ops_why_text(&t->why, PART_WORKDIR, a->workdir);
	if (a->ninlines) {
		hasher_init(&h);
		for (size_t i = 0; i < a->ninlines; i++)
			hasher_str(&h, a->inlines[i].content);
		d = hasher_done(&h);
		ops_why_digest(&t->why, PART_HEREDOC, &d);
	}
	hasher_init(&h);
	for (size_t i = 0; i < a->nitems; i++)
		hasher_u64(&h, (uint64_t)a->items[i].archive << 1 | a->items[i].unpack_required);
	d = hasher_done(&h);
	ops_why_digest(&t->why, PART_FLAG, &d);
}

static int key_copy(struct task *t, struct hasher *h, struct err *e)
{
	const struct op_copy_args *a = t->step->args;
	struct digest selected = {0};
	hash_how(a, h);
	t->floating = a->link;
	if (!a->link)
		ops_why_tree(t, PART_ONTO);
	ops_why_text(&t->why, PART_INSTRUCTION, str_of(t->step->label));
	why_rest(t, a);
	if (!a->nitems)
		return 0;
	TRY(selection(t, &selected, e));
	if (t->waits)
		return 0;
	hasher_digest(h, &selected);
	ops_why_digest(&t->why, PART_COPIED, &selected);
	return 0;
}

/* --- the times --- */

/* Other entries are those of an archive, which has times of its own. */
static bool same_times(const struct index *want, const struct index *is, int64_t epoch)
{
	for (size_t i = 0; i < want->n && i < is->n && str_eq(want->entries[i].path, is->entries[i].path); i++)
		if (entry_time(&want->entries[i], epoch) != entry_time(&is->entries[i], epoch))
			return false;
	return true;
}

static int plan_times(struct task *t, const struct ops_tree *onto, const struct index *is, bool *ret, struct err *e)
{
	struct copying c;
	struct copy_plan plan = {0};
	begin(&c, t);
	c.dry = true;
	int rc = describe(&c, TREE_INDEXES, e);
	if (rc == 0)
		rc = copy_make_plan(&c.engine, onto->n ? onto->view : NULL, &plan, e);
	if (rc == 0)
		*ret = same_times(plan.index, is, c.env->epoch);
	copy_plan_done(&plan);
	end(&c);
	return rc;
}

/* Of the same layers the same is copied, times and all: it is remembered, so that a hit opens no index. */
static struct digest timely_key(const struct task *t, const struct digest *layer)
{
	struct ops_env *env = t->env;
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("copy timely 1"));
	hasher_digest(&h, layer);
	hasher_u64(&h, (uint64_t)env->epoch);
	hash_copy(t->step->args, &h);
	for (size_t i = 0; i < t->step->ninputs; i++)
		for (size_t k = 0; k < t->inputs[i]->n; k++) {
			const struct tree_layer *l = &t->inputs[i]->layers[k];
			hasher_digest(&h, digest_none(&l->id) ? &l->diff_id : &l->id);
		}
	return hasher_done(&h);
}

/* Keys know no times: what was copied may have got others, of which a copy that is made now would have the newer ones. */
static int timely_copy(struct task *t, const struct digest *layer, bool *ret, struct err *e)
{
	const struct op_copy_args *a = t->step->args;
	struct ops_env *env = t->env;
	struct ops_tree onto = {0};
	struct digest key = timely_key(t, layer);
	cleanup_buf struct buf memo = {0};
	cleanup_index struct index *is = NULL;
	bool noted = false;
	*ret = true;
	if (only_trees(a))
		TRY(store_get_memo(env->store, &key, &memo, &noted, e));
	if (noted || !trees_here(t) || (!a->link && !ops_tree_here(env, t->inputs[0])))
		return 0;
	TRY(store_layer_index(env->store, layer, &is, e));
	if (!a->link && t->inputs[0]->n)
		TRY(ops_tree_open(env, t->inputs[0], TREE_INDEXES, t->cancel, &onto, e));
	int rc = plan_times(t, &onto, is, ret, e);
	ops_tree_close(&onto);
	return rc == 0 && *ret && only_trees(a) ? store_set_memo(env->store, &key, STR("1"), e) : rc;
}

/* --- the run --- */

static int find_owner(struct copying *c, const struct ops_tree *onto, struct err *e)
{
	const struct op_copy_args *a = c->args;
	if (!a->chown.len)
		return 0;
	c->engine.set_owner = true;
	struct passwd *p = NULL;
	if (onto->n && owner_has_name(a))
		TRY(passwd_read(c->env->store, onto->ids, onto->n, &p, e));
	else
		p = passwd_parse(STR(""), STR(""));
	int rc = passwd_chown(p, a->chown, &c->engine.uid, &c->engine.gid, e);
	passwd_free(p);
	if (rc < 0 && a->link && e->code == ERR_NOT_FOUND)
		return err_append(e, ": with --link the image is not looked into; give numbers, as in --chown=1000:1000");
	if (rc < 0 && a->chown_as_user && e->code == ERR_NOT_FOUND) {
		c->engine.uid = c->engine.gid = 0;
		copy_warn(c->task, e->text);
		return 0;
	}
	return rc;
}

static int carry_out(struct copying *c, const struct ops_tree *dest, struct outcome *ret, struct err *e)
{
	struct copy_plan plan = {0};
	struct layer layer = {0};
	struct copy_stats stats = {0};
	TRY(copy_make_plan(&c->engine, dest ? dest->view : NULL, &plan, e));
	unlock(c);
	struct copy_out out = {.want_folder = c->task->want_folder || !c->task->want_tar, .want_tar = c->task->want_tar, .clamp = c->env->epoch,
		.former = digest_none(&c->task->former) ? NULL : &c->task->former, .threads = c->env->threads};
	int rc = copy_carry_out(c->env->store, &c->engine, &plan, &out, &layer, &stats, e);
	copy_plan_done(&plan);
	if (rc < 0)
		return rc;
	ret->has_layer = true;
	ret->layer = (struct tree_layer){.cid = layer.cid, .id = layer.id, .created = layer.created, .created_nsec = layer.created_nsec};
	return 0;
}

static int run_copy(struct task *t, struct outcome *ret, struct err *e)
{
	struct copying c;
	struct ops_tree onto = {0};
	const struct op_copy_args *a = t->step->args;
	if (!a->link && t->inputs[0]->n) /* before the contexts are locked: it may have to be fetched */
		TRY(ops_tree_open(t->env, t->inputs[0], ground_need(t), t->cancel, &onto, e));
	begin(&c, t);
	int rc = describe(&c, TREE_FOLDERS, e);
	if (rc == 0)
		rc = find_owner(&c, &onto, e);
	if (rc == 0)
		rc = carry_out(&c, onto.n ? &onto : NULL, ret, e);
	ops_tree_close(&onto);
	end(&c);
	return rc < 0 ? rc : note_shape(t, e);
}

const struct op op_copy = {.name = "copy", .on_tree = true, .hash = hash_copy, .key = key_copy, .gather = gather_copy,
	.ground = ground_copy, .timely = timely_copy, .run = run_copy};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COPY, ADD, WORKDIR and the sources of bind mounts: the steps that are worked out on indexes (snapshotter/copy.h).
 */
#include "builder/ops/copying.h"
#include "builder/ops/ops_memo.h"
#include "parser/values.h"
#include "snapshotter/passwd.h"

enum { MUCH_BYTES = 8 * 1024 * 1024 };

/* --- the key --- */

/* Of trees alone the selection's digest never changes: it is remembered, so that a hit opens no index. */
static struct digest memo_key(const struct task *t)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("copy selection 1"));
	copying_hash(t->step->args, &h);
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
	copying_hash_how(a, &h);
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
	return a->nitems > 0 && !copying_only_trees(a);
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

static int selection(struct task *t, struct digest *ret, struct err *e)
{
	bool remember = copying_only_trees(t->step->args), found = false;
	struct digest key = memo_key(t);
	if (remember)
		TRY(ops_memo_get(t, &key, ret, &found, e));
	if (found)
		return 0;
	if (t->hasty && !copying_trees_here(t)) {
		t->waits = ops_awaited_new(t);
		return 0;
	}
	struct copying c;
	copying_begin(&c, t);
	int rc = copying_describe(&c, TREE_UNPACKED, e);
	if (rc == 0)
		rc = select_digest(&c, ret, e);
	copying_end(&c);
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
	if (a->chown_as_user)
		ops_why_text(&t->why, PART_USER, a->chown);
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
	copying_hash_how(a, h);
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
		c->task->warn(c->task->arg, c->task->step, e->text);
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
	copying_unlock(c);
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
	copying_begin(&c, t);
	int rc = copying_describe(&c, TREE_FOLDERS, e);
	if (rc == 0)
		rc = find_owner(&c, &onto, e);
	if (rc == 0)
		rc = carry_out(&c, onto.n ? &onto : NULL, ret, e);
	ops_tree_close(&onto);
	copying_end(&c);
	return rc < 0 ? rc : note_shape(t, e);
}

const struct op op_copy = {.name = "copy", .on_tree = true, .hash = copying_hash, .key = key_copy, .gather = gather_copy,
	.ground = ground_copy, .timely = copy_timely, .run = run_copy};

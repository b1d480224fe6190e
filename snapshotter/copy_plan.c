/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts what is selected where it belongs, by the rules of COPY's destination, one source after the other. A folder's content
 * goes into the destination; a file goes into it under its name when the destination is a folder, and becomes it otherwise.
 */
#include <stdlib.h>

#include "snapshotter/copy_impl.h"

struct planner {
	const struct copy_args *a;
	struct ground g;
	struct selection sel;
	struct copy_plan *plan;
	struct str dest;        /* without symlinks */
	bool as_folder;         /* written as a folder */
};

static void planner_done(struct planner *p)
{
	copy_selection_done(&p->sel);
	copy_ground_done(&p->g);
}

void copy_plan_done(struct copy_plan *p)
{
	index_free(p->index);
	for (size_t i = 0; i < p->nunpacked; i++)
		copy_unpacked_free(p->unpacked[i]);
	arena_done(&p->arena);
	*p = (struct copy_plan){0};
}

static void say(const struct copy_args *a, const char *text)
{
	if (a->warn)
		a->warn(a->warn_arg, text);
}

/* What the entry looks like in the layer: owner and mode as the flags say, nothing that belongs to its old layer. */
static int dress(const struct planner *p, const struct copy_source *src, struct entry *en, struct err *e)
{
	const struct copy_args *a = p->a;
	en->opaque = false;
	if (a->set_owner) {
		en->uid = a->uid;
		en->gid = a->gid;
	} else if (src && !src->owners) {
		en->uid = en->gid = 0;
	}
	if (a->chmod.len && en->type != ENTRY_SYMLINK)
		return a->chmod_apply(a->chmod, en->mode, en->type == ENTRY_DIR, &en->mode, e);
	return 0;
}

/* --- a folder's content --- */

struct tree {
	struct planner *p;
	const struct pick *pick;
	struct str dest;
	struct map inodes;
	struct str left_out;    /* the last folder that was */
};

static void tree_done(struct tree *t)
{
	map_done(&t->inodes);
}

static int check_replace(struct ground *g, struct str path, bool folder, struct err *e)
{
	struct entry was;
	if (!copy_ground_find(g, path, &was, NULL) || (was.type == ENTRY_DIR) == folder)
		return 0;
	if (folder)
		return err_set(e, ERR_STEP, "cannot copy to non-directory: /%.*s", STR_ARG(path));
	return err_set(e, ERR_STEP, "cannot replace to directory /%.*s with file", STR_ARG(path));
}

/* Names that would turn into deletions in the layer's tar. */
static bool leave_out(struct tree *t, const struct entry *en, struct str name)
{
	if (t->left_out.len && path_within(name, t->left_out))
		return true;
	if (!str_starts(path_base(name), STR(".wh.")))
		return false;
	if (en->type == ENTRY_DIR)
		t->left_out = name;
	cleanup_buf struct buf b = {0};
	buf_printf(&b, "\"%.*s\" is left out: in an image a name that begins with \".wh.\" means a deletion", STR_ARG(en->path));
	say(t->p->a, b.p);
	return true;
}

static int tree_entry(void *arg, struct str rel, const struct entry *en, struct str inode, struct err *e)
{
	struct tree *t = arg;
	struct ground *g = &t->p->g;
	if (cancelled(t->p->a->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	struct str name = str_from(en->path, en->path.len - rel.len);
	if (leave_out(t, en, name))
		return 0;
	struct entry to = *en;
	to.path = copy_join(&g->arena, t->dest, name);
	to.origin = t->pick->number;
	TRY(check_replace(g, to.path, en->type == ENTRY_DIR, e));
	TRY(dress(t->p, t->pick->item->source, &to, e));
	struct node *n = copy_ground_put(g, &to, en->path);
	if (!inode.len)
		return 0;
	uint32_t number = (uint32_t)(uintptr_t)map_get(&t->inodes, inode);
	if (!number) {
		number = ++g->inodes;
		map_set(&t->inodes, inode, (void *)(uintptr_t)number);
	}
	n->inode = number;
	return 0;
}

struct count {
	size_t n;
};

static int count_entry(void *arg, struct str rel, const struct entry *en, struct str inode, struct err *e)
{
	(void)rel, (void)en, (void)inode, (void)e;
	((struct count *)arg)->n++;
	return 1;
}

/* The destination of a folder's content. One that is there already is only touched when something is put into it. */
static int tree_dest(struct planner *p, const struct pick *pick, struct err *e)
{
	struct count c = {0};
	struct entry was;
	TRY(check_replace(&p->g, p->dest, true, e));
	if (copy_ground_find(&p->g, p->dest, &was, NULL)) {
		int rc = copy_each(&p->sel, pick, count_entry, &c, e);
		if (rc < 0)
			return rc;
		if (!c.n)
			return 0;
	}
	struct node *n = NULL;
	TRY(copy_ground_folder(&p->g, p->dest, false, &n, NULL, e));
	if (n && pick->path.len) {
		n->en.mtime = pick->en.mtime;
		n->en.mtime_nsec = pick->en.mtime_nsec;
		n->en.clock = pick->en.clock;
	}
	return 0;
}

static int place_tree(struct planner *p, const struct pick *pick, struct err *e)
{
	cleanup_with(tree_done) struct tree t = {.p = p, .pick = pick, .dest = p->dest};
	TRY(tree_dest(p, pick, e));
	return copy_each(&p->sel, pick, tree_entry, &t, e);
}

/* --- single files --- */

static bool same_source(const struct copy_args *a, uint32_t x, uint32_t y)
{
	return x < a->nitems && y < a->nitems && a->items[x].source == a->items[y].source;
}

/* A file is put where another source of the same instruction has put one. */
static void warn_overwritten(const struct planner *p, const struct entry *en, struct str from, const struct node *old)
{
	if (!old || old->writer == p->g.writer || old->en.type == ENTRY_DIR)
		return;
	bool same = old->en.type == en->type && old->en.size == en->size && digest_eq(&old->en.digest, &en->digest);
	if (same && (!digest_none(&en->digest) || (same_source(p->a, old->en.origin, en->origin) && str_eq(old->from, from))))
		return;
	cleanup_buf struct buf b = {0};
	struct str was = old->from.len ? old->from : path_base(old->en.path), now = from.len ? from : path_base(en->path);
	buf_printf(&b, "\"%.*s\" and \"%.*s\" are both copied to /%.*s: only the last one stays", STR_ARG(was), STR_ARG(now), STR_ARG(en->path));
	if (str_eq(en->path, p->dest))
		buf_printf(&b, " (a destination that is a folder ends with \"/\")");
	say(p->a, b.p);
}

static int place_file(struct planner *p, const struct copy_source *src, struct entry *en, struct str name, struct str from, struct err *e)
{
	struct entry was;
	struct node *old;
	bool into = p->as_folder || (copy_ground_find(&p->g, p->dest, &was, NULL) && was.type == ENTRY_DIR);
	if (into)
		TRY(check_replace(&p->g, p->dest, true, e));
	en->path = into ? copy_join(&p->g.arena, p->dest, name) : p->dest;
	if (copy_is_marker(en->path))
		return err_set(e, ERR_STEP, "/%.*s: in an image a name that begins with \".wh.\" means a deletion", STR_ARG(en->path));
	TRY(check_replace(&p->g, en->path, false, e));
	TRY(copy_ground_folder(&p->g, path_parent(en->path), false, NULL, NULL, e));
	if (copy_ground_find(&p->g, en->path, &was, &old))
		warn_overwritten(p, en, from, old);
	TRY(dress(p, src, en, e));
	copy_ground_put(&p->g, en, from);
	return 0;
}

/* ADD: 1 when it was an archive. */
static int place_archive(struct planner *p, const struct pick *pick, struct err *e)
{
	struct copy_plan *plan = p->plan;
	struct copy_unpacked *u = NULL;
	int rc = copy_unpack(p->a, pick, pick->item->unpack_required, &u, e);
	if (rc <= 0)
		return rc;
	struct copy_unpacked **all = arena_new(&plan->arena, (plan->nunpacked + 1) * sizeof(*all));
	for (size_t i = 0; i < plan->nunpacked; i++)
		all[i] = plan->unpacked[i];
	all[plan->nunpacked] = u;
	plan->unpacked = all;
	uint32_t origin = (uint32_t)(p->a->nitems + p->a->ninlines + plan->nunpacked++);
	TRY(copy_ground_folder(&p->g, p->dest, true, NULL, NULL, e));
	TRY(copy_unpacked_place(u, &p->g, p->dest, origin, e));
	return 1;
}

static int place_pick(struct planner *p, const struct pick *pick, struct err *e)
{
	if (pick->en.type == ENTRY_DIR)
		return place_tree(p, pick, e);
	if (pick->item->archive && pick->en.type == ENTRY_FILE) {
		int rc = place_archive(p, pick, e);
		if (rc != 0)
			return rc < 0 ? err_wrap(e, "\"/%.*s\"", STR_ARG(pick->path)) : 0;
	}
	struct entry en = pick->en;
	en.origin = pick->number;
	return place_file(p, pick->item->source, &en, pick->name, pick->path, e);
}

static int place_inline(struct planner *p, size_t i, struct err *e)
{
	const struct copy_inline *in = &p->a->inlines[i];
	if (!in->name.len || str_find(in->name, '/') >= 0 || str_eqz(in->name, ".") || str_eqz(in->name, ".."))
		return err_set(e, ERR_STEP, "here-document \"%.*s\": its word is the file's name and cannot hold \"/\"", STR_ARG(in->name));
	struct entry en = {.type = ENTRY_FILE, .mode = 0644, .size = in->content.len, .digest = digest_of(in->content.p, in->content.len),
		.mtime = p->a->now, .clock = true, .origin = (uint32_t)(p->a->nitems + i)};
	return place_file(p, NULL, &en, in->name, (struct str){0}, e);
}

/* --- all of it --- */

static int check_chmod(struct planner *p, struct err *e)
{
	const struct copy_args *a = p->a;
	uint32_t mode = 0;
	if (!a->chmod.len)
		return 0;
	TRY(a->chmod_apply(a->chmod, 0644, false, &mode, e));
	p->g.octal = copy_is_octal(a->chmod);
	p->g.octal_mode = mode;
	return 0;
}

static int find_dest(struct planner *p, struct err *e)
{
	struct str dest = copy_dest(p->a, &p->g.arena);
	if (copy_is_marker(dest))
		return err_set(e, ERR_STEP, "/%.*s: in an image a name that begins with \".wh.\" means a deletion", STR_ARG(dest));
	p->as_folder = copy_dest_is_folder(p->a);
	return copy_ground_resolve(&p->g, STR(""), dest, true, false, &p->dest, e);
}

/* A wildcard that finds nothing is fine beside other sources ("lock*"), but alone it is a mistake nearly always. */
static void warn_nothing(const struct planner *p)
{
	const struct copy_args *a = p->a;
	cleanup_buf struct buf b = {0};
	buf_puts(&b, "nothing is copied: no file matches ");
	for (size_t i = 0; i < a->nitems; i++) {
		buf_puts(&b, i ? ", " : "");
		buf_quote(&b, a->items[i].path);
	}
	say(a, b.p);
}

static int plan(struct planner *p, struct err *e)
{
	const struct copy_args *a = p->a;
	TRY(check_chmod(p, e));
	TRY(copy_select(a, &p->sel, e));
	TRY(find_dest(p, e));
	if (!a->nitems && !a->ninlines) { /* WORKDIR: only the folder is wanted */
		TRY(check_replace(&p->g, p->dest, true, e));
		TRY(copy_ground_folder(&p->g, p->dest, false, NULL, NULL, e));
	} else if (!p->sel.n && !a->ninlines) {
		warn_nothing(p);
		/* The reference makes the destination of --parents all the same. */
		if (a->parents)
			TRY(copy_ground_folder(&p->g, p->dest, false, NULL, NULL, e));
	}
	for (size_t i = 0; i < p->sel.n; i++) {
		p->g.writer = (uint32_t)i;
		TRY(place_pick(p, &p->sel.picks[i], e));
	}
	for (size_t i = 0; i < a->ninlines; i++) {
		p->g.writer = (uint32_t)(p->sel.n + i);
		TRY(place_inline(p, i, e));
	}
	return copy_ground_finish(&p->g, p->plan, e);
}

int copy_make_plan(const struct copy_args *a, const struct view *dest, struct copy_plan *ret, struct err *e)
{
	cleanup_copy_plan struct copy_plan made = {0};
	cleanup_with(planner_done) struct planner p = {.a = a, .plan = &made};
	p.g.args = a;
	p.g.below = a->link ? NULL : dest;
	TRY(plan(&p, e));
	*ret = made;
	made = (struct copy_plan){0};
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"

#include "base/map.h"
#include "snapshotter/view.h"

static int add_line(void *arg, const struct entry *en)
{
	static const char kinds[] = "?fdlhpcbw";
	buf_printf(arg, "%c%u:%.*s ", kinds[en->type], en->origin, STR_ARG(en->path));
	return 0;
}

#define VIEW(name, ...)                                                               \
	const struct index *const name##_layers[] = {__VA_ARGS__};                     \
	cleanup_view struct view *name = view_new(name##_layers, ARRAY_LEN(name##_layers))

static void expect_walk(const struct view *v, const char *dir, const char *want)
{
	cleanup_buf struct buf b = {0};
	buf_need(&b, 1);
	buf_puts(&b, "");
	view_walk(v, str_of(dir), add_line, &b);
	cr_expect_str_eq(b.p, want, "\n is:  %s\n not: %s", b.p, want);
}

static void expect_children(const struct view *v, const char *dir, const char *want)
{
	cleanup_buf struct buf b = {0};
	buf_puts(&b, "");
	view_children(v, str_of(dir), add_line, &b);
	cr_expect_str_eq(b.p, want, "\n is:  %s\n not: %s", b.p, want);
}

Test(view, upper_layers_add_and_replace)
{
	struct entry en;
	cleanup_index struct index *a = INDEX("d d", "f d/1", "f d/2", "f x"), *b = INDEX("d d", "f d/2 new", "f d/3");
	VIEW(v, a, b);
	expect_walk(v, "", "d1:d f0:d/1 f1:d/2 f1:d/3 f0:x ");
	expect_children(v, "d", "f0:d/1 f1:d/2 f1:d/3 ");
	cr_assert(view_find(v, STR("d/2"), &en));
	cr_expect_eq(en.size, 3);
	cr_expect_not(view_find(v, STR("d/4"), &en));
	cr_expect_not(view_find(v, STR("x/y"), &en));
	cr_expect_not(view_find(v, STR("nothing/there"), &en));
	cr_assert(view_find(v, STR(""), &en));
	cr_expect_eq(en.type, ENTRY_DIR);
}

Test(view, whiteouts_and_opaque_folders_hide_what_is_below)
{
	struct entry en;
	cleanup_index struct index *a = INDEX("d d", "f d/1", "d d/s", "f d/s/deep", "f x"), *b = INDEX("D d", "f d/2", "w x"), *c = INDEX("f x again");
	VIEW(v, a, b);
	expect_walk(v, "", "d1:d f1:d/2 ");
	cr_expect_not(view_find(v, STR("d/s/deep"), &en));
	VIEW(w, a, b, c);
	expect_walk(w, "", "d1:d f1:d/2 f2:x ");
}

Test(view, a_whiteout_of_a_folder_hides_all_of_it)
{
	struct entry en;
	cleanup_index struct index *a = INDEX("d d", "d d/s", "f d/s/deep"), *b = INDEX("w d"), *c = INDEX("d d", "f d/new");
	VIEW(v, a, b);
	expect_walk(v, "", "");
	cr_expect_not(view_find(v, STR("d/s/deep"), &en));
	VIEW(w, a, b, c);
	expect_walk(w, "", "d2:d f2:d/new ");
}

Test(view, a_file_over_a_folder_hides_it_and_a_folder_over_a_file_is_empty)
{
	cleanup_index struct index *a = INDEX("d d", "f d/1", "f f"), *b = INDEX("f d", "d f", "f f/in");
	VIEW(v, a, b);
	expect_walk(v, "", "f1:d d1:f f1:f/in ");
}

Test(view, a_missing_parent_is_what_the_layers_below_say)
{
	struct entry en;
	cleanup_index struct index *a = INDEX("d tmp", "f tmp/a"), *b = INDEX("f tmp/b", "f new/dir/c", "w old/gone"), *c = INDEX("f file"), *d = INDEX("f file/x");
	a->entries[0].mode = 01777;
	VIEW(v, a, b);
	expect_walk(v, "", "d1:new d1:new/dir f1:new/dir/c d0:tmp f0:tmp/a f1:tmp/b ");
	cr_assert(view_find(v, STR("tmp"), &en));
	cr_expect_eq(en.mode, 01777);
	cr_assert(view_find(v, STR("new/dir"), &en));
	cr_expect_eq(en.mode, 0755);
	cr_expect_not(view_find(v, STR("old"), &en));
	VIEW(single, b);
	expect_walk(single, "", "d0:new d0:new/dir f0:new/dir/c d0:tmp f0:tmp/b ");
	VIEW(w, c, d);
	expect_walk(w, "", "d1:file f1:file/x ");
}

Test(view, hard_links_give_the_first_names_inode_from_their_own_layer)
{
	struct entry en;
	cleanup_index struct index *a = INDEX("f a hello", "h b a"), *b = INDEX("f a other!"), *bad = INDEX("h x nothing");
	VIEW(v, a, b);
	cr_assert(view_find(v, STR("b"), &en));
	cr_expect_eq(en.type, ENTRY_LINK);
	cr_assert(view_inode(v, STR("b"), &en));
	cr_expect_eq(en.size, 5);
	cr_expect_eq(en.origin, 0);
	cr_expect(str_eqz(en.path, "a"));
	VIEW(w, bad);
	cr_expect_not(view_inode(w, STR("x"), &en));
}

Test(view, symlinks_are_followed_inside_the_root)
{
	static const struct {
		const char *path, *to, *last;
	} cases[] = {
		{"/lib/x", "usr/lib/x", "usr/lib/x"}, {"abs/f", "usr/lib/f", "usr/lib/f"}, {"up/up", "up", ""}, {"../../usr", "usr", "usr"},
		{"usr/./lib/../bin", "usr/bin", "usr/bin"}, {"lib", "lib", "usr/lib"}, {"lib/", "lib", "usr/lib"}, {"none/such", "none/such", "none/such"},
		{"hop/y", "usr/lib/y", "usr/lib/y"}, {"", "", ""}, {"/", "", ""},
	};
	struct err e = {0};
	cleanup_index struct index *a = INDEX("d usr", "d usr/lib", "f usr/lib/f", "l lib usr/lib", "l abs /usr/lib", "l up ..", "l hop abs/../../lib",
		"l loop loop", "l l1 l2", "l l2 l1");
	VIEW(v, a);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_buf struct buf b = {0};
		OK(view_resolve(v, str_of(cases[i].path), false, &b, &e));
		cr_expect(str_eqz(buf_view(&b), cases[i].to), "%s -> %.*s", cases[i].path, STR_ARG(buf_view(&b)));
		OK(view_resolve(v, str_of(cases[i].path), true, &b, &e));
		cr_expect(str_eqz(buf_view(&b), cases[i].last), "%s => %.*s", cases[i].path, STR_ARG(buf_view(&b)));
	}
	cleanup_buf struct buf b = {0};
	OK(view_resolve(v, STR("loop"), false, &b, &e));
	cr_expect_eq(view_resolve(v, STR("loop"), true, &b, &e), -ERR_LIMIT);
	cr_expect_eq(view_resolve(v, STR("l1/x"), false, &b, &e), -ERR_LIMIT);
}

static int stop_at_second(void *arg, const struct entry *en)
{
	(void)en;
	return ++*(int *)arg == 2 ? 42 : 0;
}

Test(view, a_walk_ends_with_the_callers_value)
{
	int n = 0;
	cleanup_index struct index *a = INDEX("d a", "f a/1", "f a/2"), *b = INDEX("d b");
	VIEW(v, a, b);
	cr_expect_eq(view_walk(v, STR(""), stop_at_second, &n), 42);
	cr_expect_eq(n, 2);
}

/* --- against a model: layers applied one after the other to a set of paths --- */

enum { NAMES = 3, LAYERS = 4, ROUNDS = 3000 };

struct model {
	struct entry at[64]; /* path.len 0: free */
	struct arena arena;
};

static struct entry *model_find(struct model *m, struct str path)
{
	for (size_t i = 0; i < ARRAY_LEN(m->at); i++)
		if (m->at[i].type && str_eq(m->at[i].path, path))
			return &m->at[i];
	return NULL;
}

static void model_remove(struct model *m, struct str path, bool self)
{
	for (size_t i = 0; i < ARRAY_LEN(m->at); i++)
		if (m->at[i].type && path_within(m->at[i].path, path) && (self || !str_eq(m->at[i].path, path)))
			m->at[i].type = 0;
}

static void model_set(struct model *m, const struct entry *en)
{
	struct entry *to = model_find(m, en->path);
	for (size_t i = 0; !to && i < ARRAY_LEN(m->at); i++)
		if (!m->at[i].type)
			to = &m->at[i];
	*to = *en;
	to->opaque = false;
}

static void model_apply(struct model *m, const struct index *ix, uint32_t layer)
{
	for (size_t i = 0; i < ix->n; i++) {
		if (ix->entries[i].type == ENTRY_WHITEOUT)
			model_remove(m, ix->entries[i].path, true);
		else if (ix->entries[i].opaque)
			model_remove(m, ix->entries[i].path, false);
	}
	for (size_t i = 0; i < ix->n; i++) {
		struct entry en = ix->entries[i];
		if (en.type == ENTRY_WHITEOUT)
			continue;
		for (size_t k = 0; k < en.path.len; k++) {
			struct str up = str_sub(en.path, 0, k);
			if (en.path.p[k] != '/')
				continue;
			struct entry *there = model_find(m, up);
			if (there && there->type == ENTRY_DIR)
				continue;
			model_remove(m, up, true);
			model_set(m, &(struct entry){.path = up, .type = ENTRY_DIR, .mode = 0755, .origin = layer});
		}
		if (en.type != ENTRY_DIR)
			model_remove(m, en.path, false);
		en.origin = layer;
		model_set(m, &en);
	}
}

static struct index *random_layer(unsigned *seed)
{
	struct index *ix = index_new();
	for (int n = rand_r(seed) % 6; n > 0; n--) {
		char path[32], line[64];
		size_t len = 0;
		for (int depth = 1 + rand_r(seed) % 3; depth > 0; depth--)
			len += (size_t)snprintf(path + len, sizeof(path) - len, "%s%c", len ? "/" : "", 'a' + rand_r(seed) % NAMES);
		snprintf(line, sizeof(line), "%c %s", "fdDwd"[rand_r(seed) % 5], path);
		index_put(ix, line);
	}
	index_sort(ix);
	/* Nothing lies below something that is no folder in one layer. */
	size_t kept = 0;
	for (size_t i = 0; i < ix->n; i++) {
		bool under = false;
		for (size_t k = 0; k < kept; k++)
			under |= ix->entries[k].type != ENTRY_DIR && path_within(ix->entries[i].path, ix->entries[k].path);
		if (!under)
			ix->entries[kept++] = ix->entries[i];
	}
	ix->n = kept;
	return ix;
}

/* Which layer implies a folder that none has does not matter: such a folder has no time. */
static bool same(const struct entry *a, const struct entry *b)
{
	return a->type == b->type && a->mode == b->mode && a->mtime == b->mtime &&
		(a->origin == b->origin || (a->type == ENTRY_DIR && a->mtime == 0));
}

struct comparison {
	struct model *m;
	size_t seen;
	struct str last;
};

static int compare_entry(void *arg, const struct entry *en)
{
	struct comparison *c = arg;
	struct entry *want = model_find(c->m, en->path);
	c->seen++;
	if (!want || !same(want, en))
		return 1;
	if (c->last.p && path_cmp(c->last, en->path) >= 0)
		return 2;
	c->last = en->path;
	return 0;
}

Test(view, shows_what_applying_the_layers_one_by_one_gives)
{
	unsigned seed = 1;
	for (int round = 0; round < ROUNDS; round++) {
		struct index *layers[LAYERS];
		struct model m = {0};
		for (uint32_t i = 0; i < LAYERS; i++) {
			layers[i] = random_layer(&seed);
			model_apply(&m, layers[i], i);
		}
		cleanup_view struct view *v = view_new((const struct index *const *)layers, LAYERS);
		struct comparison c = {.m = &m};
		int rc = view_walk(v, STR(""), compare_entry, &c);
		size_t want = 0;
		for (size_t i = 0; i < ARRAY_LEN(m.at); i++) {
			struct entry en;
			if (!m.at[i].type)
				continue;
			want++;
			cr_assert(view_find(v, m.at[i].path, &en), "round %d: %.*s", round, STR_ARG(m.at[i].path));
			cr_assert(same(&en, &m.at[i]), "round %d: %.*s", round, STR_ARG(m.at[i].path));
		}
		cr_assert_eq(rc, 0, "round %d: %d after %.*s", round, rc, STR_ARG(c.last));
		cr_assert_eq(c.seen, want, "round %d: %zu of %zu", round, c.seen, want);
		for (int i = 0; i < LAYERS; i++)
			index_free(layers[i]);
	}
}

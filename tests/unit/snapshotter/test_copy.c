/* SPDX-License-Identifier: Apache-2.0 */
#include "copy_helpers.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* --- where things go: sources and destination as in a Containerfile, the layer as text --- */

struct place {
	const char *source[12], *below[12];
	const char *words[4]; /* sources, NULL-terminated when fewer */
	const char *dest, *want;
	const char *excludes[3];
	bool parents, link;
};
static const struct place places[] = {
	{{"f a"}, {0}, {"a"}, "/", "f:a"},
	{{"f a"}, {0}, {"a"}, "/b", "f:b"},
	{{"f a"}, {0}, {"a"}, "d/", "d:d f:d/a"},
	{{"f a"}, {0}, {"a"}, "x/y/z", "d:x d:x/y f:x/y/z"},
	{{"f a"}, {"d d"}, {"a"}, "/d", "d:d f:d/a"},
	{{"f a"}, {"d d"}, {"a"}, "/d", "f:d", .link = true},
	{{"f a"}, {"d real", "l lnk real"}, {"a"}, "/lnk/", "d:real f:real/a"},
	{{"f a"}, {"d real", "l lnk real"}, {"a"}, "/lnk/", "d:lnk f:lnk/a", .link = true},
	{{"f a"}, {"l lnk ../../../out"}, {"a"}, "/lnk/", "d:out f:out/a"},
	{{"f a"}, {"f real", "l lnk real"}, {"a"}, "/lnk", "f:real"},
	{{"f a"}, {0}, {"a"}, "../../x/../y/", "d:y f:y/a"},
	{{"d d", "f d/1", "d d/s", "f d/s/2"}, {0}, {"d"}, "/o", "d:o f:o/1 d:o/s f:o/s/2"},
	{{"d d", "f d/1"}, {0}, {"d/."}, "/", "f:1"},
	{{"d d", "f d/1"}, {0}, {""}, "/o/", "d:o d:o/d f:o/d/1"},
	{{"d d", "f d/1"}, {0}, {"/../d/../d"}, "/o/", "d:o f:o/1"},
	{{"d d"}, {0}, {"d"}, "/o/", "d:o"},
	{{"d d"}, {"d o"}, {"d"}, "/o/", ""},
	{{"f bar", "l foo bar"}, {0}, {"foo"}, "/", "f:foo"},
	{{"f bar", "l foo ../../bar"}, {0}, {"foo"}, "/x", "f:x"},
	{{"d sub", "f sub/f", "l link sub"}, {0}, {"link/f"}, ".", "f:f"},
	{{"d d", "l d/l nowhere"}, {0}, {"d"}, "/o/", "d:o l:o/l>nowhere"},
	{{"f fa.txt", "f fd.txt", "f fy1", "f fx1"}, {0}, {"f[a-c].txt", "f[^x]1"}, "/o/", "d:o f:o/fa.txt f:o/fy1"},
	{{"d s1", "f s1/a", "d s2", "f s2/b", "f s3"}, {0}, {"s*"}, "/o/", "d:o f:o/a f:o/b f:o/s3"},
	{{"d a", "f a/f", "d a/b", "f a/b/f", "f f"}, {0}, {"*/f"}, "/o/", "d:o f:o/f"},
	{{"d [x]", "f [x]/f"}, {0}, {"[[]x]/f"}, "/o/", "d:o f:o/f"},
	{{"f a*b", "f axb"}, {0}, {"a\\*b"}, "/o/", "d:o f:o/a*b"},
	{{"f foo"}, {0}, {"foo", "no*"}, "/", "f:foo"},
	{{"f foo"}, {0}, {"no*"}, "/x/", ""},
	{{"l l1 sub", "d sub", "f sub/x"}, {0}, {"l*"}, "/o/", "d:o f:o/x"},
	{{"d d1", "f d1/f", "d d2", "f d2/g"}, {0}, {"d1", "d2"}, "/o", "d:o f:o/f f:o/g"},
	{{"f b", "d d", "f d/x"}, {0}, {"d", "b"}, "/o", "d:o f:o/b f:o/x"},
	{{"f a", "f b"}, {0}, {"a", "b"}, "/dst", "f:dst"},
	{{"d d", "f d/keep", "f d/drop", "f f"}, {0}, {"."}, "/o/", "d:o d:o/d f:o/d/keep f:o/f", {"d", "!d/keep"}},
	{{"f a", "f b", "f c"}, {0}, {"."}, "/o/", "d:o f:o/a f:o/c", {"/a", "./b"}},
	{{"f a.md", "f b"}, {0}, {"a.md", "b"}, "/o/", "d:o f:o/a.md f:o/b", {"*.md"}},
	{{"d d1", "f d1/x.png", "d d2", "f d2/y.txt"}, {0}, {"d*"}, "/o/", "d:o f:o/y.txt", {"*.png"}},
	{{"d a", "d a/b", "f a/b/c"}, {0}, {"a/b/c"}, "/", "d:a d:a/b f:a/b/c", .parents = true},
	{{"d x", "d x/y", "f x/y/a.txt", "f x/y/b", "d y", "f y/a.txt"}, {0}, {"./x/./y/*.txt"}, "/p/", "d:p d:p/y f:p/y/a.txt", .parents = true},
	{{"d x", "d x/y", "f x/y/a.txt", "d x/z", "f x/z/a.txt"}, {0}, {"./x/*/a.txt"}, "/p/", "d:p d:p/x d:p/x/y f:p/x/y/a.txt d:p/x/z f:p/x/z/a.txt",
		.parents = true},
	{{"d a", "d a/b1", "d a/b1/c", "f a/b1/c/e", "d a/b2", "d a/b2/c", "d a/b2/c/d", "f a/b2/c/d/e"}, {0}, {"/a/b*/./c/**/e"}, "/o/",
		"d:o d:o/c d:o/c/d f:o/c/d/e f:o/c/e", .parents = true},
	{{"d x", "f x/keep", "f x/skip", "d x/d", "f x/d/skip"}, {0}, {"x"}, "/o/", "d:o d:o/x d:o/x/d f:o/x/keep", {"**/skip"}, .parents = true},
	{{"d a", "l a/l nowhere"}, {0}, {"a/l"}, "/o/", "d:o d:o/a l:o/a/l>nowhere", .parents = true},
	{{"d a", "l a/l ../r", "d r", "f r/x"}, {0}, {"a/l/x"}, "/o/", "d:o d:o/a l:o/a/l>../r d:o/r f:o/r/x", .parents = true},
	{{"d a"}, {0}, {"a/no*"}, "/o/", "d:o", .parents = true},
	{{"d d", "f d/x", "h d/y d/x"}, {0}, {"d"}, "/o/", "d:o f:o/x h:o/y>o/x"},
	{{"d a", "f a/x", "d b", "h b/y a/x", "h b/z a/x"}, {0}, {"b"}, "/o/", "d:o f:o/y h:o/z>o/y"},
	{{"f x", "h y x"}, {0}, {"y"}, "/z", "f:z"},
	{{"d d", "f d/.wh.x", "f d/y", "d d/.wh.d", "f d/.wh.d/in"}, {0}, {"d"}, "/o/", "d:o f:o/y"},
	{{"p pipe"}, {0}, {"pipe"}, "/", "p:pipe"},
	{{"f a"}, {"d d", "d d/e", "D d/e/f"}, {"a"}, "/d/e/f/", "d:d d:d/e d:d/e/f f:d/e/f/a"},
};

static size_t count(const char *const *words, size_t max)
{
	size_t n = 0;
	while (n < max && words[n])
		n++;
	return n;
}

static int plan_place(const struct place *p, struct copy_plan *plan, struct buf *warnings, struct err *e)
{
	cleanup_fake struct fake_source f;
	fake_init(&f, index_of_lines(p->source), -1);
	cleanup_index struct index *below = index_of_lines(p->below);
	cleanup_view struct view *v = view_new((const struct index *const *)&below, 1);
	struct copy_item items[4] = {0};
	struct str excludes[3];
	size_t n = count(p->words, 4), nx = count(p->excludes, 3);
	for (size_t i = 0; i < n; i++)
		items[i] = (struct copy_item){.source = &f.source, .path = str_of(p->words[i])};
	for (size_t i = 0; i < nx; i++)
		excludes[i] = str_of(p->excludes[i]);
	struct copy_args a = COPY_ARGS(.items = items, .nitems = n, .dest = str_of(p->dest), .excludes = excludes, .nexcludes = nx, .parents = p->parents,
		.link = p->link, .warn = warnings ? note_warning : NULL, .warn_arg = warnings);
	struct digest key, again;
	bool over;
	int rc = copy_make_plan(&a, v, plan, e);
	if (rc == 0) {
		cr_assert_eq(copy_select_digest(&a, UINT64_MAX, &key, &over, e), 0, "%s", e->text);
		cr_assert_eq(copy_select_digest(&a, UINT64_MAX, &again, &over, e), 0, "%s", e->text);
		cr_expect(digest_eq(&key, &again));
	}
	return rc;
}

Test(copy, sources_go_where_the_language_says)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct err e = {0};
		cleanup_copy_plan struct copy_plan plan = {0};
		cleanup_buf struct buf b = {0};
		cr_assert_eq(plan_place(&places[i], &plan, NULL, &e), 0, "%zu: %s", i, e.text);
		describe_index(plan.index, &b);
		cr_expect_str_eq(b.p, places[i].want, "case %zu (%s):\n is:  %s\n not: %s", i, places[i].words[0], b.p, places[i].want);
	}
}

static const struct place bad[] = {
	{{"f a"}, {0}, {"nope"}, "/", "\"/nope\": not found (hint)"},
	{{"l l nowhere"}, {0}, {"l"}, "/", "\"/l\": not found (hint)"},
	{{"l l nowhere"}, {0}, {"*"}, "/", "\"/l\": not found (hint)"},
	{{"l a b", "l b a"}, {0}, {"a"}, "/", "\"/a\": "},
	{{"d d", "f d/g"}, {"f x"}, {"d"}, "/x", "cannot copy to non-directory: /x"},
	{{"f a"}, {"f x"}, {"a"}, "/x/", "cannot copy to non-directory: /x"},
	{{"f a"}, {"f x"}, {"a"}, "/x/y/z", "cannot copy to non-directory: /x"},
	{{"d b", "d b/n", "f b/n/x"}, {"f n"}, {"b"}, "/", "cannot copy to non-directory: /n"},
	{{"d b", "d b/n"}, {"l n usr"}, {"b"}, "/", "cannot copy to non-directory: /n"},
	{{"d a", "f a/n"}, {"d n"}, {"a"}, "/", "cannot replace to directory /n with file"},
	{{"d a", "l a/n x"}, {"d n"}, {"a"}, "/", "cannot replace to directory /n with file"},
	{{"f n"}, {"d d", "d d/n"}, {"n"}, "/d/", "cannot replace to directory /d/n with file"},
	{{"d x"}, {0}, {"./"}, "/p/", "\"/\": not found", .parents = true},
	{{"d x"}, {0}, {"./x/./"}, "/p/", "\"/x\": not found", .parents = true},
	{{"d x"}, {0}, {"x/no"}, "/p/", "\"/x/no\": not found (hint)", .parents = true},
	{{"f a"}, {0}, {"["}, "/", "syntax error in pattern"},
	{{"f .wh.a"}, {0}, {".wh.a"}, "/", "/.wh.a: in an image a name that begins"},
	{{"f a"}, {0}, {"a"}, "/.wh.d/", "/.wh.d: in an image a name that begins"},
};

Test(copy, what_cannot_be_is_said)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = {0};
		cleanup_copy_plan struct copy_plan plan = {0};
		int rc = plan_place(&bad[i], &plan, NULL, &e);
		cr_assert_lt(rc, 0, "case %zu", i);
		cr_expect(strncmp(e.text, bad[i].want, strlen(bad[i].want)) == 0 || (bad[i].words[0][0] == '[' && e.code == ERR_SYNTAX), "case %zu: %s", i,
			e.text);
		cr_expect_null(plan.index);
	}
}

static const struct place loud[] = {
	{{"f a"}, {0}, {"no*"}, "/x/", "nothing is copied: no file matches \"no*\"\n"},
	{{"f a", "f b x"}, {0}, {"a", "b"}, "/dst", "\"a\" and \"b\" are both copied to /dst: only the last one stays (a destination that is a folder ends with \"/\")\n"},
	{{"d x", "f x/f 1", "d y", "f y/f 2"}, {0}, {"x/f", "y/f"}, "/o/", "\"x/f\" and \"y/f\" are both copied to /o/f: only the last one stays\n"},
	{{"f a", "f b"}, {0}, {"a", "no*"}, "/o/", NULL},
	{{"f a same", "f b same"}, {0}, {"a", "b"}, "/o", NULL},
	{{"f a"}, {0}, {".", "a"}, "/o/", NULL},
	{{"d d", "f d/.wh.x"}, {0}, {"d"}, "/o/", "\"d/.wh.x\" is left out: in an image a name that begins with \".wh.\" means a deletion\n"},
};

Test(copy, carelessness_is_warned_about)
{
	for (size_t i = 0; i < ARRAY_LEN(loud); i++) {
		struct err e = {0};
		cleanup_copy_plan struct copy_plan plan = {0};
		cleanup_buf struct buf warnings = {0};
		cr_assert_eq(plan_place(&loud[i], &plan, &warnings, &e), 0, "%zu: %s", i, e.text);
		cr_expect(loud[i].want ? str_eqz(buf_view(&warnings), loud[i].want) : warnings.len == 0, "case %zu: %s", i, warnings.p);
	}
}

/* --- owners, modes, times --- */

static struct entry at(const struct copy_plan *p, const char *path)
{
	struct entry *en = index_find(p->index, str_of(path));
	cr_assert_not_null(en, "%s", path);
	return *en;
}

static void make_plan(const struct copy_args *a, struct index *below, struct copy_plan *p)
{
	struct err e = {0};
	cleanup_view struct view *v = view_new((const struct index *const *)&below, below != NULL);
	OK(copy_make_plan(a, v, p, &e));
}

static struct index *owned_source(void)
{
	struct index *ix = INDEX("d d", "d d/in", "f d/in/f x", "l d/l f");
	for (size_t i = 0; i < ix->n; i++) {
		ix->entries[i].uid = 7;
		ix->entries[i].gid = 8;
		ix->entries[i].mtime = 100 + (int64_t)i;
		if (ix->entries[i].type != ENTRY_SYMLINK)
			ix->entries[i].mode = 04750;
	}
	return ix;
}

Test(copy, owners_come_from_trees_and_not_from_contexts)
{
	cleanup_fake struct fake_source f;
	fake_init(&f, owned_source(), -1);
	cleanup_index struct index *none = INDEX("d there");
	struct copy_item item = {.source = &f.source, .path = STR("d")};
	struct copy_args a = COPY_ARGS(.items = &item, .nitems = 1, .dest = STR("/a/o"));
	cleanup_copy_plan struct copy_plan context = {0}, tree = {0}, given = {0};
	make_plan(&a, none, &context);
	cr_expect_eq(at(&context, "a/o/in/f").uid, 0);
	cr_expect_eq(at(&context, "a/o/in/f").mode, 04750);
	cr_expect_eq(at(&context, "a/o").mode, 0755);
	cr_expect_eq(at(&context, "a/o").mtime, 100, "the time of the folder whose content came in");
	cr_expect_eq(at(&context, "a").mtime, 5000);
	f.source.owners = true;
	make_plan(&a, none, &tree);
	cr_expect_eq(at(&tree, "a/o/in").gid, 8);
	cr_expect_eq(at(&tree, "a/o").uid, 0, "what is made is never the source's");
	a.set_owner = true;
	a.uid = 1;
	a.gid = 2;
	make_plan(&a, none, &given);
	cr_expect_eq(at(&given, "a").uid, 1);
	cr_expect_eq(at(&given, "a/o/in/f").gid, 2);
	cr_expect_eq(at(&given, "a/o/l").uid, 1);
}

Test(copy, chmod_changes_what_is_made_only_as_a_number)
{
	cleanup_fake struct fake_source f;
	fake_init(&f, owned_source(), -1);
	cleanup_index struct index *none = INDEX("d there");
	struct copy_item item = {.source = &f.source, .path = STR("d")};
	struct copy_args a = COPY_ARGS(.items = &item, .nitems = 1, .dest = STR("/o"), .chmod = STR("1600"));
	cleanup_copy_plan struct copy_plan octal = {0}, symbolic = {0}, never = {0};
	struct err e = {0};
	make_plan(&a, none, &octal);
	cr_expect_eq(at(&octal, "o").mode, 01600);
	cr_expect_eq(at(&octal, "o/in/f").mode, 01600);
	cr_expect_eq(at(&octal, "o/l").mode, 0777);
	a.chmod = STR("u-s,o=X");
	make_plan(&a, none, &symbolic);
	cr_expect_eq(at(&symbolic, "o").mode, 0755);
	cr_expect_eq(at(&symbolic, "o/in").mode, 0751);
	a.chmod = STR("64a");
	cr_expect_lt(copy_make_plan(&a, NULL, &never, &e), 0);
}

Test(copy, folders_that_are_there_keep_their_metadata_unless_they_are_inside)
{
	cleanup_fake struct fake_source f;
	fake_init(&f, owned_source(), -1);
	cleanup_index struct index *below = INDEX("d o", "d o/in", "d o/other");
	for (size_t i = 0; i < below->n; i++) {
		below->entries[i].uid = 500;
		below->entries[i].mode = 0711;
	}
	struct copy_item item = {.source = &f.source, .path = STR("d")};
	struct copy_args a = COPY_ARGS(.items = &item, .nitems = 1, .dest = STR("/o"), .set_owner = true, .uid = 9, .gid = 9);
	cleanup_copy_plan struct copy_plan p = {0};
	make_plan(&a, below, &p);
	cr_expect_eq(at(&p, "o").uid, 500);
	cr_expect_eq(at(&p, "o").mode, 0711);
	cr_expect_eq(at(&p, "o/in").uid, 9);
	cr_expect_eq(at(&p, "o/in").mode, 04750);
	cr_expect_null(index_find(p.index, STR("o/other")));
}

Test(copy, here_documents_are_files_of_root)
{
	struct copy_inline in[] = {{STR("A"), STR("one\n")}, {STR("B"), STR("two\n")}};
	struct copy_args a = COPY_ARGS(.inlines = in, .ninlines = 2, .dest = STR("d/"));
	cleanup_copy_plan struct copy_plan p = {0}, never = {0};
	struct err e = {0};
	a.workdir = STR("/w");
	make_plan(&a, NULL, &p);
	struct digest d = digest_of("two\n", 4);
	cr_expect_eq(at(&p, "w/d/A").mode, 0644);
	cr_expect(digest_eq(&index_find(p.index, STR("w/d/B"))->digest, &d));
	in[0].name = STR("a/b");
	cr_expect_eq(copy_make_plan(&a, NULL, &never, &e), -ERR_STEP);
}

/* --- keys --- */

static struct digest key_of(struct index *take_ix, const char *path, const char *dest, bool owners, const char *chmod)
{
	cleanup_fake struct fake_source f;
	struct err e = {0};
	struct digest d;
	bool over;
	fake_init(&f, take_ix, -1);
	f.source.owners = owners;
	struct copy_item item = {.source = &f.source, .path = str_of(path)};
	struct copy_args a = COPY_ARGS(.items = &item, .nitems = 1, .dest = str_of(dest), .link = true, .chmod = str_of(chmod));
	OK(copy_select_digest(&a, UINT64_MAX, &d, &over, &e));
	return d;
}

static struct index *changed(struct index *ix, const char *path, void (*change)(struct entry *en))
{
	change(index_find(ix, str_of(path)));
	return ix;
}
static void later(struct entry *en)
{
	en->mtime++;
}
static void executable(struct entry *en)
{
	en->mode = 0755;
}
static void given_away(struct entry *en)
{
	en->uid = 5;
}
static void attributed(struct entry *en)
{
	en->xattrs = STR("user.a\0\1\0\0\0x");
}

#define SAME(x, y) cr_expect(digest_eq(&(struct digest[]){x}[0], &(struct digest[]){y}[0]))
#define OTHER(x, y) cr_expect_not(digest_eq(&(struct digest[]){x}[0], &(struct digest[]){y}[0]))

Test(copy, key_counts_what_is_selected_and_nothing_else)
{
	struct digest k = key_of(INDEX("d d", "f d/f x"), "d", "/o", false, "");
	SAME(k, key_of(INDEX("d d", "f d/f x", "f more"), "d", "/o", false, ""));
	SAME(k, key_of(INDEX("d e", "f e/f x"), "e", "/o", false, ""));
	SAME(k, key_of(changed(INDEX("d d", "f d/f x"), "d/f", later), "d", "/o", false, ""));
	SAME(k, key_of(changed(INDEX("d d", "f d/f x"), "d/f", given_away), "d", "/o", false, ""));
	OTHER(k, key_of(changed(INDEX("d d", "f d/f x"), "d/f", given_away), "d", "/o", true, ""));
	OTHER(k, key_of(INDEX("d d", "f d/f y"), "d", "/o", false, ""));
	OTHER(k, key_of(INDEX("d d", "f d/g x"), "d", "/o", false, ""));
	OTHER(k, key_of(INDEX("d d", "f d/f x", "d d/e"), "d", "/o", false, ""));
	OTHER(k, key_of(changed(INDEX("d d", "f d/f x"), "d/f", executable), "d", "/o", false, ""));
	OTHER(k, key_of(changed(INDEX("d d", "f d/f x"), "d/f", attributed), "d", "/o", false, ""));
	SAME(key_of(INDEX("f f x"), "f", "/o", false, "644"), key_of(changed(INDEX("f f x"), "f", executable), "f", "/o", false, "644"));
	OTHER(key_of(INDEX("l l a", "d d", "l d/l a"), "d", "/o", false, ""), key_of(INDEX("d d", "l d/l b"), "d", "/o", false, ""));
}

Test(copy, key_counts_the_name_of_a_file_only_where_it_decides)
{
	SAME(key_of(INDEX("f a x"), "a", "/o", false, ""), key_of(INDEX("f b x"), "b", "/o", false, ""));
	OTHER(key_of(INDEX("f a x"), "a", "/o/", false, ""), key_of(INDEX("f b x"), "b", "/o/", false, ""));
	OTHER(key_of(INDEX("f a x", "f ab y"), "a*", "/o", false, ""), key_of(INDEX("f a x", "f ac y"), "a*", "/o", false, ""));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"

#include "snapshotter/passwd.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const char users[] = "root:x:0:0:root:/root:/bin/sh\n"
			    "# comment:x:9:9::/:\n"
			    "\n"
			    "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
			    "broken:x:zero:0::/:/bin/sh\n"
			    "few:x:5\n"
			    "plus:x:+5:0::/:\n"
			    "1234:x:77:78:a numeric name:/home/n:/bin/sh\n"
			    "dockerio:x:1001:1001::/bin:/bin/false\r\n"
			    "huge:x:4294967295:0::/:\n"
			    "big:x:4294967294:12::/:\n"
			    "dockerio:x:2:2::/second:/bin/false\n"
			    "nohome:x:50:51";
static const char groups[] = "root:x:0:\nwheel:x:10:root,dockerio\ndaemon:x:1:\nsupplementary:x:1002: dockerio \nbad:x:-1:dockerio\n1002:x:9:\nfew:x\n";

static struct passwd *sample(void)
{
	return passwd_parse(str_of(users), str_of(groups));
}

struct run {
	const char *spec;
	uint32_t uid, gid;
	const char *home;
	uint32_t groups[4];
	size_t ngroups;
};
static const struct run runs[] = {
	{"", 0, 0, "/root"},
	{"root", 0, 0, "/root", {10}, 1},
	{"0", 0, 0, "/root", {10}, 1},
	{"dockerio", 1001, 1001, "/bin", {10, 1002}, 2},
	{"1001", 1001, 1001, "/bin", {10, 1002}, 2},
	{"dockerio:dockerio2", 0, 0, NULL}, /* no such group */
	{"dockerio:daemon", 1001, 1, "/bin"},
	{"dockerio:1002", 1001, 1002, "/bin"},
	{"1001:supplementary", 1001, 1002, "/bin"},
	{"1042:1043", 1042, 1043, NULL},
	{"1234", 1234, 0, NULL}, /* a number is an id, though there is such a name */
	{":wheel", 0, 10, "/root"},
	{"big", 4294967294u, 12, "/"},
	{"nohome", 50, 51, NULL},
};

Test(passwd, users_of_run_steps_are_found_as_runtimes_do)
{
	cleanup_passwd struct passwd *p = sample();
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		const struct run *r = &runs[i];
		struct passwd_user u;
		struct err e = {0};
		if (strstr(r->spec, "dockerio2")) {
			cr_expect_eq(passwd_run_user(p, str_of(r->spec), &u, &e), -ERR_NOT_FOUND);
			cr_expect_str_eq(e.text, "unable to find group dockerio2: no matching entries in group file");
			continue;
		}
		OK(passwd_run_user(p, str_of(r->spec), &u, &e));
		cr_expect(u.uid == r->uid && u.gid == r->gid, "%s: %u:%u", r->spec, u.uid, u.gid);
		cr_expect(r->home ? u.home && strcmp(u.home, r->home) == 0 : !u.home, "%s: %s", r->spec, u.home);
		cr_assert_eq(u.ngroups, r->ngroups, "%s: %zu groups", r->spec, u.ngroups);
		for (size_t k = 0; k < u.ngroups; k++)
			cr_expect_eq(u.groups[k], r->groups[k]);
		passwd_user_done(&u);
	}
}

Test(passwd, unknown_names_and_what_is_no_entry_are_not_found)
{
	static const char *const none[] = {"nosuch", "broken", "few", "plus", "huge", "4294967295", "99999999999999999999", "-1", "+5", "comment", "# comment"};
	cleanup_passwd struct passwd *p = sample();
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		struct passwd_user u;
		struct err e = {0};
		uint32_t uid, gid;
		cr_expect_eq(passwd_run_user(p, str_of(none[i]), &u, &e), -ERR_NOT_FOUND, "%s", none[i]);
		cr_expect_eq(passwd_chown(p, str_of(none[i]), &uid, &gid, &e), -ERR_NOT_FOUND, "%s", none[i]);
	}
}

struct owner {
	const char *spec;
	uint32_t uid, gid;
};
static const struct owner owners[] = {{"55", 55, 55}, {"55:", 55, 0}, {"55:66", 55, 66}, {"dockerio", 1001, 1001}, {"dockerio:", 1001, 0},
	{":wheel", 0, 10}, {":7", 0, 7}, {"daemon:supplementary", 1, 1002}, {"1234:1002", 1234, 1002}, {"", 0, 0}};

Test(passwd, owners_of_copy)
{
	cleanup_passwd struct passwd *p = sample();
	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		struct err e = {0};
		uint32_t uid, gid;
		OK(passwd_chown(p, str_of(owners[i].spec), &uid, &gid, &e));
		cr_expect(uid == owners[i].uid && gid == owners[i].gid, "%s: %u:%u", owners[i].spec, uid, gid);
	}
}

Test(passwd, numbers_need_no_files)
{
	cleanup_passwd struct passwd *p = passwd_parse((struct str){0}, (struct str){0});
	struct err e = {0};
	uint32_t uid, gid;
	OK(passwd_chown(p, STR("1:2"), &uid, &gid, &e));
	cr_expect_eq(passwd_chown(p, STR("root"), &uid, &gid, &e), -ERR_NOT_FOUND);
}

/* --- from layers --- */

struct tree {
	struct area area;
	struct store *s;
	struct digest ids[4];
	size_t n;
};
static void tree_open(struct tree *t)
{
	struct err e = {0};
	*t = (struct tree){.area = area_new()};
	cleanup_free char *path = mem_printf("%s/store", t->area.path);
	OK(store_open(path, 1000, &t->s, &e));
}
static void tree_done(struct tree *t)
{
	store_close(t->s);
	area_done(&t->area);
}
/* A layer of these index lines whose folder is filled by `fill`. */
static void tree_add(struct tree *t, struct index *take_ix, void (*fill)(int fs))
{
	struct err e = {0};
	int tmp, fd = -1;
	cleanup_free char *name = NULL;
	OK(store_tmp(t->s, &tmp, &e));
	OK(fs_temp_dir(tmp, "t", &name, &e));
	OK(fs_open_dir(tmp, name, &fd, &e));
	OK(fs_mkdirs(fd, "fs/etc", 0755, &e));
	int fs = openat(fd, "fs", O_RDONLY | O_DIRECTORY);
	fill(fs);
	close(fs);
	struct layer l = {.cid = index_content_id(take_ix), .id = index_layer_id(take_ix)};
	OK(index_write(take_ix, fd, "index", &e));
	OK(store_add_layer(t->s, tmp, name, &l, &e));
	t->ids[t->n++] = l.id;
	close(fd);
	index_free(take_ix);
}
static void put_text(int fs, const char *name, const char *text)
{
	struct err e = {0};
	OK(fs_write_atomic(fs, name, str_of(text), 0644, false, &e));
}
static void fill_base(int fs)
{
	put_text(fs, "etc/passwd", "me:x:5:6::/:\n");
	put_text(fs, "etc/group", "g:x:7:\n");
}
static void fill_link(int fs)
{
	cr_assert_eq(mkdirat(fs, "opt", 0755), 0);
	put_text(fs, "opt/users", "me:x:8:9::/:\n");
	cr_assert_eq(symlinkat("../../../opt/users", fs, "etc/passwd"), 0);
}
static void fill_fifo(int fs)
{
	cr_assert_eq(mkfifoat(fs, "etc/passwd", 0644), 0);
}

Test(passwd, is_read_from_the_topmost_layer_that_has_it)
{
	__attribute__((cleanup(tree_done))) struct tree t;
	struct err e = {0};
	uint32_t uid, gid;
	tree_open(&t);
	tree_add(&t, INDEX("d etc", "f etc/passwd me:x:5:6::/:+", "f etc/group g:x:7:+"), fill_base);
	cleanup_passwd struct passwd *one = NULL, *two = NULL;
	OK(passwd_read(t.s, t.ids, 1, &one, &e));
	OK(passwd_chown(one, STR("me:g"), &uid, &gid, &e));
	cr_expect(uid == 5 && gid == 7);
	tree_add(&t, INDEX("d etc", "l etc/passwd ../../../opt/users", "d opt", "f opt/users me:x:8:9::/:+"), fill_link);
	OK(passwd_read(t.s, t.ids, 2, &two, &e));
	OK(passwd_chown(two, STR("me:g"), &uid, &gid, &e));
	cr_expect(uid == 8 && gid == 7, "%u:%u", uid, gid);
}

Test(passwd, only_regular_files_of_a_sane_size_are_read)
{
	__attribute__((cleanup(tree_done))) struct tree t;
	struct err e = {0};
	struct passwd *p = NULL;
	tree_open(&t);
	tree_add(&t, INDEX("d etc", "p etc/passwd"), fill_fifo);
	cr_expect_eq(passwd_read(t.s, t.ids, 1, &p, &e), -ERR_CORRUPT);
	/* the index says file, the folder has a fifo: it must not block */
	t.n = 0;
	tree_add(&t, INDEX("d etc", "f etc/passwd x"), fill_fifo);
	cr_expect_eq(passwd_read(t.s, t.ids, 1, &p, &e), -ERR_CORRUPT);
	t.n = 0;
	struct index *huge = INDEX("d etc", "f etc/passwd x");
	index_find(huge, STR("etc/passwd"))->size = 11u << 20;
	tree_add(&t, huge, fill_base);
	cr_expect_eq(passwd_read(t.s, t.ids, 1, &p, &e), -ERR_LIMIT);
	t.n = 0;
	struct index *none = INDEX("d etc");
	tree_add(&t, none, fill_base);
	cleanup_passwd struct passwd *empty = NULL;
	OK(passwd_read(t.s, t.ids, 1, &empty, &e));
	uint32_t uid, gid;
	cr_expect_eq(passwd_chown(empty, STR("root"), &uid, &gid, &e), -ERR_NOT_FOUND);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and groups of an image. The texts are kept as they are and searched line by line when somebody asks, which is once or
 * twice for a step. A word of digits is always an id and never a name, whatever the files say; an entry whose ids are no plain
 * decimal numbers is no entry. Nothing else of the image is believed: the files are found in the layers' indexes, are opened
 * below the one layer folder that has them with no symlink on the way, and must be regular.
 */
#include "snapshotter/passwd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/rootpath.h"

enum { PASSWD_LIMIT = 10 * 1024 * 1024, ID_LEN_MAX = 10, GROUPS_MAX = 65536 };
#define ID_MAX ((uint64_t)UINT32_MAX - 1)

struct passwd {
	struct buf users, groups;
};

struct user_line {
	struct str name, home;
	uint32_t uid, gid;
};
struct group_line {
	struct str name, members;
	uint32_t gid;
};

void passwd_user_done(struct passwd_user *u)
{
	mem_free(u->groups);
	mem_free(u->home);
	*u = (struct passwd_user){0};
}

void passwd_free(struct passwd *p)
{
	if (!p)
		return;
	buf_done(&p->users);
	buf_done(&p->groups);
	mem_free(p);
}

struct passwd *passwd_parse(struct str passwd_text, struct str group_text)
{
	struct passwd *p = mem_new(sizeof(*p));
	buf_str(&p->users, passwd_text);
	buf_str(&p->groups, group_text);
	return p;
}

/* --- lines --- */

static bool parse_id(struct str s, uint32_t *ret)
{
	uint64_t v;
	if (s.len > ID_LEN_MAX || !str_u64(s, ID_MAX, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* Fields 0..n-1 of a line; false when it has fewer or is none. The last field asked for ends at the next colon. */
static bool next_line(struct str *rest, struct str *ret)
{
	while (rest->len) {
		ptrdiff_t nl = str_find(*rest, '\n');
		*ret = str_trim(nl < 0 ? *rest : str_sub(*rest, 0, (size_t)nl));
		*rest = nl < 0 ? (struct str){0} : str_from(*rest, (size_t)nl + 1);
		if (ret->len && ret->p[0] != '#')
			return true;
	}
	return false;
}

static size_t fields(struct str line, struct str *out, size_t max)
{
	size_t n = 0;
	while (n < max && line.p) {
		ptrdiff_t colon = str_find(line, ':');
		out[n++] = colon < 0 ? line : str_sub(line, 0, (size_t)colon);
		line = colon < 0 ? (struct str){0} : str_from(line, (size_t)colon + 1);
	}
	return n;
}

static bool next_user(struct str *rest, struct user_line *ret)
{
	struct str line, f[6];
	while (next_line(rest, &line)) {
		size_t n = fields(line, f, ARRAY_LEN(f));
		if (n < 4 || !f[0].len || !parse_id(f[2], &ret->uid) || !parse_id(f[3], &ret->gid))
			continue;
		ret->name = f[0];
		ret->home = n > 5 ? f[5] : (struct str){0};
		return true;
	}
	return false;
}

static bool next_group(struct str *rest, struct group_line *ret)
{
	struct str line, f[4];
	while (next_line(rest, &line)) {
		size_t n = fields(line, f, ARRAY_LEN(f));
		if (n < 3 || !f[0].len || !parse_id(f[2], &ret->gid))
			continue;
		ret->name = f[0];
		ret->members = n > 3 ? f[3] : (struct str){0};
		return true;
	}
	return false;
}

/* The first entry with this name, or, when the word is a number, this id. */
static bool find_user(const struct passwd *p, struct str word, struct user_line *ret)
{
	uint32_t id = 0;
	bool number = parse_id(word, &id);
	struct str rest = buf_view(&p->users);
	while (next_user(&rest, ret))
		if (number ? ret->uid == id : str_eq(ret->name, word))
			return true;
	return false;
}

static bool find_group(const struct passwd *p, struct str word, struct group_line *ret)
{
	uint32_t id = 0;
	bool number = parse_id(word, &id);
	struct str rest = buf_view(&p->groups);
	while (next_group(&rest, ret))
		if (number ? ret->gid == id : str_eq(ret->name, word))
			return true;
	return false;
}

static bool is_member(struct str members, struct str user)
{
	struct str part;
	while (members.len && str_split(&members, ',', &part))
		if (str_eq(str_trim(part), user))
			return true;
	return false;
}

/* --- specs --- */

struct spec {
	struct str user, group;
	bool colon;
};

static struct spec split_spec(struct str text)
{
	ptrdiff_t colon = str_find(text, ':');
	if (colon < 0)
		return (struct spec){.user = text};
	return (struct spec){.user = str_sub(text, 0, (size_t)colon), .group = str_from(text, (size_t)colon + 1), .colon = true};
}

static int no_user(struct str name, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "unable to find user %.*s: no matching entries in passwd file", STR_ARG(name));
}

static int no_group(struct str name, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "unable to find group %.*s: no matching entries in group file", STR_ARG(name));
}

static int resolve_group(const struct passwd *p, struct str word, uint32_t *ret, struct err *e)
{
	struct group_line g;
	if (parse_id(word, ret))
		return 0;
	if (!find_group(p, word, &g))
		return no_group(word, e);
	*ret = g.gid;
	return 0;
}

static void add_groups(const struct passwd *p, struct str user, struct passwd_user *u)
{
	struct str rest = buf_view(&p->groups);
	struct group_line g;
	size_t cap = 0;
	while (u->ngroups < GROUPS_MAX && next_group(&rest, &g)) {
		if (!is_member(g.members, user))
			continue;
		MEM_ROOM(u->groups, u->ngroups, cap);
		u->groups[u->ngroups++] = g.gid;
	}
}

static int fill_user(const struct passwd *p, const struct spec *s, struct passwd_user *u, struct err *e)
{
	struct user_line line;
	struct str word = s->user.len ? s->user : STR("0");
	bool found = find_user(p, word, &line);
	if (found) {
		u->uid = line.uid;
		u->gid = line.gid;
		if (line.home.len)
			u->home = mem_strndup(line.home.p, line.home.len);
	} else if (!parse_id(word, &u->uid)) {
		return no_user(word, e);
	}
	if (s->group.len)
		return resolve_group(p, s->group, &u->gid, e);
	if (found && s->user.len)
		add_groups(p, line.name, u);
	return 0;
}

int passwd_run_user(const struct passwd *p, struct str spec, struct passwd_user *ret, struct err *e)
{
	struct spec s = split_spec(spec);
	__attribute__((cleanup(passwd_user_done))) struct passwd_user u = {0};
	TRY(fill_user(p, &s, &u, e));
	*ret = u;
	u = (struct passwd_user){0};
	return 0;
}

int passwd_chown(const struct passwd *p, struct str spec, uint32_t *ret_uid, uint32_t *ret_gid, struct err *e)
{
	struct spec s = split_spec(spec);
	struct user_line line;
	uint32_t uid = 0, gid = 0;
	if (s.user.len && parse_id(s.user, &uid)) {
		gid = s.colon ? 0 : uid;
	} else if (s.user.len) {
		if (!find_user(p, s.user, &line))
			return no_user(s.user, e);
		uid = line.uid;
		gid = s.colon ? 0 : line.gid;
	}
	if (s.group.len)
		TRY(resolve_group(p, s.group, &gid, e));
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

/* --- from a tree --- */

/* A tree without the file has none of its names. */
static int read_text(struct store *s, const struct view *v, const struct digest *layers, size_t n, struct str path, struct buf *out,
	struct err *e)
{
	cleanup_buf struct buf at = {0};
	struct entry en;
	TRY(view_resolve(v, path, true, &at, e));
	if (!view_inode(v, buf_view(&at), &en))
		return 0;
	if (en.type != ENTRY_FILE || en.origin >= n)
		return err_set(e, ERR_CORRUPT, "/%.*s: no regular file", STR_ARG(path));
	if (en.size > PASSWD_LIMIT)
		return err_set(e, ERR_LIMIT, "/%.*s: larger than %d MiB", STR_ARG(path), PASSWD_LIMIT >> 20);
	cleanup_close int dir = -1, fd = -1;
	struct stat st;
	TRY(store_layer_folder(s, &layers[en.origin], &dir, e));
	TRY(rootpath_open_nolinks(dir, at.p, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, e));
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat /%.*s", STR_ARG(path));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CORRUPT, "/%.*s: no regular file", STR_ARG(path));
	return io_read_fd(fd, PASSWD_LIMIT, out, e);
}

/* An entry's origin is the number of its layer. */
static int read_view(struct store *s, const struct view *v, const struct digest *layers, size_t n, struct passwd **ret, struct err *e)
{
	cleanup_passwd struct passwd *p = mem_new(sizeof(*p));
	TRY(read_text(s, v, layers, n, STR("etc/passwd"), &p->users, e));
	TRY(read_text(s, v, layers, n, STR("etc/group"), &p->groups, e));
	*ret = steal(&p);
	return 0;
}

struct indexes {
	struct index **all;
	size_t n;
};

static void indexes_done(struct indexes *x)
{
	for (size_t i = 0; i < x->n; i++)
		index_free(x->all[i]);
	mem_free(x->all);
}

int passwd_read(struct store *s, const struct digest *layers, size_t n, struct passwd **ret, struct err *e)
{
	cleanup_with(indexes_done) struct indexes x = {.all = mem_array(n + 1, sizeof(*x.all)), .n = n};
	for (size_t i = 0; i < n; i++)
		TRY(store_layer_index(s, &layers[i], &x.all[i], e));
	cleanup_view struct view *v = view_new((const struct index *const *)x.all, n);
	return read_view(s, v, layers, n, ret, e);
}

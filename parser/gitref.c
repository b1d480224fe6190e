/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git references. What is one is decided by form alone: a known scheme (with ".git" at the end of the path for http and
 * https), user@host:path, or the old short form github.com/…. Then the query and the fragment say which commit and
 * folder; what both say has to agree.
 */
#include "parser/gitref.h"

#include "base/mem.h"
#include "parser/values.h"

/* ---- query and fragment ---- */

struct query {
	struct gitref *r;
	struct str branch, tag;
	bool seen[16];
};

/* Percent decoding; '+' is a blank in queries only. False for a broken escape. */
static bool decode(struct str s, bool query, struct arena *a, struct str *ret)
{
	char *out = arena_new(a, s.len + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (c == '%') {
			static const char hex[] = "0123456789abcdef";
			if (i + 2 >= s.len)
				return false;
			const char *high = s.p[i + 1] ? strchr(hex, s.p[i + 1] | 0x20) : NULL;
			const char *low = s.p[i + 2] ? strchr(hex, s.p[i + 2] | 0x20) : NULL;
			if (!high || !low || !*high || !*low)
				return false;
			c = (char)((high - hex) << 4 | (low - hex));
			i += 2;
		} else if (c == '+' && query) {
			c = ' ';
		}
		out[n++] = c;
	}
	*ret = (struct str){out, n};
	return true;
}

static int agree(const char *name, struct str *there, struct str value, struct err *e)
{
	if (there->len && !str_eq(*there, value))
		return err_set(
		    e, ERR_SYNTAX, "%s conflicts: \"%.*s\" vs \"%.*s\"", name, STR_ARG(*there), STR_ARG(value));
	*there = value;
	return 0;
}

static int choice(const char *name, struct str value, enum gitref_choice *ret, struct err *e)
{
	bool on = true;
	if (value.len && bool_parse(value, &on, e) < 0)
		return err_set(e, ERR_SYNTAX, "invalid %s value: \"%.*s\"", name, STR_ARG(value));
	*ret = on ? GITREF_YES : GITREF_NO;
	return 0;
}

static int set_ref(struct query *q, struct str value, struct err *e)
{
	return agree("ref", &q->r->ref, value, e);
}

static int set_branch(struct query *q, struct str value, struct err *e)
{
	(void)e;
	q->branch = value;
	return 0;
}

static int set_tag(struct query *q, struct str value, struct err *e)
{
	(void)e;
	q->tag = value;
	return 0;
}

static int set_subdir(struct query *q, struct str value, struct err *e)
{
	return agree("subdir", &q->r->subdir, value, e);
}

static int set_checksum(struct query *q, struct str value, struct err *e)
{
	return agree("checksum", &q->r->checksum, value, e);
}

static int set_keep(struct query *q, struct str value, struct err *e)
{
	return choice("keep-git-dir", value, &q->r->keep_git_dir, e);
}

static int set_submodules(struct query *q, struct str value, struct err *e)
{
	return choice("submodules", value, &q->r->submodules, e);
}

static int set_fetch(struct query *q, struct str value, struct err *e)
{
	enum gitref_choice on = GITREF_UNSET;
	TRY(choice("fetch-by-commit", value, &on, e));
	q->r->fetch_by_commit = on == GITREF_YES;
	return 0;
}

static int set_mtime(struct query *q, struct str value, struct err *e)
{
	if (!str_eqz(value, "checkout") && !str_eqz(value, "commit"))
		return err_set(e, ERR_SYNTAX, "invalid mtime value: \"%.*s\" (must be \"checkout\" or \"commit\")",
		    STR_ARG(value));
	q->r->mtime = value;
	return 0;
}

static const struct query_key {
	const char *name;
	bool bare; /* works without a value */
	int (*set)(struct query *q, struct str value, struct err *e);
} query_keys[] = {
    {"ref", false, set_ref},
    {"branch", false, set_branch},
    {"tag", false, set_tag},
    {"subdir", false, set_subdir},
    {"checksum", false, set_checksum},
    {"commit", false, set_checksum},
    {"keep-git-dir", true, set_keep},
    {"submodules", true, set_submodules},
    {"fetch-by-commit", true, set_fetch},
    {"mtime", false, set_mtime},
};

static int query_pair(struct query *q, struct str pair, struct arena *a, struct err *e)
{
	ptrdiff_t equal = str_find(pair, '=');
	struct str name, value = {"", 0};
	if (!decode(equal < 0 ? pair : str_sub(pair, 0, (size_t)equal), true, a, &name) ||
	    (equal >= 0 && !decode(str_from(pair, (size_t)equal + 1), true, a, &value)))
		return err_set(e, ERR_SYNTAX, "invalid escape in query \"%.*s\"", STR_ARG(pair));
	for (size_t i = 0; i < ARRAY_LEN(query_keys); i++) {
		const struct query_key *k = &query_keys[i];
		if (!str_eqz(name, k->name))
			continue;
		if (!value.len && !k->bare)
			break;
		if (q->seen[i])
			return err_set(e, ERR_SYNTAX, "query \"%.*s\" has multiple values", STR_ARG(name));
		q->seen[i] = true;
		return k->set(q, value, e);
	}
	if (!value.len)
		return err_set(e, ERR_SYNTAX, "query \"%.*s\" has no value", STR_ARG(name));
	return err_set(e, ERR_SYNTAX, "unexpected query \"%.*s\"", STR_ARG(name));
}

static struct str prefixed(struct arena *a, const char *prefix, struct str name)
{
	size_t n = strlen(prefix);
	char *p = arena_new(a, n + name.len + 1);
	memcpy(p, prefix, n);
	memcpy(p + n, name.p, name.len);
	return (struct str){p, n + name.len};
}

static int read_query(struct gitref *r, struct str text, struct arena *a, struct err *e)
{
	struct query q = {.r = r};
	struct str pair;
	while (str_split(&text, '&', &pair))
		if (pair.len)
			TRY(query_pair(&q, pair, a, e));
	if (q.branch.len && q.tag.len)
		return err_set(e, ERR_SYNTAX, "branch conflicts with tag");
	if (q.branch.len)
		return agree("ref", &r->ref, prefixed(a, "refs/heads/", q.branch), e);
	if (q.tag.len)
		return agree("ref", &r->ref, prefixed(a, "refs/tags/", q.tag), e);
	return 0;
}

/* "#ref:subdir". The fragment's word comes first in messages about disagreement. */
static int read_fragment(struct gitref *r, struct str text, struct arena *a, struct err *e)
{
	struct str words;
	if (!decode(text, false, a, &words))
		return err_set(e, ERR_SYNTAX, "invalid escape in \"#%.*s\"", STR_ARG(text));
	ptrdiff_t colon = str_find(words, ':');
	struct str ref = colon < 0 ? words : str_sub(words, 0, (size_t)colon);
	struct str subdir = colon < 0 ? (struct str){"", 0} : str_from(words, (size_t)colon + 1);
	if (ref.len) {
		struct str query_ref = r->ref;
		r->ref = ref;
		if (query_ref.len)
			TRY(agree("ref", &r->ref, query_ref, e));
	}
	if (subdir.len) {
		struct str query_subdir = r->subdir;
		r->subdir = subdir;
		if (query_subdir.len)
			TRY(agree("subdir", &r->subdir, query_subdir, e));
	}
	return 0;
}

/* ---- the form ---- */

static bool word_byte(char c, const char *more)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr(more, c));
}

static size_t word_length(struct str s, const char *more)
{
	size_t n = 0;
	while (n < s.len && word_byte(s.p[n], more))
		n++;
	return n;
}

/* user@host:path */
static bool scp_form(struct str s)
{
	size_t user = word_length(s, "-_");
	if (!user || user == s.len || s.p[user] != '@')
		return false;
	struct str rest = str_from(s, user + 1);
	size_t host = word_length(rest, "-.");
	return host && host < rest.len && rest.p[host] == ':';
}

/* What a URL parser would refuse: control bytes, blanks in the host, broken escapes. */
static bool url_bytes(struct str s, struct arena *a)
{
	struct str ignored;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return decode(s, false, a, &ignored);
}

static bool url_form(struct str s, size_t scheme, struct arena *a, struct gitref *r)
{
	static const char *const known[] = {"http", "https", "git", "ssh"};
	struct str rest = str_from(s, scheme + 3), name = str_sub(s, 0, scheme);
	size_t which = 0;
	while (which < ARRAY_LEN(known) && !str_ieq(name, str_of(known[which])))
		which++;
	if (which == ARRAY_LEN(known) || !url_bytes(rest, a))
		return false;
	ptrdiff_t slash = str_find(rest, '/');
	struct str path = slash < 0 ? (struct str){"", 0} : str_from(rest, (size_t)slash);
	if (which < 2 && !str_ends(path, STR(".git")))
		return false;
	r->unencrypted = which == 0 || which == 2;
	r->remote = prefixed(a, arena_printf(a, "%s://", known[which]), rest);
	return true;
}

/* The text without query and fragment. */
static bool remote_form(struct str s, struct arena *a, struct gitref *r)
{
	size_t scheme = word_length(s, "");
	if (scheme && str_starts(str_from(s, scheme), STR("://")))
		return url_form(s, scheme, a, r);
	r->remote = arena_str(a, s);
	r->maybe_local = str_starts(s, STR("github.com/"));
	return r->maybe_local ? url_bytes(s, a) : scp_form(s);
}

/* These go to a program's command line and into a working tree. */
static int check_safe(const struct gitref *r, struct err *e)
{
	struct str rest = r->subdir, part;
	bool out = r->subdir.len && r->subdir.p[0] == '/';
	while (r->subdir.len && str_split(&rest, '/', &part))
		out = out || str_eqz(part, "..");
	if (out)
		return err_set(e, ERR_SYNTAX, "subdir \"%.*s\" leads out of the repository", STR_ARG(r->subdir));
	if (r->ref.len && r->ref.p[0] == '-')
		return err_set(e, ERR_SYNTAX, "invalid ref \"%.*s\"", STR_ARG(r->ref));
	const struct str all[] = {r->ref, r->subdir, r->checksum};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (size_t k = 0; k < all[i].len; k++)
			if ((unsigned char)all[i].p[k] < 0x20 || all[i].p[k] == 0x7f)
				return err_set(e, ERR_SYNTAX, "control character in a git reference");
	return 0;
}

/* User and host must not look like options either. */
static bool dash_host(struct str remote)
{
	const char *slashes = remote.len ? memmem(remote.p, remote.len, "://", 3) : NULL;
	struct str rest = slashes ? str_from(remote, (size_t)(slashes - remote.p) + 3) : remote;
	rest.len = str_find(rest, '/') >= 0 ? (size_t)str_find(rest, '/') : rest.len;
	ptrdiff_t at = slashes ? str_rfind(rest, '@') : str_find(rest, '@');
	struct str host = str_from(rest, (size_t)(at + 1));
	return (rest.len && rest.p[0] == '-') || (host.len && host.p[0] == '-');
}

int gitref_parse(struct str text, struct arena *a, struct gitref *ret, bool *ret_is_git, struct err *e)
{
	struct gitref r = {.keep_git_dir = GITREF_UNSET, .submodules = GITREF_UNSET};
	struct str rest = text, query = {"", 0}, fragment = {"", 0};
	ptrdiff_t hash = str_find(rest, '#');
	if (hash >= 0) {
		fragment = str_from(rest, (size_t)hash + 1);
		rest = str_sub(rest, 0, (size_t)hash);
	}
	ptrdiff_t mark = str_find(rest, '?');
	if (mark >= 0) {
		query = str_from(rest, (size_t)mark + 1);
		rest = str_sub(rest, 0, (size_t)mark);
	}
	*ret_is_git = remote_form(rest, a, &r);
	if (!*ret_is_git)
		return 0;
	TRY(read_query(&r, arena_str(a, query), a, e));
	TRY(read_fragment(&r, arena_str(a, fragment), a, e));
	TRY(check_safe(&r, e));
	if (dash_host(r.remote))
		return err_set(e, ERR_SYNTAX, "invalid host in \"%.*s\"", STR_ARG(r.remote));
	r.short_name = str_from(r.remote, (size_t)(str_rfind(r.remote, '/') + 1));
	if (str_ends(r.short_name, STR(".git")))
		r.short_name.len -= 4;
	*ret = r;
	return 0;
}

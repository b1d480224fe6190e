/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/gitref.h"

static const struct {
	const char *text, *remote, *name, *ref, *subdir;
} refs[] = {
    {"https://git.example/a/b.git", "https://git.example/a/b.git", "b", "", ""},
    {"HTTP://h/b.git#v1", "http://h/b.git", "b", "v1", ""},
    {"ssh://me@h:2222/a/b#:d", "ssh://me@h:2222/a/b", "b", "", "d"},
    {"git://h/b?tag=v%201", "git://h/b", "b", "refs/tags/v 1", ""},
    {"me@h.example:a/b.git?branch=x+y&subdir=p/q", "me@h.example:a/b.git", "b", "refs/heads/x y", "p/q"},
    {"github.com/a/b#r:s:t", "github.com/a/b", "b", "r", "s:t"},
    {"https://h/b.git?ref=a&subdir=s#a:s", "https://h/b.git", "b", "a", "s"},
    {"https://h/b.git?&&ref=a&", "https://h/b.git", "b", "a", ""},
};

Test(gitref, references_are_taken_apart)
{
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		cleanup_arena struct arena a = {0};
		struct gitref r;
		struct err e = {0};
		bool git = false;
		cr_assert_eq(gitref_parse(str_of(refs[i].text), &a, &r, &git, &e), 0, "%s: %s", refs[i].text, e.text);
		cr_assert(git, "%s", refs[i].text);
		cr_expect(str_eqz(r.remote, refs[i].remote), "%s: %.*s", refs[i].text, STR_ARG(r.remote));
		cr_expect(str_eqz(r.short_name, refs[i].name), "%s", refs[i].text);
		cr_expect(str_eqz(r.ref, refs[i].ref), "%s: %.*s", refs[i].text, STR_ARG(r.ref));
		cr_expect(str_eqz(r.subdir, refs[i].subdir), "%s", refs[i].text);
	}
}

Test(gitref, other_texts_are_none_without_being_errors)
{
	static const char *const none[] = {"", "a", "dir/x.git", "https://h/archive.tar.gz", "https://h/x.git.zip",
	    "http://h", "ftp://h/x.git", "file:///x.git", "host:path", "@h:p", "me@:p", "a b@h:p", "https://h/%zz.git",
	    "http://h/\x01.git", "GITHUB.com/a/b"};
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		cleanup_arena struct arena a = {0};
		struct gitref r;
		struct err e = {0};
		bool git = true;
		cr_expect_eq(gitref_parse(str_of(none[i]), &a, &r, &git, &e), 0, "%s: %s", none[i], e.text);
		cr_expect(!git, "%s", none[i]);
	}
}

Test(gitref, wrong_queries_are_errors)
{
	static const struct {
		const char *query, *text;
	} wrong[] = {{"?x=1", "unexpected query \"x\""}, {"?ref", "query \"ref\" has no value"},
	    {"?mtime=now", "invalid mtime value"}, {"?branch=a&branch=b", "query \"branch\" has multiple values"},
	    {"?branch=a&tag=b", "branch conflicts with tag"}, {"?tag=a#b", "ref conflicts: \"b\" vs \"refs/tags/a\""},
	    {"?subdir=a#:b", "subdir conflicts: \"b\" vs \"a\""}, {"?commit=a&checksum=b", "checksum conflicts"},
	    {"?submodules=perhaps", "invalid submodules value"}, {"#-b", "invalid ref \"-b\""},
	    {"?ref=--upload-pack=x", "invalid ref"}, {"#main:../..", "leads out of the repository"},
	    {"#main:/etc", "leads out of the repository"}, {"?subdir=a%2f..", "leads out of the repository"},
	    {"?tag=a%0ab", "control character"}, {"?ref=%q", "invalid escape"}, {"#%", "invalid escape"}};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		cleanup_arena struct arena a = {0};
		struct gitref r;
		struct err e = {0};
		bool git = false;
		struct str text = str_of(arena_printf(&a, "https://h/x.git%s", wrong[i].query));
		cr_expect_eq(gitref_parse(text, &a, &r, &git, &e), -ERR_SYNTAX, "%s", wrong[i].query);
		cr_expect(git && strstr(e.text, wrong[i].text), "%s: %s", wrong[i].query, e.text);
	}
}

Test(gitref, choices_are_unset_until_they_are_written)
{
	cleanup_arena struct arena a = {0};
	struct gitref r;
	struct err e = {0};
	bool git;
	cr_assert_eq(gitref_parse(STR("https://h/x.git"), &a, &r, &git, &e), 0);
	cr_expect(
	    r.keep_git_dir == GITREF_UNSET && r.submodules == GITREF_UNSET && !r.fetch_by_commit && !r.unencrypted);
	cr_assert_eq(
	    gitref_parse(STR("http://h/x.git?submodules=f&keep-git-dir&fetch-by-commit=t"), &a, &r, &git, &e), 0);
	cr_expect(r.keep_git_dir == GITREF_YES && r.submodules == GITREF_NO && r.fetch_by_commit && r.unencrypted);
}

Test(gitref, hosts_and_users_that_look_like_options_are_refused)
{
	static const char *const wrong[] = {"ssh://-oProxyCommand=x/r.git", "ssh://me@-h/r.git", "ssh://-me@h/r.git",
	    "git://-h/r", "-me@h:r", "me@-h:r"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		cleanup_arena struct arena a = {0};
		struct gitref r;
		struct err e = {0};
		bool git = false;
		cr_expect_eq(gitref_parse(str_of(wrong[i]), &a, &r, &git, &e), -ERR_SYNTAX, "%s", wrong[i]);
		cr_expect(git && strstr(e.text, "invalid host"), "%s", wrong[i]);
	}
}

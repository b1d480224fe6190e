/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/cred.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"

static char home[64];
static int homefd = -1;

static void setup(void)
{
	snprintf(home, sizeof(home), "%s", "/tmp/cooper-unit-XXXXXX");
	cr_assert(mkdtemp(home));
	homefd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	setenv("HOME", home, 1);
	unsetenv("DOCKER_CONFIG");
	unsetenv("REGISTRY_AUTH_FILE");
	unsetenv("XDG_CONFIG_HOME");
	setenv("XDG_RUNTIME_DIR", home, 1);
}

static void teardown(void)
{
	struct err e = {0};
	close(homefd);
	fs_remove_tree(AT_FDCWD, home, &e);
}

TestSuite(cred, .init = setup, .fini = teardown);

static void put(const char *path, const char *text, mode_t mode)
{
	struct err e = {0};
	char folder[128];
	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash) {
		*slash = '\0';
		cr_assert(fs_mkdirs(homefd, folder, 0700, &e) == 0);
	}
	cr_assert(fs_write_atomic(homefd, path, str_of(text), mode, false, &e) == 0, "%s", e.text);
}

static void get(const char *path, struct buf *out)
{
	struct err e = {0};
	cr_assert(io_read_file(homefd, path, 65536, out, &e) == 0, "%s", e.text);
}

/* "user:password", "<token>", or "". */
static void expect(const char *host, const char *repo, const char *want)
{
	cleanup_arena struct arena a = {0};
	struct cred c;
	struct err e = {0};
	cr_assert(cred_find(str_of(host), str_of(repo), NULL, &a, &c, &e) == 0, "%s: %s", host, e.text);
	const char *is = c.identity_token ? arena_printf(&a, "<%s>", c.identity_token) : c.user ? arena_printf(&a, "%s:%s", c.user, c.password) : "";
	cr_assert(strcmp(is, want) == 0, "%s gives \"%s\", not \"%s\"", host, is, want);
}

Test(cred, docker_s_file_is_understood_in_all_its_ages)
{
	put(".docker/config.json", "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnA6dw==\"},\"plain.example\":{\"auth\":\"dTpw\"},"
		"\"https://old.example/v1/\":{\"auth\":\"bzpw\"},\"split.example\":{\"username\":\"s\",\"password\":\"t\"},"
		"\"nul.example:5000\":{\"auth\":\"bjpwAAAA\"},\"id.example\":{\"auth\":\"dTp4\",\"identitytoken\":\"T\"},"
		"\"broken.example\":{\"auth\":\"***\"}}}", 0600);
	expect("docker.io", "library/x", "hub:p:w");
	expect("plain.example", "", "u:p");
	expect("PLAIN.example", "", "u:p");
	expect("old.example", "a", "o:p");
	expect("split.example", "", "s:t");
	expect("nul.example:5000", "", "n:p");
	expect("nul.example", "", "");
	expect("id.example", "", "<T>");
	expect("broken.example", "", "");
	expect("plain.example.evil.com", "", "");
}

Test(cred, the_containers_file_comes_first_and_its_longest_key_counts)
{
	put(".docker/config.json", "{\"auths\":{\"h.example\":{\"auth\":\"ZDpk\"},\"only.example\":{\"auth\":\"ZDpk\"}}}", 0600);
	put("containers/auth.json", "{\"auths\":{\"h.example\":{\"auth\":\"aDpo\"},\"h.example/team\":{\"auth\":\"dDp0\"},"
		"\"h.example/team/app\":{\"auth\":\"YTph\"}}}", 0600);
	expect("h.example", "other", "h:h");
	expect("h.example", "team/x", "t:t");
	expect("h.example", "team/app", "a:a");
	expect("h.example", "team/app/sub", "a:a");
	expect("h.example", "teamwork", "h:h");
	expect("only.example", "", "d:d");
}

Test(cred, a_named_file_must_be_there_and_must_be_json)
{
	cleanup_arena struct arena a = {0};
	struct cred c;
	struct err e = {0};
	cr_assert(cred_find(STR("h"), STR(""), "/nonexistent/auth.json", &a, &c, &e) == -ERR_NOT_FOUND);
	put("bad.json", "nonsense", 0600);
	cr_assert(cred_find(STR("h"), STR(""), arena_printf(&a, "%s/bad.json", home), &a, &c, &e) == -ERR_CORRUPT);
}

Test(cred, hosts_with_control_bytes_are_refused)
{
	cleanup_arena struct arena a = {0};
	struct cred c;
	struct err e = {0};
	cr_assert(cred_find(STR("a\nhost=b"), STR(""), NULL, &a, &c, &e) == -ERR_SYNTAX);
	cr_assert(cred_helper_get("x", STR("a\nb"), &a, &c, &e) == -ERR_SYNTAX);
}

static const char helper[] = "#!/bin/sh\ncase $1 in\nget)\n  read host || :\n  case $host in\n"
	"  known.example) echo '{\"ServerURL\":\"\",\"Username\":\"hu\",\"Secret\":\"hs\"}' ;;\n"
	"  token.example) echo '{\"Username\":\"<token>\",\"Secret\":\"ht\"}' ;;\n"
	"  broken.example) printf 'went wrong\\033[2J\\nmore\\n'; exit 1 ;;\n"
	"  *) echo 'credentials not found in native keychain'; exit 1 ;;\n  esac ;;\n"
	"store) cat >\"$HOME/stored\" ;;\nerase) cat >\"$HOME/erased\" ;;\nesac\n";

static void install_helper(void)
{
	cleanup_free char *path = mem_printf("%s/bin:/usr/bin:/bin", home);
	put("bin/docker-credential-test", helper, 0755);
	setenv("PATH", path, 1);
}

Test(cred, helpers_are_asked)
{
	cleanup_arena struct arena a = {0};
	struct cred c;
	struct err e = {0};
	install_helper();
	put(".docker/config.json", "{\"credHelpers\":{\"known.example\":\"test\",\"token.example\":\"test\",\"broken.example\":\"test\","
		"\"gone.example\":\"nowhere\",\"path.example\":\"../test\"},\"auths\":{\"unknown.example\":{\"auth\":\"dTpw\"}}}", 0600);
	expect("known.example", "a", "hu:hs");
	expect("token.example", "", "<ht>");
	expect("unknown.example", "", "u:p");
	cr_assert(cred_find(STR("broken.example"), STR(""), NULL, &a, &c, &e) == -ERR_REMOTE);
	cr_assert_str_eq(e.text, "credential helper docker-credential-test failed: went wrong?[2J");
	cr_assert(cred_find(STR("gone.example"), STR(""), NULL, &a, &c, &e) == -ERR_REMOTE);
	cr_assert(cred_find(STR("path.example"), STR(""), NULL, &a, &c, &e) == -ERR_CORRUPT);
}

Test(cred, a_store_that_is_gone_does_not_stop_anonymous_pulls)
{
	put(".docker/config.json", "{\"credsStore\":\"nowhere\",\"auths\":{\"a.example\":{\"auth\":\"dTpw\"}}}", 0600);
	expect("b.example", "", "");
	expect("a.example", "", "u:p");
}

Test(cred, login_keeps_what_it_does_not_know)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf text = {0};
	const char *where;
	struct stat st;
	struct err e = {0};
	put(".docker/config.json", "{\"psFormat\":\"x\",\"auths\":{\"a.example\":{\"auth\":\"dTpw\"}},\"plugins\":{\"p\":{}}}", 0644);
	cr_assert(cred_store(STR("docker.io"), "me", "pw", NULL, &a, &where, &e) == 0, "%s", e.text);
	cr_assert(str_ends(str_of(where), STR("/.docker/config.json")));
	get(".docker/config.json", &text);
	cr_assert_str_eq(text.p, "{\n\t\"psFormat\": \"x\",\n\t\"auths\": {\n\t\t\"a.example\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t},\n"
		"\t\t\"https://index.docker.io/v1/\": {\n\t\t\t\"auth\": \"bWU6cHc=\"\n\t\t}\n\t},\n\t\"plugins\": {\n\t\t\"p\": {}\n\t}\n}\n");
	fstatat(homefd, ".docker/config.json", &st, 0);
	cr_assert((st.st_mode & 0777) == 0600);
	expect("docker.io", "", "me:pw");
}

Test(cred, logout_removes_all_spellings)
{
	bool was;
	struct err e = {0};
	put(".docker/config.json", "{\"auths\":{\"a.example\":{\"auth\":\"dTpw\"},\"https://a.example/v1/\":{\"auth\":\"dTpw\"}}}", 0600);
	cr_assert(cred_erase(STR("a.example"), NULL, &was, &e) == 0 && was);
	expect("a.example", "", "");
	cr_assert(cred_erase(STR("a.example"), NULL, &was, &e) == 0 && !was);
}

Test(cred, a_helper_keeps_the_secret_when_there_is_one)
{
	cleanup_arena struct arena a = {0};
	cleanup_buf struct buf text = {0}, stored = {0};
	const char *where;
	bool was;
	struct err e = {0};
	install_helper();
	put(".docker/config.json", "{\"credsStore\":\"test\"}", 0600);
	cr_assert(cred_store(STR("known.example"), "me", "p\"w", NULL, &a, &where, &e) == 0, "%s", e.text);
	cr_assert_str_eq(where, "docker-credential-test");
	get("stored", &stored);
	cr_assert_str_eq(stored.p, "{\"ServerURL\":\"known.example\",\"Username\":\"me\",\"Secret\":\"p\\\"w\"}");
	get(".docker/config.json", &text);
	cr_assert(strstr(text.p, "\"known.example\": {}") && !strstr(text.p, "p\\\"w"));
	cr_assert(cred_erase(STR("known.example"), NULL, &was, &e) == 0 && was);
	buf_clear(&stored);
	get("erased", &stored);
	cr_assert_str_eq(stored.p, "known.example");
}

Test(cred, a_symlinked_file_stays_a_symlink)
{
	cleanup_arena struct arena a = {0};
	const char *where;
	struct stat st;
	struct err e = {0};
	put("dotfiles/docker.json", "{}", 0600);
	cr_assert(fs_mkdirs(homefd, ".docker", 0700, &e) == 0);
	cr_assert(symlinkat("../dotfiles/docker.json", homefd, ".docker/config.json") == 0);
	cr_assert(cred_store(STR("a.example"), "u", "p", NULL, &a, &where, &e) == 0, "%s", e.text);
	fstatat(homefd, ".docker/config.json", &st, AT_SYMLINK_NOFOLLOW);
	cr_assert(S_ISLNK(st.st_mode));
	expect("a.example", "", "u:p");
}

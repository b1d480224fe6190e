/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/mountspec.h"

static int parse(const char *text, struct arena *a, struct mount_spec *m, struct err *e)
{
	*m = (struct mount_spec){0};
	return mount_spec_parse(str_of(text), NULL, NULL, a, m, e);
}

Test(mountspec, a_bind_mount_is_the_default_and_read_only)
{
	cleanup_arena struct arena a = {0};
	struct mount_spec m;
	struct err e = {0};
	cr_assert_eq(parse("from=build,src=out,dst=/in", &a, &m, &e), 0, "%s", e.text);
	cr_expect_eq(m.type, MOUNT_BIND);
	cr_expect(m.readonly && str_eqz(m.from, "build") && str_eqz(m.source, "out") && str_eqz(m.target, "/in"));
}

Test(mountspec, who_may_write_depends_on_the_type_unless_it_is_said)
{
	static const struct {
		const char *text;
		bool readonly;
	} cases[] = {{"type=cache,target=/c", false}, {"type=tmpfs,target=/t", false}, {"type=bind,target=/b", true},
	    {"type=ssh", true}, {"type=cache,target=/c,ro", true}, {"type=bind,target=/b,rw", false},
	    {"type=bind,target=/b,readwrite=0", true}, {"type=bind,target=/b,ro=False", false},
	    {"ro,rw,target=/x", false}, {"target=/c,rw=0,type=cache", true}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_arena struct arena a = {0};
		struct mount_spec m;
		struct err e = {0};
		cr_assert_eq(parse(cases[i].text, &a, &m, &e), 0, "%s: %s", cases[i].text, e.text);
		cr_expect_eq(m.readonly, cases[i].readonly, "%s", cases[i].text);
	}
}

Test(mountspec, all_keys_of_a_cache_are_read)
{
	cleanup_arena struct arena a = {0};
	struct mount_spec m;
	struct err e = {0};
	cr_assert_eq(parse("TYPE=Cache,Destination=/c,id=x,sharing=Private,mode=0711,uid=7,gid=4294967295", &a, &m, &e),
	    0, "%s", e.text);
	cr_expect(m.type == MOUNT_CACHE && str_eqz(m.target, "/c") && str_eqz(m.id, "x"));
	cr_expect(m.has_sharing && m.sharing == MOUNT_PRIVATE);
	cr_expect(m.has_mode && m.mode == 0711 && m.has_uid && m.uid == 7 && m.has_gid && m.gid == UINT32_MAX);
}

Test(mountspec, secrets_and_sizes)
{
	cleanup_arena struct arena a = {0};
	struct mount_spec m;
	struct err e = {0};
	cr_assert_eq(parse("type=secret,id=k,env=KEY,required=1,mode=400", &a, &m, &e), 0, "%s", e.text);
	cr_expect(m.required && m.has_env && str_eqz(m.env, "KEY") && m.mode == 0400);
	cr_assert_eq(parse("type=tmpfs,size=1.5k,target=/t", &a, &m, &e), 0, "%s", e.text);
	cr_expect_eq(m.size, 1536);
}

static const struct {
	const char *text, *error;
} wrong[] = {
    {"", "failed to parse csv mounts"},
    {"\"a", "failed to parse csv mounts"},
    {"target", "invalid field 'target' must be a key=value pair"},
    {"type=bind,z", "invalid field 'z' must be a key=value pair"},
    {"tagret=/x", "unexpected key 'tagret' in 'tagret=/x' (did you mean target?)"},
    {"banana=/x", "unexpected key 'banana' in 'banana=/x'"},
    {"type=tmpsf", "unsupported mount type \"tmpsf\" (did you mean tmpfs?)"},
    {"type=", "unsupported mount type \"\""},
    {"type=cache,sharing=lockd", "unsupported sharing value \"lockd\" (did you mean locked?)"},
    {"ro=maybe", "invalid value for ro: maybe"},
    {"type=tmpfs,size=big", "invalid value for size: big"},
    {"size=1m,type=tmpfs", "unexpected key 'size' for mount type 'bind'"},
    {"required", "unexpected key 'required' for mount type 'bind'"},
    {"type=cache,mode=8", "invalid value 8 for mode"},
    {"type=cache,mode=", "invalid value  for mode"},
    {"type=cache,uid=-1", "invalid value -1 for uid"},
    {"type=cache,gid=4294967296", "invalid value 4294967296 for gid"},
    {"type=bind,mode=0700", "mode not allowed for \"bind\" type mounts"},
    {"type=tmpfs,uid=1", "uid not allowed for \"tmpfs\" type mounts"},
    {"type=bind,sharing=shared", "invalid cache sharing set for bind mount"},
    {"type=secret", "invalid secret mount. one of source, target required"},
    {"type=secret,id=a,source=b", "both source and id can't be set"},
    {"type=secret,id=a,from=b", "secret mount should not have a from"},
    {"type=secret,id=a,sharing=shared", "secret mount should not define sharing"},
    {"type=bind,type=cache,target=/a", "duplicate key 'type' in 'type=cache'"},
    {"target=/a,dst=/b", "duplicate key 'dst' in 'dst=/b'"},
    {"type=secret,id=../../etc/shadow", "invalid secret id '../../etc/shadow'"},
    {"type=secret,source=/etc/shadow", "invalid secret id '/etc/shadow'"},
    {"type=ssh,id=a/..", "invalid ssh id 'a/..'"},
    {"from=$stage", "'from' doesn't support variable expansion, define alias stage instead"},
};

Test(mountspec, mistakes_are_named)
{
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		cleanup_arena struct arena a = {0};
		struct mount_spec m;
		struct err e = {0};
		cr_expect_eq(parse(wrong[i].text, &a, &m, &e), -ERR_SYNTAX, "%s", wrong[i].text);
		cr_expect(str_starts(str_of(e.text), str_of(wrong[i].error)), "%s: %s", wrong[i].text, e.text);
		if (!strstr(wrong[i].error, "did you mean"))
			cr_expect_null(strstr(e.text, "did you mean"), "%s: %s", wrong[i].text, e.text);
	}
}

static int shout(void *arg, struct str value, struct str *ret, struct err *e)
{
	int *calls = arg;
	++*calls;
	if (str_eqz(value, "bad"))
		return err_set(e, ERR_SYNTAX, "cannot expand");
	*ret = str_eqz(value, "$T") ? STR("cache") : value;
	return 0;
}

Test(mountspec, every_value_but_from_is_expanded)
{
	cleanup_arena struct arena a = {0};
	struct mount_spec m;
	struct err e = {0};
	int calls = 0;
	cr_assert_eq(mount_spec_parse(STR("type=$T,from=x,target=/y,ro"), shout, &calls, &a, &m, &e), 0, "%s", e.text);
	cr_expect_eq(calls, 2);
	cr_expect_eq(m.type, MOUNT_CACHE);
	cr_expect_eq(mount_spec_parse(STR("target=bad"), shout, &calls, &a, &m, &e), -ERR_SYNTAX);
	cr_expect_str_eq(e.text, "cannot expand");
}

Test(mountspec, the_early_check_judges_only_what_needs_no_variables)
{
	cleanup_arena struct arena a = {0};
	struct err e = {0};
	struct str from;
	cr_expect_eq(mount_spec_check(STR("type=$x,frm=1,FROM=build$"), &a, &from, &e), 0);
	cr_expect(str_eqz(from, "build$"));
	cr_expect_eq(mount_spec_check(STR("from=a$b"), &a, &from, &e), -ERR_SYNTAX);
	cr_expect_eq(mount_spec_check(STR("a\"b"), &a, &from, &e), -ERR_SYNTAX);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/jval.h"
#include "base/mem.h"
#include "parser/ignore.h"
#include "parser/lint.h"
#include "parser/parse.h"

/* Findings as lines, then what failed. */
static const char *shown(const struct lint_report *r, struct buf *out)
{
	for (size_t i = 0; i < r->nfindings; i++) {
		lint_finding_print(&r->findings[i], out);
		buf_putc(out, '\n');
	}
	if (r->failed || r->violation)
		buf_printf(out, "%d: %s\n", r->error.line, r->error.text);
	return out->p ? out->p : "";
}

static void expect(const char *text, const struct survey_env *env, const char *want)
{
	cleanup_lint_report struct lint_report r = {0};
	cleanup_buf struct buf b = {0};
	lint_check(str_of(text), "Containerfile", env, &r);
	cr_expect_str_eq(shown(&r, &b), want, "%s: %s", text, shown(&r, &b));
}

static int image(
    void *arg, struct str ref, struct str platform, struct arena *a, struct survey_image *ret, struct err *e)
{
	static const struct str env[] = {{"FLAVOUR=mild", 12}, {"noequals", 8}};
	static const struct str triggers[] = {{"ENV a b", 7}};
	(void)arg;
	(void)platform;
	(void)a;
	if (str_eqz(ref, "gone"))
		return err_set(e, ERR_NOT_FOUND, "gone: not found");
	*ret = (struct survey_image){.platform = STR("linux/arm64"),
	    .env = env,
	    .nenv = 2,
	    .has_shell = str_eqz(ref, "shelled"),
	    .triggers = triggers,
	    .ntriggers = str_eqz(ref, "trigger")};
	return 0;
}

Test(lint, the_base_images_variables_and_shell_count)
{
	struct survey_env env = {.image = image, .platform = STR("linux/arm64")};
	expect("FROM any\nLABEL a=$FLAVOUR b=$PATH\n", &env, "");
	expect("FROM any\nLABEL a=$FLAVOR\n", &env,
	    "UndefinedVar: Usage of undefined variable '$FLAVOR' (did you mean $FLAVOUR?) (line 2)\n");
	expect("FROM shelled\nCMD run\n", &env, "");
}

Test(lint, an_image_of_another_platform_is_noted)
{
	struct survey_env env = {.image = image, .platform = STR("linux/amd64")};
	expect("FROM any\n", &env,
	    "InvalidBaseImagePlatform: Base image any was pulled with platform \"linux/arm64\", expected "
	    "\"linux/amd64\" for current build (line 1)\n");
	expect("FROM scratch\n", &env, "");
	env.platform = STR("linux/arm64/v8");
	expect("FROM any\n", &env, "");
}

Test(lint, triggers_of_an_image_are_checked_at_from)
{
	struct survey_env env = {.image = image, .platform = STR("linux/arm64")};
	expect("FROM trigger\n", &env,
	    "LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format (line "
	    "1)\n");
}

Test(lint, an_image_that_is_missing_fails_the_evaluation)
{
	struct survey_env env = {.image = image, .platform = STR("linux/arm64")};
	expect("FROM any AS Big\nFROM gone\n", &env,
	    "StageNameCasing: Stage name 'Big' should be lowercase (line 1)\n2: gone: not found\n");
}

Test(lint, a_target_limits_what_is_evaluated)
{
	struct survey_env env = {.target = STR("ONE")};
	const char *text = "FROM a AS one\nRUN x\nFROM a\nENV a b\n";
	expect(text, &env, "");
	env.target = STR("oen");
	expect(text, &env, "0: target stage \"oen\" could not be found (did you mean one?)\n");
}

Test(lint, build_arguments_beat_defaults_and_options)
{
	const struct pair args[] = {{.key = STR("TAG"), .value = STR("2"), .has_value = true},
	    {.key = STR("BUILDKIT_DOCKERFILE_CHECK"), .value = STR("skip=InvalidDefaultArgInFrom"), .has_value = true}};
	struct survey_env env = {.build_args = args, .nbuild_args = 1};
	expect("ARG TAG\nFROM $TAG\n", &env,
	    "InvalidDefaultArgInFrom: Default value for ARG $TAG results in empty or invalid base image name (line "
	    "2)\n");
	env.nbuild_args = 2;
	expect("# check=error=true\nARG TAG\nFROM $TAG\n", &env, "");
}

Test(lint, stages_that_are_replaced_are_not_evaluated)
{
	struct survey_env env = {.is_context = NULL};
	expect("FROM a AS one\nENV a b\nFROM one\n", &env,
	    "LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format (line "
	    "2)\n");
}

static bool is_one(void *arg, struct str name)
{
	(void)arg;
	return str_eqz(name, "one");
}

Test(lint, a_named_context_replaces_a_stage)
{
	struct survey_env env = {.is_context = is_one};
	expect("FROM a AS one\nENV a b\nFROM one\n", &env, "");
}

Test(lint, copying_what_is_ignored_is_noted_unless_there_are_exceptions)
{
	static const struct {
		const char *ignore, *text, *want;
	} cases[] = {
	    {"dist\n", "FROM a\nCOPY ./dist/x src /\n",
	        "CopyIgnoredFile: Attempting to Copy file \"dist/x\" that is excluded by .dockerignore (line 2)\n"},
	    {"dist\n", "FROM a\nADD dist /\n",
	        "CopyIgnoredFile: Attempting to Add file \"dist\" that is excluded by .dockerignore (line 2)\n"},
	    {"dist\n!dist/keep\n", "FROM a\nCOPY dist /\n", ""},
	    {"**/*.tar\n", "FROM a\nADD https://h/x.tar git@h:x.tar /\n", ""},
	    {"**\n", "FROM a\nCOPY . /\n",
	        "CopyIgnoredFile: Attempting to Copy file \".\" that is excluded by .dockerignore (line 2)\n"},
	    {".*\n", "FROM a\nCOPY . /\n", ""},
	    {"EOF\n", "FROM a\nCOPY <<EOF EOF\nx\nEOF\n", ""},
	    {"x\n", "FROM a AS b\nFROM a\nCOPY --from=b x /\n", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_ignore struct ignore *ig = NULL;
		struct err e = {0};
		cr_assert_eq(ignore_parse(str_of(cases[i].ignore), &ig, &e), 0);
		struct survey_env env = {.ignore = ig};
		expect(cases[i].text, &env, cases[i].want);
	}
}

Test(lint, a_build_checks_only_what_the_target_needs)
{
	cleanup_lint_report struct lint_report r = {0};
	cleanup_cf struct cf *cf = NULL;
	cleanup_buf struct buf b = {0};
	struct survey_env env = {0};
	struct err e = {0};
	cr_assert_eq(cf_parse(STR("FROM a AS unused\nENV a b\nFROM a AS used\nENV c d\nFROM a\nCOPY --from=used x y\n"),
	                 "f", &cf, &e),
	    0);
	lint_build(cf, &env, &r);
	cr_expect_str_eq(shown(&r, &b), "LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy "
	                                "\"ENV key value\" format (line 4)\n");
}

Test(lint, the_report_shows_where)
{
	cleanup_lint_report struct lint_report r = {0};
	cleanup_buf struct buf b = {0};
	struct survey_env env = {0};
	struct str text = STR("FROM a\nENV x y\n");
	lint_check(text, "app/Containerfile", &env, &r);
	lint_report_print(&r, text, "app/Containerfile", &b);
	cr_expect_str_eq(b.p,
	    "Check complete, 1 warning has been found!\n\n"
	    "WARNING: LegacyKeyValueFormat - https://docs.docker.com/go/dockerfile/rule/legacy-key-value-format/\n"
	    "\"ENV key=value\" should be used instead of legacy \"ENV key value\" format\n"
	    "app/Containerfile:2\n--------------------\n   1 |     FROM a\n   2 | >>> ENV x y\n   3 |     "
	    "\n--------------------\n");
}

Test(lint, the_report_of_a_clean_file_says_so)
{
	cleanup_lint_report struct lint_report r = {0};
	cleanup_buf struct buf b = {0};
	struct survey_env env = {0};
	lint_check(STR("FROM a\n"), "f", &env, &r);
	lint_report_print(&r, STR("FROM a\n"), "f", &b);
	cr_expect_str_eq(b.p, "Check complete, no warnings found.\n");
}

Test(lint, the_json_report_holds_findings_sources_and_the_error)
{
	cleanup_lint_report struct lint_report r = {0};
	cleanup_jval struct jval *j = NULL;
	cleanup_buf struct buf b = {0};
	struct survey_env env = {0};
	struct str text = STR("FROM a AS B\nSTOPSIGNAL x\n");
	lint_check(text, "f", &env, &r);
	j = lint_report_json(&r, &text, "f");
	jval_print(j, 0, &b);
	cr_expect_str_eq(b.p,
	    "{\"warnings\":[{\"ruleName\":\"StageNameCasing\",\"description\":\"Stage names should be lowercase\","
	    "\"url\":\"https://docs.docker.com/go/dockerfile/rule/stage-name-casing/\",\"detail\":\"Stage name 'B' "
	    "should be lowercase\","
	    "\"location\":{\"ranges\":[{\"start\":{\"line\":1},\"end\":{\"line\":1}}],\"sourceIndex\":0}}],"
	    "\"sources\":[{\"filename\":\"f\",\"language\":\"Dockerfile\",\"data\":"
	    "\"RlJPTSBhIEFTIEIKU1RPUFNJR05BTCB4Cg==\"}],"
	    "\"buildError\":{\"message\":\"invalid signal: "
	    "x\",\"location\":{\"ranges\":[{\"start\":{\"line\":2},\"end\":{\"line\":2}}],"
	    "\"sourceIndex\":0}}}");
}

Test(lint, there_are_twenty_two_rules_of_distinct_names)
{
	size_t n = 0;
	for (; lint_rule_at(n); n++)
		for (size_t i = 0; i < n; i++)
			cr_expect_str_neq(lint_rule_name(lint_rule_at(i)), lint_rule_name(lint_rule_at(n)));
	cr_expect_eq(n, 22);
}

Test(lint, a_file_of_nothing_but_mistakes_gives_a_bounded_report)
{
	cleanup_buf struct buf text = {0};
	cleanup_lint_report struct lint_report r = {0};
	struct survey_env env = {0};
	buf_puts(&text, "FROM a\n");
	for (int i = 0; i < 20000; i++)
		buf_printf(&text, "LABEL a=$undefined%d\n", i);
	lint_check(buf_view(&text), "f", &env, &r);
	cr_expect_eq(r.nfindings, LINT_FINDINGS_MAX);
}

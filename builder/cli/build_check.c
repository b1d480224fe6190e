/* SPDX-License-Identifier: Apache-2.0 */
/* The build checks and subrequests of BuildKit's frontend, on the command line. */
#include "builder/cli/build_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/jval.h"
#include "base/map.h"
#include "parser/directive.h"
#include "parser/lint.h"
#include "parser/outline.h"
#include "parser/parse.h"
#include "registry/platform.h"
#include "registry/ref.h"

static int check_ref(void *arg, struct str text, struct err *e)
{
	(void)arg;
	cleanup_arena struct arena a = {0};
	struct ref ref;
	return ref_parse(text, &a, &ref, e);
}

static int platform_normal(void *arg, struct str text, struct arena *a, struct str *ret, struct err *e)
{
	(void)arg;
	struct platform p;
	cleanup_buf struct buf out = {0};
	TRY(platform_parse(text, a, &p, e));
	platform_print(&p, &out);
	*ret = arena_str(a, buf_view(&out));
	return 0;
}

void build_foreign_frontend(struct str text, const struct build_request *r, struct buf *out)
{
	static const char *const own[] = {"docker/dockerfile", "docker/dockerfile-upstream", "moby/dockerfile"};
	cleanup_arena struct arena a = {0};
	cleanup_directive struct directive d = {0};
	struct str asked = directive_find(text, "syntax", &d) ? d.word : STR("");
	struct ref ref;
	struct err ignored;
	for (size_t i = 0; i < r->lower.nbuild_args; i++)
		if (str_eqz(r->lower.build_args[i].key, "BUILDKIT_SYNTAX"))
			asked = r->lower.build_args[i].value;
	if (asked.len && ref_parse(asked, &a, &ref, &ignored) == 0)
		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			if (str_eqz(ref.host, "docker.io") && str_eqz(ref.path, own[i]))
				return;
	buf_str(out, asked);
}

static void declared_names(const struct instr *in, struct arena *a, struct map *names)
{
	for (size_t i = 0; in->id == INSTR_ARG && i < in->npairs; i++)
		map_set(names, in->pairs[i].key, arena_strdup(a, arena_str(a, in->pairs[i].key).p));
}

/* Arguments that mean something without being declared. */
static bool is_predefined(struct str name)
{
	static const char *const names[] = {"SOURCE_DATE_EPOCH", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"};
	static const char *const prefixes[] = {"BUILDKIT_", "TARGET", "BUILD"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_ieq(name, str_of(names[i])))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(name, str_of(prefixes[i])))
			return true;
	return false;
}

void build_unused_args(const struct cf *cf, const struct build_request *r, struct events *ev)
{
	cleanup_arena struct arena a = {0};
	cleanup_map struct map declared = {0};
	for (size_t i = 0; i < cf->nmetas; i++)
		declared_names(cf->metas[i], &a, &declared);
	for (size_t i = 0; i < cf->nstages; i++)
		for (size_t k = 0; k < cf->stages[i].ninstrs; k++)
			declared_names(cf->stages[i].instrs[k], &a, &declared);
	const char **names = arena_new(&a, (declared.n + 1) * sizeof(*names));
	for (size_t i = 0; i < declared.n; i++)
		names[i] = declared.items[i].value;
	for (size_t i = 0; i < r->lower.nbuild_args; i++) {
		struct str name = r->lower.build_args[i].key;
		if (map_has(&declared, name) || is_predefined(name))
			continue;
		const char *near = str_suggest(name, names, declared.n);
		cleanup_free char *text = mem_printf("build argument %.*s was not consumed: no ARG declares it%s%s%s", STR_ARG(name),
			near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
		event_warning(ev, 0, "", NULL, NULL, 0, 0, str_of(text));
	}
}

struct answers {
	const struct build_inputs *in;
	struct image_finder *finder; /* NULL: base images are taken as empty */
};

static bool is_context(void *arg, struct str name)
{
	const struct build_inputs *in = ((struct answers *)arg)->in;
	for (size_t i = 0; i < in->nnamed; i++)
		if (str_ieq(in->named[i].name, name))
			return true;
	return false;
}

/* An image that the build did not need is taken as an empty one: checking fetches nothing. */
static int base_image(void *arg, struct str ref, struct str platform, struct arena *a, struct survey_image *ret, struct err *e)
{
	struct image_finder *f = ((struct answers *)arg)->finder;
	struct platform want;
	struct lower_image image = {0};
	struct err ignored;
	cleanup_buf struct buf text = {0};
	*ret = (struct survey_image){0};
	TRY(platform_parse(platform.len ? platform : STR("local"), a, &want, e));
	if (!images_known(f, ref, &want) || image_find(f, ref, &want, a, &image, &ignored) < 0)
		return 0;
	platform_print(&image.platform, &text);
	ret->platform = arena_str(a, buf_view(&text));
	struct str *env = arena_new(a, (image.config.env.n + 1) * sizeof(*env));
	for (size_t i = 0; i < image.config.env.n; i++)
		env[i] = arena_str(a, image.config.env.v[i]);
	struct str *triggers = arena_new(a, (image.config.onbuild.n + 1) * sizeof(*triggers));
	for (size_t i = 0; i < image.config.onbuild.n; i++)
		triggers[i] = arena_str(a, image.config.onbuild.v[i]);
	ret->env = env;
	ret->nenv = image.config.env.n;
	ret->triggers = triggers;
	ret->ntriggers = image.config.onbuild.n;
	ret->has_shell = image.config.shell.n > 0;
	image_config_done(&image.config);
	return 0;
}

static struct survey_env survey(struct arena *a, const struct build_request *r, const struct build_inputs *in, struct image_finder *finder)
{
	struct answers *answers = arena_new(a, sizeof(*answers));
	*answers = (struct answers){.in = in, .finder = finder};
	struct survey_env env = {.target = r->lower.target, .build_args = r->lower.build_args, .nbuild_args = r->lower.nbuild_args,
		.ignore = in->contexts[0].ignore, .check_ref = check_ref, .platform_normal = platform_normal, .is_context = is_context,
		.image = finder ? base_image : NULL, .arg = answers};
	cleanup_buf struct buf p = {0}, host = {0};
	struct platform h = platform_host();
	platform_print(&r->platforms[0], &p);
	platform_print(&h, &host);
	env.platform = arena_str(a, buf_view(&p));
	env.build_platform = arena_str(a, buf_view(&host));
	return env;
}

int build_lint(struct cf *cf, const struct build_request *r, const struct build_inputs *in, struct image_finder *finder, struct events *ev,
	struct err *e)
{
	cleanup_arena struct arena a = {0};
	cleanup_lint_report struct lint_report report = {0};
	struct survey_env env = survey(&a, r, in, finder);
	lint_build(cf, &env, &report);
	for (size_t i = 0; i < report.nfindings; i++) {
		const struct lint_finding *f = &report.findings[i];
		cleanup_buf struct buf url = {0};
		lint_rule_url(f->rule, &url);
		event_warning(ev, 0, lint_rule_name(f->rule), url.p, in->file, f->where.line, f->where.end_line, f->detail);
	}
	if (report.violation) {
		*e = report.error;
		return -(int)e->code;
	}
	return 0;
}

static int print_json(struct jval *j)
{
	cleanup_buf struct buf out = {0};
	jval_print(j, 2, &out);
	puts(out.p);
	jval_free(j);
	return 0;
}

static int check(struct cli *cli, const struct build_request *r, const struct build_inputs *in, bool json, struct err *e)
{
	cleanup_lint_report struct lint_report report = {0};
	struct survey_env env = survey(cli->arena, r, in, NULL);
	lint_check(in->text, in->file, &env, &report);
	if (json) {
		print_json(lint_report_json(&report, &in->text, in->file));
	} else if (!report.failed) {
		cleanup_buf struct buf out = {0};
		lint_report_print(&report, in->text, in->file, &out);
		fputs(out.p, stdout);
	}
	if (report.failed) {
		*e = report.error;
		return -(int)e->code;
	}
	return report.nfindings ? EXIT_FAILED : 0;
}

static int print_text(const struct buf *text)
{
	fputs(text->p ? text->p : "", stdout);
	return 0;
}

static int outline(struct cli *cli, const struct build_request *r, const struct build_inputs *in, bool json, struct err *e)
{
	cleanup_cf struct cf *cf = NULL;
	cleanup_outline struct outline o = {0};
	cleanup_buf struct buf text = {0};
	struct survey_env env = survey(cli->arena, r, in, NULL);
	TRY(cf_parse(in->text, in->file, &cf, e));
	TRY(outline_make(cf, &env, &o, e));
	if (json)
		return print_json(outline_json(&o));
	outline_print(&o, &text);
	return print_text(&text);
}

static int targets(const struct build_inputs *in, bool json, struct err *e)
{
	cleanup_cf struct cf *cf = NULL;
	cleanup_buf struct buf text = {0};
	TRY(cf_parse(in->text, in->file, &cf, e));
	if (json)
		return print_json(targets_json(cf));
	targets_print(cf, &text);
	return print_text(&text);
}

static int describe(bool json)
{
	cleanup_buf struct buf text = {0};
	if (json)
		return print_json(describe_json());
	describe_print(&text);
	return print_text(&text);
}

int build_check(struct cli *cli, const struct build_request *r, const struct build_inputs *in, struct err *e)
{
	const char *method = "check", *rest = r->o->call;
	bool json = false, ignore = false;
	const char *key, *value;
	int rc = 0;
	if (rest) {
		rc = opt_csv_next(&rest, cli->arena, &key, &value, e);
		if (rc > 0)
			method = key;
		while (rc > 0 && (rc = opt_csv_next(&rest, cli->arena, &key, &value, e)) > 0) {
			if (strcmp(key, "format") == 0 && value)
				json = strcmp(value, "json") == 0;
			else if (strcmp(key, "ignorestatus") == 0)
				ignore = !value || strcmp(value, "true") == 0;
			else
				return err_set(e, ERR_USAGE, "--call: unexpected key '%s'", key);
		}
	}
	if (rc < 0)
		return rc;
	if (strcmp(method, "check") == 0 || strcmp(method, "lint") == 0) {
		rc = check(cli, r, in, json, e);
		return ignore && rc > 0 ? 0 : rc;
	}
	if (strcmp(method, "outline") == 0)
		return outline(cli, r, in, json, e);
	if (strcmp(method, "targets") == 0)
		return targets(in, json, e);
	if (strcmp(method, "subrequests.describe") == 0)
		return describe(json);
	return err_set(e, ERR_USAGE, "--call=%s: build, check, outline, targets and subrequests.describe are known", method);
}

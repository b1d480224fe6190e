/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Containerfile; the first byte gives the options. Checking it, printing what was found and outlining it must end
 * well for every text, and a file that cannot be parsed must be reported as such.
 */
#include <stdlib.h>

#include "base/jval.h"
#include "parser/ignore.h"
#include "parser/lint.h"
#include "parser/outline.h"
#include "parser/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

static int check_ref(void *arg, struct str ref, struct err *e)
{
	(void)arg;
	if (str_find(ref, ':') == 0 || str_ends(ref, STR(":")))
		return err_set(e, ERR_SYNTAX, "invalid reference format");
	return 0;
}

static int image(
    void *arg, struct str ref, struct str platform, struct arena *a, struct survey_image *ret, struct err *e)
{
	static const struct str env[] = {{"PATH=/bin", 9}, {"A=1", 3}, {"nothing", 7}};
	static const struct str triggers[] = {{"RUN --mount=type=secret,id=$A x", 31}, {"COPY --from=a b c", 17}};
	(void)arg;
	(void)a;
	if (str_eqz(ref, "missing"))
		return err_set(e, ERR_NOT_FOUND, "missing: not found");
	*ret = (struct survey_image){.platform = ref.len & 1 ? platform : STR("linux/s390x"),
	    .env = env,
	    .nenv = 3,
	    .triggers = triggers,
	    .ntriggers = str_eqz(ref, "trigger") ? 2 : 0};
	return 0;
}

static void print(const struct lint_report *r, struct str text)
{
	struct buf b = {0};
	struct jval *j = lint_report_json(r, &text, "Containerfile");
	lint_report_print(r, text, "Containerfile", &b);
	jval_print(j, 2, &b);
	demand(b.len > 0);
	jval_free(j);
	buf_done(&b);
}

static void outlines(struct cf *cf, const struct survey_env *env)
{
	struct outline o;
	struct err e = {0};
	struct buf b = {0};
	targets_print(cf, &b);
	jval_free(targets_json(cf));
	if (outline_make(cf, env, &o, &e) == 0) {
		outline_print(&o, &b);
		jval_free(outline_json(&o));
		outline_done(&o);
	} else {
		demand(e.code != ERR_NONE);
	}
	buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pair args[] = {{.key = {"A", 1}, .value = {"given", 5}, .has_value = true},
	    {.key = {"TARGETARCH", 10}, .value = {"x", 1}, .has_value = true}};
	cleanup_ignore struct ignore *ig = NULL;
	cleanup_cf struct cf *cf = NULL;
	struct lint_report r;
	struct err e;
	if (!size)
		return 0;
	struct str text = {(const char *)data + 1, size - 1};
	struct survey_env env = {.check_ref = data[0] & 1 ? check_ref : NULL, .image = data[0] & 2 ? image : NULL};
	if (data[0] & 4) {
		env.build_args = args;
		env.nbuild_args = 2;
	}
	if (data[0] & 8)
		env.target = STR("a");
	demand(ignore_parse(STR("a*\n**/b\n"), &ig, &e) == 0);
	env.ignore = ig;
	lint_check(text, "Containerfile", &env, &r);
	print(&r, text);
	bool parses = cf_parse(text, "Containerfile", &cf, &e) == 0;
	demand(parses || r.failed);
	lint_report_done(&r);
	if (!parses)
		return 0;
	lint_build(cf, &env, &r);
	lint_report_done(&r);
	outlines(cf, &env);
	return 0;
}

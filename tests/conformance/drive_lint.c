/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build checks and subrequests: the folders lint/, subrequests/, and the checks of corpus/. Base images are empty, as
 * the data was made; references are judged by the registry's parser.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "parser/ignore.h"
#include "parser/lint.h"
#include "parser/outline.h"
#include "parser/parse.h"
#include "registry/ref.h"
#include "tests/conformance/drive.h"

static int check_ref(void *arg, struct str text, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct ref r;
	(void)arg;
	return ref_parse(text, &a, &r, e);
}

struct options {
	struct arena arena;
	struct survey_env env;
	struct pair *args;
	size_t cap;
};

static int option(const char *key, struct jval *value, void *arg)
{
	struct options *o = arg;
	const char *text = jval_text(value);
	if (strncmp(key, "build-arg:", 10) == 0) {
		ARENA_ROOM(&o->arena, o->args, o->env.nbuild_args, o->cap);
		o->args[o->env.nbuild_args++] =
		    (struct pair){.key = str_of(key + 10), .value = str_of(text), .has_value = true};
	} else if (strcmp(key, "target") == 0) {
		o->env.target = str_of(text);
	}
	return 0;
}

static void options_init(struct options *o, const struct jval *c)
{
	*o = (struct options){.env = {.check_ref = check_ref}};
	jval_each(jval_get(c, "opts"), option, o);
	o->env.build_args = o->args;
}

/* ---- findings ---- */

static bool same_lines(const struct jval *lines, struct where where)
{
	size_t n = jval_count(lines);
	return n == (size_t)(where.end_line - where.line + 1) && jval_int(jval_at(lines, 0), -1) == where.line;
}

static bool is_finding(const struct jval *want, const struct lint_finding *f)
{
	cleanup_buf struct buf shown = {0}, url = {0};
	if (!same_lines(jval_get(want, "lines"), f->where))
		return false;
	lint_finding_print(f, &shown);
	lint_rule_url(f->rule, &url);
	if (jval_get(want, "short"))
		return str_eq(drive_text(want, "short"), buf_view(&shown));
	return str_eqz(drive_text(want, "rule"), lint_rule_name(f->rule)) &&
	       str_eq(drive_text(want, "detail"), f->detail) &&
	       (!jval_get(want, "url") || str_eq(drive_text(want, "url"), buf_view(&url)));
}

/* Both lists hold the same, in whatever order. */
static bool same_findings(const struct jval *want, const struct lint_report *r, const char *what, struct buf *why)
{
	size_t n = jval_count(want), before = why->len;
	cleanup_free bool *taken = mem_array(n + 1, sizeof(*taken));
	for (size_t i = 0; i < r->nfindings; i++) {
		size_t k = 0;
		while (k < n && (taken[k] || !is_finding(jval_at(want, k), &r->findings[i])))
			k++;
		if (k < n) {
			taken[k] = true;
			continue;
		}
		buf_printf(why, "[%s, too much: ", what);
		lint_finding_print(&r->findings[i], why);
		buf_printf(why, " %d-%d]", r->findings[i].where.line, r->findings[i].where.end_line);
	}
	for (size_t k = 0; k < n; k++)
		if (!taken[k])
			buf_printf(why, "[%s, missing: %s %s]", what,
			    jval_get(jval_at(want, k), "short") ? jval_get_text(jval_at(want, k), "short")
			                                        : jval_get_text(jval_at(want, k), "rule"),
			    jval_get_text(jval_at(want, k), "detail") ? jval_get_text(jval_at(want, k), "detail") : "");
	return why->len == before;
}

static bool same_error(const struct jval *want, const struct lint_report *r, const char *what, struct buf *why)
{
	bool failed = r->failed || r->violation;
	if (!want || jval_is_null(want)) {
		if (failed)
			buf_printf(why, "[%s fails: %s]", what, r->error.text);
		return !failed;
	}
	if (!failed) {
		buf_printf(why, "[%s should fail: %s]", what, jval_get_text(want, "message"));
		return false;
	}
	if (r->violation && !r->failed)
		return drive_same(why, what, str_of(r->error.text), jval_get_text(want, "message"));
	return drive_line(why, &r->error, jval_get(want, "lines")) &&
	       drive_suggestion(why, &r->error, jval_get_text(want, "message"));
}

static void check(const struct jval *c, struct survey_env *env, struct buf *why)
{
	cleanup_lint_report struct lint_report r = {0};
	lint_check(drive_text(c, "dockerfile"), "Dockerfile", env, &r);
	same_findings(jval_get(c, "check"), &r, "check", why);
	same_error(jval_get(c, "check_error"), &r, "check", why);
}

static void build(const struct jval *c, struct survey_env *env, struct buf *why)
{
	cleanup_lint_report struct lint_report r = {0};
	cleanup_cf struct cf *cf = NULL;
	struct err e = {0};
	if (cf_parse(drive_text(c, "dockerfile"), "Dockerfile", &cf, &e) < 0) {
		if (!jval_get(c, "build_error"))
			buf_printf(why, "[build fails: %s]", e.text);
		return;
	}
	lint_build(cf, env, &r);
	same_findings(jval_get(c, "build"), &r, "build", why);
	same_error(jval_get(c, "build_error"), &r, "build", why);
}

bool drive_lint(const struct jval *c, struct buf *why)
{
	struct options o;
	struct err e = {0};
	cleanup_ignore struct ignore *ig = NULL;
	options_init(&o, c);
	if (jval_get(c, "dockerignore") && ignore_parse(drive_text(c, "dockerignore"), &ig, &e) < 0)
		buf_puts(why, e.text);
	o.env.ignore = ig;
	check(c, &o.env, why);
	build(c, &o.env, why);
	arena_done(&o.arena);
	return why->len == 0;
}

bool drive_corpus_check(const struct jval *c, struct buf *why)
{
	struct survey_env env = {.check_ref = check_ref};
	check(c, &env, why);
	return why->len == 0;
}

/* ---- subrequests ---- */

static bool same_json(const struct jval *a, const struct jval *b);

struct comparing {
	const struct jval *other;
	bool same;
};

static int same_member(const char *key, struct jval *value, void *arg)
{
	struct comparing *c = arg;
	c->same = c->same && same_json(value, jval_get(c->other, key));
	return !c->same;
}

/* Equal values; the order of members does not count. */
static bool same_json(const struct jval *a, const struct jval *b)
{
	if (!a || !b || jval_count(a) != jval_count(b) || jval_is_object(a) != jval_is_object(b) ||
	    jval_is_array(a) != jval_is_array(b))
		return false;
	if (jval_is_object(a)) {
		struct comparing c = {b, true};
		jval_each(a, same_member, &c);
		return c.same;
	}
	if (jval_is_array(a)) {
		for (size_t i = 0; i < jval_count(a); i++)
			if (!same_json(jval_at(a, i), jval_at(b, i)))
				return false;
		return true;
	}
	cleanup_buf struct buf x = {0}, y = {0};
	jval_print(a, 0, &x);
	jval_print(b, 0, &y);
	return str_eq(buf_view(&x), buf_view(&y));
}

static int subrequest(
    struct cf *cf, struct options *o, struct str id, struct jval **ret, struct buf *text, struct err *e)
{
	cleanup_outline struct outline outline = {0};
	if (str_eqz(id, "frontend.targets")) {
		targets_print(cf, text);
		*ret = targets_json(cf);
	} else if (str_eqz(id, "frontend.subrequests.describe")) {
		describe_print(text);
		*ret = describe_json();
	} else if (str_eqz(id, "frontend.outline")) {
		TRY(outline_make(cf, &o->env, &outline, e));
		outline_print(&outline, text);
		*ret = outline_json(&outline);
	} else {
		return err_set(e, ERR_UNSUPPORTED, "unsupported request %.*s", STR_ARG(id));
	}
	return 0;
}

bool drive_subrequest(const struct jval *c, struct buf *why)
{
	cleanup_cf struct cf *cf = NULL;
	cleanup_jval struct jval *got = NULL;
	cleanup_buf struct buf text = {0}, json = {0};
	struct options o;
	struct err e = {0};
	options_init(&o, c);
	int rc = cf_parse(drive_text(c, "dockerfile"), "Dockerfile", &cf, &e);
	if (rc == 0)
		rc = subrequest(cf, &o, drive_text(jval_get(c, "opts"), "requestid"), &got, &text, &e);
	arena_done(&o.arena);
	if (!drive_rc(c, rc, &e, why) || rc < 0)
		return why->len == 0;
	drive_same(why, "text", text.len ? buf_view(&text) : STR(""), jval_get_text(c, "text"));
	if (!same_json(got, jval_get(c, "result"))) {
		jval_print(got, 0, &json);
		buf_printf(why, "[result: %s]", json.p);
	}
	return why->len == 0;
}

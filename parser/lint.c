/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the build checks. The file is cut into instructions first, and the rules about how it is written see those
 * even when one of them turns out to be wrong; then it is evaluated (survey.c) while the other rules look on.
 */
#include "parser/lint.h"

#include <stdio.h>

#include "base/map.h"
#include "base/mem.h"
#include "parser/ascii.h"
#include "parser/directive.h"
#include "parser/interpret.h"
#include "parser/lintrules.h"
#include "parser/parse.h"
#include "parser/survey.h"

/* ---- options and findings ---- */

/* A comment's own options: "check=skip=Rule // because". Other comments, and options that are not understood, are none.
 */
static bool comment_options(struct str comment, struct arena *a, struct lintopts *ret)
{
	struct err e;
	if (!str_starts(comment, STR("check=")))
		return false;
	comment = str_from(comment, 6);
	const char *remark = comment.len ? memmem(comment.p, comment.len, "//", 2) : NULL;
	if (remark)
		comment.len = (size_t)(remark - comment.p);
	return lintopts_parse(str_trim(comment), a, ret, &e) == 0;
}

bool lint_runs_here(const struct lint *l, const struct lint_rule *r, const struct lint_view *v)
{
	cleanup_arena struct arena scratch = {0};
	bool skipped = l->opts.skip_all || !lintopts_runs(&l->opts, r->name, false);
	bool enabled = lintopts_runs(&l->opts, r->name, r->experimental);
	for (size_t i = 0; i < v->ncomments && !skipped; i++) {
		struct lintopts o;
		if (!comment_options(v->comments[i], &scratch, &o))
			continue;
		skipped = !lintopts_runs(&o, r->name, false);
		enabled = enabled || lintopts_runs(&o, r->name, r->experimental);
	}
	return enabled && !skipped;
}

void lint_look(struct lint *l, const struct lint_view *v)
{
	for (size_t i = 0; l && i < lint_nrules; i++)
		if (lint_rules[i].moment == v->moment && lint_runs_here(l, &lint_rules[i], v))
			lint_rules[i].look(l, &lint_rules[i], v);
}

void lint_found(struct lint *l, const struct lint_rule *r, struct where where, const char *format, ...)
{
	struct lint_report *report = l->report;
	char text[4096];
	va_list args;
	if (report->nfindings >= LINT_FINDINGS_MAX)
		return;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	struct str detail = {text, n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1};
	/* Words of the file may hold anything; this goes to terminals, one line each. */
	for (size_t i = 0; i < detail.len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	ARENA_ROOM(&report->arena, report->findings, report->nfindings, l->cap);
	report->findings[report->nfindings++] = (struct lint_finding){r, arena_str(&report->arena, detail), where};
}

static struct str given_options(const struct survey_env *env, struct str written)
{
	for (size_t i = 0; i < env->nbuild_args; i++)
		if (str_eqz(env->build_args[i].key, "BUILDKIT_DOCKERFILE_CHECK") && env->build_args[i].has_value)
			written = env->build_args[i].value;
	return written;
}

static void lint_init(struct lint *l, struct lint_report *report)
{
	*report = (struct lint_report){0};
	*l = (struct lint){.report = report};
}

static void fail(struct lint_report *r, const struct err *e)
{
	r->failed = true;
	r->error = *e;
}

/* With "error=true" findings are an error of their own, when there was none before. */
static void finish(struct lint *l)
{
	struct lint_report *r = l->report;
	r->violation = l->opts.error && r->nfindings > 0;
	if (!r->violation || r->failed)
		return;
	cleanup_free bool *seen = mem_array(lint_nrules, sizeof(*seen));
	err_set(&r->error, ERR_STEP, "lint violation found for rules: ");
	for (size_t i = 0; i < r->nfindings; i++) {
		const struct lint_rule *rule = r->findings[i].rule;
		if (!seen[rule - lint_rules])
			err_append(&r->error, "%s%s", i ? ", " : "", rule->name);
		seen[rule - lint_rules] = true;
	}
}

/* ---- the file as it is written ---- */

struct written {
	struct arena *arena;
	struct lint_node *nodes;
	size_t nnodes, cap;
	int *empty;
	size_t nempty, empty_cap;
};

static void add_instr(struct written *w, const struct instr *in)
{
	struct str *names = arena_new(w->arena, (in->npairs + 1) * sizeof(*names));
	for (size_t i = 0; i < in->npairs; i++)
		names[i] = in->pairs[i].key;
	ARENA_ROOM(w->arena, w->nodes, w->nnodes, w->cap);
	w->nodes[w->nnodes++] = (struct lint_node){
	    .keyword = in->keyword,
	    .id = in->id,
	    .args = in->id == INSTR_ARG ? names : in->args,
	    .nargs = in->id == INSTR_ARG ? in->npairs : in->nargs,
	    .stage = in->id == INSTR_FROM && in->nargs == 3 ? ascii_lower(w->arena, in->args[2]) : (struct str){"", 0},
	    .comments = in->comments,
	    .ncomments = in->ncomments,
	    .where = in->where,
	};
}

static void add_empty(struct written *w, int line)
{
	ARENA_ROOM(w->arena, w->empty, w->nempty, w->empty_cap);
	w->empty[w->nempty++] = line;
}

static void look_at_file(struct lint *l, const struct written *w)
{
	struct lint_view v = {
	    .moment = LINT_FILE, .nodes = w->nodes, .nnodes = w->nnodes, .empty = w->empty, .nempty = w->nempty};
	lint_look(l, &v);
}

static void look_at_nodes(struct lint *l, const struct written *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct lint_node *node = &w->nodes[i];
		struct lint_view v = {.moment = LINT_NODE,
		    .node = node,
		    .where = node->where,
		    .comments = node->comments,
		    .ncomments = node->ncomments};
		lint_look(l, &v);
	}
}

static void look_at_cf(struct lint *l, const struct cf *cf)
{
	struct written w = {.arena = &l->report->arena};
	for (size_t i = 0; i < cf->nmetas; i++)
		add_instr(&w, cf->metas[i]);
	for (size_t i = 0; i < cf->nstages; i++) {
		add_instr(&w, cf->stages[i].from);
		for (size_t k = 0; k < cf->stages[i].ninstrs; k++)
			add_instr(&w, cf->stages[i].instrs[k]);
	}
	for (size_t i = 0; i < cf->nwarnings; i++)
		if (str_eqz(STR("NoEmptyContinuation"), cf->warnings[i].rule))
			add_empty(&w, cf->warnings[i].where.line);
	look_at_file(l, &w);
	look_at_nodes(l, &w, w.nnodes);
}

/* An instruction that could not be interpreted, as far as it is known. */
static void add_node(struct written *w, const struct node *n)
{
	struct str *args = arena_new(w->arena, (n->args.n + 1) * sizeof(*args));
	for (size_t i = 0; i < n->args.n; i++)
		args[i] = n->args.w[i].text;
	ARENA_ROOM(w->arena, w->nodes, w->nnodes, w->cap);
	w->nodes[w->nnodes++] = (struct lint_node){
	    .keyword = n->keyword,
	    .id = n->id == INSTR_ARG ? -1 : n->id,
	    .args = args,
	    .nargs = n->args.n,
	    .comments = n->line->comments,
	    .ncomments = n->line->ncomments,
	    .where = {n->first, 1, n->last},
	};
}

/* The file did not parse, but perhaps its lines did: then what stands before the mistake is checked, and what is about
 * the file as a whole. */
static void look_at_broken(struct lint *l, struct str text)
{
	struct written w = {.arena = &l->report->arena};
	struct syntax syntax;
	struct err e = {0};
	size_t good = 0;
	bool broken = false;
	if (syntax_parse(w.arena, text, &syntax, &e) < 0)
		return;
	for (size_t i = 0; i < syntax.nnodes; i++) {
		const struct node *n = syntax.nodes[i];
		struct instr *in;
		if (n->line->empty_continuation)
			add_empty(&w, n->line->last);
		if (!broken && interpret(w.arena, n, &in, &e) == 0) {
			add_instr(&w, in);
			good = w.nnodes;
			continue;
		}
		add_node(&w, n);
		good += !broken;
		broken = true;
	}
	look_at_file(l, &w);
	look_at_nodes(l, &w, good);
}

/* ---- entries ---- */

static int options(struct lint *l, const struct survey_env *env, struct str written, struct err *e)
{
	return lintopts_parse(given_options(env, written), &l->report->arena, &l->opts, e);
}

static void evaluate(struct lint *l, struct cf *cf, const struct survey_env *env, bool whole)
{
	cleanup_survey struct survey s = {0};
	struct err e = {0};
	look_at_cf(l, cf);
	struct lint_view v = {.moment = LINT_STAGES, .cf = cf};
	lint_look(l, &v);
	if (survey_run(&s, cf, env, l, whole, &l->report->arena, &e) < 0)
		fail(l->report, &e);
	finish(l);
}

void lint_check(struct str text, const char *file, const struct survey_env *env, struct lint_report *ret)
{
	cleanup_cf struct cf *cf = NULL;
	cleanup_directive struct directive d = {0};
	struct err e = {0};
	struct lint l;
	lint_init(&l, ret);
	struct str written = directive_find(text, "check", &d) ? arena_str(&ret->arena, d.value) : (struct str){0};
	if (options(&l, env, written, &e) < 0) {
		err_at(&e, d.line, d.col, d.line);
		fail(ret, &e);
		return;
	}
	if (cf_parse(text, file, &cf, &e) < 0) {
		look_at_broken(&l, text);
		fail(ret, &e);
		finish(&l);
		return;
	}
	evaluate(&l, cf, env, env->target.len == 0);
}

void lint_build(struct cf *cf, const struct survey_env *env, struct lint_report *ret)
{
	struct err e = {0};
	struct lint l;
	lint_init(&l, ret);
	if (options(&l, env, cf->check, &e) < 0) {
		err_at(&e, cf->check_where.line, cf->check_where.col, cf->check_where.line);
		fail(ret, &e);
		return;
	}
	evaluate(&l, cf, env, false);
}

void lint_report_done(struct lint_report *r)
{
	arena_done(&r->arena);
}

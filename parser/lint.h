/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LINT_H
#define COOPER_LINT_H

/*
 * Build checks: rules about a Containerfile, found by evaluating it without building anything. Evaluating needs a few
 * answers from outside (base images, what is a valid reference); struct survey_env holds them.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "parser/ast.h"

struct ignore;
struct jval;

/* What evaluating needs to know of a base image. */
struct survey_image {
	struct str platform;          /* "linux/amd64"; empty: as asked for */
	const struct str *env;        /* "NAME=value" */
	size_t nenv;
	bool has_shell;               /* SHELL is set in it */
	const struct str *triggers;   /* ONBUILD */
	size_t ntriggers;
};

/* A zeroed one works: every image is taken as empty and of the platform asked for, every reference as valid. */
struct survey_env {
	struct str target;            /* empty: the last stage */
	const struct pair *build_args; /* has_value false: not given after all */
	size_t nbuild_args;
	struct str platform, build_platform; /* normalised, "linux/amd64"; empty: linux/amd64 */
	const struct ignore *ignore;  /* the context's ignore file; NULL = none. Borrowed. */
	/* Each may be NULL. A failure of `image` fails the evaluation. */
	int (*check_ref)(void *arg, struct str ref, struct err *e);
	int (*platform_normal)(void *arg, struct str text, struct arena *a, struct str *ret, struct err *e);
	int (*image)(void *arg, struct str ref, struct str platform, struct arena *a, struct survey_image *ret, struct err *e);
	/* --build-context: is a stage of this name replaced, an image of it taken from elsewhere? */
	bool (*is_context)(void *arg, struct str name);
	void *arg;
};

struct lint_rule;

struct lint_finding {
	const struct lint_rule *rule;
	struct str detail;            /* one line */
	struct where where;           /* line to end_line */
};

struct lint_report {
	struct arena arena;
	struct lint_finding *findings; /* in order of discovery */
	size_t nfindings;
	bool failed;                  /* the file cannot be evaluated further, `error` says why and where */
	bool violation;               /* findings count as failure ("error=true"); `error` lists the rules unless failed */
	struct err error;
};

enum { LINT_FINDINGS_MAX = 10000 }; /* further ones are dropped */

/*
 * Reads, evaluates and checks a file, all stages unless there is a target. Never fails itself: what is wrong with the file
 * is in the report. Release with lint_report_done.
 */
void lint_check(struct str text, const char *file, const struct survey_env *env, struct lint_report *ret);
/* The same for a build of a parsed file: only the stages the target needs. Triggers are parsed into the cf. */
void lint_build(struct cf *cf, const struct survey_env *env, struct lint_report *ret);
void lint_report_done(struct lint_report *r);
#define cleanup_lint_report __attribute__((cleanup(lint_report_done)))

const char *lint_rule_name(const struct lint_rule *r);
/* Address of the rule's page, in `out`. */
void lint_rule_url(const struct lint_rule *r, struct buf *out);
/* All rules, in the order of the table; NULL behind the last. */
const struct lint_rule *lint_rule_at(size_t i);

/* "RuleName: text (line N)" */
void lint_finding_print(const struct lint_finding *f, struct buf *out);
/* The report for people: a headline, then a block with an excerpt for each finding; `text` and `file` as given to lint_check. */
void lint_report_print(const struct lint_report *r, struct str text, const char *file, struct buf *out);
/* {"warnings": [...], "sources": [...], "buildError": {...}} on one line; the caller frees it. `text` NULL: no sources. */
struct jval *lint_report_json(const struct lint_report *r, const struct str *text, const char *file);

#endif

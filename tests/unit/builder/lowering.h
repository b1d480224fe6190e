/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TEST_LOWERING_H
#define COOPER_TEST_LOWERING_H

/* One file lowered over the images of tests/fakes.h, and what came of it as text: what a row of a table expects. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "parser/parse.h"
#include "tests/fakes.h"

enum aspect {
	PLAN,    /* plan_print */
	HISTORY, /* a line an entry: "+" or "-" (no layer), blank, text */
	ENV,     /* the image's, a line each */
	RUN_ENV, /* the environment of the last RUN */
	CONFIG,  /* what else the image says, see print_config */
	LABELS,  /* "nth/of label" of the steps that are shown */
	FAILS,   /* "line:col text" */
};

struct row {
	const char *name, *text;
	enum aspect aspect;
	const char *want;
	const char *target, *platform;   /* NULL: as if not given */
	struct pair args[2];             /* --build-arg */
	struct lower_named named[1];
	bool no_cache;
};
#define PAIR(k, v) {.key = {(k), sizeof(k) - 1}, .value = {(v), sizeof(v) - 1}}

static inline void print_list(const char *key, const struct strs *l, struct buf *out)
{
	if (!l->n)
		return;
	buf_printf(out, "%s:", key);
	for (size_t i = 0; i < l->n; i++)
		buf_printf(out, " %.*s", STR_ARG(l->v[i]));
	buf_putc(out, '\n');
}

static inline void print_str(const char *key, struct str s, struct buf *out)
{
	if (s.len)
		buf_printf(out, "%s: %.*s\n", key, STR_ARG(s));
}

static inline void print_config(const struct image_config *c, struct buf *out)
{
	buf_printf(out, "%.*s/%.*s%s%.*s\n", STR_ARG(c->os), STR_ARG(c->architecture), c->variant.len ? "/" : "", STR_ARG(c->variant));
	print_str("user", c->user, out);
	print_str("workdir", c->workdir, out);
	print_str("author", c->author, out);
	print_str("stop", c->stop_signal, out);
	print_list("entrypoint", &c->entrypoint, out);
	print_list("cmd", &c->cmd, out);
	print_list("shell", &c->shell, out);
	print_list("ports", &c->exposed_ports, out);
	print_list("volumes", &c->volumes, out);
	print_list("onbuild", &c->onbuild, out);
	print_list("health", &c->health.test, out);
	for (size_t i = 0; i < c->labels.n; i++)
		buf_printf(out, "label: %.*s=%.*s\n", STR_ARG(c->labels.items[i].key), STR_ARG(c->labels.items[i].value));
}

static inline void print_lines(const struct strs *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++)
		buf_printf(out, "%.*s\n", STR_ARG(l->v[i]));
}

static inline void print_labels(const struct plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->n; i++)
		if (!p->steps[i]->internal)
			buf_printf(out, "%s%s%u/%u %s\n", p->steps[i]->stage ? p->steps[i]->stage : "", p->steps[i]->stage ? " " : "",
				p->steps[i]->nth, p->steps[i]->of, p->steps[i]->label);
}

static inline void print_run_env(const struct plan *p, struct buf *out)
{
	const struct strs *env = NULL;
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i]->op == &op_exec)
			env = &((const struct op_exec_args *)p->steps[i]->args)->env;
	if (env)
		print_lines(env, out);
}

static inline void print_aspect(enum aspect aspect, const struct plan *plan, const struct lowered *l, struct buf *out)
{
	buf_puts(out, "");
	switch (aspect) {
	case PLAN:
		plan_print(plan, out);
		break;
	case HISTORY:
		for (size_t i = 0; i < l->config.nhistory; i++)
			buf_printf(out, "%c %.*s\n", l->config.history[i].empty_layer ? '-' : '+', STR_ARG(l->config.history[i].created_by));
		break;
	case ENV:
		print_lines(&l->config.env, out);
		break;
	case RUN_ENV:
		print_run_env(plan, out);
		break;
	case LABELS:
		print_labels(plan, out);
		break;
	default:
		print_config(&l->config, out);
	}
}

static inline void lower_row(const struct row *r, struct buf *out)
{
	cleanup_cf struct cf *cf = NULL;
	struct plan plan;
	struct lowered l = {0};
	struct err e = {0};
	const struct platform p = {.os = STR("linux"), .arch = STR("amd64")};
	struct lower_opts o = {.platform = p, .build_platform = p, .resolver = &fake_resolver, .target = str_of(r->target), .build_args = r->args,
		.named = r->named, .no_cache = r->no_cache};
	while (o.nbuild_args < 2 && r->args[o.nbuild_args].key.len)
		o.nbuild_args++;
	o.nnamed = r->named[0].name.len > 0;
	plan_init(&plan);
	if (r->platform) {
		o.platform_given = true;
		cr_assert_eq(platform_parse(str_of(r->platform), &plan.arena, &o.platform, &e), 0);
	}
	if (cf_parse(str_of(r->text), "Containerfile", &cf, &e) < 0 || (o.cf = cf, lower(&o, &plan, &l, &e)) < 0)
		buf_printf(out, "%d:%d %s\n", e.line, e.col, e.text);
	else
		print_aspect(r->aspect, &plan, &l, out);
	lowered_done(&l);
	plan_done(&plan);
}

static inline void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_buf struct buf got = {0};
		lower_row(&rows[i], &got);
		cr_expect_str_eq(got.p ? got.p : "", rows[i].want, "%s: it is\n%s", rows[i].name, got.p ? got.p : "");
	}
}

#endif

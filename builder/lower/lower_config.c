/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that change only the image configuration, each with the history text that the reference builder writes
 * (docs: Dockerfile reference; OCI image-spec, config.md).
 */
#include <stdio.h>
#include <stdlib.h>

#include "builder/lower/stage.h"
#include "parser/values.h"

static struct str keep(struct stage_state *st, struct str s)
{
	return arena_str(&st->config.arena, s);
}

static void set_list(struct stage_state *st, struct strs *l, const struct instr *in)
{
	*l = (struct strs){0};
	for (size_t i = 0; i < in->nargs; i++)
		strs_add(&st->config.arena, l, keep(st, in->args[i]));
}

/* The configured shell and one text: "shell form". */
static void set_shell_form(struct stage_state *st, struct strs *l, struct str text)
{
	struct strs shell = stage_shell(st);
	*l = (struct strs){0};
	for (size_t i = 0; i < shell.n; i++)
		strs_add(&st->config.arena, l, keep(st, shell.v[i]));
	strs_add(&st->config.arena, l, keep(st, text));
}

/* Go's %q of a list: ["a" "b"]. */
static void print_quoted(const struct strs *l, struct buf *out)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < l->n; i++) {
		if (i)
			buf_putc(out, ' ');
		buf_quote(out, l->v[i]);
	}
	buf_putc(out, ']');
}

static void print_plain(const struct strs *l, struct buf *out)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < l->n; i++)
		buf_printf(out, "%s%.*s", i ? " " : "", STR_ARG(l->v[i]));
	buf_putc(out, ']');
}

static void set_command(struct stage_state *st, const struct instr *in, struct strs *l)
{
	if (in->json)
		set_list(st, l, in);
	else
		set_shell_form(st, l, in->nargs ? in->args[0] : STR(""));
}

int lower_CMD(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	(void)lw, (void)e;
	cleanup_buf struct buf text = {0};
	set_command(st, in, &st->config.cmd);
	st->config.args_escaped = true;
	st->cmd_set = true;
	buf_puts(&text, "CMD ");
	print_quoted(&st->config.cmd, &text);
	stage_history(st, &text, true);
	return 0;
}

int lower_ENTRYPOINT(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	(void)lw, (void)e;
	cleanup_buf struct buf text = {0};
	set_command(st, in, &st->config.entrypoint);
	st->config.args_escaped = true;
	if (!st->cmd_set)
		st->config.cmd = (struct strs){0};
	buf_puts(&text, "ENTRYPOINT ");
	print_quoted(&st->config.entrypoint, &text);
	stage_history(st, &text, true);
	return 0;
}

int lower_SHELL(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	(void)lw, (void)e;
	cleanup_buf struct buf text = {0};
	set_list(st, &st->config.shell, in);
	buf_puts(&text, "SHELL ");
	print_plain(&st->config.shell, &text);
	stage_history(st, &text, true);
	return 0;
}

static void env_set(struct stage_state *st, struct str key, struct str value)
{
	scope_set(&st->scope, key, value);
	struct scope_var *v = scope_find(&st->scope, key);
	if (v->env) {
		st->config.env.v[v->env - 1] = keep(st, v->line);
	} else {
		strs_add(&st->config.arena, &st->config.env, v->line);
		v->env = st->config.env.n;
	}
}

/* All pairs of one instruction see the state before it. */
static int expand_pairs(struct lowering *lw, struct stage_state *st, const struct instr *in, struct pair **ret, struct err *e)
{
	struct pair *out = arena_new(lw->arena, in->npairs * sizeof(*out));
	for (size_t i = 0; i < in->npairs; i++) {
		out[i] = in->pairs[i];
		TRY(stage_expand(lw, st, in, in->pairs[i].key, &out[i].key, e));
		TRY(stage_expand(lw, st, in, in->pairs[i].value, &out[i].value, e));
	}
	*ret = out;
	return 0;
}

int lower_ENV(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	struct pair *pairs;
	cleanup_buf struct buf text = {0};
	TRY(expand_pairs(lw, st, in, &pairs, e));
	buf_puts(&text, "ENV");
	for (size_t i = 0; i < in->npairs; i++) {
		if (!pairs[i].key.len)
			return err_set(e, ERR_SYNTAX, "ENV names can not be blank");
		env_set(st, pairs[i].key, pairs[i].value);
		buf_printf(&text, " %.*s=%.*s", STR_ARG(pairs[i].key), STR_ARG(pairs[i].value));
	}
	stage_history(st, &text, true);
	return 0;
}

int lower_LABEL(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	struct pair *pairs;
	cleanup_buf struct buf text = {0};
	TRY(expand_pairs(lw, st, in, &pairs, e));
	buf_puts(&text, "LABEL");
	for (size_t i = 0; i < in->npairs; i++) {
		annotations_set(&st->config.arena, &st->config.labels, pairs[i].key, pairs[i].value);
		buf_printf(&text, " %.*s=%.*s", STR_ARG(pairs[i].key), STR_ARG(pairs[i].value));
	}
	stage_history(st, &text, true);
	return 0;
}

int lower_MAINTAINER(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	(void)lw, (void)e;
	cleanup_buf struct buf text = {0};
	st->config.author = keep(st, in->args[0]);
	buf_printf(&text, "MAINTAINER %.*s", STR_ARG(in->args[0]));
	stage_history(st, &text, true);
	return 0;
}

int lower_USER(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct str user;
	TRY(stage_expand(lw, st, in, in->args[0], &user, e));
	st->config.user = keep(st, user);
	buf_printf(&text, "USER %.*s", STR_ARG(user));
	stage_history(st, &text, true);
	return 0;
}

int lower_STOPSIGNAL(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct str signal;
	int number;
	TRY(stage_expand(lw, st, in, in->args[0], &signal, e));
	TRY(signal_parse(signal, &number, e));
	st->config.stop_signal = keep(st, signal);
	buf_printf(&text, "STOPSIGNAL %.*s", STR_ARG(signal));
	stage_history(st, &text, true);
	return 0;
}

static void strs_add_once(struct arena *a, struct strs *l, struct str s)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i], s))
			return;
	strs_add(a, l, s);
}

int lower_VOLUME(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct strs volumes = {0};
	for (size_t i = 0; i < in->nargs; i++) {
		struct str v;
		TRY(stage_expand(lw, st, in, in->args[i], &v, e));
		if (!v.len)
			return err_set(e, ERR_SYNTAX, "VOLUME specified can not be an empty string");
		strs_add(lw->arena, &volumes, v);
		strs_add_once(&st->config.arena, &st->config.volumes, keep(st, v));
	}
	buf_puts(&text, "VOLUME ");
	print_plain(&volumes, &text);
	stage_history(st, &text, true);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int expose_words(struct lowering *lw, struct stage_state *st, const struct instr *in, struct strs *ret, struct err *e)
{
	struct expander x = scope_expander(&st->scope, lw->o->cf->escape);
	for (size_t i = 0; i < in->nargs; i++) {
		struct str *words;
		size_t n;
		TRY(expand_words(&x, in->args[i], lw->arena, &words, &n, e));
		for (size_t k = 0; k < n; k++)
			strs_add(lw->arena, ret, words[k]);
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_text);
	return 0;
}

/* Adds a range to the instruction's ports, and to the configuration's those that are not there. */
static int expose(struct lowering *lw, struct stage_state *st, const struct port_spec *p, struct map *there, struct strs *ports, struct err *e)
{
	if ((lw->ports += p->last - p->first + 1) > LOWER_PORTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d exposed ports in one file", LOWER_PORTS_MAX);
	for (unsigned port = p->first; port <= p->last; port++) {
		struct str s = str_of(arena_printf(lw->arena, "%u/%s", port, p->proto));
		strs_add(lw->arena, ports, s);
		if (!map_has(there, s)) {
			map_set(there, s, lw);
			strs_add(&st->config.arena, &st->config.exposed_ports, s);
		}
	}
	return 0;
}

int lower_EXPOSE(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	cleanup_buf struct buf text = {0};
	cleanup_map struct map there = {0};
	struct strs words = {0}, ports = {0};
	TRY(expose_words(lw, st, in, &words, e));
	for (size_t i = 0; i < st->config.exposed_ports.n; i++)
		map_set(&there, st->config.exposed_ports.v[i], lw);
	for (size_t i = 0; i < words.n; i++) {
		struct port_spec p;
		TRY(port_parse(words.v[i], &p, e));
		TRY(expose(lw, st, &p, &there, &ports, e));
	}
	buf_puts(&text, "EXPOSE ");
	print_plain(&ports, &text);
	stage_history(st, &text, true);
	return 0;
}

static int health_flags(const struct instr *in, struct healthcheck *h, struct err *e)
{
	static const struct {
		const char *name;
		size_t at;
	} rows[] = {
	    {"interval", offsetof(struct healthcheck, interval)},
	    {"timeout", offsetof(struct healthcheck, timeout)},
	    {"start-period", offsetof(struct healthcheck, start_period)},
	    {"start-interval", offsetof(struct healthcheck, start_interval)},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct flag *f = instr_flag(in, rows[i].name);
		if (f)
			TRY(health_interval_parse(str_of(rows[i].name), f->value, (int64_t *)(void *)((char *)h + rows[i].at), e));
	}
	const struct flag *f = instr_flag(in, "retries");
	int retries = 0;
	if (f)
		TRY(health_retries_parse(f->value, &retries, e));
	h->retries = retries;
	return 0;
}

static void print_health(const struct healthcheck *h, struct buf *out)
{
	buf_puts(out, "HEALTHCHECK {Test:");
	print_plain(&h->test, out);
	buf_puts(out, " Interval:");
	duration_print(h->interval, out);
	buf_puts(out, " Timeout:");
	duration_print(h->timeout, out);
	buf_puts(out, " StartPeriod:");
	duration_print(h->start_period, out);
	buf_puts(out, " StartInterval:");
	duration_print(h->start_interval, out);
	buf_printf(out, " Retries:%lld}", (long long)h->retries);
}

int lower_HEALTHCHECK(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	(void)lw;
	cleanup_buf struct buf text = {0};
	struct healthcheck h = {.set = true};
	struct arena *a = &st->config.arena;
	if (str_eqz(in->health_type, "NONE")) {
		strs_add(a, &h.test, STR("NONE"));
	} else {
		TRY(health_flags(in, &h, e));
		strs_add(a, &h.test, in->json ? STR("CMD") : STR("CMD-SHELL"));
		for (size_t i = 0; i < in->nargs; i++)
			strs_add(a, &h.test, keep(st, in->args[i]));
	}
	st->config.health = h;
	print_health(&h, &text);
	stage_history(st, &text, true);
	return 0;
}

int lower_ONBUILD(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	(void)lw, (void)e;
	strs_add(&st->config.arena, &st->config.onbuild, keep(st, in->args[0]));
	return 0;
}

/* The value that ARG gives a name in this stage: --build-arg, else its own default, else the global one. */
static int arg_value(struct lowering *lw, struct stage_state *st, const struct instr *in, const struct pair *p, bool *ret_set,
	struct str *ret, struct err *e)
{
	for (size_t i = lw->o->nbuild_args; i-- > 0;) {
		if (str_eq(lw->o->build_args[i].key, p->key)) {
			*ret = lw->o->build_args[i].value;
			*ret_set = true;
			return 0;
		}
	}
	if (p->has_value) {
		*ret_set = true;
		return stage_expand(lw, st, in, p->value, ret, e);
	}
	*ret_set = scope_get(&lw->globals, p->key, ret);
	return 0;
}

int lower_ARG(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e)
{
	cleanup_buf struct buf text = {0};
	buf_puts(&text, "ARG");
	for (size_t i = 0; i < in->npairs; i++) {
		const struct pair *p = &in->pairs[i];
		struct str value = STR("");
		bool set = false;
		TRY(arg_value(lw, st, in, p, &set, &value, e));
		buf_printf(&text, " %.*s", STR_ARG(p->key));
		if (set)
			buf_printf(&text, "=%.*s", STR_ARG(value));
		scope_declare(&st->scope, p->key);
		bool hidden = str_starts(p->key, STR("BUILDKIT_SBOM_SCAN_"));
		if (set && !hidden)
			scope_set(&st->scope, p->key, value);
	}
	stage_history(st, &text, true);
	return 0;
}

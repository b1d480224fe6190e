/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions of one stage, one after the other: each is expanded with the variables before it, the checks look at
 * it, then its effect on variables and state is noted. What only matters for a build (config, history, steps) is not
 * worked out.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "parser/parse.h"
#include "parser/survey.h"
#include "parser/values.h"

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* Variables that were used and have no value, unless they were declared. */
void survey_at_unset(struct survey_at *at, struct lint_word *w)
{
	struct str *names = (struct str *)w->unset, ignored;
	size_t kept = 0;
	for (size_t i = 0; i < w->nunset; i++)
		if (!survey_get(&at->st->declared, names[i], &ignored))
			names[kept++] = names[i];
	w->nunset = kept;
	if (!kept || !at->s->lint)
		return;
	survey_suggest(at->s, &at->st->vars, NULL, w);
	for (size_t i = 0; i < w->nunset; i++) {
		struct lint_view v = at->view;
		v.moment = LINT_UNSET;
		v.name = w->unset[i];
		v.near = w->near[i];
		lint_look(at->s->lint, &v);
	}
}

int survey_at_expand(struct survey_at *at, struct str word, struct str *ret, struct err *e)
{
	struct lint_word w;
	int rc = survey_expand(at->s, &at->st->vars, word, &w, e);
	survey_at_unset(at, &w);
	*ret = w.text;
	return rc;
}

int survey_at_args(struct survey_at *at, struct err *e)
{
	struct str *args = arena_new(at->s->arena, (at->in->nargs + 1) * sizeof(*args));
	for (size_t i = 0; i < at->in->nargs; i++)
		TRY(survey_at_expand(at, at->in->args[i], &args[i], e));
	at->view.args = args;
	at->view.nargs = at->in->nargs;
	return 0;
}

/* ---- one function for each kind ---- */

static int do_nothing(struct survey_at *at, struct err *e)
{
	(void)at;
	(void)e;
	return 0;
}

static int do_pairs(struct survey_at *at, struct err *e)
{
	const struct instr *in = at->in;
	struct pair *pairs = arena_new(at->s->arena, (in->npairs + 1) * sizeof(*pairs));
	for (size_t i = 0; i < in->npairs; i++) {
		pairs[i] = in->pairs[i];
		TRY(survey_at_expand(at, in->pairs[i].key, &pairs[i].key, e));
		TRY(survey_at_expand(at, in->pairs[i].value, &pairs[i].value, e));
	}
	at->view.pairs = pairs;
	at->view.npairs = in->npairs;
	return 0;
}

static int do_env(struct survey_at *at, struct err *e)
{
	TRY(do_pairs(at, e));
	for (size_t i = 0; i < at->view.npairs; i++)
		survey_set(at->s, &at->st->vars, at->view.pairs[i].key, at->view.pairs[i].value);
	return 0;
}

static bool never_variable(struct str name)
{
	return str_eqz(name, "BUILDKIT_SBOM_SCAN_CONTEXT") || str_eqz(name, "BUILDKIT_SBOM_SCAN_STAGE");
}

static int do_arg_pair(struct survey_at *at, const struct pair *p, struct err *e)
{
	struct survey *s = at->s;
	struct survey_stage *st = at->st;
	const struct str *given = map_get(&s->given, p->key);
	struct str value = {"", 0};
	bool inherited = !given && !p->has_value && survey_get(&s->globals, p->key, &value);
	if (given)
		value = *given;
	else if (p->has_value)
		TRY(survey_at_expand(at, p->value, &value, e));
	bool has_value = given || p->has_value || inherited;
	if (has_value && !never_variable(p->key))
		survey_set(s, &st->vars, p->key, value);
	map_set(&st->used, p->key, st);
	if (!inherited) {
		struct survey_arg *def = survey_define(s, &st->args, p, at->in);
		def->has_value = has_value;
		def->value = value;
	}
	survey_set(s, &st->declared, p->key, value);
	return 0;
}

static int do_arg(struct survey_at *at, struct err *e)
{
	at->view.pairs = at->in->pairs;
	at->view.npairs = at->in->npairs;
	for (size_t i = 0; i < at->in->npairs; i++)
		TRY(do_arg_pair(at, &at->in->pairs[i], e));
	return 0;
}

static int do_onbuild(struct survey_at *at, struct err *e)
{
	struct survey_stage *st = at->st;
	(void)e;
	if (at->in->nargs) {
		ARENA_ROOM(at->s->arena, st->triggers, st->ntriggers, st->triggers_cap);
		st->triggers[st->ntriggers++] = at->in->args[0];
	}
	return 0;
}

static int do_stopsignal(struct survey_at *at, struct err *e)
{
	int number;
	TRY(survey_at_args(at, e));
	return at->view.nargs ? signal_parse(at->view.args[0], &number, e) : 0;
}

/* ---- EXPOSE ---- */

static int by_text(const void *a, const void *b)
{
	return str_cmp(((const struct lint_port *)a)->text, ((const struct lint_port *)b)->text);
}

static int do_expose(struct survey_at *at, struct err *e)
{
	struct survey *s = at->s;
	struct lint_port *ports = NULL;
	size_t n = 0, cap = 0;
	for (size_t i = 0; i < at->in->nargs; i++) {
		struct str *words;
		size_t nwords;
		TRY(survey_split(s, &at->st->vars, at->in->args[i], &words, &nwords, e));
		for (size_t k = 0; k < nwords; k++) {
			ARENA_ROOM(s->arena, ports, n, cap);
			ports[n++].text = words[k];
		}
	}
	if (n)
		qsort(ports, n, sizeof(*ports), by_text);
	for (size_t i = 0; i < n; i++) {
		struct port_spec *spec = arena_new(s->arena, sizeof(*spec));
		TRY(port_parse(ports[i].text, spec, e));
		ports[i].spec = spec;
	}
	at->view.ports = ports;
	at->view.nports = n;
	return 0;
}

/* ---- all of them ---- */

static int (*const kinds[INSTR_COUNT])(struct survey_at *at, struct err *e) = {
    [INSTR_ADD] = survey_at_copy,
    [INSTR_ARG] = do_arg,
    [INSTR_CMD] = do_nothing,
    [INSTR_COPY] = survey_at_copy,
    [INSTR_ENTRYPOINT] = do_nothing,
    [INSTR_ENV] = do_env,
    [INSTR_EXPOSE] = do_expose,
    [INSTR_FROM] = do_nothing,
    [INSTR_HEALTHCHECK] = do_nothing,
    [INSTR_LABEL] = do_pairs,
    [INSTR_MAINTAINER] = do_nothing,
    [INSTR_ONBUILD] = do_onbuild,
    [INSTR_RUN] = survey_at_run,
    [INSTR_SHELL] = do_nothing,
    [INSTR_STOPSIGNAL] = do_stopsignal,
    [INSTR_USER] = survey_at_args,
    [INSTR_VOLUME] = survey_at_args,
    [INSTR_WORKDIR] = survey_at_args,
};

/* Where the last instruction of this kind is kept, of those of which only one counts. */
static const struct instr **last_of(struct survey_stage *st, const struct instr *in)
{
	if (in->id == INSTR_CMD)
		return &st->last[0];
	if (in->id == INSTR_ENTRYPOINT)
		return &st->last[1];
	return in->id == INSTR_HEALTHCHECK ? &st->last[2] : NULL;
}

static int instruction(struct survey *s, struct survey_stage *st, const struct instr *in, struct err *e)
{
	const struct instr **last = last_of(st, in);
	struct survey_at at = {.s = s, .st = st, .in = in};
	at.view = (struct lint_view){
	    .moment = LINT_INSTR,
	    .where = in->where,
	    .comments = in->comments,
	    .ncomments = in->ncomments,
	    .stage = st->stage,
	    .instr = in,
	    .state = st->state,
	};
	at.view.state.before = last ? *last : NULL;
	if (kinds[in->id](&at, e) < 0)
		return survey_at(in, e);
	lint_look(s->lint, &at.view);
	if (last)
		*last = in;
	st->state.workdir_set = st->state.workdir_set || in->id == INSTR_WORKDIR;
	st->state.shell_set = st->state.shell_set || in->id == INSTR_SHELL;
	return 0;
}

/* ---- what a stage begins with ---- */

static void set_variables(struct survey *s, struct survey_stage *st, const struct survey_image *image)
{
	struct str ignored;
	for (size_t i = 0; i < image->nenv; i++) {
		ptrdiff_t equal = str_find(image->env[i], '=');
		if (equal > 0)
			survey_set(s, &st->vars, str_sub(image->env[i], 0, (size_t)equal),
			    str_from(image->env[i], (size_t)equal + 1));
	}
	if (!survey_get(&st->vars, STR("PATH"), &ignored))
		survey_set(s, &st->vars, STR("PATH"), STR(default_path));
}

static int base_image(struct survey *s, struct survey_stage *st, struct survey_image *image, struct err *e)
{
	struct str wanted = st->platform.len       ? st->platform
	                    : s->env->platform.len ? s->env->platform
	                                           : STR("linux/amd64");
	if (str_eqz(st->base, "scratch") || !s->env->image)
		return 0;
	TRY(s->env->image(s->env->arg, st->base, wanted, s->arena, image, e));
	struct lint_view v = {
	    .moment = LINT_IMAGE,
	    .where = st->stage->where,
	    .comments = st->stage->from->comments,
	    .ncomments = st->stage->from->ncomments,
	    .stage = st->stage,
	    .name = st->base,
	    .expected = wanted,
	    .actual = image->platform.len ? image->platform : wanted,
	};
	lint_look(s->lint, &v);
	return 0;
}

static int triggers(struct survey *s, struct survey_stage *st, const struct str *texts, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct instr *in;
		if (++s->triggers > SURVEY_TRIGGERS_MAX)
			return err_set(e, ERR_LIMIT, "more than %d triggers", SURVEY_TRIGGERS_MAX);
		TRY(cf_parse_trigger(s->cf, texts[i], st->stage->from, &in, e));
		TRY(instruction(s, st, in, e));
	}
	return 0;
}

int survey_instrs(struct survey *s, struct survey_stage *st, struct err *e)
{
	struct survey_image image = {0};
	if (st->base_stage >= 0) {
		const struct survey_stage *base = &s->stages[st->base_stage];
		st->vars.base = &base->vars;
		st->declared.base = &base->declared;
		st->state = base->state;
		image.triggers = base->triggers;
		image.ntriggers = base->ntriggers;
	} else {
		if (base_image(s, st, &image, e) < 0)
			return survey_at(st->stage->from, e);
		set_variables(s, st, &image);
		st->state.shell_set = image.has_shell;
	}
	if (triggers(s, st, image.triggers, image.ntriggers, e) < 0)
		return survey_at(st->stage->from, e);
	for (size_t i = 0; i < st->stage->ninstrs; i++)
		TRY(instruction(s, st, st->stage->instrs[i], e));
	return 0;
}

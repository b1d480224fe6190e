/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each instruction demands of its arguments before anything is expanded. One function a kind, found by a table.
 */
#include "base/mem.h"
#include "parser/interpret.h"
#include "parser/runes.h"

typedef int check_fn(struct arena *a, const struct node *n, struct instr *in, struct err *e);

static int at_least_one(const struct instr *in, size_t n, struct err *e)
{
	return n ? 0 : err_set(e, ERR_SYNTAX, "%s requires at least one argument", instr_name(in->id));
}

static int check_one(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	(void)a;
	(void)n;
	return in->nargs == 1 ? 0 : err_set(e, ERR_SYNTAX, "%s requires exactly one argument", instr_name(in->id));
}

static int check_some(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	(void)a;
	(void)n;
	return at_least_one(in, in->nargs, e);
}

static int check_pairs(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	(void)a;
	TRY(at_least_one(in, in->npairs, e));
	for (size_t i = 0; i < in->npairs; i++) {
		if (in->pairs[i].key.len)
			continue;
		err_set(e, ERR_SYNTAX, "%s names can not be blank", instr_name(in->id));
		return node_err(n, in->pairs[i].key.p, e);
	}
	return 0;
}

static int check_run(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	(void)a;
	(void)n;
	if (in->json && in->nargs == 0)
		return err_set(e, ERR_SYNTAX, "RUN requires arguments in its JSON form");
	return 0;
}

static int check_shell(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	(void)a;
	(void)n;
	TRY(at_least_one(in, in->nargs, e));
	return in->json ? 0 : err_set(e, ERR_SYNTAX, "SHELL requires the arguments to be in JSON form");
}

static int check_volume(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	(void)a;
	TRY(at_least_one(in, in->nargs, e));
	for (size_t i = 0; i < in->nargs; i++) {
		in->args[i] = rune_trim(in->args[i]);
		if (in->args[i].len)
			continue;
		err_set(e, ERR_SYNTAX, "VOLUME specified can not be an empty string");
		return node_err(n, n->args.w[i].at, e);
	}
	return 0;
}

/* A body that was made ready for an earlier word is shared. */
static struct str content_of(struct arena *a, const struct instr *in, const struct heredoc *h)
{
	if (!h->chomp)
		return h->raw;
	for (size_t i = 0; i < in->nheredocs; i++)
		if (in->heredocs[i].raw.p == h->raw.p && in->heredocs[i].chomp)
			return in->heredocs[i].content;
	return heredoc_chomp(a, h->raw);
}

/* The body of the last here-document of that name; false if there is none: quotes of the line hid the operator. */
static bool take_body(struct arena *a, const struct node *n, const struct instr *in, struct heredoc *h)
{
	bool found = false;
	for (size_t i = 0; i < n->nheredocs; i++) {
		if (!str_eq(n->heredocs[i].name, h->name))
			continue;
		h->raw = n->heredocs[i].raw;
		h->where = n->heredocs[i].where;
		found = true;
	}
	if (found)
		h->content = content_of(a, in, h);
	return found;
}

static bool opens_heredoc(struct arena *a, struct str word, struct heredoc *ret)
{
	struct err quotes;
	bool is = false;
	return memmem(word.p, word.len, "<<", 2) && heredoc_word(a, word, &is, ret, &quotes) == 0 && is;
}

/* The words of COPY and ADD that are files written down here: as many as bodies were read. */
static int match_heredocs(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	size_t cap = 0;
	struct heredoc h;
	in->heredocs = NULL;
	in->nheredocs = 0;
	if (!in->json && opens_heredoc(a, in->args[in->nargs - 1], &h)) {
		err_set(e, ERR_SYNTAX, "%s cannot accept a heredoc as a destination", instr_name(in->id));
		return node_err(n, n->args.w[in->nargs - 1].at, e);
	}
	for (size_t i = 0; i + 1 < in->nargs && in->nheredocs < n->nheredocs; i++) {
		if (!opens_heredoc(a, in->args[i], &h) || !take_body(a, n, in, &h))
			continue;
		h.arg = i;
		ARENA_ROOM(a, in->heredocs, in->nheredocs, cap);
		in->heredocs[in->nheredocs++] = h;
	}
	return 0;
}

static int check_copy(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	if (in->nargs < 2)
		return err_set(e, ERR_SYNTAX,
		    "%s requires at least two arguments, but only one was provided. Destination could not be "
		    "determined",
		    instr_name(in->id));
	return match_heredocs(a, n, in, e);
}

static int check_from(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	(void)a;
	if (in->nargs != 1 && !(in->nargs == 3 && str_ieq(in->args[1], STR("AS"))))
		return err_set(e, ERR_SYNTAX, "FROM requires either one or three arguments");
	if (in->nargs == 1)
		return 0;
	struct str name = in->args[2];
	bool fine = (name.p[0] | 0x20) >= 'a' && (name.p[0] | 0x20) <= 'z';
	for (size_t i = 0; i < name.len && fine; i++) {
		char c = name.p[i];
		fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		       c == '_' || c == '.';
	}
	if (fine)
		return 0;
	err_set(e, ERR_SYNTAX,
	    "invalid name for build stage: \"%.*s\", name can't start with a number or contain symbols", STR_ARG(name));
	return node_err(n, n->args.w[2].at, e);
}

/* The type is the first word: it leaves args. */
static int check_health(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	TRY(at_least_one(in, in->nargs, e));
	struct str type = arena_str(a, in->args[0]);
	for (size_t i = 0; i < type.len; i++)
		if (type.p[i] >= 'a' && type.p[i] <= 'z')
			((char *)type.p)[i] -= 32;
	in->health_type = type;
	in->args++;
	in->arg_where++;
	in->nargs--;
	if (str_eqz(type, "NONE"))
		return in->nargs ? err_set(e, ERR_SYNTAX, "HEALTHCHECK NONE takes no arguments") : 0;
	if (!str_eqz(type, "CMD")) {
		err_set(e, ERR_SYNTAX, "Unknown type \"%.*s\" in HEALTHCHECK (try CMD)", STR_ARG(type));
		return node_err(n, n->args.w[0].at, e);
	}
	return in->nargs ? 0 : err_set(e, ERR_SYNTAX, "Missing command after HEALTHCHECK CMD");
}

/* The trigger as an image keeps it: the glued line, then the bodies. */
static struct str trigger_text(struct arena *a, const struct node *n)
{
	struct buf b = {0};
	buf_str(&b, str_from(n->original, (size_t)(n->sub->keyword.p - n->original.p)));
	for (size_t i = 0; i < n->nheredocs; i++) {
		buf_putc(&b, '\n');
		buf_str(&b, n->heredocs[i].raw);
		buf_str(&b, n->heredocs[i].name);
	}
	struct str text = arena_str(a, buf_view(&b));
	buf_done(&b);
	return text;
}

static int check_onbuild(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	TRY(at_least_one(in, n->sub != NULL, e));
	struct node inner = *n->sub;
	struct err ignored = {0};
	if (inner.id == INSTR_ONBUILD)
		err_set(e, ERR_SYNTAX, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	else if (inner.id == INSTR_FROM || inner.id == INSTR_MAINTAINER)
		err_set(e, ERR_SYNTAX, "%s isn't allowed as an ONBUILD trigger", instr_name((enum instr_id)inner.id));
	if (inner.id == INSTR_ONBUILD || inner.id == INSTR_FROM || inner.id == INSTR_MAINTAINER)
		return node_err(n, inner.keyword.p, e);
	inner.heredocs = n->heredocs;
	inner.nheredocs = n->nheredocs;
	in->args = arena_new(a, sizeof(*in->args));
	in->arg_where = arena_new(a, sizeof(*in->arg_where));
	in->args[0] = trigger_text(a, n);
	in->nargs = 1;
	in->arg_where[0].end_line = n->last;
	line_place(n->line, inner.keyword.p, &in->arg_where[0].line, &in->arg_where[0].col);
	if (interpret(a, &inner, &in->inner, &ignored) < 0)
		in->inner = NULL;
	return 0;
}

static check_fn *const checks[INSTR_COUNT] = {
    [INSTR_ADD] = check_copy,
    [INSTR_ARG] = check_pairs,
    [INSTR_COPY] = check_copy,
    [INSTR_ENV] = check_pairs,
    [INSTR_EXPOSE] = check_some,
    [INSTR_FROM] = check_from,
    [INSTR_HEALTHCHECK] = check_health,
    [INSTR_LABEL] = check_pairs,
    [INSTR_MAINTAINER] = check_one,
    [INSTR_ONBUILD] = check_onbuild,
    [INSTR_RUN] = check_run,
    [INSTR_SHELL] = check_shell,
    [INSTR_STOPSIGNAL] = check_one,
    [INSTR_USER] = check_one,
    [INSTR_VOLUME] = check_volume,
    [INSTR_WORKDIR] = check_one,
};

int args_check(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	if (checks[in->id] && checks[in->id](a, n, in, e) < 0)
		return node_err(n, n->keyword.p, e);
	return 0;
}

const struct heredoc *instr_heredoc(const struct instr *in, size_t arg)
{
	if (in->id != INSTR_COPY && in->id != INSTR_ADD)
		return NULL;
	for (size_t i = 0; i < in->nheredocs; i++)
		if (in->heredocs[i].arg == arg)
			return &in->heredocs[i];
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to cf: nodes are interpreted one after the other and put into stages. Two allocations hold everything: the cf
 * with its arena's handle, and the arena.
 */
#include "parser/parse.h"

#include "base/arena.h"
#include "base/mem.h"
#include "parser/directive.h"
#include "parser/interpret.h"
#include "parser/syntax.h"

struct cf_private {
	struct arena arena;
	struct str text;
};

struct owner {
	struct cf cf;
	struct cf_private priv;
};

/* Room of the arrays that grow while stages are made. */
struct growth {
	size_t metas, stages, instrs, warnings;
};

void cf_free(struct cf *cf)
{
	if (!cf)
		return;
	arena_done(&cf->priv->arena);
	mem_free(cf);
}

static struct str lower_case(struct arena *a, struct str s)
{
	char *p = arena_new(a, s.len + 1);
	for (size_t i = 0; i < s.len; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	return (struct str){p, s.len};
}

static void add_stage(struct cf *cf, struct growth *g, struct instr *from)
{
	struct arena *a = &cf->priv->arena;
	ARENA_ROOM(a, cf->stages, cf->nstages, g->stages);
	struct stage *s = &cf->stages[cf->nstages++];
	*s = (struct stage){.from = from, .base = from->args[0], .where = from->where};
	const struct flag *platform = instr_flag(from, "platform");
	if (platform)
		s->platform = platform->value;
	if (from->nargs == 3) {
		s->name_written = from->args[2];
		s->name = lower_case(a, s->name_written);
	}
	s->doc = comment_about(from->comments, from->ncomments, s->name);
	g->instrs = 0;
}

static int add_instr(struct cf *cf, struct growth *g, const struct node *n, struct err *e)
{
	struct arena *a = &cf->priv->arena;
	struct instr *in;
	TRY(interpret(a, n, &in, e));
	if (in->id == INSTR_FROM) {
		add_stage(cf, g, in);
		return 0;
	}
	if (cf->nstages) {
		struct stage *s = &cf->stages[cf->nstages - 1];
		ARENA_ROOM(a, s->instrs, s->ninstrs, g->instrs);
		s->instrs[s->ninstrs++] = in;
		return 0;
	}
	if (in->id != INSTR_ARG) {
		err_set(e, ERR_SYNTAX, "no build stage in current context");
		return node_err(n, n->keyword.p, e);
	}
	ARENA_ROOM(a, cf->metas, cf->nmetas, g->metas);
	cf->metas[cf->nmetas++] = in;
	return 0;
}

static void add_warning(struct cf *cf, struct growth *g, const struct node *n)
{
	ARENA_ROOM(&cf->priv->arena, cf->warnings, cf->nwarnings, g->warnings);
	cf->warnings[cf->nwarnings++] = (struct cf_warning){
	    "NoEmptyContinuation", STR("Empty continuation line"), {n->line->last, 1, n->line->last}};
}

static struct str find_directive(struct cf *cf, const char *name, struct where *ret_where)
{
	cleanup_directive struct directive d = {0};
	if (!directive_find(cf->priv->text, name, &d))
		return (struct str){0};
	*ret_where = (struct where){d.line, d.col, d.line};
	return d.room ? arena_str(&cf->priv->arena, d.word) : d.word;
}

/* A NUL would end arguments, names and values early further on: it is nowhere allowed in the text. */
static int refuse_nul(struct str text, struct err *e)
{
	ptrdiff_t at = str_find(text, '\0');
	if (at < 0)
		return 0;
	int line = 1, col = 1;
	for (ptrdiff_t i = 0; i < at; i++) {
		col = text.p[i] == '\n' ? 1 : col + 1;
		line += text.p[i] == '\n';
	}
	err_set(e, ERR_SYNTAX, "NUL byte in the text");
	return err_at(e, line, col, line);
}

static int fill(struct cf *cf, struct err *e)
{
	struct syntax s;
	struct growth g = {0};
	TRY(refuse_nul(cf->priv->text, e));
	cf->syntax = find_directive(cf, "syntax", &cf->syntax_where);
	cf->check = find_directive(cf, "check", &cf->check_where);
	TRY(syntax_parse(&cf->priv->arena, cf->priv->text, &s, e));
	cf->escape = s.escape;
	for (size_t i = 0; i < s.nnodes; i++) {
		if (s.nodes[i]->line->empty_continuation)
			add_warning(cf, &g, s.nodes[i]);
		TRY(add_instr(cf, &g, s.nodes[i], e));
	}
	if (cf->nstages == 0) {
		err_set(e, ERR_SYNTAX, "dockerfile contains no stages to build");
		return err_at(e, s.lines, 1, 0);
	}
	return 0;
}

int cf_parse(struct str text, const char *file, struct cf **ret, struct err *e)
{
	*e = (struct err){0};
	if (text.len > CF_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "larger than %d bytes", CF_SIZE_MAX);
	struct owner *o = mem_new(sizeof(*o));
	cleanup_cf struct cf *cf = &o->cf;
	cf->priv = &o->priv;
	cf->priv->text = arena_str(&o->priv.arena, text);
	cf->file = arena_str(&o->priv.arena, str_of(file ? file : "Containerfile"));
	TRY(fill(cf, e));
	*ret = steal(&cf);
	return 0;
}

/* Puts all of a trigger's places where it fires. */
static void move_to(struct instr *in, struct where w)
{
	in->where = w;
	for (size_t i = 0; i < in->nflags; i++)
		in->flags[i].where = w;
	for (size_t i = 0; i < in->nargs; i++)
		in->arg_where[i] = w;
	for (size_t i = 0; i < in->npairs; i++)
		in->pairs[i].where = w;
	for (size_t i = 0; i < in->nheredocs; i++)
		in->heredocs[i].where = w;
}

static int parse_trigger(struct arena *a, struct str text, struct instr **ret, struct err *e)
{
	struct syntax s;
	TRY(refuse_nul(text, e));
	TRY(syntax_parse(a, text, &s, e));
	if (s.nnodes != 1)
		return err_set(e, ERR_SYNTAX, "more than one instruction");
	TRY(interpret(a, s.nodes[0], ret, e));
	if ((*ret)->id == INSTR_FROM || (*ret)->id == INSTR_ONBUILD || (*ret)->id == INSTR_MAINTAINER)
		return err_set(e, ERR_SYNTAX, "%s isn't allowed as an ONBUILD trigger", instr_name((*ret)->id));
	return 0;
}

int cf_parse_trigger(struct cf *cf, struct str text, const struct instr *at, struct instr **ret, struct err *e)
{
	struct where w = at ? at->where : (struct where){0};
	struct instr *in;
	*e = (struct err){0};
	if (text.len > CF_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "ONBUILD trigger is larger than %d bytes", CF_SIZE_MAX);
	struct str copy = arena_str(&cf->priv->arena, text), first = copy;
	if (parse_trigger(&cf->priv->arena, copy, &in, e) < 0) {
		ptrdiff_t end = str_find(first, '\n');
		first.len = end >= 0 ? (size_t)end : first.len;
		first.len = first.len > 80 ? 80 : first.len;
		err_wrap(e, "ONBUILD trigger \"%.*s\"", STR_ARG(first));
		e->line = e->col = e->end_line = 0;
		return err_at(e, w.line, w.col, w.end_line);
	}
	move_to(in, w);
	*ret = in;
	return 0;
}

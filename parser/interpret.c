/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes to instructions: unknown keywords end here, words find their places in the file, names are parted from values.
 * What the single instructions demand is in flagcheck.c and argcheck.c.
 */
#include "parser/interpret.h"

#include "base/mem.h"

enum {
	SHOWN_MAX = 100, /* bytes of an unknown keyword in a message */
	DOCS_MAX = 256,  /* names of one ARG that are looked for in the comments */
};

static int unknown(const struct node *n, struct err *e)
{
	char room[16];
	struct str near = instr_suggest(n->keyword, room);
	struct str shown = n->keyword.len > SHOWN_MAX ? str_sub(n->keyword, 0, SHOWN_MAX) : n->keyword;
	err_set(e, ERR_SYNTAX, "unknown instruction: %.*s", STR_ARG(shown));
	if (near.len)
		err_append(e, " (did you mean %.*s?)", STR_ARG(near));
	return node_err(n, n->keyword.p, e);
}

struct str comment_about(const struct str *comments, size_t n, struct str name)
{
	for (size_t i = 0; i < n && name.len; i++)
		if (str_starts(comments[i], name) && comments[i].len > name.len && comments[i].p[name.len] == ' ')
			return str_from(comments[i], name.len + 1);
	return (struct str){0};
}

static struct where place(const struct node *n, const char *p)
{
	struct where w = {.end_line = n->last};
	line_place(n->line, p, &w.line, &w.col);
	return w;
}

static void take_words(struct arena *a, const struct node *n, struct instr *in)
{
	if (n->args.n == 0)
		return;
	in->nargs = n->args.n;
	in->args = arena_new(a, in->nargs * sizeof(*in->args));
	in->arg_where = arena_new(a, in->nargs * sizeof(*in->arg_where));
	for (size_t i = 0; i < in->nargs; i++) {
		in->args[i] = n->args.w[i].text;
		in->arg_where[i] = place(n, n->args.w[i].at);
	}
}

/* ENV, LABEL: the node has triples. */
static void take_pairs(struct arena *a, const struct node *n, struct instr *in)
{
	in->npairs = n->args.n / 3;
	in->pairs = arena_new(a, (in->npairs + 1) * sizeof(*in->pairs));
	for (size_t i = 0; i < in->npairs; i++) {
		const struct word *w = &n->args.w[i * 3];
		in->pairs[i] = (struct pair){.key = w[0].text,
		    .value = w[1].text,
		    .has_value = true,
		    .legacy = w[2].text.len == 0,
		    .where = place(n, w[0].at)};
	}
}

static void take_args(struct arena *a, const struct node *n, struct instr *in)
{
	in->npairs = n->args.n;
	in->pairs = arena_new(a, (in->npairs + 1) * sizeof(*in->pairs));
	for (size_t i = 0; i < in->npairs; i++) {
		struct pair *p = &in->pairs[i];
		p->key = n->args.w[i].text;
		p->where = place(n, n->args.w[i].at);
		ptrdiff_t eq = str_find(p->key, '=');
		if (eq >= 0) {
			p->has_value = true;
			p->value = str_from(p->key, (size_t)eq + 1);
			p->key.len = (size_t)eq;
		}
		if (i < DOCS_MAX)
			p->doc = comment_about(in->comments, in->ncomments, p->key);
	}
}

/* Those of RUN; COPY and ADD match theirs with arguments. */
static void take_heredocs(struct arena *a, const struct node *n, struct instr *in)
{
	if (n->nheredocs == 0 || in->id != INSTR_RUN)
		return;
	in->nheredocs = n->nheredocs;
	in->heredocs = arena_new(a, n->nheredocs * sizeof(*in->heredocs));
	memcpy(in->heredocs, n->heredocs, n->nheredocs * sizeof(*in->heredocs));
	for (size_t i = 0; i < in->nheredocs; i++)
		if (in->heredocs[i].chomp)
			in->heredocs[i].content = heredoc_chomp(a, in->heredocs[i].raw);
}

int interpret(struct arena *a, const struct node *n, struct instr **ret, struct err *e)
{
	if (n->id < 0)
		return unknown(n, e);
	struct instr *in = arena_new(a, sizeof(*in));
	*in =
	    (struct instr){.id = (enum instr_id)n->id, .keyword = n->keyword, .original = n->original, .json = n->json};
	in->where = place(n, n->keyword.p);
	if (in->where.line != n->first)
		in->where = (struct where){n->first, n->line->pieces[0].col, n->last};
	in->comments = n->line->comments;
	in->ncomments = n->line->ncomments;
	switch (instr_kind(in->id)->shape) {
	case SHAPE_PAIRS:
		take_pairs(a, n, in);
		break;
	case SHAPE_ARGS:
		take_args(a, n, in);
		break;
	default:
		take_words(a, n, in);
		take_heredocs(a, n, in);
	}
	TRY(flags_interpret(a, n, in, e));
	TRY(args_check(a, n, in, e));
	*ret = in;
	return 0;
}

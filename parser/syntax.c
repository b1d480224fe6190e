/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines to nodes. An instruction inside ONBUILD is cut by the same function from the rest of the same line.
 */
#include "parser/syntax.h"

#include "base/mem.h"
#include "parser/runes.h"

static int cut_node(struct arena *a, char escape, struct str text, const struct line *line, unsigned depth,
    struct node **ret, struct err *e);

int node_err(const struct node *n, const char *p, struct err *e)
{
	int line = n->first, col = 1;
	const char *end = n->original.p + n->original.len;
	if (p && n->line && p >= n->original.p && p <= end)
		line_place(n->line, p, &line, &col);
	else if (n->line && n->line->npieces)
		col = n->line->pieces[0].col;
	return err_at(e, line, col, n->last > line ? n->last : line);
}

/* Keyword and the text behind it. */
static struct str cut_keyword(struct str text, struct str *rest)
{
	struct str s = rune_trim(text);
	size_t i = 0;
	while (i < s.len && !byte_blank(s.p[i]))
		i++;
	*rest = str_from(s, i);
	while (rest->len && byte_blank(rest->p[0]))
		*rest = str_from(*rest, 1);
	return str_sub(s, 0, i);
}

static int cut_inner(struct arena *a, char escape, struct str rest, unsigned depth, struct node *n, struct err *e)
{
	if (rest.len == 0)
		return 0;
	if (depth >= SYNTAX_INNER_MAX)
		return err_set(e, ERR_LIMIT, "instructions are nested more than %d deep", SYNTAX_INNER_MAX);
	return cut_node(a, escape, rest, n->line, depth + 1, &n->sub, e);
}

static int cut_arguments(struct arena *a, char escape, struct str rest, unsigned depth, struct node *n, struct err *e)
{
	TRY(flags_cut(a, escape, &rest, &n->flags, e));
	rest = rune_trim(rest);
	if (n->id < 0)
		return words_add(a, &n->args, STR(""), rest.p, e);
	if (instr_kind((enum instr_id)n->id)->shape == SHAPE_INNER)
		return cut_inner(a, escape, rest, depth, n, e);
	return shape_cut(a, escape, rest, n, e);
}

static int cut_node(struct arena *a, char escape, struct str text, const struct line *line, unsigned depth,
    struct node **ret, struct err *e)
{
	struct node *n = arena_new(a, sizeof(*n));
	struct str rest;
	enum instr_id id;
	*n = (struct node){.first = line->first, .last = line->last, .original = text, .line = line};
	n->keyword = cut_keyword(text, &rest);
	n->id = instr_find(n->keyword, &id) ? (int)id : -1;
	if (cut_arguments(a, escape, rest, depth, n, e) < 0)
		return node_err(n, n->keyword.p, e);
	*ret = n;
	return 0;
}

enum { SHOWN_MAX = 100 }; /* bytes of a name in a message */

/* RUN, COPY and ADD without JSON, also right below ONBUILD. */
static bool may_have_heredocs(const struct node *n)
{
	if (n->sub)
		n = n->sub;
	return n->id >= 0 && !n->json && (instr_kind((enum instr_id)n->id)->traits & TRAIT_HEREDOC);
}

static int read_heredocs(struct arena *a, struct lines *l, struct node *n, struct err *e)
{
	if (!may_have_heredocs(n))
		return 0;
	if (heredoc_find(a, n->original, &n->heredocs, &n->nheredocs, e) < 0)
		return node_err(n, n->keyword.p, e);
	for (size_t i = 0; i < n->nheredocs; i++) {
		if (heredoc_read(l, &n->heredocs[i], e) == 0)
			continue;
		struct str name = n->heredocs[i].name;
		err_append(e, ": no line \"%.*s\"", STR_ARG(name.len > SHOWN_MAX ? str_sub(name, 0, SHOWN_MAX) : name));
		n->last = l->line;
		return node_err(n, n->keyword.p, e);
	}
	n->last = l->line;
	if (n->sub)
		n->sub->last = n->last;
	return 0;
}

/* What the file has had so far. */
struct totals {
	size_t words, heredocs;
};

static int count_parts(const struct node *n, struct totals *t, struct err *e)
{
	t->heredocs += n->nheredocs;
	for (const struct node *i = n; i; i = i->sub)
		t->words += i->args.n + i->flags.n;
	if (t->words > SYNTAX_WORDS_TOTAL)
		err_set(e, ERR_LIMIT, "more than %d arguments in one file", SYNTAX_WORDS_TOTAL);
	else if (t->heredocs > SYNTAX_HEREDOCS_TOTAL)
		err_set(e, ERR_LIMIT, "more than %d here-documents in one file", SYNTAX_HEREDOCS_TOTAL);
	else
		return 0;
	return node_err(n, n->keyword.p, e);
}

static int parse_lines(struct arena *a, struct lines *l, struct syntax *s, struct err *e)
{
	size_t cap = 0;
	struct totals totals = {0};
	for (;;) {
		struct line *line = arena_new(a, sizeof(*line));
		struct node *n;
		int rc = lines_next(l, line, e);
		if (rc <= 0)
			return rc;
		if (s->nnodes >= SYNTAX_NODES_MAX) {
			err_set(e, ERR_LIMIT, "more than %d instructions", SYNTAX_NODES_MAX);
			return err_at(e, line->first, 1, 0);
		}
		TRY(cut_node(a, l->escape, line->text, line, 0, &n, e));
		TRY(read_heredocs(a, l, n, e));
		TRY(count_parts(n, &totals, e));
		ARENA_ROOM(a, s->nodes, s->nnodes, cap);
		s->nodes[s->nnodes++] = n;
	}
}

int syntax_parse(struct arena *a, struct str text, struct syntax *ret, struct err *e)
{
	struct lines l;
	struct syntax s = {0};
	lines_init(&l, text, a);
	int rc = parse_lines(a, &l, &s, e);
	s.escape = l.escape;
	s.lines = l.line;
	lines_done(&l);
	if (rc < 0)
		return rc;
	if (s.nnodes == 0) {
		err_set(e, ERR_SYNTAX, "file with no instructions");
		return err_at(e, s.lines, s.lines ? 1 : 0, 0);
	}
	*ret = s;
	return 0;
}

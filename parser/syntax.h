/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SYNTAX_H
#define COOPER_SYNTAX_H

/*
 * The first half of parsing: lines are cut into keyword, flags and arguments, here-documents are attached. Nothing is known
 * yet of what an instruction demands: unknown keywords are kept, flags are not looked at, counts are not checked.
 * Inside parser/ and tests only.
 */
#include "base/arena.h"
#include "base/err.h"
#include "parser/ast.h"
#include "parser/lines.h"

/* A part of an instruction's text and where it was found. */
struct word {
	struct str text;  /* as meant: quotes of flags and JSON are gone */
	const char *at;   /* its first byte in node.original */
};

struct words {
	struct word *w;
	size_t n, cap;
};

struct node {
	int id;                   /* enum instr_id, or -1 */
	struct str keyword;       /* as written */
	int first, last;          /* physical lines, here-documents included */
	struct str original;      /* the glued line */
	const struct line *line;  /* for places; an inner node has its outer node's */
	struct words flags;       /* "--name=value" */
	/* ENV, LABEL: name, value, separator ("=" or empty), ...; HEALTHCHECK: type, then its command. */
	struct words args;
	bool json;
	struct node *sub;         /* ONBUILD */
	struct heredoc *heredocs; /* content is that of the file, tabs are not cut */
	size_t nheredocs;
};

struct syntax {
	char escape;
	struct node **nodes;
	size_t nnodes;
	int lines;                /* physical lines of the file */
};

enum {
	SYNTAX_NODES_MAX = 65536,
	SYNTAX_WORDS_MAX = 65536,  /* of one instruction */
	SYNTAX_HEREDOCS_MAX = 256, /* of one instruction */
	SYNTAX_WORDS_TOTAL = 1 << 20,     /* of one file */
	SYNTAX_HEREDOCS_TOTAL = 1 << 14,
	SYNTAX_INNER_MAX = 16,     /* ONBUILD ONBUILD ... */
};

/* `text` is borrowed; everything else is in `a`. ERR_SYNTAX and ERR_LIMIT with a place. */
int syntax_parse(struct arena *a, struct str text, struct syntax *ret, struct err *e);

/* Appends; ERR_LIMIT. */
int words_add(struct arena *a, struct words *w, struct str text, const char *at, struct err *e);
/* Sets the place of p, a pointer into n->original, when there is none yet. Returns -e->code. */
int node_err(const struct node *n, const char *p, struct err *e);

/* shape.c: cuts `rest` into n->args as the instruction's shape says; INNER is done by the caller. */
int shape_cut(struct arena *a, char escape, struct str rest, struct node *n, struct err *e);

/* flags.c: takes the words that begin with "--" off the front of *rest. */
int flags_cut(struct arena *a, char escape, struct str *rest, struct words *ret, struct err *e);

/* jsonargs.c: is the text one JSON array of strings? */
enum jsonargs {
	JSONARGS_NONE,         /* no JSON array */
	JSONARGS_ARRAY,        /* its elements were appended to ret */
	JSONARGS_NOT_STRINGS,  /* an array with other elements */
};
int jsonargs_parse(struct arena *a, struct str text, enum jsonargs *ret_kind, struct words *ret, struct err *e);

/* heredoc.c: does the word open a here-document? ret is filled in as far as the word says. ERR_SYNTAX: unbalanced quotes. */
int heredoc_word(struct arena *a, struct str word, bool *ret_is, struct heredoc *ret, struct err *e);
/* All that a line opens, in order; none when its quotes are not balanced. ERR_LIMIT. */
int heredoc_find(struct arena *a, struct str line, struct heredoc **ret, size_t *ret_n, struct err *e);
/* Reads the body up to its terminator. ERR_SYNTAX without a place: unterminated. */
int heredoc_read(struct lines *l, struct heredoc *h, struct err *e);
/* The body without leading tabs of its lines. */
struct str heredoc_chomp(struct arena *a, struct str body);

#endif

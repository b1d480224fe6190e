/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LINES_H
#define COOPER_LINES_H

/*
 * Physical lines to logical lines: comments and directives go, continued lines are glued. Here-document bodies are read by
 * those who know that one begins.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* A part of a logical line and where it stands in the file. */
struct piece {
	size_t at;     /* offset in the logical line */
	int line, col; /* 1-based; columns count bytes */
};

struct line {
	struct str text;            /* a slice of the file when it was not glued, else in the arena */
	int first, last;            /* physical lines */
	struct piece *pieces;       /* at least one, by offset */
	size_t npieces;
	bool empty_continuation;    /* a blank line stood inside */
	struct str *comments;       /* since the instruction before; a lone '#' begins anew */
	size_t ncomments;
};

enum {
	LINES_COMMENTS_MAX = 4096,  /* further comment lines of one block are dropped */
	LINES_PIECES_MAX = 1 << 18, /* physical lines of one instruction */
};

struct lines {
	struct arena *arena;
	struct str rest;            /* what was not read yet */
	int line;                   /* physical lines read */
	char escape;
	bool directives_over;
	unsigned seen;              /* bits of directives */
	struct buf glue;            /* scratch */
	struct str *comments;       /* of the coming instruction */
	size_t ncomments, comments_cap;
};

/* `text` is borrowed; it and `a` have to outlive what is read. */
void lines_init(struct lines *l, struct str text, struct arena *a);
void lines_done(struct lines *l);
/* 1 for a logical line, 0 at the end, negative for failure: ERR_SYNTAX (directives), ERR_LIMIT. */
int lines_next(struct lines *l, struct line *ret, struct err *e);
/* One physical line with its end, as it is; false at the end. */
bool lines_raw(struct lines *l, struct str *ret);

/* The place of a pointer into line->text (or one past it). */
void line_place(const struct line *line, const char *p, int *ret_line, int *ret_col);

/* Cuts all \r and \n at the end. */
struct str line_trim_end(struct str s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_AST_H
#define COOPER_AST_H

/*
 * What a Containerfile says: stages of instructions, nothing expanded, nothing looked up. Made once by cf_parse, never
 * changed, freed together by cf_free. All strings live in the cf's arena or in its source text.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "parser/instrs.h"

/* A place in the file, 1-based. end_line is the last physical line, heredoc bodies included. */
struct where {
	int line, col, end_line;
};

struct flag {
	struct str name;  /* without "--" */
	struct str value; /* unquoted; empty when there was no '=' */
	bool has_value;
	struct where where;
};

/* ENV, LABEL: key and value; ARG: value only when has_value. Raw text: quotes and escapes go away in the expansion. */
struct pair {
	struct str key, value;
	bool has_value;
	bool legacy;      /* "ENV key value" */
	struct str doc;   /* ARG: the comment above that begins with its name, without it */
	struct where where;
};

struct heredoc {
	struct str name;    /* the word without quotes */
	struct str content; /* body, tabs cut where chomp asks for it */
	struct str raw;     /* body as it stands in the file: for a shell that reads the document itself */
	size_t arg;         /* COPY, ADD: the argument that it stands for; args[arg] is its word */
	int fd;             /* 3<<EOF; 0 when not written */
	bool expand;        /* no part of the word was quoted */
	bool chomp;         /* <<- */
	struct where where; /* first and last line of the body with its terminator */
};

struct instr {
	enum instr_id id;
	struct str keyword;         /* as written */
	struct where where;
	struct str original;        /* the glued line, as written, keyword and flags included */
	struct flag *flags;
	size_t nflags;
	bool json;                  /* JSON form was recognised */
	struct str *args;           /* words, JSON elements, or the one text; ONBUILD: the trigger's whole text, bodies included */
	struct where *arg_where;    /* place of each argument (column best effort) */
	size_t nargs;
	struct pair *pairs;         /* ENV, LABEL, ARG */
	size_t npairs;
	struct heredoc *heredocs;   /* RUN, COPY, ADD: in order of their words */
	size_t nheredocs;
	struct str health_type;     /* HEALTHCHECK: "CMD" or "NONE", upper case; args hold what follows */
	struct instr *inner;        /* ONBUILD; NULL when the text would not do as an instruction: told where it fires */
	struct str *comments;       /* the comment block right above, '#' and blanks cut */
	size_t ncomments;
};

struct stage {
	struct instr *from;
	struct str name;            /* AS name, lower-cased; empty = unnamed */
	struct str name_written;    /* as in the file */
	struct str base;            /* raw text, not expanded */
	struct str platform;        /* raw --platform, or empty */
	struct str doc;
	struct instr **instrs;      /* after FROM */
	size_t ninstrs;
	struct where where;
};

struct cf_warning {
	const char *rule;           /* e.g. "NoEmptyContinuation" */
	struct str text;
	struct where where;
};

struct cf {
	struct cf_private *priv;    /* arena and source */
	struct str file;            /* name for messages */
	char escape;                /* '\\' or '`' */
	struct str syntax;          /* first word of # syntax=, or empty */
	struct str check;           /* first word of # check=, or empty */
	struct where syntax_where, check_where;
	struct instr **metas;       /* ARG before the first FROM */
	size_t nmetas;
	struct stage *stages;
	size_t nstages;
	struct cf_warning *warnings;
	size_t nwarnings;
};

/* The flag, or NULL. A boolean flag is on when it is there and its value is not "false". */
const struct flag *instr_flag(const struct instr *in, const char *name);
bool instr_flag_on(const struct instr *in, const char *name);
/* COPY, ADD: the here-document that argument `arg` stands for, or NULL when it is a path. */
const struct heredoc *instr_heredoc(const struct instr *in, size_t arg);

#endif

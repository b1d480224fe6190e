/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LINTRULES_H
#define COOPER_LINTRULES_H

/*
 * What a rule is: a name, and a function that is called at one kind of moment while a file is evaluated. The moment's facts
 * are in a struct lint_view; a rule looks and reports with lint_found. Inside parser/ only.
 */
#include "parser/lint.h"
#include "parser/lintopts.h"

struct port_spec;

/* When a rule looks. */
enum lint_moment {
	LINT_FILE,    /* the file was cut into instructions: nodes, empty */
	LINT_NODE,    /* an instruction before its check: node */
	LINT_STAGES,  /* all stages are known: cf */
	LINT_DEFAULT, /* a base name was expanded with the defaults of ARGs: stage, valid */
	LINT_FROM,    /* base name and platform were expanded: stage, words */
	LINT_IMAGE,   /* a base image was looked up: name, expected, actual */
	LINT_UNSET,   /* a variable without value was used in a stage: name, near */
	LINT_INSTR,   /* an instruction was expanded: instr, args, pairs, ports, state */
};

struct lint_node {
	struct str keyword;           /* as written */
	int id;                       /* enum instr_id, or -1 */
	const struct str *args;       /* FROM: its words; ARG: the names */
	size_t nargs;
	struct str stage;             /* FROM: its name in lower case, or empty */
	const struct str *comments;
	size_t ncomments;
	struct where where;
};

/* A word after expansion. */
struct lint_word {
	struct str raw, text;
	const struct str *set, *unset; /* names that were looked up, each once */
	size_t nset, nunset;
	const struct str *near;       /* for each unset one: what may have been meant, or empty */
};

struct lint_port {
	struct str text;
	const struct port_spec *spec;
};

/* What a stage knows when an instruction comes. */
struct lint_state {
	bool workdir_set, shell_set;
	const struct instr *before;   /* CMD, ENTRYPOINT, HEALTHCHECK: the one before in this stage */
};

struct lint_view {
	enum lint_moment moment;
	struct where where;           /* of what is reported unless the rule knows better */
	const struct str *comments;   /* of the instruction, for its own options */
	size_t ncomments;
	const struct lint_node *nodes, *node;
	size_t nnodes;
	const int *empty;             /* lines at which a continuation with empty lines ended */
	size_t nempty;
	const struct cf *cf;
	const struct stage *stage;
	bool valid;
	const struct lint_word *base, *platform; /* platform NULL: no flag */
	struct str target_platform;   /* value of TARGETPLATFORM */
	struct str name, near, expected, actual;
	const struct instr *instr;
	const struct str *args;       /* COPY, ADD: local sources, cleaned; WORKDIR: the path */
	size_t nargs;
	const struct pair *pairs;     /* ENV, LABEL, ARG, names expanded */
	size_t npairs;
	const struct lint_port *ports;
	size_t nports;
	const struct ignore *ignore;
	struct lint_state state;
};

struct lint;
typedef void lint_rule_fn(struct lint *l, const struct lint_rule *r, const struct lint_view *v);

struct lint_rule {
	const char *name;
	const char *slug;             /* of its page's address */
	const char *description;
	bool experimental;
	enum lint_moment moment;
	lint_rule_fn *look;
};

extern const struct lint_rule lint_rules[];
extern const size_t lint_nrules;

/* A run of the rules. */
struct lint {
	struct lint_report *report;
	struct lintopts opts;
	size_t cap;
};

/* Does the rule run for this view, its comments considered? Rules of LINT_FILE and LINT_STAGES ask for each instruction. */
bool lint_runs_here(const struct lint *l, const struct lint_rule *r, const struct lint_view *v);
/* Lets all rules of the moment look. `l` may be NULL. */
void lint_look(struct lint *l, const struct lint_view *v);
void lint_found(struct lint *l, const struct lint_rule *r, struct where where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif

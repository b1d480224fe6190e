/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SURVEY_H
#define COOPER_SURVEY_H

/*
 * Evaluates a file without building it: global arguments, which stages the target reaches, each stage's variables before
 * each instruction. The build checks look on while that happens; the outline is read off afterwards. Inside parser/ only.
 */
#include "base/map.h"
#include "parser/lintrules.h"
#include "parser/mountspec.h"

/* Variables, over those of the stage this one was made from. */
struct survey_scope {
	struct map own;                   /* name -> struct str * */
	struct map far;                   /* answers that were far to get: as own, or a mark for none */
	const struct survey_scope *base;  /* or NULL */
};

/* An ARG's definition, for the outline. */
struct survey_arg {
	struct str name, value, doc;
	bool has_value;
	struct where where;
	struct map deps;                  /* names its default is made of, earlier definitions included */
};

/* A secret or ssh key that steps ask for. */
struct survey_need {
	struct str name;
	bool required;
	struct where where;
};

struct survey_needs {
	struct survey_need *list;
	size_t n, cap;
	struct map index;                 /* name -> number + 1 */
};

struct survey_stage {
	const struct stage *stage;
	struct str base;                  /* expanded */
	struct str platform;              /* normalised; empty: the target's */
	int base_stage;                   /* index, or -1 */
	bool replaced;                    /* by a named context */
	bool reachable, done;
	int *deps;                        /* stages that COPY --from and --mount=from name */
	const struct instr **dep_instrs;  /* by which instruction */
	size_t ndeps, deps_cap;
	size_t dep_cursor;                /* the first of the coming instruction; those of triggers stand in front */
	struct survey_scope vars;
	struct survey_scope declared;     /* names of ARGs, values unimportant */
	struct lint_state state;
	const struct instr *last[3];      /* CMD, ENTRYPOINT, HEALTHCHECK of this stage */
	struct str *triggers;             /* ONBUILD for stages made from this one */
	size_t ntriggers, triggers_cap;
	struct map used;                  /* names of ARGs this stage uses */
	struct map args;                  /* name -> struct survey_arg *, defined in this stage */
	struct survey_needs secrets, ssh;
};

struct survey {
	struct arena *arena;
	struct cf *cf;
	const struct survey_env *env;
	struct lint *lint;                /* or NULL */
	bool whole;                       /* all stages, not only those the target reaches */
	struct map given;                 /* build arguments: name -> struct str * */
	struct survey_scope predefined;   /* TARGETPLATFORM and its like */
	struct survey_scope globals;      /* over predefined */
	struct map global_args;           /* name -> struct survey_arg * */
	struct survey_stage *stages;
	size_t nstages;
	struct map names;                 /* of stages -> the last struct survey_stage * */
	int target;                       /* index */
	size_t triggers, bytes;           /* that were evaluated, expanded */
	size_t suggest_steps;             /* that suggesting may still take */
};

/* Beyond these evaluating is given up with ERR_LIMIT. */
enum {
	SURVEY_TRIGGERS_MAX = 65536,          /* ONBUILD instructions */
	SURVEY_BYTES_MAX = 64 * 1024 * 1024,  /* of all expanded words */
};

/* Evaluates. cf, env and lint are borrowed; everything else lives in `a` and until survey_done, which also has to be called
 * after a failure. ERR_SYNTAX, ERR_NOT_FOUND with the place. */
int survey_run(struct survey *s, struct cf *cf, const struct survey_env *env, struct lint *lint, bool whole,
    struct arena *a, struct err *e);
void survey_done(struct survey *s);
#define cleanup_survey __attribute__((cleanup(survey_done)))

/* ---- the parts ---- */

void survey_scope_done(struct survey_scope *scope);
bool survey_get(struct survey_scope *scope, struct str name, struct str *ret);
void survey_set(struct survey *s, struct survey_scope *scope, struct str name, struct str value);
/* One word, and what was looked up in it. */
int survey_expand(struct survey *s, struct survey_scope *scope, struct str word, struct lint_word *ret, struct err *e);
/* One word of EXPOSE, split at blanks of the result. */
int survey_split(struct survey *s, struct survey_scope *scope, struct str word, struct str **ret, size_t *ret_n,
    struct err *e);
/* A here-document: quotes are ordinary, the escape is always a backslash. */
int survey_expand_document(
    struct survey *s, struct survey_scope *scope, struct str body, struct lint_word *ret, struct err *e);
/* Near names for the word's unset ones, among the scope's and `more`. */
void survey_suggest(struct survey *s, const struct survey_scope *scope, const struct map *more, struct lint_word *w);
/* Sets the instruction's place, if there is none yet. Returns -e->code. */
int survey_at(const struct instr *in, struct err *e);
/* The stage that --from and --target name (any case, the last one defined), or -1. */
int survey_find_stage(const struct survey *s, struct str name);

/* The definition of a name in `args`: the one that is there, emptied but for its deps, or a new one. */
struct survey_arg *survey_define(
    struct survey *s, struct map *args, const struct pair *p, const struct instr *in);
/* surveyargs.c: what is always there; then the file's global arguments, with build arguments and with defaults only. */
void survey_predefine(struct survey *s);
int survey_globals(struct survey *s, struct err *e);
int survey_defaults(struct survey *s, struct survey_scope *ret, struct err *e);
/* surveystages.c: FROM lines, dependencies, reach. */
int survey_stages(struct survey *s, struct err *e);
/* surveyinstrs.c: the instructions of a stage whose base is done. */
int survey_instrs(struct survey *s, struct survey_stage *st, struct err *e);

/* One instruction at work. */
struct survey_at {
	struct survey *s;
	struct survey_stage *st;
	const struct instr *in;
	struct lint_view view;
};

/* surveyinstrs.c: a word with the variables before the instruction; the checks are told of unset ones. */
int survey_at_expand(struct survey_at *at, struct str word, struct str *ret, struct err *e);
int survey_at_args(struct survey_at *at, struct err *e);
void survey_at_unset(struct survey_at *at, struct lint_word *w);
/* surveyfiles.c */
int survey_at_copy(struct survey_at *at, struct err *e);
int survey_at_run(struct survey_at *at, struct err *e);

#endif

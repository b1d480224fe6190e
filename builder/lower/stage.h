/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_STAGE_H
#define COOPER_STAGE_H

/* Inside of builder/lower: the lowering under way, and one stage in the making. */
#include "builder/lower/lower.h"
#include "builder/lower/scope.h"
#include "builder/ops/ops.h"

struct stage_state {
	size_t number;
	const struct stage *ast;      /* NULL for a stage that a named context replaced */
	const char *name;             /* "build", "stage-1" */
	struct platform platform;     /* that its steps run for */
	struct step *head;            /* NULL until FROM was lowered */
	struct image_config config;
	struct scope scope;
	bool cmd_set;                 /* CMD stood in this very stage */
	bool workdir_set;
	bool no_cache;
	bool scratch;                 /* no files at all so far */
	size_t nbase_history, nbase_layers;
	size_t history_bytes;
	unsigned nth, of;             /* position for labels */
	unsigned ordinals[INSTR_COUNT]; /* how many of each kind so far: part of step families */
	enum { STAGE_UNTOUCHED, STAGE_OPEN, STAGE_DONE } state;
};

struct lowering {
	const struct lower_opts *o;
	struct plan *plan;
	struct arena *arena;          /* the plan's */
	struct scope globals;
	struct stage_state *stages;
	size_t nstages;
	unsigned depth;               /* stages that wait for the one under way */
	size_t history_bytes;         /* of all stages */
	size_t ports;                 /* that EXPOSE gave */
	size_t expanded;              /* bytes that variables and plain words came to, in all stages */
};

/* What a file may ask for beyond what its own size limits. */
enum {
	LOWER_DEPTH_MAX = 1000,
	LOWER_PORTS_MAX = 1 << 18,
	LOWER_EXPANDED_MAX = 64 << 20,
	LOWER_HISTORY_MAX = 256 << 20,
};

/* Lowers the stage if that was not done: ERR_SYNTAX for a circle. `at`: who asks. */
int stage_need(struct lowering *lw, size_t number, const struct instr *at, struct err *e);
/* Stage number for a name or a number text used before stage `user`; -1 = none. */
ptrdiff_t stage_find(const struct lowering *lw, struct str name, bool numbers);
/* The named context for a name, or NULL. */
const struct lower_named *named_find(const struct lowering *lw, struct str name, bool as_image);
/* The stage that "target:NAME" means, lowered. */
int named_stage(struct lowering *lw, const struct lower_named *named, const struct instr *in, size_t *ret, struct err *e);
/* A tree that COPY --from or mount from names: a stage, a named context (also a directory: *ret_context), an image. */
struct from_source {
	struct step *step;            /* or NULL: */
	unsigned context;
};
int from_source(struct lowering *lw, struct stage_state *st, const struct instr *in, struct str name, bool numbers,
	struct from_source *ret, struct err *e);

/* What a stage's FROM means. */
struct base {
	enum { BASE_STAGE, BASE_NAMED, BASE_SCRATCH, BASE_IMAGE } kind;
	size_t stage;
	const struct lower_named *named;
	struct str name;              /* as it was expanded */
	struct platform platform;
};
int base_of(struct lowering *lw, size_t number, struct base *ret, struct err *e);
/* Tells the resolver what images the target will need, as far as that can be said before any stage is lowered. */
void lower_expect(struct lowering *lw, size_t target);

/* Adds an instruction's step to the stage and puts it at its head. */
struct step *stage_add_step(struct lowering *lw, struct stage_state *st, const struct instr *in, const struct op *op, const void *args,
	struct step **sources, size_t nsources, const char *label);
/* An internal step: not numbered, not at the head of anything. */
struct step *stage_add_internal(struct lowering *lw, struct stage_state *st, const struct instr *in, const struct op *op,
	const void *args, struct step **inputs, size_t ninputs, const char *label);
/* The fields of a step that say whose it is: stage and platform. */
void stage_sign(struct lowering *lw, struct stage_state *st, struct step *proto);
/* SHELL in force: the configured one, or the platform's default. */
struct strs stage_shell(const struct stage_state *st);
void stage_history(struct stage_state *st, struct buf *created_by, bool empty_layer);
/* Joins and cleans like Go's path.Join, below the root: always absolute, in the lowering's arena. */
struct str stage_path(struct lowering *lw, struct str base, struct str rel);
int stage_expand(struct lowering *lw, struct stage_state *st, const struct instr *in, struct str word, struct str *ret, struct err *e);

/* One function per instruction, named by the list in parser/instrs.h. */
#define X(id, shape, flags, traits) \
	int lower_##id(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e);
INSTRS(X)
#undef X
int lower_instr(struct lowering *lw, struct stage_state *st, const struct instr *in, struct err *e);
/* The base of a stage: FROM and its ONBUILD triggers. */
int lower_base(struct lowering *lw, struct stage_state *st, struct err *e);

/* Directory contexts as op_copy into an empty tree: for FROM on a directory. */
struct step *context_tree(struct lowering *lw, struct stage_state *st, const struct instr *in, unsigned context, struct str source);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The images that a target will ask for, found by going through the stages that it reaches before any of them is lowered: FROM knows
 * global arguments only, and so do COPY --from and the mounts' from. So a registry is asked for all of them at once. What cannot be
 * said yet, ONBUILD's doing for one, is asked for when it is its turn; and so is what is wrong told.
 */
#include "builder/lower/stage.h"
#include "parser/mountspec.h"

struct expecting {
	struct lowering *lw;
	bool *reached;            /* stages */
	size_t *todo, ntodo;
	struct image_wish *wishes;
	size_t n, cap;
};

static void reach(struct expecting *x, size_t stage)
{
	if (x->reached[stage])
		return;
	x->reached[stage] = true;
	x->todo[x->ntodo++] = stage;
}

static void wish(struct expecting *x, struct str name, const struct platform *want)
{
	ARENA_ROOM(x->lw->arena, x->wishes, x->n, x->cap);
	x->wishes[x->n++] = (struct image_wish){name, *want};
}

static void reach_named(struct expecting *x, const struct lower_named *named, const struct platform *want)
{
	ptrdiff_t i = named->stage.len ? stage_find(x->lw, named->stage, false) : -1;
	if (i >= 0)
		reach(x, (size_t)i);
	else if (named->is_image && !str_eqz(named->image, "scratch"))
		wish(x, named->image, want);
}

/* As from_source understands it. */
static void reach_source(struct expecting *x, struct str name, bool numbers)
{
	uint64_t number;
	if (!name.len || str_find(name, '$') >= 0)
		return;
	ptrdiff_t i = stage_find(x->lw, name, numbers);
	bool by_number = i >= 0 && numbers && str_u64(name, 1u << 20, &number);
	const struct lower_named *named = by_number || i == -2 ? NULL : named_find(x->lw, name, i < 0);
	if (named)
		reach_named(x, named, &x->lw->o->platform);
	else if (i >= 0)
		reach(x, (size_t)i);
	else if (i == -1)
		wish(x, name, &x->lw->o->platform);
}

/* Bind mounts and caches have a source. What cannot be said before values are expanded is left for later. */
static void reach_mount(struct expecting *x, struct str text)
{
	struct mount_spec m;
	struct err ignored;
	if (mount_spec_parse(text, NULL, NULL, x->lw->arena, &m, &ignored) == 0 && (m.type == MOUNT_BIND || m.type == MOUNT_CACHE))
		reach_source(x, m.from, false);
}

static void reach_sources(struct expecting *x, const struct instr *in)
{
	const struct flag *f = in->id == INSTR_COPY ? instr_flag(in, "from") : NULL;
	if (f)
		reach_source(x, f->value, true);
	for (size_t i = 0; i < in->nflags && in->id == INSTR_RUN; i++)
		if (str_eqz(in->flags[i].name, "mount"))
			reach_mount(x, in->flags[i].value);
}

static void reach_from(struct expecting *x, size_t number)
{
	const struct stage *ast = &x->lw->o->cf->stages[number];
	struct err ignored;
	struct base b;
	if (base_of(x->lw, number, &b, &ignored) < 0)
		return;
	if (b.kind == BASE_STAGE)
		reach(x, b.stage);
	else if (b.kind == BASE_NAMED)
		reach_named(x, b.named, &b.platform);
	else if (b.kind == BASE_IMAGE)
		wish(x, b.name, &b.platform);
	bool replaced = ast->name.len && named_find(x->lw, ast->name, false);
	for (size_t i = 0; i < ast->ninstrs && !replaced; i++)
		reach_sources(x, ast->instrs[i]);
}

void lower_expect(struct lowering *lw, size_t target)
{
	const struct resolver *r = lw->o->resolver;
	struct expecting x = {.lw = lw};
	if (!r->expect)
		return;
	x.reached = arena_new(lw->arena, lw->nstages * sizeof(*x.reached));
	x.todo = arena_new(lw->arena, lw->nstages * sizeof(*x.todo));
	reach(&x, target);
	while (x.ntodo)
		reach_from(&x, x.todo[--x.ntodo]);
	r->expect(r->arg, x.wishes, x.n);
}

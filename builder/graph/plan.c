/* SPDX-License-Identifier: Apache-2.0 */
/* Steps, their ids, and the merging of equal ones. Trees as values. */
#include "builder/graph/plan.h"

struct tree *tree_new(struct arena *a, const struct tree *below, size_t room)
{
	struct tree *t = arena_new(a, sizeof(*t));
	size_t n = below ? below->n : 0;
	t->layers = arena_new(a, (n + room) * sizeof(*t->layers));
	if (n)
		memcpy(t->layers, below->layers, n * sizeof(*t->layers));
	t->n = n;
	return t;
}

void tree_seal(struct tree *t)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, STR("tree"));
	for (size_t i = 0; i < t->n; i++)
		hasher_digest(&h, &t->layers[i].cid);
	t->cid = hasher_done(&h);
}

bool tree_hollow(const struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (tree_layer_hollow(&t->layers[i]))
			return true;
	return false;
}

void plan_init(struct plan *p)
{
	*p = (struct plan){0};
}

void plan_done(struct plan *p)
{
	map_done(&p->by_id);
	arena_done(&p->arena);
	*p = (struct plan){0};
}

static struct digest step_id(const struct step *s)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, str_of(s->op->name));
	if (s->op->hash)
		s->op->hash(s->args, &h);
	hasher_u64(&h, s->ninputs);
	for (size_t i = 0; i < s->ninputs; i++)
		hasher_digest(&h, &s->inputs[i]->id);
	hasher_u64(&h, s->no_cache);
	return hasher_done(&h);
}

struct step *plan_add(struct plan *p, const struct step *proto)
{
	struct digest id = step_id(proto);
	struct step *there = map_get(&p->by_id, (struct str){(const char *)id.b, sizeof(id.b)});
	if (there) {
		if (there->internal && !proto->internal) { /* it is shown as what the user wrote */
			there->internal = false;
			there->label = proto->label;
			there->stage = proto->stage;
			there->platform = proto->platform;
			there->target = proto->target;
			there->nth = proto->nth;
			there->of = proto->of;
			there->line = proto->line;
			there->col = proto->col;
			there->end_line = proto->end_line;
			there->family = proto->family;
			there->place = proto->place;
		}
		if (!proto->internal && there->target && (!proto->target || strcmp(there->target, proto->target) != 0))
			there->target = NULL; /* it serves several */
		return there;
	}
	struct step *s = arena_new(&p->arena, sizeof(*s));
	*s = *proto;
	s->id = id;
	s->number = p->n;
	s->inputs = arena_new(&p->arena, proto->ninputs * sizeof(struct step *));
	if (proto->ninputs)
		memcpy(s->inputs, proto->inputs, proto->ninputs * sizeof(struct step *));
	ARENA_ROOM(&p->arena, p->steps, p->n, p->cap);
	p->steps[p->n++] = s;
	map_set(&p->by_id, (struct str){(const char *)s->id.b, sizeof(s->id.b)}, s);
	return s;
}

void plan_print(const struct plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct step *s = p->steps[i];
		buf_printf(out, "%zu %s", s->number, s->op->name);
		for (size_t k = 0; k < s->ninputs; k++)
			buf_printf(out, " <%zu", s->inputs[k]->number);
		buf_printf(out, " | %s\n", s->label ? s->label : "");
	}
}

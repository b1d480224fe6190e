/* SPDX-License-Identifier: Apache-2.0 */
/* A step is announced when it first has something to say; a step that ran says why, if that was asked for or it is the first one. */
#include <stdio.h>

#include "base/jval.h"
#include "builder/solve/solve_impl.h"
#include "builder/solve/why.h"

static void step_name(const struct step *st, struct buf *out)
{
	if (st->internal || !st->of) {
		buf_printf(out, "[internal] %s", st->label ? st->label : st->op->name);
		return;
	}
	int width = snprintf(NULL, 0, "%u", st->of);
	buf_putc(out, '[');
	if (st->platform)
		buf_printf(out, "%s%s%s ", st->platform, st->target ? "->" : "", st->target ? st->target : "");
	if (st->stage)
		buf_printf(out, "%s ", st->stage);
	buf_printf(out, "%*u/%u] ", width, st->nth, st->of);
	/* One line: continuation lines and heredocs are shown by their first one. */
	struct str label = str_of(st->label);
	ptrdiff_t nl = str_find(label, '\n');
	buf_str(out, nl < 0 ? label : str_sub(label, 0, (size_t)nl));
}

uint32_t solve_announce(struct solver *s, const struct step *st)
{
	struct state *state = &s->states[st->number];
	if (state->event || !s->o->events)
		return state->event;
	cleanup_buf struct buf name = {0};
	uint32_t inputs[64];
	size_t n = 0;
	step_name(st, &name);
	for (size_t i = 0; i < st->ninputs && n < ARRAY_LEN(inputs); i++)
		if (s->states[st->inputs[i]->number].event)
			inputs[n++] = s->states[st->inputs[i]->number].event;
	state->event = event_step(s->o->events, buf_view(&name), &st->id, inputs, n);
	return state->event;
}

void solve_on_log(void *arg, const struct step *st, int stream, const void *p, size_t len)
{
	struct solver *s = arg;
	event_log(s->o->events, s->states[st->number].event, stream, p, len);
}

void solve_on_warn(void *arg, const struct step *st, const char *text)
{
	struct solver *s = arg;
	event_warning(s->o->events, s->states[st->number].event, "", NULL, NULL, st->line, st->end_line, str_of(text));
}

static void find_changes(const struct solver *s, struct job *j, struct changes *c)
{
	const struct step *st = j->step;
	if (st->no_cache)
		why_reason(c, "no-cache");
	else if (!why_parts(j->then_why, buf_view(&j->task.why), c))
		why_reason(c, "new");
	else if (!c->n)
		why_reason(c, j->outdated ? "times" : "pruned");
	if (j->rc == 0 && j->outcome.has_layer && j->then_why.len && strcmp(st->op->name, "copy") == 0)
		why_files(s->o->store, &j->task.former, &j->outcome.layer.id, c);
}

static void explain_json(const struct step *st, const struct changes *c, struct str reason, struct buf *out)
{
	buf_puts(out, out->len ? ",\n {\"step\":" : "{\"step\":");
	jval_quote(str_of(st->label), out);
	if (st->stage) {
		buf_puts(out, ",\"stage\":");
		jval_quote(str_of(st->stage), out);
	}
	if (st->platform) {
		buf_puts(out, ",\"platform\":");
		jval_quote(str_of(st->platform), out);
	}
	buf_printf(out, ",\"line\":%d,\"reason\":", st->line);
	jval_quote(reason, out);
	buf_puts(out, ",\"changes\":");
	why_json(c, out);
	buf_putc(out, '}');
}

void solve_explain(struct solver *s, struct job *j)
{
	const struct step *st = j->step;
	if (!s->o->explain_json && !s->o->explain_all && s->explained)
		return;
	cleanup_buf struct buf text = {0};
	cleanup_changes struct changes c = {0};
	find_changes(s, j, &c);
	why_text(&c, &text);
	bool told = s->o->explain_all || (!s->explained && j->then_why.len);
	s->explained |= told || !st->internal; /* of what is internal, its user may have more to say */
	if (told && s->o->events)
		event_note(s->o->events, s->states[st->number].event, "not cached: %s", text.p);
	if (s->o->explain_json)
		explain_json(st, &c, buf_view(&text), s->o->explain_json);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line an event, for logs and pipes, in the shape that BuildKit's readers know: "#7 [base 2/2] RUN make", "#7 0.187 text",
 * "#7 DONE 1.4s". Steps run side by side but one is shown at a time: another one's lines wait until the shown step ends, or until
 * it has been silent for a while. Numbers are given in order of display. Nothing is ever dropped.
 */
#include "builder/cli/board.h"

static const int64_t silence = 5 * 1000000000LL;   /* a shown step that says nothing for so long gives way */
static const int64_t patience = 10 * 1000000000LL; /* a waiting step is shown after this long whatever happens */

struct plain {
	struct board_step *shown;
	int64_t last_output;
	unsigned numbers;
	bool any;
};

static void begin(struct board *b)
{
	b->state = mem_new(sizeof(struct plain));
}

static void put(struct board *b, struct plain *p, struct board_step *s, struct str line, int64_t at)
{
	struct buf out cleanup_buf = {0};

	buf_printf(&out, "#%u ", s->number);
	buf_str(&out, line);
	buf_putc(&out, '\n');
	board_write(b, &out);
	p->last_output = at;
}

/* Makes s the one that is shown, and prints what waited. */
static void show(struct board *b, struct plain *p, struct board_step *s, int64_t at)
{
	struct buf out cleanup_buf = {0};
	struct str rest, line;

	if (p->shown == s)
		return;
	if (p->shown && p->shown->state == BOARD_RUNNING)
		put(b, p, p->shown, STR("..."), at);
	if (p->any)
		buf_putc(&out, '\n');
	if (!s->number)
		s->number = ++p->numbers;
	buf_printf(&out, "#%u %s\n", s->number, s->name);
	rest = buf_view(&s->pending);
	while (rest.len && str_split(&rest, '\n', &line)) {
		buf_printf(&out, "#%u ", s->number);
		buf_str(&out, line);
		buf_putc(&out, '\n');
	}
	buf_clear(&s->pending);
	board_write(b, &out);
	p->any = true;
	p->shown = s;
	p->last_output = at;
}

static bool ended(const struct board_step *s)
{
	return s->state > BOARD_RUNNING;
}

/* After the shown step ended: those that ended meanwhile, then the one that waits longest. */
static void show_next(struct board *b, struct plain *p, int64_t at)
{
	struct board_step *next = NULL;

	for (size_t i = 0; i < b->nsteps; i++)
		if (b->steps[i] && b->steps[i]->pending.len && ended(b->steps[i]))
			show(b, p, b->steps[i], at);
	for (size_t i = 0; i < b->nsteps; i++) {
		struct board_step *s = b->steps[i];

		if (s && s->pending.len && (!next || s->pending_since < next->pending_since))
			next = s;
	}
	if (next)
		show(b, p, next, at);
}

/* A line of step s: printed when it is (or may become) the shown one, else it waits. */
static void say(struct board *b, struct board_step *s, struct str line, int64_t at)
{
	struct plain *p = b->state;

	if (p->shown != s) {
		bool free = !p->shown || ended(p->shown);
		bool tired = !free && at - p->last_output > silence;

		if (!s->pending.len)
			s->pending_since = at;
		if (!free && !tired && at - s->pending_since < patience) {
			buf_str(&s->pending, line);
			buf_putc(&s->pending, '\n');
			return;
		}
		show(b, p, s, at);
	}
	put(b, p, s, line, at);
}

static void on_line(struct board *b, struct board_step *s, const struct event *ev, struct str text)
{
	struct buf line cleanup_buf = {0};

	board_print_log_time(s, ev->at, &line);
	buf_putc(&line, ' ');
	buf_str(&line, text);
	say(b, s, buf_view(&line), ev->at);
}

/* "extracting x 1.20MB / 4.52MB 0.3s done"; again only after 5 % more or 5 s. */
static void on_status(struct board *b, struct board_step *s, const struct event *ev)
{
	struct board_status *st = NULL;
	struct buf line cleanup_buf = {0};

	for (size_t i = 0; i < s->nstatuses && !st; i++)
		if (str_eqz(ev->name, s->statuses[i].name))
			st = &s->statuses[i];
	if (!st || (!st->ended && st->shown_at && ev->at - st->shown_at < silence &&
	               (!st->total || st->current < st->shown_current + st->total / 20)))
		return;
	st->shown_at = ev->at;
	st->shown_current = st->current;
	buf_clean(&line, str_of(st->name), false);
	board_print_amount(st, &line);
	if (st->ended && board_seconds(st->started, st->ended) >= 0.05)
		buf_printf(&line, " %.1fs", board_seconds(st->started, st->ended));
	if (st->ended)
		buf_puts(&line, " done");
	say(b, s, buf_view(&line), ev->at);
}

static void on_end(struct board *b, struct board_step *s, int64_t at)
{
	struct plain *p = b->state;
	struct buf line cleanup_buf = {0};

	if (s->state == BOARD_CACHED)
		buf_puts(&line, "CACHED");
	else if (s->state == BOARD_CANCELLED)
		buf_puts(&line, "CANCELED");
	else if (s->state == BOARD_ERROR)
		buf_printf(&line, "ERROR: %s", s->error);
	else
		buf_printf(&line, "DONE %.1fs", board_seconds(s->started, s->ended));
	say(b, s, buf_view(&line), at);
	if (p->shown == s)
		show_next(b, p, at);
}

static void on_warning(struct board *b, struct board_step *s, const struct event *ev)
{
	struct buf line cleanup_buf = {0};

	buf_printf(&line, "WARN: %.*s%s", STR_ARG(ev->name), ev->name.len ? ": " : "");
	buf_clean(&line, ev->text, false);
	if (ev->line)
		buf_printf(&line, " (line %d)", ev->line);
	say(b, s, buf_view(&line), ev->at);
}

static void on_event(struct board *b, struct board_step *s, const struct event *ev)
{
	if (!s)
		return;
	if (ev->kind == EVENT_STARTED) {
		struct plain *p = b->state;

		if (!p->shown || ended(p->shown))
			show(b, p, s, ev->at);
	} else if (ev->kind == EVENT_STATUS) {
		on_status(b, s, ev);
	} else if (ev->kind == EVENT_NOTE) {
		struct buf text cleanup_buf = {0};

		buf_clean(&text, ev->text, false);
		say(b, s, buf_view(&text), ev->at);
	} else if (ev->kind == EVENT_WARNING) {
		on_warning(b, s, ev);
	} else if (ev->kind >= EVENT_DONE || ev->kind == EVENT_CACHED) {
		on_end(b, s, ev->at);
	}
}

static void end(struct board *b, int64_t now)
{
	struct plain *p = b->state;

	show_next(b, p, now);
	for (size_t i = 0; i < b->nsteps; i++)
		if (b->steps[i] && b->steps[i]->pending.len)
			show(b, p, b->steps[i], now);
}

const struct renderer progress_plain = {
    .name = "plain",
    .tells = true,
    .begin = begin,
    .event = on_event,
    .line = on_line,
    .end = end,
};

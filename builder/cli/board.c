/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the build made from its events. Cutting logs into lines is done here, once, for all renderers; so is keeping a
 * step's last lines, and all of them in an unnamed file when the renderer does not print them as they come.
 */
#include "builder/cli/board.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

enum { LINE_MAX_BYTES = 64 * 1024, STEPS_MAX = 1 << 20 };

double board_seconds(int64_t from, int64_t to)
{
	return to > from && from ? (double)(to - from) / 1e9 : 0;
}

void board_print_log_time(const struct board_step *s, int64_t at, struct buf *out)
{
	double seconds = board_seconds(s->started, at);

	buf_printf(out, "%.*f", seconds < 10 ? 3 : seconds < 100 ? 2 : 1, seconds);
}

void board_print_size(uint64_t bytes, struct buf *out)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)bytes;
	size_t u = 0;

	for (; v >= 1000 && u + 1 < ARRAY_LEN(units); u++)
		v /= 1000;
	if (u == 0)
		buf_printf(out, "%lluB", (unsigned long long)bytes);
	else
		buf_printf(out, "%.2f%s", v, units[u]);
}

void board_print_amount(const struct board_status *st, struct buf *out)
{
	if (st->total || st->current) {
		buf_putc(out, ' ');
		board_print_size(st->current, out);
	}
	if (st->total) {
		buf_puts(out, " / ");
		board_print_size(st->total, out);
	}
}

void board_count(const struct board *b, size_t *ret_done, size_t *ret_all)
{
	*ret_done = *ret_all = 0;
	for (size_t i = 0; i < b->nsteps; i++) {
		if (!b->steps[i])
			continue;
		++*ret_all;
		*ret_done += b->steps[i]->state > BOARD_RUNNING;
	}
}

void board_write(const struct board *b, const struct buf *text)
{
	struct err e = {0};

	/* Nobody could be told that nobody can be told. */
	if (text->len)
		io_write_all(b->fd, text->p, text->len, &e);
}

/* --- taking events in --- */

static struct board_step *step_get(struct board *b, uint32_t id, bool make)
{
	if (id == 0 || id > STEPS_MAX || (id > b->nsteps && !make))
		return NULL;
	if (id > b->nsteps) {
		b->steps = mem_grow(b->steps, id, sizeof(*b->steps));
		memset(b->steps + b->nsteps, 0, (id - b->nsteps) * sizeof(*b->steps));
		b->nsteps = id;
	}
	if (!b->steps[id - 1] && make) {
		b->steps[id - 1] = mem_new(sizeof(struct board_step));
		b->steps[id - 1]->log_fd = -1;
		b->steps[id - 1]->id = id;
	}
	return b->steps[id - 1];
}

/* Names and messages hold what files say: no renderer gets to see their control bytes. */
static char *cleaned(struct str s)
{
	struct buf text = {0};

	buf_clean(&text, s, false);
	return buf_steal(&text);
}

static void take_step(struct board *b, const struct event *ev)
{
	struct board_step *s = step_get(b, ev->step, true);

	if (!s)
		return;
	mem_free(s->name);
	s->name = cleaned(ev->name);
	for (char *c = s->name; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	s->digest = digest_none(&ev->id) ? digest_of(&ev->step, sizeof(ev->step)) : ev->id;
}

static void take_status(struct board_step *s, const struct event *ev)
{
	struct board_status *st = NULL;

	for (size_t i = 0; i < s->nstatuses && !st; i++)
		if (str_eqz(ev->name, s->statuses[i].name))
			st = &s->statuses[i];
	if (!st) {
		MEM_ROOM(s->statuses, s->nstatuses, s->statuses_cap);
		st = &s->statuses[s->nstatuses++];
		*st = (struct board_status){.name = mem_strndup(ev->name.p, ev->name.len), .started = ev->at};
	}
	st->current = ev->current;
	st->total = ev->total;
	st->ended = ev->finished ? ev->at : 0;
}

static void take_warning(struct board *b, const struct event *ev)
{
	MEM_ROOM(b->warnings, b->nwarnings, b->warnings_cap);
	b->warnings[b->nwarnings++] = (struct board_warning){
	    .rule = mem_strndup(ev->name.p, ev->name.len),
	    .text = cleaned(ev->text),
	    .url = mem_strdup(ev->url),
	    .file = mem_strdup(ev->file),
	    .line = ev->line,
	    .end_line = ev->end_line,
	};
}

/* The log is kept whole on disk, unnamed, when the renderer does not print it as it comes. */
static void keep_log(struct board *b, struct board_step *s, struct str line)
{
	struct err e = {0};

	if (!b->keep_log || s->log_fd == -2)
		return;
	if (s->log_fd < 0) {
		const char *dir = getenv("TMPDIR");

		s->log_fd = open(dir && *dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (s->log_fd < 0)
			s->log_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (s->log_fd < 0)
			s->log_fd = -2;
	}
	if (s->log_fd >= 0 &&
	    (io_write_all(s->log_fd, line.p, line.len, &e) < 0 || io_write_all(s->log_fd, "\n", 1, &e) < 0)) {
		close(s->log_fd);
		s->log_fd = -2;
	}
}

static void take_line(struct board *b, struct board_step *s, const struct event *ev, struct str line)
{
	struct buf timed cleanup_buf = {0};

	if (line.len && line.p[line.len - 1] == '\r')
		line.len--;
	board_print_log_time(s, ev->at, &timed);
	buf_putc(&timed, ' ');
	buf_str(&timed, line);
	keep_log(b, s, buf_view(&timed));
	buf_str(&s->tail, buf_view(&timed));
	buf_putc(&s->tail, '\n');
	if (++s->tail_lines > b->keep_lines) {
		size_t cut = (size_t)str_find(buf_view(&s->tail), '\n') + 1;

		memmove(s->tail.p, s->tail.p + cut, s->tail.len - cut + 1);
		s->tail.len -= cut;
		s->tail_lines--;
	}
	if (b->renderer->line)
		b->renderer->line(b, s, ev, line);
}

static void take_log(struct board *b, struct board_step *s, const struct event *ev)
{
	struct buf *partial = &s->partial[ev->stream == 2];
	struct str rest = ev->text;
	ptrdiff_t end;

	while ((end = str_find(rest, '\n')) >= 0) {
		buf_str(partial, str_sub(rest, 0, (size_t)end));
		take_line(b, s, ev, buf_view(partial));
		buf_clear(partial);
		rest = str_from(rest, (size_t)end + 1);
	}
	buf_str(partial, rest);
	if (partial->len > LINE_MAX_BYTES) {
		take_line(b, s, ev, buf_view(partial));
		buf_clear(partial);
	}
}

static void take_end(struct board *b, struct board_step *s, const struct event *ev, enum board_state state)
{
	for (int i = 0; i < 2; i++) {
		if (s->partial[i].len)
			take_line(b, s, ev, buf_view(&s->partial[i]));
		buf_done(&s->partial[i]);
	}
	s->state = state;
	s->ended = ev->at;
	if (!s->started)
		s->started = ev->at;
	if (state == BOARD_ERROR) {
		s->error = cleaned(ev->text);
		return;
	}
	buf_done(&s->tail);
	if (s->log_fd >= 0)
		close(s->log_fd);
	s->log_fd = -1;
}

void board_take(struct board *b, const struct event *ev)
{
	struct board_step *s;

	if (ev->kind == EVENT_STEP)
		take_step(b, ev);
	s = step_get(b, ev->step, false);
	if (ev->kind == EVENT_WARNING)
		take_warning(b, ev);
	if (s && ev->kind == EVENT_STARTED) {
		s->state = BOARD_RUNNING;
		s->started = ev->at;
	}
	if (s && ev->kind == EVENT_STATUS)
		take_status(s, ev);
	if (s && ev->kind == EVENT_LOG)
		take_log(b, s, ev);
	if (s && ev->kind == EVENT_CACHED)
		take_end(b, s, ev, BOARD_CACHED);
	if (s && ev->kind == EVENT_DONE)
		take_end(b, s, ev, BOARD_DONE);
	if (s && ev->kind == EVENT_ERROR)
		take_end(b, s, ev, BOARD_ERROR);
	if (s && ev->kind == EVENT_CANCELLED)
		take_end(b, s, ev, BOARD_CANCELLED);
	b->renderer->event(b, s, ev);
}

static void step_free(struct board_step *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nstatuses; i++)
		mem_free(s->statuses[i].name);
	mem_free(s->statuses);
	buf_done(&s->partial[0]);
	buf_done(&s->partial[1]);
	buf_done(&s->tail);
	buf_done(&s->pending);
	if (s->log_fd >= 0)
		close(s->log_fd);
	mem_free(s->name);
	mem_free(s->error);
	mem_free(s);
}

void board_done(struct board *b)
{
	for (size_t i = 0; i < b->nsteps; i++)
		step_free(b->steps[i]);
	for (size_t i = 0; i < b->nwarnings; i++) {
		mem_free(b->warnings[i].rule);
		mem_free(b->warnings[i].text);
		mem_free(b->warnings[i].url);
		mem_free(b->warnings[i].file);
	}
	mem_free(b->warnings);
	mem_free(b->steps);
	mem_free(b->state);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The moving picture on a terminal: a frame is drawn over the last one, never more often than the eye follows. A frame has a
 * header, a line for each step that began, its statuses below it and, while it runs, the last lines of its log. What does not
 * fit on the screen is left out beginning with the steps that ended first; the last frame shows every step. Text that comes
 * from steps is cleaned: no control byte reaches the terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/mem.h"
#include "builder/cli/board.h"

enum { FRAME_MS = 100, LOG_LINES = 6, LOG_LINES_MAX = 100 };

struct tty {
	int64_t drawn_at;
	unsigned lines; /* of the frame on the screen */
	unsigned width, height;
	bool cursor_hidden;
};

struct frame {
	struct buf text;
	unsigned lines;
	unsigned width;
	bool color;
};

static const char blue[] = "\033[34m", red[] = "\033[31m", yellow[] = "\033[33m", faint[] = "\033[2m",
                  plain[] = "\033[0m";

static void begin(struct board *b)
{
	const char *lines = getenv("BUILDKIT_TTY_LOG_LINES");
	uint64_t n;

	b->state = mem_new(sizeof(struct tty));
	b->keep_log = true;
	b->keep_lines = lines && str_u64(str_of(lines), LOG_LINES_MAX, &n) ? (unsigned)n : LOG_LINES;
}

static void measure(const struct board *b, struct tty *t)
{
	struct winsize size;

	t->width = 80;
	t->height = 10;
	if (ioctl(b->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 && size.ws_row > 3) {
		t->width = size.ws_col;
		t->height = size.ws_row;
	}
}

/* --- text of a given width --- */

/* The code point at the front of s and its length; bad bytes are one column of U+FFFD. */
static uint32_t decode(struct str s, size_t *ret_len)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
	uint32_t v = n == 1 ? c : n == 2 ? c & 0x1f : n == 3 ? c & 0xf : c & 7;

	*ret_len = 1;
	if (n == 0 || n > s.len)
		return 0xfffd;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			return 0xfffd;
		v = v << 6 | ((unsigned char)s.p[i] & 0x3f);
	}
	*ret_len = n;
	return v;
}

/* Columns of a code point: 0 for combining marks, 2 for East Asian wide ones and pictures. */
static unsigned columns(uint32_t c)
{
	if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) || (c >= 0xfe00 && c <= 0xfe0f))
		return 0;
	if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
	    (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	    (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd))
		return 2;
	return 1;
}

/* Length of the escape sequence at the front of s (ECMA-48 5.4, OSC strings), 0 if there is none. */
static size_t escape_len(struct str s)
{
	size_t i = 2;

	if (s.p[0] != 033 || s.len < 2)
		return 0;
	if (s.p[1] == '[') {
		while (i < s.len && ((unsigned char)s.p[i] < 0x40 || (unsigned char)s.p[i] > 0x7e))
			i++;
		return i < s.len ? i + 1 : s.len;
	}
	if (s.p[1] == ']') {
		while (i < s.len && s.p[i] != 7 && s.p[i] != 033)
			i++;
		return i < s.len ? i + 1 : s.len;
	}
	return 2;
}

/* Appends at most `width` columns of s; returns how many were used. */
static unsigned put_text(struct str s, unsigned width, struct buf *out)
{
	unsigned used = 0;

	while (s.len) {
		size_t len = escape_len(s);
		uint32_t c;

		if (len) {
			s = str_from(s, len);
			continue;
		}
		c = decode(s, &len);
		if (c == '\t')
			c = ' ';
		if (c >= ' ' && c != 0x7f && (c < 0x80 || c >= 0xa0)) {
			if (used + columns(c) > width)
				break;
			used += columns(c);
			if (c == 0xfffd)
				buf_puts(out, "\xef\xbf\xbd");
			else if (c == ' ')
				buf_putc(out, ' ');
			else
				buf_add(out, s.p, len);
		}
		s = str_from(s, len);
	}
	return used;
}

/* One line of the frame: text at the left, time (may be empty) at the right edge. */
static void put_line(struct frame *f, const char *color, struct str left, struct str right)
{
	unsigned room = f->width > right.len + 2 ? f->width - (unsigned)right.len - 1 : 1;
	unsigned used;

	if (f->color && color)
		buf_puts(&f->text, color);
	used = put_text(left, right.len ? room - 1 : f->width - 1, &f->text);
	if (right.len)
		buf_printf(&f->text, "%*s%.*s", (int)(room - used), "", STR_ARG(right));
	if (f->color && color)
		buf_puts(&f->text, plain);
	buf_puts(&f->text, "\033[K\n");
	f->lines++;
}

static void put_timed(struct frame *f, const char *color, const struct buf *left, double seconds)
{
	char time[32];

	snprintf(time, sizeof(time), "%.1fs", seconds);
	put_line(f, color, buf_view(left), str_of(time));
}

/* --- the frame --- */

static const char *state_color(const struct board_step *s)
{
	switch (s->state) {
	case BOARD_CACHED:
	case BOARD_DONE:
		return blue;
	case BOARD_ERROR:
		return red;
	case BOARD_CANCELLED:
		return yellow;
	default:
		return NULL;
	}
}

static void put_status(struct frame *f, const struct board_step *s, const struct board_status *st, int64_t now)
{
	int64_t until = st->ended ? st->ended : s->ended ? s->ended : now;
	struct buf line cleanup_buf = {0};

	buf_printf(&line, " => => %s", st->name);
	board_print_amount(st, &line);
	put_timed(f, st->ended || s->ended ? blue : NULL, &line, board_seconds(st->started, until));
}

/* The log's last lines, without their times, and the line that is being written. */
static void put_tail(struct frame *f, const struct board_step *s)
{
	struct str rest = buf_view(&s->tail), text;

	while (rest.len && str_split(&rest, '\n', &text)) {
		struct buf line cleanup_buf = {0};

		buf_puts(&line, " => => # ");
		buf_str(&line, str_from(text, (size_t)(str_find(text, ' ') + 1)));
		put_line(f, faint, buf_view(&line), (struct str){0});
	}
	for (int i = 0; i < 2; i++) {
		struct buf line cleanup_buf = {0};

		if (!s->partial[i].len)
			continue;
		buf_puts(&line, " => => # ");
		text = buf_view(&s->partial[i]);
		buf_str(&line, str_from(text, (size_t)(str_rfind(text, '\r') + 1)));
		put_line(f, faint, buf_view(&line), (struct str){0});
	}
}

static void put_step(struct frame *f, const struct board_step *s, int64_t now)
{
	static const char *const words[] = {
	    [BOARD_CACHED] = "CACHED ", [BOARD_ERROR] = "ERROR ", [BOARD_CANCELLED] = "CANCELED ", [BOARD_DONE] = ""};
	const char *word = words[s->state];
	struct buf line cleanup_buf = {0};

	buf_printf(&line, " => %s%s", word ? word : "", s->name);
	put_timed(f, state_color(s), &line, board_seconds(s->started, s->ended ? s->ended : now));
	for (size_t i = 0; i < s->nstatuses; i++)
		put_status(f, s, &s->statuses[i], now);
	if (s->state == BOARD_RUNNING)
		put_tail(f, s);
}

static unsigned step_lines(const struct board_step *s)
{
	unsigned n = 1 + (unsigned)s->nstatuses;

	if (s->state == BOARD_RUNNING)
		n += s->tail_lines + (s->partial[0].len > 0) + (s->partial[1].len > 0);
	return n;
}

static bool began(const struct board_step *s)
{
	return s && s->state != BOARD_WAITING;
}

/* The time after which ended steps are shown, so that all lines fit. */
static int64_t fit(const struct board *b, unsigned room)
{
	int64_t after = 0;
	unsigned all = 0;

	for (size_t i = 0; i < b->nsteps; i++)
		if (began(b->steps[i]))
			all += step_lines(b->steps[i]);
	while (all > room) {
		int64_t oldest = INT64_MAX;

		for (size_t i = 0; i < b->nsteps; i++)
			if (began(b->steps[i]) && b->steps[i]->ended > after && b->steps[i]->ended < oldest)
				oldest = b->steps[i]->ended;
		if (oldest == INT64_MAX)
			break;
		after = oldest;
		for (size_t i = 0; i < b->nsteps; i++)
			if (began(b->steps[i]) && b->steps[i]->ended == oldest)
				all -= step_lines(b->steps[i]);
	}
	return after;
}

/* Cuts the frame to its first `room` lines: running steps alone may be more than the screen has. */
static void cut(struct frame *f, unsigned room)
{
	unsigned n = 0;

	if (f->lines <= room)
		return;
	for (size_t i = 0; i < f->text.len; i++) {
		if (f->text.p[i] != '\n' || ++n < room)
			continue;
		f->text.len = i + 1;
		f->text.p[i + 1] = 0;
		f->lines = room;
		return;
	}
}

static void put_header(struct frame *f, const struct board *b, int64_t now, bool last)
{
	struct buf line cleanup_buf = {0};
	size_t done, all;

	board_count(b, &done, &all);
	buf_printf(
	    &line, "[+] Building %.1fs (%zu/%zu)%s", board_seconds(b->began, now), done, all, last ? " FINISHED" : "");
	put_line(f, NULL, buf_view(&line), STR("cooper"));
}

static void draw(struct board *b, int64_t now, bool last)
{
	struct tty *t = b->state;
	struct frame f = {.color = b->color};
	struct buf out cleanup_buf = {0};
	int64_t after = 0;

	measure(b, t);
	f.width = t->width;
	put_header(&f, b, now, last);
	if (!last)
		after = fit(b, t->height - 2);
	for (size_t i = 0; i < b->nsteps; i++)
		if (began(b->steps[i]) && (!b->steps[i]->ended || b->steps[i]->ended > after || last))
			put_step(&f, b->steps[i], now);
	if (!last)
		cut(&f, t->height - 1);
	if (!t->cursor_hidden && !last)
		buf_puts(&out, "\033[?25l");
	if (t->lines)
		buf_printf(&out, "\033[%uA\r", t->lines);
	buf_str(&out, buf_view(&f.text));
	buf_puts(&out, last ? "\033[J\033[?25h" : "\033[J");
	board_write(b, &out);
	t->cursor_hidden = !last;
	t->lines = f.lines;
	t->drawn_at = now;
	buf_done(&f.text);
}

static void tick(struct board *b, int64_t now)
{
	struct tty *t = b->state;

	if (now - t->drawn_at >= FRAME_MS * 1000000LL)
		draw(b, now, false);
}

static void on_event(struct board *b, struct board_step *s, const struct event *ev)
{
	if (s && ev->kind != EVENT_STEP)
		tick(b, ev->at);
}

/* The next frame begins below what was written meanwhile. */
static void pause_drawing(struct board *b, int64_t now)
{
	struct tty *t = b->state;

	draw(b, now, true);
	t->lines = 0;
}

static void end(struct board *b, int64_t now)
{
	size_t done, all;

	board_count(b, &done, &all);
	if (all)
		draw(b, now, true);
}

const struct renderer progress_tty = {
    .name = "tty",
    .ticks = true,
    .tells = true,
    .begin = begin,
    .event = on_event,
    .tick = tick,
    .pause = pause_drawing,
    .end = end,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes events from any thread under one lock, keeps the board and passes them to the renderer that was chosen. What the failed
 * step printed and the warnings are told here, the same way for all renderers that show text.
 */
#include "builder/cli/progress.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "builder/cli/board.h"
#include "builder/cli/report.h"

enum { TICK_MS = 150 };

struct progress {
	struct board board;
	struct events events;
	pthread_mutex_t lock;
	pthread_t ticker;
	pthread_cond_t wake;
	bool ticking, stop, finished;
};

const char *const progress_modes[] = {"auto", "plain", "tty", "quiet", "none", "rawjson", NULL};
static const struct renderer *const renderers[] = {
    &progress_plain, &progress_tty, &progress_quiet, &progress_none, &progress_rawjson};

static void on_event(void *arg, const struct event *ev)
{
	struct progress *p = arg;

	pthread_mutex_lock(&p->lock);
	if (!p->finished)
		board_take(&p->board, ev);
	pthread_mutex_unlock(&p->lock);
}

/* --- the ticker --- */

static void *tick(void *arg)
{
	struct progress *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += TICK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&p->wake, &p->lock, &until);
		if (!p->stop)
			p->board.renderer->tick(&p->board, event_now());
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

void progress_ticker(struct progress *p, bool on)
{
	if (!p || !p->board.renderer->ticks || p->ticking == on)
		return;
	if (on) {
		p->stop = false;
		p->ticking = pthread_create(&p->ticker, NULL, tick, p) == 0;
		return;
	}
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->ticker, NULL);
	p->ticking = false;
}

void progress_pause(struct progress *p)
{
	pthread_mutex_lock(&p->lock);
	if (p->board.renderer->pause)
		p->board.renderer->pause(&p->board, event_now());
}

void progress_resume(struct progress *p)
{
	pthread_mutex_unlock(&p->lock);
}

/* --- the end --- */

/* For a terminal: what the step printed, with its colours but without what moves the cursor or sets titles. */
static void tell_log_clean(struct board *b, struct board_step *s)
{
	struct buf text cleanup_buf = {0};
	char chunk[4096];
	off_t at = 0;

	if (s->log_fd < 0)
		buf_clean(&text, buf_view(&s->tail), true);
	for (;;) {
		ssize_t n = s->log_fd < 0 ? 0 : pread(s->log_fd, chunk, sizeof(chunk), at);

		if (n <= 0)
			break;
		/* Whole lines, as far as there are any: no sequence is cut in two. */
		size_t len = (size_t)n;
		ptrdiff_t end = str_rfind((struct str){chunk, len}, '\n');
		if (end >= 0)
			len = (size_t)end + 1;
		buf_clean(&text, (struct str){chunk, len}, true);
		at += (off_t)len;
		board_write(b, &text);
		buf_clear(&text);
	}
	buf_puts(&text, b->color ? "\033[0m" : "");
	board_write(b, &text);
}

static void tell_log(struct board *b, struct board_step *s)
{
	struct sink_fd to;
	uint64_t bytes;
	struct err e = {0};

	if (isatty(b->fd)) {
		tell_log_clean(b, s);
		return;
	}
	if (s->log_fd < 0) {
		board_write(b, &s->tail);
		return;
	}
	sink_fd_init(&to, b->fd);
	if (lseek(s->log_fd, 0, SEEK_SET) == 0)
		io_copy(s->log_fd, &to.sink, &bytes, &e);
}

static void tell_failures(struct board *b)
{
	for (size_t i = 0; i < b->nsteps; i++) {
		struct board_step *s = b->steps[i];
		struct buf text cleanup_buf = {0};

		if (!s || s->state != BOARD_ERROR || (!s->tail.len && s->log_fd < 0))
			continue;
		buf_printf(&text, "------\n > %s:\n", s->name);
		board_write(b, &text);
		tell_log(b, s);
		buf_clear(&text);
		buf_puts(&text, "------\n");
		board_write(b, &text);
	}
}

static void tell_warnings(struct board *b)
{
	const char *actions = getenv("GITHUB_ACTIONS");
	struct buf text cleanup_buf = {0};

	if (!b->nwarnings)
		return;
	if (actions && strcmp(actions, "true") == 0)
		for (size_t i = 0; i < b->nwarnings; i++)
			report_annotation("warning", b->warnings[i].file, b->warnings[i].line, b->warnings[i].end_line,
			    b->warnings[i].rule, b->warnings[i].text, &text);
	buf_printf(&text, "\n %s%zu warning%s found:%s\n", b->color ? "\033[33m" : "", b->nwarnings,
	    b->nwarnings == 1 ? "" : "s", b->color ? "\033[0m" : "");
	for (size_t i = 0; i < b->nwarnings; i++) {
		const struct board_warning *w = &b->warnings[i];

		buf_printf(&text, " - %s%s%s", w->rule, *w->rule ? ": " : "", w->text);
		if (w->line)
			buf_printf(&text, " (line %d)", w->line);
		buf_putc(&text, '\n');
	}
	board_write(b, &text);
}

void progress_finish(struct progress *p)
{
	if (!p || p->finished)
		return;
	progress_ticker(p, false);
	pthread_mutex_lock(&p->lock);
	p->finished = true;
	p->board.renderer->end(&p->board, event_now());
	if (p->board.renderer->tells) {
		tell_failures(&p->board);
		tell_warnings(&p->board);
	}
	pthread_mutex_unlock(&p->lock);
}

/* --- life --- */

static int choose(const char *mode, int fd, const struct renderer **ret, struct err *e)
{
	bool terminal = isatty(fd);

	if (strcmp(mode, "auto") == 0 || !*mode) {
		const char *term = getenv("TERM");

		*ret = terminal && !(term && strcmp(term, "dumb") == 0) ? &progress_tty : &progress_plain;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(renderers); i++) {
		if (strcmp(renderers[i]->name, mode) != 0)
			continue;
		if (renderers[i] == &progress_tty && !terminal)
			return err_set(e, ERR_USAGE, "--progress=tty needs a terminal");
		*ret = renderers[i];
		return 0;
	}
	return err_set(e, ERR_USAGE, "unknown progress mode \"%s\"", mode);
}

int progress_new(const char *mode, int fd, struct progress **ret, struct err *e)
{
	const struct renderer *renderer = NULL;
	struct timespec wall;
	struct progress *p;

	TRY(choose(mode ? mode : "auto", fd, &renderer, e));
	p = mem_new(sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	clock_gettime(CLOCK_REALTIME, &wall);
	p->board = (struct board){
	    .fd = fd, .color = report_color(fd), .began = event_now(), .renderer = renderer, .keep_lines = 10};
	p->board.wall_offset = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec - p->board.began;
	p->events = (struct events){.event = on_event, .arg = p};
	if (renderer->begin)
		renderer->begin(&p->board);
	*ret = p;
	return 0;
}

struct events *progress_events(struct progress *p)
{
	return &p->events;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	progress_finish(p);
	board_done(&p->board);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	mem_free(p);
}

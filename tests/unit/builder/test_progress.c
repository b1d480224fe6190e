/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/jval.h"
#include "builder/cli/progress.h"

/* Shows into a file in memory and gives back what was shown. */
struct shown {
	struct progress *progress;
	struct events *events;
	int fd;
};

static struct shown show(const char *mode)
{
	struct shown s = {.fd = memfd_create("progress", 0)};
	struct err e;

	unsetenv("GITHUB_ACTIONS");
	cr_assert_eq(progress_new(mode, s.fd, &s.progress, &e), 0);
	s.events = progress_events(s.progress);
	return s;
}

static char *end(struct shown *s)
{
	struct buf text = {0};
	struct err e;

	progress_free(s->progress);
	lseek(s->fd, 0, SEEK_SET);
	cr_assert_eq(io_read_fd(s->fd, 1 << 26, &text, &e), 0);
	close(s->fd);
	return buf_steal(&text);
}

static uint32_t step(struct shown *s, const char *name)
{
	return event_step(s->events, str_of(name), NULL, NULL, 0);
}

static void say(struct shown *s, uint32_t n, const char *text)
{
	event_log(s->events, n, 1, text, strlen(text));
}

static void break_step(struct shown *s, uint32_t n, enum err_code code, const char *text)
{
	struct err e;

	err_set(&e, code, "%s", text);
	event_failed(s->events, n, &e);
}

/* Times vary: digits of "0.012" and "DONE 0.0s" become 0. */
static char *without_times(char *text)
{
	for (char *c = text; *c; c++)
		if (c[0] >= '0' && c[0] <= '9' && c > text && c[-1] == '.')
			for (; *c >= '0' && *c <= '9'; c++)
				*c = '0';
	return text;
}

Test(progress, plain_numbers_steps_in_order_of_display)
{
	struct shown s = show("plain");
	uint32_t a = step(&s, "[1/3] FROM bb"), b = step(&s, "[2/3] RUN x"), c = step(&s, "[3/3] RUN y");
	char *text;

	(void)a;
	event_cached(s.events, c);
	event_started(s.events, b);
	say(&s, b, "one\ntw");
	say(&s, b, "o\n");
	event_done(s.events, b);
	text = without_times(end(&s));
	cr_assert_str_eq(text,
	    "#1 [3/3] RUN y\n#1 CACHED\n\n#2 [2/3] RUN x\n#2 0.000 one\n#2 0.000 two\n#2 DONE 0.0s\n", "%s", text);
	mem_free(text);
}

Test(progress, plain_shows_one_step_at_a_time_and_drops_nothing)
{
	struct shown s = show("plain");
	uint32_t a = step(&s, "a"), b = step(&s, "b");
	char *text;

	event_started(s.events, a);
	event_started(s.events, b);
	say(&s, a, "a1\n");
	say(&s, b, "b1\n");
	say(&s, a, "a2\n");
	event_done(s.events, b);
	event_done(s.events, a);
	text = without_times(end(&s));
	cr_assert_str_eq(
	    text, "#1 a\n#1 0.000 a1\n#1 0.000 a2\n#1 DONE 0.0s\n\n#2 b\n#2 0.000 b1\n#2 DONE 0.0s\n", "%s", text);
	mem_free(text);
}

Test(progress, plain_statuses_repeat_after_five_percent)
{
	struct shown s = show("plain");
	uint32_t a = step(&s, "a");
	char *text;

	event_started(s.events, a);
	for (uint64_t i = 0; i <= 1000; i++)
		event_status(s.events, a, STR("extracting x"), i * 1000, 1000000, i == 1000);
	event_done(s.events, a);
	text = end(&s);
	cr_assert(strstr(text, "#1 extracting x 0B / 1.00MB\n"), "%s", text);
	cr_assert(strstr(text, "#1 extracting x 1.00MB / 1.00MB"), "%s", text);
	cr_assert(strstr(text, " done\n"), "%s", text);
	size_t lines = 0;
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	cr_assert_lt(lines, 30);
	mem_free(text);
}

Test(progress, a_failed_step_is_told_at_the_end_with_its_last_lines)
{
	struct shown s = show("plain");
	uint32_t a = step(&s, "[2/2] RUN x");
	char *text, *tail;

	event_started(s.events, a);
	for (int i = 0; i < 30; i++) {
		char line[32];

		snprintf(line, sizeof(line), "line %d\n", i);
		say(&s, a, line);
	}
	say(&s, a, "no newline");
	break_step(&s, a, ERR_STEP, "exit code: 7");
	text = end(&s);
	cr_assert(strstr(text, "#1 ERROR: exit code: 7\n------\n > [2/2] RUN x:\n"), "%s", text);
	tail = strstr(text, "------\n");
	cr_assert_null(strstr(tail, "line 20\n"));
	cr_assert(strstr(tail, "line 21\n"));
	cr_assert(strstr(tail, "no newline\n------\n"), "%s", tail);
	mem_free(text);
}

Test(progress, warnings_are_summed_up)
{
	struct shown s = show("plain");
	char *text;

	event_warning(s.events, 0, "StageNameCasing", "https://x", "Containerfile", 3, 3, STR("stage name"));
	text = end(&s);
	cr_assert_str_eq(text, "\n 1 warning found:\n - StageNameCasing: stage name (line 3)\n", "%s", text);
	mem_free(text);
}

Test(progress, quiet_tells_only_failures_and_all_of_their_log)
{
	struct shown s = show("quiet");
	uint32_t a = step(&s, "a"), b = step(&s, "b");
	char *text;

	event_started(s.events, a);
	event_started(s.events, b);
	say(&s, b, "fine\n");
	event_done(s.events, b);
	for (int i = 0; i < 500; i++)
		say(&s, a, "again\n");
	break_step(&s, a, ERR_STEP, "no");
	text = end(&s);
	cr_assert_null(strstr(text, "fine"));
	size_t n = 0;
	for (const char *c = text; (c = strstr(c, "again\n")); c++)
		n++;
	cr_assert_eq(n, 500);
	mem_free(text);
}

Test(progress, none_is_silent)
{
	struct shown s = show("none");
	uint32_t a = step(&s, "a");
	char *text;

	event_started(s.events, a);
	break_step(&s, a, ERR_STEP, "no");
	text = end(&s);
	cr_assert_str_eq(text, "");
	mem_free(text);
}

Test(progress, rawjson_is_one_document_a_line)
{
	struct shown s = show("rawjson");
	uint32_t a = step(&s, "a \xff"), b = event_step(s.events, STR("b"), NULL, &a, 1);
	struct str rest, line;
	size_t lines = 0;
	char *text;

	event_cached(s.events, a);
	event_started(s.events, b);
	event_log(s.events, b, 2, "x\0y\n", 4);
	event_status(s.events, b, STR("pulling"), 1, 2, false);
	event_note(s.events, b, "changed: %s", "x");
	event_warning(s.events, b, "Rule", NULL, "Containerfile", 3, 4, STR("text"));
	break_step(&s, b, ERR_STEP, "no");
	text = end(&s);
	rest = str_of(text);
	while (rest.len && str_split(&rest, '\n', &line)) {
		struct jval *j = NULL;
		struct err e;

		cr_assert_eq(jval_parse(line, &j, &e), 0, "%.*s", STR_ARG(line));
		cr_assert_eq(jval_count(j), 1);
		jval_free(j);
		lines++;
	}
	cr_assert_eq(lines, 9);
	cr_assert(strstr(text, "\"stream\":2,\"data\":\"eAB5Cg==\""), "%s", text);
	cr_assert(strstr(text, "\"cached\":true"));
	cr_assert(strstr(text, "\"error\":\"no\""));
	mem_free(text);
}

Test(progress, tty_needs_a_terminal_and_unknown_modes_are_refused)
{
	struct progress *p = NULL;
	int fd = memfd_create("x", 0);
	struct err e;

	cr_assert_eq(progress_new("tty", fd, &p, &e), -ERR_USAGE);
	cr_assert_eq(progress_new("fancy", fd, &p, &e), -ERR_USAGE);
	close(fd);
}

struct reader {
	int fd;
	struct buf text;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	char chunk[4096];
	ssize_t n;

	while ((n = read(r->fd, chunk, sizeof(chunk))) > 0)
		buf_add(&r->text, chunk, (size_t)n);
	return NULL;
}

Test(progress, tty_shows_steps_fits_the_width_and_cleans_logs)
{
	static const char evil[] = "evil \033[2J\033]0;title\007\033[31mred\001\n";
	struct winsize size = {.ws_row = 12, .ws_col = 60};
	struct reader r = {0};
	struct progress *p;
	struct events *ev;
	pthread_t thread;
	uint32_t id;
	struct err e;
	int terminal;

	unsetenv("NO_COLOR");
	setenv("TERM", "xterm", 1);
	cr_assert_eq(openpty(&r.fd, &terminal, NULL, NULL, &size), 0);
	pthread_create(&thread, NULL, read_all, &r);
	cr_assert_eq(progress_new("tty", terminal, &p, &e), 0);
	ev = progress_events(p);
	progress_ticker(p, true);
	id = event_step(
	    ev, STR("[1/1] RUN a very long command that goes on and on, further than any line can be"), NULL, NULL, 0);
	event_started(ev, id);
	event_log(ev, id, 1, evil, sizeof(evil) - 1);
	usleep(400000);
	progress_ticker(p, false);
	event_done(ev, id);
	progress_free(p);
	close(terminal);
	pthread_join(thread, NULL);
	cr_assert(strstr(r.text.p, "[+] Building "));
	cr_assert(strstr(r.text.p, "(1/1) FINISHED"));
	cr_assert(strstr(r.text.p, " => => # evil red"));
	cr_assert_null(strstr(r.text.p, "\033[2J"));
	cr_assert_null(strstr(r.text.p, "title"));
	cr_assert(strstr(r.text.p, "\033[?25l"));
	cr_assert(strstr(strstr(r.text.p, "FINISHED"), "\033[?25h"));
	buf_done(&r.text);
	close(r.fd);
}

static void *many_events(void *arg)
{
	struct events *ev = arg;

	for (int i = 0; i < 200; i++) {
		uint32_t id = event_step(ev, STR("step"), NULL, NULL, 0);

		event_started(ev, id);
		event_log(ev, id, 1, "line\n", 5);
		event_done(ev, id);
	}
	return NULL;
}

Test(progress, events_come_from_many_threads)
{
	struct shown s = show("plain");
	pthread_t threads[4];
	size_t done = 0;
	char *text;

	for (size_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, many_events, s.events);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	text = end(&s);
	for (const char *c = text; (c = strstr(c, " DONE ")); c++)
		done++;
	cr_assert_eq(done, 800);
	cr_assert(strstr(text, "#800 step\n"));
	cr_assert_null(strstr(text, "#801 "));
	mem_free(text);
}

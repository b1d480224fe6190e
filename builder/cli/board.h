/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BOARD_H
#define COOPER_BOARD_H

/*
 * What is known about the build at this moment, made from events; and the interface of a renderer. All functions of a renderer
 * are called with the board's lock held.
 */
#include "base/buf.h"
#include "builder/solve/event.h"

enum board_state { BOARD_WAITING, BOARD_RUNNING, BOARD_CACHED, BOARD_DONE, BOARD_ERROR, BOARD_CANCELLED };

struct board_status {
	char *name;
	uint64_t current, total;
	int64_t started, ended;  /* 0 = not yet */
	uint64_t shown_current;  /* plain: when it was printed last */
	int64_t shown_at;
};

struct board_step {
	uint32_t id;             /* as in events; 0: not announced */
	struct digest digest;
	char *name;
	enum board_state state;
	int64_t started, ended;
	char *error;
	struct board_status *statuses;
	size_t nstatuses, statuses_cap;
	struct buf partial[2];   /* by stream: the end of the log that has no newline yet */
	struct buf tail;         /* last lines of the log, each with its newline */
	unsigned tail_lines;
	int log_fd;              /* unnamed file with all of the log, when the renderer wants that; -1 */
	unsigned number;         /* plain: in order of display; 0 = not shown yet */
	struct buf pending;      /* plain: lines that wait for their turn */
	int64_t pending_since;
};

struct board_warning {
	char *rule, *text, *url, *file;
	int line, end_line;
};

struct board {
	int fd;
	bool color;
	int64_t began;           /* monotonic */
	int64_t wall_offset;     /* realtime - monotonic */
	struct board_step **steps; /* by id - 1 */
	size_t nsteps;
	struct board_warning *warnings;
	size_t nwarnings, warnings_cap;
	unsigned keep_lines;     /* of each step's log in `tail` */
	bool keep_log;           /* all of it in log_fd */
	const struct renderer *renderer;
	void *state;             /* the renderer's own */
};

struct renderer {
	const char *name;
	bool ticks;              /* wants tick() while nothing happens */
	bool tells;              /* says failure and warnings in text at the end */
	void (*begin)(struct board *b);
	/* After the board took the event in. `s` is NULL when it belongs to no step; LOG comes through line(). */
	void (*event)(struct board *b, struct board_step *s, const struct event *ev);
	/* A whole line of a step's log, without newline. May be NULL. */
	void (*line)(struct board *b, struct board_step *s, const struct event *ev, struct str line);
	void (*tick)(struct board *b, int64_t now);
	/* What is written next is somebody else's. May be NULL. */
	void (*pause)(struct board *b, int64_t now);
	void (*end)(struct board *b, int64_t now);
};

extern const struct renderer progress_plain, progress_tty, progress_rawjson, progress_quiet, progress_none;

/* Takes an event in and tells the renderer. */
void board_take(struct board *b, const struct event *ev);
void board_done(struct board *b);
/* Seconds between two times, never negative. */
double board_seconds(int64_t from, int64_t to);
/* "0.187": three digits below 10 s, two below 100 s, one above. */
void board_print_log_time(const struct board_step *s, int64_t at, struct buf *out);
/* "4.52MB", decimal units. */
void board_print_size(uint64_t bytes, struct buf *out);
/* " 4.52MB / 9.1MB", " 4.52MB" or nothing, as far as it is known. */
void board_print_amount(const struct board_status *st, struct buf *out);
/* Steps that ended, and all of them. */
void board_count(const struct board *b, size_t *ret_done, size_t *ret_all);
void board_write(const struct board *b, const struct buf *text);

#endif

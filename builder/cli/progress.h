/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PROGRESS_H
#define COOPER_PROGRESS_H

/*
 * Shows events to people and programs. `mode`: auto (tty on a terminal, else plain), plain, tty, quiet (only a failing step's
 * output), none, rawjson. Everything goes to one descriptor, normally stderr, so that stdout stays clean.
 */
#include "builder/solve/event.h"

struct progress;

/* The words that --progress takes; NULL-ended. */
extern const char *const progress_modes[];

/* ERR_USAGE: unknown mode, or tty without a terminal. */
int progress_new(const char *mode, int fd, struct progress **ret, struct err *e);
struct events *progress_events(struct progress *p); /* borrowed; give it to whoever makes events */
/* A thread that redraws while nothing happens (tty only). Off at first; must be off whenever the process has to be
 * single-threaded (before userns_enter). */
void progress_ticker(struct progress *p, bool on);
/* Leaves the terminal to somebody else: the display stands still, and whoever has an event waits. The same thread ends it. */
void progress_pause(struct progress *p);
void progress_resume(struct progress *p);
/* Ends the display: last frame, then what the failed step printed, then the warnings. */
void progress_finish(struct progress *p);
void progress_free(struct progress *p); /* finishes if that was not done */
static inline void progress_cleanup(struct progress **p)
{
	progress_free(*p);
}
#define cleanup_progress __attribute__((cleanup(progress_cleanup)))

#endif

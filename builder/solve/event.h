/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_EVENT_H
#define COOPER_EVENT_H

/*
 * What happens during a build, for whoever shows it. A step is announced once with its name and gets a number; then it is
 * CACHED, or STARTED and later DONE, ERROR or CANCELLED. In between there may be log bytes and statuses ("extracting ...",
 * bytes of how many). Warnings and notes may also belong to no step (number 0). Events may come from any thread; the sink
 * looks after itself, must not block for long, and borrows everything it is given until it returns.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"

enum event_kind {
	EVENT_STEP,      /* name, id, inputs: a step that the build has */
	EVENT_STARTED,
	EVENT_CACHED,    /* the end of a step that had nothing to do */
	EVENT_LOG,       /* text: bytes as they came, any number of lines or parts of lines; stream 1 or 2 */
	EVENT_STATUS,    /* name: what; current of total bytes (0: not known), finished */
	EVENT_NOTE,      /* text: one line about the step, e.g. why it could not be taken from the cache */
	EVENT_WARNING,   /* name: rule; text: one line; url; file, line, end_line */
	EVENT_DONE,
	EVENT_ERROR,     /* text: one line, the reason */
	EVENT_CANCELLED, /* stopped because something else failed or the user asked */
	EVENT_COUNT
};

struct event {
	enum event_kind kind;
	uint32_t step;          /* number given by event_step; 0 = the build as a whole */
	int64_t at;             /* CLOCK_MONOTONIC, nanoseconds */
	struct str name, text;
	struct digest id;       /* STEP: the step's key or any digest that tells it from the others; may be none */
	const uint32_t *inputs; /* STEP: numbers of the steps that it waits for */
	size_t ninputs;
	int stream;
	uint64_t current, total;
	bool finished;
	const char *url, *file; /* WARNING; NULL when there is none */
	int line, end_line;
};

struct events {
	void (*event)(void *arg, const struct event *ev);
	void *arg;
	atomic_uint last; /* last number that was given to a step */
};

/* All of these do nothing when ev is NULL. Names and texts are borrowed for the call. */
uint32_t event_step(struct events *ev, struct str name, const struct digest *id, const uint32_t *inputs, size_t ninputs);
void event_started(struct events *ev, uint32_t step);
void event_cached(struct events *ev, uint32_t step);
void event_log(struct events *ev, uint32_t step, int stream, const void *p, size_t len);
void event_status(struct events *ev, uint32_t step, struct str what, uint64_t current, uint64_t total, bool finished);
/* The same for a blob: `what` ("pushing layer ") and the beginning of its digest. */
void event_blob(struct events *ev, uint32_t step, const char *what, const struct digest *blob, uint64_t current, uint64_t total);
void event_note(struct events *ev, uint32_t step, const char *format, ...) __attribute__((format(printf, 3, 4)));
void event_warning(struct events *ev, uint32_t step, const char *rule, const char *url, const char *file, int line, int end_line,
	struct str text);
void event_done(struct events *ev, uint32_t step);
/* ERROR, or CANCELLED when that is the error's code. */
void event_failed(struct events *ev, uint32_t step, const struct err *e);

/* The clock of `at`. */
int64_t event_now(void);

#endif

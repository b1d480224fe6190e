/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ERR_H
#define COOPER_ERR_H

/*
 * The one error convention. A function that can fail returns int: 0, or a negative enum err_code; its last parameter is
 * `struct err *e`, a plain value in the caller's stack. Failing is one statement, because the setters return the code:
 *
 *	return err_set(e, ERR_NOT_FOUND, "no stage named \"%s\"", name);
 *	return err_sys(e, "open %s", path);                            (uses errno)
 *	return err_wrap(e, "layer %s", hex);                           (puts words in front of the first cause)
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>

/* Codes are for decisions, never for prose. */
enum err_code {
	ERR_NONE = 0,
	ERR_SYS,         /* a system call failed; err.sys holds errno */
	ERR_SYNTAX,      /* the user's text cannot be understood */
	ERR_USAGE,       /* wrong options or arguments */
	ERR_NOT_FOUND,
	ERR_EXISTS,
	ERR_DENIED,      /* not allowed: credentials, policy, entitlement */
	ERR_CORRUPT,     /* bytes that are not what they claim to be */
	ERR_UNSUPPORTED,
	ERR_REMOTE,      /* a registry or another peer failed */
	ERR_LIMIT,       /* larger, deeper or longer than allowed */
	ERR_STEP,        /* a step of the build failed: a RUN's exit status, a COPY's missing source */
	ERR_CANCELLED,
	ERR_CODE_COUNT
};

struct err {
	enum err_code code;
	int sys;              /* errno of the first cause, or 0 */
	int line, col;        /* 1-based place in the Containerfile; 0 = no place */
	int end_line;         /* last line of the instruction; 0 = line */
	char text[1024];      /* one line, no newline at its end; cut when too long, never overrun */
};

/* Sets code and text, forgetting what was there. Returns -code. */
int err_set(struct err *e, enum err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Sets ERR_SYS with errno; the text gets ": <strerror>". Keeps errno. */
int err_sys(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "words: " in front of the text that is there. Returns -e->code. */
int err_wrap(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds the place in the user's file, if there is none yet. Returns -e->code. */
int err_at(struct err *e, int line, int col, int end_line);
/* Appends text, e.g. a hint. Returns -e->code. */
int err_append(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Returns from the calling function when the call failed. Every resource there must have a clean-up attribute. */
#define TRY(call)                         \
	do {                              \
		int try_rc_ = (call);     \
		if (try_rc_ < 0)          \
			return try_rc_;   \
	} while (0)

#endif

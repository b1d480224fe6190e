/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TESTS_DRIVE_H
#define COOPER_TESTS_DRIVE_H

/*
 * A driver runs one case of a .jsonl file of the language's conformance data: it calls what the case is about and compares.
 * True when it is as expected; otherwise it says in `why` what was different.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/jval.h"

typedef bool drive_fn(const struct jval *c, struct buf *why);

/* drive_values.c: grammar/ */
drive_fn drive_chmod, drive_signal, drive_bytes, drive_duration, drive_csv, drive_gitref, drive_lintopts;
/* drive_ignore.c: patternmatcher/, dockerignore/ */
drive_fn drive_patterns, drive_glob, drive_ignore_lines;
/* drive_lint.c: lint/, subrequests/ */
drive_fn drive_lint, drive_subrequest;

/* Helpers of all drivers. */
static inline struct str drive_text(const struct jval *c, const char *key)
{
	return str_of(jval_get_text(c, key));
}
static inline bool drive_fails(const struct jval *c)
{
	return jval_get(c, "error") != NULL;
}
/* rc against the case's "error"; when the call had to fail and did, or did not, there is nothing left to compare. */
static inline bool drive_rc(const struct jval *c, int rc, const struct err *e, struct buf *why)
{
	if (rc < 0 && !drive_fails(c))
		buf_printf(why, "failed: %s", e->text);
	else if (rc >= 0 && drive_fails(c))
		buf_printf(why, "should fail: %s", jval_get_text(c, "error"));
	return why->len == 0;
}

#endif

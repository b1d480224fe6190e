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

/* The same for a table of lines with an input and a result each: counts, and says in `why` what was different. */
typedef void drive_table_fn(struct str text, unsigned *passed, unsigned *failed, struct buf *why);

/* drive_syntax.c: parser/ */
drive_fn drive_syntax, drive_directive, drive_heredoc_word, drive_jsonargs;
/* drive_words.c: words/ */
drive_fn drive_words;
drive_table_fn drive_env_table, drive_words_table;
/* drive_instrs.c: instructions/, corpus/ */
drive_fn drive_instrs, drive_corpus;
/* drive_values.c: grammar/ */
drive_fn drive_chmod, drive_signal, drive_bytes, drive_duration, drive_csv, drive_gitref, drive_lintopts;
/* drive_ignore.c: patternmatcher/, dockerignore/ */
drive_fn drive_patterns, drive_glob, drive_ignore_lines;
/* drive_lint.c: lint/, subrequests/, the checks of corpus/ */
drive_fn drive_lint, drive_subrequest, drive_corpus_check;

/* What stands for a NUL in the strings of a case. */
#define DRIVE_NUL "\xEE\x80\x80"

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
/* "" says where: got and wanted text differ. */
static inline bool drive_same(struct buf *why, const char *what, struct str got, const char *want)
{
	struct buf b = {0};
	for (size_t i = 0; i < got.len; i++)
		got.p[i] ? buf_putc(&b, got.p[i]) : buf_puts(&b, DRIVE_NUL);
	bool same = str_eq(buf_view(&b), str_of(want ? want : ""));
	if (!same)
		buf_printf(why, "[%s: got '%.*s', expected '%s']", what, STR_ARG(buf_view(&b)), want ? want : "");
	buf_done(&b);
	return same;
}
static inline bool drive_same_int(struct buf *why, const char *what, long long got, long long want)
{
	if (got != want)
		buf_printf(why, "[%s: got %lld, expected %lld]", what, got, want);
	return got == want;
}
/* A failure's line has to be one of `lines`. The reference counts lines of directives from 0, and has none for some. */
static inline bool drive_line(struct buf *why, const struct err *e, const struct jval *lines)
{
	size_t n = jval_count(lines);
	bool directive = strstr(e->text, "directive") || strstr(e->text, "escape token");
	for (size_t i = 0; i < n; i++)
		if (jval_int(jval_at(lines, i), -1) + directive == e->line)
			return true;
	if (n)
		buf_printf(why, "[line %d: %s]", e->line, e->text);
	return n == 0;
}
/* A suggestion in the expected text has to be in ours, and the other way round. */
static inline bool drive_suggestion(struct buf *why, const struct err *e, const char *want)
{
	const char *a = strstr(e->text, "(did you mean"), *b = strstr(want, "(did you mean");
	bool same = (!a && !b) || (a && b && strncmp(a, b, strlen(b)) == 0);
	if (!same)
		buf_printf(why, "[says: %s]", e->text);
	return same;
}

#endif

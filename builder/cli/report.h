/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_REPORT_H
#define COOPER_REPORT_H

/*
 * How a failure is told: the excerpt of the Containerfile first, then, as the last line of stderr (tools read that one), the whole
 * reason: `error: Containerfile:12:8: COPY: no stage named "base"`. In GitHub Actions also as an annotation, before.
 */
#include "builder/cli/cmd.h"

void report_error(const struct cli *cli, const struct err *e);
enum exit_code report_exit(const struct err *e);
/* `warning: ...` on stderr. */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One line "::error file=...,line=...,title=...::text" for GitHub Actions; file may be NULL, line 0. */
void report_annotation(const char *level, const char *file, int line, int end_line, const char *title, const char *text, struct buf *out);
/* Should this stream be coloured? NO_COLOR, CLICOLOR, FORCE_COLOR, TERM=dumb, terminal. */
bool report_color(int fd);

#endif

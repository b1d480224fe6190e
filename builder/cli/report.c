/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that prints errors. Order matters: whatever is long comes first, the reason is the last line. */
#include "builder/cli/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "parser/parse.h"

bool report_color(int fd)
{
	const char *v;

	if ((v = getenv("NO_COLOR")) && *v)
		return false;
	if (((v = getenv("FORCE_COLOR")) && *v) || ((v = getenv("CLICOLOR_FORCE")) && *v && strcmp(v, "0") != 0))
		return true;
	if ((v = getenv("CLICOLOR")) && strcmp(v, "0") == 0)
		return false;
	if ((v = getenv("TERM")) && strcmp(v, "dumb") == 0)
		return false;
	return isatty(fd);
}

/* GitHub's workflow commands: '%', CR and LF are escaped, in properties ':' and ',' too. */
static void annotation_text(const char *s, bool property, struct buf *out)
{
	for (; *s; s++) {
		if (strchr("%\r\n", *s) || (property && strchr(":,", *s)))
			buf_printf(out, "%%%02X", (unsigned char)*s);
		else
			buf_putc(out, *s);
	}
}

void report_annotation(
    const char *level, const char *file, int line, int end_line, const char *title, const char *text, struct buf *out)
{
	buf_printf(out, "::%s ", level);
	if (file && line) {
		buf_puts(out, "file=");
		annotation_text(file, true, out);
		buf_printf(out, ",line=%d,endLine=%d,", line, end_line ? end_line : line);
	}
	buf_puts(out, "title=");
	annotation_text(title, true, out);
	buf_puts(out, "::");
	annotation_text(text, false, out);
	buf_putc(out, '\n');
}

static void annotate(const struct cli *cli, const struct err *e)
{
	const char *actions = getenv("GITHUB_ACTIONS");
	struct buf line cleanup_buf = {0};

	if (!actions || strcmp(actions, "true") != 0)
		return;
	report_annotation("error", cli->file, e->line, e->end_line, "cooper", e->text, &line);
	fputs(line.p, stderr);
}

void report_error(const struct cli *cli, const struct err *e)
{
	bool color = report_color(STDERR_FILENO);
	struct buf excerpt cleanup_buf = {0};
	struct buf text cleanup_buf = {0};

	fflush(stdout);
	if (cli->text.p && e->line > 0) {
		cf_excerpt(cli->text, cli->file ? cli->file : "Containerfile", e->line,
		    e->end_line ? e->end_line : e->line, e->col, &excerpt);
		buf_clean(&text, buf_view(&excerpt), false);
		fwrite(text.p ? text.p : "", 1, text.len, stderr);
	}
	annotate(cli, e);
	fprintf(stderr, "%serror:%s ", color ? "\033[1;31m" : "", color ? "\033[0m" : "");
	buf_clear(&text);
	if (cli->file && e->line > 0) {
		buf_clean(&text, str_of(cli->file), false);
		buf_printf(&text, ":%d:", e->line);
		if (e->col > 0)
			buf_printf(&text, "%d:", e->col);
		buf_putc(&text, ' ');
	}
	buf_clean(&text, str_of(e->text), false);
	fprintf(stderr, "%s\n", text.p ? text.p : "");
}

void report_warning(const char *format, ...)
{
	bool color = report_color(STDERR_FILENO);
	struct buf clean cleanup_buf = {0};
	cleanup_free char *text = NULL;
	va_list ap;

	fflush(stdout);
	va_start(ap, format);
	text = mem_vprintf(format, ap);
	va_end(ap);
	buf_clean(&clean, str_of(text), false);
	fprintf(stderr, "%swarning:%s %s\n", color ? "\033[33m" : "", color ? "\033[0m" : "", clean.p ? clean.p : "");
}

enum exit_code report_exit(const struct err *e)
{
	switch (e->code) {
	case ERR_USAGE:
		return EXIT_USAGE;
	case ERR_REMOTE:
		return EXIT_REMOTE;
	case ERR_CANCELLED:
		return EXIT_INTERRUPTED;
	default:
		return EXIT_FAILED;
	}
}

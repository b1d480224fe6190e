/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help is not written, it is printed from the tables, so it cannot say anything that the parser does not do. The man pages of the
 * commands are made from the same rows when the project is built.
 */
#include "builder/cli/help.h"

#include <stdlib.h>
#include <sys/ioctl.h>

enum { WIDEST = 100, SUMMARY_COLUMN = 16 };

unsigned help_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	if (columns && str_u64(str_of(columns), 10000, &n) && n)
		return (unsigned)n;
	return 80;
}

static unsigned readable(unsigned width)
{
	return width > WIDEST ? WIDEST : width;
}

/* Paragraphs stand apart by an empty line; lines that begin with blanks stay as they are. */
static void print_paragraphs(const char *text, unsigned width, struct buf *out)
{
	struct str rest = str_of(text), line;

	while (str_split(&rest, '\n', &line)) {
		cleanup_free char *one = mem_strndup(line.p, line.len);

		if (line.len && line.p[0] != ' ')
			opt_wrap(one, 0, width, out);
		else
			buf_str(out, line);
		buf_putc(out, '\n');
	}
}

static void print_aliases(const struct command *c, const char *before, const char *after, struct buf *out)
{
	bool any = false;

	for (const struct command_alias *a = command_aliases; a->words; a++) {
		if (strcmp(a->name, c->name) != 0)
			continue;
		buf_printf(out, "%scooper %s", any ? ", " : before, a->words);
		any = true;
	}
	if (any)
		buf_puts(out, after);
}

static void print_examples(const char *examples, struct buf *out)
{
	struct str rest = str_of(examples), line;

	while (str_split(&rest, '\n', &line))
		buf_printf(out, "  %.*s\n", STR_ARG(line));
}

void help_command(const struct command *c, unsigned width, struct buf *out)
{
	width = readable(width);
	buf_printf(out, "Usage: cooper %s%s%s\n\n", c->name, *c->usage ? " " : "", c->usage);
	opt_wrap(c->summary, 0, width, out);
	buf_puts(out, ".\n");
	if (c->details) {
		buf_putc(out, '\n');
		print_paragraphs(c->details, width, out);
	}
	print_aliases(c, "\nAliases: ", "\n", out);
	if (c->opts && c->opts->kind != OPT_KIND_END) {
		buf_puts(out, c->opts->kind == OPT_KIND_GROUP ? "\n" : "\nOptions:\n");
		opt_print_help(c->opts, width, out);
	}
	if (c->examples) {
		buf_puts(out, "\nExamples:\n");
		print_examples(c->examples, out);
	}
	buf_puts(out, "\nGlobal options:\n");
	opt_print_help(global_table, width, out);
}

void help_overview(unsigned width, struct buf *out)
{
	width = readable(width);
	buf_puts(out, "Usage: cooper [OPTIONS] COMMAND\n\nBuilds container images from Containerfiles: no daemon, no "
	              "root needed.\n\nCommands:\n");
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		buf_printf(out, "  %-*s", SUMMARY_COLUMN - 2, (*c)->name);
		opt_wrap((*c)->summary, SUMMARY_COLUMN, width, out);
		buf_putc(out, '\n');
	}
	buf_puts(out, "\nOptions:\n");
	opt_print_help(global_table, width, out);
	buf_puts(out, "\nRun 'cooper COMMAND --help' for more about a command, or see cooper(1).\n");
}

/* --- man pages --- */

static void scdoc_escape(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (strchr("*_\\<>#[", s.p[i]))
			buf_putc(out, '\\');
		buf_putc(out, s.p[i]);
	}
}

static void scdoc_paragraphs(const char *text, struct buf *out)
{
	struct str rest = str_of(text), line;
	bool literal = false;

	while (str_split(&rest, '\n', &line)) {
		bool want = line.len && line.p[0] == ' ';

		if (want != literal)
			buf_puts(out, "```\n");
		literal = want;
		if (want)
			buf_str(out, str_trim(line));
		else
			scdoc_escape(line, out);
		buf_putc(out, '\n');
	}
	if (literal)
		buf_puts(out, "```\n");
	buf_putc(out, '\n');
}

static void scdoc_head(
    const char *page, const char *summary, const char *usage_name, const char *usage, struct buf *out)
{
	buf_printf(out, "%s(1)\n\n# NAME\n\n%s - ", page, page);
	scdoc_escape(str_of(summary), out);
	buf_printf(out, "\n\n# SYNOPSIS\n\n*%s* ", usage_name);
	scdoc_escape(str_of(usage), out);
	buf_puts(out, "\n\n");
}

void help_scdoc(const struct command *c, struct buf *out)
{
	struct buf page cleanup_buf = {0}, full cleanup_buf = {0};

	buf_printf(&page, "cooper-%s", c->name);
	buf_printf(&full, "cooper %s", c->name);
	scdoc_head(page.p, c->summary, full.p, c->usage, out);
	buf_puts(out, "# DESCRIPTION\n\n");
	if (c->details)
		scdoc_paragraphs(c->details, out);
	else
		buf_printf(out, "%s.\n\n", c->summary);
	print_aliases(c, "The same as ", ".\n\n", out);
	if (c->opts && c->opts->kind != OPT_KIND_END) {
		buf_puts(out, "# OPTIONS\n\n");
		opt_print_scdoc(c->opts, out);
	}
	if (c->examples) {
		buf_puts(out, "# EXAMPLES\n\n```\n");
		print_examples(c->examples, out);
		buf_puts(out, "```\n\n");
	}
	buf_puts(out, "# EXIT STATUS\n\nAs told in *cooper*(1).\n\n# SEE ALSO\n\n*cooper*(1), *containerfile*(5)\n");
}

void help_scdoc_overview(struct buf *out)
{
	buf_puts(out, "# COMMANDS\n\n");
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		buf_printf(out, "*cooper-%s*(1)\n\t", (*c)->name);
		scdoc_escape(str_of((*c)->summary), out);
		buf_puts(out, ".\n\n");
	}
	buf_puts(out, "# OPTIONS\n\n");
	opt_print_scdoc(global_table, out);
}

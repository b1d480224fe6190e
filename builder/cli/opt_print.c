/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An option table as text: two columns for --help, definition list for the man page. Hidden rows appear in neither; ignored ones
 * are named once, in the man page of the command that has them.
 */
#include "builder/cli/opt.h"

enum { COLUMN = 30, NARROWEST = 40 };

void opt_wrap(const char *text, unsigned indent, unsigned width, struct buf *out)
{
	struct str rest = str_of(text), word;
	unsigned at = indent;
	bool first = true;

	while (str_split(&rest, ' ', &word)) {
		if (!first && at + 1 + word.len > width) {
			buf_printf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			buf_putc(out, ' ');
			at++;
		}
		buf_str(out, word);
		at += (unsigned)word.len;
		first = false;
	}
}

/* "-t, --tag NAME" */
static void print_name(const struct opt *o, bool scdoc, struct buf *out)
{
	const char *bold = scdoc ? "*" : "", *under = scdoc ? "_" : "";

	if (o->letter)
		buf_printf(out, "%s-%c%s", bold, o->letter, bold);
	if (o->letter && o->name)
		buf_puts(out, ", ");
	if (o->name)
		buf_printf(out, "%s--%s%s", bold, o->name, bold);
	if (o->kind == OPT_KIND_MAYBE)
		buf_printf(out, "[=%s%s%s]", under, o->value, under);
	else if (o->value)
		buf_printf(out, " %s%s%s", under, o->value, under);
}

static void print_sentence(const struct opt *o, struct buf *out)
{
	buf_puts(out, o->help);
	if (o->words) {
		buf_puts(out, ":");
		for (const char *const *w = o->words; *w; w++)
			buf_printf(out, "%s %s", w == o->words ? "" : ",", *w);
	}
	if (o->otherwise)
		buf_printf(out, " (default: %s)", o->otherwise);
	if (o->env)
		buf_printf(out, " [$%s]", o->env);
}

static bool shown(const struct opt *o)
{
	return !o->hidden && o->help && o->kind != OPT_KIND_IGNORED && o->kind != OPT_KIND_IGNORED_BOOL;
}

void opt_print_help(const struct opt *opts, unsigned width, struct buf *out)
{
	if (width < NARROWEST)
		width = NARROWEST;
	for (const struct opt *o = opts; o->kind != OPT_KIND_END; o++) {
		struct buf line cleanup_buf = {0}, text cleanup_buf = {0};

		if (o->kind == OPT_KIND_GROUP)
			buf_printf(out, "%s%s:\n", o == opts ? "" : "\n", o->name);
		if (o->kind == OPT_KIND_GROUP || !shown(o))
			continue;
		buf_puts(&line, o->letter ? "  " : "      ");
		print_name(o, false, &line);
		print_sentence(o, &text);
		buf_str(out, buf_view(&line));
		if (line.len + 2 > COLUMN)
			buf_printf(out, "\n%*s", COLUMN, "");
		else
			buf_printf(out, "%*s", (int)(COLUMN - line.len), "");
		opt_wrap(text.p, COLUMN, width, out);
		buf_putc(out, '\n');
	}
}

/* scdoc gives *, _, \, [ and < at some places a meaning: a backslash takes it away. */
static void scdoc_text(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (strchr("*_\\<>#", s.p[i]))
			buf_putc(out, '\\');
		buf_putc(out, s.p[i]);
	}
}

void opt_print_scdoc(const struct opt *opts, struct buf *out)
{
	for (const struct opt *o = opts; o->kind != OPT_KIND_END; o++) {
		struct buf text cleanup_buf = {0};

		if (o->kind == OPT_KIND_GROUP) {
			buf_printf(out, "## %s\n\n", o->name);
			continue;
		}
		if (!shown(o))
			continue;
		print_name(o, true, out);
		buf_puts(out, "\n\t");
		print_sentence(o, &text);
		scdoc_text(buf_view(&text), out);
		buf_puts(out, ".\n\n");
	}
}

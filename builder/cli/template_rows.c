/* SPDX-License-Identifier: Apache-2.0 */
/* Lists through --format. A table's heading is the same template, run over the headings. */
#include "builder/cli/template.h"
#include "parser/table.h"

enum { GAP = 3 }; /* as docker prints lists */

/* Shells pass "\t" and "\n" as they stand. */
static char *unescape(struct arena *a, const char *s)
{
	char *copy = arena_strdup(a, s), *to = copy;

	for (; *s; s++) {
		if (*s == '\\' && (s[1] == 't' || s[1] == 'n'))
			*to++ = *++s == 't' ? '\t' : '\n';
		else
			*to++ = *s;
	}
	*to = 0;
	return copy;
}

static struct jval *headings(const struct template_list *l)
{
	struct jval *o = jval_object();

	for (const struct template_field *f = l->fields; f->key; f++)
		jval_set_text(o, f->key, f->heading);
	return o;
}

static size_t count_cells(struct str line)
{
	struct str cell;
	size_t n = 0;

	while (str_split(&line, '\t', &cell))
		n++;
	return n;
}

static void add_cells(struct table *t, struct arena *a, struct str line)
{
	struct str cell;

	while (str_split(&line, '\t', &cell)) {
		struct buf text cleanup_buf = {0};

		buf_clean(&text, cell, false);
		table_add(t, arena_str(a, buf_view(&text)));
	}
}

/* A value with a tab in it must not move the columns. */
static void add_row(struct table *t, struct arena *a, struct buf *line)
{
	size_t n = count_cells(buf_view(line));

	for (size_t k = line->len; n > t->columns && k-- > 0;) {
		if (line->p[k] == '\t') {
			line->p[k] = ' ';
			n--;
		}
	}
	add_cells(t, a, buf_view(line));
	for (; n < t->columns; n++)
		table_add(t, STR(""));
}

static int table_of(const struct template_list *l, const char *template, const struct jval *rows, struct arena *a,
    struct buf *out, struct err *e)
{
	struct jval *names cleanup_jval = headings(l);
	struct buf line cleanup_buf = {0};
	struct table t cleanup_table = {.gap = GAP};

	buf_puts(&line, "");
	TRY(template_run(template, names, true, &line, e));
	t.columns = count_cells(buf_view(&line));
	if (t.columns > TABLE_COLUMNS_MAX)
		return err_set(e, ERR_USAGE, "a table has at most %d columns", TABLE_COLUMNS_MAX);
	add_cells(&t, a, buf_view(&line));
	for (size_t i = 0; i < jval_count(rows); i++) {
		buf_clear(&line);
		TRY(template_run(template, jval_at(rows, i), true, &line, e));
		add_row(&t, a, &line);
	}
	table_print(&t, out);
	return 0;
}

int template_rows(const struct template_list *l, const char *format, const struct jval *rows, struct arena *a,
    struct buf *out, struct err *e)
{
	if (!format || !*format || strcmp(format, "table") == 0)
		format = l->standard;
	format = unescape(a, format);
	if (strncmp(format, "table ", 6) == 0)
		return table_of(l, format + 6, rows, a, out, e);
	for (size_t i = 0; i < jval_count(rows); i++) {
		if (strcmp(format, "json") == 0)
			jval_print(jval_at(rows, i), 0, out);
		else
			TRY(template_run(format, jval_at(rows, i), true, out, e));
		buf_putc(out, '\n');
	}
	return 0;
}

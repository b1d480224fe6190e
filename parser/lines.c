/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of lines. A line goes on when it ends in the escape character (and blanks) that is not behind another
 * escape; the next one is appended with nothing between. Comment lines and blank lines inside do not end it. Most
 * instructions stand on one line and become slices of the file; only glued ones are copied.
 */
#include "parser/lines.h"

#include "base/mem.h"
#include "parser/directive.h"
#include "parser/runes.h"

void lines_init(struct lines *l, struct str text, struct arena *a)
{
	*l = (struct lines){.arena = a, .rest = text, .escape = '\\'};
}

void lines_done(struct lines *l)
{
	buf_done(&l->glue);
}

bool lines_raw(struct lines *l, struct str *ret)
{
	if (l->rest.len == 0)
		return false;
	ptrdiff_t i = str_find(l->rest, '\n');
	size_t n = i < 0 ? l->rest.len : (size_t)i + 1;
	*ret = str_sub(l->rest, 0, n);
	l->rest = str_from(l->rest, n);
	l->line++;
	return true;
}

struct str line_trim_end(struct str s)
{
	while (s.len && (s.p[s.len - 1] == '\n' || s.p[s.len - 1] == '\r'))
		s.len--;
	return s;
}

/* Takes a continuation (escape and blanks behind it) off the end; false when the line does not go on. */
static bool cut_continuation(struct str *s, char escape)
{
	size_t n = s->len;
	while (n && (s->p[n - 1] == ' ' || s->p[n - 1] == '\t'))
		n--;
	if (n == 0 || s->p[n - 1] != escape || (n > 1 && s->p[n - 2] == escape))
		return false;
	s->len = n - 1;
	return true;
}

static int set_escape(struct lines *l, struct str value, struct str line, struct err *e)
{
	if (value.len != 1 || (value.p[0] != '\\' && value.p[0] != '`')) {
		err_set(e, ERR_SYNTAX, "invalid escape token '%.*s' does not match ` or \\", STR_ARG(value));
		return err_at(e, l->line, (int)(value.p - line.p) + 1, 0);
	}
	l->escape = value.p[0];
	return 0;
}

/* `line` without blanks in front, `whole` with them. Sets *ret when it was a directive. */
static int try_directive(struct lines *l, struct str line, struct str whole, bool *ret, struct err *e)
{
	struct str name, value;
	if (l->directives_over)
		return 0;
	if (!directive_line(line, STR("#"), &name, &value) || !directive_known(name)) {
		l->directives_over = true;
		return 0;
	}
	unsigned bit = (name.p[0] | 0x20) == 'e' ? 1 : (name.p[0] | 0x20) == 's' ? 2 : 4;
	if (l->seen & bit) {
		err_set(e, ERR_SYNTAX, "only one %s parser directive can be used",
		    bit == 1   ? "escape"
		    : bit == 2 ? "syntax"
		               : "check");
		return err_at(e, l->line, (int)(name.p - whole.p) + 1, 0);
	}
	l->seen |= bit;
	*ret = true;
	return bit == 1 ? set_escape(l, value, whole, e) : 0;
}

/* `s` begins with '#'. */
static void add_comment(struct lines *l, struct str s)
{
	struct str text = rune_trim(str_from(s, 1));
	if (text.len == 0) {
		l->ncomments = 0;
	} else if (l->ncomments < LINES_COMMENTS_MAX) {
		ARENA_ROOM(l->arena, l->comments, l->ncomments, l->comments_cap);
		l->comments[l->ncomments++] = text;
	}
}

static int add_piece(struct lines *l, struct line *ret, size_t *cap, size_t at, int col, struct err *e)
{
	if (ret->npieces == 0) {
		ret->pieces = arena_new(l->arena, sizeof(*ret->pieces));
		*cap = 1;
	} else if (ret->npieces >= LINES_PIECES_MAX) {
		err_set(e, ERR_LIMIT, "instruction of more than %d lines", LINES_PIECES_MAX);
		return err_at(e, ret->first, 1, 0);
	}
	ARENA_ROOM(l->arena, ret->pieces, ret->npieces, *cap);
	ret->pieces[ret->npieces++] = (struct piece){at, l->line, col};
	return 0;
}

/* Reads on until the instruction that began with `head` is complete. */
static int glue_rest(struct lines *l, struct str head, struct line *ret, size_t *cap, struct err *e)
{
	struct str raw;
	bool more = true;
	buf_clear(&l->glue);
	buf_str(&l->glue, head);
	while (more && lines_raw(l, &raw)) {
		struct str s = line_trim_end(raw), bare = rune_trim_left(s);
		if (bare.len && bare.p[0] == '#')
			continue;
		if (bare.len == 0) {
			ret->empty_continuation = true;
			continue;
		}
		more = cut_continuation(&s, l->escape);
		TRY(add_piece(l, ret, cap, l->glue.len, 1, e));
		buf_str(&l->glue, s);
	}
	ret->text = arena_str(l->arena, buf_view(&l->glue));
	return 0;
}

/* The first line of an instruction; false when there is none (comment, blank, directive). */
static int first_line(struct lines *l, struct str raw, struct str *ret_line, bool *ret_begins, struct err *e)
{
	struct str whole = line_trim_end(raw), s = rune_trim_left(whole);
	bool directive = false;
	TRY(try_directive(l, s, whole, &directive, e));
	*ret_begins = false;
	if (s.len && s.p[0] == '#') {
		if (!directive)
			add_comment(l, s);
		return 0;
	}
	*ret_line = s;
	*ret_begins = s.len > 0;
	return 0;
}

int lines_next(struct lines *l, struct line *ret, struct err *e)
{
	struct str raw, s;
	bool begins = false;
	while (!begins) {
		if (!lines_raw(l, &raw))
			return 0;
		if (l->line == 1 && str_starts(raw, STR("\xEF\xBB\xBF")))
			raw = str_from(raw, 3);
		TRY(first_line(l, raw, &s, &begins, e));
	}
	size_t cap = 0;
	*ret = (struct line){.first = l->line, .comments = l->comments, .ncomments = l->ncomments};
	l->comments = NULL;
	l->ncomments = l->comments_cap = 0;
	bool more = cut_continuation(&s, l->escape);
	ret->text = s;
	TRY(add_piece(l, ret, &cap, 0, (int)(s.p - raw.p) + 1, e));
	if (more)
		TRY(glue_rest(l, s, ret, &cap, e));
	ret->last = l->line;
	return 1;
}

void line_place(const struct line *line, const char *p, int *ret_line, int *ret_col)
{
	size_t at = (size_t)(p - line->text.p), low = 0, high = line->npieces;
	while (high - low > 1) {
		size_t mid = (low + high) / 2;
		if (line->pieces[mid].at <= at)
			low = mid;
		else
			high = mid;
	}
	*ret_line = line->pieces[low].line;
	*ret_col = line->pieces[low].col + (int)(at - line->pieces[low].at);
}

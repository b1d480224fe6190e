/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shapes of arguments. Results are slices of the line wherever the text stands there as it is meant, so that places
 * in messages can be told from pointers.
 */
#include "parser/runes.h"
#include "parser/syntax.h"

int words_add(struct arena *a, struct words *w, struct str text, const char *at, struct err *e)
{
	if (w->n >= SYNTAX_WORDS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d arguments", SYNTAX_WORDS_MAX);
	if (!w->cap) {
		w->cap = 2;
		w->w = arena_new(a, w->cap * sizeof(*w->w));
	}
	ARENA_ROOM(a, w->w, w->n, w->cap);
	w->w[w->n++] = (struct word){text, at};
	return 0;
}

/* Words at blanks; no quoting. */
static int cut_words(struct arena *a, struct str rest, struct words *out, struct err *e)
{
	for (size_t i = 0; i < rest.len;) {
		size_t from = i;
		while (i < rest.len && !byte_blank(rest.p[i]))
			i++;
		if (i > from)
			TRY(words_add(a, out, str_sub(rest, from, i), rest.p + from, e));
		while (i < rest.len && byte_blank(rest.p[i]))
			i++;
	}
	return 0;
}

/*
 * Length of the word at s, which begins with no blank: ends at a blank outside of quotes. The escape takes the next
 * character with it, but not in single quotes. *ret_text is the word; an escape at the very end of the text is not part
 * of it.
 */
static size_t quoted_word(struct str s, char escape, struct str *ret_text)
{
	uint32_t quote = 0, c;
	size_t i = 0, n;
	for (; i < s.len; i += n) {
		n = rune_next(str_from(s, i), &c);
		if (!quote && rune_space(c))
			break;
		if (c == (unsigned char)escape && quote != '\'') {
			if (i + n == s.len) {
				*ret_text = str_sub(s, 0, i);
				return s.len;
			}
			n += rune_next(str_from(s, i + n), &c);
		} else if (quote) {
			quote = c == quote ? 0 : quote;
		} else if (c == '\'' || c == '"') {
			quote = c;
		}
	}
	*ret_text = str_sub(s, 0, i);
	return i;
}

/* Words at blanks with quotes and escapes, which stay in them. */
static int cut_quoted(struct arena *a, char escape, struct str rest, struct words *out, struct err *e)
{
	struct str text;
	while ((rest = rune_trim_left(rest)).len) {
		const char *at = rest.p;
		rest = str_from(rest, quoted_word(rest, escape, &text));
		if (text.len)
			TRY(words_add(a, out, text, at, e));
	}
	return 0;
}

static int add_pair(
    struct arena *a, struct str name, struct str value, const char *sep, struct words *out, struct err *e)
{
	TRY(words_add(a, out, name, name.p, e));
	TRY(words_add(a, out, value, value.p, e));
	return words_add(a, out, str_of(sep), value.p, e);
}

static int cut_pairs(struct arena *a, char escape, struct str rest, struct node *n, struct err *e)
{
	struct words all = {0};
	TRY(cut_quoted(a, escape, rest, &all, e));
	if (all.n && str_find(all.w[0].text, '=') < 0) {
		size_t i = 0, k;
		while (i < rest.len && !byte_blank(rest.p[i]))
			i++;
		for (k = i; k < rest.len && byte_blank(rest.p[k]);)
			k++;
		if (i == rest.len)
			return err_set(e, ERR_SYNTAX, "%s must have two arguments", instr_name((enum instr_id)n->id));
		return add_pair(a, str_sub(rest, 0, i), str_from(rest, k), "", &n->args, e);
	}
	for (size_t i = 0; i < all.n; i++) {
		struct str w = all.w[i].text;
		ptrdiff_t eq = str_find(w, '=');
		if (eq < 0) {
			err_set(e, ERR_SYNTAX,
			    "Syntax error - can't find = in \"%.*s\". Must be of the form: name=value", STR_ARG(w));
			return node_err(n, w.p, e);
		}
		TRY(add_pair(a, str_sub(w, 0, (size_t)eq), str_from(w, (size_t)eq + 1), "=", &n->args, e));
	}
	return 0;
}

static int cut_json(struct arena *a, struct str rest, struct node *n, struct err *e)
{
	enum jsonargs kind;
	TRY(jsonargs_parse(a, rest, &kind, &n->args, e));
	if (kind == JSONARGS_NOT_STRINGS) {
		err_set(e, ERR_SYNTAX, "when using JSON array syntax, arrays must be comprised of strings only");
		return node_err(n, rest.p, e);
	}
	n->json = kind == JSONARGS_ARRAY;
	return 0;
}

static int cut_json_or_text(struct arena *a, struct str rest, struct node *n, struct err *e)
{
	if (rest.len == 0)
		return 0;
	TRY(cut_json(a, rest, n, e));
	return n->json ? 0 : words_add(a, &n->args, rest, rest.p, e);
}

static int cut_health(struct arena *a, struct str rest, struct node *n, struct err *e)
{
	size_t i = 0;
	while (i < rest.len && !byte_blank(rest.p[i]))
		i++;
	if (i == 0)
		return 0;
	TRY(words_add(a, &n->args, str_sub(rest, 0, i), rest.p, e));
	while (i < rest.len && byte_blank(rest.p[i]))
		i++;
	return cut_json_or_text(a, str_from(rest, i), n, e);
}

int shape_cut(struct arena *a, char escape, struct str rest, struct node *n, struct err *e)
{
	switch (instr_kind((enum instr_id)n->id)->shape) {
	case SHAPE_JSON_OR_TEXT:
	case SHAPE_JSON_ONLY:
		return cut_json_or_text(a, rest, n, e);
	case SHAPE_JSON_OR_WORDS:
		TRY(cut_json(a, rest, n, e));
		return n->json ? 0 : cut_words(a, rest, &n->args, e);
	case SHAPE_WORDS:
		return cut_words(a, rest, &n->args, e);
	case SHAPE_TEXT:
		return rest.len ? words_add(a, &n->args, rest, rest.p, e) : 0;
	case SHAPE_PAIRS:
		return cut_pairs(a, escape, rest, n, e);
	case SHAPE_ARGS:
		return cut_quoted(a, escape, rest, &n->args, e);
	case SHAPE_HEALTH:
		return cut_health(a, rest, n, e);
	case SHAPE_INNER:
		break;
	}
	return 0;
}

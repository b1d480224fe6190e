/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expander walks over a word once and appends to a buffer. The special characters are all ASCII, so other bytes are
 * copied as they are, valid UTF-8 or not; characters matter only in names and where results are split. The word behind
 * a modifier is expanded by the same functions into a scratch buffer, up to its closing character; the depth of that is
 * bounded.
 */
#include "parser/expand.h"

#include "base/buf.h"
#include "base/mem.h"
#include "parser/pattern.h"
#include "parser/runes.h"

struct lexer {
	const struct expander *x;
	struct str in;
	size_t pos;
	unsigned depth;
	bool raw_escapes;
	uint64_t work; /* spent on patterns */
};

/* Lengths of values times lengths of patterns that one word may ask for. */
static const uint64_t WORK_MAX = (uint64_t)1 << 30;

/* Results being split: only the unquoted blanks of one level count. */
struct splitter {
	struct arena *a;
	struct buf word;
	size_t solid; /* length of word without blanks kept behind it */
	struct str *words;
	size_t n, cap;
};

static int until(struct lexer *l, int stop, bool raw_escapes, struct buf *out, struct err *e);

static bool at_end(const struct lexer *l)
{
	return l->pos >= l->in.len;
}

/* The byte at hand, or -1. */
static int peek(const struct lexer *l)
{
	return at_end(l) ? -1 : (unsigned char)l->in.p[l->pos];
}

/* Ordinary bytes from here on are taken, at least one; those that may mean something end them. */
static struct str take_run(struct lexer *l)
{
	size_t from = l->pos++;
	for (; !at_end(l); l->pos++) {
		char c = l->in.p[l->pos];
		if (c == '$' || c == '\'' || c == '"' || c == '}' || c == '/' || c == l->x->escape)
			break;
	}
	return str_sub(l->in, from, l->pos);
}

/* The character at hand is taken. */
static struct str take(struct lexer *l)
{
	uint32_t c;
	size_t n = rune_next(str_from(l->in, l->pos), &c);
	l->pos += n;
	return str_sub(l->in, l->pos - n, l->pos);
}

static int too_long(struct err *e)
{
	return err_set(e, ERR_LIMIT, "expansion adds more than %d bytes", EXPAND_SIZE_MAX);
}

static size_t longest(const struct lexer *l)
{
	return l->in.len + EXPAND_SIZE_MAX;
}

static int put(const struct lexer *l, struct buf *out, struct str s, struct err *e)
{
	if (out->len > longest(l) || s.len > longest(l) - out->len)
		return too_long(e);
	buf_str(out, s);
	return 0;
}

size_t expand_name(struct str s)
{
	uint32_t c;
	size_t i = 0, n;
	if (s.len && memchr("@*#?-$!0", s.p[0], 8) && s.p[0] != '0')
		return 1;
	bool number = s.len && (rune_next(s, &c), rune_digit(c));
	for (; i < s.len; i += n) {
		n = rune_next(str_from(s, i), &c);
		if (!(number ? rune_digit(c) : c == '_' || rune_letter(c) || rune_digit(c)))
			break;
	}
	return i;
}

static struct str take_name(struct lexer *l)
{
	struct str name = str_from(l->in, l->pos);
	name.len = expand_name(name);
	l->pos += name.len;
	return name;
}

static bool look_up(struct lexer *l, struct str name, struct str *ret)
{
	*ret = (struct str){0};
	return l->x->get(l->x->arg, name, ret);
}

static void tell_unset(struct lexer *l, struct str name)
{
	if (l->x->unset)
		l->x->unset(l->x->arg, name);
}

/* "$name" and "${name}", as written in `raw`. */
static int plain_variable(struct lexer *l, struct str name, struct str raw, struct buf *out, struct err *e)
{
	struct str value;
	if (look_up(l, name, &value))
		return put(l, out, value, e);
	tell_unset(l, name);
	return l->x->skip_unset ? put(l, out, raw, e) : 0;
}

/* A failure inside a substitution that ran to the end of the word is that its end is missing. */
static int missing(struct lexer *l, const char *what, struct err *e)
{
	return at_end(l) ? err_set(e, ERR_SYNTAX, "syntax error: missing %s", what) : -(int)e->code;
}

static int unsupported(struct str modifier, struct err *e)
{
	return err_set(e, ERR_SYNTAX, "unsupported modifier (%.*s) in substitution", STR_ARG(modifier));
}

static int put_written(
    const struct lexer *l, struct str name, struct str modifier, struct str word, struct buf *out, struct err *e)
{
	TRY(put(l, out, STR("${"), e));
	TRY(put(l, out, name, e));
	TRY(put(l, out, modifier, e));
	TRY(put(l, out, word, e));
	return put(l, out, STR("}"), e);
}

static int work_on(struct lexer *l, struct str value, struct str pattern, struct err *e)
{
	l->work += (uint64_t)(value.len + 1) * (pattern.len + 1);
	return l->work > WORK_MAX ? err_set(e, ERR_LIMIT, "substitutions take too long") : 0;
}

static int cut_value(struct lexer *l, struct str value, struct str pattern, char kind, struct buf *out, struct err *e)
{
	TRY(work_on(l, value, pattern, e));
	bool longest = pattern.len && pattern.p[0] == kind;
	if (longest)
		pattern = str_from(pattern, 1);
	TRY(pattern_cut(pattern, value, kind == '%', longest, &value, e));
	return put(l, out, value, e);
}

static int demand(struct str name, bool empty, struct str word, struct err *e)
{
	if (word.len)
		return err_set(e, ERR_SYNTAX, "%.*s: %.*s", STR_ARG(name), STR_ARG(word));
	return err_set(e, ERR_SYNTAX, "%.*s: is not allowed to be %s", STR_ARG(name), empty ? "empty" : "unset");
}

/* ${name:-word} and the like; the lexer stands behind the name, at the modifier. */
static int modifier(struct lexer *l, struct str name, struct buf *out, struct err *e)
{
	size_t from = l->pos;
	bool colon = peek(l) == ':';
	l->pos += colon;
	if (at_end(l))
		return missing(l, "'}'", e);
	char kind = take(l).p[0];
	struct str mod = str_sub(l->in, from, l->pos);
	bool cutting = kind == '#' || kind == '%', supported = memchr("+-?#%", kind, 5) != NULL;
	/* ":=" and the like fail only when their end is there, as they always did. */
	if ((!colon && !supported) || (colon && cutting))
		return unsupported(mod, e);
	cleanup_buf struct buf word = {0};
	if (until(l, '}', cutting, &word, e) < 0)
		return missing(l, "'}'", e);
	if (!supported)
		return unsupported(mod, e);
	struct str value;
	bool known = look_up(l, name, &value), set = known && !(colon && value.len == 0);
	if (!known && cutting)
		tell_unset(l, name);
	if (!known && l->x->skip_unset)
		return put_written(l, name, mod, buf_view(&word), out, e);
	if (cutting)
		return cut_value(l, value, buf_view(&word), kind, out, e);
	if (kind == '?')
		return set ? put(l, out, value, e) : demand(name, known, buf_view(&word), e);
	if (kind == '+')
		return set ? put(l, out, buf_view(&word), e) : 0;
	return put(l, out, set ? value : buf_view(&word), e);
}

/* ${name/pattern/replacement}; the lexer stands at the slash. */
static int replacement(struct lexer *l, struct str name, struct buf *out, struct err *e)
{
	cleanup_buf struct buf pattern = {0}, with = {0}, result = {0};
	l->pos++;
	bool all = peek(l) == '/';
	l->pos += all;
	if (until(l, '/', true, &pattern, e) < 0)
		return missing(l, "'/' in ${}", e);
	if (until(l, '}', true, &with, e) < 0)
		return missing(l, "'}'", e);
	struct str value;
	if (!look_up(l, name, &value)) {
		tell_unset(l, name);
		if (l->x->skip_unset) {
			buf_putc(&pattern, '/');
			buf_str(&pattern, buf_view(&with));
			return put_written(l, name, all ? STR("//") : STR("/"), buf_view(&pattern), out, e);
		}
	}
	TRY(work_on(l, value, buf_view(&pattern), e));
	TRY(pattern_replace(buf_view(&pattern), value, buf_view(&with), all, &result, e));
	return put(l, out, buf_view(&result), e);
}

/* "${...}"; the lexer stands at the brace, behind the dollar. */
static int braces(struct lexer *l, struct buf *out, struct err *e)
{
	size_t from = l->pos - 1;
	l->pos++;
	int c = peek(l);
	if (c < 0)
		return missing(l, "'}'", e);
	if (c == '{' || c == '}' || c == ':')
		return err_set(e, ERR_SYNTAX, "syntax error: bad substitution");
	if (l->depth >= EXPAND_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "substitutions are nested more than %d deep", EXPAND_DEPTH_MAX);
	struct str name = take_name(l);
	if (peek(l) == '}') {
		l->pos++;
		return plain_variable(l, name, str_sub(l->in, from, l->pos), out, e);
	}
	l->depth++;
	TRY(peek(l) == '/' ? replacement(l, name, out, e) : modifier(l, name, out, e));
	l->depth--;
	return 0;
}

static int dollar(struct lexer *l, struct buf *out, struct err *e)
{
	size_t from = l->pos++;
	if (peek(l) == '{')
		return braces(l, out, e);
	struct str name = take_name(l);
	if (name.len == 0)
		return put(l, out, STR("$"), e);
	return plain_variable(l, name, str_sub(l->in, from, l->pos), out, e);
}

static int single_quotes(struct lexer *l, struct buf *out, struct err *e)
{
	struct str rest = str_from(l->in, l->pos + 1);
	ptrdiff_t n = str_find(rest, '\'');
	if (n < 0) {
		l->pos = l->in.len;
		return err_set(e, ERR_SYNTAX, "unexpected end of statement while looking for matching single-quote");
	}
	l->pos += (size_t)n + 2;
	rest.len = (size_t)n;
	if (l->x->raw_quotes)
		rest = (struct str){rest.p - 1, rest.len + 2};
	return put(l, out, rest, e);
}

/* An escape in double quotes: it counts before '"', '$' and itself only. */
static int quoted_escape(struct lexer *l, struct buf *out, struct err *e)
{
	struct str esc = take(l);
	if (l->raw_escapes)
		TRY(put(l, out, esc, e));
	int c = peek(l);
	if (c < 0)
		return 0;
	return put(l, out, c == '"' || c == '$' || c == l->x->escape ? take(l) : esc, e);
}

static int double_quotes(struct lexer *l, struct buf *out, struct err *e)
{
	struct str quote = take(l);
	if (l->x->raw_quotes)
		TRY(put(l, out, quote, e));
	for (;;) {
		int c = peek(l);
		if (c < 0)
			return err_set(
			    e, ERR_SYNTAX, "unexpected end of statement while looking for matching double-quote");
		if (c == '"')
			break;
		if (c == '$')
			TRY(dollar(l, out, e));
		else if (c == (unsigned char)l->x->escape)
			TRY(quoted_escape(l, out, e));
		else
			TRY(put(l, out, take_run(l), e));
	}
	quote = take(l);
	return l->x->raw_quotes ? put(l, out, quote, e) : 0;
}

enum part { PART_VARIABLE, PART_QUOTED, PART_ESCAPED, PART_PLAIN };

/* The next part of the text: a substitution, a quoted string, an escaped or an ordinary character. */
static int part(struct lexer *l, struct buf *out, enum part *ret_part, struct err *e)
{
	int c = peek(l);
	if (c == '$') {
		*ret_part = PART_VARIABLE;
		return dollar(l, out, e);
	}
	if ((c == '\'' || c == '"') && !l->x->literal_quotes) {
		*ret_part = PART_QUOTED;
		return c == '"' ? double_quotes(l, out, e) : single_quotes(l, out, e);
	}
	*ret_part = PART_PLAIN;
	if (c != (unsigned char)l->x->escape)
		return put(l, out, take_run(l), e);
	*ret_part = PART_ESCAPED;
	struct str esc = take(l);
	if (l->raw_escapes)
		TRY(put(l, out, esc, e));
	return at_end(l) ? 0 : put(l, out, take(l), e);
}

/* Expands up to the character `stop`, which is taken. */
static int until(struct lexer *l, int stop, bool raw_escapes, struct buf *out, struct err *e)
{
	bool before = l->raw_escapes;
	enum part p;
	l->raw_escapes = raw_escapes;
	while (peek(l) != stop) {
		if (at_end(l))
			return err_set(
			    e, ERR_SYNTAX, "unexpected end of statement while looking for matching %c", stop);
		TRY(part(l, out, &p, e));
	}
	l->pos++;
	l->raw_escapes = before;
	return 0;
}

static int failed(struct str word, struct err *e)
{
	cleanup_buf struct buf quoted = {0};
	buf_quote(&quoted, word.len > 200 ? str_sub(word, 0, 200) : word);
	return err_wrap(e, "failed to process %s", quoted.p);
}

static bool ordinary(struct str s, char escape)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '$' || s.p[i] == '\'' || s.p[i] == '"' || s.p[i] == escape)
			return false;
	return true;
}

int expand_word(const struct expander *x, struct str word, struct arena *a, struct str *ret, struct err *e)
{
	if (ordinary(word, x->escape)) {
		*ret = arena_str(a, word);
		return 0;
	}
	cleanup_buf struct buf out = {0};
	struct lexer l = {.x = x, .in = word, .raw_escapes = x->raw_escapes};
	enum part p;
	while (!at_end(&l))
		if (part(&l, &out, &p, e) < 0)
			return failed(word, e);
	*ret = arena_str(a, buf_view(&out));
	return 0;
}

static int end_word(struct splitter *s, struct err *e)
{
	if (s->word.len == 0)
		return 0;
	if (s->n >= EXPAND_WORDS_MAX)
		return err_set(e, ERR_LIMIT, "expansion gives more than %d words", EXPAND_WORDS_MAX);
	ARENA_ROOM(s->a, s->words, s->n, s->cap);
	s->words[s->n++] = arena_str(s->a, buf_view(&s->word));
	buf_clear(&s->word);
	s->solid = 0;
	return 0;
}

/* "cat << EOF": a here-document's operator keeps the blanks behind it, so that its word comes along. */
static bool awaits_word(const struct splitter *s)
{
	struct str w = {s->word.p, s->solid};
	return str_ends(w, STR("<<")) || str_ends(w, STR("<<-"));
}

static int split(struct splitter *s, struct str text, bool written, struct err *e)
{
	uint32_t c;
	for (size_t i = 0, n; i < text.len; i += n) {
		n = rune_next(str_from(text, i), &c);
		bool blank = rune_space(c);
		if (blank && !(written && awaits_word(s))) {
			TRY(end_word(s, e));
			continue;
		}
		buf_add(&s->word, text.p + i, n);
		if (!blank)
			s->solid = s->word.len;
	}
	return 0;
}

static int split_parts(struct lexer *l, struct splitter *s, struct err *e)
{
	cleanup_buf struct buf out = {0};
	enum part p;
	while (!at_end(l)) {
		buf_clear(&out);
		TRY(part(l, &out, &p, e));
		if (s->word.len + out.len > longest(l))
			return too_long(e);
		if (p == PART_VARIABLE || p == PART_PLAIN)
			TRY(split(s, buf_view(&out), p == PART_PLAIN, e));
		else
			buf_str(&s->word, buf_view(&out));
		if (p == PART_QUOTED || p == PART_ESCAPED)
			s->solid = s->word.len;
	}
	return end_word(s, e);
}

int expand_words(
    const struct expander *x, struct str word, struct arena *a, struct str **ret, size_t *ret_n, struct err *e)
{
	struct splitter s = {.a = a};
	struct lexer l = {.x = x, .in = word, .raw_escapes = x->raw_escapes};
	int rc = split_parts(&l, &s, e);
	buf_done(&s.word);
	if (rc < 0)
		return failed(word, e);
	*ret = s.words;
	*ret_n = s.n;
	return 0;
}

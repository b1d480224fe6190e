/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching without backtracking: all states of the pattern are carried along the text at once, each with the leftmost
 * place where its match can have begun. Suffixes are matched as prefixes of the text read backwards.
 */
#include "parser/pattern.h"

#include "base/mem.h"
#include "parser/runes.h"

enum token_kind { TOKEN_TEXT, TOKEN_ANY, TOKEN_STAR };

struct token {
	enum token_kind kind;
	struct str text; /* one character */
};

/* The text as characters: character i is from at[i] to at[i + 1]. */
struct subject {
	const char *p;
	uint32_t *at;
	size_t n;
};

struct matcher {
	struct token *tokens;
	size_t ntokens;
	struct subject text;
	bool backwards;
	uint32_t *now, *next; /* a state each: leftmost start of the match, or NONE */
	uint64_t steps;
};

enum { TEXT_MAX = 1 << 24, PATTERN_MAX = 1 << 16 };
static const uint64_t STEPS_MAX = (uint64_t)1 << 28;
static const uint32_t NONE = UINT32_MAX;

static void matcher_done(struct matcher *m)
{
	mem_free(m->tokens);
	mem_free(m->text.at);
	mem_free(m->now);
	mem_free(m->next);
}
#define cleanup_matcher __attribute__((cleanup(matcher_done)))

static int compile(struct matcher *m, struct str pattern, struct err *e)
{
	m->tokens = mem_array(pattern.len + 1, sizeof(*m->tokens));
	for (size_t i = 0; i < pattern.len;) {
		uint32_t c;
		size_t n = rune_next(str_from(pattern, i), &c);
		struct token *t = &m->tokens[m->ntokens++];
		t->kind = c == '*' ? TOKEN_STAR : c == '?' ? TOKEN_ANY : TOKEN_TEXT;
		if (c == '\\') {
			i++;
			n = i < pattern.len ? rune_next(str_from(pattern, i), &c) : 0;
			if (n != 1 || !strchr("*?\\}/", (int)c) || !c)
				return err_set(e, ERR_SYNTAX,
				    "invalid pattern (%.*s) in substitution: invalid escape '\\%.*s'", STR_ARG(pattern),
				    STR_ARG(str_sub(pattern, i, i + n)));
		}
		t->text = str_sub(pattern, i, i + n);
		i += n;
	}
	return 0;
}

static int matcher_init(struct matcher *m, struct str pattern, struct str text, bool backwards, struct err *e)
{
	if (text.len > TEXT_MAX || pattern.len > PATTERN_MAX)
		return err_set(e, ERR_LIMIT, "pattern or value in a substitution is too long");
	m->backwards = backwards;
	TRY(compile(m, pattern, e));
	m->text.p = text.p ? text.p : "";
	m->text.at = mem_array(text.len + 1, sizeof(*m->text.at));
	for (size_t i = 0; i < text.len;) {
		uint32_t c;
		m->text.at[m->text.n++] = (uint32_t)i;
		i += rune_next(str_from(text, i), &c);
	}
	m->text.at[m->text.n] = (uint32_t)text.len;
	m->now = mem_array(m->ntokens + 1, sizeof(*m->now));
	m->next = mem_array(m->ntokens + 1, sizeof(*m->next));
	return 0;
}

static struct str character(const struct matcher *m, size_t i)
{
	if (m->backwards)
		i = m->text.n - 1 - i;
	return (struct str){m->text.p + m->text.at[i], m->text.at[i + 1] - m->text.at[i]};
}

static const struct token *token(const struct matcher *m, size_t i)
{
	return &m->tokens[m->backwards ? m->ntokens - 1 - i : i];
}

static void lower(uint32_t *a, uint32_t b)
{
	if (b < *a)
		*a = b;
}

/* One character further: m->now becomes the states behind it. False when none is left. */
static bool advance(struct matcher *m, struct str c)
{
	bool newline = c.len == 1 && c.p[0] == '\n', alive = false;
	for (size_t i = 0; i <= m->ntokens; i++)
		m->next[i] = NONE;
	for (size_t i = 0; i < m->ntokens; i++) {
		if (m->now[i] == NONE)
			continue;
		const struct token *t = token(m, i);
		if (t->kind == TOKEN_TEXT ? !str_eq(t->text, c) : newline)
			continue;
		lower(&m->next[t->kind == TOKEN_STAR ? i : i + 1], m->now[i]);
		alive = true;
	}
	uint32_t *t = m->now;
	m->now = m->next;
	m->next = t;
	return alive;
}

static void close_stars(struct matcher *m)
{
	for (size_t i = 0; i < m->ntokens; i++)
		if (m->now[i] != NONE && token(m, i)->kind == TOKEN_STAR)
			lower(&m->now[i + 1], m->now[i]);
}

struct match {
	bool found;
	uint32_t start, end; /* in characters */
};

/* The leftmost match that begins at `from` (anchored) or behind it. */
static int find(struct matcher *m, size_t from, bool anchored, bool longest, struct match *ret, struct err *e)
{
	*ret = (struct match){0};
	for (size_t i = 0; i <= m->ntokens; i++)
		m->now[i] = NONE;
	for (size_t k = from;; k++) {
		m->steps += m->ntokens + 1;
		if (m->steps > STEPS_MAX)
			return err_set(e, ERR_LIMIT, "substitution takes too long");
		if (!ret->found && (!anchored || k == from))
			lower(&m->now[0], (uint32_t)k);
		close_stars(m);
		uint32_t start = m->now[m->ntokens];
		if (start != NONE && (!ret->found || start <= ret->start))
			*ret = (struct match){true, start, (uint32_t)k};
		if (ret->found && !longest)
			return 0;
		for (size_t i = 0; ret->found && i <= m->ntokens; i++)
			if (m->now[i] > ret->start)
				m->now[i] = NONE;
		if (k == m->text.n)
			return 0;
		if (!advance(m, character(m, k)) && (anchored || ret->found))
			return 0;
	}
}

int pattern_cut(struct str pattern, struct str value, bool suffix, bool longest, struct str *ret, struct err *e)
{
	cleanup_matcher struct matcher m = {0};
	struct match found;
	TRY(matcher_init(&m, pattern, value, suffix, e));
	TRY(find(&m, 0, true, longest, &found, e));
	if (!found.found)
		*ret = value;
	else if (suffix)
		*ret = str_sub(value, 0, m.text.at[m.text.n - found.end]);
	else
		*ret = str_from(value, m.text.at[found.end]);
	return 0;
}

static void add_characters(const struct matcher *m, size_t from, size_t to, struct buf *out)
{
	buf_add(out, m->text.p + m->text.at[from], m->text.at[to] - m->text.at[from]);
}

int pattern_replace(struct str pattern, struct str value, struct str with, bool all, struct buf *out, struct err *e)
{
	cleanup_matcher struct matcher m = {0};
	struct match found;
	size_t done = 0, search = 0; /* characters copied; where the next match may begin */
	TRY(matcher_init(&m, pattern, value, false, e));
	while (search <= m.text.n) {
		TRY(find(&m, search, false, true, &found, e));
		if (!found.found)
			break;
		add_characters(&m, done, found.start, out);
		/* No empty match right behind another match. */
		if (found.end > done || found.end == 0)
			buf_str(out, with);
		done = found.end;
		search = found.end > search ? found.end : search + 1;
		if (!all)
			break;
		if (out->len > TEXT_MAX)
			return err_set(e, ERR_LIMIT, "substitution gives more than %d bytes", TEXT_MAX);
	}
	add_characters(&m, done, m.text.n, out);
	return 0;
}

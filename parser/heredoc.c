/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Here-documents. A line is cut into words by the expander with everything kept as it is written; a word of the form
 * N<<WORD or N<<-WORD opens one. What the terminator is, and whether a part of it was quoted, is found by expanding the
 * word once without and once with its quotes. The escape character is a backslash here whatever the file says.
 */
#include "base/mem.h"
#include "parser/expand.h"
#include "parser/syntax.h"

static bool no_variable(void *arg, struct str name, struct str *ret)
{
	(void)arg;
	(void)name;
	(void)ret;
	return false;
}

/* Cuts "N<<-" off the front; false when the word does not begin like that or has another '<'. */
static bool cut_operator(struct str *word, struct heredoc *h)
{
	size_t i = 0;
	h->fd = 0;
	for (; i < word->len && word->p[i] >= '0' && word->p[i] <= '9'; i++)
		h->fd = h->fd > 100000000 ? h->fd : h->fd * 10 + (word->p[i] - '0');
	if (word->len - i < 3 || word->p[i] != '<' || word->p[i + 1] != '<')
		return false;
	i += 2;
	h->chomp = word->p[i] == '-';
	i += h->chomp;
	*word = str_from(*word, i);
	return word->len > 0 && str_find(*word, '<') < 0;
}

/* "$((1 << 4))", "$(( x << 2 ))": behind a blank, a number or a closing bracket is arithmetic and no terminator. */
static bool arithmetic(struct str rest)
{
	struct str word = str_trim(rest);
	uint64_t number;
	return word.p > rest.p && (str_find(word, ')') >= 0 || str_u64(word, UINT64_MAX, &number));
}

int heredoc_word(struct arena *a, struct str word, bool *ret_is, struct heredoc *ret, struct err *e)
{
	struct expander bare = {.get = no_variable, .escape = '\\', .skip_unset = true}, raw = bare;
	struct heredoc h = {0};
	struct str *w, *kept;
	size_t n, nkept;
	*ret_is = false;
	if (!cut_operator(&word, &h) || arithmetic(word))
		return 0;
	raw.raw_quotes = true;
	TRY(expand_words(&bare, word, a, &w, &n, e));
	if (n != 1)
		return 0;
	TRY(expand_words(&raw, word, a, &kept, &nkept, e));
	h.name = w[0];
	h.expand = nkept == 1 && str_eq(w[0], kept[0]);
	*ret = h;
	*ret_is = true;
	return 0;
}

int heredoc_find(struct arena *a, struct str line, struct heredoc **ret, size_t *ret_n, struct err *e)
{
	struct expander raw = {
	    .get = no_variable, .escape = '\\', .skip_unset = true, .raw_quotes = true, .raw_escapes = true};
	struct str *words;
	size_t n, cap = 0;
	struct err ignored;
	*ret = NULL;
	*ret_n = 0;
	if (!memmem(line.p, line.len, "<<", 2) || expand_words(&raw, line, a, &words, &n, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct heredoc h;
		bool is;
		TRY(heredoc_word(a, words[i], &is, &h, e));
		if (!is)
			continue;
		if (*ret_n >= SYNTAX_HEREDOCS_MAX)
			return err_set(e, ERR_LIMIT, "more than %d here-documents", SYNTAX_HEREDOCS_MAX);
		ARENA_ROOM(a, *ret, *ret_n, cap);
		(*ret)[(*ret_n)++] = h;
	}
	return 0;
}

static struct str cut_tabs(struct str s)
{
	while (s.len && s.p[0] == '\t')
		s = str_from(s, 1);
	return s;
}

int heredoc_read(struct lines *l, struct heredoc *h, struct err *e)
{
	struct str raw;
	const char *from = l->rest.p;
	h->where = (struct where){l->line + 1, 1, l->line + 1};
	while (lines_raw(l, &raw)) {
		struct str s = line_trim_end(raw);
		if (!str_eq(h->chomp ? cut_tabs(s) : s, h->name))
			continue;
		h->content = h->raw = (struct str){from, (size_t)(raw.p - from)};
		h->where.end_line = l->line;
		return 0;
	}
	return err_set(e, ERR_SYNTAX, "unterminated heredoc");
}

struct str heredoc_chomp(struct arena *a, struct str body)
{
	char *out = arena_new(a, body.len + 1);
	size_t n = 0;
	bool start = true;
	for (size_t i = 0; i < body.len; i++) {
		if (start && body.p[i] == '\t')
			continue;
		start = body.p[i] == '\n';
		out[n++] = body.p[i];
	}
	return (struct str){out, n};
}

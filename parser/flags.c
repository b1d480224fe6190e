/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags: the words with "--" in front of the other arguments, for every instruction. Both kinds of quotes and the
 * escape character work in them and are gone from the result; what a flag means is settled later, by those who know the
 * instruction.
 */
#include "base/buf.h"
#include "parser/runes.h"
#include "parser/syntax.h"

/* Length of the word at s, quoted blanks included; *ret_plain: no quote and no escape in it. */
static size_t word_length(struct str s, char escape, bool *ret_plain)
{
	char quote = 0;
	size_t i = 0;
	*ret_plain = true;
	for (; i < s.len; i++) {
		char c = s.p[i];
		if (c == escape) {
			*ret_plain = false;
			i++;
		} else if (quote) {
			quote = c == quote ? 0 : quote;
		} else if (c == '\'' || c == '"') {
			*ret_plain = false;
			quote = c;
		} else if (byte_blank(c)) {
			break;
		}
	}
	return i < s.len ? i : s.len;
}

static struct str unquote(struct arena *a, struct str s, char escape)
{
	char *out = arena_new(a, s.len + 1), quote = 0;
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		if (c == escape) {
			if (++i < s.len)
				out[n++] = s.p[i];
		} else if (quote ? c == quote : c == '\'' || c == '"') {
			quote = quote ? 0 : c;
		} else {
			out[n++] = c;
		}
	}
	return (struct str){out, n};
}

int flags_cut(struct arena *a, char escape, struct str *rest, struct words *ret, struct err *e)
{
	for (;;) {
		while (rest->len && byte_blank(rest->p[0]))
			*rest = str_from(*rest, 1);
		if (!str_starts(*rest, STR("--")))
			return 0;
		bool plain;
		size_t n = word_length(*rest, escape, &plain);
		struct str word = str_sub(*rest, 0, n), text = plain ? word : unquote(a, word, escape);
		*rest = str_from(*rest, n);
		if (str_eq(text, STR("--")))
			return 0;
		TRY(words_add(a, ret, text, word.p, e));
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CSV record. A field is quoted as a whole or not at all; inside quotes "" is a quote and commas and line ends are
 * ordinary. Fields without quotes are slices of the input, nothing is copied for them.
 */
#include "parser/values.h"

static int quote_error(size_t column, bool bare, struct err *e)
{
	return err_set(e, ERR_SYNTAX, "parse error on line 1, column %zu: %s", column,
	    bare ? "bare \" in non-quoted-field" : "extraneous or missing \" in quoted-field");
}

/* The quoted field that begins at i (the opening quote); *i ends behind the closing one. */
static int quoted(struct str s, size_t *i, struct arena *a, struct str *ret, struct err *e)
{
	size_t from = *i + 1, end = from;
	char *copy = NULL;
	size_t n = 0;
	for (;; end++) {
		if (end == s.len)
			return quote_error(s.len, false, e);
		if (s.p[end] != '"') {
			if (copy)
				copy[n++] = s.p[end];
			continue;
		}
		if (end + 1 == s.len || s.p[end + 1] == ',')
			break;
		if (s.p[end + 1] != '"')
			return quote_error(end + 1, false, e);
		if (!copy) {
			copy = arena_new(a, s.len - from + 1);
			n = end - from;
			memcpy(copy, s.p + from, n);
		}
		copy[n++] = '"';
		end++;
	}
	*ret = copy ? (struct str){copy, n} : str_sub(s, from, end);
	*i = end + 1;
	return 0;
}

static int plain(struct str s, size_t *i, struct str *ret, struct err *e)
{
	size_t from = *i;
	for (; *i < s.len && s.p[*i] != ','; ++*i)
		if (s.p[*i] == '"')
			return quote_error(*i + 1, true, e);
	*ret = str_sub(s, from, *i);
	return 0;
}

int csv_parse(struct str text, struct arena *a, struct str **ret, size_t *ret_n, struct err *e)
{
	struct str *fields = NULL;
	size_t n = 0, cap = 0;
	if (!text.len)
		return err_set(e, ERR_SYNTAX, "empty value");
	for (size_t i = 0;; i++) {
		ARENA_ROOM(a, fields, n, cap);
		if (i < text.len && text.p[i] == '"')
			TRY(quoted(text, &i, a, &fields[n], e));
		else
			TRY(plain(text, &i, &fields[n], e));
		n++;
		if (i >= text.len)
			break;
	}
	*ret = fields;
	*ret_n = n;
	return 0;
}

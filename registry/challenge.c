/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar has a trap: challenges and their parameters are both separated by commas. A word followed by '=' is a
 * parameter of the challenge before it, a word followed by a blank or nothing begins a new one.
 */
#include "registry/challenge.h"

#include <ctype.h>

#include "base/buf.h"

enum { VALUE_MAX = 8 * 1024 };

static bool token_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip(struct str *s, const char *these)
{
	while (s->len && s->p[0] && strchr(these, s->p[0]))
		*s = str_from(*s, 1);
}

static struct str take_token(struct str *s)
{
	size_t n = 0;
	while (n < s->len && token_char(s->p[n]))
		n++;
	struct str token = str_sub(*s, 0, n);
	*s = str_from(*s, n);
	return token;
}

/* A quoted string's value; false when it does not end. */
static bool take_quoted(struct str *s, struct arena *a, struct str *ret)
{
	cleanup_buf struct buf out = {0};
	for (size_t i = 1; i < s->len; i++) {
		char c = s->p[i];
		if (c == '"') {
			*ret = arena_str(a, buf_view(&out));
			*s = str_from(*s, i + 1);
			return true;
		}
		if (c == '\\' && i + 1 < s->len)
			c = s->p[++i];
		if ((unsigned char)c < ' ' || c == 0x7f || out.len > VALUE_MAX)
			return false;
		buf_putc(&out, c);
	}
	return false;
}

static bool take_value(struct str *s, struct arena *a, struct str *ret)
{
	skip(s, " \t");
	if (s->len && s->p[0] == '"')
		return take_quoted(s, a, ret);
	/* unquoted values are tokens, but URLs without quotes have been seen */
	size_t n = 0;
	while (n < s->len && n < VALUE_MAX && s->p[n] > ' ' && s->p[n] != ',' && s->p[n] != 0x7f)
		n++;
	*ret = arena_str(a, str_sub(*s, 0, n));
	*s = str_from(*s, n);
	return true;
}

static void keep(struct challenge *c, struct str name, struct str value)
{
	struct str *to = str_ieq(name, STR("realm")) ? &c->realm : str_ieq(name, STR("service")) ? &c->service
		: str_ieq(name, STR("scope")) ? &c->scope : str_ieq(name, STR("error")) ? &c->error : NULL;
	if (to && to->len == 0)
		*to = value;
}

void challenge_parse(struct str value, struct arena *a, struct challenge *c)
{
	struct str s = value;
	bool in_bearer = false;
	for (;;) {
		skip(&s, " \t,");
		struct str word = take_token(&s);
		if (word.len == 0)
			return;
		skip(&s, " \t");
		if (s.len && s.p[0] == '=') {
			struct str v;
			s = str_from(s, 1);
			if (!take_value(&s, a, &v))
				return;
			if (in_bearer)
				keep(c, word, v);
			continue;
		}
		in_bearer = str_ieq(word, STR("bearer")) && !c->bearer;
		c->bearer |= in_bearer;
		c->basic |= str_ieq(word, STR("basic"));
	}
}

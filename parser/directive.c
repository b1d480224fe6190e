/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directives are asked for in two ways: the line reader tries each line at the top of a file as it comes by, and
 * directive_find looks for one name in a text that need not be a Containerfile at all.
 */
#include "parser/directive.h"

#include "base/jval.h"
#include "base/mem.h"

enum { JSON_MAX = 1024 * 1024 };

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static struct str skip_blanks(struct str s)
{
	size_t i = 0;
	while (i < s.len && blank(s.p[i]))
		i++;
	return str_from(s, i);
}

bool directive_line(struct str line, struct str mark, struct str *ret_name, struct str *ret_value)
{
	if (!str_starts(line, mark))
		return false;
	struct str s = skip_blanks(str_from(line, mark.len));
	size_t n = 0;
	while (n < s.len && alnum(s.p[n]))
		n++;
	if (n == 0 || (s.p[0] >= '0' && s.p[0] <= '9'))
		return false;
	struct str name = str_sub(s, 0, n);
	s = skip_blanks(str_from(s, n));
	if (s.len == 0 || s.p[0] != '=')
		return false;
	s = skip_blanks(str_from(s, 1));
	while (s.len && blank(s.p[s.len - 1]))
		s.len--;
	if (s.len == 0)
		return false;
	*ret_name = name;
	*ret_value = s;
	return true;
}

bool directive_known(struct str name)
{
	return str_ieq(name, STR("escape")) || str_ieq(name, STR("syntax")) || str_ieq(name, STR("check"));
}

static struct str first_word(struct str s)
{
	ptrdiff_t i = str_find(s, ' ');
	return i < 0 ? s : str_sub(s, 0, (size_t)i);
}

/* Cuts the next line, without its end, off *rest. */
static bool next_line(struct str *rest, struct str *ret)
{
	if (rest->len == 0)
		return false;
	ptrdiff_t i = str_find(*rest, '\n');
	*ret = i < 0 ? *rest : str_sub(*rest, 0, (size_t)i);
	*rest = str_from(*rest, i < 0 ? rest->len : (size_t)i + 1);
	while (ret->len && (ret->p[ret->len - 1] == '\r'))
		ret->len--;
	return true;
}

static bool find_in_lines(struct str text, int line, const char *name, struct str mark, struct directive *ret)
{
	struct str l, n, value, seen[3] = {{0}};
	for (int i = 0; next_line(&text, &l); i++) {
		line++;
		if (!directive_line(l, mark, &n, &value) || !directive_known(n))
			return false;
		for (int k = 0; k < i; k++)
			if (str_ieq(seen[k], n))
				return false;
		if (str_ieq(n, str_of(name))) {
			*ret = (struct directive){value, first_word(value), line, (int)(value.p - l.p) + 1, NULL};
			return true;
		}
		if (i == 3)
			return false;
		seen[i] = n;
	}
	return false;
}

static bool find_in_json(struct str text, int line, const char *name, struct directive *ret)
{
	struct str s = str_trim(text);
	if (s.len == 0 || s.p[0] != '{' || s.len > JSON_MAX)
		return false;
	struct err e;
	cleanup_jval struct jval *j = NULL;
	if (jval_parse(s, &j, &e) < 0)
		return false;
	const char *value = jval_get_text(j, name);
	if (!value)
		return false;
	for (const char *p = text.p; p < s.p; p++)
		line += *p == '\n';
	char *room = mem_strdup(value);
	*ret = (struct directive){str_of(room), first_word(str_of(room)), line + 1, 1, room};
	return true;
}

bool directive_find(struct str text, const char *name, struct directive *ret)
{
	int line = 0;
	struct str l;
	if (str_starts(text, STR("\xEF\xBB\xBF")))
		text = str_from(text, 3);
	if (str_starts(text, STR("#!")) && next_line(&text, &l)) {
		line++;
		if (str_starts(text, STR("\xEF\xBB\xBF")))
			text = str_from(text, 3);
	}
	if (find_in_lines(text, line, name, STR("#"), ret))
		return true;
	if (!str_ieq(str_of(name), STR("syntax")))
		return false;
	return find_in_lines(text, line, name, STR("//"), ret) || find_in_json(text, line, name, ret);
}

void directive_done(struct directive *d)
{
	mem_free(d->room);
	*d = (struct directive){0};
}

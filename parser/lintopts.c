/* SPDX-License-Identifier: Apache-2.0 */
/* "key=value" separated by semicolons. Names of rules are not verified: a file may name rules of a newer version. */
#include "parser/lintopts.h"

#include "parser/runes.h"
#include "parser/values.h"

static void names(struct str value, struct arena *a, struct str **ret, size_t *ret_n, bool *ret_all)
{
	struct str name;
	size_t cap = 0;
	*ret = NULL;
	*ret_n = 0;
	*ret_all = str_eqz(value, "all");
	if (*ret_all)
		return;
	value = value.p ? value : (struct str){"", 0};
	while (str_split(&value, ',', &name)) {
		ARENA_ROOM(a, *ret, *ret_n, cap);
		(*ret)[(*ret_n)++] = rune_trim(name);
	}
}

static int option(struct str text, struct arena *a, struct lintopts *o, struct err *e)
{
	ptrdiff_t equal = str_find(text, '=');
	struct str key = rune_trim(equal < 0 ? text : str_sub(text, 0, (size_t)equal));
	struct str value = equal < 0 ? (struct str){"", 0} : rune_trim(str_from(text, (size_t)equal + 1));
	if (equal >= 0 && str_eqz(key, "skip")) {
		names(value, a, &o->skip, &o->nskip, &o->skip_all);
		return 0;
	}
	if (equal >= 0 && str_eqz(key, "experimental")) {
		names(value, a, &o->experimental, &o->nexperimental, &o->experimental_all);
		return 0;
	}
	if (equal < 0 || !str_eqz(key, "error"))
		return err_set(e, ERR_SYNTAX, "invalid check option \"%.*s\"", STR_ARG(key));
	if (bool_parse(value, &o->error, e) < 0)
		return err_wrap(e, "failed to parse check option \"%.*s\"", STR_ARG(text));
	return 0;
}

int lintopts_parse(struct str text, struct arena *a, struct lintopts *ret, struct err *e)
{
	struct lintopts o = {0};
	struct str part;
	while (text.len && str_split(&text, ';', &part)) {
		TRY(option(part, a, &o, e));
		if (text.p && !text.len)
			return err_set(e, ERR_SYNTAX, "invalid check option \"\"");
	}
	*ret = o;
	return 0;
}

static bool among(const struct str *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eqz(list[i], name))
			return true;
	return false;
}

bool lintopts_runs(const struct lintopts *o, const char *rule, bool experimental)
{
	if (o->skip_all || among(o->skip, o->nskip, rule))
		return false;
	return !experimental || o->experimental_all || among(o->experimental, o->nexperimental, rule);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template is carried out while it is read: text is copied, an action is evaluated, and the body of a range or an if is read
 * again or skipped. That is a few lines and fast enough for lists of images. Functions are in template_func.c.
 */
#include "builder/cli/template_impl.h"

#include <stdlib.h>

enum { NESTING_MAX = 32, RANGE_MAX = 100000 };

/* The end of a body: which word ended it, and where the reading goes on. */
enum stop { STOP_END, STOP_ELSE, STOP_TEXT_OVER };

static int body(struct tmpl *t, bool live, struct jval *dot, unsigned depth, enum stop *ret_stop);

struct jval *tmpl_own(struct tmpl *t, struct jval *v)
{
	MEM_ROOM(t->owned, t->nowned, t->owned_cap);
	t->owned[t->nowned++] = v;
	return v;
}

static void blanks(struct tmpl *t)
{
	while (t->at < t->end && strchr(" \t\r\n", *t->at))
		t->at++;
}

static bool name_char(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

static struct str name(struct tmpl *t)
{
	const char *from = t->at;

	while (t->at < t->end && name_char(*t->at))
		t->at++;
	return (struct str){from, (size_t)(t->at - from)};
}

int tmpl_fail(struct tmpl *t, const char *what)
{
	return err_set(
	    t->e, ERR_USAGE, "template: %s at character %zu of \"%s\"", what, (size_t)(t->at - t->begin) + 1, t->begin);
}

static int field(struct tmpl *t, struct jval **v)
{
	struct str key = name(t);
	struct buf k cleanup_buf = {0};
	struct jval *got;

	buf_str(&k, key);
	buf_puts(&k, "");
	got = k.p ? jval_get(*v, k.p) : *v;
	if (!got && t->strict && *v == t->root)
		return err_set(t->e, ERR_USAGE, "template: there is no field \"%s\"", k.p);
	*v = got;
	return 0;
}

static int fields(struct tmpl *t, struct jval **v)
{
	while (t->at < t->end && *t->at == '.') {
		t->at++;
		TRY(field(t, v));
	}
	return 0;
}

static int quoted(struct tmpl *t, struct jval **ret)
{
	struct buf text cleanup_buf = {0};
	char quote = *t->at++;

	buf_puts(&text, "");
	for (; t->at < t->end && *t->at != quote; t->at++) {
		char c = *t->at;

		if (c == '\\' && quote == '"' && t->at + 1 < t->end) {
			c = *++t->at;
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
		}
		buf_putc(&text, c);
	}
	if (t->at >= t->end)
		return tmpl_fail(t, "a quote is not closed");
	t->at++;
	*ret = tmpl_own(t, jval_string(buf_view(&text)));
	return 0;
}

static int variable(struct tmpl *t, struct jval **ret)
{
	struct str n;

	t->at++;
	n = name(t);
	*ret = t->root;
	if (!n.len)
		return 0;
	for (size_t i = t->nvars; i-- > 0;) {
		if (str_eq(t->vars[i].name, n)) {
			*ret = t->vars[i].value;
			return 0;
		}
	}
	return tmpl_fail(t, "undefined variable");
}

static int operand(struct tmpl *t, struct jval *dot, unsigned depth, struct jval **ret)
{
	char c = *t->at;

	if (depth > NESTING_MAX)
		return tmpl_fail(t, "too deep");
	if (c == '.') {
		*ret = dot;
		t->at++;
		if (t->at < t->end && name_char(*t->at))
			TRY(field(t, ret));
	} else if (c == '$') {
		TRY(variable(t, ret));
	} else if (c == '"' || c == '`') {
		return quoted(t, ret);
	} else if (c == '(') {
		t->at++;
		TRY(tmpl_pipeline(t, dot, depth + 1, ret));
		blanks(t);
		if (t->at >= t->end || *t->at++ != ')')
			return tmpl_fail(t, "')' is missing");
	} else if ((c >= '0' && c <= '9') || c == '-') {
		char *end = NULL;

		*ret = tmpl_own(t, jval_integer(strtoll(t->at, &end, 10)));
		if (end == t->at)
			return tmpl_fail(t, "bad number");
		t->at = end;
		return 0;
	} else {
		struct str word = name(t);

		if (str_eq(word, STR("true")) || str_eq(word, STR("false")))
			*ret = tmpl_own(t, jval_boolean(word.len == 4));
		else if (str_eq(word, STR("nil")))
			*ret = NULL;
		else
			return tmpl_fail(t, "unexpected word");
		return 0;
	}
	return fields(t, ret);
}

static bool at_end(struct tmpl *t)
{
	blanks(t);
	return t->at >= t->end || *t->at == '|' || *t->at == ')' || *t->at == '}' ||
	       (*t->at == '-' && t->at + 1 < t->end && t->at[1] == '}');
}

/* One command of a pipeline; `piped` (when `has_piped`) becomes the last argument. */
static int command(
    struct tmpl *t, struct jval *dot, unsigned depth, bool has_piped, struct jval *piped, struct jval **ret)
{
	struct jval *args[TMPL_ARGS_MAX];
	const struct tmpl_func *f = NULL;
	size_t n = 0;

	blanks(t);
	if (at_end(t))
		return tmpl_fail(t, "a value is missing");
	if (name_char(*t->at) && (*t->at < '0' || *t->at > '9')) {
		const char *from = t->at;

		f = tmpl_func_find(name(t));
		if (!f)
			t->at = from;
	}
	while (!at_end(t)) {
		if (n + 1 >= TMPL_ARGS_MAX)
			return tmpl_fail(t, "too many arguments");
		TRY(operand(t, dot, depth, &args[n++]));
	}
	if (has_piped)
		args[n++] = piped;
	if (!f && n != 1)
		return tmpl_fail(t, "a function was expected");
	if (!f) {
		*ret = args[0];
		return 0;
	}
	if (n < f->min || n > f->max)
		return tmpl_fail(t, "wrong number of arguments");
	return f->run(t, args, n, ret);
}

int tmpl_pipeline(struct tmpl *t, struct jval *dot, unsigned depth, struct jval **ret)
{
	bool piped = false;
	struct jval *v = NULL;

	for (;;) {
		TRY(command(t, dot, depth, piped, v, &v));
		blanks(t);
		if (t->at >= t->end || *t->at != '|')
			break;
		t->at++;
		piped = true;
	}
	*ret = v;
	return 0;
}

/* --- actions --- */

/* Takes "}}" or "-}}"; the latter eats the blanks that follow. */
static int close_action(struct tmpl *t)
{
	bool trim = false;

	blanks(t);
	if (t->at < t->end && *t->at == '-') {
		trim = true;
		t->at++;
	}
	if (t->end - t->at < 2 || t->at[0] != '}' || t->at[1] != '}')
		return tmpl_fail(t, "\"}}\" is missing");
	t->at += 2;
	if (trim)
		blanks(t);
	return 0;
}

static int skip_action(struct tmpl *t)
{
	while (t->end - t->at >= 2 && !(t->at[0] == '}' && t->at[1] == '}'))
		t->at++;
	return close_action(t);
}

struct loop {
	struct tmpl *t;
	const char *from; /* beginning of the body */
	struct str key, value;
	unsigned depth;
	size_t rounds;
	enum stop stop;
};

static int round_of(struct loop *l, struct jval *key, struct jval *value)
{
	struct tmpl *t = l->t;
	size_t nvars = t->nvars;
	int rc;

	if (++l->rounds > RANGE_MAX)
		return tmpl_fail(t, "too many items");
	if (l->key.len && t->nvars < TMPL_VARS_MAX)
		t->vars[t->nvars++] = (struct tmpl_var){l->key, key};
	if (l->value.len && t->nvars < TMPL_VARS_MAX)
		t->vars[t->nvars++] = (struct tmpl_var){l->value, value};
	t->at = l->from;
	rc = body(t, true, value, l->depth + 1, &l->stop);
	t->nvars = nvars;
	return rc;
}

static int round_of_member(const char *key, struct jval *value, void *arg)
{
	struct loop *l = arg;

	return round_of(l, tmpl_own(l->t, jval_string(str_of(key))), value);
}

static int rounds(struct loop *l, struct jval *over)
{
	if (jval_is_object(over))
		return jval_each(over, round_of_member, l);
	for (size_t i = 0; jval_is_array(over) && i < jval_count(over); i++)
		TRY(round_of(l, tmpl_own(l->t, jval_integer((int64_t)i)), jval_at(over, i)));
	return 0;
}

/* "$v := " or "$k, $v := " in front of what is gone through. */
static void loop_names(struct tmpl *t, struct loop *l)
{
	const char *from = t->at;
	struct str first, second = {0};

	blanks(t);
	if (t->at >= t->end || *t->at != '$')
		return;
	t->at++;
	first = name(t);
	blanks(t);
	if (t->at < t->end && *t->at == ',') {
		t->at++;
		blanks(t);
		if (t->at < t->end && *t->at == '$')
			t->at++;
		second = name(t);
		blanks(t);
	}
	if (t->end - t->at < 2 || t->at[0] != ':' || t->at[1] != '=') {
		t->at = from;
		return;
	}
	t->at += 2;
	l->key = second.len ? first : (struct str){0};
	l->value = second.len ? second : first;
}

/* What follows a taken or not taken body: perhaps an else, then the end. */
static int rest_of(struct tmpl *t, bool live_else, struct jval *dot, unsigned depth, enum stop stop)
{
	if (stop == STOP_ELSE)
		TRY(body(t, live_else, dot, depth + 1, &stop));
	return stop == STOP_END ? 0 : tmpl_fail(t, "{{end}} is missing");
}

static int range(struct tmpl *t, bool live, struct jval *dot, unsigned depth)
{
	struct loop l = {.t = t, .depth = depth};
	struct jval *over = NULL;

	loop_names(t, &l);
	if (live)
		TRY(tmpl_pipeline(t, dot, depth, &over));
	TRY(live ? close_action(t) : skip_action(t));
	l.from = t->at;
	if (live)
		TRY(rounds(&l, over));
	if (!l.rounds)
		TRY(body(t, false, NULL, depth + 1, &l.stop));
	return rest_of(t, live && !l.rounds, dot, depth, l.stop);
}

/* {{if}} and {{with}}; `else if` is an if whose end ends both. */
static int condition(struct tmpl *t, bool live, bool with, struct jval *dot, unsigned depth)
{
	struct jval *v = NULL;
	enum stop stop;
	bool yes;

	if (live)
		TRY(tmpl_pipeline(t, dot, depth, &v));
	TRY(live ? close_action(t) : skip_action(t));
	yes = live && tmpl_true(v);
	TRY(body(t, yes, with ? v : dot, depth + 1, &stop));
	if (stop == STOP_ELSE && t->else_if) {
		t->else_if = false;
		return condition(t, live && !yes, false, dot, depth);
	}
	return rest_of(t, live && !yes, dot, depth, stop);
}

/* The word that an action begins with, if it is `word`. */
static bool takes(struct tmpl *t, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(t->end - t->at) <= n || memcmp(t->at, word, n) != 0 || name_char(t->at[n]))
		return false;
	t->at += n;
	return true;
}

/* One action behind "{{". *ret_stop is set and 1 returned when it ends the body. */
static int action(struct tmpl *t, bool live, struct jval *dot, unsigned depth, enum stop *ret_stop)
{
	struct jval *v;

	blanks(t);
	if (takes(t, "range"))
		return range(t, live, dot, depth);
	if (takes(t, "if"))
		return condition(t, live, false, dot, depth);
	if (takes(t, "with"))
		return condition(t, live, true, dot, depth);
	if (takes(t, "end")) {
		*ret_stop = STOP_END;
		TRY(close_action(t));
		return 1;
	}
	if (takes(t, "else")) {
		*ret_stop = STOP_ELSE;
		blanks(t);
		t->else_if = takes(t, "if");
		if (!t->else_if)
			TRY(close_action(t));
		return 1;
	}
	if (!live || (t->end - t->at > 1 && t->at[0] == '/' && t->at[1] == '*'))
		return skip_action(t);
	TRY(tmpl_pipeline(t, dot, depth, &v));
	TRY(close_action(t));
	tmpl_print(v, t->out);
	return 0;
}

static bool opens(const struct tmpl *t, const char *at)
{
	return t->end - at >= 2 && at[0] == '{' && at[1] == '{';
}

/* Text up to the next action; "{{- " eats the blanks before it. */
static void text(struct tmpl *t, bool live)
{
	const char *from = t->at, *to;

	while (t->at < t->end && !opens(t, t->at))
		t->at++;
	to = t->at;
	if (t->end - to > 3 && to[2] == '-' && strchr(" \t\n", to[3]))
		while (to > from && strchr(" \t\r\n", to[-1]))
			to--;
	if (live)
		buf_add(t->out, from, (size_t)(to - from));
}

static int body(struct tmpl *t, bool live, struct jval *dot, unsigned depth, enum stop *ret_stop)
{
	if (depth > NESTING_MAX)
		return tmpl_fail(t, "too deep");
	while (t->at < t->end) {
		int rc;

		text(t, live);
		if (t->at >= t->end)
			break;
		t->at += 2;
		if (t->end - t->at > 1 && t->at[0] == '-' && strchr(" \t\n", t->at[1]))
			t->at++;
		rc = action(t, live, dot, depth, ret_stop);
		if (rc)
			return rc < 0 ? rc : 0;
	}
	*ret_stop = STOP_TEXT_OVER;
	return 0;
}

int template_run(const char *text_, const struct jval *data, bool strict, struct buf *out, struct err *e)
{
	struct jval *copy cleanup_jval = jval_copy(data);
	struct tmpl t = {.begin = text_,
	    .at = text_,
	    .end = text_ + strlen(text_),
	    .root = copy,
	    .strict = strict,
	    .out = out,
	    .e = e};
	enum stop stop = STOP_TEXT_OVER;
	int rc = body(&t, true, copy, 0, &stop);

	if (rc == 0 && stop != STOP_TEXT_OVER)
		rc = tmpl_fail(&t, stop == STOP_END ? "unexpected {{end}}" : "unexpected {{else}}");
	for (size_t i = 0; i < t.nowned; i++)
		jval_free(t.owned[i]);
	mem_free(t.owned);
	return rc;
}

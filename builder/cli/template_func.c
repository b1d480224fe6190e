/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of templates, as a table, and how values are printed and judged. */
#include "builder/cli/template_impl.h"

#include <stdio.h>

static struct jval *own_str(struct tmpl *t, const struct buf *text)
{
	return tmpl_own(t, jval_string(text->p ? buf_view(text) : STR("")));
}

static bool is_bool(const struct jval *v)
{
	return v && jval_bool(v, true) == jval_bool(v, false);
}

bool tmpl_true(const struct jval *v)
{
	if (!v || jval_is_null(v))
		return false;
	if (jval_is_string(v))
		return *jval_text(v) != 0;
	if (jval_is_array(v) || jval_is_object(v))
		return jval_count(v) > 0;
	if (is_bool(v))
		return jval_bool(v, false);
	return jval_real(v, 0) != 0 || jval_int(v, 0) != 0;
}

struct member_print {
	struct buf *out;
	bool any;
};

static int print_member(const char *key, struct jval *value, void *arg)
{
	struct member_print *m = arg;

	buf_printf(m->out, "%s%s:", m->any ? " " : "", key);
	tmpl_print(value, m->out);
	m->any = true;
	return 0;
}

void tmpl_print(const struct jval *v, struct buf *out)
{
	if (!v) {
		buf_puts(out, "<no value>");
	} else if (jval_is_null(v)) {
		buf_puts(out, "<nil>");
	} else if (jval_is_string(v)) {
		buf_puts(out, jval_text(v));
	} else if (jval_is_array(v)) {
		buf_putc(out, '[');
		for (size_t i = 0; i < jval_count(v); i++) {
			if (i)
				buf_putc(out, ' ');
			tmpl_print(jval_at(v, i), out);
		}
		buf_putc(out, ']');
	} else if (jval_is_object(v)) {
		struct member_print m = {.out = out};

		buf_puts(out, "map[");
		jval_each(v, print_member, &m);
		buf_putc(out, ']');
	} else {
		jval_print(v, 0, out);
	}
}

static int f_json(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	struct buf text cleanup_buf = {0};

	(void)n;
	if (args[0])
		jval_print(args[0], 0, &text);
	else
		buf_puts(&text, "null");
	*ret = own_str(t, &text);
	return 0;
}

static int f_index(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	struct jval *v = args[0];

	for (size_t i = 1; i < n; i++) {
		if (jval_is_string(args[i])) {
			v = jval_get(v, jval_text(args[i]));
			continue;
		}
		if (!jval_is_array(v) || jval_int(args[i], -1) < 0 || (size_t)jval_int(args[i], 0) >= jval_count(v))
			return tmpl_fail(t, "index out of range");
		v = jval_at(v, (size_t)jval_int(args[i], 0));
	}
	*ret = v;
	return 0;
}

static int f_len(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	const char *text = jval_text(args[0]);

	(void)n;
	*ret = tmpl_own(t, jval_integer((int64_t)(text ? strlen(text) : jval_count(args[0]))));
	return 0;
}

static int f_join(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	struct buf text cleanup_buf = {0};

	(void)n;
	for (size_t i = 0; i < jval_count(args[0]); i++) {
		if (i)
			tmpl_print(args[1], &text);
		tmpl_print(jval_at(args[0], i), &text);
	}
	*ret = own_str(t, &text);
	return 0;
}

static int f_split(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	const char *text = jval_text(args[0]), *by = jval_text(args[1]);
	struct jval *list = tmpl_own(t, jval_array());

	(void)n;
	while (text && by && *by) {
		const char *next = strstr(text, by);

		jval_append(list, jval_string(next ? (struct str){text, (size_t)(next - text)} : str_of(text)));
		text = next ? next + strlen(by) : NULL;
	}
	*ret = list;
	return 0;
}

static int change_case(struct tmpl *t, const struct jval *v, char first, char last, struct jval **ret)
{
	struct buf text cleanup_buf = {0};

	tmpl_print(v, &text);
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] >= first && text.p[i] <= last)
			text.p[i] ^= 0x20;
	*ret = own_str(t, &text);
	return 0;
}

static int f_lower(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	(void)n;
	return change_case(t, args[0], 'A', 'Z', ret);
}

static int f_upper(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	(void)n;
	return change_case(t, args[0], 'a', 'z', ret);
}

static bool equal(const struct jval *a, const struct jval *b)
{
	struct buf x cleanup_buf = {0}, y cleanup_buf = {0};

	tmpl_print(a, &x);
	tmpl_print(b, &y);
	return (!a) == (!b) && (!a || jval_is_string(a) == jval_is_string(b)) && str_eq(buf_view(&x), buf_view(&y));
}

static int f_eq(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	bool any = false;

	for (size_t i = 1; i < n; i++)
		any = any || equal(args[0], args[i]);
	*ret = tmpl_own(t, jval_boolean(any));
	return 0;
}

static int f_ne(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	(void)n;
	*ret = tmpl_own(t, jval_boolean(!equal(args[0], args[1])));
	return 0;
}

static int f_not(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	(void)n;
	*ret = tmpl_own(t, jval_boolean(!tmpl_true(args[0])));
	return 0;
}

/* Go's `and` and `or` give one of their arguments back. */
static int f_and(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	(void)t;
	*ret = args[n - 1];
	for (size_t i = n; i-- > 0;)
		if (!tmpl_true(args[i]))
			*ret = args[i];
	return 0;
}

static int f_or(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	(void)t;
	*ret = args[n - 1];
	for (size_t i = n; i-- > 0;)
		if (tmpl_true(args[i]))
			*ret = args[i];
	return 0;
}

static int print_all(struct tmpl *t, struct jval **args, size_t n, const char *end, struct jval **ret)
{
	struct buf text cleanup_buf = {0};

	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(&text, ' ');
		tmpl_print(args[i], &text);
	}
	buf_puts(&text, end);
	*ret = own_str(t, &text);
	return 0;
}

static int f_print(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	return print_all(t, args, n, "", ret);
}

static int f_println(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	return print_all(t, args, n, "\n", ret);
}

static int f_truncate(struct tmpl *t, struct jval **args, size_t n, struct jval **ret)
{
	struct buf text cleanup_buf = {0};
	int64_t most = jval_int(args[1], -1);

	(void)n;
	tmpl_print(args[0], &text);
	*ret = tmpl_own(t,
	    jval_string(str_sub(buf_view(&text), 0, most >= 0 && (size_t)most < text.len ? (size_t)most : text.len)));
	return 0;
}

static const struct tmpl_func funcs[] = {
    {"and", 1, TMPL_ARGS_MAX, f_and},
    {"eq", 2, TMPL_ARGS_MAX, f_eq},
    {"index", 1, TMPL_ARGS_MAX, f_index},
    {"join", 2, 2, f_join},
    {"json", 1, 1, f_json},
    {"len", 1, 1, f_len},
    {"lower", 1, 1, f_lower},
    {"ne", 2, 2, f_ne},
    {"not", 1, 1, f_not},
    {"or", 1, TMPL_ARGS_MAX, f_or},
    {"print", 0, TMPL_ARGS_MAX, f_print},
    {"println", 0, TMPL_ARGS_MAX, f_println},
    {"split", 2, 2, f_split},
    {"truncate", 2, 2, f_truncate},
    {"upper", 1, 1, f_upper},
};

const struct tmpl_func *tmpl_func_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(funcs); i++)
		if (str_eqz(name, funcs[i].name))
			return &funcs[i];
	return NULL;
}

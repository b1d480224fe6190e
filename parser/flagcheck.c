/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags of an instruction against the list in INSTRS ("chown link? exclude*"). Values are mostly not looked at: they
 * are expanded later. The exceptions are those that never hold variables.
 */
#include "base/mem.h"
#include "parser/interpret.h"
#include "parser/mountspec.h"
#include "parser/values.h"

enum { FLAG_NAMES_MAX = 16 };

struct spec {
	bool known, boolean, repeats;
};

/* Cuts the next name off a list of flags. */
static bool next_name(const char **list, struct str *ret, struct spec *ret_spec)
{
	while (**list == ' ')
		++*list;
	const char *from = *list;
	while (**list && **list != ' ')
		++*list;
	if (*list == from)
		return false;
	*ret = (struct str){from, (size_t)(*list - from)};
	*ret_spec = (struct spec){.known = true};
	char last = ret->p[ret->len - 1];
	ret_spec->boolean = last == '?';
	ret_spec->repeats = last == '*';
	ret->len -= last == '?' || last == '*';
	return true;
}

static struct spec find_spec(const char *list, struct str name)
{
	struct str n;
	struct spec s;
	while (list && next_name(&list, &n, &s))
		if (str_eq(n, name))
			return s;
	return (struct spec){0};
}

static int unknown(struct arena *a, const char *list, struct str name, struct err *e)
{
	const char *names[FLAG_NAMES_MAX];
	size_t n = 0;
	struct str s;
	struct spec spec;
	while (list && n < FLAG_NAMES_MAX && next_name(&list, &s, &spec))
		names[n++] = arena_str(a, s).p;
	err_set(e, ERR_SYNTAX, "unknown flag: --%.*s", STR_ARG(name));
	const char *near = str_suggest(name, names, n);
	return near ? err_append(e, " (did you mean %s?)", near) : -(int)e->code;
}

static bool used(const struct instr *in, struct str name)
{
	for (size_t i = 0; i < in->nflags; i++)
		if (str_eq(in->flags[i].name, name))
			return true;
	return false;
}

static int check_flag(struct arena *a, const struct instr *in, const struct flag *f, struct err *e)
{
	const char *list = instr_kind(in->id)->flags;
	struct spec spec = find_spec(list, f->name);
	if (!spec.known)
		return unknown(a, list, f->name, e);
	if (!spec.repeats && used(in, f->name))
		return err_set(e, ERR_SYNTAX, "duplicate flag specified: --%.*s", STR_ARG(f->name));
	if (spec.boolean ? f->has_value && !f->value.len : !f->has_value)
		return err_set(e, ERR_SYNTAX, "missing a value on flag: --%.*s", STR_ARG(f->name));
	if (spec.boolean && f->has_value && !str_ieq(f->value, STR("true")) && !str_ieq(f->value, STR("false")))
		return err_set(e, ERR_SYNTAX, "expecting boolean value for flag --%.*s, not: %.*s", STR_ARG(f->name),
		    STR_ARG(f->value));
	return 0;
}

static int check_network(struct arena *a, const struct flag *f, struct err *e)
{
	(void)a;
	if (str_eqz(f->value, "default") || str_eqz(f->value, "none") || str_eqz(f->value, "host"))
		return 0;
	return err_set(e, ERR_SYNTAX, "invalid network mode \"%.*s\"", STR_ARG(f->value));
}

static int check_security(struct arena *a, const struct flag *f, struct err *e)
{
	(void)a;
	if (str_eqz(f->value, "sandbox") || str_eqz(f->value, "insecure"))
		return 0;
	return err_set(e, ERR_SYNTAX, "security \"%.*s\" is not valid", STR_ARG(f->value));
}

static int check_mount(struct arena *a, const struct flag *f, struct err *e)
{
	struct str from;
	return mount_spec_check(f->value, a, &from, e);
}

/* A name, or CSV of name=..., required[=bool]. */
static int check_device(struct arena *a, const struct flag *f, struct err *e)
{
	struct str *fields;
	size_t n;
	TRY(csv_parse(f->value, a, &fields, &n, e));
	for (size_t i = 0; i < n; i++) {
		bool required;
		if (str_starts(fields[i], STR("required=")) && bool_parse(str_from(fields[i], 9), &required, e) < 0)
			return err_set(
			    e, ERR_SYNTAX, "invalid value for required: %.*s", STR_ARG(str_from(fields[i], 9)));
	}
	return 0;
}

static int check_interval(struct arena *a, const struct flag *f, struct err *e)
{
	(void)a;
	int64_t ns;
	return health_interval_parse(f->name, f->value, &ns, e);
}

static int check_retries(struct arena *a, const struct flag *f, struct err *e)
{
	(void)a;
	int n;
	return health_retries_parse(f->value, &n, e);
}

static const struct {
	enum instr_id id;
	const char *name;
	int (*check)(struct arena *a, const struct flag *f, struct err *e);
} value_checks[] = {
    {INSTR_RUN, "network", check_network},
    {INSTR_RUN, "security", check_security},
    {INSTR_RUN, "mount", check_mount},
    {INSTR_RUN, "device", check_device},
    {INSTR_HEALTHCHECK, "interval", check_interval},
    {INSTR_HEALTHCHECK, "timeout", check_interval},
    {INSTR_HEALTHCHECK, "start-period", check_interval},
    {INSTR_HEALTHCHECK, "start-interval", check_interval},
    {INSTR_HEALTHCHECK, "retries", check_retries},
};

static int check_value(struct arena *a, enum instr_id id, const struct flag *f, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(value_checks); i++)
		if (value_checks[i].id == id && str_eqz(f->name, value_checks[i].name))
			return value_checks[i].check(a, f, e);
	return 0;
}

/* ARG, STOPSIGNAL and HEALTHCHECK NONE never look at flags. */
static bool ignores_flags(const struct node *n)
{
	const char *flags = instr_kind((enum instr_id)n->id)->flags;
	return (flags && flags[0] == '-') ||
	       (n->id == INSTR_HEALTHCHECK && n->args.n && str_ieq(n->args.w[0].text, STR("NONE")));
}

int flags_interpret(struct arena *a, const struct node *n, struct instr *in, struct err *e)
{
	if (n->flags.n == 0 || ignores_flags(n))
		return 0;
	in->flags = arena_new(a, n->flags.n * sizeof(*in->flags));
	for (size_t i = 0; i < n->flags.n; i++) {
		const struct word *w = &n->flags.w[i];
		struct str text = str_from(w->text, 2);
		struct flag f = {.name = text, .where = {.end_line = in->where.end_line}};
		ptrdiff_t eq = str_find(text, '=');
		if (eq >= 0) {
			f.has_value = true;
			f.name = str_sub(text, 0, (size_t)eq);
			f.value = str_from(text, (size_t)eq + 1);
		}
		line_place(n->line, w->at, &f.where.line, &f.where.col);
		if (check_flag(a, in, &f, e) < 0 || check_value(a, in->id, &f, e) < 0)
			return node_err(n, w->at, e);
		in->flags[in->nflags++] = f;
	}
	return 0;
}

const struct flag *instr_flag(const struct instr *in, const char *name)
{
	for (size_t i = 0; i < in->nflags; i++)
		if (str_eqz(in->flags[i].name, name))
			return &in->flags[i];
	return NULL;
}

bool instr_flag_on(const struct instr *in, const char *name)
{
	const struct flag *f = instr_flag(in, name);
	return f && !str_ieq(f->value, STR("false"));
}

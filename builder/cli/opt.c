/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option parser. It walks argv once; each option found is one `struct hit` (the row, the set it came from, the name as the
 * user wrote it), and a table by kind stores its value. Nothing is printed here. getopt_long is not used because it takes
 * abbreviations and knows neither "-t=app" nor switches with values.
 */
#include "builder/cli/opt.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

enum { SETS_MAX = 4, NAMES_MAX = 256 };

struct parser {
	const struct opt_set *sets;
	size_t nsets;
	int argc, at; /* at: the next word of argv */
	char **argv;
	struct arena *arena;
	bool *given[SETS_MAX]; /* by set and row */
};

struct hit {
	const struct opt *opt;
	void *into; /* the struct of its set */
	bool *given;
	const char *spelled; /* "--tag" or "-t" */
};

void opt_list_add(struct arena *a, struct opt_list *l, const char *value)
{
	ARENA_ROOM(a, l->v, l->n, l->cap);
	l->v[l->n++] = value;
}

bool opt_parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
	static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*ret = strcmp(text, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

bool opt_parse_bytes(const char *text, uint64_t *ret)
{
	static const char units[] = "bkmgtp";
	char *end = NULL;
	double v;

	if (text[0] < '0' || text[0] > '9' || text[1] == 'x' || text[1] == 'X')
		return false;
	v = strtod(text, &end);
	while (*end == ' ')
		end++;
	if (*end) {
		const char *unit = strchr(units, *end | 0x20);

		if (!unit)
			return false;
		v = ldexp(v, (int)(unit - units) * 10);
		end++;
		if (unit > units && strcasecmp(end, "ib") == 0)
			end += 2;
		else if (unit > units && strcasecmp(end, "b") == 0)
			end++;
	}
	if (*end || !(v < 0x1p63))
		return false;
	*ret = (uint64_t)v;
	return true;
}

static int bad_value(const struct hit *h, const char *value, const char *wanted, struct err *e)
{
	return err_set(e, ERR_USAGE, "invalid argument \"%s\" for \"%s\" flag: %s", value, h->spelled, wanted);
}

static int check_words(const struct hit *h, const char *value, struct err *e)
{
	struct buf list cleanup_buf = {0};

	if (!h->opt->words)
		return 0;
	buf_puts(&list, "expected one of");
	for (const char *const *w = h->opt->words; *w; w++) {
		if (strcmp(*w, value) == 0)
			return 0;
		buf_printf(&list, "%s %s", w == h->opt->words ? "" : ",", *w);
	}
	return bad_value(h, value, list.p, e);
}

/* --- storing a value, by kind --- */

static int store_bool(struct parser *p, const struct hit *h, const char *value, struct err *e)
{
	bool on;

	(void)p;
	if (!opt_parse_bool(value, &on))
		return bad_value(h, value, "expected true or false", e);
	*(bool *)h->into = on != h->opt->flip;
	return 0;
}

static int store_str(struct parser *p, const struct hit *h, const char *value, struct err *e)
{
	(void)p;
	TRY(check_words(h, value, e));
	*(const char **)h->into = value;
	return 0;
}

static int store_int(struct parser *p, const struct hit *h, const char *value, struct err *e)
{
	char *end = NULL;
	long long v;

	(void)p;
	errno = 0;
	v = strtoll(value, &end, 10);
	if (!*value || *end || errno || value[0] == ' ')
		return bad_value(h, value, "expected a number", e);
	*(int64_t *)h->into = v;
	return 0;
}

static int store_bytes(struct parser *p, const struct hit *h, const char *value, struct err *e)
{
	(void)p;
	if (!opt_parse_bytes(value, h->into))
		return bad_value(h, value, "expected a size such as 64m or 1g", e);
	return 0;
}

static int store_list(struct parser *p, const struct hit *h, const char *value, struct err *e)
{
	(void)e;
	opt_list_add(p->arena, h->into, value);
	return 0;
}

static int store_csv(struct parser *p, const struct hit *h, const char *value, struct err *e)
{
	struct str rest = str_of(value), part;

	(void)e;
	while (str_split(&rest, ',', &part))
		if (part.len)
			opt_list_add(p->arena, h->into, arena_str(p->arena, part).p);
	return 0;
}

static int store_call(struct parser *p, const struct hit *h, const char *value, struct err *e)
{
	int rc = h->opt->call(h->into, p->arena, value, e);

	if (rc < 0)
		err_wrap(e, "invalid argument \"%s\" for \"%s\" flag", value, h->spelled);
	return rc;
}

static int store_nothing(struct parser *p, const struct hit *h, const char *value, struct err *e)
{
	(void)p, (void)h, (void)value, (void)e;
	return 0;
}

/* What a kind does with a value, and what it takes for one when none stands behind '='. */
enum need { NEED_VALUE, NEED_NOTHING };
static const struct {
	enum need need;
	int (*store)(struct parser *p, const struct hit *h, const char *value, struct err *e);
} kinds[] = {
    [OPT_KIND_BOOL] = {NEED_NOTHING, store_bool},
    [OPT_KIND_STR] = {NEED_VALUE, store_str},
    [OPT_KIND_INT] = {NEED_VALUE, store_int},
    [OPT_KIND_BYTES] = {NEED_VALUE, store_bytes},
    [OPT_KIND_LIST] = {NEED_VALUE, store_list},
    [OPT_KIND_CSV] = {NEED_VALUE, store_csv},
    [OPT_KIND_MAYBE] = {NEED_NOTHING, store_str},
    [OPT_KIND_CALL] = {NEED_VALUE, store_call},
    [OPT_KIND_IGNORED] = {NEED_VALUE, store_nothing},
    [OPT_KIND_IGNORED_BOOL] = {NEED_NOTHING, store_nothing},
};

static int store(struct parser *p, struct hit *h, const char *value, struct err *e)
{
	*h->given = true;
	if (h->opt->kind != OPT_KIND_CALL)
		h->into = (char *)h->into + h->opt->at;
	return kinds[h->opt->kind].store(p, h, value, e);
}

/* --- finding rows --- */

static bool find(struct parser *p, struct str name, char letter, struct hit *ret)
{
	for (size_t s = 0; s < p->nsets; s++) {
		for (const struct opt *o = p->sets[s].opts; o->kind != OPT_KIND_END; o++) {
			if (o->kind == OPT_KIND_GROUP ||
			    (letter ? o->letter != letter : !o->name || !str_eqz(name, o->name)))
				continue;
			*ret =
			    (struct hit){.opt = o, .into = p->sets[s].into, .given = &p->given[s][o - p->sets[s].opts]};
			return true;
		}
	}
	return false;
}

static int unknown_long(struct parser *p, struct str name, struct err *e)
{
	const char *names[NAMES_MAX];
	const char *near;
	size_t n = 0;

	for (size_t s = 0; s < p->nsets; s++)
		for (const struct opt *o = p->sets[s].opts; o->kind != OPT_KIND_END && n < NAMES_MAX; o++)
			if (o->kind != OPT_KIND_GROUP && o->name && !o->hidden)
				names[n++] = o->name;
	err_set(e, ERR_USAGE, "unknown flag: --%.*s", STR_ARG(name));
	near = str_suggest(name, names, n);
	if (near)
		err_append(e, " (did you mean --%s?)", near);
	return -(int)e->code;
}

/* --- the two forms --- */

static int parse_long(struct parser *p, const char *word, struct err *e)
{
	struct str all = str_of(word + 2), name = all;
	ptrdiff_t eq = str_find(all, '=');
	const char *value = NULL;
	struct hit h;

	if (eq >= 0) {
		name = str_sub(all, 0, (size_t)eq);
		value = all.p + eq + 1;
	}
	if (!name.len)
		return err_set(e, ERR_USAGE, "bad flag syntax: %s", word);
	if (!find(p, name, 0, &h))
		return unknown_long(p, name, e);
	h.spelled = arena_printf(p->arena, "--%s", h.opt->name);
	if (!value && kinds[h.opt->kind].need == NEED_NOTHING) {
		value = h.opt->bare ? h.opt->bare : "true";
	} else if (!value) {
		if (p->at >= p->argc)
			return err_set(e, ERR_USAGE, "flag needs an argument: %s", h.spelled);
		value = p->argv[p->at++];
	}
	return store(p, &h, value, e);
}

/* "-q", "-qt app", "-tapp", "-t=app": letters until one takes the rest as its value. */
static int parse_letters(struct parser *p, const char *word, struct err *e)
{
	for (const char *c = word + 1; *c; c++) {
		const char *value = NULL;
		struct hit h;

		if (!find(p, (struct str){0}, *c, &h))
			return err_set(e, ERR_USAGE, "unknown shorthand flag: '%c' in %s", *c, word);
		h.spelled = arena_printf(p->arena, "-%c", *c);
		if (c[1] == '=') {
			value = c + 2;
		} else if (kinds[h.opt->kind].need == NEED_NOTHING) {
			TRY(store(p, &h, h.opt->bare ? h.opt->bare : "true", e));
			continue;
		} else if (c[1]) {
			value = c + 1;
		} else if (p->at < p->argc) {
			value = p->argv[p->at++];
		} else {
			return err_set(e, ERR_USAGE, "flag needs an argument: '%c' in %s", *c, word);
		}
		return store(p, &h, value, e);
	}
	return 0;
}

/* `otherwise` before the command line is read, or the environment's values after it. */
static int fill(struct parser *p, bool from_env, struct err *e)
{
	for (size_t s = 0; s < p->nsets; s++) {
		for (const struct opt *o = p->sets[s].opts; o->kind != OPT_KIND_END; o++) {
			struct hit h = {.opt = o, .into = p->sets[s].into, .given = &p->given[s][o - p->sets[s].opts]};
			const char *value = from_env ? (o->env && !*h.given ? getenv(o->env) : NULL) : o->otherwise;
			bool given = *h.given;

			if (!value || (from_env && !*value))
				continue;
			h.spelled = from_env ? arena_printf(p->arena, "$%s", o->env) : o->name;
			TRY(store(p, &h, value, e));
			*h.given = given;
		}
	}
	return 0;
}

static void parser_init(struct parser *p, struct arena *a)
{
	for (size_t s = 0; s < p->nsets; s++) {
		size_t n = 0;

		while (p->sets[s].opts[n].kind != OPT_KIND_END)
			n++;
		p->given[s] = arena_new(a, n + 1);
	}
}

int opt_parse(const struct opt_set *sets, size_t nsets, int argc, char **argv, bool stop, struct arena *a,
    struct opt_args *ret, struct err *e)
{
	struct parser p = {
	    .sets = sets, .nsets = nsets < SETS_MAX ? nsets : SETS_MAX, .argc = argc, .argv = argv, .arena = a};
	struct opt_args args = {.v = arena_new(a, ((size_t)argc + 1) * sizeof(char *))};

	parser_init(&p, a);
	TRY(fill(&p, false, e));
	while (p.at < argc) {
		char *word = argv[p.at++];

		if (strcmp(word, "--") == 0) {
			stop = true;
		} else if (word[0] == '-' && word[1] == '-') {
			TRY(parse_long(&p, word, e));
			continue;
		} else if (word[0] == '-' && word[1]) {
			TRY(parse_letters(&p, word, e));
			continue;
		} else {
			args.v[args.n++] = word;
		}
		while (stop && p.at < argc)
			args.v[args.n++] = argv[p.at++];
	}
	TRY(fill(&p, true, e));
	*ret = args;
	return 0;
}

/* --- key=value lists --- */

/* One field of the line: quotes around it are taken off, "" inside of them is one. */
static int csv_field(const char **rest, struct buf *field, struct err *e)
{
	const char *c = *rest;
	bool quoted = *c == '"';

	if (quoted)
		c++;
	for (; *c; c++) {
		if (quoted && *c == '"') {
			if (c[1] != '"')
				break;
			c++;
		} else if (!quoted && *c == ',') {
			break;
		} else if (!quoted && *c == '"') {
			return err_set(e, ERR_USAGE, "bare \" in a field without quotes");
		}
		buf_putc(field, *c);
	}
	if (quoted && *c++ != '"')
		return err_set(e, ERR_USAGE, "a quote is not closed");
	if (*c && *c != ',')
		return err_set(e, ERR_USAGE, "text behind a closing quote");
	*rest = *c ? c + 1 : c;
	return 0;
}

int opt_csv_next(const char **rest, struct arena *a, const char **ret_key, const char **ret_value, struct err *e)
{
	struct buf field cleanup_buf = {0};
	ptrdiff_t eq;
	char *key;

	while (**rest && field.len == 0)
		TRY(csv_field(rest, &field, e));
	if (!field.len)
		return 0;
	key = arena_strdup(a, field.p);
	eq = str_find(buf_view(&field), '=');
	*ret_value = NULL;
	if (eq >= 0) {
		key[eq] = 0;
		*ret_value = key + eq + 1;
		for (char *c = key; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c |= 0x20;
	}
	*ret_key = key;
	return 1;
}

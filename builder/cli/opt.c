/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option parser. It walks argv once; each option found is one `struct hit` (the row, the set it came from, the name as the
 * user wrote it), and a table by kind stores its value. Nothing is printed here. getopt_long is not used because it takes
 * abbreviations, knows no "-t=app" and no switches with values.
 */
#include "builder/cli/opt.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

enum { NAMES_MAX = 256 };

struct parser {
	const struct opt_set *sets;
	size_t nsets;
	int argc, at;
	char **argv;
	struct arena *arena;
	bool *given[4]; /* by set and row */
};

struct hit {
	const struct opt *opt;
	size_t set;
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

		if (!unit || !isfinite(v))
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
	for (const char *const *w = h->opt->words; *w; w++) {
		if (strcmp(*w, value) == 0)
			return 0;
		buf_printf(&list, "%s%s", list.len ? ", " : "", *w);
	}
	buf_putc(&list, 0);
	return bad_value(h, value, mem_steal_(&(char *){arena_strdup(&(struct arena){0}, "")}) ? list.p : "", e);
}

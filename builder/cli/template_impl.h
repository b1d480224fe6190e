/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TEMPLATE_IMPL_H
#define COOPER_TEMPLATE_IMPL_H

/* Between template.c and template_func.c: a template that is being carried out. */
#include "builder/cli/template.h"

enum { TMPL_ARGS_MAX = 8, TMPL_VARS_MAX = 16 };

struct tmpl_var {
	struct str name;
	struct jval *value;
};

struct tmpl {
	const char *begin, *at, *end;
	struct jval *root;
	bool strict;
	bool else_if;              /* the body that just ended did so with "{{else if", the condition comes next */
	struct tmpl_var vars[TMPL_VARS_MAX];
	size_t nvars;
	struct jval **owned;       /* values that functions made */
	size_t nowned, owned_cap;
	struct buf *out;
	struct err *e;
};

/* Values are borrowed from the data or owned by the template; NULL is "no value". */
struct tmpl_func {
	const char *name;
	size_t min, max;
	int (*run)(struct tmpl *t, struct jval **args, size_t n, struct jval **ret);
};
const struct tmpl_func *tmpl_func_find(struct str name);
struct jval *tmpl_own(struct tmpl *t, struct jval *v);
int tmpl_fail(struct tmpl *t, const char *what);
int tmpl_pipeline(struct tmpl *t, struct jval *dot, unsigned depth, struct jval **ret);
bool tmpl_true(const struct jval *v); /* neither empty, false, 0 nor absent */
void tmpl_print(const struct jval *v, struct buf *out); /* as Go's %v */

#endif

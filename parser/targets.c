/* SPDX-License-Identifier: Apache-2.0 */
/* The list of targets, and the list of subrequests themselves. */
#include "base/jval.h"
#include "base/mem.h"
#include "parser/outline.h"
#include "parser/ranges.h"
#include "parser/table.h"

void targets_print(const struct cf *cf, struct buf *out)
{
	cleanup_table struct table t = {.columns = 2, .gap = 1};
	cleanup_buf struct buf last = {0};
	table_add(&t, STR("TARGET"));
	table_add(&t, STR("DESCRIPTION"));
	for (size_t i = 0; i < cf->nstages; i++) {
		struct str name = cf->stages[i].name;
		if (i + 1 == cf->nstages) {
			buf_str(&last, name);
			buf_puts(&last, name.len ? " (default)" : "(default)");
			name = buf_view(&last);
		}
		table_add(&t, name);
		table_add(&t, cf->stages[i].doc);
	}
	table_print(&t, out);
}

struct jval *targets_json(const struct cf *cf)
{
	struct jval *j = jval_object(), *targets = jval_array();
	for (size_t i = 0; i < cf->nstages; i++) {
		const struct stage *s = &cf->stages[i];
		struct jval *item = jval_object();
		ranges_set_text(item, "name", s->name);
		if (i + 1 == cf->nstages)
			jval_set(item, "default", jval_boolean(true));
		ranges_set_text(item, "description", s->doc);
		ranges_set_text(item, "base", s->base);
		ranges_set_text(item, "platform", s->platform);
		jval_set(item, "location", ranges_json(s->where));
		jval_append(targets, item);
	}
	jval_set(j, "targets", targets);
	return j;
}

static const struct {
	const char *name, *description;
	const char *option, *option_description; /* NULL: none; "": an empty list */
} requests[] = {
    {"outline", "List all parameters current build target supports", "target", "Target build stage"},
    {"targets", "List all targets current build supports", "", NULL},
    {"subrequests.describe", "List available subrequest types", NULL, NULL},
};

void describe_print(struct buf *out)
{
	cleanup_table struct table t = {.columns = 3, .gap = 1};
	table_add(&t, STR("NAME"));
	table_add(&t, STR("VERSION"));
	table_add(&t, STR("DESCRIPTION"));
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		table_add(&t, str_of(requests[i].name));
		table_add(&t, STR("1.0.0"));
		table_add(&t, str_of(requests[i].description));
	}
	table_print(&t, out);
}

static struct jval *named(const char *name, const char *description)
{
	struct jval *j = jval_object();
	jval_set_text(j, "name", name);
	jval_set_text(j, "description", description);
	return j;
}

static struct jval *options_json(const char *option, const char *description)
{
	if (!option)
		return jval_null();
	struct jval *list = jval_array();
	if (*option)
		jval_append(list, named(option, description));
	return list;
}

struct jval *describe_json(void)
{
	struct jval *list = jval_array();
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		cleanup_free char *name = mem_printf("frontend.%s", requests[i].name);
		struct jval *j = jval_object(), *metadata = jval_array();
		jval_set_text(j, "name", name);
		jval_set_text(j, "version", "1.0.0");
		jval_set_text(j, "type", "rpc");
		jval_set_text(j, "description", requests[i].description);
		jval_set(j, "opts", options_json(requests[i].option, requests[i].option_description));
		jval_set(j, "inputs", jval_null());
		jval_append(metadata, named("result.json", ""));
		jval_append(metadata, named("result.txt", ""));
		jval_set(j, "metadata", metadata);
		jval_set(j, "refs", jval_null());
		jval_append(list, j);
	}
	return list;
}

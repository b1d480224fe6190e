/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper du`: the space that the store takes, by kind, or item by item. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "builder/cli/human.h"
#include "builder/cli/roots.h"
#include "builder/cli/template.h"
#include "builder/sandbox/sandbox.h"

struct du_opts {
	bool verbose;
	const char *format;
};

#define T struct du_opts
static const struct opt du_table[] = {
    OPT_STR(0, "format", T, format, "FORMAT", "table, json, or a template such as '{{.Type}} {{.Size}}'"),
    OPT_BOOL('v', "verbose", T, verbose, "List every item"),
    OPT_IGNORED(0, "filter"),
    OPT_END,
};
#undef T

static const char *const titles[GC_KIND_COUNT] = {
    [GC_IMAGE] = "Images",
    [GC_BLOB] = "Other blobs",
    [GC_LAYER] = "Build cache",
    [GC_MOUNT] = "Cache mounts",
    [GC_CONTEXT] = "Contexts",
    [GC_JUNK] = "Leftovers",
};

static void put_size(struct jval *row, const char *key, uint64_t bytes)
{
	struct buf text cleanup_buf = {0};

	human_size(bytes, 4, &text);
	jval_set_str(row, key, buf_view(&text));
}

static int summary(struct local *l, const struct gc_roots *roots, struct jval *rows, uint64_t *ret_total,
    uint64_t *ret_loose, struct err *e)
{
	struct gc_usage u;

	TRY(gc_usage(l->store, roots, &u, e));
	*ret_total = u.database;
	*ret_loose = u.loose;
	for (size_t k = 0; k < GC_KIND_COUNT; k++) {
		struct jval *row = jval_object();

		jval_set_text(row, "Type", titles[k]);
		jval_set(row, "Count", jval_integer((int64_t)u.count[k]));
		put_size(row, "Size", u.bytes[k]);
		jval_append(rows, row);
		*ret_total += u.bytes[k];
	}
	return 0;
}

static int oldest_first(const void *a, const void *b)
{
	const struct gc_item *x = a, *y = b;

	return x->used < y->used ? -1 : x->used > y->used ? 1 : x->kind < y->kind ? -1 : x->kind > y->kind;
}

static int items(struct local *l, const struct gc_roots *roots, struct jval *rows, uint64_t *ret_total,
    uint64_t *ret_loose, struct err *e)
{
	struct gc_list list cleanup_gc_list = {0};

	TRY(gc_list(l->store, roots, true, &list, e));
	qsort(list.items, list.n, sizeof(*list.items), oldest_first);
	for (size_t i = 0; i < list.n; i++) {
		const struct gc_item *item = &list.items[i];
		struct jval *row = jval_object();
		struct buf used cleanup_buf = {0};

		jval_set_text(row, "Type", titles[item->kind]);
		jval_set_text(row, "ID", item->name);
		jval_set_text(row, "Reclaimable", item->loose ? "true" : "false");
		put_size(row, "Size", item->bytes);
		if (item->used) {
			human_duration((int64_t)time(NULL) - item->used, &used);
			buf_puts(&used, " ago");
		}
		jval_set_str(row, "LastUsed", used.p ? buf_view(&used) : STR(""));
		jval_set_text(row, "Description", item->label ? item->label : "");
		jval_append(rows, row);
		*ret_total += item->bytes;
		*ret_loose += item->loose ? item->bytes : 0;
	}
	return 0;
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	static const struct template_field summary_fields[] = {
	    {"Type", "TYPE"}, {"Count", "COUNT"}, {"Size", "SIZE"}, {NULL, NULL}};
	static const struct template_field item_fields[] = {{"Type", "TYPE"}, {"ID", "ID"},
	    {"Reclaimable", "RECLAIMABLE"}, {"Size", "SIZE"}, {"LastUsed", "LAST USED"}, {"Description", "DESCRIPTION"},
	    {NULL, NULL}};
	static const struct template_list summary_list = {summary_fields, "table {{.Type}}\t{{.Count}}\t{{.Size}}"};
	static const struct template_list item_list = {
	    item_fields, "table {{.Type}}\t{{.ID}}\t{{.Reclaimable}}\t{{.Size}}\t{{.LastUsed}}\t{{.Description}}"};
	struct jval *rows cleanup_jval = jval_array();
	struct buf out cleanup_buf = {0}, size cleanup_buf = {0};
	const struct du_opts *o = opts;
	struct local l cleanup_local = {0};
	uint64_t total = 0, loose = 0;
	struct err no_userns = {0};
	struct gc_roots roots;

	(void)args;
	TRY(local_open(cli, &l, e));
	userns_enter(&no_userns); /* without it, folders of other ids cannot be measured */
	roots = roots_of(&l);
	TRY((o->verbose ? items : summary)(&l, &roots, rows, &total, &loose, e));
	TRY(template_rows(o->verbose ? &item_list : &summary_list, o->format, rows, cli->arena, &out, e));
	if (!o->format) {
		human_size(loose, 4, &size);
		buf_printf(&out, "Reclaimable: %s\n", size.p);
		buf_clear(&size);
		human_size(total, 4, &size);
		buf_printf(&out, "Total: %s\n", size.p);
	}
	fwrite(out.p, 1, out.len, stdout);
	return EXIT_OK;
}

const struct command cmd_du = {
    .name = "du",
    .usage = "[OPTIONS]",
    .summary = "Show how much space the store takes",
    .opts = du_table,
    .opts_size = sizeof(struct du_opts),
    .run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper du`: the space that the store takes, by image and by kind, or item by item. What several have counts once. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "builder/cli/du_images.h"
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
    OPT_BOOL('v', "verbose", T, verbose, "List every item instead of kinds"),
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

/* All rows have all keys, so that one template does for them. */
static const struct template_field fields[] = {{"Type", "TYPE"}, {"Name", "IMAGE"}, {"ID", "ID"}, {"Count", "COUNT"},
    {"Size", "SIZE"}, {"SharedSize", "SHARED SIZE"}, {"UniqueSize", "UNIQUE SIZE"}, {"Reclaimable", "RECLAIMABLE"},
    {"LastUsed", "LAST USED"}, {"Description", "DESCRIPTION"}, {NULL, NULL}};

struct du {
	struct gc_list list;
	struct gc_usage usage;
	struct du_images images;
};

static void du_done(struct du *du)
{
	gc_list_done(&du->list);
}

static struct jval *new_row(struct jval *rows, const char *type)
{
	struct jval *row = jval_object();

	for (const struct template_field *f = fields; f->key; f++)
		jval_set_text(row, f->key, "");
	jval_set_text(row, "Type", type);
	jval_append(rows, row);
	return row;
}

static void put_size(struct jval *row, const char *key, uint64_t bytes)
{
	struct buf text cleanup_buf = {0};

	human_size(bytes, 4, &text);
	jval_set_str(row, key, buf_view(&text));
}

static void add_images(const struct du *du, struct jval *rows)
{
	for (size_t i = 0; i < du->images.n; i++) {
		const struct du_image *image = du->images.images[i];
		struct jval *row = new_row(rows, "Image");
		char hex[DIGEST_HEX + 1];

		digest_hex(&image->id, hex);
		jval_set_str(row, "Name", image->names);
		jval_set_str(row, "ID", (struct str){hex, 12});
		put_size(row, "Size", image->size);
		put_size(row, "SharedSize", image->shared);
		put_size(row, "UniqueSize", image->size - image->shared);
	}
}

static void add_kind(struct jval *rows, const char *type, uint64_t count, uint64_t bytes, uint64_t shared, uint64_t loose)
{
	struct jval *row = new_row(rows, type);

	jval_set(row, "Count", jval_integer((int64_t)count));
	put_size(row, "Size", bytes);
	put_size(row, "SharedSize", shared);
	put_size(row, "UniqueSize", bytes - shared);
	put_size(row, "Reclaimable", loose);
}

static void add_kinds(const struct du *du, struct jval *rows)
{
	const uint64_t shared[GC_KIND_COUNT] = {[GC_IMAGE] = du->images.shared, [GC_LAYER] = du->list.shared};
	const struct gc_usage *u = &du->usage;

	for (size_t k = 0; k < GC_KIND_COUNT; k++)
		add_kind(rows, titles[k], u->count[k], u->bytes[k], shared[k], u->loose[k]);
	add_kind(rows, "Records", u->records, u->database, 0, 0);
}

static int oldest_first(const void *a, const void *b)
{
	const struct gc_item *x = a, *y = b;

	return x->used < y->used ? -1 : x->used > y->used ? 1 : x->kind < y->kind ? -1 : x->kind > y->kind;
}

/* Whole names would not fit on a terminal. */
static struct str name_of(const struct gc_item *item, bool whole)
{
	struct str name = str_of(item->name);
	size_t hex = name.len - path_base(name).len;

	return whole || name.len < hex + DIGEST_HEX ? name : str_sub(name, 0, hex + 12);
}

static void add_items(struct du *du, bool whole, struct jval *rows)
{
	if (du->list.n)
		qsort(du->list.items, du->list.n, sizeof(*du->list.items), oldest_first);
	for (size_t i = 0; i < du->list.n; i++) {
		const struct gc_item *item = &du->list.items[i];
		struct jval *row = new_row(rows, titles[item->kind]);
		struct buf used cleanup_buf = {0}, about cleanup_buf = {0};

		jval_set_str(row, "ID", name_of(item, whole));
		jval_set_text(row, "Reclaimable", item->loose ? "true" : "false");
		put_size(row, "Size", item->bytes);
		if (item->used) {
			human_duration((int64_t)time(NULL) - item->used, &used);
			buf_puts(&used, " ago");
		}
		jval_set_str(row, "LastUsed", used.p ? buf_view(&used) : STR(""));
		buf_puts(&about, item->label);
		if (item->kind == GC_IMAGE)
			du_images_with(&du->images, &item->id, &about);
		jval_set_str(row, "Description", buf_view(&about));
	}
}

static int collect(struct local *l, struct arena *a, struct du *ret, struct err *e)
{
	struct gc_roots roots = roots_of(l);

	TRY(gc_list(l->store, &roots, &ret->list, e));
	gc_measure(l->store, &ret->list, GC_ALL_KINDS);
	TRY(gc_usage(l->store, &ret->list, &ret->usage, e));
	return du_images(l, &ret->list, a, &ret->images, e);
}

static void add_sum(const struct gc_usage *u, struct buf *out)
{
	uint64_t total = u->database, loose = 0;
	struct buf sizes[2] = {0};

	for (size_t k = 0; k < GC_KIND_COUNT; k++) {
		total += u->bytes[k];
		loose += u->loose[k];
	}
	human_size(loose, 4, &sizes[0]);
	human_size(total, 4, &sizes[1]);
	buf_printf(out, "\nReclaimable: %s\nTotal: %s\n", sizes[0].p, sizes[1].p);
	buf_done(&sizes[0]);
	buf_done(&sizes[1]);
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	static const struct template_list image_list = {
	    fields, "table {{.Name}}\t{{.ID}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}"};
	static const struct template_list kind_list = {
	    fields, "table {{.Type}}\t{{.Count}}\t{{.Size}}\t{{.SharedSize}}\t{{.Reclaimable}}"};
	static const struct template_list item_list = {
	    fields, "table {{.Type}}\t{{.ID}}\t{{.Reclaimable}}\t{{.Size}}\t{{.LastUsed}}\t{{.Description}}"};
	struct jval *images cleanup_jval = jval_array(), *rest cleanup_jval = jval_array();
	const struct template_list *rest_list;
	struct buf out cleanup_buf = {0};
	const struct du_opts *o = opts;
	struct local l cleanup_local = {0};
	struct err no_userns = {0};
	struct du du cleanup_with(du_done) = {0};

	(void)args;
	TRY(local_open(cli, &l, e));
	userns_enter(&no_userns); /* without it, folders of other ids cannot be measured */
	TRY(collect(&l, cli->arena, &du, e));
	add_images(&du, images);
	if (o->verbose)
		add_items(&du, o->format != NULL, rest);
	else
		add_kinds(&du, rest);
	rest_list = o->verbose ? &item_list : &kind_list;
	if (du.images.n)
		TRY(template_rows(&image_list, o->format, images, cli->arena, &out, e));
	if (!o->format && du.images.n)
		buf_putc(&out, '\n');
	TRY(template_rows(rest_list, o->format, rest, cli->arena, &out, e));
	if (!o->format)
		add_sum(&du.usage, &out);
	fwrite(out.p, 1, out.len, stdout);
	return EXIT_OK;
}

const struct command cmd_du = {
    .name = "du",
    .usage = "[OPTIONS]",
    .summary = "Show how much space the store takes",
    .details = "Lists images, with the bytes on the disk of what they need, of this what other images need too, and what is theirs "
	       "alone; then what the store holds by kind. What several images or layers share counts once there. RECLAIMABLE is what "
	       "'cooper prune' removes without further options.",
    .examples = "cooper du\ncooper du -v\ncooper du --format '{{.Type}} {{.Name}} {{.Size}}'",
    .opts = du_table,
    .opts_size = sizeof(struct du_opts),
    .run = run,
};

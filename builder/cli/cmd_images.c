/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper images`: one row a name; images without a name are shown once. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "builder/cli/filter.h"
#include "builder/cli/human.h"
#include "builder/cli/pushed.h"
#include "builder/cli/report.h"
#include "builder/cli/template.h"

struct images_opts {
	bool all, quiet, digests, no_trunc;
	struct opt_list filters;
	const char *format;
};

#define T struct images_opts
static const struct opt images_table[] = {
    OPT_BOOL('a', "all", T, all, "Accepted for compatibility: there are no intermediate images"),
    OPT_BOOL(0, "digests", T, digests, "Show digests"),
    OPT_LIST('f', "filter", T, filters, "KEY=VALUE",
        "Only images that match: dangling, reference, label, before, since, until"),
    OPT_STR(0, "format", T, format, "FORMAT", "table, json, or a template such as '{{.Repository}}:{{.Tag}}'"),
    OPT_BOOL(0, "no-trunc", T, no_trunc, "Show whole identifiers"),
    OPT_BOOL('q', "quiet", T, quiet, "Show identifiers only"),
    OPT_END,
};
#undef T

static const struct template_field fields[] = {
    {"Repository", "REPOSITORY"},
    {"Tag", "TAG"},
    {"Digest", "DIGEST"},
    {"ID", "IMAGE ID"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"Size", "SIZE"},
    {"VirtualSize", "SIZE"},
    {"SharedSize", "SHARED SIZE"},
    {"UniqueSize", "UNIQUE SIZE"},
    {"Containers", "CONTAINERS"},
    {NULL, NULL},
};

/* "app:1" -> "app", "1"; an image without a name is <none>. */
static void put_name(struct jval *row, struct str name)
{
	ptrdiff_t colon = str_rfind(name, ':'), slash = str_rfind(name, '/'), at = str_find(name, '@');

	if (at >= 0 && colon > at)
		colon = -1; /* name@sha256:... */
	if (colon < slash)
		colon = -1;
	if (at >= 0 && colon < 0)
		name = str_sub(name, 0, (size_t)at);
	jval_set_str(
	    row, "Repository", name.len ? str_sub(name, 0, colon >= 0 ? (size_t)colon : name.len) : STR("<none>"));
	jval_set_str(row, "Tag", colon >= 0 ? str_from(name, (size_t)colon + 1) : STR("<none>"));
}

static void put_digest(struct jval *row, const char *key, const struct digest *d, bool whole)
{
	char text[DIGEST_TEXT + 1];

	digest_text(d, text);
	jval_set_str(row, key, whole ? str_of(text) : (struct str){text + 7, 12});
}

static struct jval *make_row(
    struct local *l, const struct layout_image *image, const struct image_docs *docs, bool no_trunc)
{
	struct jval *row = jval_object();
	int64_t created = image_created(&docs->config);
	struct buf text cleanup_buf = {0};
	struct digest digest = image->descriptor.digest;
	struct arena scratch cleanup_arena = {0};
	struct err none = {0};
	struct ref ref;

	if (image->name.len && ref_parse(image->name, &scratch, &ref, &none) == 0)
		pushed_find(l->store, &ref, &image->descriptor.digest, &digest);
	jval_set_text(row, "Containers", "N/A");
	if (created)
		human_time(created, &text);
	jval_set_str(row, "CreatedAt", text.p ? buf_view(&text) : STR("N/A"));
	buf_clear(&text);
	if (created) {
		human_duration((int64_t)time(NULL) - created, &text);
		buf_puts(&text, " ago");
	}
	jval_set_str(row, "CreatedSince", text.len ? buf_view(&text) : STR("N/A"));
	put_digest(row, "Digest", &digest, true);
	put_digest(row, "ID", &docs->m.config.digest, no_trunc);
	put_name(row, image->name);
	jval_set_text(row, "SharedSize", "N/A");
	buf_clear(&text);
	human_size(image_size(l, docs), 3, &text);
	jval_set_str(row, "Size", buf_view(&text));
	jval_set_text(row, "UniqueSize", "N/A");
	jval_set_str(row, "VirtualSize", buf_view(&text));
	return row;
}

/* A nameless entry of an image that has a name too says nothing. */
static bool named_elsewhere(const struct layout_image *images, size_t n, const struct layout_image *one)
{
	for (size_t i = 0; i < n; i++)
		if (images[i].name.len && digest_eq(&images[i].descriptor.digest, &one->descriptor.digest))
			return true;
	return false;
}

struct dated {
	struct jval *row;
	int64_t created;
	size_t nth;
};

static int newest_first(const void *a, const void *b)
{
	const struct dated *x = a, *y = b;

	if (x->created != y->created)
		return x->created < y->created ? 1 : -1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

static int collect(struct cli *cli, struct local *l, const struct images_opts *o, struct jval *rows, struct err *e)
{
	struct layout_image *images;
	struct filter filter;
	struct dated *dated;
	size_t n, ndated = 0;

	TRY(filter_init(&filter, &o->filters, l, cli->arena, e));
	TRY(layout_list(l->layout, cli->arena, &images, &n, e));
	dated = arena_new(cli->arena, (n + 1) * sizeof(*dated));
	for (size_t i = 0; i < n; i++) {
		struct image_docs docs cleanup_docs = {0};
		struct err broken = {0};

		if (!images[i].name.len && named_elsewhere(images, n, &images[i]))
			continue;
		if (image_docs_read(l, &images[i].descriptor, NULL, cli->arena, &docs, &broken) < 0) {
			report_warning("image \"%.*s\": %s", STR_ARG(images[i].name), broken.text);
			continue;
		}
		if (!filter_image(&filter, images[i].name, &docs.config))
			continue;
		dated[ndated] =
		    (struct dated){make_row(l, &images[i], &docs, o->no_trunc), image_created(&docs.config), ndated};
		ndated++;
	}
	qsort(dated, ndated, sizeof(*dated), newest_first);
	for (size_t i = 0; i < ndated; i++)
		jval_append(rows, dated[i].row);
	return 0;
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	struct template_list list = {fields, "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"};
	struct jval *rows cleanup_jval = jval_array();
	struct local l cleanup_local = {0};
	struct buf out cleanup_buf = {0};
	struct images_opts *o = opts;
	const char *format = o->format;

	if (args->n)
		opt_list_add(cli->arena, &o->filters, arena_printf(cli->arena, "reference=%s", args->v[0]));
	if (o->digests)
		list.standard = "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
	if (o->quiet && !format)
		format = "{{.ID}}";
	TRY(local_open(cli, &l, e));
	TRY(collect(cli, &l, o, rows, e));
	TRY(template_rows(&list, format, rows, cli->arena, &out, e));
	fwrite(out.p, 1, out.len, stdout);
	return EXIT_OK;
}

const struct command cmd_images = {
    .name = "images",
    .usage = "[OPTIONS] [REPOSITORY[:TAG]]",
    .summary = "List images",
    .details = "Lists the images of the local store, the newest first. IMAGE ID is the digest of the image's "
               "configuration, DIGEST "
               "that of its manifest, as the registry has it when the image was pushed under this name.",
    .examples = "cooper images\ncooper images --filter dangling=true -q\ncooper images --format "
                "'{{.Repository}}:{{.Tag}} {{.Size}}'",
    .opts = images_table,
    .opts_size = sizeof(struct images_opts),
    .max_args = 1,
    .images = true,
    .run = run,
};

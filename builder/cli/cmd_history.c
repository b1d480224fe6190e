/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper history`: the entries of an image's history, the newest first, with the sizes of their layers. */
#include <stdio.h>
#include <time.h>

#include "builder/cli/human.h"
#include "builder/cli/local.h"
#include "builder/cli/template.h"

struct history_opts {
	bool exact, no_trunc, quiet;
	const char *format, *platform;
};

enum { CREATED_BY_SHOWN = 45 };

#define T struct history_opts
static const struct opt history_table[] = {
    OPT_STR(0, "format", T, format, "FORMAT", "table, json, or a template"),
    OPT_BOOL('H', "human", T, exact, "Show sizes and dates for people (=false: exact ones)", .flip = true),
    OPT_BOOL(0, "no-trunc", T, no_trunc, "Show everything"),
    OPT_STR(0, "platform", T, platform, "OS/ARCH", "This platform's image of several"),
    OPT_BOOL('q', "quiet", T, quiet, "Show identifiers only"),
    OPT_END,
};
#undef T

static const struct template_field fields[] = {
    {"ID", "IMAGE"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedBy", "CREATED BY"},
    {"Size", "SIZE"},
    {"Comment", "COMMENT"},
    {NULL, NULL},
};

static void put_created(struct jval *row, struct str created, bool exact)
{
	struct buf text cleanup_buf = {0};
	uint32_t nsec;
	int64_t sec;

	jval_set_str(row, "CreatedAt", created);
	if (!oci_time_parse(created, &sec, &nsec)) {
		jval_set_text(row, "CreatedSince", "N/A");
		return;
	}
	if (exact) {
		jval_set_str(row, "CreatedSince", created);
		return;
	}
	human_duration((int64_t)time(NULL) - sec, &text);
	buf_puts(&text, " ago");
	jval_set_str(row, "CreatedSince", buf_view(&text));
}

static void put_created_by(struct jval *row, struct str text, bool whole)
{
	struct buf shown cleanup_buf = {0};

	buf_str(&shown, whole || text.len <= CREATED_BY_SHOWN ? text : str_sub(text, 0, CREATED_BY_SHOWN - 3));
	if (!whole && text.len > CREATED_BY_SHOWN)
		buf_puts(&shown, "...");
	for (size_t i = 0; i < shown.len; i++)
		if (shown.p[i] == '\n' || shown.p[i] == '\t')
			shown.p[i] = ' ';
	jval_set_str(row, "CreatedBy", shown.p ? buf_view(&shown) : STR(""));
}

/* The newest entry carries the image's id, the others are no images. */
static struct jval *make_row(
    struct local *l, const struct image_docs *docs, size_t i, size_t layer, const struct history_opts *o)
{
	const struct history_entry *h = &docs->config.history[i];
	struct jval *row = jval_object();
	struct buf size cleanup_buf = {0};
	char text[DIGEST_TEXT + 1];
	uint64_t bytes = h->empty_layer || layer >= docs->m.nlayers ? 0 : image_layer_size(l, docs, layer);

	digest_text(&docs->m.config.digest, text);
	jval_set_str(row, "Comment", h->comment);
	put_created(row, h->created, o->exact);
	put_created_by(row, h->created_by, o->no_trunc);
	if (i + 1 == docs->config.nhistory)
		jval_set_str(row, "ID", o->no_trunc ? str_of(text) : (struct str){text + 7, 12});
	else
		jval_set_text(row, "ID", "<missing>");
	if (o->exact)
		buf_printf(&size, "%llu", (unsigned long long)bytes);
	else
		human_size(bytes, 3, &size);
	jval_set_str(row, "Size", buf_view(&size));
	return row;
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	static const struct template_list list = {
	    fields, "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"};
	struct jval *rows cleanup_jval = jval_array();
	struct image_docs docs cleanup_docs = {0};
	const struct history_opts *o = opts;
	struct local l cleanup_local = {0};
	struct buf out cleanup_buf = {0};
	struct layout_image image;
	struct platform platform;
	size_t layer = 0;

	if (o->platform)
		TRY(local_platform(o->platform, cli->arena, &platform, e));
	TRY(local_open(cli, &l, e));
	TRY(local_find(&l, args->v[0], cli->arena, &image, e));
	TRY(image_docs_read(&l, &image.descriptor, o->platform ? &platform : NULL, cli->arena, &docs, e));
	for (size_t i = 0; i < docs.config.nhistory; i++)
		layer += !docs.config.history[i].empty_layer;
	for (size_t i = docs.config.nhistory; i-- > 0;) {
		layer -= !docs.config.history[i].empty_layer;
		jval_append(rows, make_row(&l, &docs, i, layer, o));
	}
	TRY(template_rows(&list, o->quiet && !o->format ? "{{.ID}}" : o->format, rows, cli->arena, &out, e));
	fwrite(out.p, 1, out.len, stdout);
	return EXIT_OK;
}

const struct command cmd_history = {
    .name = "history",
    .usage = "[OPTIONS] IMAGE",
    .summary = "Show how an image came about",
    .opts = history_table,
    .opts_size = sizeof(struct history_opts),
    .min_args = 1,
    .max_args = 1,
    .images = true,
    .run = run,
};

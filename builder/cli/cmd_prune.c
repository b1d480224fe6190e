/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cooper prune`: first images that have no name, then what gc.h finds unused. Images with names are never touched, whatever the
 * options say.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "builder/cli/filter.h"
#include "builder/cli/human.h"
#include "builder/cli/report.h"
#include "builder/cli/roots.h"
#include "builder/sandbox/sandbox.h"

struct prune_opts {
	bool all, force, verbose, dry;
	struct opt_list filters;
	bool keeps; /* --keep-storage is given */
	uint64_t keep;
};

static int keep_size(void *opts, struct arena *a, const char *value, struct err *e)
{
	struct prune_opts *o = opts;

	(void)a;
	o->keeps = true;
	return opt_parse_bytes(value, &o->keep) ? 0 : err_set(e, ERR_USAGE, "expected a size such as 64m or 1g");
}

#define T struct prune_opts
static const struct opt prune_table[] = {
    OPT_BOOL('a', "all", T, all, "Also remove build cache and cache mounts that could still be used"),
    OPT_BOOL(0, "dry-run", T, dry, "Only tell what would be removed"),
    OPT_LIST(0, "filter", T, filters, "KEY=VALUE", "until=24h: only what was not used for so long"),
    OPT_BOOL('f', "force", T, force, "Do not ask"),
    OPT_CALL(0, "keep-storage", keep_size, "SIZE",
        "Keep as much of the cache and of cache mounts, removing what was not used for longest"),
    OPT_CALL(0, "reserved-space", keep_size, "SIZE", "The same as --keep-storage", .hidden = true),
    OPT_CALL(0, "max-used-space", keep_size, "SIZE", "The same as --keep-storage", .hidden = true),
    OPT_BOOL(0, "verbose", T, verbose, "Name everything that is removed"),
    OPT_IGNORED_BOOL(0, "volumes"),
    OPT_IGNORED(0, "builder"),
    OPT_END,
};
#undef T

static const char *const kinds[GC_KIND_COUNT][2] = {
    [GC_IMAGE] = {"image blob", "image blobs"},
    [GC_BLOB] = {"blob", "blobs"},
    [GC_LAYER] = {"layer", "layers"},
    [GC_MOUNT] = {"cache mount", "cache mounts"},
    [GC_CONTEXT] = {"context memory", "context memories"},
    [GC_JUNK] = {"leftover", "leftovers"},
};

struct pruning {
	const struct prune_opts *o;
	int64_t until; /* seconds, 0: no matter */
};

static int read_filters(struct pruning *p, struct err *e)
{
	for (size_t i = 0; i < p->o->filters.n; i++) {
		const char *text = p->o->filters.v[i], *value = strchr(text, '=');
		int64_t ago;
		uint32_t nsec;

		if (strncmp(text, "until=", 6) != 0 && strncmp(text, "unused-for=", 11) != 0)
			return err_set(e, ERR_USAGE, "invalid filter '%s': expected until=24h", text);
		if (oci_time_parse(str_of(value + 1), &p->until, &nsec))
			continue;
		TRY(human_parse_duration(value + 1, &ago, e));
		p->until = (int64_t)time(NULL) - ago;
	}
	return 0;
}

static bool confirmed(const struct prune_opts *o)
{
	char answer[16] = "";

	if (o->force || o->dry)
		return true;
	fprintf(stderr,
	    "This will remove:\n  - images without a name\n  - %s\nAre you sure you want to continue? [y/N] ",
	    o->filters.n || o->keep ? "build cache and cache mounts that were not used for longest"
	    : o->all || o->keeps    ? "all build cache and cache mounts"
	                            : "what nothing uses any more");
	fflush(stderr);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int prune_images(struct cli *cli, struct local *l, const struct pruning *p, struct err *e)
{
	struct layout_image *images;
	size_t n;

	TRY(layout_list(l->layout, cli->arena, &images, &n, e));
	for (size_t i = 0; i < n; i++) {
		struct image_docs docs cleanup_docs = {0};
		char text[DIGEST_TEXT + 1];
		struct err broken = {0};
		bool named = false;

		for (size_t k = 0; k < n; k++)
			named = named || (images[k].name.len &&
			                     digest_eq(&images[k].descriptor.digest, &images[i].descriptor.digest));
		if (named)
			continue;
		if (image_docs_read(l, &images[i].descriptor, NULL, cli->arena, &docs, &broken) == 0 && p->until &&
		    image_created(&docs.config) >= p->until)
			continue;
		if (!p->o->dry)
			TRY(layout_remove(l->layout, &images[i].descriptor.digest, e));
		digest_text(docs.m.config.size ? &docs.m.config.digest : &images[i].descriptor.digest, text);
		printf("Deleted: %s\n", text);
	}
	return 0;
}

static void on_removed(void *arg, const struct gc_item *item)
{
	const struct pruning *p = arg;
	struct buf size cleanup_buf = {0};

	if (!p->o->verbose && !p->o->dry)
		return;
	human_size(item->bytes, 4, &size);
	printf("%s %s %s%s%s\n", kinds[item->kind][0], item->name, size.p, item->label && *item->label ? " " : "",
	    item->label ? item->label : "");
}

static void tell(const struct prune_opts *o, const struct gc_result *r)
{
	struct buf size cleanup_buf = {0}, list cleanup_buf = {0};

	for (size_t k = 0; k < GC_KIND_COUNT; k++)
		if (r->count[k])
			buf_printf(&list, "%s%llu %s", list.len ? ", " : "", (unsigned long long)r->count[k],
			    kinds[k][r->count[k] != 1]);
	if (list.len)
		printf("%s: %s\n", o->dry ? "Would remove" : "Removed", list.p);
	human_size(r->freed, 4, &size);
	printf("Total %s space: %s\n", o->dry ? "reclaimable" : "reclaimed", size.p);
	if (r->left)
		report_warning("%llu folders hold files of other users and stay: run as a user with subordinate ids",
		    (unsigned long long)r->left);
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	const struct prune_opts *o = opts;
	struct pruning p = {.o = o};
	struct local l cleanup_local = {0};
	struct gc_result result = {0};
	struct gc_roots roots;
	struct err no_userns = {0};
	struct gc_opts how;

	(void)args;
	TRY(read_filters(&p, e));
	if (!confirmed(o))
		return EXIT_OK;
	TRY(local_open(cli, &l, e));
	userns_enter(&no_userns); /* without it some folders stay, which is told below */
	TRY(prune_images(cli, &l, &p, e));
	roots = roots_of(&l);
	how = (struct gc_opts){
	    .all = (o->all || o->keeps) && !p.until && !o->keep,
	    .until_sec = p.until,
	    .keep_bytes = o->keep,
	    .images = true,
	    .cache = true,
	    .mounts = o->all || o->keeps || p.until,
	    .dry = o->dry,
	    .wait_ms = 10 * 1000,
	    .cancel = cli->cancel,
	    .removed = on_removed,
	    .arg = &p,
	};
	TRY(gc_run(l.store, &roots, &how, &result, e));
	tell(o, &result);
	return EXIT_OK;
}

const struct command cmd_prune = {
    .name = "prune",
    .usage = "[OPTIONS]",
    .summary = "Remove what is not used any more",
    .details = "Removes images without a name, and layers and blobs that nothing leads to. With --all, a filter or "
               "--keep-storage also build cache and cache mounts that a later build could use, what was not used for longest first. "
               "Images with names stay. Builds keep the store below $COOPER_CACHE_CAP (default: 50g, 0: no cap) in the same way.",
    .examples = "cooper prune -f\ncooper prune -af --filter until=168h\ncooper prune -f --keep-storage 10g",
    .opts = prune_table,
    .opts_size = sizeof(struct prune_opts),
    .run = run,
};

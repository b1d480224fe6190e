/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper inspect`: an image as docker describes it, made from its documents. */
#include <stdio.h>
#include <string.h>

#include "builder/cli/local.h"
#include "builder/cli/pushed.h"
#include "builder/cli/report.h"
#include "builder/cli/template.h"

struct inspect_opts {
	const char *format, *platform;
};

#define T struct inspect_opts
static const struct opt inspect_table[] = {
    OPT_STR('f', "format", T, format, "FORMAT", "json, or a template such as '{{.Config.Env}}'"),
    OPT_STR(0, "platform", T, platform, "OS/ARCH", "This platform's image of several"),
    OPT_IGNORED(0, "type"),
    OPT_IGNORED_BOOL('s', "size"),
    OPT_END,
};
#undef T

/* A name's repository with the digest that the image has there; a repository comes once. */
static void put_repo_digest(struct local *l, struct str name, const struct digest *d, struct arena *a, struct jval *digests)
{
	struct buf text cleanup_buf = {0};
	struct err none = {0};
	struct ref ref;

	if (ref_parse(name, a, &ref, &none) < 0)
		return;
	ref.tag = (struct str){0};
	ref.digest = *d;
	pushed_find(l->store, &ref, d, &ref.digest);
	ref_print_familiar(&ref, &text);
	for (size_t i = 0; i < jval_count(digests); i++)
		if (strcmp(jval_text(jval_at(digests, i)), text.p) == 0)
			return;
	jval_append(digests, jval_string(buf_view(&text)));
}

/* RepoTags and RepoDigests: of all names of the digest; the repository that was asked for comes first. */
static int put_names(struct local *l, const struct layout_image *asked, struct arena *a, struct jval *o, struct err *e)
{
	struct jval *tags = jval_array(), *digests = jval_array();
	const struct digest *d = &asked->descriptor.digest;
	struct layout_image *images;
	size_t n;

	jval_set(o, "RepoTags", tags);
	jval_set(o, "RepoDigests", digests);
	TRY(layout_list(l->layout, a, &images, &n, e));
	if (asked->name.len)
		put_repo_digest(l, asked->name, d, a, digests);
	for (size_t i = 0; i < n; i++) {
		if (!images[i].name.len || !digest_eq(&images[i].descriptor.digest, d))
			continue;
		jval_append(tags, jval_string(images[i].name));
		put_repo_digest(l, images[i].name, d, a, digests);
	}
	return 0;
}

static void put_copy(struct jval *o, const char *name, const struct jval *from, const char *key)
{
	const struct jval *v = jval_get(from, key);

	if (v)
		jval_set(o, name, jval_copy(v));
}

static struct jval *root_fs(const struct image_docs *docs)
{
	struct jval *o = jval_object(), *layers = jval_array();

	jval_set_text(o, "Type", "layers");
	for (size_t i = 0; i < docs->config.ndiff_ids; i++) {
		char text[DIGEST_TEXT + 1];

		digest_text(&docs->config.diff_ids[i], text);
		jval_append(layers, jval_string(str_of(text)));
	}
	jval_set(o, "Layers", layers);
	return o;
}

static struct jval *descriptor(const struct descriptor *d)
{
	struct jval *o = jval_object();
	char text[DIGEST_TEXT + 1];

	digest_text(&d->digest, text);
	jval_set_str(o, "mediaType", d->media_type);
	jval_set_text(o, "digest", text);
	jval_set(o, "size", jval_integer((int64_t)d->size));
	return o;
}

static int describe(struct cli *cli, struct local *l, const char *written, const struct platform *want,
    struct jval **ret, struct err *e)
{
	struct image_docs docs cleanup_docs = {0};
	struct jval *json cleanup_jval = NULL, *o cleanup_jval = jval_object();
	struct layout_image image;
	char text[DIGEST_TEXT + 1];

	TRY(local_find(l, written, cli->arena, &image, e));
	TRY(image_docs_read(l, &image.descriptor, want, cli->arena, &docs, e));
	TRY(jval_parse(buf_view(&docs.config_json), &json, e));
	digest_text(&docs.m.config.digest, text);
	jval_set_text(o, "Id", text);
	TRY(put_names(l, &image, cli->arena, o, e));
	jval_set_text(o, "Comment",
	    docs.config.nhistory ? arena_str(cli->arena, docs.config.history[docs.config.nhistory - 1].comment).p : "");
	put_copy(o, "Created", json, "created");
	jval_set_str(o, "Author", docs.config.author);
	put_copy(o, "Config", json, "config");
	put_copy(o, "Architecture", json, "architecture");
	put_copy(o, "Variant", json, "variant");
	put_copy(o, "Os", json, "os");
	jval_set(o, "Size", jval_integer((int64_t)image_size(l, &docs)));
	jval_set(o, "RootFS", root_fs(&docs));
	jval_set(o, "Descriptor", descriptor(&image.descriptor));
	*ret = steal(&o);
	return 0;
}

static int print_all(const struct jval *list, const char *format, struct err *e)
{
	struct buf out cleanup_buf = {0};

	if (!format || !*format) {
		jval_print(list, 4, &out);
		buf_putc(&out, '\n');
	}
	for (size_t i = 0; format && *format && i < jval_count(list); i++) {
		if (strcmp(format, "json") == 0)
			jval_print(jval_at(list, i), 0, &out);
		else
			TRY(template_run(format, jval_at(list, i), true, &out, e));
		buf_putc(&out, '\n');
	}
	fwrite(out.p, 1, out.len, stdout);
	return 0;
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	struct jval *list cleanup_jval = jval_array();
	const struct inspect_opts *o = opts;
	struct local l cleanup_local = {0};
	struct platform platform;
	bool failed = false;

	if (o->platform)
		TRY(local_platform(o->platform, cli->arena, &platform, e));
	TRY(local_open(cli, &l, e));
	for (int i = 0; i < args->n; i++) {
		struct jval *one = NULL;
		struct err missing = {0};

		if (describe(cli, &l, args->v[i], o->platform ? &platform : NULL, &one, &missing) == 0) {
			jval_append(list, one);
			continue;
		}
		if (failed)
			report_error(cli, e);
		failed = true;
		*e = missing;
	}
	if (failed) {
		struct err ignored = {0};

		print_all(list, o->format, &ignored);
		return -(int)e->code;
	}
	return print_all(list, o->format, e) < 0 ? -(int)e->code : EXIT_OK;
}

const struct command cmd_inspect = {
    .name = "inspect",
    .usage = "[OPTIONS] IMAGE...",
    .summary = "Show what an image is made of",
    .details = "Prints a JSON array with one object an image: Id, RepoTags, RepoDigests, Created, Config, "
               "Architecture, Os, Size, RootFS. Id is "
               "the digest of the configuration, Descriptor tells that of the manifest as it is stored; RepoDigests "
               "begins with the name that was asked for, and has for a repository the image was pushed to the digest "
               "that the registry knows.",
    .examples = "cooper inspect app\ncooper inspect -f '{{json .Config.Cmd}}' app\ncooper inspect -f '{{index "
                ".RepoDigests 0}}' app",
    .opts = inspect_table,
    .opts_size = sizeof(struct inspect_opts),
    .min_args = 1,
    .max_args = -1,
    .images = true,
    .run = run,
};

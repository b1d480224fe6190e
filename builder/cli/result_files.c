/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/cli/result_files.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jval.h"
#include "registry/platform.h"
#include "registry/ref.h"

/* Files appear whole, beside where they will be: so it is the folder that matters. */
static int check_folder(const char *option, const char *file, struct err *e)
{
	if (!file)
		return 0;
	const char *slash = strrchr(file, '/');
	cleanup_free char *folder = !slash ? mem_strdup(".") : slash == file ? mem_strdup("/") : mem_strndup(file, (size_t)(slash - file));
	if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0)
		return err_sys(e, "%s %s: folder %s", option, file, folder);
	return 0;
}

int result_files_prepare(const struct build_opts *o, struct err *e)
{
	TRY(check_folder("--iidfile", o->iidfile, e));
	TRY(check_folder("--metadata-file", o->metadata_file, e));
	if (o->iidfile && unlink(o->iidfile) < 0 && errno != ENOENT)
		return err_sys(e, "--iidfile %s", o->iidfile);
	return 0;
}

static void add_digest(struct jval *to, const char *name, const struct digest *d)
{
	char text[DIGEST_TEXT + 1];
	digest_text(d, text);
	jval_set_text(to, name, text);
}

static void add_image(struct jval *top, const struct build_request *r, const struct built *b)
{
	const struct descriptor *image = built_known_as(r, b);
	struct jval *d = jval_object();
	jval_set_str(d, "mediaType", image->media_type);
	add_digest(d, "digest", &image->digest);
	jval_set(d, "size", jval_integer((int64_t)image->size));
	if (b->n == 1)
		jval_set(d, "platform", platform_json(&b->platforms[0]));
	add_digest(top, "containerimage.digest", &image->digest);
	if (b->n == 1)
		add_digest(top, "containerimage.config.digest", &b->config);
	jval_set(top, "containerimage.descriptor", d);
}

/* Full names, each once; a repository alone where it was pushed by digest. */
struct full_names {
	struct arena *a;
	struct strs list;
};

static void add_names(struct full_names *f, const struct str *names, size_t n, bool repo_only)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_buf struct buf text = {0};
		struct ref ref;
		struct err ignored;
		bool known = false;
		if (ref_parse(names[i], f->a, &ref, &ignored) < 0)
			continue;
		if (repo_only)
			ref_print_repo(&ref, &text);
		else
			ref_print(&ref, &text);
		for (size_t k = 0; k < f->list.n; k++)
			known |= str_eq(f->list.v[k], buf_view(&text));
		if (!known)
			strs_add(f->a, &f->list, arena_str(f->a, buf_view(&text)));
	}
}

static void add_image_names(struct jval *top, const struct build_request *r, struct arena *a)
{
	cleanup_buf struct buf text = {0};
	struct full_names f = {.a = a};
	for (size_t i = 0; i < r->noutputs; i++) {
		const struct output *out = &r->outputs[i];
		add_names(&f, out->nnames ? out->names : r->names, out->nnames ? out->nnames : r->nnames, out->by_digest);
	}
	for (size_t i = 0; i < f.list.n; i++) {
		if (i)
			buf_putc(&text, ',');
		buf_str(&text, f.list.v[i]);
	}
	if (text.len)
		jval_set_str(top, "image.name", buf_view(&text));
}

static int write_metadata(const char *file, const struct build_request *r, const struct built *b, struct arena *a, struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct jval *top = jval_object();
	if (b->has_image)
		add_image(top, r, b);
	add_image_names(top, r, a);
	jval_print(top, 2, &text);
	buf_putc(&text, '\n');
	jval_free(top);
	return fs_write_atomic(AT_FDCWD, file, buf_view(&text), 0644, false, e);
}

int result_files_write(const struct build_opts *o, const struct build_request *r, const struct built *b, struct arena *a, struct err *e)
{
	char digest[DIGEST_TEXT + 1] = "";
	if (b->has_image)
		digest_text(&built_known_as(r, b)->digest, digest);
	if (o->iidfile)
		TRY(fs_write_atomic(AT_FDCWD, o->iidfile, str_of(digest), 0644, false, e));
	return o->metadata_file ? write_metadata(o->metadata_file, r, b, a, e) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/cli/result_files.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jval.h"
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

static void add_image(struct jval *top, const struct built *b)
{
	const struct digest *digest = digest_none(&b->pushed) ? &b->image.digest : &b->pushed;
	struct jval *d = jval_object();
	jval_set_str(d, "mediaType", b->image.media_type);
	add_digest(d, "digest", digest);
	jval_set(d, "size", jval_integer((int64_t)b->image.size));
	add_digest(top, "containerimage.digest", digest);
	if (b->n == 1)
		add_digest(top, "containerimage.config.digest", &b->config);
	jval_set(top, "containerimage.descriptor", d);
}

static int write_metadata(const char *file, const struct build_request *r, const struct built *b, struct arena *a, struct err *e)
{
	cleanup_buf struct buf text = {0}, names = {0};
	struct jval *top = jval_object();
	if (b->has_image)
		add_image(top, b);
	for (size_t i = 0; i < r->nnames; i++) {
		struct ref ref;
		if (ref_parse(r->names[i], a, &ref, e) < 0)
			continue;
		if (names.len)
			buf_putc(&names, ',');
		ref_print(&ref, &names);
	}
	if (names.len)
		jval_set_str(top, "image.name", buf_view(&names));
	jval_print(top, 2, &text);
	buf_putc(&text, '\n');
	jval_free(top);
	return fs_write_atomic(AT_FDCWD, file, buf_view(&text), 0644, false, e);
}

int result_files_write(const struct build_opts *o, const struct build_request *r, const struct built *b, struct arena *a, struct err *e)
{
	char digest[DIGEST_TEXT + 1] = "";
	if (b->has_image)
		digest_text(&b->image.digest, digest);
	if (o->iidfile)
		TRY(fs_write_atomic(AT_FDCWD, o->iidfile, str_of(digest), 0644, false, e));
	return o->metadata_file ? write_metadata(o->metadata_file, r, b, a, e) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One function per kind of output writes it; here is the table of them, and what they share. */
#include "builder/cli/build_output_impl.h"

#include <fcntl.h>
#include <stdarg.h>

#include "base/fs.h"

void output_say(struct writing *w, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	cleanup_free char *text = mem_vprintf(format, args);
	va_end(args);
	event_status(w->ev, w->step, str_of(text), 0, 0, true);
}

const struct str *output_names(const struct writing *w, size_t *ret_n)
{
	*ret_n = w->out->nnames ? w->out->nnames : w->r->nnames;
	return w->out->nnames ? w->out->names : w->r->names;
}

int output_open(const struct writing *w, struct whole_file *ret, struct err *e)
{
	cleanup_free char *dir = w->out->dest ? mem_strdup(w->out->dest) : NULL;
	char *slash = dir ? strrchr(dir, '/') : NULL;
	if (slash && slash != dir) {
		*slash = '\0';
		TRY(fs_mkdirs(AT_FDCWD, dir, 0755, e));
	}
	return whole_file_open(w->out->dest, ret, e);
}

const struct descriptor *built_known_as(const struct build_request *r, const struct built *b)
{
	if (!digest_none(&b->pushed.digest))
		return &b->pushed;
	return r->noutputs == 1 && !digest_none(&b->archived.digest) ? &b->archived : &b->image;
}

int build_outputs_write(
    struct cli *cli, const struct build_request *r, struct built *b, struct events *ev, uint32_t step, struct err *e)
{
	static int (*const kinds[])(struct writing * w, struct err * e) = {[OUTPUT_IMAGE] = output_image,
	    [OUTPUT_REGISTRY] = output_image,
	    [OUTPUT_OCI] = output_archive,
	    [OUTPUT_DOCKER] = output_archive,
	    [OUTPUT_LOCAL] = output_local,
	    [OUTPUT_TAR] = output_tar,
	    [OUTPUT_PAGES] = output_tar,
	    [OUTPUT_CACHEONLY] = NULL};
	for (size_t i = 0; i < r->noutputs; i++) {
		struct writing w = {.cli = cli, .r = r, .b = b, .out = &r->outputs[i], .ev = ev, .step = step};
		if (kinds[r->outputs[i].kind] && kinds[r->outputs[i].kind](&w, e) < 0)
			return r->outputs[i].dest ? err_wrap(e, "write %s", r->outputs[i].dest) : -(int)e->code;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What -o, --push and --load say (BuildKit's exporters): `type=...,key=value,...` or a bare path, checked before
 * anything is opened. What cooper always does, or what has no meaning without a daemon, is accepted and does nothing.
 */
#include "builder/cli/build_output.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/cli/outbound_flags.h"
#include "parser/values.h"
#include "snapshotter/index.h"

static const char *const kind_names[] = {"image", "registry", "oci", "docker", "local", "tar", "pages", "cacheonly"};

static int bool_value(const char *key, const char *value, bool *ret, struct err *e)
{
	if (!opt_parse_bool(value, ret))
		return err_set(e, ERR_USAGE, "--output: %s=%s: true or false is wanted", key, value);
	return 0;
}

static int output_names(struct cli *cli, struct output *out, const char *value, struct err *e)
{
	struct str rest = str_of(value), part;
	size_t cap = 0;
	while (str_split(&rest, ',', &part)) {
		struct ref ref;
		if (!str_trim(part).len)
			continue;
		ARENA_ROOM(cli->arena, out->names, out->nnames, cap);
		TRY(local_name(arena_str(cli->arena, str_trim(part)).p, cli->arena, &ref, &out->names[out->nnames], e));
		if (ref.tagged && !out->tagged)
			out->tagged = arena_str(cli->arena, str_trim(part)).p;
		out->nnames++;
	}
	return 0;
}

static int output_kind(struct output *out, const char *value, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(kind_names); i++) {
		if (strcmp(kind_names[i], value) == 0) {
			out->kind = (enum output_kind)i;
			return 0;
		}
	}
	const char *near = str_suggest(str_of(value), kind_names, ARRAY_LEN(kind_names));
	return err_set(e, ERR_USAGE,
	    "--output: unknown type \"%s\"%s%s%s; known are image, registry, oci, docker, local, tar, pages and "
	    "cacheonly",
	    value, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static int output_field(struct cli *cli, struct output *out, const char *key, const char *value, struct err *e)
{
	bool flag = true, note;
	TRY(notes_field(key, value, cli->arena, &out->notes, &note, e));
	if (note)
		return 0;
	if (strcmp(key, "type") == 0)
		return output_kind(out, value, e);
	if (strcmp(key, "dest") == 0) {
		out->dest = value;
		return 0;
	}
	if (strcmp(key, "name") == 0)
		return output_names(cli, out, value, e);
	if (strcmp(key, "push") == 0)
		return bool_value(key, value, &out->push, e);
	if (strcmp(key, "registry.insecure") == 0)
		return bool_value(key, value, &out->insecure, e);
	if (strcmp(key, "push-by-digest") == 0)
		return bool_value(key, value, &out->by_digest, e);
	if (strcmp(key, "compression") == 0) {
		out->compression_set = true;
		return outbound_field_compression("--output", value, &out->compression, e);
	}
	if (strcmp(key, "compression-level") == 0)
		return outbound_field_level("--output", value, &out->level, e);
	if (strcmp(key, "force-compression") == 0)
		return bool_value(key, value, &out->force, e);
	if (strcmp(key, "oci-mediatypes") == 0) {
		TRY(bool_value(key, value, &flag, e));
		out->docker_types = !flag;
		return 0;
	}
	if (strcmp(key, "tar") == 0) {
		TRY(bool_value(key, value, &flag, e));
		out->folder = !flag;
		return 0;
	}
	if (strcmp(key, "mode") == 0) {
		if (strcmp(value, "copy") != 0 && strcmp(value, "delete") != 0)
			return err_set(e, ERR_USAGE, "--output: mode=%s: copy or delete is wanted", value);
		out->mode_delete = strcmp(value, "delete") == 0;
		return 0;
	}
	/* Behaviour that is always so here, or that has no meaning without a daemon. */
	static const char *const accepted[] = {"rewrite-timestamp", "unpack", "store", "name-canonical",
	    "dangling-name-prefix", "prefer-nondist-layers", "platform-split",
	    "context", "oci-artifact"};
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
		if (strcmp(key, accepted[i]) == 0)
			return 0;
	return err_set(e, ERR_USAGE, "--output: unexpected key '%s'", key);
}

static int parse_output(struct cli *cli, const char *text, struct output *out, struct err *e)
{
	*out = (struct output){.level = -1, .compression = COMPRESS_GZIP};
	if (!strchr(text, '=') || strcmp(text, "-") == 0) {
		out->kind = strcmp(text, "-") == 0 ? OUTPUT_TAR : OUTPUT_LOCAL;
		out->dest = text;
		return 0;
	}
	const char *rest = text, *key, *value;
	bool typed = false;
	int rc;
	while ((rc = opt_csv_next(&rest, cli->arena, &key, &value, e)) > 0) {
		if (!value)
			return err_set(e, ERR_USAGE, "--output: invalid field '%s': KEY=VALUE is wanted", key);
		typed = typed || strcmp(key, "type") == 0;
		TRY(output_field(cli, out, key, value, e));
	}
	if (rc < 0)
		return rc;
	if (!typed)
		return err_set(e, ERR_USAGE, "--output %s: type=... is missing", text);
	return 0;
}

/* What is deleted by mistake cannot be had back. */
static int check_delete(const struct build_request *r, const struct output *out, struct err *e)
{
	cleanup_free char *here = realpath(".", NULL), *there = realpath(out->dest, NULL);
	if (!there || r->allow_delete || (here && path_within(str_of(there + 1), str_of(here + 1))))
		return 0;
	return err_set(e, ERR_USAGE, "--output: mode=delete would remove files in %s, which is not below the working folder; if that is meant: "
	    "--allow buildx.local.delete", there);
}

/* What is pushed by its digest has no tag: neither the output's names nor, when it has none, those of -t. */
static int check_by_digest(struct cli *cli, const struct build_request *r, struct output *out, struct err *e)
{
	const char *tagged = out->tagged;
	struct ref ref;
	out->by_digest = out->by_digest && out->push;
	if (!out->by_digest)
		return 0;
	for (size_t i = 0; !out->nnames && !tagged && i < r->o->tags.n; i++) {
		TRY(ref_parse(str_of(r->o->tags.v[i]), cli->arena, &ref, e));
		tagged = ref.tagged ? r->o->tags.v[i] : NULL;
	}
	return tagged ? err_set(e, ERR_USAGE, "can't push tagged ref %s by digest: leave the tag out", tagged) : 0;
}

static int check_output(const struct build_request *r, struct output *out, unsigned *to_stdout, struct err *e)
{
	struct stat st;
	bool is_file = out->kind == OUTPUT_TAR || out->kind == OUTPUT_PAGES ||
	               ((out->kind == OUTPUT_OCI || out->kind == OUTPUT_DOCKER) && !out->folder);
	if (out->kind == OUTPUT_LOCAL && !out->dest)
		return err_set(e, ERR_USAGE, "--output: dest is required for type=local: -o type=local,dest=DIR");
	if (out->kind == OUTPUT_LOCAL && strcmp(out->dest, "-") == 0)
		return err_set(e, ERR_USAGE, "--output: type=local cannot go to stdout; use type=tar");
	if (out->kind == OUTPUT_LOCAL && out->mode_delete)
		TRY(check_delete(r, out, e));
	if ((out->kind == OUTPUT_OCI || out->kind == OUTPUT_DOCKER) && out->folder && !out->dest)
		return err_set(e, ERR_USAGE, "--output: dest is required with tar=false");
	if (out->kind == OUTPUT_DOCKER && !out->dest && !out->folder && (r->o->load || isatty(STDOUT_FILENO)))
		out->load = true;
	if (is_file && !out->load && (!out->dest || strcmp(out->dest, "-") == 0)) {
		out->dest = NULL;
		if (build_explains_to_tools(r->o))
			return err_set(e, ERR_USAGE, "--explain=json and an output both go to stdout: give the output a file (dest=FILE)");
		if (++*to_stdout > 1)
			return err_set(e, ERR_USAGE, "--output: only one output can go to stdout");
		if (isatty(STDOUT_FILENO))
			return err_set(
			    e, ERR_USAGE, "--output: refusing to write a tar to the terminal; use dest=FILE or a pipe");
	}
	if (is_file && out->dest && stat(out->dest, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, "--output: %s is a folder, a file is wanted", out->dest);
	if (!is_file && out->dest && stat(out->dest, &st) == 0 && !S_ISDIR(st.st_mode))
		return err_set(e, ERR_USAGE, "--output: %s is no folder", out->dest);
	if (out->kind == OUTPUT_REGISTRY)
		out->push = true;
	if (out->push && !out->nnames && !r->nnames)
		return err_set(e, ERR_USAGE, "a tag is needed when pushing to a registry: -t HOST/NAME[:TAG]");
	return 0;
}

static bool is_image(const struct output *out)
{
	return out->kind <= OUTPUT_DOCKER;
}

/* The image is made once, with its annotations; two outputs cannot want different ones. */
static int gather_notes(struct cli *cli, struct build_request *r, struct err *e)
{
	size_t images = 0;
	for (size_t i = 0; i < r->noutputs; i++)
		images += is_image(&r->outputs[i]);
	for (size_t i = 0; i < r->noutputs; i++) {
		const struct output *out = &r->outputs[i];
		if (!out->notes.n)
			continue;
		if (!is_image(out))
			return err_set(e, ERR_USAGE, "--output: annotations are of images, and there is none with -o type=local or type=tar");
		if (images > 1)
			return err_set(e, ERR_USAGE, "--output: annotations of one of several images are not made; --annotation gives all of them the same");
		notes_add_all(&r->notes, &out->notes, cli->arena);
	}
	return notes_check(&r->notes, r->platforms, r->nplatforms, e);
}

int build_outputs_parse(struct cli *cli, struct build_request *r, struct err *e)
{
	const struct build_opts *o = r->o;
	unsigned to_stdout = 0;
	r->outputs = arena_new(cli->arena, (o->outputs.n + 3) * sizeof(*r->outputs));
	for (size_t i = 0; i < o->outputs.n; i++)
		if (*o->outputs.v[i])
			TRY(parse_output(cli, o->outputs.v[i], &r->outputs[r->noutputs++], e));
	if (o->push) {
		bool found = false;
		for (size_t i = 0; i < r->noutputs; i++)
			if (r->outputs[i].kind == OUTPUT_IMAGE)
				found = r->outputs[i].push = true;
		if (!found)
			r->outputs[r->noutputs++] = (struct output){
			    .kind = OUTPUT_IMAGE, .push = true, .level = -1, .compression = COMPRESS_GZIP};
	}
	if (o->load)
		r->outputs[r->noutputs++] = (struct output){.kind = OUTPUT_DOCKER,
		    .load = true,
		    .level = -1,
		    .compression = COMPRESS_NONE,
		    .compression_set = true};
	if (!r->noutputs)
		r->outputs[r->noutputs++] =
		    (struct output){.kind = OUTPUT_IMAGE, .level = -1, .compression = COMPRESS_GZIP};
	for (size_t i = 0; i < r->noutputs; i++) {
		r->outputs[i].docker_types |= o->format && strcmp(o->format, "docker") == 0;
		TRY(check_output(r, &r->outputs[i], &to_stdout, e));
		TRY(check_by_digest(cli, r, &r->outputs[i], e));
	}
	TRY(gather_notes(cli, r, e));
	if (o->iidfile && !build_outputs_want_image(r))
		return err_set(e, ERR_USAGE, "--iidfile: there is no image with -o type=local or type=tar");
	return 0;
}

bool build_outputs_want_image(const struct build_request *r)
{
	for (size_t i = 0; i < r->noutputs; i++)
		if (is_image(&r->outputs[i]))
			return true;
	return false;
}

bool build_outputs_want_tree(const struct build_request *r)
{
	for (size_t i = 0; i < r->noutputs; i++)
		if (!is_image(&r->outputs[i]) && r->outputs[i].kind != OUTPUT_CACHEONLY)
			return true;
	return false;
}

bool build_outputs_want_blobs(const struct build_request *r)
{
	for (size_t i = 0; i < r->noutputs; i++)
		if (is_image(&r->outputs[i]) && !r->outputs[i].push)
			return true;
	return false;
}

bool build_outputs_compress(const struct build_request *r, enum compression *ret, int *ret_level)
{
	for (size_t i = 0; i < r->noutputs; i++) {
		const struct output *out = &r->outputs[i];
		if (!is_image(out) || out->compression == COMPRESS_NONE || (out->kind == OUTPUT_IMAGE && !out->push))
			continue;
		*ret = out->compression;
		*ret_level = out->level;
		return true;
	}
	return false;
}

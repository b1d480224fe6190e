/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs: parsing -o (BuildKit's exporters), and one function per kind that writes it. */
#include "builder/cli/build_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "builder/cli/pages.h"
#include "builder/cli/report.h"
#include "builder/export/offer.h"
#include "builder/export/outbound.h"
#include "parser/values.h"
#include "registry/archive.h"
#include "registry/remote.h"
#include "registry/transfer.h"
#include "snapshotter/layer.h"
#include "snapshotter/rootpath.h"
#include "snapshotter/tar.h"

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
		out->nnames++;
	}
	return 0;
}

static int output_level(struct output *out, const char *value, struct err *e)
{
	char *end;
	long level = strtol(value, &end, 10);
	if (!*value || *end || level < 0 || level > 22)
		return err_set(e, ERR_USAGE, "--output: compression-level=%s: a number is wanted", value);
	out->level = (int)level;
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
	return err_set(e, ERR_USAGE, "--output: unknown type \"%s\"%s%s%s; known are image, registry, oci, docker, local, tar, pages and cacheonly",
		value, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static int output_field(struct cli *cli, struct output *out, const char *key, const char *value, struct err *e)
{
	bool flag = true;
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
	if (strcmp(key, "compression") == 0) {
		out->compression_set = true;
		if (!compress_from_name(str_of(value), &out->compression))
			return err_set(e, ERR_USAGE, "--output: compression=%s: uncompressed, gzip and zstd are known", value);
		return 0;
	}
	if (strcmp(key, "compression-level") == 0)
		return output_level(out, value, e);
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
	static const char *const accepted[] = {"rewrite-timestamp", "unpack", "store", "name-canonical", "dangling-name-prefix", "registry.insecure",
	    "push-by-digest", "prefer-nondist-layers", "platform-split", "context", "oci-artifact"};
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

static int check_output(const struct build_request *r, struct output *out, unsigned *to_stdout, struct err *e)
{
	struct stat st;
	bool is_file = out->kind == OUTPUT_TAR || out->kind == OUTPUT_PAGES ||
		       ((out->kind == OUTPUT_OCI || out->kind == OUTPUT_DOCKER) && !out->folder);
	if (out->kind == OUTPUT_LOCAL && !out->dest)
		return err_set(e, ERR_USAGE, "--output: dest is required for type=local: -o type=local,dest=DIR");
	if (out->kind == OUTPUT_LOCAL && strcmp(out->dest, "-") == 0)
		return err_set(e, ERR_USAGE, "--output: type=local cannot go to stdout; use type=tar");
	if ((out->kind == OUTPUT_OCI || out->kind == OUTPUT_DOCKER) && out->folder && !out->dest)
		return err_set(e, ERR_USAGE, "--output: dest is required with tar=false");
	if (out->kind == OUTPUT_DOCKER && !out->dest && !out->folder && (r->o->load || isatty(STDOUT_FILENO)))
		out->load = true;
	if (is_file && !out->load && (!out->dest || strcmp(out->dest, "-") == 0)) {
		out->dest = NULL;
		if (++*to_stdout > 1)
			return err_set(e, ERR_USAGE, "--output: only one output can go to stdout");
		if (isatty(STDOUT_FILENO))
			return err_set(e, ERR_USAGE, "--output: refusing to write a tar to the terminal; use dest=FILE or a pipe");
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
			r->outputs[r->noutputs++] = (struct output){.kind = OUTPUT_IMAGE, .push = true, .level = -1, .compression = COMPRESS_GZIP};
	}
	if (o->load)
		r->outputs[r->noutputs++] = (struct output){.kind = OUTPUT_DOCKER, .load = true, .level = -1, .compression = COMPRESS_NONE,
			.compression_set = true};
	if (!r->noutputs)
		r->outputs[r->noutputs++] = (struct output){.kind = OUTPUT_IMAGE, .level = -1, .compression = COMPRESS_GZIP};
	for (size_t i = 0; i < r->noutputs; i++) {
		r->outputs[i].docker_types |= o->format && strcmp(o->format, "docker") == 0;
		TRY(check_output(r, &r->outputs[i], &to_stdout, e));
	}
	if (o->iidfile && !build_outputs_want_image(r))
		return err_set(e, ERR_USAGE, "--iidfile: there is no image with -o type=local or type=tar");
	return 0;
}

static bool is_image(const struct output *out)
{
	return out->kind <= OUTPUT_DOCKER;
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

/* --- writing --- */

struct writing {
	struct cli *cli;
	const struct build_request *r;
	struct built *b;
	const struct output *out;
	struct events *ev;
	uint32_t step;
};

static void say(struct writing *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct writing *w, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	cleanup_free char *text = mem_vprintf(format, args);
	va_end(args);
	event_status(w->ev, w->step, str_of(text), 0, 0, true);
}

/* The blob of a layer from another machine's cache, while nobody has needed its bytes here. */
static bool elsewhere(void *arg, const struct digest *diff_id, enum compression c, struct descriptor *d)
{
	struct writing *w = arg;
	for (size_t i = 0; i < w->b->n; i++)
		for (size_t k = 0; k < w->b->trees[i]->n; k++) {
			const struct tree_layer *l = &w->b->trees[i]->layers[k];
			const struct media *m = l->claim ? media_find(str_of(l->media_type)) : NULL;
			if (!m || !digest_eq(&l->diff_id, diff_id) || strcmp(media_type(MEDIA_LAYER, MEDIA_OCI, m->compression), outbound_layer_type(c)) != 0)
				continue;
			d->digest = l->blob;
			d->size = l->blob_size;
			return true;
		}
	return false;
}

static int outbound(struct writing *w, bool as_is, struct place *to, struct descriptor *ret, struct err *e)
{
	struct outbound_opts o = {.compression = w->out->compression, .level = w->out->level, .force = w->out->force || w->out->compression_set,
		.family = w->out->docker_types ? OUTBOUND_DOCKER : OUTBOUND_AS_IS, .cancel = w->cli->cancel, .to = to};
	if (as_is && !w->out->compression_set && !w->out->docker_types) {
		*ret = w->b->image;
		return 0;
	}
	o.force = w->out->force;
	o.elsewhere = elsewhere;
	o.arg = w;
	return outbound_manifest(w->b->env->store, &w->b->image, &o, w->cli->arena, ret, e);
}

static bool blob_here(const struct writing *w, const struct tree_layer *l)
{
	struct blobs *blobs = w->b->env->store->blobs;
	return !digest_none(&l->id) || blobs_has(blobs, l->claim ? &l->diff_id : &l->blob, NULL);
}

/* Are the base images' layers in the store? What is only pushed does without, where the registry has them. */
static bool whole(const struct writing *w)
{
	for (size_t i = 0; i < w->b->n; i++)
		for (size_t k = 0; k < w->b->trees[i]->n; k++)
			if (!blob_here(w, &w->b->trees[i]->layers[k]))
				return false;
	return true;
}

static int make_whole(struct writing *w, struct err *e)
{
	for (size_t i = 0; i < w->b->n; i++)
		TRY(ops_need_blobs(w->b->env, w->b->trees[i], w->cli->cancel, e));
	return 0;
}

static int tag_names(struct writing *w, struct err *e)
{
	size_t n = w->out->nnames ? w->out->nnames : w->r->nnames;
	const struct str *names = w->out->nnames ? w->out->names : w->r->names;
	char text[DIGEST_TEXT + 1];
	digest_text(&w->b->image.digest, text);
	if (!whole(w)) {
		say(w, "made image %s, which goes to the registry alone: layers of its base image or of a cache stay there", text);
		return 0;
	}
	say(w, "writing image %s", text);
	TRY(layout_tag_all(w->b->env->layout, &w->b->image, names, n, e));
	for (size_t i = 0; i < n; i++)
		say(w, "naming to %.*s", STR_ARG(names[i]));
	return 0;
}

static void push_progress(void *arg, const struct digest *blob, uint64_t done, uint64_t total)
{
	struct writing *w = arg;
	char what[64], hex[DIGEST_HEX + 1];
	digest_hex(blob, hex);
	snprintf(what, sizeof(what), "pushing layer %.12s", hex);
	if (total)
		event_status(w->ev, w->step, str_of(what), done, total, done == total);
}

/* Repositories of the same registry that hold the base images' layers, or a cache's, already. */
static void lenders(struct writing *w, const struct ref *target, struct transfer_opts *to)
{
	struct str *paths = arena_new(w->cli->arena, (w->b->nbases + w->b->ncache_repos + 1) * sizeof(*paths));
	for (size_t i = 0; i < w->b->nbases + w->b->ncache_repos; i++) {
		struct ref ref;
		struct err ignored;
		struct str name = i < w->b->nbases ? w->b->bases[i].name : w->b->cache_repos[i - w->b->nbases];
		if (ref_parse(name, w->cli->arena, &ref, &ignored) == 0 && str_eq(ref.host, target->host) && !str_eq(ref.path, target->path))
			paths[to->nmount_from++] = ref.path;
	}
	to->mount_from = paths;
}

/* The registry has the base image's layers mostly; where it does not, they are fetched after all. */
static int push_to(struct writing *w, const struct descriptor *image, const struct ref *ref, struct err *e)
{
	cleanup_place struct place *remote = NULL;
	struct offer offer;
	struct descriptor pushed;
	struct remote_opts ro = {.push = true, .insecure = w->r->o->insecure, .authfile = w->r->o->authfile, .cancel = w->cli->cancel};
	struct transfer_opts to = {.cancel = w->cli->cancel, .progress = push_progress, .arg = w};
	lenders(w, ref, &to);
	TRY(remote_open(ref, &ro, &remote, e));
	offer_init(&offer, w->b->env->layout, image);
	int rc = transfer(&offer.place, STR(""), remote, ref->tag, &to, w->cli->arena, &pushed, e);
	if (rc != -ERR_NOT_FOUND || whole(w))
		return rc;
	TRY(make_whole(w, e));
	return transfer(&offer.place, STR(""), remote, ref->tag, &to, w->cli->arena, &pushed, e);
}

/* What is compressed for it goes to the first registry at once; the others get it from the store. */
static int outbound_to(struct writing *w, struct str name, struct descriptor *ret, struct err *e)
{
	cleanup_place struct place *remote = NULL;
	struct remote_opts ro = {.push = true, .insecure = w->r->o->insecure, .authfile = w->r->o->authfile, .cancel = w->cli->cancel};
	struct ref ref;
	TRY(ref_parse(name, w->cli->arena, &ref, e));
	TRY(remote_open(&ref, &ro, &remote, e));
	return outbound(w, false, remote, ret, e);
}

static int push(struct writing *w, struct err *e)
{
	size_t n = w->out->nnames ? w->out->nnames : w->r->nnames;
	const struct str *names = w->out->nnames ? w->out->names : w->r->names;
	struct descriptor outside;
	if (w->out->force || w->out->compression_set)
		TRY(make_whole(w, e));
	int rc = n ? outbound_to(w, names[0], &outside, e) : outbound(w, false, NULL, &outside, e);
	if (rc == -ERR_NOT_FOUND && !whole(w)) { /* a cache's layers are compressed otherwise */
		TRY(make_whole(w, e));
		rc = n ? outbound_to(w, names[0], &outside, e) : outbound(w, false, NULL, &outside, e);
	}
	TRY(rc);
	char digest[DIGEST_TEXT + 1];
	digest_text(&outside.digest, digest);
	for (size_t i = 0; i < n; i++) {
		struct ref ref;
		TRY(ref_parse(names[i], w->cli->arena, &ref, e));
		if (push_to(w, &outside, &ref, e) < 0)
			return err_wrap(e, "push %.*s", STR_ARG(names[i]));
		say(w, "pushed %.*s@%s", STR_ARG(names[i]), digest);
	}
	w->b->pushed = outside.digest;
	return 0;
}

static int write_image(struct writing *w, struct err *e)
{
	if (w->out->kind == OUTPUT_IMAGE)
		TRY(tag_names(w, e));
	return w->out->push ? push(w, e) : 0;
}

/* A file that appears whole: written beside its name, then renamed. */
struct target {
	int fd;
	char *temp;
	const char *dest;
};

static int target_open(const char *dest, struct target *t, struct err *e)
{
	*t = (struct target){.fd = STDOUT_FILENO, .dest = dest};
	if (!dest)
		return 0;
	struct stat st;
	cleanup_free char *dir = mem_strdup(dest);
	char *slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		TRY(fs_mkdirs(AT_FDCWD, dir, 0755, e));
	}
	if (stat(dest, &st) == 0 && !S_ISREG(st.st_mode)) { /* /dev/null, a fifo */
		t->fd = open(dest, O_WRONLY | O_CLOEXEC);
		return t->fd < 0 ? err_sys(e, "open %s", dest) : 0;
	}
	cleanup_free char *prefix = mem_printf("%s.", dest);
	TRY(fs_temp_file(AT_FDCWD, prefix, &t->temp, &t->fd, e));
	mode_t mask = umask(0);
	umask(mask);
	return fchmod(t->fd, 0666 & ~mask) < 0 ? err_sys(e, "chmod %s", t->temp) : 0;
}

static int target_close(struct target *t, int rc, struct err *e)
{
	if (t->dest)
		close(t->fd);
	if (t->temp && rc == 0 && rename(t->temp, t->dest) < 0)
		rc = err_sys(e, "rename %s", t->dest);
	if (t->temp && rc < 0)
		unlink(t->temp);
	mem_free(t->temp);
	return rc;
}

static struct str *full_names(struct writing *w, size_t *ret_n)
{
	size_t n = w->out->nnames ? w->out->nnames : w->r->nnames;
	const struct str *names = w->out->nnames ? w->out->names : w->r->names;
	struct str *full = arena_new(w->cli->arena, (n + 1) * sizeof(*full));
	for (size_t i = 0; i < n; i++) {
		struct ref ref;
		struct err ignored;
		cleanup_buf struct buf text = {0};
		if (ref_parse(names[i], w->cli->arena, &ref, &ignored) == 0)
			ref_print(&ref, &text);
		full[i] = arena_str(w->cli->arena, buf_view(&text));
	}
	*ret_n = n;
	return full;
}

/* docker load or podman load of this machine; when there is neither, the store keeps the image and that is said. */
static int load_elsewhere(struct writing *w, struct err *e);

static int write_archive(struct writing *w, struct err *e)
{
	struct descriptor outside;
	struct archive_image image = {0};
	struct archive_opts o = {.docker = w->out->kind == OUTPUT_DOCKER, .folder = w->out->folder};
	if (w->out->load)
		return load_elsewhere(w, e);
	TRY(outbound(w, false, NULL, &outside, e));
	image.descriptor = outside;
	image.names = full_names(w, &image.nnames);
	w->b->pushed = outside.digest;
	if (w->out->folder) {
		cleanup_close int dir = -1;
		TRY(fs_mkdirs(AT_FDCWD, w->out->dest, 0755, e));
		TRY(fs_open_dir(AT_FDCWD, w->out->dest, &dir, e));
		return archive_write(w->b->env->layout, &image, 1, &o, NULL, dir, e);
	}
	struct target t;
	struct sink_fd sink;
	int rc = target_open(w->out->dest, &t, e);
	if (rc < 0)
		return rc;
	sink_fd_init(&sink, t.fd);
	return target_close(&t, archive_write(w->b->env->layout, &image, 1, &o, &sink.sink, -1, e), e);
}

static int load_elsewhere(struct writing *w, struct err *e)
{
	static const char *const programs[] = {"docker", "podman"};
	struct archive_image image = {.descriptor = w->b->image};
	struct archive_opts o = {.docker = true};
	image.names = full_names(w, &image.nnames);
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		cleanup_free char *probe = mem_printf("%s info >/dev/null 2>&1", programs[i]);
		if (system(probe) != 0)
			continue;
		cleanup_free char *command = mem_printf("%s load -q >/dev/null", programs[i]);
		FILE *pipe = popen(command, "we");
		struct sink_fd sink;
		if (!pipe)
			return err_sys(e, "start %s load", programs[i]);
		sink_fd_init(&sink, fileno(pipe));
		int rc = archive_write(w->b->env->layout, &image, 1, &o, &sink.sink, -1, e);
		if (pclose(pipe) != 0 && rc == 0)
			rc = err_set(e, ERR_REMOTE, "%s load failed", programs[i]);
		if (rc == 0)
			say(w, "loaded into %s", programs[i]);
		return rc;
	}
	TRY(layout_tag_all(w->b->env->layout, &w->b->image, w->r->names, w->r->nnames, e));
	say(w, "no docker or podman answers here: the image is in cooper's store");
	return 0;
}

static int tree_ids(struct writing *w, const struct tree *t, struct digest **ret, struct err *e)
{
	*ret = arena_new(w->cli->arena, (t->n + 1) * sizeof(**ret));
	return ops_need_tree(w->b->env, t, true, w->cli->cancel, *ret, e);
}

static int place_one(struct writing *w, size_t i, const char *dest, struct err *e)
{
	struct digest *ids;
	cleanup_close int dir = -1;
	struct layer_place how = {.set_time = w->r->epoch, .reflink_or_copy = true};
	TRY(tree_ids(w, w->b->trees[i], &ids, e));
	if (w->out->mode_delete)
		TRY(fs_remove_tree(AT_FDCWD, dest, e));
	TRY(fs_mkdirs(AT_FDCWD, dest, 0755, e));
	TRY(fs_open_dir(AT_FDCWD, dest, &dir, e));
	return layer_place_tree(w->b->env->store, ids, w->b->trees[i]->n, dir, &how, w->cli->cancel, e);
}

static char *platform_folder(const struct platform *p)
{
	return mem_printf("%.*s_%.*s%s%.*s", STR_ARG(p->os), STR_ARG(p->arch), p->variant.len ? "_" : "", STR_ARG(p->variant));
}

static int write_local(struct writing *w, struct err *e)
{
	say(w, "copying files to %s", w->out->dest);
	if (w->b->n == 1)
		return place_one(w, 0, w->out->dest, e);
	for (size_t i = 0; i < w->b->n; i++) {
		cleanup_free char *name = platform_folder(&w->b->platforms[i]);
		cleanup_free char *dest = mem_printf("%s/%s", w->out->dest, name);
		TRY(place_one(w, i, dest, e));
	}
	return 0;
}

static int open_placed(void *arg, const struct entry *en, int *ret_fd, struct err *e)
{
	cleanup_free char *path = mem_strndup(en->path.p, en->path.len);
	return rootpath_open_nolinks(*(int *)arg, path, O_RDONLY, 0, ret_fd, e);
}

/* Several platforms, each in a folder of its own: placed in scratch space first. */
static int write_tar_platforms(struct writing *w, struct err *e)
{
	int tmp;
	struct target t;
	struct sink_fd sink;
	struct tar_writer tar;
	struct layer_skip skip = {0};
	struct layer_place how = {.owners = true, .set_time = w->r->epoch};
	cleanup_free char *scratch = NULL;
	cleanup_close int dir = -1;
	cleanup_index struct index *ix = NULL;
	cleanup_view struct view *empty = view_new(NULL, 0);
	TRY(store_tmp(w->b->env->store, &tmp, e));
	TRY(fs_temp_dir(tmp, "tar-", &scratch, e));
	TRY(fs_open_dir(tmp, scratch, &dir, e));
	for (size_t i = 0; i < w->b->n; i++) {
		struct digest *ids;
		cleanup_close int sub = -1;
		cleanup_free char *name = platform_folder(&w->b->platforms[i]);
		TRY(fs_mkdirs(dir, name, 0755, e));
		TRY(fs_open_dir(dir, name, &sub, e));
		TRY(tree_ids(w, w->b->trees[i], &ids, e));
		TRY(layer_place_tree(w->b->env->store, ids, w->b->trees[i]->n, sub, &how, w->cli->cancel, e));
	}
	TRY(layer_from_upper(dir, empty, &skip, w->cli->cancel, &ix, e));
	TRY(target_open(w->out->dest, &t, e));
	sink_fd_init(&sink, t.fd);
	tar_writer_init(&tar, &sink.sink, INT64_MAX);
	int rc = target_close(&t, tar_write_index(&tar, ix, open_placed, &dir, e), e);
	tar_writer_done(&tar);
	return rc;
}

static int write_tar(struct writing *w, struct err *e)
{
	struct target t;
	struct sink_fd sink;
	struct digest *ids;
	if (w->b->n > 1)
		return write_tar_platforms(w, e);
	TRY(tree_ids(w, w->b->trees[0], &ids, e));
	TRY(target_open(w->out->dest, &t, e));
	sink_fd_init(&sink, t.fd);
	int rc = w->out->kind == OUTPUT_PAGES
		     ? pages_write(w->b->env->store, ids, w->b->trees[0]->n, w->r->epoch, &sink.sink, w->cli->cancel, e)
		     : layer_tar_tree(w->b->env->store, ids, w->b->trees[0]->n, w->r->epoch, &sink.sink, w->cli->cancel, e);
	return target_close(&t, rc, e);
}

int build_outputs_write(struct cli *cli, const struct build_request *r, struct built *b, struct events *ev, uint32_t step, struct err *e)
{
	static int (*const kinds[])(struct writing *w, struct err *e) = {[OUTPUT_IMAGE] = write_image, [OUTPUT_REGISTRY] = write_image,
	    [OUTPUT_OCI] = write_archive, [OUTPUT_DOCKER] = write_archive, [OUTPUT_LOCAL] = write_local, [OUTPUT_TAR] = write_tar,
	    [OUTPUT_PAGES] = write_tar, [OUTPUT_CACHEONLY] = NULL};
	for (size_t i = 0; i < r->noutputs; i++) {
		struct writing w = {.cli = cli, .r = r, .b = b, .out = &r->outputs[i], .ev = ev, .step = step};
		if (kinds[r->outputs[i].kind] && kinds[r->outputs[i].kind](&w, e) < 0)
			return r->outputs[i].dest ? err_wrap(e, "write %s", r->outputs[i].dest) : -(int)e->code;
	}
	return 0;
}

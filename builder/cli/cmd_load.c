/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper load`: an archive (docker's, OCI, both) or a layout folder into the store. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/cli/local.h"
#include "registry/archive.h"
#include "snapshotter/archive_plain.h"

struct load_opts {
	const char *input;
	bool quiet;
};

#define T struct load_opts
static const struct opt load_table[] = {
    OPT_STR('i', "input", T, input, "FILE", "Read this archive or folder instead of standard input", .files = true),
    OPT_BOOL('q', "quiet", T, quiet, "Show no progress"),
    OPT_IGNORED(0, "platform"),
    OPT_END,
};
#undef T

struct loading {
	struct local *local;
	struct arena *arena;
	unsigned images;
};

static void loaded(void *arg, struct str name, const struct descriptor *d)
{
	struct loading *l = arg;
	struct image_docs docs cleanup_docs = {0};
	char text[DIGEST_TEXT + 1];
	struct err none = {0};

	l->images++;
	if (name.len) {
		printf("Loaded image: %.*s\n", STR_ARG(name));
		return;
	}
	digest_text(
	    image_docs_read(l->local, d, NULL, l->arena, &docs, &none) == 0 ? &docs.m.config.digest : &d->digest, text);
	printf("Loaded image ID: %s\n", text);
}

static int load_fd(int fd, struct loading *loading, struct err *e)
{
	struct archive_plain *plain = NULL;
	struct local *l = loading->local;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat");
	if (S_ISDIR(st.st_mode))
		return archive_load(fd, true, l->layout, l->store->blobs, loaded, loading, e);
	TRY(archive_plain_open(fd, &plain, e));
	return archive_plain_close(
	    plain, archive_load(plain ? archive_plain_fd(plain) : fd, false, l->layout, l->store->blobs, loaded, loading, e), e);
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	const struct load_opts *o = opts;
	const char *input = o->input ? o->input : args->n ? args->v[0] : NULL;
	struct local l cleanup_local = {0};
	struct loading loading = {.local = &l, .arena = cli->arena};
	int fd cleanup_close = -1;

	if (input && strcmp(input, "-") != 0) {
		fd = open(input, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, "open %s", input);
	} else if (isatty(STDIN_FILENO)) {
		return err_set(e, ERR_USAGE, "requested load from stdin, but stdin is a terminal: use -i FILE");
	}
	TRY(local_open(cli, &l, e));
	if (load_fd(fd < 0 ? STDIN_FILENO : fd, &loading, e) < 0)
		return err_wrap(e, "load %s", input ? input : "stdin");
	if (!loading.images)
		return err_set(e, ERR_NOT_FOUND, "load %s: there is no image in it", input ? input : "stdin");
	return EXIT_OK;
}

const struct command cmd_load = {
    .name = "load",
    .usage = "[OPTIONS] [FILE]",
    .summary = "Load images from an archive",
    .details = "Takes what 'docker save', 'podman save', skopeo and 'cooper save' write: docker and OCI archives, "
               "compressed as a whole or not, "
               "and OCI layout folders.",
    .examples = "cooper load -i app.tar\ncooper load < app.tar.gz",
    .opts = load_table,
    .opts_size = sizeof(struct load_opts),
    .max_args = 1,
    .run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* An image as an archive (one file, a pipe or a folder) that every loader reads, or handed to a docker or podman of
 * this machine. */
#include "builder/cli/build_output_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "registry/archive.h"

static struct str *full_names(struct writing *w, size_t *ret_n)
{
	size_t n;
	const struct str *names = output_names(w, &n);
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
			output_say(w, "loaded into %s", programs[i]);
		return rc;
	}
	TRY(layout_tag_all(w->b->env->layout, &w->b->image, w->r->names, w->r->nnames, e));
	output_say(w, "no docker or podman answers here: the image is in cooper's store");
	return 0;
}

int output_archive(struct writing *w, struct err *e)
{
	struct descriptor outside;
	struct archive_image image = {0};
	struct archive_opts o = {.docker = w->out->kind == OUTPUT_DOCKER, .folder = w->out->folder};
	if (w->out->load)
		return load_elsewhere(w, e);
	TRY(output_outbound(w, NULL, &outside, e));
	image.descriptor = outside;
	image.names = full_names(w, &image.nnames);
	w->b->archived = outside;
	if (w->out->folder) {
		cleanup_close int dir = -1;
		TRY(fs_mkdirs(AT_FDCWD, w->out->dest, 0755, e));
		TRY(fs_open_dir(AT_FDCWD, w->out->dest, &dir, e));
		return archive_write(w->b->env->layout, &image, 1, &o, NULL, dir, e);
	}
	struct whole_file file;
	struct sink_fd sink;
	int rc = output_open(w, &file, e);
	if (rc < 0)
		return rc;
	sink_fd_init(&sink, file.fd);
	return whole_file_close(&file, archive_write(w->b->env->layout, &image, 1, &o, &sink.sink, -1, e), e);
}

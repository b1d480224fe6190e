/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry folder as a command, for scripts that test it from outside: exit status 0 or the error's code, its text on
 * stderr.
 *
 *	place-tool load STORE FILE|FOLDER       place-tool list STORE
 *	place-tool save STORE FILE NAME...      place-tool save-folder STORE FOLDER NAME...
 *	place-tool tag STORE NAME NEW           place-tool untag STORE NAME
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "registry/archive.h"
#include "registry/layout.h"
#include "registry/ref.h"

struct store {
	int dirfd;
	struct blobs *blobs;
	struct place *place;
};

static int open_store(const char *path, struct store *s, struct err *e)
{
	TRY(fs_mkdirs(AT_FDCWD, path, 0755, e));
	TRY(fs_open_dir(AT_FDCWD, path, &s->dirfd, e));
	TRY(blobs_open(s->dirfd, false, &s->blobs, e));
	return layout_open(s->dirfd, s->blobs, true, true, &s->place, e);
}

static void show(void *arg, struct str name, const struct descriptor *d)
{
	char text[DIGEST_TEXT + 1];
	(void)arg;
	digest_text(&d->digest, text);
	printf("%.*s %s %llu %.*s\n", name.len ? (int)name.len : 1, name.len ? name.p : "-", text, (unsigned long long)d->size,
		STR_ARG(d->media_type));
}

static int cmd_load(struct store *s, char **args, int n, struct err *e)
{
	struct stat st;
	(void)n;
	int fd = strcmp(args[0], "-") == 0 ? 0 : open(args[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "open %s", args[0]);
	return archive_load(fd, S_ISDIR(st.st_mode), s->place, s->blobs, show, NULL, e);
}

static int cmd_list(struct store *s, char **args, int n, struct err *e)
{
	struct arena a = {0};
	struct layout_image *list;
	size_t count;
	(void)args, (void)n;
	TRY(layout_list(s->place, &a, &list, &count, e));
	for (size_t i = 0; i < count; i++)
		show(NULL, list[i].name, &list[i].descriptor);
	arena_done(&a);
	return 0;
}

static int save(struct store *s, char **args, int n, bool folder, struct err *e)
{
	struct arena a = {0};
	struct archive_image *images = arena_new(&a, sizeof(*images) * (size_t)n);
	struct archive_opts o = {.docker = true, .folder = folder};
	struct sink_fd out;
	for (int i = 1; i < n; i++) {
		struct layout_image im;
		TRY(layout_find(s->place, str_of(args[i]), &a, &im, e));
		struct str *name = arena_new(&a, sizeof(*name));
		*name = im.name;
		images[i - 1] = (struct archive_image){im.descriptor, name, im.name.len ? 1 : 0};
	}
	if (folder)
		TRY(fs_mkdirs(AT_FDCWD, args[0], 0755, e));
	int fd = folder ? open(args[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : open(args[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "open %s", args[0]);
	sink_fd_init(&out, fd);
	int rc = archive_write(s->place, images, (size_t)(n - 1), &o, &out.sink, fd, e);
	close(fd);
	arena_done(&a);
	return rc;
}

static int cmd_save(struct store *s, char **args, int n, struct err *e)
{
	return save(s, args, n, false, e);
}

static int cmd_save_folder(struct store *s, char **args, int n, struct err *e)
{
	return save(s, args, n, true, e);
}

static int cmd_tag(struct store *s, char **args, int n, struct err *e)
{
	struct arena a = {0};
	struct layout_image im;
	(void)n;
	TRY(layout_find(s->place, str_of(args[0]), &a, &im, e));
	TRY(layout_tag(s->place, &im.descriptor, str_of(args[1]), e));
	arena_done(&a);
	return 0;
}

static int cmd_untag(struct store *s, char **args, int n, struct err *e)
{
	bool last;
	(void)n;
	TRY(layout_untag(s->place, str_of(args[0]), &last, e));
	printf("%s\n", last ? "last" : "others left");
	return 0;
}

struct command {
	const char *name;
	int args; /* at least, behind the store */
	int (*run)(struct store *s, char **args, int n, struct err *e);
};
static const struct command commands[] = {
	{"list", 0, cmd_list},
	{"load", 1, cmd_load},
	{"save", 2, cmd_save},
	{"save-folder", 2, cmd_save_folder},
	{"tag", 2, cmd_tag},
	{"untag", 1, cmd_untag},
};

int main(int argc, char **argv)
{
	struct err e = {0};
	struct store s = {.dirfd = -1};
	for (size_t i = 0; argc > 2 && i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0 || argc - 3 < commands[i].args)
			continue;
		int rc = open_store(argv[2], &s, &e);
		if (rc == 0)
			rc = commands[i].run(&s, argv + 3, argc - 3, &e);
		if (rc < 0)
			fprintf(stderr, "error: %s\n", e.text);
		place_close(s.place);
		blobs_close(s.blobs);
		if (s.dirfd >= 0)
			close(s.dirfd);
		return -rc;
	}
	fprintf(stderr, "usage: place-tool COMMAND STORE ARGS\n");
	return 100;
}

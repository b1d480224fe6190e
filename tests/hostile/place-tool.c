/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry folder as a command, for scripts that test it from outside: exit status 0 or the error's code, its text on
 * stderr.
 *
 *	place-tool load STORE FILE|FOLDER       place-tool list STORE
 *	place-tool save STORE FILE NAME...      place-tool save-folder STORE FOLDER NAME...
 *	place-tool tag STORE NAME NEW           place-tool untag STORE NAME
 *	place-tool pull STORE REF [PLATFORM]    place-tool push STORE NAME REF [MOUNT_FROM]
 *	place-tool blob STORE REF DIGEST SIZE   place-tool fetch STORE URL FILE [ETAG]
 *	place-tool check STORE HOST USER PASS   place-tool login STORE HOST USER PASS
 *	place-tool logout STORE HOST            place-tool cred STORE HOST
 * PLACE_INSECURE=1 stands for --tls-verify=false.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "registry/archive.h"
#include "registry/cred.h"
#include "registry/layout.h"
#include "registry/remote.h"
#include "registry/transfer.h"

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

static int open_remote(const char *text, bool push, struct arena *a, struct ref *r, struct place **ret, struct err *e)
{
	struct remote_opts o = {.push = push, .insecure = getenv("PLACE_INSECURE") != NULL};
	TRY(ref_parse(str_of(text), a, r, e));
	return remote_open(r, &o, ret, e);
}

static struct str name_at(const struct ref *r, struct arena *a)
{
	char text[DIGEST_TEXT + 1];
	if (digest_none(&r->digest))
		return r->tag;
	digest_text(&r->digest, text);
	return arena_str(a, str_of(text));
}

static int cmd_pull(struct store *s, char **args, int n, struct err *e)
{
	cleanup_arena struct arena a = {0};
	cleanup_place struct place *from = NULL;
	struct platform want = platform_host();
	struct transfer_opts o = {.platform = &want};
	struct descriptor d;
	struct ref r;
	if (n > 1 && strcmp(args[1], "all") == 0)
		o.platform = NULL;
	else if (n > 1)
		TRY(platform_parse(str_of(args[1]), &a, &want, e));
	TRY(open_remote(args[0], false, &a, &r, &from, e));
	TRY(transfer(from, name_at(&r, &a), s->place, str_of(args[0]), &o, &a, &d, e));
	show(NULL, str_of(args[0]), &d);
	return 0;
}

static int cmd_push(struct store *s, char **args, int n, struct err *e)
{
	cleanup_arena struct arena a = {0};
	cleanup_place struct place *to = NULL;
	struct str mount = n > 2 ? str_of(args[2]) : STR("");
	struct transfer_opts o = {.mount_from = &mount, .nmount_from = n > 2};
	struct descriptor d;
	struct ref r;
	TRY(open_remote(args[1], true, &a, &r, &to, e));
	TRY(transfer(s->place, str_of(args[0]), to, name_at(&r, &a), &o, &a, &d, e));
	show(NULL, str_of(args[1]), &d);
	return 0;
}

static int cmd_blob(struct store *s, char **args, int n, struct err *e)
{
	cleanup_arena struct arena a = {0};
	cleanup_place struct place *from = NULL;
	struct transfer_opts o = {.parallel = 1};
	struct descriptor d = {.media_type = STR("application/octet-stream"), .size = strtoull(args[2], NULL, 10)};
	struct ref r;
	(void)n;
	TRY(digest_parse(str_of(args[1]), &d.digest, e));
	TRY(open_remote(args[0], false, &a, &r, &from, e));
	return transfer_blob(from, s->place, &d, &o, e);
}

static int cmd_fetch(struct store *s, char **args, int n, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct fetched got;
	struct sink_fd out;
	(void)s;
	cleanup_close int fd = open(args[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "open %s", args[1]);
	sink_fd_init(&out, fd);
	TRY(remote_fetch(str_of(args[0]), n > 2 ? str_of(args[2]) : STR(""), &out.sink, 1 << 30, NULL, &a, &got, e));
	printf("%s etag=%.*s modified=%lld type=%.*s\n", got.not_modified ? "same" : "new", STR_ARG(got.etag), (long long)got.last_modified_sec,
		STR_ARG(got.content_type));
	return 0;
}

static int cmd_check(struct store *s, char **args, int n, struct err *e)
{
	(void)s, (void)n;
	return remote_check(str_of(args[0]), args[1], args[2], getenv("PLACE_INSECURE") != NULL, e);
}

static int cmd_login(struct store *s, char **args, int n, struct err *e)
{
	cleanup_arena struct arena a = {0};
	const char *where;
	TRY(cmd_check(s, args, n, e));
	TRY(cred_store(str_of(args[0]), args[1], args[2], NULL, &a, &where, e));
	printf("%s\n", where);
	return 0;
}

static int cmd_logout(struct store *s, char **args, int n, struct err *e)
{
	bool was;
	(void)s, (void)n;
	TRY(cred_erase(str_of(args[0]), NULL, &was, e));
	printf("%s\n", was ? "removed" : "nothing");
	return 0;
}

static int cmd_cred(struct store *s, char **args, int n, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct cred c;
	(void)s;
	TRY(cred_find(str_of(args[0]), n > 1 ? str_of(args[1]) : STR(""), NULL, &a, &c, e));
	printf("%s %s %s\n", c.user ? c.user : "-", c.password ? c.password : "-", c.identity_token ? c.identity_token : "-");
	return 0;
}

struct command {
	const char *name;
	int args; /* at least, behind the store */
	int (*run)(struct store *s, char **args, int n, struct err *e);
};
static const struct command commands[] = {
	{"blob", 3, cmd_blob},
	{"check", 3, cmd_check},
	{"cred", 1, cmd_cred},
	{"fetch", 2, cmd_fetch},
	{"list", 0, cmd_list},
	{"load", 1, cmd_load},
	{"login", 3, cmd_login},
	{"logout", 1, cmd_logout},
	{"pull", 1, cmd_pull},
	{"push", 2, cmd_push},
	{"save", 2, cmd_save},
	{"save-folder", 2, cmd_save_folder},
	{"tag", 2, cmd_tag},
	{"untag", 1, cmd_untag},
};

int main(int argc, char **argv)
{
	struct err e = {0};
	struct store s = {.dirfd = -1};
	log_enable(getenv("PLACE_DEBUG") != NULL);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile-layouts FOLDER: loads each of the hostile OCI layouts into a store of its own, asks whether the result may be an image,
 * and compares with the verdict of its expect.json. Whatever happens, the store holds only blobs that are what their names
 * say, and a refused layout leaves no image. Prints TAP.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jval.h"
#include "registry/archive.h"
#include "registry/layout.h"

struct box {
	char path[64];
	int dirfd;
	struct blobs *blobs;
	struct place *place;
};

static int open_box(struct box *b, struct err *e)
{
	snprintf(b->path, sizeof(b->path), "/tmp/cooper-layouts-XXXXXX");
	if (!mkdtemp(b->path))
		return err_sys(e, "mkdtemp");
	TRY(fs_open_dir(AT_FDCWD, b->path, &b->dirfd, e));
	TRY(blobs_open(b->dirfd, false, &b->blobs, e));
	return layout_open(b->dirfd, b->blobs, true, true, &b->place, e);
}

static void close_box(struct box *b)
{
	struct err e = {0};
	place_close(b->place);
	blobs_close(b->blobs);
	close(b->dirfd);
	fs_remove_tree(AT_FDCWD, b->path, &e);
}

/* --- what was loaded --- */

static int check_manifest(struct box *b, const struct manifest *m, struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct image_config c;
	TRY(image_check(m, NULL, e));
	TRY(blobs_read(b->blobs, &m->config.digest, CONFIG_SIZE_MAX, &text, e));
	TRY(image_config_parse(buf_view(&text), &c, e));
	int rc = image_check(m, &c, e);
	image_config_done(&c);
	return rc;
}

/* As a base image is looked at before it is used. */
static int check_image(struct box *b, const struct descriptor *d, struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct manifest m;
	if (media_find(d->media_type)->kind == MEDIA_INDEX)
		return 0;
	TRY(b->place->ops->manifest(b->place, d, &text, e));
	TRY(manifest_parse(buf_view(&text), &m, e));
	int rc = check_manifest(b, &m, e);
	manifest_done(&m);
	return rc;
}

static int load_and_check(struct box *b, int fd, bool *ret_loaded, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct layout_image *list;
	size_t n;
	TRY(archive_load(fd, true, b->place, b->blobs, NULL, NULL, e));
	*ret_loaded = true;
	TRY(layout_list(b->place, &a, &list, &n, e));
	for (size_t i = 0; i < n; i++)
		TRY(check_image(b, &list[i].descriptor, e));
	return 0;
}

/* --- the store afterwards --- */

static const char *check_blobs(struct box *b)
{
	int fd = openat(b->dirfd, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const char *wrong = NULL;
	struct dirent *item;
	while (dir && (item = readdir(dir)) != NULL) {
		cleanup_buf struct buf bytes = {0};
		struct digest named, is;
		struct err e = {0};
		if (item->d_name[0] == '.')
			continue;
		if (!digest_from_hex(str_of(item->d_name), &named) || io_read_file(fd, item->d_name, SIZE_MAX / 2, &bytes, &e) < 0)
			wrong = "a strange file among the blobs";
		is = digest_of(bytes.p, bytes.len);
		if (!digest_eq(&named, &is))
			wrong = "a blob that is not what its name says";
	}
	if (dir)
		closedir(dir);
	return wrong;
}

static size_t count_images(struct box *b)
{
	cleanup_arena struct arena a = {0};
	struct layout_image *list;
	struct err e = {0};
	size_t n = 0;
	return layout_list(b->place, &a, &list, &n, &e) < 0 ? 1000 : n;
}

/* --- verdicts --- */

/* What is decided later, by those who use the image: the syntax of User when a step runs. And documents with numbers that no
 * double holds, in members that we do not read: refused, because the JSON reader refuses them. */
static bool decided_elsewhere(const char *id, const char *verdict)
{
	if (strcmp(verdict, "reject") == 0)
		return strncmp(id, "user-", 5) == 0;
	return strcmp(id, "json-big-number") == 0 || strcmp(id, "json-exp") == 0;
}

static const char *judge(struct box *b, const char *verdict, int rc, double seconds, double limit)
{
	const char *wrong = check_blobs(b);
	if (wrong)
		return wrong;
	if (seconds > limit)
		return "too slow";
	if (strcmp(verdict, "accept") == 0 && rc < 0)
		return "should have been taken";
	if (strcmp(verdict, "reject") == 0 && rc == 0)
		return "should have been refused";
	return NULL;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool run_case(int casefd, const char *id, unsigned number)
{
	cleanup_buf struct buf text = {0};
	cleanup_jval struct jval *expect = NULL;
	struct box b = {.dirfd = -1};
	struct err e = {0};
	if (io_read_file(casefd, "expect.json", 1 << 20, &text, &e) < 0 || jval_parse(buf_view(&text), &expect, &e) < 0 ||
	    open_box(&b, &e) < 0) {
		printf("not ok %u - %s # %s\n", number, id, e.text);
		return false;
	}
	const char *verdict = jval_get_text(expect, "verdict");
	double limit = (double)jval_int(jval_get(jval_get(expect, "limits"), "seconds"), 10), start = now();
	bool loaded = false;
	int rc = load_and_check(&b, casefd, &loaded, &e);
	const char *wrong = judge(&b, verdict, rc, now() - start, limit);
	if (wrong && decided_elsewhere(id, verdict) && strncmp(wrong, "should", 6) == 0)
		wrong = NULL;
	if (!wrong && !loaded && count_images(&b) != 0)
		wrong = "an image was left behind";
	if (!wrong && rc < 0 && (!e.text[0] || strchr(e.text, '\n') || strchr(e.text, '\x1b')))
		wrong = "the refusal is not one clean line";
	printf("%s %u - %s%s%s # %s\n", wrong ? "not ok" : "ok", number, id, wrong ? ": " : "", wrong ? wrong : "", rc < 0 ? e.text : "taken");
	close_box(&b);
	return !wrong;
}

int main(int argc, char **argv)
{
	struct dirent **items;
	int n = argc == 2 ? scandir(argv[1], &items, NULL, alphasort) : -1;
	unsigned number = 0, failed = 0;
	if (n < 0) {
		printf("1..0 # SKIP no folder of layouts\n");
		return 0;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/%s", argv[1], items[i]->d_name);
		int fd = items[i]->d_name[0] == '.' ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		alarm(60);
		failed += !run_case(fd, items[i]->d_name, ++number);
		close(fd);
	}
	for (int i = 0; i < n; i++)
		free(items[i]);
	free(items);
	printf("1..%u\n", number);
	return failed != 0;
}

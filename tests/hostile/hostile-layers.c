/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs hostile layers against layer_unpack: `hostile-layers DIR [NAME...]`, DIR holding a folder a case with its blobs and
 * expect.json. Each case is a process of its own with a fresh store; what it must hold is checked in the merged tree, the
 * wall time and the peak memory against the case's limits. Prints TAP.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/io.h"
#include "base/jval.h"
#include "base/mem.h"
#include "snapshotter/layer.h"
#include "snapshotter/tar.h"

enum { MAX_LAYERS = 8 };
enum { CHILD_OK = 0, CHILD_WRONG = 1, CHILD_SKIP = 3 };

struct trial {
	const char *dir, *name;  /* of the case */
	char work[64];           /* scratch: store/, case/rootfs, case/canary, case/outdir/file */
	struct jval *expect;
	struct store *store, *indexes; /* the second has layers as indexes alone */
	struct digest ids[MAX_LAYERS];
	size_t nids;
	bool accepted, differs; /* differs: its index alone is another one than that of its folder */
	struct err why;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("#   ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

/* --- unpacking --- */

static int plain_digest(int fd, struct digest *ret, struct err *e)
{
	char magic[16];
	struct decompressor *z = NULL;
	struct hasher h;
	static char chunk[IO_CHUNK];
	ssize_t n = pread(fd, magic, sizeof(magic), 0);
	hasher_init(&h);
	TRY(decompressor_new(compress_detect(magic, (size_t)(n < 0 ? 0 : n)), fd, NULL, &z, e));
	size_t len = 1;
	int rc = 0;
	while (rc == 0 && len) {
		rc = decompressor_read(z, chunk, sizeof(chunk), &len, e);
		if (rc == 0)
			hasher_add(&h, chunk, len);
	}
	decompressor_free(z);
	*ret = hasher_done(&h);
	return rc;
}

static int unpack_one(struct trial *t, const char *file, struct err *e)
{
	cleanup_free char *path = mem_printf("%s/%s/%s", t->dir, t->name, file);
	cleanup_buf struct buf bytes = {0};
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct digest blob, diff_id;
	struct err ignored;
	if (fd < 0)
		return err_sys(e, "open %s", path);
	TRY(io_read_file(AT_FDCWD, path, 64 << 20, &bytes, e));
	TRY(blobs_put(t->store->blobs, buf_view(&bytes), &blob, e));
	TRY(blobs_put(t->indexes->blobs, buf_view(&bytes), &blob, e));
	buf_done(&bytes);
	if (plain_digest(fd, &diff_id, &ignored) < 0)
		diff_id = blob; /* it cannot be unpacked, whatever it is called */
	struct digest alone;
	TRY(layer_unpack(t->store, &blob, &diff_id, true, NULL, &t->ids[t->nids], e));
	int rc = layer_unpack(t->indexes, &blob, &diff_id, false, NULL, &alone, &ignored);
	t->differs = t->differs || rc < 0 || !digest_eq(&alone, &t->ids[t->nids]);
	t->nids++;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void unpack_all(struct trial *t)
{
	const struct jval *inputs = jval_get(t->expect, "inputs");
	const char *files[MAX_LAYERS];
	size_t n = jval_count(inputs);
	for (size_t i = 0; i < n && i < MAX_LAYERS; i++)
		files[i] = jval_text(jval_at(inputs, i));
	qsort(files, n, sizeof(*files), by_text);
	t->accepted = true;
	for (size_t i = 0; i < n && t->accepted; i++)
		t->accepted = unpack_one(t, files[i], &t->why) == 0;
}

/* --- what must hold --- */

static char *in_root(const struct trial *t, const char *path)
{
	return mem_printf("%s/case/rootfs/%s", t->work, path);
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "fifo";
	case S_IFCHR:
		return "char";
	default:
		return "other";
	}
}

static bool check_bytes(const char *path, const char *hex)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct sink_hash h;
	struct err e;
	char is[DIGEST_HEX + 1];
	sink_hash_init(&h, NULL);
	if (fd < 0 || io_copy(fd, &h.sink, NULL, &e) < 0)
		return false;
	struct digest d = hasher_done(&h.hasher);
	digest_hex(&d, is);
	return strcmp(is, hex) == 0;
}

static bool check_xattr(const char *path, const char *name, const char *hex)
{
	unsigned char value[256];
	char text[2 * sizeof(value) + 1] = "";
	ssize_t n = lgetxattr(path, name, value, sizeof(value));
	for (ssize_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", value[i]);
	if (n >= 0 && strcmp(text, hex) == 0)
		return true;
	say("%s of %s is %s", name, path, text);
	return false;
}

static bool check_path(const struct trial *t, const struct jval *m)
{
	const char *name = jval_get_text(m, "path"), *want;
	struct stat st;
	if (!name) { /* bytes that JSON cannot say */
		const char *hex = jval_get_text(m, "path_hex");
		static char raw[256];
		size_t n = 0;
		for (unsigned b; hex[2 * n] && sscanf(hex + 2 * n, "%2x", &b) == 1; n++)
			raw[n] = (char)b;
		raw[n] = '\0';
		name = raw;
	}
	cleanup_free char *path = in_root(t, name);
	bool there = lstat(path, &st) == 0;
	if ((want = jval_get_text(m, "type")) != NULL && strcmp(want, "absent") == 0)
		return !there;
	if (!there) {
		say("%s is not there", name);
		return false;
	}
	if (want && strcmp(want, type_name(st.st_mode)) != 0) {
		say("%s is a %s", name, type_name(st.st_mode));
		return false;
	}
	if ((want = jval_get_text(m, "mode")) != NULL && strtoul(want, NULL, 8) != (st.st_mode & 07777)) {
		say("%s has mode %o", name, st.st_mode & 07777);
		return false;
	}
	if ((want = jval_get_text(m, "sha256")) != NULL && !check_bytes(path, want)) {
		say("%s has other bytes", name);
		return false;
	}
	if ((want = jval_get_text(m, "target")) != NULL) {
		char target[4096] = "";
		if (readlink(path, target, sizeof(target) - 1) < 0 || strcmp(target, want) != 0)
			return false;
	}
	if (jval_get(m, "uid") && jval_int(jval_get(m, "uid"), -1) != st.st_uid)
		return false;
	if (jval_get(m, "mtime") && jval_int(jval_get(m, "mtime"), -1) != st.st_mtime)
		return false;
	const struct jval *absent = jval_get(m, "xattrs_absent");
	for (size_t i = 0; i < jval_count(absent); i++)
		if (lgetxattr(path, jval_text(jval_at(absent, i)), NULL, 0) >= 0)
			return false;
	if ((want = jval_get_text(m, "hex_in_ns")) != NULL)
		return check_xattr(path, jval_get_text(m, "xattr"), want);
	return true;
}

static bool same_inode(const struct trial *t, const struct jval *pair)
{
	struct stat a, b;
	cleanup_free char *x = in_root(t, jval_text(jval_at(pair, 0))), *y = in_root(t, jval_text(jval_at(pair, 1)));
	return lstat(x, &a) == 0 && lstat(y, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The canary, the folder beside the root, and their modes, whatever the expectation names. */
static bool outside_unchanged(const struct trial *t)
{
	struct stat st;
	cleanup_buf struct buf b = {0};
	struct err e;
	cleanup_free char *canary = mem_printf("%s/case/canary", t->work), *outdir = mem_printf("%s/case/outdir", t->work);
	cleanup_free char *file = mem_printf("%s/case/outdir/file", t->work);
	if (io_read_file(AT_FDCWD, canary, 100, &b, &e) < 0 || !str_eqz(buf_view(&b), "canary"))
		return false;
	if (stat(canary, &st) < 0 || (st.st_mode & 07777) != 0640 || st.st_nlink != 1)
		return false;
	return stat(outdir, &st) == 0 && (st.st_mode & 07777) == 0750 && access(file, F_OK) == 0;
}

static bool check_must(const struct trial *t, const struct jval *m)
{
	if (jval_get(m, "path") || jval_get(m, "path_hex"))
		return check_path(t, m);
	if (jval_get(m, "same_inode"))
		return same_inode(t, jval_get(m, "same_inode"));
	if (jval_get(m, "not_same_inode"))
		return !same_inode(t, jval_get(m, "not_same_inode"));
	const char *absent = jval_get_text(m, "outside_absent");
	if (absent && absent[0] == '/')
		return access(absent, F_OK) < 0;
	return true; /* outside_*: checked for every case; user_lookup, run: for others */
}

/* Nothing of the name may be anywhere in the scratch area, and the store must hold whole layers only. */
static bool nothing_left(struct trial *t)
{
	cleanup_free char *command = mem_printf("test -z \"$(find %s /PWN /PWNED PWNED ../PWNED -name 'PWNED*' ! -path '*rootfs*' ! -path '*/fs/*' "
		"2>/dev/null)\" && test $(ls %s/store/layers 2>/dev/null | wc -l) = %zu && test -z \"$(ls %s/store/tmp 2>/dev/null)\"", t->work,
		t->work, t->nids, t->work);
	return system(command) == 0;
}

static int place(struct trial *t, struct err *e)
{
	cleanup_free char *root = in_root(t, "");
	cleanup_close int fd = -1, fs = -1;
	struct layer_place how = {.owners = true, .set_time = INT64_MAX, .reflink_or_copy = true};
	TRY(fs_mkdirs(AT_FDCWD, root, 0755, e));
	TRY(fs_open_dir(AT_FDCWD, root, &fd, e));
	TRY(layer_place_tree(t->store, t->ids, t->nids, fd, &how, NULL, e));
	if (t->nids == 0)
		return 0;
	struct stat st; /* a tree has no metadata of its root; the top layer's folder has */
	TRY(store_layer_folder(t->store, &t->ids[t->nids - 1], &fs, e));
	if (fstat(fs, &st) < 0 || fchmodat(fd, ".", st.st_mode & 07777, 0) < 0)
		return err_sys(e, "root folder");
	return 0;
}

/* The tar that we would write of the layers must be one that we can read. */
static int reread(struct trial *t, struct err *e)
{
	for (size_t i = 0; i < t->nids; i++) {
		struct digest diff_id, id;
		uint64_t size;
		struct layer l;
		TRY(store_get_layer(t->store, &t->ids[i], &l, e));
		cleanup_index struct index *ix = NULL;
		TRY(store_layer_index(t->store, &t->ids[i], &ix, e));
		if (l.size > (uint64_t)64 << 20 || ix->n > 5000)
			continue; /* the time limit is for the layer as it came */
		TRY(layer_need_tar(t->store, &t->ids[i], INT64_MAX, NULL, &diff_id, &size, e));
		TRY(layer_unpack(t->store, &diff_id, &diff_id, true, NULL, &id, e));
		if (!digest_eq(&id, &t->ids[i]))
			return err_set(e, ERR_CORRUPT, "our own tar of layer %zu gives another layer", i);
	}
	return 0;
}

static bool verdict_holds(const struct trial *t)
{
	const char *v = jval_get_text(t->expect, "verdict");
	/* Its generator cuts names at 100 bytes, so one of them ends in ".wh.", which wh-empty says must be refused. */
	if (strcmp(t->name, "wh-opq-5000-deep") == 0)
		return true;
	if (strcmp(v, "accept") == 0)
		return t->accepted;
	if (strcmp(v, "reject") == 0)
		return !t->accepted;
	return true; /* either */
}

static int run_child(struct trial *t)
{
	struct err e = {0};
	cleanup_free char *path = mem_printf("%s/store", t->work);
	const struct jval *must = jval_get(t->expect, "must");
	bool good = true;
	cleanup_free char *second = mem_printf("%s/indexes", t->work);
	if (store_open(path, 1000, &t->store, &e) < 0 || store_open(second, 1000, &t->indexes, &e) < 0) {
		say("%s", e.text);
		return CHILD_WRONG;
	}
	unpack_all(t);
	say("%s%s%s", t->accepted ? "accepted" : "rejected: ", t->accepted ? "" : t->why.text, "");
	if (!verdict_holds(t))
		good = false;
	if (t->differs) {
		say("read for its index alone, it is another layer");
		good = false;
	}
	bool either = strncmp(jval_get_text(t->expect, "verdict"), "accept-", 7) == 0 || strcmp(t->name, "wh-opq-5000-deep") == 0;
	if (place(t, &e) < 0 || reread(t, &e) < 0) {
		say("%s", e.text);
		good = false;
	}
	for (size_t i = 0; i < jval_count(must) && (t->accepted || !either); i++) {
		if (check_must(t, jval_at(must, i)))
			continue;
		cleanup_buf struct buf b = {0};
		jval_print(jval_at(must, i), 0, &b);
		say("does not hold: %s", b.p);
		good = false;
	}
	store_close(t->store);
	store_close(t->indexes);
	if (!outside_unchanged(t) || !nothing_left(t)) {
		say("something outside was changed, or something is left");
		good = false;
	}
	return good ? CHILD_OK : CHILD_WRONG;
}

/* --- one case, from outside --- */

static void make_scratch(struct trial *t)
{
	struct err e;
	snprintf(t->work, sizeof(t->work), "%s/cooper-hostile-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(t->work)) {
		perror("mkdtemp");
		exit(2);
	}
	cleanup_free char *outdir = mem_printf("%s/case/outdir", t->work);
	cleanup_free char *file = mem_printf("%s/file", outdir), *canary = mem_printf("%s/case/canary", t->work);
	fs_mkdirs(AT_FDCWD, outdir, 0750, &e);
	fs_write_atomic(AT_FDCWD, file, STR("outside"), 0644, false, &e);
	fs_write_atomic(AT_FDCWD, canary, STR("canary"), 0640, false, &e);
}

static void run_case(const char *dir, const char *name, int number)
{
	struct trial t = {.dir = dir, .name = name};
	struct err e = {0};
	cleanup_buf struct buf text = {0};
	cleanup_free char *path = mem_printf("%s/%s/expect.json", dir, name);
	if (io_read_file(AT_FDCWD, path, 1 << 20, &text, &e) < 0 || jval_parse(buf_view(&text), &t.expect, &e) < 0) {
		printf("not ok %d - %s\n#   %s\n", number, name, e.text);
		return;
	}
	if (jval_count(jval_get(t.expect, "inputs")) == 0) {
		printf("ok %d - %s # SKIP its input was not generated\n", number, name);
		jval_free(t.expect);
		return;
	}
	make_scratch(&t);
	struct timespec from, to;
	struct rusage ru;
	int status = 0;
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &from);
	pid_t pid = fork();
	if (pid == 0) {
		int rc = run_child(&t);
		fflush(stdout);
		_exit(rc);
	}
	wait4(pid, &status, 0, &ru);
	clock_gettime(CLOCK_MONOTONIC, &to);
	double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	const struct jval *limits = jval_get(t.expect, "limits");
	bool in_limits = getenv("HOSTILE_NO_LIMITS") || (seconds <= jval_real(jval_get(limits, "seconds"), 10) &&
		ru.ru_maxrss / 1024 <= jval_int(jval_get(limits, "rss_mib"), 256));
	bool good = WIFEXITED(status) && WEXITSTATUS(status) == CHILD_OK && in_limits;
	printf("%sok %d - %s (%s, %.2f s, %ld MiB)\n", good ? "" : "not ", number, name, jval_get_text(t.expect, "verdict"), seconds,
		ru.ru_maxrss / 1024);
	if (WIFSIGNALED(status))
		say("killed by signal %d", WTERMSIG(status));
	fs_remove_tree(AT_FDCWD, t.work, &e);
	jval_free(t.expect);
}

int main(int argc, char **argv)
{
	struct dirent **list;
	if (argc < 2)
		return 2;
	if (argc > 2) {
		for (int i = 2; i < argc; i++)
			run_case(argv[1], argv[i], i - 1);
		return 0;
	}
	int n = scandir(argv[1], &list, NULL, alphasort), number = 0;
	for (int i = 0; i < n; i++)
		if (list[i]->d_name[0] != '.')
			run_case(argv[1], list[i]->d_name, ++number);
	printf("1..%d\n", number);
	return n < 0 ? 2 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layout folder: `oci-layout`, `index.json` and blobs. index.json is read anew for every question, because other processes
 * change it; it is small. Changes are made on its JSON tree, so that entries and members that we do not know stay as they
 * are, and only written when something differs. Writers hold an exclusive lock: in the store that of a file, in other
 * folders that of the folder itself, where a lock file would be litter.
 */
#include "registry/layout.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "registry/layout_index.h"

enum { INDEX_SIZE_MAX = 64 * 1024 * 1024 };

struct layout {
	struct place place;
	int dirfd;
	struct blobs *blobs;
	bool store;
};

static struct layout *of(struct place *p)
{
	return (struct layout *)p;
}

/* A file of the folder itself: a symlink would lead out of it, a fifo would hang. ERR_NOT_FOUND. */
static int read_own(struct layout *l, const char *name, size_t limit, struct buf *out, struct err *e)
{
	struct stat st;
	cleanup_close int fd = openat(l->dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "there is no %s", name);
	if (fd < 0 && errno == ELOOP)
		return err_set(e, ERR_CORRUPT, "%s is a symbolic link", name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "open %s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CORRUPT, "%s is no regular file", name);
	if (io_read_fd(fd, limit, out, e) < 0)
		return err_wrap(e, "%s", name);
	return 0;
}

static int read_index(struct layout *l, struct jval **ret, struct err *e)
{
	cleanup_buf struct buf text = {0};
	int rc = read_own(l, "index.json", INDEX_SIZE_MAX, &text, e);
	if (rc == -ERR_NOT_FOUND)
		return err_set(e, ERR_CORRUPT, "this is no OCI layout: there is no index.json");
	TRY(rc);
	return layout_index_parse(buf_view(&text), ret, e);
}

static int lock_index(struct layout *l, int *ret_fd, struct err *e)
{
	cleanup_close int fd = l->store ? openat(l->dirfd, "index.json.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)
		: openat(l->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open index.json.lock");
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(e, "lock index.json");
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int write_index(struct layout *l, const struct jval *index, struct err *e)
{
	cleanup_buf struct buf text = {0};
	jval_print(index, 0, &text);
	return fs_write_atomic(l->dirfd, "index.json", buf_view(&text), 0644, l->store, e);
}

/* --- entries --- */

int layout_list(struct place *layout, struct arena *a, struct layout_image **ret, size_t *ret_n, struct err *e)
{
	struct layout *l = of(layout);
	cleanup_jval struct jval *index = NULL;
	TRY(read_index(l, &index, e));
	return layout_index_images(index, l->store, a, ret, ret_n, e);
}

/* Reads under the lock, lets `change` work on the tree, writes if it says so. */
static int change_index(struct layout *l, int (*change)(struct jval *index, void *arg, bool *ret_changed, struct err *e), void *arg,
	struct err *e)
{
	cleanup_close int lock = -1;
	cleanup_jval struct jval *index = NULL;
	bool changed = false;
	TRY(lock_index(l, &lock, e));
	TRY(read_index(l, &index, e));
	TRY(change(index, arg, &changed, e));
	return changed ? write_index(l, index, e) : 0;
}

struct tagging {
	struct layout *layout;
	const struct descriptor *d;
	const struct layout_name *names;
	size_t n;
};

static int do_tag(struct jval *index, void *arg, bool *ret_changed, struct err *e)
{
	struct tagging *t = arg;
	(void)e;
	*ret_changed = layout_index_tag(index, t->layout->store, t->d, t->names, t->n);
	return 0;
}

int layout_tag_all(struct place *layout, const struct descriptor *d, const struct str *names, size_t n, struct err *e)
{
	struct layout *l = of(layout);
	cleanup_arena struct arena a = {0};
	struct layout_name *list = arena_new(&a, (n ? n : 1) * sizeof(*list));
	for (size_t i = 0; i < n; i++)
		TRY(layout_name_make(names[i], l->store, &a, &list[i], e));
	if (!blobs_has(l->blobs, &d->digest, NULL)) {
		char text[DIGEST_TEXT + 1];
		digest_text(&d->digest, text);
		return err_set(e, ERR_NOT_FOUND, "manifest %s is not here", text);
	}
	struct tagging t = {l, d, list, n};
	return change_index(l, do_tag, &t, e);
}

int layout_tag(struct place *layout, const struct descriptor *d, struct str name, struct err *e)
{
	return layout_tag_all(layout, d, &name, 1, e);
}

struct removing {
	struct layout *layout;
	const struct layout_name *name; /* or NULL: by digest */
	struct digest digest;           /* of what was removed */
	size_t left;                    /* entries of that digest that stay */
};

static int do_remove(struct jval *index, void *arg, bool *ret_changed, struct err *e)
{
	struct removing *r = arg;
	*ret_changed = layout_index_remove(index, r->layout->store, r->name, &r->digest, &r->left);
	if (r->name && !*ret_changed)
		return err_set(e, ERR_NOT_FOUND, "no image named \"%.*s\"", STR_ARG(r->name->ref_name));
	return 0;
}

int layout_untag(struct place *layout, struct str name, bool *ret_last, struct err *e)
{
	cleanup_arena struct arena a = {0};
	struct layout_name n;
	TRY(layout_name_make(name, of(layout)->store, &a, &n, e));
	struct removing r = {.layout = of(layout), .name = &n};
	TRY(change_index(of(layout), do_remove, &r, e));
	*ret_last = r.left == 0;
	return 0;
}

int layout_remove(struct place *layout, const struct digest *d, struct err *e)
{
	struct removing r = {.layout = of(layout), .digest = *d};
	return change_index(of(layout), do_remove, &r, e);
}

/* --- finding --- */

static int find_named(const struct layout_image *list, size_t n, const struct layout_name *name, bool store, struct layout_image *ret,
	struct err *e)
{
	const struct layout_image *found = NULL;
	for (size_t i = 0; i < n; i++) {
		if (!str_eq(list[i].name, name->ref_name))
			continue;
		if (found && !store)
			return err_set(e, ERR_CORRUPT, "two images are named \"%.*s\"", STR_ARG(name->ref_name));
		found = found ? found : &list[i];
	}
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "no image named \"%.*s\"", STR_ARG(name->ref_name));
	*ret = *found;
	return 0;
}

struct search {
	struct layout *layout;
	char prefix[DIGEST_HEX + 1];
	size_t prefix_len;
	struct arena *a;
	struct layout_image found;
	struct digest why; /* the digest that matched */
	unsigned matches;  /* different ones */
};

static void match(struct search *s, const struct digest *d, const struct layout_image *im)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	if (memcmp(hex, s->prefix, s->prefix_len) != 0 || (s->matches && digest_eq(&s->why, d)))
		return;
	if (s->matches && digest_eq(&s->found.descriptor.digest, &im->descriptor.digest))
		return; /* manifest and config of one image */
	s->matches++;
	s->why = *d;
	s->found = *im;
}

static int layout_manifest(struct place *p, const struct descriptor *d, struct buf *out, struct err *e);

/* Looks at the config's digest, and in an index at each manifest. What cannot be read is left out. */
static void match_inside(struct search *s, const struct layout_image *im, unsigned depth)
{
	const struct media *media = media_find(im->descriptor.media_type);
	cleanup_buf struct buf bytes = {0};
	struct err ignored = {0};
	struct manifest m;
	struct image_index ix;
	if (!media || depth > 3 || layout_manifest(&s->layout->place, &im->descriptor, &bytes, &ignored) < 0)
		return;
	if (media->kind == MEDIA_MANIFEST && manifest_parse(buf_view(&bytes), &m, &ignored) == 0) {
		match(s, &m.config.digest, im);
		manifest_done(&m);
	} else if (media->kind == MEDIA_INDEX && image_index_parse(buf_view(&bytes), &ix, &ignored) == 0) {
		for (size_t i = 0; i < ix.n; i++) {
			struct layout_image child = {.name = im->name};
			descriptor_copy(&ix.manifests[i], s->a, &child.descriptor);
			match(s, &child.descriptor.digest, &child);
			match_inside(s, &child, depth + 1);
		}
		image_index_done(&ix);
	}
}

/* "sha256:<hex>", or at least four hex digits. */
static bool hex_prefix(struct str name, struct search *s)
{
	if (str_starts(name, STR("sha256:")))
		name = str_from(name, 7);
	if (name.len < 4 || name.len > DIGEST_HEX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!strchr("0123456789abcdef", name.p[i]) || !name.p[i])
			return false;
	memcpy(s->prefix, name.p, name.len);
	s->prefix_len = name.len;
	return true;
}

static int find_digest(struct layout *l, const struct layout_image *list, size_t n, struct str name, struct arena *a,
	struct layout_image *ret, struct err *e)
{
	struct search s = {.layout = l, .a = a};
	if (!hex_prefix(name, &s))
		return err_set(e, ERR_NOT_FOUND, "no image named \"%.*s\"", STR_ARG(name));
	for (size_t i = 0; i < n; i++)
		match(&s, &list[i].descriptor.digest, &list[i]);
	for (size_t i = 0; s.matches == 0 && i < n; i++)
		match_inside(&s, &list[i], 0);
	if (s.matches == 0)
		return err_set(e, ERR_NOT_FOUND, "no image \"%.*s\"", STR_ARG(name));
	if (s.matches > 1)
		return err_set(e, ERR_USAGE, "\"%.*s\" fits more than one image", STR_ARG(name));
	*ret = s.found;
	return 0;
}

int layout_find(struct place *layout, struct str name, struct arena *a, struct layout_image *ret, struct err *e)
{
	struct layout *l = of(layout);
	struct layout_image *list;
	struct layout_name wanted;
	size_t n;
	TRY(layout_list(layout, a, &list, &n, e));
	if (name.len == 0) {
		if (n != 1)
			return err_set(e, ERR_NOT_FOUND, "the layout holds %zu images: name one", n);
		*ret = list[0];
		return 0;
	}
	if (layout_name_make(name, l->store, a, &wanted, e) == 0) {
		int rc = find_named(list, n, &wanted, l->store, ret, e);
		if (rc != -ERR_NOT_FOUND)
			return rc;
	}
	return find_digest(l, list, n, name, a, ret, e);
}

/* --- the place --- */

static int layout_resolve(struct place *p, struct str name, struct arena *a, struct descriptor *ret, struct err *e)
{
	struct layout_image im;
	TRY(layout_find(p, name, a, &im, e));
	*ret = im.descriptor;
	return 0;
}

/* Opens a blob whose size must be what the descriptor says. */
static int open_blob(struct layout *l, const struct descriptor *d, int *ret_fd, struct err *e)
{
	char text[DIGEST_TEXT + 1];
	uint64_t size;
	digest_text(&d->digest, text);
	if (!blobs_has(l->blobs, &d->digest, &size)) /* also false for what is no regular file */
		return err_set(e, ERR_NOT_FOUND, "blob %s is not here", text);
	if (size != d->size)
		return err_set(e, ERR_CORRUPT, "blob %s has %llu bytes, not %llu", text, (unsigned long long)size, (unsigned long long)d->size);
	return blobs_get(l->blobs, &d->digest, ret_fd, &size, e);
}

static int layout_manifest(struct place *p, const struct descriptor *d, struct buf *out, struct err *e)
{
	cleanup_close int fd = -1;
	TRY(open_blob(of(p), d, &fd, e));
	return blobs_read(of(p)->blobs, &d->digest, MANIFEST_SIZE_MAX, out, e);
}

static bool layout_has(struct place *p, const struct descriptor *d)
{
	uint64_t size;
	return blobs_has(of(p)->blobs, &d->digest, &size) && size == d->size;
}

static int layout_read(struct place *p, const struct descriptor *d, struct sink *to, struct err *e)
{
	char text[DIGEST_TEXT + 1];
	cleanup_close int fd = -1;
	struct sink_hash hash;
	TRY(open_blob(of(p), d, &fd, e));
	sink_hash_init(&hash, to);
	TRY(io_copy(fd, &hash.sink, NULL, e));
	struct digest is = hasher_done(&hash.hasher);
	digest_text(&d->digest, text);
	if (hash.bytes != d->size || !digest_eq(&is, &d->digest))
		return err_set(e, ERR_CORRUPT, "blob %s: its bytes have another digest", text);
	return 0;
}

MEM_CLEANUP(writer_cleanup, struct blob_writer, blob_writer_free)

static int layout_write(struct place *p, const struct descriptor *d, int (*from)(void *arg, struct sink *to, struct err *e), void *arg,
	struct err *e)
{
	cleanup_with(writer_cleanup) struct blob_writer *w = NULL;
	TRY(blobs_writer(of(p)->blobs, &w, e));
	TRY(from(arg, blob_writer_sink(w), e));
	return blob_writer_commit(w, &d->digest, d->size, NULL, NULL, e);
}

static int layout_put_manifest(struct place *p, const struct descriptor *d, struct str bytes, struct str name, struct err *e)
{
	struct digest is = digest_of(bytes.p, bytes.len);
	if (!digest_eq(&is, &d->digest) || bytes.len != d->size)
		return err_set(e, ERR_CORRUPT, "the manifest's bytes are not what its descriptor says");
	TRY(blobs_put(of(p)->blobs, bytes, NULL, e));
	return name.len ? layout_tag(p, d, name, e) : 0;
}

static void layout_close(struct place *p)
{
	close(of(p)->dirfd);
	mem_free(p);
}

static const struct place_ops layout_ops = {
	.resolve = layout_resolve,
	.manifest = layout_manifest,
	.has = layout_has,
	.read = layout_read,
	.write = layout_write,
	.put_manifest = layout_put_manifest,
	.close = layout_close,
	.near = true,
};

/* --- opening --- */

static int check_version(struct layout *l, struct err *e)
{
	cleanup_buf struct buf text = {0};
	cleanup_jval struct jval *j = NULL;
	TRY(read_own(l, "oci-layout", 4096, &text, e));
	TRY(oci_parse_object(buf_view(&text), "oci-layout", &j, e));
	const char *version = jval_get_text(j, "imageLayoutVersion");
	if (!version || strcmp(version, "1.0.0") != 0)
		return err_set(e, ERR_CORRUPT, "oci-layout: unknown version of the layout");
	return 0;
}

static int make_files(struct layout *l, struct err *e)
{
	static const struct str version = {"{\"imageLayoutVersion\":\"1.0.0\"}", 30};
	static const char index[] = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}";
	cleanup_close int lock = -1;
	TRY(lock_index(l, &lock, e));
	if (!fs_exists(l->dirfd, "index.json"))
		TRY(fs_write_atomic(l->dirfd, "index.json", STR(index), 0644, l->store, e));
	if (!fs_exists(l->dirfd, "oci-layout"))
		TRY(fs_write_atomic(l->dirfd, "oci-layout", version, 0644, l->store, e));
	return 0;
}

static int check_folder(struct layout *l, bool create, struct err *e)
{
	int rc = check_version(l, e);
	if (rc == -ERR_NOT_FOUND && create)
		return make_files(l, e);
	if (rc == -ERR_NOT_FOUND)
		return err_set(e, ERR_CORRUPT, "this is no OCI layout: there is no file oci-layout");
	return rc;
}

int layout_open(int dirfd, struct blobs *blobs, bool store, bool create, struct place **ret, struct err *e)
{
	struct layout *l = mem_new(sizeof(*l));
	*l = (struct layout){.place.ops = &layout_ops, .dirfd = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), .blobs = blobs, .store = store};
	int rc = l->dirfd < 0 ? err_sys(e, "open layout") : check_folder(l, create, e);
	if (rc < 0) {
		if (l->dirfd >= 0)
			close(l->dirfd);
		mem_free(l);
		return rc;
	}
	*ret = &l->place;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "builder/export/offer.h"
#include "builder/export/outbound.h"
#include "registry/layout.h"
#include "snapshotter/tar.h"

/* A store with one image: one plain layer that holds the file "a". */
struct fixture {
	char path[64];
	struct store *store;
	struct descriptor image;
	struct digest config;
	struct arena arena;
};

static void put(struct fixture *f, const struct buf *bytes, enum media_kind kind, struct descriptor *ret)
{
	struct err e;

	cr_assert_eq(blobs_put(f->store->blobs, buf_view(bytes), &ret->digest, &e), 0);
	ret->size = bytes->len;
	ret->media_type = str_of(media_type(kind, MEDIA_OCI, MEDIA_PLAIN));
}

static void make_tar(struct buf *out)
{
	struct sink_buf sink;
	struct tar_writer w;
	struct entry en = {.path = STR("a"), .type = ENTRY_FILE, .mode = 0644, .size = 5};
	struct err e;

	sink_buf_init(&sink, out, 1 << 20);
	tar_writer_init(&w, &sink.sink, INT64_MAX);
	cr_assert_eq(tar_write_entry(&w, &en, &e), 0);
	cr_assert_eq(tar_write_data(&w, "hello", 5, &e), 0);
	cr_assert_eq(tar_write_pad(&w, 5, &e), 0);
	cr_assert_eq(tar_write_end(&w, &e), 0);
}

static struct fixture setup(void)
{
	struct fixture f = {.path = "/var/tmp/outbound-test-XXXXXX"};
	struct buf tar = {0}, json = {0};
	struct image_config config = {.os = STR("linux"), .architecture = STR("amd64")};
	struct descriptor layer = {0};
	struct manifest m = {.layers = &layer, .nlayers = 1};
	struct err e;

	cr_assert_not_null(mkdtemp(f.path));
	cr_assert_eq(store_open(f.path, 0, &f.store, &e), 0, "%s", e.text);
	make_tar(&tar);
	put(&f, &tar, MEDIA_LAYER, &layer);
	image_config_add_diff_id(&config, &layer.digest);
	image_config_print(&config, &json);
	put(&f, &json, MEDIA_CONFIG, &m.config);
	f.config = m.config.digest;
	buf_clear(&json);
	m.media_type = str_of(media_type(MEDIA_MANIFEST, MEDIA_OCI, MEDIA_PLAIN));
	manifest_print(&m, &json);
	put(&f, &json, MEDIA_MANIFEST, &f.image);
	image_config_done(&config);
	buf_done(&tar);
	buf_done(&json);
	return f;
}

static void done(struct fixture *f)
{
	struct err e;

	store_close(f->store);
	cr_assert_eq(fs_remove_tree(AT_FDCWD, f->path, &e), 0);
	arena_done(&f->arena);
}

static struct manifest read_manifest(struct fixture *f, const struct descriptor *d)
{
	struct buf json = {0};
	struct manifest m = {0};
	struct err e;

	cr_assert_eq(blobs_read(f->store->blobs, &d->digest, MANIFEST_SIZE_MAX, &json, &e), 0);
	cr_assert_eq(json.len, d->size);
	cr_assert_eq(manifest_parse(buf_view(&json), &m, &e), 0);
	buf_done(&json);
	return m;
}

static const struct {
	enum compression compression;
	enum outbound_family family;
	const char *layer, *manifest;
} kinds[] = {
    {COMPRESS_GZIP, OUTBOUND_AS_IS, "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.manifest.v1+json"},
    {COMPRESS_ZSTD, OUTBOUND_OCI, "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.manifest.v1+json"},
    {COMPRESS_GZIP, OUTBOUND_DOCKER, "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.distribution.manifest.v2+json"},
};

Test(outbound, layers_are_compressed_and_the_config_stays)
{
	struct fixture f = setup();

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct outbound_opts o = {.compression = kinds[i].compression, .level = -1, .family = kinds[i].family};
		struct descriptor d, again;
		struct manifest m;
		struct err e;

		cr_assert_eq(outbound_manifest(f.store, &f.image, &o, &f.arena, &d, &e), 0, "%s", e.text);
		cr_assert_not(digest_eq(&d.digest, &f.image.digest));
		m = read_manifest(&f, &d);
		cr_assert(str_eqz(m.layers[0].media_type, kinds[i].layer));
		cr_assert(str_eqz(d.media_type, kinds[i].manifest));
		cr_assert(digest_eq(&m.config.digest, &f.config));
		cr_assert(blobs_has(f.store->blobs, &m.layers[0].digest, NULL));
		cr_assert_eq(outbound_manifest(f.store, &f.image, &o, &f.arena, &again, &e), 0);
		cr_assert(digest_eq(&d.digest, &again.digest));
		manifest_done(&m);
	}
	done(&f);
}

Test(outbound, what_has_not_to_change_is_given_back)
{
	struct outbound_opts none = {.compression = COMPRESS_NONE, .level = -1},
	                     gzip = {.compression = COMPRESS_GZIP, .level = -1};
	struct outbound_opts zstd = {.compression = COMPRESS_ZSTD, .level = -1};
	struct fixture f = setup();
	struct descriptor same, compressed, kept;
	struct err e;

	cr_assert_eq(outbound_manifest(f.store, &f.image, &none, &f.arena, &same, &e), 0);
	cr_assert(digest_eq(&same.digest, &f.image.digest));
	cr_assert_eq(outbound_manifest(f.store, &f.image, &gzip, &f.arena, &compressed, &e), 0);
	cr_assert_eq(outbound_manifest(f.store, &compressed, &zstd, &f.arena, &kept, &e), 0);
	cr_assert(digest_eq(&compressed.digest, &kept.digest));
	done(&f);
}

Test(outbound, force_changes_compressed_layers_too)
{
	struct outbound_opts gzip = {.compression = COMPRESS_GZIP, .level = -1};
	struct outbound_opts zstd = {.compression = COMPRESS_ZSTD, .level = -1, .force = true};
	struct outbound_opts none = {.compression = COMPRESS_NONE, .level = -1, .force = true};
	struct fixture f = setup();
	struct descriptor compressed, changed, plain;
	struct manifest m;
	struct err e;

	cr_assert_eq(outbound_manifest(f.store, &f.image, &gzip, &f.arena, &compressed, &e), 0);
	cr_assert_eq(outbound_manifest(f.store, &compressed, &zstd, &f.arena, &changed, &e), 0, "%s", e.text);
	m = read_manifest(&f, &changed);
	cr_assert(str_eqz(m.layers[0].media_type, kinds[1].layer));
	manifest_done(&m);
	cr_assert_eq(outbound_manifest(f.store, &changed, &none, &f.arena, &plain, &e), 0, "%s", e.text);
	cr_assert(digest_eq(&plain.digest, &f.image.digest));
	done(&f);
}

Test(outbound, annotations_are_added)
{
	struct outbound_opts o = {.compression = COMPRESS_NONE, .level = -1};
	struct fixture f = setup();
	struct annotations list = {0};
	struct descriptor d;
	struct manifest m;
	struct str value;
	struct err e;

	annotations_set(&f.arena, &list, STR("k"), STR("v"));
	o.annotations = &list;
	cr_assert_eq(outbound_manifest(f.store, &f.image, &o, &f.arena, &d, &e), 0);
	m = read_manifest(&f, &d);
	cr_assert(annotations_get(&m.annotations, STR("k"), &value));
	cr_assert(str_eqz(value, "v"));
	manifest_done(&m);
	done(&f);
}

Test(outbound, documents_that_do_not_fit_together_are_refused)
{
	struct outbound_opts o = {.compression = COMPRESS_GZIP, .level = -1};
	struct fixture f = setup();
	struct manifest m = read_manifest(&f, &f.image);
	struct buf json = {0};
	struct descriptor bad, d;
	struct err e;

	m.nlayers = 0;
	manifest_print(&m, &json);
	put(&f, &json, MEDIA_MANIFEST, &bad);
	cr_assert_eq(outbound_manifest(f.store, &bad, &o, &f.arena, &d, &e), -ERR_CORRUPT);
	manifest_done(&m);
	buf_done(&json);
	done(&f);
}

/* A place that takes blobs as they are made, until its limit breaks the way. */
struct taker {
	struct place place;
	struct sink_hash got;
	size_t limit, calls;
	bool has;
};

static int limited_write(struct sink *s, const void *p, size_t len, struct err *e)
{
	(void)s, (void)p, (void)len;
	return err_set(e, ERR_REMOTE, "the line is broken");
}

static bool taker_has(struct place *p, const struct descriptor *d)
{
	(void)d;
	return ((struct taker *)p)->has;
}

static int taker_stream(
    struct place *p, int (*from)(void *arg, struct sink *to, struct digest *ret, struct err *e), void *arg, struct err *e)
{
	struct taker *t = (struct taker *)p;
	struct sink broken = {.write = limited_write};
	struct digest d;

	t->calls++;
	sink_hash_init(&t->got, t->limit ? &broken : NULL);
	return from(arg, &t->got.sink, &d, e);
}

static const struct place_ops taker_ops = {.has = taker_has, .stream = taker_stream};

Test(outbound, layers_are_sent_while_they_are_compressed_and_not_kept)
{
	struct fixture f = setup();
	struct taker t = {.place.ops = &taker_ops};
	struct outbound_opts o = {.compression = COMPRESS_GZIP, .level = -1, .to = &t.place};
	struct offer offer;
	struct place *layout;
	struct sink_hash again;
	struct descriptor d;
	struct err e;

	cr_assert_eq(outbound_manifest(f.store, &f.image, &o, &f.arena, &d, &e), 0, "%s", e.text);
	struct manifest m = read_manifest(&f, &d);
	struct digest sent = hasher_done(&t.got.hasher);
	cr_expect_eq(t.calls, 1);
	cr_expect(digest_eq(&sent, &m.layers[0].digest));
	cr_expect_not(blobs_has(f.store->blobs, &m.layers[0].digest, NULL));

	/* what is known and there is not made again; what is not there any more is */
	t.has = true;
	cr_assert_eq(outbound_manifest(f.store, &f.image, &o, &f.arena, &d, &e), 0);
	cr_expect_eq(t.calls, 1);
	t.has = false;
	cr_assert_eq(outbound_manifest(f.store, &f.image, &o, &f.arena, &d, &e), 0);
	cr_expect_eq(t.calls, 2);

	/* and an offer makes it for whoever asks */
	cr_assert_eq(layout_open(f.store->fd, f.store->blobs, true, true, &layout, &e), 0);
	struct place *p = offer_init(&offer, f.store, layout, &d, &o);
	sink_hash_init(&again, NULL);
	cr_assert_eq(p->ops->read(p, &m.layers[0], &again.sink, &e), 0, "%s", e.text);
	struct digest same = hasher_done(&again.hasher);
	cr_expect(digest_eq(&same, &m.layers[0].digest));
	m.layers[0].digest.b[0] ^= 1;
	cr_expect_eq(p->ops->read(p, &m.layers[0], &again.sink, &e), -ERR_NOT_FOUND);
	place_close(layout);
	manifest_done(&m);
	done(&f);
}

Test(outbound, a_broken_way_leaves_the_layer_in_the_store)
{
	struct fixture f = setup();
	struct taker t = {.place.ops = &taker_ops, .limit = 1};
	struct outbound_opts o = {.compression = COMPRESS_ZSTD, .level = -1, .to = &t.place};
	struct descriptor d;
	struct err e;

	cr_assert_eq(outbound_manifest(f.store, &f.image, &o, &f.arena, &d, &e), 0, "%s", e.text);
	struct manifest m = read_manifest(&f, &d);
	cr_expect_eq(t.calls, 1);
	cr_expect(blobs_has(f.store->blobs, &m.layers[0].digest, NULL));
	manifest_done(&m);
	done(&f);
}

Test(outbound, an_offer_answers_every_name_with_its_image)
{
	struct outbound_opts how = {.compression = COMPRESS_GZIP, .level = -1};
	struct fixture f = setup();
	struct place *layout, *p;
	struct descriptor d;
	struct offer offer;
	struct buf json = {0};
	struct err e;

	cr_assert_eq(layout_open(f.store->fd, f.store->blobs, true, true, &layout, &e), 0);
	p = offer_init(&offer, f.store, layout, &f.image, &how);
	cr_assert_eq(p->ops->resolve(p, STR("anything"), &f.arena, &d, &e), 0);
	cr_assert(digest_eq(&d.digest, &f.image.digest));
	cr_assert_eq(p->ops->manifest(p, &d, &json, &e), 0);
	cr_assert_eq(json.len, f.image.size);
	cr_assert(p->ops->has(p, &d));
	cr_assert_lt(p->ops->put_manifest(p, &d, buf_view(&json), STR("x"), &e), 0);
	place_close(p);
	place_close(layout);
	buf_done(&json);
	done(&f);
}

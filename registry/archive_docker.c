/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of docker's archives. They have a configuration and layers but no manifest, so one is made; the configuration's
 * bytes stay, and with them the image's id. Before docker 1.10 there was not even that: each layer had a JSON of its own with
 * its parent's name, and `repositories` named the topmost ones; a configuration is made from that chain.
 */
#include "registry/archive_files.h"
#include "registry/ref.h"

enum { IMAGES_MAX = 1000, LAYERS_MAX = 1000 };

/* Stores the manifest of an image with this configuration and these layers. */
static int make_manifest(struct blobs *blobs, struct str config, const struct archive_file *const *layers, size_t n,
	struct descriptor *ret, struct err *e)
{
	cleanup_buf struct buf text = {0};
	struct manifest m = {.nlayers = n};
	m.media_type = str_of(media_type(MEDIA_MANIFEST, MEDIA_OCI, MEDIA_PLAIN));
	m.config.media_type = str_of(media_type(MEDIA_CONFIG, MEDIA_OCI, MEDIA_PLAIN));
	m.config.size = config.len;
	TRY(blobs_put(blobs, config, &m.config.digest, e));
	cleanup_free struct descriptor *list = mem_array(n ? n : 1, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i] = (struct descriptor){
			.media_type = str_of(media_type(MEDIA_LAYER, MEDIA_OCI, layers[i]->compression)),
			.digest = layers[i]->digest,
			.size = layers[i]->size,
		};
	m.layers = list;
	manifest_print(&m, &text);
	*ret = (struct descriptor){.media_type = m.media_type, .size = text.len};
	return blobs_put(blobs, buf_view(&text), &ret->digest, e);
}

/* --- manifest.json --- */

/* Layers that are documents by their name were kept in memory: they are blobs now. */
static int find_layer(struct archive_files *f, struct str path, const struct archive_file **ret, struct err *e)
{
	const struct archive_file *file = archive_files_find(f, path);
	if (!file)
		return err_set(e, ERR_CORRUPT, "the archive lacks the layer %.*s", STR_ARG(path));
	if (file->text.p)
		TRY(blobs_put(f->blobs, file->text, NULL, e));
	*ret = file;
	return 0;
}

static int read_layers(struct archive_files *f, const struct jval *entry, const struct archive_file ***ret, size_t *ret_n, struct err *e)
{
	struct strs paths = {0};
	TRY(oci_get_strs(entry, "Layers", &f->arena, &paths, e));
	if (paths.n > LAYERS_MAX)
		return err_set(e, ERR_LIMIT, "%zu layers, at most %d are taken", paths.n, LAYERS_MAX);
	const struct archive_file **layers = arena_new(&f->arena, (paths.n + 1) * sizeof(*layers));
	for (size_t i = 0; i < paths.n; i++)
		TRY(find_layer(f, paths.v[i], &layers[i], e));
	*ret = layers;
	*ret_n = paths.n;
	return 0;
}

static int add_names(struct archive_list *list, const struct descriptor *d, const struct strs *tags, struct err *e)
{
	for (size_t i = 0; i < tags->n; i++) {
		struct layout_name name;
		TRY(layout_name_make(tags->v[i], true, list->a, &name, e));
		archive_list_add(list, d, name.ref_name);
	}
	if (tags->n == 0)
		archive_list_add(list, d, STR(""));
	return 0;
}

static int docker_image(struct archive_files *f, const struct jval *entry, struct archive_list *list, struct err *e)
{
	const struct archive_file **layers = NULL;
	struct str config_path, config;
	struct strs tags = {0};
	struct descriptor d;
	size_t n = 0;
	if (!jval_is_object(entry))
		return err_set(e, ERR_CORRUPT, "an entry is no object");
	TRY(oci_get_str(entry, "Config", &f->arena, &config_path, e));
	TRY(oci_get_strs(entry, "RepoTags", &f->arena, &tags, e));
	TRY(archive_files_text(f, config_path, &config, e));
	TRY(read_layers(f, entry, &layers, &n, e));
	TRY(make_manifest(f->blobs, config, layers, n, &d, e));
	return add_names(list, &d, &tags, e);
}

int archive_docker_images(struct archive_files *f, struct archive_list *ret, struct err *e)
{
	cleanup_jval struct jval *j = NULL;
	struct str text;
	TRY(archive_files_text(f, STR("manifest.json"), &text, e));
	if (jval_parse(text, &j, e) < 0 || !jval_is_array(j) || jval_count(j) > IMAGES_MAX)
		return err_set(e, ERR_CORRUPT, "manifest.json is no list of images");
	for (size_t i = 0; i < jval_count(j); i++)
		if (docker_image(f, jval_at(j, i), ret, e) < 0)
			return err_wrap(e, "manifest.json");
	return 0;
}

/* --- repositories --- */

struct chain {
	struct jval *json[LAYERS_MAX]; /* topmost first */
	const struct archive_file *layers[LAYERS_MAX];
	size_t n;
};

static void chain_done(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		jval_free(c->json[i]);
	mem_free(c);
}
MEM_CLEANUP(chain_cleanup, struct chain, chain_done)

static int follow_chain(struct archive_files *f, const char *id, struct chain *c, struct err *e)
{
	while (id && *id) {
		struct str text;
		if (c->n == LAYERS_MAX)
			return err_set(e, ERR_LIMIT, "more than %d layers", LAYERS_MAX);
		TRY(archive_files_text(f, str_of(arena_printf(&f->arena, "%s/json", id)), &text, e));
		TRY(find_layer(f, str_of(arena_printf(&f->arena, "%s/layer.tar", id)), &c->layers[c->n], e));
		TRY(oci_parse_object(text, "json of a layer", &c->json[c->n], e));
		id = jval_get_text(c->json[c->n++], "parent");
		if (c->layers[c->n - 1]->compression != MEDIA_PLAIN)
			return err_set(e, ERR_UNSUPPORTED, "compressed layers in an archive of docker before 1.10");
	}
	return 0;
}

static void copy_member(const struct jval *from, const char *key, struct jval *to)
{
	const struct jval *j = oci_member(from, key);
	if (j)
		jval_set(to, key, jval_copy(j));
}

static struct jval *history_of(const struct jval *json)
{
	cleanup_buf struct buf by = {0};
	struct jval *h = jval_object();
	const struct jval *cmd = jval_get(jval_get(json, "container_config"), "Cmd");
	copy_member(json, "created", h);
	for (size_t i = 0; i < jval_count(cmd); i++)
		buf_printf(&by, "%s%s", i ? " " : "", jval_text(jval_at(cmd, i)) ? jval_text(jval_at(cmd, i)) : "");
	oci_set_str(h, "created_by", buf_view(&by));
	return h;
}

/* A configuration as docker 1.10 made it when it migrated old images. */
static int legacy_config(const struct chain *c, struct buf *out, struct err *e)
{
	static const char *const keys[] = {"architecture", "os", "variant", "author", "created", "config"};
	struct jval *top = jval_object(), *rootfs = jval_object(), *ids = jval_array(), *history = jval_array();
	cleanup_buf struct buf text = {0};
	struct image_config config;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		copy_member(c->json[0], keys[i], top);
	for (size_t i = c->n; i-- > 0;) {
		char digest[DIGEST_TEXT + 1];
		digest_text(&c->layers[i]->digest, digest);
		jval_append(ids, jval_string(str_of(digest)));
		jval_append(history, history_of(c->json[i]));
	}
	jval_set_text(rootfs, "type", "layers");
	jval_set(rootfs, "diff_ids", ids);
	jval_set(top, "rootfs", rootfs);
	jval_set(top, "history", history);
	oci_finish(top, &text);
	TRY(image_config_parse(buf_view(&text), &config, e));
	image_config_print(&config, out);
	image_config_done(&config);
	return 0;
}

static int legacy_image(struct archive_files *f, const char *id, struct descriptor *ret, struct err *e)
{
	cleanup_with(chain_cleanup) struct chain *c = mem_new(sizeof(*c));
	cleanup_buf struct buf config = {0};
	TRY(follow_chain(f, id, c, e));
	if (c->n == 0)
		return err_set(e, ERR_CORRUPT, "repositories: an image without a name");
	TRY(legacy_config(c, &config, e));
	const struct archive_file **bottom_up = arena_new(&f->arena, c->n * sizeof(*bottom_up));
	for (size_t i = 0; i < c->n; i++)
		bottom_up[i] = c->layers[c->n - 1 - i];
	return make_manifest(f->blobs, buf_view(&config), bottom_up, c->n, ret, e);
}

struct legacy {
	struct archive_files *f;
	struct archive_list *list;
	const char *repo;
	struct err *e;
};

static int legacy_tag(const char *tag, struct jval *value, void *arg)
{
	struct legacy *l = arg;
	struct descriptor d;
	const char *id = jval_text(value);
	if (!id || l->list->n == IMAGES_MAX)
		return err_set(l->e, ERR_CORRUPT, "repositories: a tag without an image");
	TRY(legacy_image(l->f, id, &d, l->e));
	struct str name = str_of(arena_printf(&l->f->arena, "%s:%s", l->repo, tag));
	struct strs names = {.v = &name, .n = 1};
	return add_names(l->list, &d, &names, l->e);
}

static int legacy_repo(const char *repo, struct jval *tags, void *arg)
{
	struct legacy *l = arg;
	l->repo = repo;
	return jval_each(tags, legacy_tag, l);
}

int archive_legacy_images(struct archive_files *f, struct archive_list *ret, struct err *e)
{
	cleanup_jval struct jval *j = NULL;
	struct str text;
	struct legacy l = {.f = f, .list = ret, .e = e};
	TRY(archive_files_text(f, STR("repositories"), &text, e));
	TRY(oci_parse_object(text, "repositories", &j, e));
	return jval_each(j, legacy_repo, &l);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes, and the small lists that all image documents share. The guard against one document being read as two
 * things (CVE-2021-41190) stands here: the document's own media type must fit, and the members of the other kind must be
 * missing.
 */
#include "registry/oci.h"

#include "registry/oci_json.h"

enum { LAYERS_MAX = 1000, INDEX_MAX = 10000 };

void strs_add(struct arena *a, struct strs *l, struct str s)
{
	ARENA_ROOM(a, l->v, l->n, l->cap);
	l->v[l->n++] = arena_str(a, s);
}

void annotations_set(struct arena *a, struct annotations *l, struct str key, struct str value)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->items[i].key, key)) {
			l->items[i].value = arena_str(a, value);
			return;
		}
	ARENA_ROOM(a, l->items, l->n, l->cap);
	l->items[l->n++] = (struct annotation){arena_str(a, key), arena_str(a, value)};
}

void descriptor_copy(const struct descriptor *d, struct arena *a, struct descriptor *ret)
{
	struct descriptor c = *d;
	c.media_type = arena_str(a, d->media_type);
	c.artifact_type = arena_str(a, d->artifact_type);
	c.platform.os = arena_str(a, d->platform.os);
	c.platform.arch = arena_str(a, d->platform.arch);
	c.platform.variant = arena_str(a, d->platform.variant);
	c.platform.os_version = arena_str(a, d->platform.os_version);
	c.annotations = (struct annotations){0};
	for (size_t i = 0; i < d->annotations.n; i++)
		annotations_set(a, &c.annotations, d->annotations.items[i].key, d->annotations.items[i].value);
	*ret = c;
}

bool annotations_get(const struct annotations *l, struct str key, struct str *ret)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->items[i].key, key)) {
			*ret = l->items[i].value;
			return true;
		}
	return false;
}

static const char *const document_keys[] = {"schemaVersion", "mediaType", "config", "layers", "manifests", "annotations", "subject",
	"artifactType", "fsLayers"};

/* What both kinds begin with: version, media type, and no member of the other kind. */
static int check_head(const struct jval *j, enum media_kind kind, struct arena *a, struct str *ret_type, struct err *e)
{
	int64_t version;
	TRY(oci_check_case(j, document_keys, ARRAY_LEN(document_keys), e));
	TRY(oci_get_int(j, "schemaVersion", 0, &version, e));
	if (version == 1 || oci_member(j, "fsLayers"))
		return err_set(e, ERR_UNSUPPORTED, "docker schema 1 images are not supported: push the image again with a current tool");
	if (version != 2)
		return err_set(e, ERR_CORRUPT, "schemaVersion is not 2");
	TRY(oci_get_str(j, "mediaType", a, ret_type, e));
	if (ret_type->len) {
		const struct media *m = media_find(*ret_type);
		if (!m || m->kind != kind)
			return err_set(e, ERR_CORRUPT, "media type \"%.*s\" in a document that should be an %s", STR_ARG(*ret_type),
				kind == MEDIA_INDEX ? "index" : "image manifest");
	}
	const char *other = kind == MEDIA_INDEX ? "layers" : "manifests";
	if (jval_get(j, other) || (kind == MEDIA_INDEX && jval_get(j, "config")))
		return err_set(e, ERR_CORRUPT, "the document is a manifest and an index at once");
	return 0;
}

static int read_list(const struct jval *j, const char *key, size_t max, struct arena *a, struct descriptor **ret, size_t *ret_n,
	struct err *e)
{
	const struct jval *list = NULL;
	TRY(oci_get_array(j, key, &list, e));
	size_t n = jval_count(list);
	if (n > max)
		return err_set(e, ERR_LIMIT, "%zu %s, at most %zu are taken", n, key, max);
	struct descriptor *d = arena_new(a, (n ? n : 1) * sizeof(*d));
	for (size_t i = 0; i < n; i++)
		if (oci_get_descriptor(jval_at(list, i), a, &d[i], e) < 0)
			return err_wrap(e, "%s[%zu]", key, i);
	*ret = d;
	*ret_n = n;
	return 0;
}

static int read_manifest(const struct jval *j, struct manifest *m, struct err *e)
{
	TRY(check_head(j, MEDIA_MANIFEST, &m->arena, &m->media_type, e));
	if (!oci_member(j, "config"))
		return err_set(e, ERR_CORRUPT, "there is no config");
	if (oci_get_descriptor(jval_get(j, "config"), &m->arena, &m->config, e) < 0)
		return err_wrap(e, "config");
	TRY(read_list(j, "layers", LAYERS_MAX, &m->arena, &m->layers, &m->nlayers, e));
	TRY(oci_get_annotations(j, "annotations", &m->arena, &m->annotations, e));
	m->has_subject = oci_member(j, "subject") != NULL;
	return 0;
}

int manifest_parse(struct str json, struct manifest *ret, struct err *e)
{
	cleanup_jval struct jval *j = NULL;
	struct manifest m = {0};
	if (json.len > MANIFEST_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "manifest is larger than %d bytes", MANIFEST_SIZE_MAX);
	TRY(oci_parse_object(json, "manifest", &j, e));
	if (read_manifest(j, &m, e) < 0) {
		manifest_done(&m);
		return err_wrap(e, "manifest");
	}
	*ret = m;
	return 0;
}

void manifest_print(const struct manifest *m, struct buf *out)
{
	struct jval *j = jval_object(), *layers = jval_array();
	jval_set(j, "schemaVersion", jval_integer(2));
	oci_set_str(j, "mediaType", m->media_type);
	jval_set(j, "config", oci_descriptor_json(&m->config));
	for (size_t i = 0; i < m->nlayers; i++)
		jval_append(layers, oci_descriptor_json(&m->layers[i]));
	jval_set(j, "layers", layers);
	oci_set_annotations(j, "annotations", &m->annotations);
	oci_finish(j, out);
}

void manifest_done(struct manifest *m)
{
	arena_done(&m->arena);
	*m = (struct manifest){0};
}

static int read_index(const struct jval *j, struct image_index *ix, struct err *e)
{
	TRY(check_head(j, MEDIA_INDEX, &ix->arena, &ix->media_type, e));
	TRY(read_list(j, "manifests", INDEX_MAX, &ix->arena, &ix->manifests, &ix->n, e));
	ix->cap = ix->n;
	return oci_get_annotations(j, "annotations", &ix->arena, &ix->annotations, e);
}

int image_index_parse(struct str json, struct image_index *ret, struct err *e)
{
	cleanup_jval struct jval *j = NULL;
	struct image_index ix = {0};
	if (json.len > MANIFEST_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "index is larger than %d bytes", MANIFEST_SIZE_MAX);
	TRY(oci_parse_object(json, "index", &j, e));
	if (read_index(j, &ix, e) < 0) {
		image_index_done(&ix);
		return err_wrap(e, "index");
	}
	*ret = ix;
	return 0;
}

void image_index_print(const struct image_index *ix, struct buf *out)
{
	struct jval *j = jval_object(), *list = jval_array();
	jval_set(j, "schemaVersion", jval_integer(2));
	oci_set_str(j, "mediaType", ix->media_type);
	for (size_t i = 0; i < ix->n; i++)
		jval_append(list, oci_descriptor_json(&ix->manifests[i]));
	jval_set(j, "manifests", list);
	oci_set_annotations(j, "annotations", &ix->annotations);
	oci_finish(j, out);
}

void image_index_done(struct image_index *ix)
{
	arena_done(&ix->arena);
	*ix = (struct image_index){0};
}

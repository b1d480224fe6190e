/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list in index.json. An entry is a descriptor whose annotations hold its name; an image with three names has three
 * entries. Changing builds a new array of copies of the old entries, so what we do not know stays.
 */
#include "registry/layout_index.h"

#include "registry/ref.h"

static struct str printed(const struct ref *r, void (*print)(const struct ref *, struct buf *), struct arena *a)
{
	cleanup_buf struct buf b = {0};
	print(r, &b);
	return arena_str(a, buf_view(&b));
}

int layout_name_make(struct str text, bool store, struct arena *a, struct layout_name *ret, struct err *e)
{
	struct ref r;
	if (!store) {
		*ret = (struct layout_name){.ref_name = arena_str(a, text)};
		return 0;
	}
	TRY(ref_parse(text, a, &r, e));
	*ret = (struct layout_name){printed(&r, ref_print_familiar, a), printed(&r, ref_print, a)};
	return 0;
}

int layout_index_parse(struct str text, struct jval **ret, struct err *e)
{
	static const char *const keys[] = {"schemaVersion", "mediaType", "manifests", "annotations"};
	cleanup_jval struct jval *j = NULL;
	const struct jval *list = NULL;
	int64_t version;
	TRY(oci_parse_object(text, "index.json", &j, e));
	if (oci_check_case(j, keys, ARRAY_LEN(keys), e) < 0 || oci_get_int(j, "schemaVersion", 0, &version, e) < 0 ||
	    oci_get_array(j, "manifests", &list, e) < 0)
		return err_wrap(e, "index.json");
	const char *type = jval_get_text(j, "mediaType");
	const struct media *media = type ? media_find(str_of(type)) : NULL;
	if (version != 2 || (type && (!media || media->kind != MEDIA_INDEX)) || jval_get(j, "layers"))
		return err_set(e, ERR_CORRUPT, "index.json is no image index");
	*ret = steal(&j);
	return 0;
}

/* The name that an entry has: what containerd calls it is whole, the other one may be a bare tag. */
static struct str entry_name(const struct descriptor *d, bool store, struct arena *a)
{
	struct layout_name name;
	struct err ignored = {0};
	struct str ref_name = {NULL, 0}, full = {NULL, 0};
	annotations_get(&d->annotations, STR(LAYOUT_REF_NAME), &ref_name);
	annotations_get(&d->annotations, STR(LAYOUT_FULL_NAME), &full);
	if (store && full.len && layout_name_make(full, true, a, &name, &ignored) == 0)
		return name.ref_name;
	if (store && ref_name.len && layout_name_make(ref_name, true, a, &name, &ignored) == 0)
		return name.ref_name;
	return ref_name;
}

int layout_index_images(const struct jval *index, bool store, struct arena *a, struct layout_image **ret, size_t *ret_n, struct err *e)
{
	const struct jval *entries = oci_member(index, "manifests");
	size_t n = jval_count(entries), found = 0;
	struct layout_image *list = arena_new(a, (n ? n : 1) * sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		struct layout_image *im = &list[found];
		if (oci_get_descriptor(jval_at(entries, i), a, &im->descriptor, e) < 0) {
			if (store)
				continue;
			return err_wrap(e, "index.json: manifests[%zu]", i);
		}
		im->name = entry_name(&im->descriptor, store, a);
		found++;
	}
	*ret = list;
	*ret_n = found;
	return 0;
}

/* An entry with its name and digest, as far as it has them. */
static bool read_entry(const struct jval *j, bool store, struct arena *a, struct layout_image *ret)
{
	struct err ignored = {0};
	if (oci_get_descriptor(j, a, &ret->descriptor, &ignored) < 0)
		return false;
	ret->name = entry_name(&ret->descriptor, store, a);
	return true;
}

bool layout_is_name(struct str key)
{
	return str_eqz(key, LAYOUT_REF_NAME) || str_eqz(key, LAYOUT_FULL_NAME);
}

struct annotations layout_unnamed(const struct annotations *l, struct arena *a)
{
	struct annotations others = {0};
	for (size_t i = 0; i < l->n; i++)
		if (!layout_is_name(l->items[i].key))
			annotations_set(a, &others, l->items[i].key, l->items[i].value);
	return others;
}

static struct jval *make_entry(const struct descriptor *d, const struct layout_name *name)
{
	cleanup_arena struct arena a = {0};
	struct descriptor copy;
	descriptor_copy(d, &a, &copy);
	copy.annotations = layout_unnamed(&copy.annotations, &a);
	if (name) {
		annotations_set(&a, &copy.annotations, STR(LAYOUT_REF_NAME), name->ref_name);
		if (name->full.len)
			annotations_set(&a, &copy.annotations, STR(LAYOUT_FULL_NAME), name->full);
	}
	return oci_descriptor_json(&copy);
}

/* The entry without its name. */
static struct jval *strip_name(const struct jval *entry)
{
	struct jval *copy = jval_copy(entry), *annotations = jval_get(copy, "annotations");
	jval_remove(annotations, LAYOUT_REF_NAME);
	jval_remove(annotations, LAYOUT_FULL_NAME);
	if (jval_count(annotations) == 0)
		jval_remove(copy, "annotations");
	return copy;
}

static ptrdiff_t name_among(struct str name, const struct layout_name *names, size_t n)
{
	for (size_t i = 0; name.len && i < n; i++)
		if (str_eq(name, names[i].ref_name))
			return (ptrdiff_t)i;
	return -1;
}

struct retag {
	bool store;
	const struct descriptor *d;
	const struct layout_name *names;
	size_t n;
	bool *done;         /* names that stand already */
	bool nameless_done; /* d has an entry, and no names were asked for */
	bool changed;
	struct jval *out;
};

/* Is another entry of this digest left that keeps the image known? */
static bool known_elsewhere(const struct retag *r, const struct jval *entries, size_t except, const struct digest *d, struct arena *a)
{
	for (size_t i = 0; i < jval_count(entries); i++) {
		struct layout_image im;
		if (i != except && read_entry(jval_at(entries, i), r->store, a, &im) && digest_eq(&im.descriptor.digest, d) &&
		    name_among(im.name, r->names, r->n) < 0)
			return true;
	}
	return false;
}

/* Has `x` all annotations of `y`, but for names? */
static bool has_all(const struct annotations *x, const struct annotations *y)
{
	struct str value;
	for (size_t i = 0; i < y->n; i++)
		if (!layout_is_name(y->items[i].key) && (!annotations_get(x, y->items[i].key, &value) || !str_eq(value, y->items[i].value)))
			return false;
	return true;
}

/* Decides about one entry that is there. */
static void retag_entry(struct retag *r, const struct jval *entries, size_t i, struct arena *a)
{
	const struct jval *entry = jval_at(entries, i);
	struct layout_image im;
	if (!read_entry(entry, r->store, a, &im)) {
		jval_append(r->out, jval_copy(entry));
		return;
	}
	const struct annotations *there = &im.descriptor.annotations, *now = &r->d->annotations;
	bool same = digest_eq(&im.descriptor.digest, &r->d->digest), equal = same && has_all(there, now) && has_all(now, there);
	ptrdiff_t which = name_among(im.name, r->names, r->n);
	if (equal && which >= 0 && !r->done[which]) {
		r->done[which] = true;
		jval_append(r->out, jval_copy(entry));
	} else if (which >= 0) {
		r->changed = true;
		if (!same && r->store && !known_elsewhere(r, entries, i, &im.descriptor.digest, a))
			jval_append(r->out, strip_name(entry));
	} else if (same && im.name.len == 0 && (r->n || !equal)) {
		r->changed = true; /* is written anew below */
	} else {
		r->nameless_done |= same;
		jval_append(r->out, jval_copy(entry));
	}
}

bool layout_index_tag(struct jval *index, bool store, const struct descriptor *d, const struct layout_name *names, size_t n)
{
	cleanup_arena struct arena a = {0};
	const struct jval *entries = oci_member(index, "manifests");
	struct retag r = {.store = store, .d = d, .names = names, .n = n, .done = arena_new(&a, n + 1), .out = jval_array()};
	for (size_t i = 0; i < jval_count(entries); i++)
		retag_entry(&r, entries, i, &a);
	for (size_t i = 0; i < n; i++) {
		bool twice = name_among(names[i].ref_name, names, n) != (ptrdiff_t)i;
		if (r.done[i] || twice)
			continue;
		jval_append(r.out, make_entry(d, &names[i]));
		r.changed = true;
	}
	if (n == 0 && !r.nameless_done) {
		jval_append(r.out, make_entry(d, NULL));
		r.changed = true;
	}
	if (r.changed)
		jval_set(index, "manifests", r.out);
	else
		jval_free(r.out);
	return r.changed;
}

bool layout_index_remove(struct jval *index, bool store, const struct layout_name *name, struct digest *digest, size_t *ret_left)
{
	cleanup_arena struct arena a = {0};
	const struct jval *entries = oci_member(index, "manifests");
	struct jval *out = jval_array();
	bool removed = false;
	for (size_t i = 0; i < jval_count(entries); i++) {
		const struct jval *entry = jval_at(entries, i);
		struct layout_image im;
		bool gone = read_entry(entry, store, &a, &im) &&
			(name ? str_eq(im.name, name->ref_name) : digest_eq(&im.descriptor.digest, digest));
		if (!gone) {
			jval_append(out, jval_copy(entry));
			continue;
		}
		*digest = im.descriptor.digest;
		removed = true;
	}
	*ret_left = 0;
	for (size_t i = 0; removed && i < jval_count(out); i++) {
		struct layout_image im;
		if (read_entry(jval_at(out, i), store, &a, &im) && digest_eq(&im.descriptor.digest, digest))
			(*ret_left)++;
	}
	if (removed)
		jval_set(index, "manifests", out);
	else
		jval_free(out);
	return removed;
}

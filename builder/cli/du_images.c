/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See du_images.h. Which image needs which blob is one list of pairs, sorted by blob: neighbours with the same blob are the images
 * that share it. Several names of one image are one image: taking one of them away frees nothing.
 */
#include "builder/cli/du_images.h"

#include <stdlib.h>

#include "builder/cli/roots.h"

struct du_use {
	struct digest blob;
	uint64_t bytes; /* of the blob; 0 when it is not here */
	struct du_image *image;
};

static int by_blob(const void *a, const void *b)
{
	const struct du_use *x = a, *y = b;
	int cmp = memcmp(&x->blob, &y->blob, sizeof(x->blob));

	return cmp || x->image == y->image ? cmp : memcmp(&x->image->digest, &y->image->digest, sizeof(x->image->digest));
}

static int largest_first(const void *a, const void *b)
{
	const struct du_image *x = *(struct du_image *const *)a, *y = *(struct du_image *const *)b;

	return x->size != y->size ? (x->size < y->size ? 1 : -1) : str_cmp(x->names, y->names);
}

static struct str digest_key(const struct digest *d)
{
	return (struct str){(const char *)d->b, sizeof(d->b)};
}

static struct digest id_of(struct local *l, const struct descriptor *d, struct arena *a)
{
	struct image_docs docs cleanup_docs = {0};
	struct err broken = {0};

	return image_docs_read(l, d, NULL, a, &docs, &broken) == 0 ? docs.m.config.digest : d->digest;
}

/* Images in the order of index.json, each with its names. */
static int find_images(struct local *l, struct arena *a, struct du_images *ret, struct descriptor **ret_descriptors, struct err *e)
{
	struct layout_image *entries;
	struct map known cleanup_map = {0};
	size_t n;

	TRY(layout_list(l->layout, a, &entries, &n, e));
	ret->images = arena_new(a, (n + 1) * sizeof(*ret->images));
	*ret_descriptors = arena_new(a, (n + 1) * sizeof(**ret_descriptors));
	for (size_t i = 0; i < n; i++) {
		struct str key = digest_key(&entries[i].descriptor.digest), name = entries[i].name;
		struct du_image *image = map_get(&known, key);

		if (!image) {
			(*ret_descriptors)[ret->n] = entries[i].descriptor;
			image = ret->images[ret->n++] = arena_new(a, sizeof(*image));
			image->digest = entries[i].descriptor.digest;
			image->id = id_of(l, &entries[i].descriptor, a);
			map_set(&known, key, image);
		}
		if (name.len)
			image->names = arena_str(a, str_of(arena_printf(a, "%.*s%s%.*s", STR_ARG(image->names),
			    image->names.len ? ", " : "", STR_ARG(name))));
	}
	for (size_t i = 0; i < ret->n; i++)
		if (!ret->images[i]->names.len)
			ret->images[i]->names = STR("<none>");
	return 0;
}

static void find_uses(struct local *l, const struct gc_list *list, const struct descriptor *descriptors, struct arena *a,
    struct du_images *all)
{
	struct map items cleanup_map = {0};
	size_t cap = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].kind == GC_IMAGE)
			map_set(&items, digest_key(&list->items[i].id), &list->items[i]);
	for (size_t i = 0; i < all->n; i++) {
		struct buf digests cleanup_buf = {0};

		roots_image(l, &descriptors[i], &digests);
		for (size_t k = 0; k < digests.len / DIGEST_SIZE; k++) {
			struct du_use use = {.image = all->images[i]};
			const struct gc_item *item;

			memcpy(&use.blob, digests.p + k * DIGEST_SIZE, DIGEST_SIZE);
			item = map_get(&items, digest_key(&use.blob));
			use.bytes = item ? item->bytes : 0;
			ARENA_ROOM(a, all->uses, all->nuses, cap);
			all->uses[all->nuses++] = use;
		}
	}
}

/* The same pair once, all sorted. */
static void sort_uses(struct du_images *all)
{
	size_t n = 0;

	if (all->nuses)
		qsort(all->uses, all->nuses, sizeof(*all->uses), by_blob);
	for (size_t i = 0; i < all->nuses; i++)
		if (!n || by_blob(&all->uses[n - 1], &all->uses[i]) != 0)
			all->uses[n++] = all->uses[i];
	all->nuses = n;
}

static void add_up(struct du_images *all)
{
	for (size_t i = 0, end; i < all->nuses; i = end) {
		const struct du_use *u = &all->uses[i];

		for (end = i + 1; end < all->nuses && digest_eq(&all->uses[end].blob, &u->blob);)
			end++;
		all->shared += end - i > 1 ? u->bytes : 0;
		for (size_t k = i; k < end; k++) {
			all->uses[k].image->size += u->bytes;
			all->uses[k].image->shared += end - i > 1 ? u->bytes : 0;
		}
	}
}

int du_images(struct local *l, const struct gc_list *list, struct arena *a, struct du_images *ret, struct err *e)
{
	struct descriptor *descriptors;
	struct du_images all = {0};

	TRY(find_images(l, a, &all, &descriptors, e));
	find_uses(l, list, descriptors, a, &all);
	sort_uses(&all);
	add_up(&all);
	if (all.n)
		qsort(all.images, all.n, sizeof(*all.images), largest_first);
	*ret = all;
	return 0;
}

void du_images_with(const struct du_images *all, const struct digest *blob, struct buf *ret)
{
	size_t lo = 0, hi = all->nuses;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(&all->uses[mid].blob, blob, sizeof(*blob)) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < all->nuses && digest_eq(&all->uses[lo].blob, blob); lo++)
		buf_printf(ret, "%s%.*s", ret->len ? ", " : "", STR_ARG(all->uses[lo].image->names));
}

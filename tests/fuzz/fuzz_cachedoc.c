/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One text as the records of a cache, and as an image's configuration that holds them. What is taken has its numbers in range and
 * prints to something that is taken again and prints the same; checked against any manifest, it speaks of nothing that is not there.
 */
#include <stdlib.h>

#include "registry/cachedoc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

static void in_range(const struct cachedoc *d)
{
	demand(d->nlayers <= CACHEDOC_LAYERS_MAX && d->nrecords <= CACHEDOC_RECORDS_MAX && d->nmemos <= CACHEDOC_RECORDS_MAX);
	for (size_t i = 0; i < d->nrecords; i++) {
		demand(!digest_none(&d->records[i].key));
		demand(d->records[i].layer == SIZE_MAX || (d->records[i].layer < d->nlayers && !digest_none(&d->records[i].cid)));
		demand(d->records[i].created_nsec < 1000000000);
	}
}

static void against_manifests(const struct cachedoc *d)
{
	struct descriptor layers[4] = {{.media_type = STR("application/vnd.oci.image.layer.v1.tar+gzip"), .size = 1},
		{.media_type = STR(CACHEDOC_INDEX_TYPE), .size = 1}, {.media_type = STR("text/plain")}, {.media_type = STR("")}};
	struct err e;
	for (size_t n = 0; n <= ARRAY_LEN(layers); n++) {
		struct manifest m = {.layers = layers, .nlayers = n};
		if (cachedoc_check(d, &m, &e) < 0)
			continue;
		for (size_t i = 0; i < d->nlayers; i++)
			demand(d->layers[i].n < n && (d->layers[i].index == SIZE_MAX || d->layers[i].index < n));
	}
}

static void try_document(struct str text)
{
	cleanup_buf struct buf one = {0}, two = {0};
	struct cachedoc d, again;
	struct err e;
	if (cachedoc_parse(text, &d, &e) < 0)
		return;
	in_range(&d);
	against_manifests(&d);
	cachedoc_print(&d, &one);
	cachedoc_done(&d);
	demand(cachedoc_parse(buf_view(&one), &again, &e) == 0);
	cachedoc_print(&again, &two);
	cachedoc_done(&again);
	demand(str_eq(buf_view(&one), buf_view(&two)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct cachedoc d;
	struct err e;
	try_document(text);
	if (cachedoc_from_config(text, &d, &e) == 0) {
		in_range(&d);
		cachedoc_done(&d);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One text as each kind of image document. What is taken must print to something that is taken again and prints the same; and
 * no text may be a manifest and an index at once.
 */
#include <stdlib.h>

#include "registry/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

static bool try_manifest(struct str text)
{
	cleanup_buf struct buf one = {0}, two = {0};
	struct manifest m, again;
	struct err e = {0};
	if (manifest_parse(text, &m, &e) < 0)
		return false;
	manifest_print(&m, &one);
	image_check(&m, NULL, &e);
	manifest_done(&m);
	demand(manifest_parse(buf_view(&one), &again, &e) == 0);
	manifest_print(&again, &two);
	manifest_done(&again);
	demand(str_eq(buf_view(&one), buf_view(&two)));
	return true;
}

static bool try_index(struct str text)
{
	cleanup_buf struct buf one = {0}, two = {0};
	struct image_index ix, again;
	struct err e = {0};
	if (image_index_parse(text, &ix, &e) < 0)
		return false;
	image_index_print(&ix, &one);
	image_index_done(&ix);
	demand(image_index_parse(buf_view(&one), &again, &e) == 0);
	image_index_print(&again, &two);
	image_index_done(&again);
	demand(str_eq(buf_view(&one), buf_view(&two)));
	return true;
}

static void try_config(struct str text)
{
	cleanup_buf struct buf one = {0}, two = {0};
	struct image_config c, again;
	struct err e = {0};
	if (image_config_parse(text, &c, &e) < 0)
		return;
	image_config_print(&c, &one);
	image_config_copy(&c, &again);
	image_config_done(&c);
	image_config_print(&again, &two);
	image_config_done(&again);
	demand(str_eq(buf_view(&one), buf_view(&two)));
	demand(image_config_parse(buf_view(&one), &c, &e) == 0);
	image_config_done(&c);
}

static void try_time(struct str text)
{
	cleanup_buf struct buf printed = {0};
	int64_t sec, sec2;
	uint32_t nsec, nsec2;
	if (!oci_time_parse(text, &sec, &nsec))
		return;
	oci_time_print(sec, nsec, &printed);
	if (sec >= -62167219200 && sec <= 253402300799) /* the years 0 to 9999; a zone can lead out of them */
		demand(oci_time_parse(buf_view(&printed), &sec2, &nsec2) && sec == sec2 && nsec == nsec2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	bool manifest = try_manifest(text), index = try_index(text);
	demand(!manifest || !index);
	try_config(text);
	try_time(text);
	return 0;
}

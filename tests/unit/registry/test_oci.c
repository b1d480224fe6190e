/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/oci.h"

#include <criterion/criterion.h>

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define CONFIG "{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" D1 "\",\"size\":7}"
#define LAYER "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"" D2 "\",\"size\":9}"
#define MANIFEST_TYPE "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\""
#define INDEX_TYPE "\"mediaType\":\"application/vnd.oci.image.index.v1+json\""
#define MANIFEST "{\"schemaVersion\":2," MANIFEST_TYPE ",\"config\":" CONFIG ",\"layers\":[" LAYER "]}"

Test(oci, a_manifest_that_is_read_and_printed_stays_the_same)
{
	static const char text[] = "{\"schemaVersion\":2," MANIFEST_TYPE ",\"config\":" CONFIG ",\"layers\":[" LAYER
		"],\"annotations\":{\"a\":\"1\",\"b\":\"\xc3\xa9\"}}";
	struct manifest m;
	struct err e = {0};
	cleanup_buf struct buf b = {0};
	cr_assert(manifest_parse(str_of(text), &m, &e) == 0, "%s", e.text);
	cr_assert(m.nlayers == 1 && m.layers[0].size == 9 && m.config.size == 7 && !m.has_subject);
	manifest_print(&m, &b);
	manifest_done(&m);
	cr_assert_str_eq(b.p, text);
}

Test(oci, an_index_that_is_read_and_printed_stays_the_same)
{
	static const char text[] = "{\"schemaVersion\":2," INDEX_TYPE ",\"manifests\":[{" MANIFEST_TYPE ",\"digest\":\"" D1
		"\",\"size\":5,\"annotations\":{\"k\":\"v\"},\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\"}}]}";
	struct image_index ix;
	struct err e = {0};
	cleanup_buf struct buf b = {0};
	cr_assert(image_index_parse(str_of(text), &ix, &e) == 0, "%s", e.text);
	image_index_print(&ix, &b);
	image_index_done(&ix);
	cr_assert_str_eq(b.p, text);
}

struct refused {
	const char *why, *text;
};
#define DESC(type, digest, size) "{\"mediaType\":" type ",\"digest\":" digest ",\"size\":" size "}"
#define WITH_LAYER(layer) "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" layer "]}"
static const struct refused bad_manifests[] = {
	{"no JSON", "nonsense"},
	{"empty", ""},
	{"an array", "[]"},
	{"text behind", MANIFEST "x"},
	{"byte order mark", "\xef\xbb\xbf" MANIFEST},
	{"no version", "{\"config\":" CONFIG ",\"layers\":[]}"},
	{"version 3", "{\"schemaVersion\":3,\"config\":" CONFIG ",\"layers\":[]}"},
	{"version as text", "{\"schemaVersion\":\"2\",\"config\":" CONFIG ",\"layers\":[]}"},
	{"no config", "{\"schemaVersion\":2,\"layers\":[]}"},
	{"layers twice", "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"layers\":[" LAYER "]}"},
	{"layers in another case", "{\"schemaVersion\":2,\"config\":" CONFIG ",\"Layers\":[]}"},
	{"layers is an object", "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":{}}"},
	{"a manifest and an index", "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"manifests\":[]}"},
	{"type of an index", "{\"schemaVersion\":2," INDEX_TYPE ",\"config\":" CONFIG ",\"layers\":[]}"},
	{"type in capitals", "{\"schemaVersion\":2,\"mediaType\":\"application/VND.oci.image.manifest.v1+json\",\"config\":" CONFIG "}"},
	{"layer is text", WITH_LAYER("\"x\"")},
	{"layer without type", WITH_LAYER("{\"digest\":\"" D1 "\",\"size\":1}")},
	{"type with a line end", WITH_LAYER(DESC("\"a\\nb\"", "\"" D1 "\"", "1"))},
	{"digest too short", WITH_LAYER(DESC("\"a/b\"", "\"sha256:11\"", "1"))},
	{"digest in capitals", WITH_LAYER(DESC("\"a/b\"", "\"sha256:AA11111111111111111111111111111111111111111111111111111111111111\"", "1"))},
	{"digest with a path", WITH_LAYER(DESC("\"a/b\"", "\"sha256:../../../../../../../../../../../../etc/passwd\"", "1"))},
	{"digest md5", WITH_LAYER(DESC("\"a/b\"", "\"md5:11111111111111111111111111111111\"", "1"))},
	{"digest is a number", WITH_LAYER(DESC("\"a/b\"", "5", "1"))},
	{"size negative", WITH_LAYER(DESC("\"a/b\"", "\"" D1 "\"", "-1"))},
	{"size a fraction", WITH_LAYER(DESC("\"a/b\"", "\"" D1 "\"", "1.5"))},
	{"size 2^63", WITH_LAYER(DESC("\"a/b\"", "\"" D1 "\"", "9223372036854775808"))},
	{"size as text", WITH_LAYER(DESC("\"a/b\"", "\"" D1 "\"", "\"1\""))},
	{"no size", WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\"}")},
	{"data that is not its digest", WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D1 "\",\"size\":2,\"data\":\"e30=\"}")},
	{"annotation is a number", "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"annotations\":{\"a\":1}}"},
};

Test(oci, manifests_that_could_mean_two_things_are_corrupt)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_manifests); i++) {
		struct manifest m;
		struct err e = {0};
		cr_assert(manifest_parse(str_of(bad_manifests[i].text), &m, &e) == -ERR_CORRUPT, "%s: %d %s", bad_manifests[i].why, e.code, e.text);
	}
}

Test(oci, docker_schema_1_is_unsupported_with_advice)
{
	struct manifest m;
	struct err e = {0};
	cr_assert(manifest_parse(STR("{\"schemaVersion\":1,\"name\":\"a\",\"fsLayers\":[]}"), &m, &e) == -ERR_UNSUPPORTED);
	cr_assert(strstr(e.text, "schema 1"));
}

Test(oci, embedded_data_that_fits_is_taken)
{
	struct manifest m;
	struct err e = {0};
	cr_assert(manifest_parse(STR(WITH_LAYER("{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"sha256:"
		"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2,\"data\":\"e30=\"}")), &m, &e) == 0, "%s", e.text);
	manifest_done(&m);
}

Test(oci, more_than_a_thousand_layers_are_refused)
{
	cleanup_buf struct buf b = {0};
	struct manifest m;
	struct err e = {0};
	buf_puts(&b, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER);
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "," LAYER);
	buf_puts(&b, "]}");
	cr_assert(manifest_parse(buf_view(&b), &m, &e) == -ERR_LIMIT);
}

static const struct refused bad_indexes[] = {
	{"layers in an index", "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}"},
	{"config in an index", "{\"schemaVersion\":2,\"manifests\":[],\"config\":" CONFIG "}"},
	{"type of a manifest", "{\"schemaVersion\":2," MANIFEST_TYPE ",\"manifests\":[]}"},
	{"manifests in another case", "{\"schemaVersion\":2,\"Manifests\":[]}"},
	{"platform is text", "{\"schemaVersion\":2,\"manifests\":[{" MANIFEST_TYPE ",\"digest\":\"" D1 "\",\"size\":1,\"platform\":\"x\"}]}"},
};

Test(oci, indexes_that_could_mean_two_things_are_corrupt)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_indexes); i++) {
		struct image_index ix;
		struct err e = {0};
		cr_assert(image_index_parse(str_of(bad_indexes[i].text), &ix, &e) == -ERR_CORRUPT, "%s", bad_indexes[i].why);
	}
}

static int check(const char *config_type, const char *layer_type, size_t ndiff)
{
	struct manifest m = {.nlayers = 1};
	struct descriptor l = {.media_type = str_of(layer_type), .digest = digest_of("l", 1)};
	m.config = (struct descriptor){.media_type = str_of(config_type), .digest = digest_of("c", 1)};
	m.layers = &l;
	struct image_config c = {.ndiff_ids = ndiff};
	struct err e = {0};
	return image_check(&m, &c, &e);
}

Test(oci, only_images_with_layers_that_can_be_opened_are_images)
{
	static const char config[] = "application/vnd.oci.image.config.v1+json", layer[] = "application/vnd.docker.image.rootfs.diff.tar.gzip";
	cr_assert(check(config, layer, 1) == 0);
	cr_assert(check(config, layer, 2) == -ERR_CORRUPT);
	cr_assert(check("application/vnd.cncf.helm.config.v1+json", layer, 1) == -ERR_UNSUPPORTED);
	cr_assert(check(config, "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", 1) == -ERR_UNSUPPORTED);
	cr_assert(check(config, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", 1) == -ERR_UNSUPPORTED);
	cr_assert(check(config, "text/plain", 1) == -ERR_UNSUPPORTED);
}

Test(oci, media_types_are_found_both_ways)
{
	const struct media *m = media_find(STR("application/vnd.docker.image.rootfs.diff.tar.zstd"));
	cr_assert(m && m->kind == MEDIA_LAYER && m->family == MEDIA_DOCKER && m->compression == MEDIA_ZSTD);
	cr_assert_str_eq(media_type(MEDIA_LAYER, MEDIA_OCI, MEDIA_PLAIN), "application/vnd.oci.image.layer.v1.tar");
	cr_assert_str_eq(media_type(MEDIA_INDEX, MEDIA_DOCKER, MEDIA_GZIP), "application/vnd.docker.distribution.manifest.list.v2+json");
	cr_assert(!media_find(STR("application/vnd.oci.image.layer.v1.TAR")));
}

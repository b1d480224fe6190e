/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "registry/cachedoc.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define LAYER "{\"n\":0,\"diffId\":\"" A64 "\",\"size\":2048,\"newest\":7,\"clock\":true}"
#define RECORD "{\"key\":\"" A64 "\",\"cid\":\"" B64 "\",\"layer\":0,\"created\":-3,\"nsec\":5}"

static const char full[] = "{\"version\":1,\"epoch\":9,\"layers\":[" LAYER "],\"records\":[" RECORD ",{\"key\":\"" B64
	"\"}],\"memos\":[{\"key\":\"" A64 "\",\"value\":\"" B64 "\"}]}";

Test(cachedoc, a_document_is_printed_as_it_was_read)
{
	struct cachedoc d;
	struct buf out = {0};
	struct err e;
	cr_assert_eq(cachedoc_parse(STR(full), &d, &e), 0, "%s", e.text);
	cr_expect_eq(d.nlayers, 1u);
	cr_expect_eq(d.layers[0].index, SIZE_MAX);
	cr_expect_eq(d.layers[0].size, 2048u);
	cr_expect_eq(d.records[0].created, -3);
	cr_expect_eq(d.records[1].layer, SIZE_MAX);
	cr_expect(digest_none(&d.records[1].cid));
	cr_expect_eq(d.nmemos, 1u);
	cr_expect_eq(d.epoch, 9);
	cachedoc_print(&d, &out);
	cr_expect_str_eq(out.p, full);
	cachedoc_done(&d);
	buf_done(&out);
}

static const struct {
	const char *text;
	enum err_code code;
} bad[] = {
    {"", ERR_CORRUPT},
    {"[]", ERR_CORRUPT},
    {"{}", ERR_UNSUPPORTED},
    {"{\"version\":2}", ERR_UNSUPPORTED},
    {"{\"version\":\"1\"}", ERR_CORRUPT},
    {"{\"version\":1,\"layers\":{}}", ERR_CORRUPT},
    {"{\"version\":1,\"layers\":[7]}", ERR_CORRUPT},
    {"{\"version\":1,\"layers\":[{\"diffId\":\"" A64 "\"}]}", ERR_CORRUPT},
    {"{\"version\":1,\"layers\":[{\"n\":-1,\"diffId\":\"" A64 "\"}]}", ERR_CORRUPT},
    {"{\"version\":1,\"layers\":[{\"n\":1000,\"diffId\":\"" A64 "\"}]}", ERR_CORRUPT},
    {"{\"version\":1,\"layers\":[{\"n\":0,\"diffId\":\"sha256:" A64 "\"}]}", ERR_CORRUPT},
    {"{\"version\":1,\"layers\":[{\"n\":0,\"diffId\":\"" A64 "\",\"size\":-1}]}", ERR_CORRUPT},
    {"{\"version\":1,\"layers\":[{\"n\":0,\"diffId\":\"" A64 "\",\"size\":4611686018427387904}]}", ERR_CORRUPT},
    {"{\"version\":1,\"records\":[{\"cid\":\"" A64 "\"}]}", ERR_CORRUPT},
    {"{\"version\":1,\"records\":[" RECORD "]}", ERR_CORRUPT}, /* its layer is not there */
    {"{\"version\":1,\"layers\":[" LAYER "],\"records\":[{\"key\":\"" A64 "\",\"layer\":0}]}", ERR_CORRUPT},
    {"{\"version\":1,\"records\":[{\"key\":\"" A64 "\",\"nsec\":1000000000}]}", ERR_CORRUPT},
    {"{\"version\":1,\"memos\":[{\"key\":\"" A64 "\"}]}", ERR_CORRUPT},
    {"{\"version\":1,\"memos\":[{\"key\":\"" A64 "\",\"value\":\"0000000000000000000000000000000000000000000000000000000000000000\"}]}",
	ERR_CORRUPT},
};

Test(cachedoc, what_is_not_in_order_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cachedoc d;
		struct err e;
		cr_assert_eq(cachedoc_parse(str_of(bad[i].text), &d, &e), -(int)bad[i].code, "%s", bad[i].text);
	}
}

Test(cachedoc, lists_have_an_end)
{
	struct buf text = {0};
	struct cachedoc d;
	struct err e;
	buf_puts(&text, "{\"version\":1,\"memos\":[");
	for (int i = 0; i <= CACHEDOC_RECORDS_MAX; i++)
		buf_printf(&text, "%s1", i ? "," : "");
	buf_puts(&text, "]}");
	cr_expect_eq(cachedoc_parse(buf_view(&text), &d, &e), -ERR_LIMIT);
	buf_clear(&text);
	while (text.len <= CACHEDOC_SIZE_MAX)
		buf_putc(&text, ' ');
	cr_expect_eq(cachedoc_parse(buf_view(&text), &d, &e), -ERR_LIMIT);
	buf_done(&text);
}

Test(cachedoc, an_image_without_records_is_told_from_a_bad_one)
{
	struct cachedoc d;
	struct err e;
	cr_expect_eq(cachedoc_from_config(STR("{\"os\":\"linux\"}"), &d, &e), -ERR_NOT_FOUND);
	cr_expect_eq(cachedoc_from_config(STR("{\"cooper.cache.v1\":[]}"), &d, &e), -ERR_CORRUPT);
	cr_expect_eq(cachedoc_from_config(STR("{\"cooper.cache.v1\":{\"version\":1,\"layers\":[" LAYER "]}}"), &d, &e), 0);
	cr_expect_eq(d.nlayers, 1u);
	cachedoc_done(&d);
}

Test(cachedoc, a_configuration_prints_the_records_and_does_not_hand_them_down)
{
	struct image_config c = {.os = STR("linux"), .architecture = STR("amd64"), .cache = STR(full)}, copy, read;
	struct buf out = {0};
	struct cachedoc d;
	struct err e;
	image_config_print(&c, &out);
	cr_assert_eq(cachedoc_from_config(buf_view(&out), &d, &e), 0, "%s", e.text);
	cr_expect_eq(d.nrecords, 2u);
	cachedoc_done(&d);
	cr_assert_eq(image_config_parse(buf_view(&out), &read, &e), 0, "%s", e.text);
	cr_expect_eq(read.cache.len, 0u);
	image_config_copy(&c, &copy);
	cr_expect_eq(copy.cache.len, 0u);
	image_config_done(&read);
	image_config_done(&copy);
	buf_done(&out);
}

Test(cachedoc, a_document_has_to_fit_its_manifest)
{
	struct descriptor layers[2] = {{.media_type = STR("application/vnd.oci.image.layer.v1.tar+gzip"), .size = 10},
		{.media_type = STR(CACHEDOC_INDEX_TYPE), .size = 10}};
	struct manifest m = {.layers = layers, .nlayers = 2};
	struct cachedoc_layer l = {.n = 0, .index = 1};
	struct cachedoc d = {.layers = &l, .nlayers = 1};
	struct err e;
	cr_expect_eq(cachedoc_check(&d, &m, &e), 0);
	l.n = 1;
	cr_expect_eq(cachedoc_check(&d, &m, &e), -ERR_CORRUPT, "an index is no layer");
	l = (struct cachedoc_layer){.n = 0, .index = 0};
	cr_expect_eq(cachedoc_check(&d, &m, &e), -ERR_CORRUPT, "a layer is no index");
	l = (struct cachedoc_layer){.n = 2, .index = SIZE_MAX};
	cr_expect_eq(cachedoc_check(&d, &m, &e), -ERR_CORRUPT);
	l = (struct cachedoc_layer){.n = 0, .index = 1};
	layers[1].size = (uint64_t)CACHEDOC_INDEX_MAX + 1;
	cr_expect_eq(cachedoc_check(&d, &m, &e), -ERR_LIMIT);
}

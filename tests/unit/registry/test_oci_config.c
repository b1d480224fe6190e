/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/oci.h"

#include <criterion/criterion.h>

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\"]}"

static const char full[] = "{\"architecture\":\"arm\",\"os\":\"linux\",\"os.version\":\"1\",\"os.features\":[\"f\"],\"variant\":\"v7\","
	"\"author\":\"a\",\"created\":\"2026-01-02T03:04:05Z\",\"config\":{\"Hostname\":\"h\",\"Domainname\":\"d\",\"User\":\"u\","
	"\"ExposedPorts\":{\"1/udp\":{},\"80/tcp\":{}},\"Env\":[\"A=1\",\"B=\"],\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\",\"\"],"
	"\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/w\",\"StopSignal\":\"TERM\",\"OnBuild\":[\"RUN x\"],\"Shell\":[\"/bin/bash\",\"-c\"],"
	"\"Labels\":{\"a\":\"1\",\"b\":\"2\"},\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":1,\"Timeout\":2,\"StartPeriod\":3,"
	"\"StartInterval\":4,\"Retries\":5},\"ArgsEscaped\":true}," ROOTFS ",\"history\":[{\"created\":\"2026-01-02T03:04:05Z\","
	"\"created_by\":\"x <&> y\",\"author\":\"a\",\"comment\":\"c\"},{\"created_by\":\"y\",\"empty_layer\":true}]}";

static void parse(const char *text, struct image_config *c)
{
	struct err e = {0};
	cr_assert(image_config_parse(str_of(text), c, &e) == 0, "%s", e.text);
}

Test(oci_config, everything_known_is_read_and_printed_in_a_fixed_order)
{
	struct image_config c;
	cleanup_buf struct buf b = {0};
	parse(full, &c);
	image_config_print(&c, &b);
	image_config_done(&c);
	cr_assert_str_eq(b.p, full);
}

Test(oci_config, a_copy_prints_the_same_after_the_original_died)
{
	struct image_config c, copy;
	cleanup_buf struct buf b = {0};
	parse(full, &c);
	image_config_copy(&c, &copy);
	image_config_done(&c);
	image_config_print(&copy, &b);
	image_config_done(&copy);
	cr_assert_str_eq(b.p, full);
}

Test(oci_config, unknown_members_and_empty_lists_are_dropped)
{
	struct image_config c;
	cleanup_buf struct buf b = {0};
	parse("{\"x\":1,\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Image\":\"\",\"Cmd\":null,\"Env\":[],\"Labels\":{}," \
		"\"Healthcheck\":{\"Test\":[]}}," ROOTFS ",\"history\":null}", &c);
	image_config_print(&c, &b);
	image_config_done(&c);
	cr_assert_str_eq(b.p, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{}," ROOTFS "}");
}

Test(oci_config, an_empty_config_still_has_config_and_rootfs)
{
	struct image_config c = {0};
	cleanup_buf struct buf b = {0};
	image_config_print(&c, &b);
	cr_assert_str_eq(b.p, "{\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
}

Test(oci_config, keys_are_sorted_whatever_the_order_of_insertion)
{
	struct image_config c = {0};
	cleanup_buf struct buf b = {0};
	annotations_set(&c.arena, &c.labels, STR("z"), STR("1"));
	annotations_set(&c.arena, &c.labels, STR("a"), STR("2"));
	annotations_set(&c.arena, &c.labels, STR("z"), STR("3"));
	strs_add(&c.arena, &c.volumes, STR("/y"));
	strs_add(&c.arena, &c.volumes, STR("/x"));
	image_config_print(&c, &b);
	image_config_done(&c);
	cr_assert_str_eq(b.p, "{\"config\":{\"Volumes\":{\"/x\":{},\"/y\":{}},\"Labels\":{\"a\":\"2\",\"z\":\"3\"}},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
}

Test(oci_config, bytes_that_are_no_utf8_still_give_a_document_that_can_be_read)
{
	struct image_config c = {0}, again;
	cleanup_buf struct buf b = {0};
	annotations_set(&c.arena, &c.labels, STR("k\xff"), STR("v\xfe"));
	image_config_print(&c, &b);
	image_config_done(&c);
	parse(b.p, &again);
	cr_assert(again.labels.n == 1 && str_eqz(again.labels.items[0].key, "k\xef\xbf\xbd"));
	image_config_done(&again);
}

static const char *const bad[] = {
	"{}",
	"[]",
	"null",
	"{\"rootfs\":{\"type\":\"tar\",\"diff_ids\":[]}}",
	"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"x\"]}}",
	"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[null]}}",
	"{" ROOTFS "," ROOTFS "}",
	"{" ROOTFS ",\"config\":[]}",
	"{" ROOTFS ",\"Config\":{}}",
	"{" ROOTFS ",\"os\":5}",
	"{" ROOTFS ",\"config\":{\"Entrypoint\":\"sh\"}}",
	"{" ROOTFS ",\"config\":{\"Entrypoint\":[null]}}",
	"{" ROOTFS ",\"config\":{\"Env\":[\"AWS_SECRET\"]}}",
	"{" ROOTFS ",\"config\":{\"Env\":[\"=x\"]}}",
	"{" ROOTFS ",\"config\":{\"Env\":[\"A=x\\u0000y\"]}}",
	"{" ROOTFS ",\"config\":{\"env\":[]}}",
	"{" ROOTFS ",\"config\":{\"Labels\":{\"a\":1}}}",
	"{" ROOTFS ",\"config\":{\"Labels\":{\"a\":\"1\",\"a\":\"2\"}}}",
	"{" ROOTFS ",\"config\":{\"Volumes\":[\"/x\"]}}",
	"{" ROOTFS ",\"config\":{\"Healthcheck\":{\"Interval\":-1}}}",
	"{" ROOTFS ",\"config\":{\"ArgsEscaped\":\"yes\"}}",
	"{" ROOTFS ",\"history\":[5]}",
	"{" ROOTFS ",\"history\":[{\"empty_layer\":1}]}",
};

Test(oci_config, wrong_types_are_corrupt)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct image_config c;
		struct err e = {0};
		cr_assert(image_config_parse(str_of(bad[i]), &c, &e) == -ERR_CORRUPT, "%s: %d %s", bad[i], e.code, e.text);
	}
}

struct time_row {
	const char *text, *printed;
	int64_t sec;
};
static const struct time_row times[] = {
	{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 0},
	{"2026-11-25T20:49:38.5Z", "2026-11-25T20:49:38.5Z", 1795639778},
	{"2026-11-25T20:49:38.000000001Z", "2026-11-25T20:49:38.000000001Z", 1795639778},
	{"2026-11-25T22:49:38+02:00", "2026-11-25T20:49:38Z", 1795639778},
	{"2000-02-29t12:00:00.1234567899z", "2000-02-29T12:00:00.123456789Z", 951825600},
	{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", -62135596800},
	{"1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z", -1},
	{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", 253402300799},
};

Test(oci_config, times_are_read_and_printed)
{
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		int64_t sec;
		uint32_t nsec;
		cleanup_buf struct buf b = {0};
		cr_assert(oci_time_parse(str_of(times[i].text), &sec, &nsec), "%s", times[i].text);
		cr_assert(sec == times[i].sec, "%s gives %lld", times[i].text, (long long)sec);
		oci_time_print(sec, nsec, &b);
		cr_assert_str_eq(b.p, times[i].printed);
	}
}

static const char *const bad_times[] = {"", "x", "2026-11-25", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2026-01-01T24:00:00Z",
	"2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "999999999-13-45T99:99:99Z", "2026-01-01T00:00:00+0200"};

Test(oci_config, bad_times_are_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_times); i++) {
		int64_t sec;
		uint32_t nsec;
		cr_assert_not(oci_time_parse(str_of(bad_times[i]), &sec, &nsec), "%s", bad_times[i]);
	}
}

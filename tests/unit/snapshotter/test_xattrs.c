/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers.h"

#include <sys/xattr.h>

#include "snapshotter/xattrs.h"

static const char cap2[20] = {1, 0, 0, 2, 0, 4};
static const char cap3_ours[24] = {1, 0, 0, 3, 0, 4};
static const char cap3_foreign[24] = {[0] = 1, [3] = 3, [5] = 4, [20] = 1};

Test(xattrs, packed_ones_come_out_as_they_went_in)
{
	cleanup_buf struct buf b = {0};
	struct str name, value;
	size_t at = 0;
	xattrs_add(&b, STR("security.capability"), (struct str){cap2, sizeof(cap2)});
	xattrs_add(&b, STR("user.empty"), STR(""));
	xattrs_add(&b, STR("user.x"), STR("a\0b"));
	cr_assert(xattrs_next(buf_view(&b), &at, &name, &value));
	cr_expect(str_eqz(name, "security.capability") && value.len == sizeof(cap2));
	cr_assert(xattrs_next(buf_view(&b), &at, &name, &value));
	cr_expect(str_eqz(name, "user.empty") && value.len == 0);
	cr_assert(xattrs_next(buf_view(&b), &at, &name, &value));
	cr_expect(str_eqz(name, "user.x") && value.len == 3 && memcmp(value.p, "a\0b", 3) == 0);
	cr_expect_not(xattrs_next(buf_view(&b), &at, &name, &value));
}

Test(xattrs, a_cut_list_ends_without_reading_over_its_end)
{
	cleanup_buf struct buf b = {0};
	struct str name, value;
	xattrs_add(&b, STR("user.name"), STR("some value"));
	for (size_t n = 0; n < b.len; n++) {
		size_t at = 0;
		cleanup_free char *copy = mem_new(n + 1);
		memcpy(copy, b.p, n);
		cr_expect_not(xattrs_next((struct str){copy, n}, &at, &name, &value));
	}
}

Test(xattrs, only_capabilities_and_user_attributes_travel)
{
	cleanup_buf struct buf scratch = {0};
	struct str v = STR("x");
	cr_expect(xattrs_travels(STR("user.x"), &v, &scratch));
	cr_expect_not(xattrs_travels(STR("user."), &v, &scratch));
	cr_expect_not(xattrs_travels(STR("trusted.overlay.opaque"), &v, &scratch));
	cr_expect_not(xattrs_travels(STR("security.selinux"), &v, &scratch));
	cr_expect_not(xattrs_travels(STR("system.posix_acl_access"), &v, &scratch));
	cr_expect_not(xattrs_travels(STR("security.capability"), &v, &scratch), "malformed");
	v = (struct str){cap2, sizeof(cap2)};
	cr_expect(xattrs_travels(STR("security.capability"), &v, &scratch));
	v = (struct str){cap3_foreign, sizeof(cap3_foreign)};
	cr_expect_not(xattrs_travels(STR("security.capability"), &v, &scratch), "another namespace's");
	v = (struct str){cap3_ours, sizeof(cap3_ours)};
	cr_assert(xattrs_travels(STR("security.capability"), &v, &scratch));
	cr_expect_eq(v.len, sizeof(cap2));
	cr_expect_arr_eq(v.p, cap2, sizeof(cap2));
}

Test(xattrs, overlayfs_own_marks_stay_and_a_users_are_escaped)
{
	struct err e = {0};
	unsigned refused;
	cleanup_area struct area a = area_new();
	cleanup_buf struct buf b = {0}, back = {0};
	area_write(&a, "f", "x");
	xattrs_add(&b, STR("user.a"), STR("1"));
	xattrs_add(&b, STR("user.overlay.opaque"), STR("y"));
	OK(xattrs_write(a.fd, "f", buf_view(&b), &refused, &e));
	if (refused)
		cr_skip_test("this file system keeps no user attributes");
	cleanup_free char *path = mem_printf("%s/f", a.path);
	cr_expect_lt(getxattr(path, "user.overlay.opaque", NULL, 0), 0);
	cr_expect_eq(getxattr(path, "user.overlay.overlay.opaque", NULL, 0), 1);
	cr_assert_eq(setxattr(path, "user.overlay.origin", "z", 1, 0), 0);
	OK(xattrs_read(a.fd, "f", &back, &e));
	cr_expect(str_eq(buf_view(&b), buf_view(&back)));
	cleanup_close int fd = openat(a.fd, "f", O_PATH);
	buf_clear(&back);
	OK(xattrs_read(fd, NULL, &back, &e));
	cr_expect(str_eq(buf_view(&b), buf_view(&back)), "by O_PATH descriptor");
}

Test(xattrs, many_are_read_sorted)
{
	struct err e = {0};
	unsigned refused;
	cleanup_area struct area a = area_new();
	cleanup_buf struct buf b = {0}, back = {0};
	area_write(&a, "f", "");
	for (int i = 0; i < 100; i++) {
		cleanup_buf struct buf one = {0};
		cleanup_free char *name = mem_printf("user.%02d", (i * 37) % 100), *sorted = mem_printf("user.%02d", i);
		xattrs_add(&one, str_of(name), STR("v"));
		xattrs_add(&b, str_of(sorted), STR("v"));
		OK(xattrs_write(a.fd, "f", buf_view(&one), &refused, &e));
		if (refused)
			cr_skip_test("this file system does not keep 100 user attributes");
	}
	OK(xattrs_read(a.fd, "f", &back, &e));
	cr_expect(str_eq(buf_view(&b), buf_view(&back)));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes as a layer carries them: file capabilities and user.*. Labels and integrity hashes of the host and
 * overlayfs' own marks never travel. An attribute that a step named user.overlay.x is kept by overlayfs as
 * user.overlay.overlay.x; the index has its true name, a layer folder the escaped one.
 *
 * An O_PATH descriptor has no f*xattr calls, so everything goes through /proc/self/fd/N.
 */
#include "snapshotter/xattrs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "snapshotter/fileowner.h"

enum { XATTR_LIST_LIMIT = 1 << 20, XATTR_VALUE_LIMIT = 65536, CAP_V2_LEN = 20, CAP_V3_LEN = 24 };
static const char overlay[] = "user.overlay.";

bool xattrs_next(struct str packed, size_t *at, struct str *ret_name, struct str *ret_value)
{
	if (*at >= packed.len)
		return false;
	const char *nul = memchr(packed.p + *at, '\0', packed.len - *at);
	size_t after = nul ? (size_t)(nul - packed.p) + 5 : packed.len + 1;
	if (after > packed.len)
		return false;
	const uint8_t *n = (const uint8_t *)nul + 1;
	size_t len = (size_t)n[0] | (size_t)n[1] << 8 | (size_t)n[2] << 16 | (size_t)n[3] << 24;
	if (len > packed.len - after)
		return false;
	*ret_name = (struct str){packed.p + *at, (size_t)(nul - packed.p) - *at};
	*ret_value = (struct str){packed.p + after, len};
	*at = after + len;
	return true;
}

void xattrs_add(struct buf *packed, struct str name, struct str value)
{
	uint8_t n[4] = {(uint8_t)value.len, (uint8_t)(value.len >> 8), (uint8_t)(value.len >> 16), (uint8_t)(value.len >> 24)};
	buf_str(packed, name);
	buf_putc(packed, '\0');
	buf_add(packed, n, sizeof(n));
	if (value.len)
		buf_add(packed, value.p, value.len);
}

static uint32_t le32(const char *p)
{
	const uint8_t *b = (const uint8_t *)p;
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

bool xattrs_travels(struct str name, struct str *value, struct buf *scratch)
{
	if (name.len == 0 || name.len > 255 || value->len > XATTR_VALUE_LIMIT)
		return false;
	if (str_starts(name, STR("user.")))
		return name.len > 5 && !str_eqz(name, FILEOWNER_XATTR);
	if (!str_eqz(name, "security.capability") || value->len < 4)
		return false;
	uint32_t head = le32(value->p);
	if (head >> 24 == 2)
		return value->len == CAP_V2_LEN;
	if (head >> 24 != 3 || value->len != CAP_V3_LEN || le32(value->p + CAP_V2_LEN) != 0)
		return false;
	buf_clear(scratch); /* version 3 whose root is our root says what version 2 says */
	buf_add(scratch, value->p, CAP_V2_LEN);
	scratch->p[3] = 2;
	*value = buf_view(scratch);
	return true;
}

/* "/proc/self/fd/N/name", or without "/name" for the descriptor itself. */
static char *proc_path(int dirfd, const char *name)
{
	return name && *name ? mem_printf("/proc/self/fd/%d/%s", dirfd, name) : mem_printf("/proc/self/fd/%d", dirfd);
}

static bool missing(int error)
{
	return error == ENOTSUP || error == ENODATA || error == EPERM || error == EACCES || error == EOVERFLOW;
}

static ssize_t list(const char *path, bool self, char *p, size_t len)
{
	return self ? listxattr(path, p, len) : llistxattr(path, p, len);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_one(const char *path, bool self, const char *name, struct buf *value, struct buf *packed, struct err *e)
{
	buf_clear(value);
	buf_need(value, XATTR_VALUE_LIMIT);
	ssize_t n = self ? getxattr(path, name, value->p, XATTR_VALUE_LIMIT) : lgetxattr(path, name, value->p, XATTR_VALUE_LIMIT);
	if (n < 0)
		return missing(errno) ? 0 : err_sys(e, "read attribute %s", name);
	value->len = (size_t)n;
	struct str v = buf_view(value), true_name = str_of(name);
	cleanup_buf struct buf scratch = {0};
	if (!xattrs_travels(true_name, &v, &scratch))
		return 0;
	cleanup_free char *unescaped = NULL;
	if (strncmp(name, overlay, sizeof(overlay) - 1) == 0)
		true_name = str_of(unescaped = mem_printf("user.%s", name + sizeof(overlay) - 1));
	xattrs_add(packed, true_name, v);
	return 0;
}

/* user.overlay.x is overlayfs' own mark; user.overlay.overlay.x is a user's. */
static bool is_mark(const char *name)
{
	size_t n = sizeof(overlay) - 1;
	return strncmp(name, overlay, n) == 0 && strncmp(name + n, "overlay.", 8) != 0;
}

int xattrs_read(int dirfd, const char *name, struct buf *packed, struct err *e)
{
	bool self = !name || !*name;
	cleanup_free char *path = proc_path(dirfd, name);
	char few[1024];
	cleanup_free char *many = NULL;
	char *names = few;
	ssize_t n = list(path, self, few, sizeof(few));
	if (n < 0 && errno == ERANGE) {
		names = many = mem_new(XATTR_LIST_LIMIT);
		n = list(path, self, many, XATTR_LIST_LIMIT);
	}
	if (n < 0)
		return missing(errno) ? 0 : err_sys(e, "list attributes of %s", self ? "file" : name);
	const char *sorted_few[64];
	size_t count = 0, cap = 0;
	cleanup_free const char **sorted_many = NULL;
	for (const char *p = names; p < names + n; p += strlen(p) + 1) {
		bool wanted = strcmp(p, "security.capability") == 0 || (strncmp(p, "user.", 5) == 0 && !is_mark(p) && strcmp(p, FILEOWNER_XATTR) != 0);
		if (!wanted)
			continue;
		if (count == ARRAY_LEN(sorted_few) && !sorted_many) {
			cap = 2 * count;
			sorted_many = mem_array(cap, sizeof(*sorted_many));
			memcpy(sorted_many, sorted_few, sizeof(sorted_few));
		}
		if (sorted_many)
			MEM_ROOM(sorted_many, count, cap);
		(sorted_many ? sorted_many : sorted_few)[count++] = p;
	}
	if (count == 0)
		return 0;
	const char **sorted = sorted_many ? sorted_many : sorted_few;
	qsort(sorted, count, sizeof(*sorted), by_name);
	cleanup_buf struct buf value = {0};
	for (size_t i = 0; i < count; i++)
		TRY(read_one(path, self, sorted[i], &value, packed, e));
	return 0;
}

static bool refusal(int error)
{
	return error == ENOTSUP || error == EPERM || error == EACCES || error == E2BIG || error == ENOSPC || error == ERANGE ||
		error == EINVAL;
}

int xattrs_write(int dirfd, const char *name, struct str packed, unsigned *ret_refused, struct err *e)
{
	struct str key, value;
	size_t at = 0;
	unsigned refused = 0;
	if (packed.len) {
		bool self = !name || !*name;
		cleanup_free char *path = proc_path(dirfd, name);
		while (xattrs_next(packed, &at, &key, &value)) {
			bool escape = str_starts(key, str_of(overlay));
			cleanup_free char *attr = escape ? mem_printf("%soverlay.%s", overlay, key.p + sizeof(overlay) - 1) : mem_strndup(key.p, key.len);
			int rc = self ? setxattr(path, attr, value.p, value.len, 0) : lsetxattr(path, attr, value.p, value.len, 0);
			if (rc < 0 && !refusal(errno))
				return err_sys(e, "set attribute %s", attr);
			refused += rc < 0;
		}
	}
	*ret_refused = refused;
	return 0;
}

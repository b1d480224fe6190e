/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a tar header. Strict: a number that a lenient reader would take for something else is refused. */
#include "snapshotter/tar_header.h"

#include <stddef.h>

uint32_t tar_header_sum(const struct tar_header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	uint32_t sum = 8 * ' ';
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += p[i];
	for (size_t i = 0; i < sizeof(h->checksum); i++)
		sum -= (unsigned char)h->checksum[i];
	return sum;
}

static int32_t signed_sum(const struct tar_header *h)
{
	const signed char *p = (const signed char *)h;
	int32_t sum = 8 * ' ';
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += p[i];
	for (size_t i = 0; i < sizeof(h->checksum); i++)
		sum -= ((const signed char *)h->checksum)[i];
	return sum;
}

bool tar_header_sum_ok(const struct tar_header *h)
{
	struct err ignored;
	uint64_t sum;
	if (tar_header_number(h->checksum, sizeof(h->checksum), UINT32_MAX, "checksum", &sum, &ignored) < 0)
		return false;
	return sum == tar_header_sum(h) || (int64_t)sum == signed_sum(h);
}

struct str tar_header_text(const char *p, size_t width)
{
	const char *nul = memchr(p, '\0', width);
	return (struct str){p, nul ? (size_t)(nul - p) : width};
}

/* Two's complement, most significant byte first, the top bit being the mark. false: does not fit. */
static bool base256(const char *p, size_t width, bool *ret_negative, uint64_t *ret)
{
	const unsigned char *b = (const unsigned char *)p;
	bool negative = b[0] & 0x40;
	unsigned char fill = negative ? 0xff : 0;
	uint64_t v = negative ? UINT64_MAX : 0;
	for (size_t i = 0; i < width; i++) {
		unsigned char byte = i ? b[i] : negative ? b[0] | 0x80 : b[0] & 0x7f;
		if (width - i > 8 && byte != fill)
			return false;
		v = v << 8 | byte;
	}
	*ret_negative = negative;
	*ret = v;
	return negative ? v >> 63 : true;
}

static bool octal(const char *p, size_t width, uint64_t *ret)
{
	size_t i = 0;
	uint64_t v = 0;
	while (i < width && (p[i] == ' ' || p[i] == '\0'))
		i++;
	for (; i < width && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	for (; i < width; i++)
		if (p[i] != ' ' && p[i] != '\0')
			return false;
	*ret = v;
	return true;
}

int tar_header_number(const char *p, size_t width, uint64_t max, const char *what, uint64_t *ret, struct err *e)
{
	bool negative = false;
	uint64_t v = 0;
	bool ok = p[0] & 0x80 ? base256(p, width, &negative, &v) : octal(p, width, &v);
	if (!ok || negative || v > max)
		return err_set(e, ERR_CORRUPT, "tar: bad %s", what);
	*ret = v;
	return 0;
}

int tar_header_time(const char *p, size_t width, int64_t *ret, struct err *e)
{
	bool negative = false;
	uint64_t v = 0;
	if (!(p[0] & 0x80)) {
		if (!octal(p, width, &v))
			return err_set(e, ERR_CORRUPT, "tar: bad time");
	} else if (!base256(p, width, &negative, &v)) {
		negative = p[0] & 0x40;
		v = negative ? (uint64_t)-INT64_MAX : INT64_MAX;
	}
	int64_t t = !negative && v > INT64_MAX ? INT64_MAX : (int64_t)v;
	*ret = t == INT64_MIN ? -INT64_MAX : t;
	return 0;
}

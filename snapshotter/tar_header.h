/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TAR_HEADER_H
#define COOPER_TAR_HEADER_H

/* The 512 bytes before each entry (POSIX ustar; GNU and V7 differ in what stands behind `link`), and the numbers in them. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { TAR_BLOCK = 512 };

struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[8]; /* "ustar\0" "00", GNU: "ustar  \0" */
	char uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is one block");

/* Sum of all bytes as unsigned, the checksum field counting as blanks. */
uint32_t tar_header_sum(const struct tar_header *h);
bool tar_header_sum_ok(const struct tar_header *h); /* takes the signed sum of old writers too */
/* A text field: up to its NUL or its end. */
struct str tar_header_text(const char *p, size_t width);
/* Octal digits between blanks and NULs, or base-256 with the top bit set. Empty is 0. ERR_CORRUPT for anything else and for
 * what is negative or above max. `what` is for the message. */
int tar_header_number(const char *p, size_t width, uint64_t max, const char *what, uint64_t *ret, struct err *e);
/* The same with a sign, cut to -INT64_MAX..INT64_MAX. */
int tar_header_time(const char *p, size_t width, int64_t *ret, struct err *e);

#endif

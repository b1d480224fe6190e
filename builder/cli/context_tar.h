/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CONTEXT_TAR_H
#define COOPER_CONTEXT_TAR_H

#include "base/err.h"

/* Unpacks a context tar (plain, gzip, bzip2, xz or zstd) from fd's position into the folder `path`. *ret_is_tar false: it is none, and
 * nothing was written. Owners are those of the caller; devices and names that climb out are refused. */
int context_tar_extract(int fd, const char *path, bool *ret_is_tar, struct err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_WHOLE_FILE_H
#define COOPER_WHOLE_FILE_H

/* A file that appears whole or not at all: written beside its name, then renamed. */
#include "base/err.h"

struct whole_file {
	int fd;           /* to write to */
	char *temp;       /* NULL: written as it is */
	const char *dest; /* borrowed; NULL: stdout */
};
/* NULL is stdout; a device or pipe that is there is written to as it is. */
int whole_file_open(const char *dest, struct whole_file *ret, struct err *e);
/* Closes what was opened; the file gets its name when rc is 0 and is removed otherwise. Returns rc, or its own failure.
 */
int whole_file_close(struct whole_file *f, int rc, struct err *e);

#endif

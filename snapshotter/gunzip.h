/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_GUNZIP_H
#define COOPER_GUNZIP_H

/* The reader of gzip streams, as compress_impl.h wants one. */
#include "snapshotter/compress_impl.h"
#include "snapshotter/inflate.h"

/* Members as we write them, and room for a whole one, so that it can be inflated in one go. */
enum { GUNZIP_MEMBER = 1024 * 1024, GUNZIP_BUFFER = 2 * GUNZIP_MEMBER };

void *gunzip_new(void);
/* With what shall inflate members that are larger; NULL: the fastest that there is. */
void *gunzip_new_with(const struct inflate_api *api);
int gunzip_read(void *state, struct raw *raw, void *p, size_t len, size_t *ret, struct err *e);
void gunzip_free(void *state);

#endif

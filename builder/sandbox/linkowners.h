/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LINKOWNERS_H
#define COOPER_LINKOWNERS_H

/*
 * With one id: whom a step gave links, named pipes and sockets to, which cannot carry a note (fakeids.h). A table
 * beside the upper, by inode and time of birth, so that it holds across renames and is not taken for a later file with
 * the same number. It lives as long as the step and goes to sandbox_result.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "builder/sandbox/sandbox.h"

enum { LINKOWNERS_MAX = 1 << 20 }; /* what comes behind is forgotten */
struct linkowners {
	struct map map;
	struct sandbox_owner *v;
	size_t n, cap;
};
void linkowners_done(struct linkowners *l);
/* `fd`: the file in the upper (O_PATH). */
void linkowners_set(struct linkowners *l, int fd, uint32_t uid, uint32_t gid);
bool linkowners_get(const struct linkowners *l, int fd, uint32_t *ret_uid, uint32_t *ret_gid);
/* Gives the table away. */
void linkowners_result(struct linkowners *l, struct sandbox_result *ret);

#endif

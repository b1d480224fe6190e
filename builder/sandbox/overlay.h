/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_OVERLAY_H
#define COOPER_SANDBOX_OVERLAY_H

/* Overlays for the root and for mounts of trees. */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The kernel takes 500 in one overlay; and one overlay may stand on another, no deeper. */
enum { OVERLAY_MAX_LOWERS = 490 };

struct job;
struct overlay {
	const char *name;  /* unique in the job */
	const int *lowers; /* BOTTOM first */
	size_t n;
	int upper, work; /* -1: read-only */
	int empty;       /* a folder to put below a single lower of a read-only one */
};

/* Either a detached mount, or, on kernels before 6.5, what the child needs to make it. */
struct overlay_old;
struct overlay_ready {
	int fd; /* -1: `old` */
	struct overlay_old *old;
};
int overlay_prepare(struct job *j, const struct overlay *o, struct overlay_ready *ret, struct err *e);

/* overlay_old.c */
bool overlay_old_needed(void);
int overlay_old_prepare(struct job *j, const struct overlay *o, struct overlay_old **ret, struct err *e);
/* After the clone, with the scratch mount attached: mounts it on the folder `place` of the scratch mount. An O_PATH
 * descriptor of its root, or -1 with errno. */
int overlay_old_mount(struct job *j, const struct overlay_old *o, const char *place, unsigned long flags);

#endif

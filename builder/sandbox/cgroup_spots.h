/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CGROUP_SPOTS_H
#define COOPER_CGROUP_SPOTS_H

/* Where the hierarchies of control groups are mounted, and where in them this process is: from the texts of
 * /proc/self/mountinfo and /proc/self/cgroup. */
#include "base/arena.h"

/* The controllers that limits need; also bits, 1u << CGROUP_x. */
enum cgroup_controller { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU, CGROUP_CPUSET, CGROUP_CONTROLLERS };
enum { CGROUP_ALL = (1 << CGROUP_CONTROLLERS) - 1 };
extern const char *const cgroup_names[CGROUP_CONTROLLERS];
/* The bits of the controllers named in a text like "cpu memory pids" (separated by blanks or commas). */
unsigned cgroup_bits(struct str names);

struct cgroup_spot {
	char *mount; /* mount point; NULL: this hierarchy is not there, or this process is outside of what is mounted */
	char *own;   /* our cgroup relative to it, "." = the mount point */
};
struct cgroup_spots {
	struct cgroup_spot v2, v1[CGROUP_CONTROLLERS]; /* v1: those that are mounted together have the same mount */
};
/* Strings in `a`. Lines that cannot be understood are passed over. */
void cgroup_spots_parse(struct str mountinfo, struct str self, struct arena *a, struct cgroup_spots *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CGROUP_HAVE_H
#define COOPER_CGROUP_HAVE_H

/* Which limits can be had here, in which hierarchies, and for the others why not. A controller of version 2 is taken
 * where there is one, else that of version 1 (which only root may use). */
#include "base/buf.h"
#include "builder/sandbox/cgroup_place.h"

struct cgroup_hierarchy {
	bool v2;
	unsigned has;      /* controllers */
	int dir;           /* where the steps' cgroups are made */
	const char *mount; /* its mount point */
};
struct cgroup_have {
	struct arena arena;
	struct cgroup_hierarchy v[1 + CGROUP_CONTROLLERS];
	size_t n;
	struct {
		enum cgroup_lack lack;
		bool v2;
		const char *path; /* of the cgroup it is about */
	} lack[CGROUP_CONTROLLERS];
	unsigned has; /* controllers of all hierarchies together */
	bool alone;   /* version 2: the builder has to leave the cgroup before `possible` can be switched on */
	unsigned possible;
	char **made; /* cgroups that were made for --cgroup-parent, "MOUNT/PATH", outermost first */
	size_t nmade;
};
/* `parent`: --cgroup-parent, or NULL; steps go below it in every hierarchy, whether it has wanted controllers or none.
 * `use`: makes the parent and switches controllers on; else nothing is changed, and `parent` is not looked at. */
void cgroup_have_init(struct cgroup_have *h, unsigned wanted, const char *parent, bool use);
void cgroup_have_done(struct cgroup_have *h);
/* Why the controller is not there, and what mends it. */
void cgroup_have_explain(const struct cgroup_have *h, enum cgroup_controller controller, struct buf *out);

#endif

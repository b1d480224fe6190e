/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CGROUP_PLACE_H
#define COOPER_CGROUP_PLACE_H

/*
 * Finds the cgroup in which the steps' own cgroups can be made. In version 2 that is the nearest one, from our own
 * upwards, that this process may write and that can give its children the wanted controllers; "no processes in inner
 * nodes" makes it one without processes, the real root, or our own when only we (and what we have started) are in it
 * (then the builder goes into a leaf of its own). No cgroup with a limit is left that way: a step must not escape what
 * an administrator has set. In version 1 it is our own.
 */
#include "base/arena.h"
#include "builder/sandbox/cgroup_spots.h"

enum cgroup_lack {
	CGROUP_LACK_NOTHING,
	CGROUP_LACK_HIERARCHY,  /* not mounted, or we are outside of it */
	CGROUP_LACK_READ_ONLY,  /* the file system cannot be written */
	CGROUP_LACK_RIGHTS,     /* not delegated to this user */
	CGROUP_LACK_ROOM,       /* others are in our cgroup and nothing above may be used */
	CGROUP_LACK_LIMIT,      /* the same, and our cgroup has a limit which steps beside it would escape */
	CGROUP_LACK_CONTROLLER, /* the cgroup has no such controller to give */
};

struct cgroup_place {
	int dir;                  /* open for reading; -1: there is none */
	char *path;               /* relative to the mount; of the cgroup the lack is about when there is none */
	bool alone;               /* our own cgroup, with only us and what we have started in it */
	unsigned ready, possible; /* bits: controllers that children have, that can be switched on for them */
	enum cgroup_lack lack;
};
/* Only looks. `own` is relative to the folder mount_fd. Strings in `a`; the caller closes dir. */
void cgroup_place_find(int mount_fd, const char *own, unsigned wanted, struct arena *a, struct cgroup_place *ret);
/* The same in version 1: controllers `has`. */
void cgroup_place_find_old(int mount_fd, const char *own, unsigned has, struct arena *a, struct cgroup_place *ret);
/* Opens the cgroup `path` below mount_fd (--cgroup-parent), makes what is missing and, in version 2, switches the
 * wanted controllers on all the way; there may be a dir and CGROUP_LACK_CONTROLLER. The paths of what was made are
 * added to *made, outermost first. */
void cgroup_place_make(int mount_fd, const char *path, const char *own, bool v2, unsigned wanted, struct arena *a,
    char ***made, size_t *nmade, struct cgroup_place *ret);

/* Is it this process, or one that it has started? What has ended meanwhile counts too. */
bool cgroup_is_ours(struct str pid);
/* Version 2: switches controllers on for the children of `dir`; the bits that they have then. */
unsigned cgroup_enable(int dir, unsigned wanted);
/* Version 1: a cpuset takes no process before it has processors and memory nodes; what is missing comes from `parent`.
 */
int cgroup_fill_cpuset(int dir, int parent);
/* Folders of a hierarchy by descriptor: never through a link, never out of `dirfd`. -1 with errno. */
int cgroup_open(int dirfd, const char *path);
/* A small file; "" when it cannot be read. Trimmed, in `a`. */
struct str cgroup_read(int dir, const char *file, struct arena *a);
/* 0, or -1 with errno. ENOENT, EACCES and EROFS come from opening it: there is no such knob, or not for us. */
int cgroup_write(int dir, const char *file, const char *value, bool *ret_opened);

#endif

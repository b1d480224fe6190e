/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CGROUP_H
#define COOPER_CGROUP_H

/*
 * A control group for a step: made before it starts, entered by its keeper before the step is cloned (so that it is in
 * it from its first instruction and its cgroup namespace begins there), killed and removed behind it.
 *
 * Only a step with limits or a parent (sandbox_run.resources) gets one. Nothing else here needs it: whatever a step
 * starts dies with its pid namespace; and it is not free: see the figures in docs/MODES.md. There is no limit by
 * default, as in docker build and buildah (podman's 2048 processes are of `podman run`).
 *
 * The name is cooper-PID-N. Its folder is locked (flock) as long as the builder lives: what is there without a lock was
 * left by one that was killed, and the next build removes it.
 *
 * A limit that cannot be had is told once and the build goes on, as docker and rootless podman do: an image does not
 * depend on it. A value that the kernel refuses is an error.
 */
#include "builder/sandbox/cgroup_have.h"
#include "builder/sandbox/job.h"

struct cgroup_part { /* in one hierarchy */
	bool v2;
	unsigned has;
	int parent, dir, procs;
	char name[48];
};
struct cgroup {
	struct cgroup_part v[1 + CGROUP_CONTROLLERS];
	size_t n;
};

int cgroup_prepare(struct job *j, struct err *e);
/* The folder of version 2 that the keeper can be cloned into, which is cheaper than moving it; -1: none. */
int cgroup_born_in(const struct job *j);
/* In the keeper: goes into the cgroups, but for that of version 2 when it was born there. 0, or -1 with errno. */
int cgroup_join(const struct job *j, bool born);
/* After its end: was a limit met? */
void cgroup_result(const struct job *j, struct sandbox_result *ret);
void cgroup_done(struct job *j);
/* At the end of the build: gives back what was changed. */
void cgroup_shutdown(void);

/* Writes what is asked for and belongs to the controllers `has` into the cgroup `dir`; of version 1, cpusets are filled
 * up from `parent`. A knob that is not there is told by a notice; ERR_USAGE when the kernel refuses a value. */
int cgroup_limit(int dir, int parent, bool v2, unsigned has, const struct sandbox_resources *r, struct err *e);
/* Removes what killed builders left in the folder `dir`. */
void cgroup_sweep(int dir);

#endif

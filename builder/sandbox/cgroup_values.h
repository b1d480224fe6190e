/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CGROUP_VALUES_H
#define COOPER_CGROUP_VALUES_H

/* From what was asked (struct sandbox_resources) to what the kernel's files take, in both versions. */
#include "builder/sandbox/cgroup_spots.h"
#include "builder/sandbox/sandbox.h"

enum { CGROUP_SETTINGS_MAX = 10 };
struct cgroup_setting {
	enum cgroup_controller controller;
	const char *option;          /* of the command line: "--memory" */
	const char *file, *file_old; /* name in version 2 and 1 */
	char value[48], value_old[48];
	const char *text; /* instead of value, in both */
	bool implied;     /* not asked for itself: nothing is said when there is no such file */
};
/* In the order in which they have to be written. */
size_t cgroup_values(const struct sandbox_resources *r, struct cgroup_setting out[CGROUP_SETTINGS_MAX]);
/* CPU shares (2..262144, 1024 is usual) as a weight (1..10000, 100 is usual), by the curve that crun and runc use: all
 * three of these points lie on it. */
uint64_t cgroup_weight(uint64_t shares);

#endif

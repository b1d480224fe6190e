/* SPDX-License-Identifier: Apache-2.0 */
/* See cgroup_values.h. */
#include "builder/sandbox/cgroup_values.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { PERIOD_US = 100000 }; /* the kernel's default */

uint64_t cgroup_weight(uint64_t shares)
{
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	double l = log2((double)shares);
	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

static struct cgroup_setting *add(struct cgroup_setting *out, size_t *n, enum cgroup_controller controller,
    const char *option, const char *file, const char *file_old)
{
	out[*n] =
	    (struct cgroup_setting){.controller = controller, .option = option, .file = file, .file_old = file_old};
	return &out[(*n)++];
}

static void number(char value[48], uint64_t v)
{
	snprintf(value, 48, "%" PRIu64, v);
}

/* As with docker, swap without --memory-swap is as much again as --memory. Version 1 counts both together. */
static void memory(const struct sandbox_resources *r, struct cgroup_setting *out, size_t *n)
{
	struct cgroup_setting *s = add(out, n, CGROUP_MEMORY, "--memory", "memory.max", "memory.limit_in_bytes");
	number(s->value, r->memory);
	number(s->value_old, r->memory);
	uint64_t both = r->memory_swap ? r->memory_swap : r->memory > UINT64_MAX / 2 ? UINT64_MAX : 2 * r->memory;
	s = add(out, n, CGROUP_MEMORY, "--memory-swap", "memory.swap.max", "memory.memsw.limit_in_bytes");
	s->implied = r->memory_swap == 0;
	if (both == UINT64_MAX) {
		snprintf(s->value, sizeof(s->value), "max");
		snprintf(s->value_old, sizeof(s->value_old), "-1");
		return;
	}
	number(s->value, both - r->memory);
	number(s->value_old, both);
}

/* The period goes first in version 1: a quota is checked against it. */
static void cpu_time(const struct sandbox_resources *r, struct cgroup_setting *out, size_t *n)
{
	uint64_t period = r->cpu_period ? r->cpu_period : PERIOD_US;
	const char *option = r->cpu_quota ? "--cpu-quota" : "--cpu-period";
	struct cgroup_setting *s = add(out, n, CGROUP_CPU, option, NULL, "cpu.cfs_period_us");
	number(s->value_old, period);
	s = add(out, n, CGROUP_CPU, option, "cpu.max", "cpu.cfs_quota_us");
	if (r->cpu_quota > 0) {
		snprintf(s->value, sizeof(s->value), "%" PRId64 " %" PRIu64, r->cpu_quota, period);
		number(s->value_old, (uint64_t)r->cpu_quota);
	} else {
		snprintf(s->value, sizeof(s->value), "max %" PRIu64, period);
		snprintf(s->value_old, sizeof(s->value_old), "-1");
	}
}

size_t cgroup_values(const struct sandbox_resources *r, struct cgroup_setting out[CGROUP_SETTINGS_MAX])
{
	size_t n = 0;
	struct cgroup_setting *s;
	if (r->memory)
		memory(r, out, &n);
	if (r->pids) { /* the keeper counts too */
		s = add(out, &n, CGROUP_PIDS, "--pids-limit", "pids.max", "pids.max");
		number(s->value, r->pids + 1);
		number(s->value_old, r->pids + 1);
	}
	if (r->cpu_period || r->cpu_quota)
		cpu_time(r, out, &n);
	if (r->cpu_shares) {
		s = add(out, &n, CGROUP_CPU, "--cpu-shares", "cpu.weight", "cpu.shares");
		number(s->value, cgroup_weight(r->cpu_shares));
		number(s->value_old, r->cpu_shares);
	}
	if (r->cpuset_cpus)
		add(out, &n, CGROUP_CPUSET, "--cpuset-cpus", "cpuset.cpus", "cpuset.cpus")->text = r->cpuset_cpus;
	if (r->cpuset_mems)
		add(out, &n, CGROUP_CPUSET, "--cpuset-mems", "cpuset.mems", "cpuset.mems")->text = r->cpuset_mems;
	return n;
}
